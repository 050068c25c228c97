"""Prometheus metrics. Counters and histograms are fed as things happen; gauges are read at each scrape.

No label value comes from a request: paths are route templates, channels those that workspaces name.
"""

import asyncio
import platform
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version

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
from prometheus_client.registry import Collector

from bot.clock import utc_now
from bot.outbox.errors import DeliveryError
from bot.tickets.outbox import Delivery, DeliveryState
from bot.tickets.push_endpoints import EndpointState, PushBacklog, PushEndpoint
from storage import DatabaseCorrupt, DatabaseUnavailable, DiskFull, Overloaded, StorageError, Store

REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
DATABASE_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0)
DELIVERY_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 4 * 3600.0, 24 * 3600.0)
_TRANSACTION_PARTS = ("read", "write", "wait")
FAILURE_LABELS: Mapping[type[StorageError], str] = {
    DiskFull: "disk_full",
    DatabaseCorrupt: "corrupt",
    DatabaseUnavailable: "unavailable",
    Overloaded: "overloaded",
    StorageError: "other",
}


class Metrics:
    """All metrics of one bridge, in a registry of their own."""

    def __init__(self, store: Store, *, now: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._now = now
        self._last_ticket: int | None = None
        # A `_created` sample for each counter and histogram would double the page.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no types
        self._registry = CollectorRegistry()
        self._define_request_metrics()
        self._define_delivery_metrics()
        self._define_event_metrics()
        self._define_feedback_metrics()
        self._define_database_metrics()
        self._define_process_metrics()

    def register(self, collector: Collector) -> None:
        """Add metrics that are read at each scrape."""
        self._registry.register(collector)

    def _define_request_metrics(self) -> None:
        self._tickets = self._counter("tickets", "Tickets accepted since the start, by source.", "source")
        self._requests = self._counter(
            "requests", "Requests answered, by path as it is served and status.", "path", "status"
        )
        self._request_errors = self._counter(
            "request_errors",
            "Requests answered with an error, by the source whose path it is and status.",
            *("source", "status"),
        )
        self._request_seconds = self._histogram(
            "request_seconds",
            "From a request's head to its response, its body included.",
            "path",
            REQUEST_BUCKETS,
        )
        # By path as it is served and status: finding a child by its labels takes longer than counting.
        self._by_path_and_status: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def _define_delivery_metrics(self) -> None:
        self._deliveries = self._counter(
            "deliveries", "Delivery attempts, by kind and outcome.", "kind", "outcome"
        )
        self._delivery_seconds = self._histogram(
            "delivery_seconds",
            "From saving a delivery until Discord shows it, by kind.",
            "kind",
            DELIVERY_BUCKETS,
        )
        self._outbox_deliveries = self._gauge(
            "outbox_deliveries",
            "What is not delivered, by state (pending or dead_letter), kind and Discord channel.",
            *("state", "kind", "channel"),
        )
        self._outbox_oldest = self._gauge(
            "outbox_oldest_seconds", "Age of the oldest pending delivery to Discord; 0 if there is none."
        )

    def _define_event_metrics(self) -> None:
        self._pushes = self._counter(
            "pushes",
            "Attempts to push an event to an outgoing webhook, by its id and outcome.",
            *("endpoint", "outcome"),
        )
        self._push_backlog = self._gauge(
            "push_backlog",
            "Events that an outgoing webhook has not accepted, by its id and state (pending or dead_letter).",
            *("endpoint", "state"),
        )
        self._push_oldest = self._gauge(
            "push_oldest_seconds", "Age of the oldest event that an active outgoing webhook has not accepted."
        )
        self._push_endpoints = self._gauge(
            "push_endpoints", "Outgoing webhooks, by state (active, paused or disabled).", "state"
        )
        self._events_waiting = self._gauge(
            "events_waiting",
            "Events that no game server has yet, by source; of those that ask for events.",
            "source",
        )
        self._events_oldest = self._gauge(
            "events_oldest_seconds", "Age of the oldest of these; 0 if there is none.", "source"
        )

    def _define_feedback_metrics(self) -> None:
        self._feedback = self._gauge(
            "feedback", "Tickets that their reporters have rated, by workspace.", "workspace"
        )
        self._feedback_average = self._gauge(
            "feedback_rating_average", "Average of these ratings, 1 to 5, by workspace.", "workspace"
        )

    def _define_database_metrics(self) -> None:
        self._database_seconds = self._histogram(
            "database_seconds",
            "How long transactions take that read and that write, and how long writers wait for their turn.",
            "what",
            DATABASE_BUCKETS,
        )
        self._seconds_of = {what: self._database_seconds.labels(what) for what in _TRANSACTION_PARTS}
        self._database_failures = self._counter(
            "database_failures",
            "Failed transactions: disk_full, corrupt, unavailable, overloaded, other.",
            "failure",
        )
        for failure in FAILURE_LABELS.values():
            self._database_failures.labels(failure)  # there from the start, so that the first one is a change
        self._database_failing = self._gauge(
            "database_failing", "1 while the database takes nothing, else 0."
        )
        self._search_lag = self._gauge("search_lag_tickets", "Tickets that are not in the search index yet.")

    def _define_process_metrics(self) -> None:
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)
        build = self._gauge("build_info", "Always 1: what this is.", "version", "python", "sqlite")
        build.labels(version("ticketbridge"), platform.python_version(), sqlite3.sqlite_version).set(1)

    def _counter(self, name: str, description: str, *labels: str) -> Counter:
        return Counter(f"ticketbridge_{name}", description, labels, registry=self._registry)

    def _gauge(self, name: str, description: str, *labels: str) -> Gauge:
        return Gauge(f"ticketbridge_{name}", description, labels, registry=self._registry)

    def _histogram(self, name: str, description: str, label: str, buckets: Sequence[float]) -> Histogram:
        return Histogram(
            f"ticketbridge_{name}", description, [label], buckets=buckets, registry=self._registry
        )

    def observe_response(self, source: str, path: str, status: int, seconds: float) -> None:
        """Count and time a request. `source` is "" on a path that belongs to none."""
        children = self._by_path_and_status.get((path, status))
        if children is None:
            children = self._requests.labels(path, str(status)), self._request_seconds.labels(path)
            self._by_path_and_status[path, status] = children
        requests, request_seconds = children
        requests.inc()
        request_seconds.observe(seconds)
        if status >= 400:
            self._request_errors.labels(source, str(status)).inc()

    def observe_transaction(self, what: str, seconds: float) -> None:
        """Record seconds of a transaction: `what` is "read", "write", or "wait" before one that writes."""
        self._seconds_of[what].observe(seconds)

    def record_failure(self, failure: StorageError) -> None:
        self._database_failures.labels(FAILURE_LABELS[type(failure)]).inc()

    @contextmanager
    def attempt(self, deliveries: Sequence[Delivery]) -> Iterator[None]:
        """Count the attempt in the block by its outcome, and time it if it succeeds."""
        try:
            yield
        except BaseException as error:  # CancelledError too: its outcome is unknown
            self._count_attempt(deliveries, _outcome(error))
            raise
        self._count_attempt(deliveries, "delivered")
        now = self._now()
        for delivery in deliveries:
            waited = max(0.0, (now - delivery.created_at).total_seconds())
            self._delivery_seconds.labels(delivery.kind.value).observe(waited)

    def _count_attempt(self, deliveries: Sequence[Delivery], outcome: str) -> None:
        for delivery in deliveries:
            self._deliveries.labels(delivery.kind.value, outcome).inc()

    def count_push(self, endpoint: PushEndpoint, outcome: str) -> None:
        """Count an attempt to push an event."""
        self._pushes.labels(str(endpoint.id), outcome).inc()

    async def start(self) -> None:
        """Observe the store, and count tickets from now on. Raises StorageError."""
        self._store.set_observer(self.observe_transaction, self.record_failure)
        self._last_ticket = await self._store.tickets.newest_id()

    async def render(self) -> bytes:
        """All metrics, in Prometheus's text format."""
        self._database_failing.set(await self._store.health_error() is not None)
        try:
            await self._refresh_gauges()
        except StorageError:  # it is counted by then, and the other metrics are needed all the more
            self._database_failing.set(1)
        return generate_latest(self._registry)

    async def _refresh_gauges(self) -> None:
        depths = await self._store.outbox_admin.depths()
        self._outbox_deliveries.clear()
        for depth in depths:
            labels = depth.state.value, depth.kind.value, str(depth.channel_id)
            self._outbox_deliveries.labels(*labels).set(depth.count)
        pending = [depth.oldest for depth in depths if depth.state is DeliveryState.PENDING]
        age = (self._now() - min(pending)).total_seconds() if pending else 0.0
        self._outbox_oldest.set(max(0.0, age))
        self._refresh_pushes(await self._store.pushes.backlogs())
        await self._refresh_events()
        await self._refresh_feedback()
        self._search_lag.set(await self._store.search_index.lag())
        await self._count_tickets()

    def _refresh_pushes(self, backlogs: Sequence[PushBacklog]) -> None:
        self._push_backlog.clear()
        for one in backlogs:
            self._push_backlog.labels(str(one.endpoint.id), "pending").set(one.waiting)
            self._push_backlog.labels(str(one.endpoint.id), "dead_letter").set(one.dead_letters)
        for state in EndpointState:
            count = sum(one.endpoint.state is state for one in backlogs)
            self._push_endpoints.labels(state.value).set(count)
        active = (one for one in backlogs if one.endpoint.state is EndpointState.ACTIVE)
        now = self._now()
        oldest = min((one.oldest for one in active if one.oldest is not None), default=now)
        self._push_oldest.set(max(0.0, (now - oldest).total_seconds()))

    async def _refresh_events(self) -> None:
        now = self._now()
        self._events_waiting.clear()
        self._events_oldest.clear()
        for backlog in await self._store.events.backlogs(now):
            age = (now - backlog.oldest).total_seconds() if backlog.oldest else 0.0
            self._events_waiting.labels(backlog.source).set(backlog.waiting)
            self._events_oldest.labels(backlog.source).set(max(0.0, age))

    async def _refresh_feedback(self) -> None:
        self._feedback.clear()
        self._feedback_average.clear()
        for summary in await self._store.feedback.summaries():
            self._feedback.labels(summary.workspace).set(summary.count)
            self._feedback_average.labels(summary.workspace).set(summary.average)

    async def _count_tickets(self) -> None:
        newest = await self._store.tickets.newest_id()
        after, self._last_ticket = self._last_ticket, newest
        if after is not None and newest > after:
            for source, count in (await self._store.tickets.count_by_source(after, newest)).items():
                self._tickets.labels(source).inc(count)


def _outcome(error: BaseException) -> str:
    """The label of a failed attempt."""
    if isinstance(error, asyncio.CancelledError):
        return "unknown_outcome"
    return error.outcome if isinstance(error, DeliveryError) else "error"
