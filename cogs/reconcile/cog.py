"""Healing: notices what people delete in Discord, and what was deleted while nobody listened."""

import logging
from collections.abc import Awaitable, Iterable

import discord
from discord.ext import commands

from bot.discord_client.client import UNREACHABLE, TicketBot
from bot.tickets import Workspace
from cogs.reconcile.deleted import channel_gone, is_gone, post_gone, role_gone, thread_gone
from storage import StorageError

log = logging.getLogger(__name__)

# What was deleted is found again: with the next delivery that misses it, or when Discord is next there.
_LATER: tuple[type[Exception], ...] = (StorageError, discord.DiscordException, *UNREACHABLE)


class Healing(commands.Cog):
    """Deleted post, thread, channel or role -> nothing waits for it -> posted anew, or staff are told."""

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot

    @commands.Cog.listener()
    async def on_raw_message_delete(self, deleted: discord.RawMessageDeleteEvent) -> None:
        await self._heal(post_gone(self.bot, deleted.message_id))

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, deleted: discord.RawBulkMessageDeleteEvent) -> None:
        for message_id in deleted.message_ids:
            await self._heal(post_gone(self.bot, message_id))

    @commands.Cog.listener()
    async def on_raw_thread_delete(self, deleted: discord.RawThreadDeleteEvent) -> None:
        await self._heal(thread_gone(self.bot, deleted.thread_id))

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        await self._heal(channel_gone(self.bot, channel.id))

    @commands.Cog.listener()
    async def on_guild_role_delete(self, role: discord.Role) -> None:
        await self._heal(role_gone(self.bot, role.id))

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Every guild is known now: what is named or used and not in it was deleted meanwhile."""
        await self._heal(self._look_around())

    async def _look_around(self) -> None:
        named = [one for one in await self.bot.store.workspaces() if self._has_guild(one)]
        for workspace in named:
            guild = self.bot.get_guild(workspace.guild_id)
            if guild and guild.get_role(workspace.staff_role_id) is None:
                await role_gone(self.bot, workspace.staff_role_id)
        in_use = await self.bot.store.channels_in_use()
        await self._look_for(set(in_use).union(*(workspace.channel_ids for workspace in named)))

    async def _look_for(self, channel_ids: Iterable[int]) -> None:
        for channel_id in channel_ids:
            if self.bot.get_channel(channel_id) is None and await is_gone(self.bot, channel_id):
                await channel_gone(self.bot, channel_id)

    def _has_guild(self, workspace: Workspace) -> bool:
        guild = self.bot.get_guild(workspace.guild_id)
        return guild is not None and not guild.unavailable

    async def _heal(self, healing: Awaitable[object]) -> None:
        try:
            await healing
        except _LATER as error:
            log.warning("What was deleted in Discord could not be healed now: %s", error)


async def setup(bot: TicketBot) -> None:
    await bot.add_cog(Healing(bot))
