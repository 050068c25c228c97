"""Choices for options of slash commands on tickets: the ticket itself, and what it can be given."""

from collections.abc import Collection

from discord import app_commands

from bot.tickets.actions import REPLY, Role
from bot.tickets.roles import tickets_with_role
from bot.tickets.ticket import Ticket
from cogs.core.checks import NotStaff, role_ids_of, workspaces_with_role
from cogs.core.interactions import BotInteraction, Choices, ChoicesCallback, choices_or_none
from cogs.core.markdown import plain_line
from cogs.tickets.embeds import status_label
from cogs.tickets.own_tickets import own_choices

_MAX_CHOICES = 25  # Discord's limit
_SEARCHED = 100  # tickets, of which those that a command is not for are left out


def choices_for(*allowed: Role) -> ChoicesCallback:
    """Make the choices for a ticket: recent ones on which the user has an allowed role.

    What is typed is looked for in id, subject and players' names.
    """

    @choices_or_none
    async def offer(interaction: BotInteraction, current: str) -> Choices:
        recent = await _recent_tickets(interaction, current, allowed)
        return await _with_own(interaction, current, recent, allowed)

    return offer


staff_choices = choices_for(Role.STAFF)


@choices_or_none
async def reply_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer the same for a reply, without game reports: nobody can reply to their reporter."""
    recent = await _recent_tickets(interaction, current, REPLY.allowed)
    answerable = [one for one in recent if not one.view_only]
    return await _with_own(interaction, current, answerable, REPLY.allowed)


async def _with_own(
    interaction: BotInteraction, current: str, recent: list[Ticket], allowed: Collection[Role]
) -> Choices:
    offered = _ticket_choices(recent)
    if Role.REPORTER not in allowed:
        return offered
    names = {choice.value for choice in offered}
    own = [choice for choice in await own_choices(interaction, current) if choice.value not in names]
    return [*offered, *own][:_MAX_CHOICES]


async def _recent_tickets(
    interaction: BotInteraction, current: str, allowed: Collection[Role]
) -> list[Ticket]:
    try:
        workspaces = await workspaces_with_role(interaction, allowed)
    except NotStaff:
        return []
    is_offered = tickets_with_role(workspaces, role_ids_of(interaction.user), allowed)
    ids = [one.id for one in workspaces]
    return await interaction.client.store.tickets.autocomplete(current, ids, _SEARCHED, is_offered=is_offered)


def _ticket_choices(tickets: list[Ticket]) -> Choices:
    return [
        app_commands.Choice(name=ticket_label(one), value=one.public_id) for one in tickets[:_MAX_CHOICES]
    ]


def ticket_label(ticket: Ticket) -> str:
    """A ticket as staff tell it from others: status, id, reporter, reported player, subject."""
    reported = f" → {ticket.reported_player.label}" if ticket.reported_player else ""
    players = plain_line(f"{ticket.reporter.label}{reported}", 40)
    status = status_label(ticket.status)
    return plain_line(f"{status} · {ticket.public_id} · {players} · {ticket.subject}", 100)


@choices_or_none
async def department_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer staff the departments of their workspaces."""
    found = await workspaces_with_role(interaction, [Role.STAFF])
    return _named_choices([(one.id, one.name) for each in found for one in each.departments], current)


@choices_or_none
async def category_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer staff the categories of their workspaces."""
    found = await workspaces_with_role(interaction, [Role.STAFF])
    return _named_choices([(one.id, one.name) for each in found for one in each.categories], current)


@choices_or_none
async def tag_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer staff the tags of their workspaces."""
    found = await workspaces_with_role(interaction, [Role.STAFF])
    return _named_choices([(tag, tag) for each in found for tag in each.tags], current)


def _named_choices(options: list[tuple[str, str]], current: str) -> Choices:
    """Choices by id, each once, whose id or name contains what is typed."""
    found = [
        app_commands.Choice(name=plain_line(name, 100) or plain_line(value, 100) or "—", value=value)
        for value, name in dict.fromkeys(options)
        if current.strip().casefold() in f"{value} {name}".casefold()
    ]
    return found[:_MAX_CHOICES]
