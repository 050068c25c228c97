"""Who is staff, and which ticket is meant: asked of the store at every interaction, never remembered."""

from datetime import UTC, datetime

import discord

from bot.tickets.errors import TicketError, UnknownTicket
from bot.tickets.message import Actor
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import Workspace
from storage import Store


class NotStaff(TicketError):
    """Only staff can do that."""


class NoWorkspace(TicketError):
    """This Discord server has no workspace. Who manages the server makes one with `/setup workspace`."""


class TicketRequired(TicketError):
    """Name a ticket, or use the command in a ticket's own thread."""


def is_staff(user: discord.User | discord.Member, workspace: Workspace) -> bool:
    """Whether they hold the workspace's staff role, by its id."""
    return isinstance(user, discord.Member) and any(role.id == workspace.staff_role_id for role in user.roles)


async def guild_workspaces(store: Store, interaction: discord.Interaction) -> list[Workspace]:
    """The workspaces of the interaction's guild. Raises NoWorkspace."""
    found = await store.workspaces_of_guild(interaction.guild_id or 0)
    if not found:
        raise NoWorkspace
    return found


async def workspaces_as_staff(store: Store, interaction: discord.Interaction) -> list[Workspace]:
    """Those of them in which the user is staff. Raises NotStaff if there is none."""
    here = await guild_workspaces(store, interaction)
    staffed = [workspace for workspace in here if is_staff(interaction.user, workspace)]
    if not staffed:
        raise NotStaff
    return staffed


async def get_ticket_as_staff(store: Store, interaction: discord.Interaction, ticket_id: int) -> Ticket:
    """The ticket, for its own workspace's staff alone. Raises NotStaff, UnknownTicket."""
    staffed = {workspace.id for workspace in await workspaces_as_staff(store, interaction)}
    ticket = await store.ticket(ticket_id)
    if ticket.workspace_id not in staffed:
        raise UnknownTicket
    return ticket


async def resolve_ticket(store: Store, interaction: discord.Interaction, public_id: str | None) -> Ticket:
    """The ticket of that id, or the one whose thread this is. Raises TicketNeeded, UnknownTicket."""
    if public_id is not None:
        name = public_id.strip()
        ticket = await store.ticket_by_public_id(name) or await store.ticket_by_public_id(name.upper())
    else:
        ticket = await store.ticket_by_discord_id(interaction.channel_id or 0)
        if ticket is None:
            raise TicketRequired
    if ticket is None:
        raise UnknownTicket
    return ticket


def actor_from(interaction: discord.Interaction) -> Actor:
    return Actor(id=str(interaction.user.id), name=interaction.user.display_name)


def message_origin(interaction: discord.Interaction) -> str:
    """What a message kept on behalf of this interaction is known by, so that it is kept once."""
    return f"interaction:{interaction.id}"


def utc_now() -> datetime:
    """The time at the door: an interaction has just come in."""
    return datetime.now(UTC)
