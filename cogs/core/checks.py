"""Who is staff, and which ticket is meant: read from the store at every interaction, never cached."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import discord

from bot.tickets.actions import Role
from bot.tickets.errors import TicketError, UnknownTicket
from bot.tickets.message import DISCORD_SOURCE, Actor
from bot.tickets.queries import ReporterIdentity
from bot.tickets.sentence import Sentence
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


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketAccess:
    """A ticket, the user's role on it, and as whom they act: a reporter as the player who filed it."""

    ticket: Ticket
    role: Role
    actor: Actor


async def own_identities(
    interaction: BotInteraction, workspaces: Sequence[Workspace]
) -> list[ReporterIdentity]:
    """What tickets of these workspaces call the user: their Discord id, and their linked game accounts."""
    user_id, ids = interaction.user.id, [workspace.id for workspace in workspaces]
    links = await interaction.client.store.account_links.list_of_member(user_id)
    linked = [
        ReporterIdentity(
            workspace_id=link.workspace_id, source=link.account.source, player_id=link.account.player_id
        )
        for link in links
        if link.workspace_id in ids
    ]
    return [
        *(ReporterIdentity(workspace_id=one, source=DISCORD_SOURCE, player_id=str(user_id)) for one in ids),
        *linked,
    ]


async def get_access(
    interaction: BotInteraction, ticket: int | str | None, allowed: Collection[Role]
) -> TicketAccess:
    """Find a ticket by number, public id or the thread, for a user with an allowed role; staff are staff.

    Raises TicketRequired, and UnknownTicket also for a ticket of somebody else: they must not learn that it
    exists. Raises NotStaff instead if it takes staff, or for a button, which is on a ticket that is seen.
    """
    workspaces = await guild_workspaces(interaction)
    is_for_staff = Role.REPORTER not in allowed or (Role.STAFF in allowed and isinstance(ticket, int))
    can_be_staff = any(is_staff(interaction.user, one) for one in workspaces)
    if Role.REPORTER not in allowed and not can_be_staff:
        raise NotStaff
    try:
        return await _find_access(interaction, ticket, allowed, workspaces)
    except UnknownTicket:
        if is_for_staff and not can_be_staff:
            raise NotStaff from None
        raise


async def _find_access(
    interaction: BotInteraction,
    ticket: int | str | None,
    allowed: Collection[Role],
    workspaces: Sequence[Workspace],
) -> TicketAccess:
    """Raises TicketRequired, UnknownTicket."""
    found = await _resolve_ticket(interaction, ticket)
    if Role.STAFF in allowed and is_staff_on(found, interaction.user, workspaces):
        return TicketAccess(ticket=found, role=Role.STAFF, actor=actor_from(interaction))
    identities = await own_identities(interaction, workspaces) if Role.REPORTER in allowed else []
    for identity in identities:
        if identity.has_reported(found):
            actor = Actor(id=identity.player_id, name=found.reporter.label, source=identity.source)
            return TicketAccess(ticket=found, role=Role.REPORTER, actor=actor)
    raise UnknownTicket


def is_staff_on(ticket: Ticket, user: discord.User | discord.Member, workspaces: Sequence[Workspace]) -> bool:
    """Whether a user is staff of the ticket's workspace, if that is one of these."""
    return any(one.id == ticket.workspace_id and is_staff(user, one) for one in workspaces)


async def get_ticket_as(role: Role, interaction: BotInteraction, ticket: int | str | None) -> Ticket:
    """Find a ticket for a user with that role on it. Raises what `get_access` raises."""
    return (await get_access(interaction, ticket, [role])).ticket


async def _resolve_ticket(interaction: BotInteraction, ticket: int | str | None) -> Ticket:
    """Find a ticket by number, by public id, or by the thread. Raises TicketRequired, UnknownTicket."""
    tickets = interaction.client.store.tickets
    if isinstance(ticket, int):
        return await tickets.get(ticket)
    if ticket is None:
        found = await tickets.find_by_discord_id(interaction.channel_id or 0)
        if found is None:
            raise TicketRequired
        return found
    name = ticket.strip()
    found = await tickets.find_by_public_id(name) or await tickets.find_by_public_id(name.upper())
    if found is None:
        raise UnknownTicket
    return found


class NotStaffHere(TicketError):
    """That member is not staff of this ticket's workspace."""


async def staff_actor(
    interaction: BotInteraction, ticket: Ticket, member: discord.User | discord.Member
) -> Actor:
    """A member as who works on a ticket. Raises NotStaffHere."""
    workspace = await interaction.client.store.workspaces.get(ticket.workspace_id)
    if not is_staff(member, workspace):
        raise NotStaffHere(
            Sentence("{name} is not staff of this ticket's workspace.", name=member.display_name)
        )
    return Actor(id=str(member.id), name=member.display_name)


def actor_from(interaction: BotInteraction) -> Actor:
    return Actor(id=str(interaction.user.id), name=interaction.user.display_name)


def message_origin(interaction: BotInteraction) -> str:
    """The origin of a message that this interaction adds: the store saves one message per origin."""
    return f"interaction:{interaction.id}"
