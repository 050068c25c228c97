"""What the bridge tells those who watch over it: whether it is ready and if not why, and its figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.clock import utc_now
from bot.config import Settings
from bot.discord_client.gateway_status import GatewayStatus
from bot.discord_client.invalid_requests import InvalidRequestGuard
from bot.observability.metrics import Metrics
from bot.outbox.dispatcher import Dispatcher
from bot.webhook import Observability
from storage.backup import newest_scheduled_at


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryHealth:
    """What leads to Discord, over all logins."""

    dispatcher: Dispatcher
    invalid_requests: InvalidRequestGuard
    gateway: GatewayStatus

    async def unready_reasons(self) -> Sequence[str]:
        """Why nothing can be posted now, as sentences; empty if it can."""
        found = []
        if self.gateway.disconnected_since is not None:
            found.append(
                f"Discord: not connected since {self.gateway.disconnected_since:%Y-%m-%d %H:%M:%S} UTC."
            )
        rest = self.dispatcher.breaker.global_circuit
        if rest is not None:
            found.append(f"Discord: nothing is sent for now ({rest.reason}).")
        return found

    def observability(self, metrics: Metrics, settings: Settings) -> Observability:
        """What the webhook serves of it; `metrics` reads what there is to read."""
        self._register_metrics(metrics)
        if settings.backup.folder is not None:
            _register_backup_age(metrics, settings.backup.folder)
        return Observability(
            allowed_networks=settings.webhook.metrics_allowed_networks,
            unready_reasons=self.unready_reasons,
            render_metrics=metrics.render,
            on_response=metrics.observe_response,
        )

    def _register_metrics(self, metrics: Metrics) -> None:
        breaker, requests = self.dispatcher.breaker, self.invalid_requests
        metrics.gauge(
            "discord_connected",
            "1 while there is a connection to Discord's gateway, else 0.",
            lambda: self.gateway.disconnected_since is None,
        )
        metrics.gauge(
            "open_circuits",
            "Discord channels that are left alone for now.",
            lambda: len(breaker.open_channels()),
        )
        metrics.gauge(
            "delivery_paused",
            "1 while nothing at all is sent to Discord, else 0.",
            lambda: breaker.global_circuit is not None,
        )
        metrics.counter("discord_responses", "What Discord answered.", "status", lambda: requests.responses)
        metrics.gauge(
            "discord_invalid_requests",
            "Requests that Discord refused in the last ten minutes; it bars an address for 10,000.",
            lambda: requests.invalid_count,
        )


def _register_backup_age(metrics: Metrics, folder: Path) -> None:
    def age() -> float:
        newest = newest_scheduled_at(folder)
        return float("nan") if newest is None else (utc_now() - newest).total_seconds()

    metrics.gauge("backup_age_seconds", "How old the newest scheduled backup is; NaN without one.", age)
