"""The bridge: where all parts meet. Built in order, run together, closed in reverse."""

import asyncio
import errno
import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import discord

from bot.admin.remote import serve_control_api
from bot.admin.service import AdminService, IdChecker
from bot.config import Settings
from bot.discord_client.client import (
    CLOUDFLARE_BAN_BACKOFF,
    INVALID_TOKEN_BACKOFF,
    NETWORK_ERRORS,
    TicketBot,
    is_cloudflare_ban,
)
from bot.discord_client.gateway_status import GatewayStatus
from bot.discord_client.invalid_requests import InvalidRequestGuard
from bot.jobs.backups import run_backup_schedule
from bot.jobs.search_index import run_search_indexer
from bot.observability.metrics import Metrics
from bot.observability.readiness import DeliveryHealth
from bot.outbox.dispatcher import Dispatcher
from bot.sources import load_sources
from bot.tickets.outbox import Destination
from bot.webhook import IdempotencyPolicy, Observability, TrustedProxies, WebhookServer
from cogs import EXTENSIONS
from cogs.core.directory import find_id_problems
from storage import DatabaseLock, Store

log = logging.getLogger(__name__)

_LOGIN_FAILED = "Discord does not know this token. Copy it anew from the developer portal, page Bot."
_INTENT_MISSING = (
    "Discord does not let this bot read messages. For typed replies, switch on the Message Content Intent "
    "in the developer portal, page Bot; or set [discord] typed_replies = false."
)
MAX_BACKOFF_SECONDS = 60.0  # seconds between two tries to reach Discord
SHUTDOWN_SECONDS = 2.0  # seconds a connection is given to end
# AttributeError: what discord.py 2.7 raises when its very first gateway connection breaks.
RECONNECT_ERRORS: tuple[type[Exception], ...] = (*NETWORK_ERRORS, discord.DiscordException, AttributeError)


class StartupError(Exception):
    """Something outside is in the way. The message is one sentence that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A running bridge."""

    store: Store
    webhook_address: str  # as http://127.0.0.1:8080
    discord_task: "asyncio.Task[None]"  # ends only if Discord does not know the token


@asynccontextmanager
async def run_application(settings: Settings) -> AsyncIterator[Application]:
    """A bridge that accepts tickets, and delivers them whenever Discord is there.

    Raises CannotRun, StorageError. Leaving the block closes everything; what is kept stays kept.
    """
    if not settings.discord.token.get_secret_value():
        raise StartupError(
            "There is no Discord token. Put it into [discord] token or TICKETBRIDGE_DISCORD_TOKEN; "
            "to look around without one, run `ticketbridge demo`."
        )
    with DatabaseLock(settings.storage.path) as lock:
        store = await Store.open(settings.storage.path)
        try:
            metrics = Metrics(store)
            await metrics.start()
            way_out = build_delivery(settings, store, metrics)
            check_ids = id_checker(way_out.gateway)
            observability = way_out.observability(metrics, settings)
            async with start_api(settings, store, lock, observability, check_ids) as address:
                connection = asyncio.create_task(run_discord_client(settings, store, way_out))
                backups = asyncio.create_task(run_backup_schedule(settings.storage.path, settings.backup))
                indexing = asyncio.create_task(run_search_indexer(store))
                try:
                    yield Application(store=store, webhook_address=address, discord_task=connection)
                finally:
                    await cancel_and_wait(connection, backups, indexing)
        finally:
            await store.close()


async def cancel_and_wait(*tasks: "asyncio.Task[None]") -> None:
    """Cancel them until they have ended.

    Once is not enough: `asyncio.wait_for` before Python 3.12, which discord.py connects with, swallows a
    cancellation that comes in the moment its wait is over.
    """
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=SHUTDOWN_SECONDS)


@asynccontextmanager
async def start_api(
    settings: Settings, store: Store, lock: DatabaseLock, watch: Observability, check_ids: IdChecker
) -> AsyncIterator[str]:
    sources = load_sources()
    webhook = WebhookServer(
        store,
        sources,
        proxies=TrustedProxies(settings.webhook.trusted_proxies),
        idempotency_policy=IdempotencyPolicy(body_ttl=timedelta(seconds=settings.webhook.duplicate_window)),
        observability=watch,
    )
    host, port = settings.webhook.host, settings.webhook.port
    async with AsyncExitStack() as doors:
        await doors.enter_async_context(
            serve_control_api(AdminService(store, sources, check_ids=check_ids), lock)
        )
        try:
            listening = await doors.enter_async_context(webhook.serve(host, port))
        except OSError as error:
            raise StartupError(bind_error_message("The webhook", host, port, error)) from error
        yield listening.address


def id_checker(gateway: GatewayStatus) -> IdChecker:
    """Check Discord ids by the client that is connected at that moment; None while none is."""

    def check(guild_id: int, ids: Mapping[str, int]) -> list[str] | None:
        client = gateway.connected_client
        return find_id_problems(client, guild_id, ids) if client else None

    return check


def bind_error_message(server: str, host: str, port: int, error: OSError) -> str:
    """Why a port cannot be had, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return (
            f"{server} cannot listen on {host}:{port}: another program does. Stop it, or choose another port."
        )
    cause = os.strerror(error.errno or 0)
    return f"{server} cannot listen on {host}:{port} ({cause}). Choose another host or port."


def build_delivery(settings: Settings, store: Store, metrics: Metrics) -> DeliveryHealth:
    settle = settings.discord.unknown_outcome_delay
    dispatcher = Dispatcher(
        store, Destination.DISCORD, unknown_outcome_delay=settle, observer=metrics.attempt
    )
    return DeliveryHealth(
        dispatcher=dispatcher,
        invalid_requests=InvalidRequestGuard(dispatcher.breaker),
        gateway=GatewayStatus(),
    )


async def run_discord_client(settings: Settings, store: Store, delivery: DeliveryHealth) -> None:
    """Log in again and again: while Discord is away, tickets are kept and wait.

    Raises CannotRun for a token Discord does not know and for an intent it does not grant, unless it did
    before: then intake goes on.
    """
    dispatcher, requests, presence = delivery.dispatcher, delivery.invalid_requests, delivery.gateway
    wait, has_been_ready = 1.0, False
    while True:
        bot = TicketBot(
            settings=settings.discord,
            store=store,
            dispatcher=dispatcher,
            requests=requests,
            extensions=EXTENSIONS,
        )
        presence.attach(bot)
        try:
            await bot.run_until_closed()
        except discord.LoginFailure as error:
            if not has_been_ready:
                raise StartupError(_LOGIN_FAILED) from error
            log.error("%s Tickets are kept meanwhile.", _LOGIN_FAILED)
            wait = INVALID_TOKEN_BACKOFF
        except discord.PrivilegedIntentsRequired as error:
            if not has_been_ready:
                raise StartupError(_INTENT_MISSING) from error
            log.error("%s Tickets are kept meanwhile.", _INTENT_MISSING)
            wait = MAX_BACKOFF_SECONDS
        except RECONNECT_ERRORS as error:
            wait = CLOUDFLARE_BAN_BACKOFF if is_cloudflare_ban(error) else wait
            log.warning("Discord cannot be reached (%s); trying again in %.0f s", error, wait)
        # An answer or event the library cannot read ends its client; that must not end the intake of tickets.
        except Exception:
            log.exception("The Discord client gave up; trying again in %.0f s", wait)
        presence.mark_disconnected()
        if bot.has_been_ready:
            wait, has_been_ready = 1.0, True
        await asyncio.sleep(wait)
        wait = min(MAX_BACKOFF_SECONDS, wait * 2)
