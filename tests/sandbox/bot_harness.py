"""The unmodified discord.py, connected to a sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import discord
from discord.asset import Asset
from discord.ext import commands
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL

from bot.sandbox import DemoGuild, Sandbox, demo_guild
from bot.sandbox.rest.rate_limits import RateLimit, RateLimiter

INTENTS = discord.Intents(guilds=True, guild_messages=True, guild_reactions=True, dm_messages=True)


class RecordingBot(commands.Bot):
    """A bot that records the names of its events and its messages."""

    def __init__(self, intents: discord.Intents = INTENTS, **more: Any) -> None:
        super().__init__("!", help_command=None, intents=intents, guild_ready_timeout=0.1, **more)
        self.events: list[str] = []
        self.messages: list[discord.Message] = []

    def dispatch(self, event_name: str, /, *args: Any, **kwargs: Any) -> None:
        self.events.append(event_name)
        super().dispatch(event_name, *args, **kwargs)

    async def on_message(self, message: discord.Message, /) -> None:
        self.messages.append(message)


@dataclass(kw_only=True)
class ConnectedBot:
    """A served sandbox with the demo guild, and a bot that is ready in it."""

    sandbox: Sandbox
    guild: DemoGuild
    bot: RecordingBot

    def channel(self, name: str = "tickets") -> discord.TextChannel:
        found = self.bot.get_channel(self.guild.channels[name])
        assert isinstance(found, discord.TextChannel)
        return found

    @property
    def discord_guild(self) -> discord.Guild:
        found = self.bot.get_guild(self.guild.id)
        assert found is not None
        return found

    async def send(self, content: str = "hello", channel: str = "tickets", **more: Any) -> discord.Message:
        return await self.channel(channel).send(content, **more)

    def members_of(self, thread: discord.Thread) -> set[int]:
        """Return the ids of the users in a thread."""
        return set(self.sandbox.state.world.channel(thread.id).joined)

    def message_payload(self, message_id: int, channel: str | int = "tickets") -> dict[str, Any]:
        """Return the message object as the sandbox stores it."""
        (found,) = (m for m in self.sandbox.messages(channel) if m["id"] == str(message_id))
        return found


@contextmanager
def route_discord_py_to(sandbox: Sandbox) -> Any:
    """Point discord.py's API, gateway and asset URLs to the sandbox."""
    before = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY, Asset.BASE
    Route.BASE, Asset.BASE = sandbox.api_base, sandbox.address
    DiscordWebSocket.DEFAULT_GATEWAY = URL(sandbox.gateway_url)
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY, Asset.BASE = before


@asynccontextmanager
async def connect(bot: RecordingBot, **settings: Any) -> AsyncIterator[ConnectedBot]:
    """Serve a sandbox with the demo guild, and connect the bot until it is ready."""
    timeouts = {"followup_timeout": 60.0, "callback_deadline": 60.0}  # far beyond any machine's pauses
    sandbox = Sandbox(**{"rate_limits": False} | timeouts | settings)
    guild = demo_guild(sandbox)
    async with sandbox.serve():
        with route_discord_py_to(sandbox):
            async with bot, run_bot(bot, sandbox.token):
                yield ConnectedBot(sandbox=sandbox, guild=guild, bot=bot)


@asynccontextmanager
async def run_bot(bot: RecordingBot, token: str) -> AsyncIterator[None]:
    started = asyncio.create_task(bot.start(token))
    ready = asyncio.create_task(bot.wait_for("ready"))
    try:
        await asyncio.wait([started, ready], return_when=asyncio.FIRST_COMPLETED)
        if started.done():
            started.result()
        assert bot.is_ready()
        yield
    finally:
        ready.cancel()
        await bot.close()
        await asyncio.gather(started, ready, return_exceptions=True)


def limit_until_a_429(sandbox: Sandbox, name: str, limit: RateLimit) -> None:
    """Set a rate limit whose clock stands still, and passes `per` seconds with each 429.

    However slow the machine is, requests past the limit meet a 429, and their repetition does not.
    """

    def clock() -> float:
        return limit.per * len([request for request in sandbox.requests if request["status"] == 429])

    sandbox.state.rate_limiter = RateLimiter({name: limit}, clock)


async def eventually(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Poll `condition` until it is true and return its value; fail after the deadline."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not (value := condition()):
        assert asyncio.get_running_loop().time() < deadline, f"not within {seconds} s"
        await asyncio.sleep(0.01)
    return value
