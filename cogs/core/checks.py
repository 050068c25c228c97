"""Who is staff, and which ticket is meant: read from the store at every interaction, never cached."""

from collections.abc import Sequence

import discord

from bot.tickets.actions import Role
from bot.tickets.errors import TicketError, UnknownTicket
from bot.tickets.message import DISCORD_SOURCE, Actor
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import Workspace
from cogs.core.interactions import BotInteraction


class NotStaff(TicketError):
    """Only staff can do that."""


class NoWorkspace(TicketError):
    """This Discord server has no workspace. A member with Manage Server makes one with `/setup workspace`."""


class TicketRequired(TicketError):
    """Name a ticket, or use the command in a ticket's own thread."""


def is_staff(user: discord.User | discord.Member, workspace: Workspace) -> bool:
    """Whether a member has the workspace's staff role."""
    return isinstance(user, discord.Member) and any(role.id == workspace.staff_role_id for role in user.roles)


async def guild_workspaces(interaction: BotInteraction) -> list[Workspace]:
    """List the workspaces of the interaction's guild. Raises NoWorkspace."""
    found = await interaction.client.store.workspaces.list_of_guild(interaction.guild_id or 0)
    if not found:
        raise NoWorkspace
    return found


async def workspaces_as_staff(interaction: BotInteraction) -> list[Workspace]:
    """List the guild's workspaces in which the user is staff. Raises NotStaff if there is none."""
    found = await guild_workspaces(interaction)
    staffed = [workspace for workspace in found if is_staff(interaction.user, workspace)]
    if not staffed:
        raise NotStaff
    return staffed


def role_on(ticket: Ticket, user: discord.User | discord.Member, workspaces: Sequence[Workspace]) -> Role:
    """The user's role on a ticket. Raises UnknownTicket without one: they must not learn that it exists."""
    workspace = next((one for one in workspaces if one.id == ticket.workspace_id), None)
    if workspace and is_staff(user, workspace):
        return Role.STAFF
    if workspace and ticket.is_reported_by(DISCORD_SOURCE, str(user.id)):
        return Role.REPORTER
    raise UnknownTicket


async def get_ticket_as(role: Role, interaction: BotInteraction, ticket: int | str | None) -> Ticket:
    """Find a ticket for a user with that role on it: by number, by public id, or by the thread.

    Raises NotStaff, also for a ticket that does not exist, then TicketRequired and UnknownTicket.
    """
    user, workspaces = interaction.user, await guild_workspaces(interaction)
    if role is Role.STAFF and not any(is_staff(user, one) for one in workspaces):
        raise NotStaff
    if isinstance(ticket, int):
        found = await interaction.client.store.tickets.get(ticket)
    else:
        found = await resolve_ticket(interaction, ticket)
    if role_on(found, user, workspaces) is not role:
        raise UnknownTicket
    return found


async def resolve_ticket(interaction: BotInteraction, public_id: str | None) -> Ticket:
    """Find a ticket by its public id, or by the thread. Raises TicketRequired, UnknownTicket."""
    store = interaction.client.store
    if public_id is None:
        ticket = await store.tickets.find_by_discord_id(interaction.channel_id or 0)
        if ticket is None:
            raise TicketRequired
        return ticket
    name = public_id.strip()
    ticket = await store.tickets.find_by_public_id(name) or await store.tickets.find_by_public_id(
        name.upper()
    )
    if ticket is None:
        raise UnknownTicket
    return ticket


def actor_from(interaction: BotInteraction) -> Actor:
    return Actor(id=str(interaction.user.id), name=interaction.user.display_name)


def message_origin(interaction: BotInteraction) -> str:
    """The origin of a message that this interaction adds: the store saves one message per origin."""
    return f"interaction:{interaction.id}"
