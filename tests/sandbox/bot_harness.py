"""The unmodified discord.py, aimed at a sandbox and logged in."""

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

INTENTS = discord.Intents(guilds=True, guild_messages=True, guild_reactions=True, dm_messages=True)


class Listener(commands.Bot):
    """A bot that writes down the names of the events it gets."""

    def __init__(self, intents: discord.Intents = INTENTS, **more: Any) -> None:
        super().__init__("!", help_command=None, intents=intents, guild_ready_timeout=0.1, **more)
        self.heard: list[str] = []
        self.received: list[discord.Message] = []

    def dispatch(self, event_name: str, /, *args: Any, **kwargs: Any) -> None:
        self.heard.append(event_name)
        super().dispatch(event_name, *args, **kwargs)

    async def on_message(self, message: discord.Message, /) -> None:
        self.received.append(message)


@dataclass(kw_only=True)
class Stage:
    sandbox: Sandbox
    guild: DemoGuild
    bot: Listener

    def channel(self, name: str = "tickets") -> discord.TextChannel:
        found = self.bot.get_channel(self.guild.channels[name])
        assert isinstance(found, discord.TextChannel)
        return found

    @property
    def home(self) -> discord.Guild:
        found = self.bot.get_guild(self.guild.id)
        assert found is not None
        return found

    async def send(self, content: str = "hello", channel: str = "tickets", **more: Any) -> discord.Message:
        return await self.channel(channel).send(content, **more)

    def members_of(self, thread: discord.Thread) -> set[int]:
        """The ids of the users in a thread."""
        return set(self.sandbox.state.world.channel(thread.id).joined)

    def shown(self, message_id: int, channel: str | int = "tickets") -> dict[str, Any]:
        """The message object as it is in the sandbox."""
        (found,) = (m for m in self.sandbox.messages(channel) if m["id"] == str(message_id))
        return found


@contextmanager
def aimed_at(sandbox: Sandbox) -> Any:
    before = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY, Asset.BASE
    Route.BASE, Asset.BASE = sandbox.api_base, sandbox.address
    DiscordWebSocket.DEFAULT_GATEWAY = URL(sandbox.gateway_url)
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY, Asset.BASE = before


@asynccontextmanager
async def logged_in(bot: Listener, **settings: Any) -> AsyncIterator[Stage]:
    """A served sandbox with the demo guild and the bot in it, ready."""
    patience = {"followup_timeout": 1.0, "callback_deadline": 20.0}  # a machine may stand still for seconds
    sandbox = Sandbox(**{"rate_limits": False} | patience | settings)
    guild = demo_guild(sandbox)
    async with sandbox.serve():
        with aimed_at(sandbox):
            async with bot, running(bot, sandbox.token):
                yield Stage(sandbox=sandbox, guild=guild, bot=bot)


@asynccontextmanager
async def running(bot: Listener, token: str) -> AsyncIterator[None]:
    started = asyncio.create_task(bot.start(token))
    ready = asyncio.create_task(bot.wait_for("ready"))
    try:
        await asyncio.wait([started, ready], return_when=asyncio.FIRST_COMPLETED, timeout=5)
        if started.done():
            started.result()
        assert bot.is_ready()
        yield
    finally:
        ready.cancel()
        await bot.close()
        await asyncio.gather(started, ready, return_exceptions=True)


async def eventually(look: Callable[[], Any], seconds: float = 3.0) -> Any:
    """What `look` sees once it is true; fails if it never is."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not (seen := look()):
        assert asyncio.get_running_loop().time() < deadline, f"not within {seconds} s"
        await asyncio.sleep(0.01)
    return seen
