"""What people delete in Discord, also while the bot was away, and channels in which it may post again."""

import logging
from collections.abc import Awaitable, Iterable

import discord
from discord.ext import commands

from bot.discord_client.client import TicketBot
from bot.tickets.workspace import Workspace
from cogs.core.errors import TRANSIENT_ERRORS
from cogs.core.permissions import USED_PERMISSIONS, denied_permissions
from cogs.reconcile.deleted import (
    is_deleted,
    on_channel_deleted,
    on_post_deleted,
    on_role_deleted,
    on_thread_deleted,
)

log = logging.getLogger(__name__)


class ReconcileCog(commands.Cog):
    """Deleted post, thread, channel or role -> posted again, or staff are notified."""

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
        """Every guild is known now: a channel or role that is used and not in it was deleted meanwhile."""
        await self._reconcile(self._reconcile_all())

    async def _reconcile_all(self) -> None:
        workspaces = [
            one for one in await self.bot.store.workspaces.list_all() if self._is_guild_available(one)
        ]
        for workspace in workspaces:
            guild = self.bot.get_guild(workspace.guild_id)
            for role_id in workspace.role_ids if guild else ():
                if guild and guild.get_role(role_id) is None:
                    await on_role_deleted(self.bot, role_id)
        in_use = await self.bot.store.deleted_channels.channels_in_use()
        await self._reconcile_channels(set(in_use).union(*(one.channel_ids for one in workspaces)))

    async def _reconcile_channels(self, channel_ids: Iterable[int]) -> None:
        for channel_id in channel_ids:
            if self.bot.get_channel(channel_id) is None and await is_deleted(self.bot, channel_id):
                await on_channel_deleted(self.bot, channel_id)

    def _is_guild_available(self, workspace: Workspace) -> bool:
        guild = self.bot.get_guild(workspace.guild_id)
        return guild is not None and not guild.unavailable

    async def _reconcile(self, operation: Awaitable[object]) -> None:
        """Run it; what fails is found again by the next delivery that needs it, or at the next connection."""
        try:
            await operation
        except TRANSIENT_ERRORS as error:
            log.warning("What was deleted in Discord could not be recorded: %s", error)


class PermissionWatcher(commands.Cog):
    """Channel, role, member or guild changed -> was the bot allowed more in a channel? -> try again there.

    Only a change for the better counts: a channel that is forbidden for another reason is not tried more
    often because roles are edited.
    """

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot
        # What the bot lacked at the last check. In a channel that refused something before this login, that
        # is unknown, and may have been all.
        all_denied = frozenset(USED_PERMISSIONS)
        circuits = bot.dispatcher.breaker.circuits.values()
        self._denied = dict.fromkeys((circuit.channel_id for circuit in circuits), all_denied)

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        for guild in self.bot.guilds:
            self._recheck(guild)

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Invited again: every channel that was forbidden before is worth another try."""
        self._denied |= dict.fromkeys((one.id for one in guild.text_channels), frozenset(USED_PERMISSIONS))
        self._recheck(guild)

    @commands.Cog.listener()
    async def on_guild_available(self, guild: discord.Guild) -> None:
        self._recheck(guild)

    @commands.Cog.listener()
    async def on_guild_channel_create(self, channel: discord.abc.GuildChannel) -> None:
        self._recheck(channel.guild)

    @commands.Cog.listener()
    async def on_guild_channel_update(
        self, before: discord.abc.GuildChannel, after: discord.abc.GuildChannel
    ) -> None:
        self._recheck(after.guild)

    @commands.Cog.listener()
    async def on_guild_role_update(self, before: discord.Role, after: discord.Role) -> None:
        self._recheck(after.guild)

    @commands.Cog.listener()
    async def on_guild_role_delete(self, role: discord.Role) -> None:
        """Its overwrites are deleted with it."""
        self._recheck(role.guild)

    @commands.Cog.listener()
    async def on_member_update(self, before: discord.Member, after: discord.Member) -> None:
        if after.id == after.guild.me.id:
            self._recheck(after.guild)

    def _recheck(self, guild: discord.Guild) -> None:
        for channel in guild.text_channels:
            denied = denied_permissions(channel)
            if self._denied.get(channel.id, denied) - denied:
                self.bot.dispatcher.wake(channel.id)
                self.bot.dispatch("permissions_granted", channel.id)
            self._denied[channel.id] = denied


async def setup(bot: TicketBot) -> None:
    await bot.add_cog(ReconcileCog(bot))
    await bot.add_cog(PermissionWatcher(bot))
