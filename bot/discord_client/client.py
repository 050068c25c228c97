"""The Discord client: logs in, loads the cogs, syncs slash commands and lets deliveries go out."""

import asyncio
import logging
from collections.abc import Sequence

import aiohttp
import discord
from discord.asset import Asset
from discord.ext import commands
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL

from bot.config import DISCORD_API, DiscordSettings
from bot.discord_client.invalid_requests import InvalidRequestGuard
from bot.outbox.dispatcher import Dispatcher
from storage import Store

log = logging.getLogger(__name__)

# What discord.py raises, besides its own, when nobody answers.
NETWORK_ERRORS: tuple[type[Exception], ...] = (OSError, aiohttp.ClientError, TimeoutError)

# Neither is privileged: what people type is not read, only that they typed and in answer to what.
INTENTS = discord.Intents(guilds=True, guild_messages=True)
# Where typed replies are on.
TYPED_REPLY_INTENTS = discord.Intents(guilds=True, guild_messages=True, message_content=True)

REQUEST_SECONDS = 15.0  # for one answer of Discord's, after which its outcome is unknown
INVALID_TOKEN_BACKOFF = 400.0  # between two looks whether Discord knows the token again
CLOUDFLARE_BAN_BACKOFF = 600.0  # for which an address that Discord's front refuses leaves it alone


class TicketBot(commands.Bot):
    """One login to Discord. Ask it for `store` and `dispatcher`; it owns neither."""

    def __init__(
        self,
        *,
        settings: DiscordSettings,
        store: Store,
        dispatcher: Dispatcher,
        requests: InvalidRequestGuard,
        extensions: Sequence[str],
    ) -> None:
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            intents=TYPED_REPLY_INTENTS if settings.typed_replies else INTENTS,
            allowed_mentions=discord.AllowedMentions.none(),
            guild_ready_timeout=0.5,  # seconds; nothing here needs every guild known before it starts
            max_ratelimit_timeout=30.0,  # a longer wait goes back to the outbox, where it shows
            http_trace=requests.trace_config(),
        )
        self.store = store
        self.dispatcher = dispatcher
        self.typed_replies = settings.typed_replies
        self._settings = settings
        self._extensions = extensions
        self._dispatcher_task: asyncio.Task[None] | None = None

    async def run_until_closed(self) -> None:
        """Until closed. Raises discord.LoginFailure for a token Discord does not know.

        Raises discord.PrivilegedIntentsRequired where typed replies are on and Discord does not allow them.
        """
        set_api_base(self._settings.api_base)
        async with self:
            await self.start(self._settings.token.get_secret_value())

    @property
    def has_been_ready(self) -> bool:
        """Whether this login ever got as far as delivering."""
        return self._dispatcher_task is not None

    async def setup_hook(self) -> None:
        self._configure_http_session()
        await self._configure_gateway()
        for extension in self._extensions:
            await self.load_extension(extension)
        synced = await self.tree.sync()
        log.info("Logged in to Discord; %d slash commands synced", len(synced))

    def _configure_http_session(self) -> None:
        """A request that hangs lets go of its channel; the library would wait 5 minutes, and has no setting.

        Waiting for a rate limit is no request: cancelling that would leave its lock closed. And whether a
        request is made again is for the outbox to say, which looks first whether it had its effect.
        """
        session: aiohttp.ClientSession = vars(self.http)["_HTTPClient__session"]
        session._timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        session._middlewares = (no_retry_middleware,)

    async def _configure_gateway(self) -> None:
        """Discord itself is where the library thinks it is; any other server is asked."""
        if self._settings.api_base.rstrip("/") != DISCORD_API:
            answer = await self.http.request(Route("GET", "/gateway"))
            DiscordWebSocket.DEFAULT_GATEWAY = URL(answer["url"])

    async def on_ready(self) -> None:
        """Comes again after every new session, so the token is good; deliveries start with the first."""
        self.dispatcher.wake()
        if self._dispatcher_task is None:
            self._dispatcher_task = asyncio.create_task(self.dispatcher.run())
            log.info("Connected to Discord; deliveries go out")

    async def on_message(self, message: discord.Message, /) -> None:
        """Nothing typed is a command; the cogs that listen to messages do so by themselves."""

    async def close(self) -> None:
        if self._dispatcher_task is not None:
            self._dispatcher_task.cancel()
            await asyncio.wait([self._dispatcher_task])
        await super().close()


class ServerError(aiohttp.ClientError):
    """Discord failed while it did something in a channel: it may be done, or not."""


async def no_retry_middleware(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """The library would make a request again by itself, up to five times, if it is answered 500, 502 or 504.

    Interactions may be: they have no outbox behind them, and their tokens are good once.
    """
    response = await handler(request)
    if response.status >= 500 and request.method == "POST" and "/channels/" in request.url.path:
        response.close()
        raise ServerError(f"Discord answered {response.status}")
    return response


def is_cloudflare_ban(error: Exception) -> bool:
    """Whether Discord's front refuses this address: only Discord's own 429 names who sent it."""
    return (
        isinstance(error, discord.HTTPException)
        and error.status == 429
        and "Via" not in error.response.headers
    )


def set_api_base(api_base: str) -> None:
    """Point discord.py at an API. It has no option for this, only these two places, read at each request."""
    Route.BASE = api_base.rstrip("/")
    if Route.BASE != DISCORD_API:
        Asset.BASE = str(URL(Route.BASE).origin())
