"""Who is staff, and which ticket is meant: read from the store at every interaction, never cached."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import discord
from discord import app_commands

from bot.tickets.actions import Role
from bot.tickets.errors import TicketError, UnknownTicket
from bot.tickets.message import DISCORD_SOURCE, Actor
from bot.tickets.queries import ReporterIdentity
from bot.tickets.roles import is_staff, role_on, roles_in
from bot.tickets.sentence import Sentence
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import Workspace
from cogs.core.interactions import BotInteraction, Choices, choices_or_none
from cogs.core.markdown import plain_line


class NotStaff(TicketError):
    """Only staff can do that."""


class WatcherOnly(TicketError):
    """You may look at tickets here and add notes, but nothing else."""


class OtherDepartment(TicketError):
    """This ticket belongs to another department. Only its staff can do that."""


class NoWorkspace(TicketError):
    """This Discord server has no workspace. A member with Manage Server makes one with `/setup workspace`."""


class NotYourTicket(UnknownTicket):
    """That is no ticket of yours. If you filed it in a game, link your game account with `/link` there."""


class TicketRequired(TicketError):
    """Name a ticket, or use the command in a ticket's own thread."""


class UnknownGuildWorkspace(TicketError):
    """This Discord server has no workspace of that name. Choose one that is offered."""


class AmbiguousWorkspace(TicketError):
    """This Discord server has several workspaces. Name the one you mean."""


def role_ids_of(user: discord.User | discord.Member) -> frozenset[int]:
    """The Discord roles of a member; empty for a user who is not in the server."""
    return frozenset(role.id for role in user.roles) if isinstance(user, discord.Member) else frozenset()


async def guild_workspaces(interaction: BotInteraction) -> list[Workspace]:
    """List the workspaces of the interaction's guild. Raises NoWorkspace."""
    found = await interaction.client.store.workspaces.list_of_guild(interaction.guild_id or 0)
    if not found:
        raise NoWorkspace
    return found


async def workspaces_as_staff(interaction: BotInteraction) -> list[Workspace]:
    """List the guild's workspaces in which the user is staff of all departments. Raises NotStaff."""
    role_ids = role_ids_of(interaction.user)
    staffed = [one for one in await guild_workspaces(interaction) if is_staff(one, role_ids)]
    if not staffed:
        raise NotStaff
    return staffed


async def workspaces_with_role(interaction: BotInteraction, allowed: Collection[Role]) -> list[Workspace]:
    """List the guild's workspaces in which the user has an allowed role on some tickets. Raises NotStaff."""
    role_ids = role_ids_of(interaction.user)
    found = [one for one in await guild_workspaces(interaction) if roles_in(one, role_ids) & set(allowed)]
    if not found:
        raise NotStaff
    return found


def choose_workspace(workspaces: Sequence[Workspace], name: str | None) -> Workspace:
    """The workspace of that name, or the only one. Raises AmbiguousWorkspace, UnknownGuildWorkspace."""
    if name is None and len(workspaces) > 1:
        raise AmbiguousWorkspace
    found = [one for one in workspaces if name is None or one.name == name.strip()]
    if not found:
        raise UnknownGuildWorkspace
    return found[0]


@choices_or_none
async def staff_workspace_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer staff the workspaces that they are staff of."""
    names = [one.name for one in await workspaces_as_staff(interaction)]
    found = [name for name in names if current.strip().lower() in name.lower()]
    return [app_commands.Choice(name=plain_line(name, 100) or "—", value=name) for name in found[:25]]


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
    exists. Raises NotStaff, WatcherOnly or OtherDepartment instead if it takes staff, or for a button, which
    is on a ticket that is seen. In a direct message nobody is staff; raises NotYourTicket there.
    """
    if interaction.guild_id is None:
        return await _linked_access(interaction, ticket, allowed)
    workspaces = await guild_workspaces(interaction)
    is_for_staff = Role.REPORTER not in allowed or (Role.STAFF in allowed and isinstance(ticket, int))
    held: set[Role] = set().union(*(roles_in(one, role_ids_of(interaction.user)) for one in workspaces))
    refusal = WatcherOnly if Role.WATCHER in held else NotStaff
    if Role.REPORTER not in allowed and not held & set(allowed):
        raise refusal
    try:
        return await _find_access(interaction, ticket, allowed, workspaces)
    except UnknownTicket:
        if is_for_staff and not held & set(allowed):
            raise refusal from None
        raise


