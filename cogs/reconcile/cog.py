"""Healing: notices what people delete in Discord, and what was deleted while nobody listened."""

import logging
from collections.abc import Awaitable, Iterable

import discord
from discord.ext import commands

from bot.discord_client.client import NETWORK_ERRORS, TicketBot
from bot.tickets.workspace import Workspace
from cogs.reconcile.deleted import (
    is_deleted,
    on_channel_deleted,
    on_post_deleted,
    on_role_deleted,
    on_thread_deleted,
)
from storage import StorageError

log = logging.getLogger(__name__)

# What was deleted is found again: with the next delivery that misses it, or when Discord is next there.
_TRANSIENT_ERRORS: tuple[type[Exception], ...] = (StorageError, discord.DiscordException, *NETWORK_ERRORS)


class ReconcileCog(commands.Cog):
    """Deleted post, thread, channel or role -> nothing waits for it -> posted anew, or staff are told."""

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot

    @commands.Cog.listener()
    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        await self._reconcile(on_post_deleted(self.bot, payload.message_id))

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        for message_id in payload.message_ids:
            await self._reconcile(on_post_deleted(self.bot, message_id))

    @commands.Cog.listener()
    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        await self._reconcile(on_thread_deleted(self.bot, payload.thread_id))

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        await self._reconcile(on_channel_deleted(self.bot, channel.id))

    @commands.Cog.listener()
    async def on_guild_role_delete(self, role: discord.Role) -> None:
        await self._reconcile(on_role_deleted(self.bot, role.id))

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Every guild is known now: what is named or used and not in it was deleted meanwhile."""
        await self._reconcile(self._reconcile_all())

    async def _reconcile_all(self) -> None:
        named = [one for one in await self.bot.store.workspaces() if self._is_guild_available(one)]
        for workspace in named:
            guild = self.bot.get_guild(workspace.guild_id)
            if guild and guild.get_role(workspace.staff_role_id) is None:
                await on_role_deleted(self.bot, workspace.staff_role_id)
        in_use = await self.bot.store.channels_in_use()
        await self._reconcile_channels(set(in_use).union(*(workspace.channel_ids for workspace in named)))

    async def _reconcile_channels(self, channel_ids: Iterable[int]) -> None:
        for channel_id in channel_ids:
            if self.bot.get_channel(channel_id) is None and await is_deleted(self.bot, channel_id):
                await on_channel_deleted(self.bot, channel_id)

    def _is_guild_available(self, workspace: Workspace) -> bool:
        guild = self.bot.get_guild(workspace.guild_id)
        return guild is not None and not guild.unavailable

    async def _reconcile(self, operation: Awaitable[object]) -> None:
        try:
            await operation
        except _TRANSIENT_ERRORS as error:
            log.warning("What was deleted in Discord could not be healed now: %s", error)


async def setup(bot: TicketBot) -> None:
    await bot.add_cog(ReconcileCog(bot))
