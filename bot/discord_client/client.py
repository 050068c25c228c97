"""Discord client: logs in, loads the cogs, syncs slash commands, starts deliveries, and reconnects."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp
import discord
from discord import app_commands
from discord.asset import Asset
from discord.ext import commands
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL

from bot.config import DISCORD_API, DiscordSettings
from bot.discord_client.gateway_status import GatewayStatus
from bot.discord_client.invalid_requests import InvalidRequestGuard
from bot.discord_client.middlewares import limit_middleware, no_retry_middleware
from bot.i18n.translations import set_language
from bot.outbox.dispatcher import Dispatcher
from bot.outbox.endpoints import EndpointService
from storage import Store

log = logging.getLogger(__name__)

# What discord.py raises, besides its own exceptions, when Discord cannot be reached.
NETWORK_ERRORS: tuple[type[Exception], ...] = (OSError, aiohttp.ClientError, TimeoutError)
# AttributeError: what discord.py 2.7 raises when its very first gateway connection breaks.
RECONNECT_ERRORS: tuple[type[Exception], ...] = (*NETWORK_ERRORS, discord.DiscordException, AttributeError)

# Neither is privileged: messages come without their text.
INTENTS = discord.Intents(guilds=True, guild_messages=True)
# With [discord] typed_replies: the text is a privileged intent.
TYPED_REPLY_INTENTS = discord.Intents(guilds=True, guild_messages=True, message_content=True)

REQUEST_SECONDS = 15.0  # for one response, after which the request's outcome is unknown
MAX_BACKOFF_SECONDS = 60.0  # between two logins while Discord cannot be reached
INVALID_TOKEN_BACKOFF = 400.0  # between two logins with a token that Discord rejects
CLOUDFLARE_BAN_BACKOFF = 600.0  # before the next request after a 429 of Cloudflare, which bans addresses

_LOGIN_FAILED = "Discord does not know this token. Copy a new one from the developer portal, page Bot."
_MISSING_INTENT = (
    "Discord does not let this bot read messages. For typed replies, switch on the Message Content Intent "
    "in the developer portal, page Bot; or set [discord] typed_replies = false."
)


class LoginRejected(Exception):
    """Discord rejects the token, or an intent it needs. The message is one sentence that says what to do."""


class CommandTree(app_commands.CommandTree["TicketBot"]):
    """The slash commands, answered in the language of who uses them."""

    async def interaction_check(self, interaction: discord.Interaction["TicketBot"], /) -> bool:
        set_language(interaction.locale.value)
        return True


class TicketBot(commands.Bot):
    """One login to Discord. The cogs use its `store`, `dispatcher` and `webhooks`, which outlive it."""

    def __init__(
        self,
        *,
        settings: DiscordSettings,
        store: Store,
        dispatcher: Dispatcher,
        webhooks: EndpointService,
        requests: InvalidRequestGuard,
        extensions: Sequence[str],
    ) -> None:
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            tree_cls=CommandTree,
            intents=TYPED_REPLY_INTENTS if settings.typed_replies else INTENTS,
            allowed_mentions=discord.AllowedMentions.none(),
            guild_ready_timeout=0.1,  # seconds; nothing here needs every guild known before it starts
            max_ratelimit_timeout=30.0,  # seconds; for a longer one the delivery goes back to the outbox
            http_trace=requests.trace_config(),
        )
        self.store = store
        self.dispatcher = dispatcher
        self.webhooks = webhooks
        self.typed_replies = settings.typed_replies
        self._settings = settings
        self._extensions = extensions
        self._dispatcher_task: asyncio.Task[None] | None = None

    async def run_until_closed(self) -> None:
        """Log in and run until closed.

        Raises discord.LoginFailure for an invalid token, and discord.PrivilegedIntentsRequired where typed
        replies are on and the message content intent is off.
        """
        set_api_base(self._settings.api_base)
        async with self:
            await self.start(self._settings.token.get_secret_value())

    @property
    def has_been_ready(self) -> bool:
        """Whether this login ever was ready, so that deliveries started."""
        return self._dispatcher_task is not None

    async def setup_hook(self) -> None:
        self._configure_http_session()
        await self._configure_gateway()
        for extension in self._extensions:
            await self.load_extension(extension)
        synced = await self.tree.sync()
        log.info("Logged in to Discord; %d slash commands synced", len(synced))

    def _configure_http_session(self) -> None:
        """Set a timeout per request, and switch off retries of posts.

        discord.py has no setting for either: it waits 5 minutes, for which the channel would be blocked.
        A timeout around its calls would also cancel waits for rate limits, which leaves their locks closed.
        """
        session: aiohttp.ClientSession = vars(self.http)["_HTTPClient__session"]
        session._timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        session._middlewares = (no_retry_middleware, limit_middleware)

    async def _configure_gateway(self) -> None:
        """Ask a server other than Discord where its gateway is; discord.py knows Discord's."""
        if self._settings.api_base.rstrip("/") != DISCORD_API:
            response = await self.http.request(Route("GET", "/gateway"))
            DiscordWebSocket.DEFAULT_GATEWAY = URL(response["url"])

    async def on_ready(self) -> None:
        """Start deliveries with the first session; retry what was rejected with each later one."""
        self.dispatcher.wake()
        if self._dispatcher_task is None:
            self._dispatcher_task = asyncio.create_task(self.dispatcher.run())
            log.info("Connected to Discord; deliveries start")

    async def on_message(self, message: discord.Message, /) -> None:
        """Do nothing: no message is a command, and cogs have their own listeners."""

    def dispatch(self, event_name: str, /, *args: Any, **kwargs: Any) -> None:
        """Dispatch an event, unless this client is closed.

        The library's task that waits for the last guild outlives the client by up to `guild_ready_timeout`,
        and its `ready` would make a coroutine that no event loop ever awaits.
        """
        if not self.is_closed():
            super().dispatch(event_name, *args, **kwargs)

    async def close(self) -> None:
        if self._dispatcher_task is not None:
            self._dispatcher_task.cancel()
            await asyncio.wait([self._dispatcher_task])
        await super().close()


