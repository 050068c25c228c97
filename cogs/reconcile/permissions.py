"""Repairs: when Discord tells that the bot may post again where it was refused, what waits there goes on."""

import discord
from discord.ext import commands

from bot.discord_client.client import TicketBot
from cogs.core.permissions import missing_permissions


class PermissionWatcher(commands.Cog):
    """Channel, role, member or guild changed -> may the bot post where it might not before? -> look again.

    Only a change for the better counts: a channel that refuses for another reason is not asked more often
    because somebody edits roles.
    """

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot
        # Channels in which something needed was missing when last looked, or may have been before.
        self._blocked_channels = set(bot.dispatcher.breaker.channel_circuits)

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        for guild in self.bot.guilds:
            self._recheck(guild)

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Thrown out and invited again: whatever it refused then, all of it is another try's worth now."""
        self._blocked_channels |= {channel.id for channel in guild.text_channels}
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
        """The overwrites that named it are gone with it."""
        self._recheck(role.guild)

    @commands.Cog.listener()
    async def on_member_update(self, before: discord.Member, after: discord.Member) -> None:
        if after.id == after.guild.me.id:
            self._recheck(after.guild)

    def _recheck(self, guild: discord.Guild) -> None:
        barred = {channel.id for channel in guild.text_channels if missing_permissions(channel)}
        for channel in guild.text_channels:
            if channel.id in self._blocked_channels and channel.id not in barred:
                self.bot.dispatcher.wake(channel.id)
        self._blocked_channels -= {channel.id for channel in guild.text_channels}
        self._blocked_channels |= barred


async def setup(bot: TicketBot) -> None:
    await bot.add_cog(PermissionWatcher(bot))
