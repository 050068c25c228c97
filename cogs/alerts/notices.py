"""Notices to a workspace: what is broken, gone or late, said in its log channel and in the log."""

import logging

import discord

from bot.discord_client.client import NETWORK_ERRORS, TicketBot
from bot.tickets.workspace import Workspace
from cogs.alerts.log_channel import alert_embed

log = logging.getLogger(__name__)

_DISCORD_ERRORS: tuple[type[Exception], ...] = (discord.DiscordException, *NETWORK_ERRORS)


async def notify(bot: TicketBot, workspace: Workspace, text: str) -> None:
    """Say `text` in the workspace's log channel, if it has one, and in the log in any case.

    `text` is in our words and ids alone, for it is logged: never a subject, a name or anything else that
    somebody wrote. What cannot be sent is only logged.
    """
    log.warning("Workspace %s: %s", workspace.id, text)
    if workspace.log_channel_id is None:
        return
    channel = bot.get_partial_messageable(workspace.log_channel_id, guild_id=workspace.guild_id)
    try:
        await channel.send(
            embed=alert_embed(text), allowed_mentions=discord.AllowedMentions.none(), silent=True
        )
    except _DISCORD_ERRORS as error:
        log.warning(
            "Workspace %s: its log channel %d takes no notice: %s",
            *(workspace.id, workspace.log_channel_id, type(error).__name__),
        )
