"""`/privacy ...`: what members decide about messages to them."""

import logging
from typing import Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot.discord_client.client import TicketBot
from cogs.core.interactions import BotInteraction, deferred
from cogs.privacy.data import ask_to_erase, handle_erase_button, send_export
from cogs.privacy.messages import (
    change_messages,
    handle_messages_button,
    time_zone_choices,
)
from storage import StorageError

log = logging.getLogger(__name__)

_Text = app_commands.Range[str, 1, 100]


@app_commands.allowed_installs(guilds=True, users=False)
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
class PrivacyCommands(commands.GroupCog, group_name="privacy", group_description="What the bot sends you"):
    """`/privacy ...`, in servers and in direct messages. Only the user sees the answers."""

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot

    @app_commands.command()
    @app_commands.describe(
        send="Whether you get direct messages about your tickets from a game",
        quiet_from="When your quiet hours begin, as 22:00; off: no quiet hours",
        quiet_to="When your quiet hours end, as 07:30; off: no quiet hours",
        time_zone="Where you are: type a city",
    )
    @app_commands.autocomplete(time_zone=time_zone_choices)
    @deferred
    async def messages(
        self,
        interaction: BotInteraction,
        send: Literal["on", "off"] | None = None,
        quiet_from: _Text | None = None,
        quiet_to: _Text | None = None,
        time_zone: _Text | None = None,
    ) -> None:
        """Direct messages about your tickets: on or off, and quiet hours."""
        await change_messages(
            interaction, send=send, quiet_from=quiet_from, quiet_to=quiet_to, time_zone=time_zone
        )

    @app_commands.command()
    @deferred
    async def export(self, interaction: BotInteraction) -> None:
        """Get a file with all your tickets, what was said on them, and your linked accounts."""
        await send_export(interaction)

    @app_commands.command()
    @deferred
    async def erase(self, interaction: BotInteraction) -> None:
        """Erase what you wrote on your tickets, and who you are; you are asked first."""
        await ask_to_erase(interaction)

    @commands.Cog.listener()
    async def on_interaction(self, interaction: BotInteraction) -> None:
        """Remember the user's language, write to them again, and handle the buttons below messages."""
        if interaction.type is discord.InteractionType.autocomplete:
            return
        try:
            await self.bot.store.members.record_use(interaction.user.id, interaction.locale.value)
        except StorageError as error:  # at the next use
            log.warning("A member's language could not be saved: %s", error)
        await handle_messages_button(interaction)
        await handle_erase_button(interaction)


async def setup(bot: TicketBot) -> None:
    await bot.add_cog(PrivacyCommands(bot))
