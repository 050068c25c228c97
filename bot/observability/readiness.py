"""What the bridge tells those who watch over it: whether it is ready and if not why, and its figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bot.config import Settings
from bot.discord_client.gateway_status import Presence
from bot.discord_client.invalid_requests import RequestsMade
from bot.observability.metrics import Metrics
from bot.outbox.dispatcher import Dispatcher
from bot.webhook import Watch
from storage.backup import newest_scheduled


@dataclass(frozen=True, slots=True, kw_only=True)
class WayOut:
    """What leads to Discord, over all logins."""

    dispatcher: Dispatcher
    requests: RequestsMade
    presence: Presence

    async def reasons(self) -> Sequence[str]:
        """Why nothing can be posted now, as sentences; empty if it can."""
        found = []
        if self.presence.away_since is not None:
            found.append(f"Discord: not connected since {self.presence.away_since:%Y-%m-%d %H:%M:%S} UTC.")
        rest = self.dispatcher.breaker.everywhere
        if rest is not None:
            found.append(f"Discord: nothing is sent for now ({rest.reason}).")
        return found

    def watched(self, metrics: Metrics, settings: Settings) -> Watch:
        """What the webhook serves of it; `metrics` reads what there is to read."""
        self._show(metrics)
        if settings.backup.folder is not None:
            _show_backups(metrics, settings.backup.folder)
        return Watch(
            readers=settings.webhook.metrics_allowed_networks,
            reasons=self.reasons,
            figures=metrics.page,
            answered=metrics.answered,
        )

    def _show(self, metrics: Metrics) -> None:
        breaker, requests = self.dispatcher.breaker, self.requests
        metrics.gauge(
            "discord_connected",
            "1 while there is a connection to Discord's gateway, else 0.",
            lambda: self.presence.away_since is None,
        )
        metrics.gauge(
            "open_circuits",
            "Discord channels that are left alone for now.",
            lambda: len(breaker.resting()),
        )
        metrics.gauge(
            "delivery_paused",
            "1 while nothing at all is sent to Discord, else 0.",
            lambda: breaker.everywhere is not None,
        )
        metrics.counter("discord_responses", "What Discord answered.", "status", lambda: requests.responses)
        metrics.gauge(
            "discord_invalid_requests",
            "Requests that Discord refused in the last ten minutes; it bars an address for 10,000.",
            lambda: requests.invalid_in_window,
        )


def _show_backups(metrics: Metrics, folder: Path) -> None:
    def age() -> float:
        newest = newest_scheduled(folder)
        return float("nan") if newest is None else (datetime.now(UTC) - newest).total_seconds()

    metrics.gauge("backup_age_seconds", "How old the newest scheduled backup is; NaN without one.", age)
