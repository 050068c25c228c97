"""Choices for options of slash commands on tickets: the ticket itself, and what it can be given."""

from contextlib import suppress

from discord import app_commands

from bot.tickets.ticket import Ticket
from cogs.core.checks import NotStaff, workspaces_as_staff
from cogs.core.interactions import BotInteraction, Choices, choices_or_none
from cogs.core.markdown import plain_line
from cogs.tickets.embeds import status_label
from cogs.tickets.own_tickets import own_choices

_MAX_CHOICES = 25  # Discord's limit
_SEARCHED = 100  # tickets, of which those that a command is not for are left out


@choices_or_none
async def staff_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer staff recent tickets with what is typed in id, subject or players' names."""
    return _ticket_choices(await _recent_tickets(interaction, current))


@choices_or_none
async def viewer_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer staff the same, and everyone their own tickets."""
    return await _with_own(interaction, current, await _recent_or_none(interaction, current))


@choices_or_none
async def reply_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer the same without game reports: nobody can reply to their reporter."""
    recent = await _recent_or_none(interaction, current)
    return await _with_own(interaction, current, [one for one in recent if not one.view_only])


async def _with_own(interaction: BotInteraction, current: str, recent: list[Ticket]) -> Choices:
    offered = _ticket_choices(recent)
    names = {choice.value for choice in offered}
    own = [choice for choice in await own_choices(interaction, current) if choice.value not in names]
    return [*offered, *own][:_MAX_CHOICES]


async def _recent_or_none(interaction: BotInteraction, current: str) -> list[Ticket]:
    with suppress(NotStaff):
        return await _recent_tickets(interaction, current)
    return []


async def _recent_tickets(interaction: BotInteraction, current: str) -> list[Ticket]:
    workspaces = await workspaces_as_staff(interaction)
    ids = [one.id for one in workspaces]
    return await interaction.client.store.tickets.autocomplete(current, ids, _SEARCHED)


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
    found = await workspaces_as_staff(interaction)
    return _named_choices([(one.id, one.name) for each in found for one in each.departments], current)


@choices_or_none
async def category_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer staff the categories of their workspaces."""
    found = await workspaces_as_staff(interaction)
    return _named_choices([(one.id, one.name) for each in found for one in each.categories], current)


@choices_or_none
async def tag_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer staff the tags of their workspaces."""
    found = await workspaces_as_staff(interaction)
    return _named_choices([(tag, tag) for each in found for tag in each.tags], current)


def _named_choices(options: list[tuple[str, str]], current: str) -> Choices:
    """Choices by id, each once, whose id or name contains what is typed."""
    found = [
        app_commands.Choice(name=plain_line(name, 100) or plain_line(value, 100) or "—", value=value)
        for value, name in dict.fromkeys(options)
        if current.strip().casefold() in f"{value} {name}".casefold()
    ]
    return found[:_MAX_CHOICES]
