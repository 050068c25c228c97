"""Who is staff, and which ticket is meant: asked of the store at every interaction, never remembered."""

from datetime import UTC, datetime

import discord

from bot.tickets import Person, Refusal, Ticket, UnknownTicket, Workspace
from storage import Store


class NotStaff(Refusal):
    """Only staff can do that."""


class NoWorkspace(Refusal):
    """This Discord server has no workspace. Who manages the server makes one with `/setup workspace`."""


class TicketNeeded(Refusal):
    """Name a ticket, or use the command in a ticket's own thread."""


def is_staff(user: discord.User | discord.Member, workspace: Workspace) -> bool:
    """Whether they hold the workspace's staff role, by its id."""
    return isinstance(user, discord.Member) and any(role.id == workspace.staff_role_id for role in user.roles)


async def workspaces_here(store: Store, interaction: discord.Interaction) -> list[Workspace]:
    """The workspaces of the interaction's guild. Raises NoWorkspace."""
    found = await store.workspaces_of_guild(interaction.guild_id or 0)
    if not found:
        raise NoWorkspace
    return found


async def staffed_workspaces(store: Store, interaction: discord.Interaction) -> list[Workspace]:
    """Those of them in which the user is staff. Raises NotStaff if there is none."""
    here = await workspaces_here(store, interaction)
    staffed = [workspace for workspace in here if is_staff(interaction.user, workspace)]
    if not staffed:
        raise NotStaff
    return staffed


async def staff_ticket(store: Store, interaction: discord.Interaction, ticket_id: int) -> Ticket:
    """The ticket, for its own workspace's staff alone. Raises NotStaff, UnknownTicket."""
    staffed = {workspace.id for workspace in await staffed_workspaces(store, interaction)}
    ticket = await store.ticket(ticket_id)
    if ticket.workspace_id not in staffed:
        raise UnknownTicket
    return ticket


async def named_ticket(store: Store, interaction: discord.Interaction, public_id: str | None) -> Ticket:
    """The ticket of that id, or the one whose thread this is. Raises TicketNeeded, UnknownTicket."""
    if public_id is not None:
        name = public_id.strip()
        ticket = await store.ticket_named(name) or await store.ticket_named(name.upper())
    else:
        ticket = await store.ticket_shown_at(interaction.channel_id or 0)
        if ticket is None:
            raise TicketNeeded
    if ticket is None:
        raise UnknownTicket
    return ticket


def person_of(interaction: discord.Interaction) -> Person:
    return Person(id=str(interaction.user.id), name=interaction.user.display_name)


def origin_of(interaction: discord.Interaction) -> str:
    """What a message kept on behalf of this interaction is known by, so that it is kept once."""
    return f"interaction:{interaction.id}"


def now() -> datetime:
    """The time at the door: an interaction has just come in."""
    return datetime.now(UTC)
