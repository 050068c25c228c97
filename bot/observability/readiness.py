"""Readiness and metrics of the running bridge: why it is not ready, and the values read at each scrape."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from bot.clock import utc_now
from bot.config import Settings
from bot.discord_client.gateway_status import GatewayStatus
from bot.discord_client.invalid_requests import InvalidRequestGuard
from bot.observability.metrics import Metrics
from bot.outbox.dispatcher import Dispatcher
from storage import StorageError, Store, newest_scheduled_at


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryHealth:
    """Health of the delivery path: dispatcher, circuit breaker, gateway. It outlives each login."""

    store: Store
    dispatcher: Dispatcher
    invalid_requests: InvalidRequestGuard
    gateway: GatewayStatus

    async def unready_reasons(self) -> Sequence[str]:
        """Why tickets cannot be posted now, as sentences; empty if they can."""
        reasons = []
        if self.gateway.disconnected_since is not None:
            reasons.append(
                f"Discord: not connected since {self.gateway.disconnected_since:%Y-%m-%d %H:%M:%S} UTC."
            )
        circuit = self.dispatcher.breaker.global_circuit
        if circuit is not None:
            reasons.append(f"Discord: nothing is sent for now ({circuit.reason}).")
        return [*reasons, *await self._forbidden_channels()]

    async def _forbidden_channels(self) -> list[str]:
        """A sentence for each channel that rejects some of the deliveries which wait for it."""
        circuits = self.dispatcher.breaker.circuits.values()
        forbidden = {circuit.channel_id: circuit.reason for circuit in circuits if circuit.forbidden}
        waiting = await self._channels_with_deliveries(forbidden)
        return [
            f"Discord: channel {channel} refuses deliveries: {reason.rstrip('.')}. `/setup show` names the "
            "permissions that the bot lacks; or name another channel with `ticketbridge workspace set`."
            for channel, reason in forbidden.items()
            if channel in waiting
        ]

    async def _channels_with_deliveries(self, channels: Collection[int]) -> Collection[int]:
        """Those of `channels` that something waits for; a repointed workspace leaves none behind."""
        if not channels:
            return ()
        try:
            return {backlog.channel_id for backlog in await self.store.outbox.backlogs()}
        except StorageError:
            return channels


class BridgeObservability:
    """What the webhook serves at /readyz and /metrics of the whole bridge."""

    def __init__(self, settings: Settings, *, metrics: Metrics, delivery: DeliveryHealth) -> None:
        self.allowed_networks = settings.webhook.metrics_allowed_networks
        self._metrics = metrics
        self._delivery = delivery
        metrics.register(DeliveryCollector(delivery))
        if settings.backup.folder is not None:
            metrics.register(BackupCollector(settings.backup.folder))

    async def unready_reasons(self) -> Sequence[str]:
        return await self._delivery.unready_reasons()

    async def render_metrics(self) -> bytes:
        return await self._metrics.render()

    def on_response(self, source: str, path: str, status: int, seconds: float) -> None:
        self._metrics.observe_response(source, path, status, seconds)


class DeliveryCollector(Collector):
    """Prometheus collector of the delivery path."""

    def __init__(self, delivery: DeliveryHealth) -> None:
        self._delivery = delivery

    def collect(self) -> Iterable[GaugeMetricFamily | CounterMetricFamily]:
        breaker, requests = self._delivery.dispatcher.breaker, self._delivery.invalid_requests
        yield GaugeMetricFamily(
            "ticketbridge_discord_connected",
            "1 while there is a connection to Discord's gateway, else 0.",
            value=self._delivery.gateway.disconnected_since is None,
        )
        yield GaugeMetricFamily(
            "ticketbridge_open_circuits",
            "Discord channels to which some or all deliveries are held back for now.",
            value=len(breaker.open_channels()),
        )
        yield GaugeMetricFamily(
            "ticketbridge_delivery_paused",
            "1 while nothing at all is sent to Discord, else 0.",
            value=breaker.global_circuit is not None,
        )
        yield GaugeMetricFamily(
            "ticketbridge_discord_invalid_requests",
            "Requests that Discord rejected in the last ten minutes; it bans an address for 10,000.",
            value=requests.invalid_count,
        )
        responses = CounterMetricFamily(
            "ticketbridge_discord_responses", "Discord's responses, by status.", labels=["status"]
        )
        for status, count in requests.responses.items():
            responses.add_metric([str(status)], count)
        yield responses


class BackupCollector(Collector):
    """Prometheus collector of the scheduled backups."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[GaugeMetricFamily]:
        now = utc_now()
        newest = newest_scheduled_at(self._folder, now)
        yield GaugeMetricFamily(
            "ticketbridge_backup_age_seconds",
            "Age of the newest scheduled backup; NaN without one.",
            value=float("nan") if newest is None else (now - newest).total_seconds(),
        )
