"""The bridge: where all parts meet. Built in order, run together, closed in reverse."""

import asyncio
import errno
import logging
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import discord

from bot.admin.service import Administration, open_to_commands
from bot.config import Settings
from bot.discord_client.client import BANNED_SECONDS, REVOKED_SECONDS, UNREACHABLE, TicketBot, is_ban
from bot.discord_client.gateway_status import Presence
from bot.discord_client.invalid_requests import RequestsMade
from bot.jobs.backups import keep_backups
from bot.jobs.search_index import keep_indexed
from bot.observability.metrics import Metrics
from bot.observability.readiness import WayOut
from bot.outbox.dispatcher import Dispatcher
from bot.sources import discover
from bot.tickets import Lane
from bot.webhook import Memory, Proxies, Watch, Webhook
from cogs import EXTENSIONS
from storage import DatabaseLock, Store

log = logging.getLogger(__name__)

_LOGIN_REFUSED = "Discord does not know this token. Copy it anew from the developer portal, page Bot."
_INTENT_REFUSED = (
    "Discord does not let this bot read messages. For typed replies, switch on the Message Content Intent "
    "in the developer portal, page Bot; or set [discord] typed_replies = false."
)
_LONGEST_WAIT = 60.0  # seconds between two tries to reach Discord
_FAREWELL = 2.0  # seconds a connection is given to end
# AttributeError: what discord.py 2.7 raises when its very first gateway connection breaks.
_OUTAGES: tuple[type[Exception], ...] = (*UNREACHABLE, discord.DiscordException, AttributeError)


class CannotRun(Exception):
    """Something outside is in the way. The message is one sentence that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """A running bridge."""

    store: Store
    webhook_address: str  # as http://127.0.0.1:8080
    discord: "asyncio.Task[None]"  # ends only if Discord does not know the token


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Bridge]:
    """A bridge that accepts tickets, and delivers them whenever Discord is there.

    Raises CannotRun, StorageError. Leaving the block closes everything; what is kept stays kept.
    """
    if not settings.discord.token.get_secret_value():
        raise CannotRun(
            "There is no Discord token. Put it into [discord] token or TICKETBRIDGE_DISCORD_TOKEN; "
            "to look around without one, run `ticketbridge demo`."
        )
    with DatabaseLock(settings.storage.path) as lock:
        store = await Store.open(settings.storage.path)
        try:
            metrics = Metrics(store)
            await metrics.begin()
            way_out = _way_out(settings, store, metrics)
            async with _serving(settings, store, lock, way_out.watched(metrics, settings)) as address:
                connection = asyncio.create_task(_stay_connected(settings, store, way_out))
                backups = asyncio.create_task(keep_backups(settings.storage.path, settings.backup))
                indexing = asyncio.create_task(keep_indexed(store))
                try:
                    yield Bridge(store=store, webhook_address=address, discord=connection)
                finally:
                    await _ended(connection, backups, indexing)
        finally:
            await store.close()


async def _ended(*tasks: "asyncio.Task[None]") -> None:
    """Cancel them until they have ended.

    Once is not enough: `asyncio.wait_for` before Python 3.12, which discord.py connects with, swallows a
    cancellation that comes in the moment its wait is over.
    """
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=_FAREWELL)


@asynccontextmanager
async def _serving(settings: Settings, store: Store, lock: DatabaseLock, watch: Watch) -> AsyncIterator[str]:
    sources = discover()
    webhook = Webhook(
        store,
        sources,
        proxies=Proxies(settings.webhook.trusted_proxies),
        memory=Memory(without=timedelta(seconds=settings.webhook.duplicate_window)),
        watch=watch,
    )
    host, port = settings.webhook.host, settings.webhook.port
    async with AsyncExitStack() as doors:
        await doors.enter_async_context(open_to_commands(Administration(store, sources), lock))
        try:
            listening = await doors.enter_async_context(webhook.serve(host, port))
        except OSError as error:
            raise CannotRun(cannot_listen("The webhook", host, port, error)) from error
        yield listening.address


def cannot_listen(who: str, host: str, port: int, error: OSError) -> str:
    """Why a port cannot be had, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return f"{who} cannot listen on {host}:{port}: another program does. Stop it, or choose another port."
    cause = os.strerror(error.errno or 0)
    return f"{who} cannot listen on {host}:{port} ({cause}). Choose another host or port."


def _way_out(settings: Settings, store: Store, metrics: Metrics) -> WayOut:
    settle = settings.discord.unknown_outcome_delay
    dispatcher = Dispatcher(store, Lane.DISCORD, unknown_outcome_delay=settle, watch=metrics.attempt)
    return WayOut(dispatcher=dispatcher, requests=RequestsMade(dispatcher.breaker), presence=Presence())


async def _stay_connected(settings: Settings, store: Store, way_out: WayOut) -> None:
    """Log in again and again: while Discord is away, tickets are kept and wait.

    Raises CannotRun for a token Discord does not know and for an intent it does not grant, unless it did
    before: then intake goes on.
    """
    dispatcher, requests, presence = way_out.dispatcher, way_out.requests, way_out.presence
    wait, was_connected = 1.0, False
    while True:
        bot = TicketBot(
            settings=settings.discord,
            store=store,
            dispatcher=dispatcher,
            requests=requests,
            extensions=EXTENSIONS,
        )
        presence.watch(bot)
        try:
            await bot.log_in_and_stay()
        except discord.LoginFailure as error:
            if not was_connected:
                raise CannotRun(_LOGIN_REFUSED) from error
            log.error("%s Tickets are kept meanwhile.", _LOGIN_REFUSED)
            wait = REVOKED_SECONDS
        except discord.PrivilegedIntentsRequired as error:
            if not was_connected:
                raise CannotRun(_INTENT_REFUSED) from error
            log.error("%s Tickets are kept meanwhile.", _INTENT_REFUSED)
            wait = _LONGEST_WAIT
        except _OUTAGES as error:
            wait = BANNED_SECONDS if is_ban(error) else wait
            log.warning("Discord cannot be reached (%s); trying again in %.0f s", error, wait)
        # An answer or event the library cannot read ends its client; that must not end the intake of tickets.
        except Exception:
            log.exception("The Discord client gave up; trying again in %.0f s", wait)
        presence.lost()
        if bot.was_connected:
            wait, was_connected = 1.0, True
        await asyncio.sleep(wait)
        wait = min(_LONGEST_WAIT, wait * 2)