async def _linked_access(
    interaction: BotInteraction, ticket: int | str | None, allowed: Collection[Role]
) -> TicketAccess:
    """The access of a user to a ticket from one of their linked game accounts, in whatever server it is.

    Raises NotStaff if it takes staff, and NotYourTicket in any other case.
    """
    if Role.REPORTER not in allowed:
        raise NotStaff
    store = interaction.client.store
    links = await store.account_links.list_of_member(interaction.user.id)
    try:
        found = await _resolve_ticket(interaction, ticket)
    except UnknownTicket:
        raise NotYourTicket from None
    for account in (link.account for link in links if link.workspace_id == found.workspace_id):
        if found.is_reported_by(account.source, account.player_id):
            actor = Actor(id=account.player_id, name=found.reporter.label, source=account.source)
            return TicketAccess(ticket=found, role=Role.REPORTER, actor=actor)
    raise NotYourTicket


async def _find_access(
    interaction: BotInteraction,
    ticket: int | str | None,
    allowed: Collection[Role],
    workspaces: Sequence[Workspace],
) -> TicketAccess:
    """Raises TicketRequired, UnknownTicket, WatcherOnly, OtherDepartment."""
    found = await _resolve_ticket(interaction, ticket)
    role = role_on_ticket(found, interaction.user, workspaces)
    if role is not None and role in allowed:
        return TicketAccess(ticket=found, role=role, actor=actor_from(interaction))
    identities = await own_identities(interaction, workspaces) if Role.REPORTER in allowed else []
    for identity in identities:
        if identity.has_reported(found):
            actor = Actor(id=identity.player_id, name=found.reporter.label, source=identity.source)
            return TicketAccess(ticket=found, role=Role.REPORTER, actor=actor)
    if role is Role.WATCHER and Role.STAFF in allowed:
        raise WatcherOnly
    if (
        isinstance(ticket, int)
        and Role.STAFF in allowed
        and _is_staff_elsewhere(found, interaction.user, workspaces)
    ):
        raise OtherDepartment
    raise UnknownTicket


def _is_staff_elsewhere(
    ticket: Ticket, user: discord.User | discord.Member, workspaces: Sequence[Workspace]
) -> bool:
    """Whether a user is staff of a department of the ticket's workspace."""
    role_ids = role_ids_of(user)
    return any(Role.STAFF in roles_in(one, role_ids) for one in workspaces if one.id == ticket.workspace_id)


def role_on_ticket(
    ticket: Ticket, user: discord.User | discord.Member, workspaces: Sequence[Workspace]
) -> Role | None:
    """Whether a user is staff or a watcher of a ticket, if its workspace is one of these."""
    for one in workspaces:
        if one.id == ticket.workspace_id:
            return role_on(one, ticket.department, role_ids_of(user))
    return None


def is_staff_on(ticket: Ticket, user: discord.User | discord.Member, workspaces: Sequence[Workspace]) -> bool:
    """Whether a user is staff of a ticket, if its workspace is one of these."""
    return role_on_ticket(ticket, user, workspaces) is Role.STAFF


async def staff_ticket(interaction: BotInteraction, ticket_id: int) -> Ticket:
    """Find a ticket for staff of its workspace, also if it is in a department that is not theirs any more.

    Raises NotStaff, UnknownTicket.
    """
    staffed = await workspaces_with_role(interaction, [Role.STAFF])
    found = await interaction.client.store.tickets.get(ticket_id)
    if found.workspace_id not in {one.id for one in staffed}:
        raise UnknownTicket
    return found


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
    """That member is not staff of this ticket."""


async def staff_actor(
    interaction: BotInteraction, ticket: Ticket, member: discord.User | discord.Member
) -> Actor:
    """A member as who works on a ticket. Raises NotStaffHere."""
    workspace = await interaction.client.store.workspaces.get(ticket.workspace_id)
    if role_on(workspace, ticket.department, role_ids_of(member)) is not Role.STAFF:
        raise NotStaffHere(Sentence("{name} is not staff of this ticket.", name=member.display_name))
    return Actor(id=str(member.id), name=member.display_name)


def actor_from(interaction: BotInteraction) -> Actor:
    return Actor(id=str(interaction.user.id), name=interaction.user.display_name)


def message_origin(interaction: BotInteraction) -> str:
    """The origin of a message that this interaction adds: the store saves one message per origin."""
    return f"interaction:{interaction.id}"
