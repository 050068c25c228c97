"""The Discord client: logs in, loads the cogs, syncs slash commands and lets deliveries go out."""

import asyncio
import importlib
import logging
import pkgutil

import aiohttp
import discord
from discord.asset import Asset
from discord.ext import commands
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL

from bot.config import DISCORD_API, DiscordSettings
from bot.dispatcher import Dispatcher
from storage import Store

log = logging.getLogger(__name__)

# What discord.py raises, besides its own, when nobody answers.
UNREACHABLE: tuple[type[Exception], ...] = (OSError, aiohttp.ClientError, TimeoutError)

# Neither is privileged: what people type is never read, only that they typed and in answer to what.
INTENTS = discord.Intents(guilds=True, guild_messages=True)


REQUEST_SECONDS = 15.0  # for one answer of Discord's, after which its outcome is unknown


class TicketBot(commands.Bot):
    """One login to Discord. Ask it for `store` and `dispatcher`; it owns neither."""

    def __init__(self, *, settings: DiscordSettings, store: Store, dispatcher: Dispatcher) -> None:
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            intents=INTENTS,
            allowed_mentions=discord.AllowedMentions.none(),
            guild_ready_timeout=0.5,  # seconds; nothing here needs every guild known before it starts
            max_ratelimit_timeout=30.0,  # a longer wait goes back to the outbox, where it shows
        )
        self.store = store
        self.dispatcher = dispatcher
        self._settings = settings
        self._dispatching: asyncio.Task[None] | None = None

    async def log_in_and_stay(self) -> None:
        """Until closed. Raises discord.LoginFailure for a token Discord does not know."""
        aim_at(self._settings.api_base)
        async with self:
            await self.start(self._settings.token.get_secret_value())

    @property
    def was_connected(self) -> bool:
        """Whether this login ever got as far as delivering."""
        return self._dispatching is not None

    async def setup_hook(self) -> None:
        self._bound_requests()
        await self._find_gateway()
        for cog in sorted(_public_modules("cogs")):
            await self.load_extension(cog)
        synced = await self.tree.sync()
        log.info("Logged in to Discord; %d slash commands synced", len(synced))

    def _bound_requests(self) -> None:
        """A request that hangs lets go of its channel; the library would wait 5 minutes, and has no setting.

        Waiting for a rate limit is no request: cancelling that would leave its lock closed.
        """
        session: aiohttp.ClientSession = vars(self.http)["_HTTPClient__session"]
        session._timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)

    async def _find_gateway(self) -> None:
        """Discord itself is where the library thinks it is; any other server is asked."""
        if self._settings.api_base.rstrip("/") != DISCORD_API:
            answer = await self.http.request(Route("GET", "/gateway"))
            DiscordWebSocket.DEFAULT_GATEWAY = URL(answer["url"])

    async def on_ready(self) -> None:
        """Comes again after every new session; deliveries start with the first."""
        if self._dispatching is None:
            self._dispatching = asyncio.create_task(self.dispatcher.run())
            log.info("Connected to Discord; deliveries go out")

    async def on_message(self, message: discord.Message, /) -> None:
        """Nothing typed is a command; the cogs that listen to messages do so by themselves."""

    async def close(self) -> None:
        if self._dispatching is not None:
            self._dispatching.cancel()
            await asyncio.wait([self._dispatching])
        await super().close()


def aim_at(api_base: str) -> None:
    """Point discord.py at an API. It has no option for this, only these two places, read at each request."""
    Route.BASE = api_base.rstrip("/")
    if Route.BASE != DISCORD_API:
        Asset.BASE = str(URL(Route.BASE).origin())


def _public_modules(package: str) -> list[str]:
    folder = importlib.import_module(package).__path__
    return [f"{package}.{module.name}" for module in pkgutil.iter_modules(folder) if module.name[0] != "_"]
