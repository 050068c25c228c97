"""Who is to be blocked: the reporter of a ticket, or a player by id and source."""

import uuid
from dataclasses import dataclass

from discord import app_commands

from bot.i18n.translations import gettext as _
from bot.tickets.actions import Role
from bot.tickets.blocks import (
    FOREVER,
    Block,
    InvalidDuration,
    NoReporterToBlock,
    UnknownBlock,
    parse_duration,
)
from bot.tickets.errors import TicketError
from bot.tickets.message import DISCORD_SOURCE
from bot.tickets.queries import Scope
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import Workspace
from cogs.core.checks import NotStaff, choose_workspace, get_ticket_as, workspaces_as_staff
from cogs.core.interactions import BotInteraction, Choices, choices_or_none
from cogs.core.markdown import plain_line

_SUGGESTED_DURATIONS = ("1h", "1d", "7d", "30d", FOREVER)


class PlayerRequired(TicketError):
    """Name a ticket whose reporter to block, or a player's id in the game."""


class PlayerOrTicket(TicketError):
    """Name a ticket or a player, not both."""


class UnknownSource(TicketError):
    """Say in which game the player has that id: choose a source that is offered."""


class AmbiguousBlock(TicketError):
    """Several blocked players are called that. Choose one that `/block remove` offers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """Who files tickets in a workspace through a source."""

    workspace_id: str
    source: str
    player_id: str
    name: str | None  # None: no ticket of theirs has one
    ticket: Ticket | None = None  # the one that was named


async def find_reporter(
    interaction: BotInteraction,
    ticket: str | None,
    player: str | None,
    source: str | None,
    workspace: str | None,
) -> Reporter:
    """The reporter whom the options name; without a player, that of the ticket or of the thread's.

    Raises NoReporterToBlock, PlayerRequired, PlayerOrTicket, UnknownSource, and what finding the ticket or
    the workspace raises.
    """
    if player is None:
        return await _reporter_of(interaction, ticket)
    if ticket is not None:
        raise PlayerOrTicket
    chosen = choose_workspace(await workspaces_as_staff(interaction), workspace)
    sources = await _sources(interaction, [chosen])
    named = source.strip().lower() if source else ""
    if named not in sources:
        raise UnknownSource
    return await _find_player(interaction, Scope(workspace_id=chosen.id, source=named), player.strip())


async def _reporter_of(interaction: BotInteraction, ticket: str | None) -> Reporter:
    found = await get_ticket_as(Role.STAFF, interaction, ticket)
    if found.workspace_id not in {one.id for one in await workspaces_as_staff(interaction)}:
        raise NotStaff
    if found.reporter.id is None:
        raise NoReporterToBlock
    return Reporter(
        workspace_id=found.workspace_id,
        source=found.source,
        player_id=found.reporter.id,
        name=found.reporter.label if found.reporter.name or found.reporter.display_name else None,
        ticket=found,
    )


async def _find_player(interaction: BotInteraction, scope: Scope, typed: str) -> Reporter:
    """The player with that id, in the form in which tickets have it: a UUID in lower case with dashes."""
    if not typed:
        raise PlayerRequired
    names = {
        player_id: await interaction.client.store.tickets.last_known_name(scope, player_id)
        for player_id in dict.fromkeys((typed, typed.lower(), _as_uuid(typed)))
    }
    known = [player_id for player_id, name in names.items() if name is not None]
    player_id = known[0] if known else _as_uuid(typed)
    return Reporter(
        workspace_id=scope.workspace_id,
        source=scope.source,
        player_id=player_id,
        name=names[player_id],
    )


def _as_uuid(typed: str) -> str:
    """A UUID as tickets have it, in lower case with dashes; any other id as it is."""
    try:
        return str(uuid.UUID(typed)) if len(typed) in (32, 36) else typed
    except ValueError:
        return typed


async def _sources(interaction: BotInteraction, workspaces: list[Workspace]) -> list[str]:
    """The sources that API keys of these workspaces are for, and Discord."""
    ids = {workspace.id for workspace in workspaces}
    keys = await interaction.client.store.api_keys.list_all()
    return sorted({key.source for key in keys if key.workspace_id in ids} | {DISCORD_SOURCE})


async def find_block(interaction: BotInteraction, typed: str) -> Block:
    """The active block that was chosen, or that of a player by id or name.

    Raises UnknownBlock, AmbiguousBlock.
    """
    active = await _active_blocks(interaction)
    name = typed.strip().lower()
    by_id = [one for one in active if f"#{one.id}" == name]
    found = by_id or [
        one for one in active if name in (one.player_id.lower(), (one.player_name or "").lower())
    ]
    if not found:
        raise UnknownBlock
    if len(found) > 1:
        raise AmbiguousBlock
    return found[0]


async def _active_blocks(interaction: BotInteraction) -> list[Block]:
    store = interaction.client.store
    workspace_ids = [one.id for one in await workspaces_as_staff(interaction)]
    return await store.blocks.list_active(workspace_ids, store.now())


@choices_or_none
async def block_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer staff the players who are blocked."""
    typed = current.strip().lower()
    choices = [
        app_commands.Choice(name=plain_line(one.label, 100) or "—", value=f"#{one.id}")
        for one in await _active_blocks(interaction)
        if typed in f"{one.label} {one.player_id}".lower()
    ]
    return choices[:25]


@choices_or_none
async def source_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer staff the sources of their workspaces."""
    sources = await _sources(interaction, await workspaces_as_staff(interaction))
    typed = current.strip().lower()
    return [app_commands.Choice(name=one, value=one) for one in sources if typed in one][:25]


@choices_or_none
async def duration_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer what is typed, if it is a duration; else usual ones."""
    typed = current.strip().lower()
    try:
        parse_duration(typed)
    except InvalidDuration:
        usual = [one for one in _SUGGESTED_DURATIONS if one.startswith(typed)]
        return [app_commands.Choice(name=duration_label(one), value=one) for one in usual]
    return [app_commands.Choice(name=duration_label(typed), value=typed)]


def duration_label(duration: str) -> str:
    return _("forever") if duration.strip().lower() == FOREVER else duration.strip()
