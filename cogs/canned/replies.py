"""Canned replies where staff use them: choices, the select in the form of a reply, and what is sent."""

from collections.abc import Sequence

import discord
from discord import app_commands

from bot.i18n.translations import gettext as _
from bot.tickets.actions import Role
from bot.tickets.canned_replies import CannedReply
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import Workspace
from cogs.core.checks import NotStaff, TicketAccess, workspaces_as_staff, workspaces_with_role
from cogs.core.interactions import BotInteraction, Choices, choices_or_none
from cogs.core.markdown import plain_line

CANNED_INPUT_ID = "canned"
_MAX_CHOICES = 25  # Discord's limit
_Label = discord.ui.Label[discord.ui.Modal]


@choices_or_none
async def canned_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer staff the canned replies whose name or text contains what is typed."""
    return await _choices(interaction, current, await workspaces_with_role(interaction, [Role.STAFF]))


@choices_or_none
async def managed_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer the same to those who may change them."""
    return await _choices(interaction, current, await workspaces_as_staff(interaction))


async def _choices(interaction: BotInteraction, current: str, workspaces: Sequence[Workspace]) -> Choices:
    found = await interaction.client.store.canned_replies.list_of_workspaces([one.id for one in workspaces])
    typed = current.strip().casefold()
    names = [one.name for one in found if typed in f"{one.name}\n{one.text}".casefold()]
    return [_choice(name) for name in dict.fromkeys(names)][:_MAX_CHOICES]


def _choice(name: str) -> app_commands.Choice[str]:
    return app_commands.Choice(name=plain_line(name, 100) or "—", value=name)


async def offered_replies(interaction: BotInteraction, ticket: Ticket, role: Role) -> list[CannedReply]:
    """The canned replies for the form of a reply to a ticket: none for its reporter."""
    if role is not Role.STAFF:
        return []
    return await interaction.client.store.canned_replies.list_of_workspaces([ticket.workspace_id])


def canned_label(replies: Sequence[CannedReply]) -> _Label:
    """Build the select in the form of a reply, with the first 25; `/ticket reply` offers them all."""
    select: discord.ui.Select[discord.ui.Modal] = discord.ui.Select(
        custom_id=CANNED_INPUT_ID,
        required=False,
        options=[
            discord.SelectOption(
                label=plain_line(one.name, 100) or "—",
                value=one.name,
                description=plain_line(one.text, 100) or None,
            )
            for one in replies[:_MAX_CHOICES]
        ],
    )
    return discord.ui.Label(
        text=_("Canned reply"), description=_("What you write below follows it."), component=select
    )


async def with_canned_reply(
    interaction: BotInteraction, access: TicketAccess, canned: str | None, text: str
) -> str:
    """The text of a reply: a canned one, filled in, and below it what was typed.

    Raises NotStaff, UnknownCannedReply, and what `ensure_replies_allowed` raises.
    """
    if canned is None:
        return text
    if access.role is not Role.STAFF:
        raise NotStaff
    access.ticket.ensure_replies_allowed()
    reply = await interaction.client.store.canned_replies.get_by_name(access.ticket.workspace_id, canned)
    server = interaction.guild.name if interaction.guild else ""
    return f"{reply.fill_in(access.ticket, access.actor, server)}\n\n{text}".strip()
