"""Application: builds the parts of the bridge in order, runs them together, closes them in reverse."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from importlib import import_module

from bot.admin.remote import serve_control_api
from bot.admin.service import AdminService, IdChecker
from bot.clock import utc_now
from bot.config import Settings
from bot.discord_client.gateway_status import GatewayStatus
from bot.discord_client.invalid_requests import InvalidRequestGuard
from bot.jobs.backups import run_backup_schedule
from bot.jobs.erasures import run_erasures
from bot.jobs.expired_responses import run_response_cleanup
from bot.jobs.retention import run_retention
from bot.jobs.search_index import run_search_indexer
from bot.observability.metrics import Metrics
from bot.observability.readiness import BridgeObservability, DeliveryHealth
from bot.outbox.circuit_breaker import BreakerSettings, CircuitBreaker
from bot.outbox.clock_jumps import check_clock_at_start
from bot.outbox.dispatcher import Dispatcher
from bot.outbox.endpoints import EndpointService
from bot.outbox.push import PushSender
from bot.outbox.push_client import open_push_client
from bot.sources.registry import load_sources
from bot.webhook import IdempotencyPolicy, Observability, TrustedProxies, WebhookServer
from bot.webhook.events import serialize_event
from cogs import EXTENSIONS
from storage import DatabaseLock, Store, open_store

SHUTDOWN_SECONDS = 2.0  # until a task that did not end is cancelled again


class StartupError(Exception):
    """The bridge cannot start. The message is one sentence that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A running bridge."""

    store: Store
    webhook_address: str  # as http://127.0.0.1:8080
    discord_task: "asyncio.Task[None]"  # ends only with a StartupError


@asynccontextmanager
async def run_application(
    settings: Settings,
    *,
    breaker_settings: BreakerSettings | None = None,
    on_imported: Callable[[], object] = lambda: None,
) -> AsyncIterator[Application]:
    """Run the bridge until the block ends: accept tickets, and deliver them whenever Discord is there.

    `on_imported` is called once discord.py is imported, by when tickets are accepted. Raises StartupError,
    StorageError.
    """
    if not settings.discord.token.get_secret_value():
        raise StartupError(
            "There is no Discord token. Put it into [discord] token or TICKETBRIDGE_DISCORD_TOKEN; "
            "to look around without one, run `ticketbridge demo`."
        )
    with DatabaseLock(settings.storage.path) as lock:
        store = await open_store(settings.storage.path)
        try:
            lock.lock_database()
            check_clock_at_start(await store.tickets.newest_created_at(), utc_now())
            metrics = Metrics(store)
            await metrics.start()
            delivery = build_delivery(settings, store, metrics, breaker_settings)
            observability = BridgeObservability(settings, metrics=metrics, delivery=delivery)
            check_ids = id_checker(delivery.gateway)
            async with start_api(settings, store, lock, observability, check_ids) as address:
                discord_task = asyncio.create_task(connect_to_discord(settings, store, delivery, on_imported))
                jobs = start_jobs(settings, store, metrics)
                try:
                    yield Application(store=store, webhook_address=address, discord_task=discord_task)
                finally:
                    await cancel_and_wait(discord_task, *jobs)
        finally:
            await store.close()


def start_jobs(settings: Settings, store: Store, metrics: Metrics) -> "list[asyncio.Task[None]]":
    """Start what runs in the background and needs no Discord."""
    jobs = (
        run_backup_schedule(settings.storage.path, settings.backup),
        run_search_indexer(store),
        run_response_cleanup(store),
        run_erasures(store),
        run_retention(store),
        push_events(settings, store, metrics),
    )
    return [asyncio.create_task(job) for job in jobs]


async def cancel_and_wait(*tasks: "asyncio.Task[None]") -> None:
    """Cancel tasks until they have ended.

    Once is not enough: `asyncio.wait_for` before Python 3.12, with which discord.py connects, swallows a
    cancellation that arrives at the moment its wait is over.
    """
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=SHUTDOWN_SECONDS)


@asynccontextmanager
async def start_api(
    settings: Settings,
    store: Store,
    lock: DatabaseLock,
    observability: Observability,
    check_ids: IdChecker,
) -> AsyncIterator[str]:
    """Start the control API and the webhook; yields the webhook's address. Raises StartupError."""
    sources = load_sources()
    webhook = WebhookServer(
        store,
        sources,
        proxies=TrustedProxies(settings.webhook.trusted_proxies),
        public_url=settings.webhook.public_url,
        idempotency_policy=IdempotencyPolicy(body_ttl=timedelta(seconds=settings.webhook.duplicate_window)),
        observability=observability,
    )
    host, port = settings.webhook.host, settings.webhook.port
    async with AsyncExitStack() as servers:
        service = AdminService(
            store,
            sources,
            check_ids=check_ids,
            push_networks=settings.push.allowed_networks,
        )
        await servers.enter_async_context(serve_control_api(service, lock))
        try:
            listening = await servers.enter_async_context(webhook.serve(host, port))
        except OSError as error:
            raise StartupError(bind_error_message("The webhook", host, port, error)) from error
        yield listening.address


def id_checker(gateway: GatewayStatus) -> IdChecker:
    """Check Discord ids by the client that is connected at that moment; None while none is."""

    def check(guild_id: int, ids: Mapping[str, int]) -> list[str] | None:
        client = gateway.connected_client
        if client is None:
            return None
        from cogs.core.permissions import find_id_problems  # imported by now

        return find_id_problems(client, guild_id, ids)

    return check


def bind_error_message(server: str, host: str, port: int, error: OSError) -> str:
    """Why a server cannot listen on a port, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return (
            f"{server} cannot listen on {host}:{port}: another program does. Stop it, or choose another port."
        )
    cause = os.strerror(error.errno or 0)
    return f"{server} cannot listen on {host}:{port} ({cause}). Choose another host or port."


def build_delivery(
    settings: Settings, store: Store, metrics: Metrics, breaker_settings: BreakerSettings | None
) -> DeliveryHealth:
    dispatcher = Dispatcher(
        store,
        breaker=CircuitBreaker(breaker_settings),
        unknown_outcome_delay=settings.discord.unknown_outcome_delay,
        observer=metrics.attempt,
    )
    return DeliveryHealth(
        store=store,
        dispatcher=dispatcher,
        invalid_requests=InvalidRequestGuard(dispatcher.breaker),
        gateway=GatewayStatus(),
    )


async def push_events(settings: Settings, store: Store, metrics: Metrics) -> None:
    """Push events to outgoing webhooks until cancelled."""
    async with open_push_client(settings.push.allowed_networks) as client:
        await PushSender(store, client, serialize_event, observer=metrics.count_push).run()


async def connect_to_discord(
    settings: Settings, store: Store, delivery: DeliveryHealth, on_imported: Callable[[], object]
) -> None:
    """Keep a Discord client running. Raises StartupError if Discord rejects the first login."""
    # In a thread: it takes a tenth of a second or more, in which tickets are accepted already.
    await asyncio.to_thread(import_module, "bot.discord_client.client")
    from bot.discord_client.client import LoginRejected, TicketBot, run_discord_client

    on_imported()
    create_client = partial(
        TicketBot,
        settings=settings.discord,
        store=store,
        dispatcher=delivery.dispatcher,
        webhooks=EndpointService(store, load_sources(), allowed_networks=settings.push.allowed_networks),
        requests=delivery.invalid_requests,
        extensions=EXTENSIONS,
    )
    try:
        await run_discord_client(create_client, delivery.gateway)
    except LoginRejected as error:
        raise StartupError(str(error)) from error
