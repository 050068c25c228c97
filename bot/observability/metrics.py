"""Figures for Prometheus. Knows tickets and the store; the rest of the bridge calls it, or is read.

No label is made of what anybody sends: paths are those that are served, channels those that workspaces name.
"""

import asyncio
import platform
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from types import TracebackType

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from bot.clock import utc_now
from bot.tickets.outbox import Delivery, DeliveryState
from storage import DatabaseCorrupt, DatabaseUnavailable, DiskFull, Overloaded, StorageError, Store

REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
DATABASE_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0)
DELIVERY_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 4 * 3600.0, 24 * 3600.0)
FAILURE_LABELS: Mapping[type[StorageError], str] = {
    DiskFull: "disk_full",
    DatabaseCorrupt: "corrupt",
    DatabaseUnavailable: "unavailable",
    Overloaded: "overloaded",
    StorageError: "other",
}


class Metrics:
    """All figures of one bridge. What must be counted is on the way; all else is read at each scrape."""

    def __init__(self, store: Store, *, now: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._now = now
        self._last_ticket: int | None = None
        # When each figure began would be as many lines again.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no types
        self._registry = CollectorRegistry()
        self._define_request_metrics()
        self._define_delivery_metrics()
        self._define_database_metrics()
        self._define_process_metrics()

    def _define_request_metrics(self) -> None:
        self._tickets = self._counter("tickets", "Tickets taken in since the start, by source.", "source")
        self._requests = self._counter(
            "requests", "Requests answered, by path as it is served and status.", "path", "status"
        )
        self._refusals = self._counter(
            "request_errors",
            "Requests refused, by the source whose path it is and status.",
            "source",
            "status",
        )
        self._request_seconds = Histogram(
            "ticketbridge_request_seconds",
            "From a request's head to its answer, its body among it.",
            ["path"],
            buckets=REQUEST_BUCKETS,
            registry=self._registry,
        )

        # By path as it is served and status: to look a figure up by its labels takes longer than to count.
        self._by_path_and_status: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def _define_delivery_metrics(self) -> None:
        self._deliveries = self._counter(
            "deliveries",
            "Attempts to deliver, by kind and outcome.",
            *("kind", "outcome"),
        )
        self._delivery_seconds = Histogram(
            "ticketbridge_delivery_seconds",
            "From the moment that something is kept to the one that Discord shows it, by kind.",
            ["kind"],
            buckets=DELIVERY_BUCKETS,
            registry=self._registry,
        )
        self._depth = Gauge(
            "ticketbridge_outbox_deliveries",
            "What is not delivered, by state (pending or dead_letter), kind and Discord channel.",
            ["state", "kind", "channel"],
            registry=self._registry,
        )
        self._oldest = Gauge(
            "ticketbridge_outbox_oldest_seconds",
            "How long the delivery waits that was put there first; 0 if none does.",
            registry=self._registry,
        )

    def _define_database_metrics(self) -> None:
        self._database_seconds = Histogram(
            "ticketbridge_database_seconds",
            "How long transactions take that read and that write, and how long writers wait for their turn.",
            ["what"],
            buckets=DATABASE_BUCKETS,
            registry=self._registry,
        )
        self._database_failures = self._counter(
            "database_failures",
            "Failed transactions: disk_full, corrupt, unavailable, overloaded, other.",
            "failure",
        )
        for failure in FAILURE_LABELS.values():
            self._database_failures.labels(failure)  # there from the start, so that the first one is a change
        self._database_failing = Gauge(
            "ticketbridge_database_failing",
            "1 while the database takes nothing, else 0.",
            registry=self._registry,
        )
        self._search_lag = Gauge(
            "ticketbridge_search_lag_tickets",
            "Tickets that the index for searches does not hold yet.",
            registry=self._registry,
        )

    def _define_process_metrics(self) -> None:
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)
        build = Gauge(
            "ticketbridge_build_info",
            "Always 1: what this is.",
            ["version", "python", "sqlite"],
            registry=self._registry,
        )
        build.labels(version("ticketbridge"), platform.python_version(), sqlite3.sqlite_version).set(1)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"ticketbridge_{name}", meaning, labels, registry=self._registry)

    def gauge(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """One more figure, read at each scrape."""
        Gauge(f"ticketbridge_{name}", meaning, registry=self._registry).set_function(read)

    def counter(self, name: str, meaning: str, label: str, read: Callable[[], Mapping[int, int]]) -> None:
        """One more counter, kept by somebody else and read at each scrape, by the values of a label."""
        self._registry.register(CallbackCounter(f"ticketbridge_{name}", meaning, label, read))

    def observe_response(self, source: str, path: str, status: int, seconds: float) -> None:
        """A request was. `source` is "" on a path that belongs to none."""
        known = self._by_path_and_status.get((path, status))
        if known is None:
            known = self._requests.labels(path, str(status)), self._request_seconds.labels(path)
            self._by_path_and_status[path, status] = known
        counted, timed = known
        counted.inc()
        timed.observe(seconds)
        if status >= 400:
            self._refusals.labels(source, str(status)).inc()

    def observe_transaction(self, what: str, seconds: float) -> None:
        """A transaction did: "read", "write", or "wait" before one that writes."""
        self._database_seconds.labels(what).observe(seconds)

    def record_failure(self, failure: StorageError) -> None:
        self._database_failures.labels(FAILURE_LABELS[type(failure)]).inc()

    def attempt(self, deliveries: Sequence[Delivery]) -> "AttemptTimer":
        """To be entered when an attempt begins, and left as it ends."""
        return AttemptTimer(self, deliveries)

    def record_attempt(self, deliveries: Iterable[Delivery], error: type[BaseException] | None) -> None:
        """They were tried; nothing was in the way of what is delivered now."""
        outcome = _outcome(error)
        now = self._now()
        for delivery in deliveries:
            self._deliveries.labels(delivery.kind.value, outcome).inc()
            if error is None:
                waited = max(0.0, (now - delivery.created_at).total_seconds())
                self._delivery_seconds.labels(delivery.kind.value).observe(waited)

    async def start(self) -> None:
        """Keep watch over the store, and count the tickets that come from now on. Raises StorageError."""
        self._store.set_observer(self.observe_transaction, self.record_failure)
        self._last_ticket = await self._store.newest_ticket_id()

    async def render(self) -> bytes:
        """All figures, in Prometheus's text format."""
        self._database_failing.set(await self._store.health_error() is not None)
        try:
            await self._refresh_gauges()
        except StorageError:  # counted and told by then; the other figures are wanted the more
            self._database_failing.set(1)
        return generate_latest(self._registry)

    async def _refresh_gauges(self) -> None:
        depths = await self._store.outbox_depths()
        waiting = [depth.oldest for depth in depths if depth.state is DeliveryState.PENDING]
        self._depth.clear()
        for depth in depths:
            self._depth.labels(depth.state.value, depth.kind.value, str(depth.channel_id)).set(depth.count)
        age = (self._now() - min(waiting)).total_seconds() if waiting else 0.0
        self._oldest.set(max(0.0, age))
        self._search_lag.set(await self._store.index_lag())
        await self._count_tickets()

    async def _count_tickets(self) -> None:
        newest = await self._store.newest_ticket_id()
        after, self._last_ticket = self._last_ticket, newest
        if after is not None and newest > after:
            for source, number in (await self._store.count_tickets_by_source(after, newest)).items():
                self._tickets.labels(source).inc(number)


def _outcome(error: type[BaseException] | None) -> str:
    """An attempt's outcome as its metric names it: a delivery error says so itself."""
    if error is None:
        return "delivered"
    if issubclass(error, asyncio.CancelledError):
        return "unknown_outcome"
    return str(getattr(error, "outcome", "error"))


class AttemptTimer:
    """One attempt at some deliveries, from when it is entered until it is left."""

    def __init__(self, metrics: Metrics, deliveries: Sequence[Delivery]) -> None:
        self._metrics = metrics
        self._deliveries = deliveries

    def __enter__(self) -> None:
        """Nothing is counted yet."""

    def __exit__(
        self, obstacle: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self._metrics.record_attempt(self._deliveries, obstacle)


class CallbackCounter(Collector):
    """A counter that is not ours to count."""

    def __init__(self, name: str, meaning: str, label: str, read: Callable[[], Mapping[int, int]]) -> None:
        self._name, self._meaning, self._label, self._read = name, meaning, label, read

    def collect(self) -> Iterable[CounterMetricFamily]:
        family = CounterMetricFamily(self._name, self._meaning, labels=[self._label])
        for value, count in self._read().items():
            family.add_metric([str(value)], count)
        yield family