def is_cloudflare_ban(error: Exception) -> bool:
    """Whether this is a 429 of Cloudflare, which bans the address: one of Discord's own has a Via header."""
    return (
        isinstance(error, discord.HTTPException)
        and error.status == 429
        and "Via" not in error.response.headers
    )


def set_api_base(api_base: str) -> None:
    """Set the API that discord.py calls. It has no option for this, only these two class attributes."""
    Route.BASE = api_base.rstrip("/")
    if Route.BASE != DISCORD_API:
        Asset.BASE = str(URL(Route.BASE).origin())


async def run_discord_client(create_client: Callable[[], TicketBot], gateway: GatewayStatus) -> None:
    """Log in and reconnect until cancelled, with a new client for each login.

    Raises LoginRejected for an invalid token or a missing intent, unless a login succeeded before: then
    tickets are still accepted, and the login is tried again.
    """
    wait, has_been_ready = 1.0, False
    while True:
        client = create_client()
        gateway.attach(client)
        error = await _run_until_error(client)
        gateway.mark_disconnected()
        if client.has_been_ready:
            wait, has_been_ready = 1.0, True
        if isinstance(error, discord.LoginFailure | discord.PrivilegedIntentsRequired):
            rejection, wait = _login_rejection(error)
            if not has_been_ready:
                raise rejection from error
            error = rejection
        elif error is not None and is_cloudflare_ban(error):
            wait = CLOUDFLARE_BAN_BACKOFF
        _log_disconnect(error, wait)
        await asyncio.sleep(wait)
        wait = min(MAX_BACKOFF_SECONDS, wait * 2)


async def _run_until_error(client: TicketBot) -> Exception | None:
    try:
        await client.run_until_closed()
    # A response or event that discord.py cannot parse ends its client, and must not end the bridge.
    except Exception as error:
        return error
    return None


def _login_rejection(
    error: discord.LoginFailure | discord.PrivilegedIntentsRequired,
) -> tuple[LoginRejected, float]:
    """What to do about it, and the seconds until the next login."""
    if isinstance(error, discord.LoginFailure):
        return LoginRejected(_LOGIN_FAILED), INVALID_TOKEN_BACKOFF
    return LoginRejected(_MISSING_INTENT), MAX_BACKOFF_SECONDS


def _log_disconnect(error: Exception | None, wait: float) -> None:
    if isinstance(error, LoginRejected):
        log.error("%s Tickets are accepted meanwhile; next login in %.0f s", error, wait)
    elif error is None or isinstance(error, RECONNECT_ERRORS):
        log.warning("Discord cannot be reached (%s); next login in %.0f s", error or "closed", wait)
    else:
        log.error("The Discord client failed; next login in %.0f s", wait, exc_info=error)
