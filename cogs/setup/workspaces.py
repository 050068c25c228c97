"""Workspaces in Discord: which one a manager of the server means, its choices, and how it looks."""

from collections.abc import Iterable, Sequence

import discord
from discord import app_commands

from bot.i18n.translations import gettext as _
from bot.i18n.translations import ngettext
from bot.tickets.errors import TicketError
from bot.tickets.sentence import Sentence
from bot.tickets.workspace import (
    Category,
    Department,
    NewWorkspace,
    UnknownCategoryPolicy,
    Workspace,
)
from bot.tickets.workspace_changes import WorkspaceChanges, check_workspace_name, update_workspace
from cogs.core.checks import guild_workspaces
from cogs.core.interactions import BotInteraction, Choices, choices_or_none, reply_ephemeral
from cogs.core.markdown import escape_markdown, plain_line
from cogs.core.permissions import permission_warnings
from storage import Store, WorkspaceNameTaken


class _TextChannelIdTransformer(app_commands.Transformer):
    """A text channel by its id: it need not be in the bot's cache."""

    type = discord.AppCommandOptionType.channel
    channel_types = [discord.ChannelType.text]  # noqa: RUF012  # as discord.py reads it

    async def transform(
        self, interaction: discord.Interaction, value: app_commands.AppCommandChannel, /
    ) -> int:
        return value.id


ChannelId = app_commands.Transform[int, _TextChannelIdTransformer]

_MAX_CHOICES = 25  # Discord's limit
EMPTY_LIST = "-"  # typed for an empty list
_MAX_WARNINGS = 4  # lines
_SECTION_LIMIT = 1900  # characters of a description for each of its two lists


class NotManager(TicketError):
    """Only members with the Manage Server permission can do that."""


class UnknownGuildWorkspace(TicketError):
    """This Discord server has no workspace of that name. `/setup show` offers those it has."""


class NameTakenInAnotherGuild(TicketError):
    """A workspace of another Discord server has that name. Choose another one."""


class AmbiguousWorkspace(TicketError):
    """This Discord server has several workspaces. Name the one you mean."""


def check_manager(interaction: BotInteraction) -> None:
    """Raises NotManager. A guild's settings can show the commands to others; this check stays."""
    if not interaction.permissions.manage_guild:
        raise NotManager


async def managed_workspaces(interaction: BotInteraction) -> list[Workspace]:
    """List the guild's workspaces for a manager. Raises NotManager, NoWorkspace."""
    check_manager(interaction)
    return await guild_workspaces(interaction)


async def managed_workspace(interaction: BotInteraction, name: str | None) -> Workspace:
    """Find the guild's workspace of that name, or its only one.

    Raises AmbiguousWorkspace, UnknownGuildWorkspace, and what `managed_workspaces` raises.
    """
    workspaces = await managed_workspaces(interaction)
    if name is None and len(workspaces) > 1:
        raise AmbiguousWorkspace
    found = [one for one in workspaces if name is None or one.name == name.strip()]
    if not found:
        raise UnknownGuildWorkspace
    return found[0]


async def upsert_workspace(store: Store, new: NewWorkspace) -> tuple[Workspace, Sentence]:
    """Change the guild's workspace of that name, or make one; and say which it was.

    Raises InvalidWorkspaceRule, NameTakenInAnotherGuild.
    """
    parts = WorkspaceChanges(
        tickets_channel_id=new.tickets_channel_id,
        reports_channel_id=new.reports_channel_id,
        staff_role_id=new.staff_role_id,
    )
    if new.log_channel_id is not None:
        parts["log_channel_id"] = new.log_channel_id
    for own in await store.workspaces.list_of_guild(new.guild_id):
        if own.name == new.name:
            changed = await store.workspaces.change(own.id, lambda before: update_workspace(before, **parts))
            return changed, Sentence("✅ Workspace {name} is changed.", name=changed.name)
    check_workspace_name(new.name)
    try:
        created = await store.workspaces.add(new, store.now())
    except WorkspaceNameTaken as error:
        raise NameTakenInAnotherGuild from error
    ready = Sentence(
        "✅ Workspace {name} is ready. Next, its operator makes a key: `ticketbridge key create`.",
        name=created.name,
    )
    return created, ready


async def send_workspace(interaction: BotInteraction, sentence: str, workspace: Workspace) -> None:
    """Answer with what was done, the workspace as it is now, and the permissions missing in its channels."""
    embed = workspace_embed(workspace, permission_warnings(interaction.client, workspace))
    await reply_ephemeral(interaction, sentence, embed=embed)


def parse_id_list(text: str) -> tuple[str, ...]:
    """Split ids at commas, each once; a lone dash is none."""
    if text.strip() == EMPTY_LIST:
        return ()
    return tuple(dict.fromkeys(one.strip() for one in text.split(",") if one.strip()))


@choices_or_none
async def workspace_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer the guild's workspaces to its managers."""
    return _matching_choices([(one.name, one.name) for one in await managed_workspaces(interaction)], current)


@choices_or_none
async def department_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer the departments of the workspace that is chosen so far."""
    workspace = await managed_workspace(interaction, _chosen_workspace(interaction))
    return _matching_choices([(one.id, one.name) for one in workspace.departments], current)


@choices_or_none
async def category_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer the categories of the workspace that is chosen so far."""
    workspace = await managed_workspace(interaction, _chosen_workspace(interaction))
    return _matching_choices([(one.id, one.name) for one in workspace.categories], current)


@choices_or_none
async def tag_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer the tags of the workspace that is chosen so far."""
    workspace = await managed_workspace(interaction, _chosen_workspace(interaction))
    return _matching_choices([(tag, tag) for tag in workspace.tags], current)


def _chosen_workspace(interaction: BotInteraction) -> str | None:
    name: str | None = getattr(interaction.namespace, "workspace", None)
    return name


def _matching_choices(options: list[tuple[str, str]], current: str) -> Choices:
    found = [
        app_commands.Choice(
            name=plain_line(value if value == name else f"{value} · {name}", 100), value=value
        )
        for value, name in options
        if current.strip().lower() in f"{value} {name}".lower()
    ]
    return [choice for choice in found if choice.name][:_MAX_CHOICES]


def workspace_embed(workspace: Workspace, warnings: Sequence[str] = ()) -> discord.Embed:
    """Draw everything about a workspace; of long lists their beginning, and how many more there are."""
    departments = _truncate_lines([_department_line(one) for one in workspace.departments])
    categories = _truncate_lines([_category_line(one, workspace.departments) for one in workspace.categories])
    categories = categories or _("None of its own.")
    embed = discord.Embed(
        title=_("Workspace {name}", name=escape_markdown(workspace.name, 200)),
        description=f"**{_('Departments')}**\n{departments}\n\n**{_('Categories')}**\n{categories}",
        colour=discord.Colour.blurple(),
    )
    for name, value in (
        (_("Tickets channel"), f"<#{workspace.tickets_channel_id}>"),
        (_("Reports channel"), f"<#{workspace.reports_channel_id}>"),
        (_("Log channel"), f"<#{workspace.log_channel_id}>" if workspace.log_channel_id else _("none")),
        (_("Staff role"), f"<@&{workspace.staff_role_id}>"),
        (_("Plan"), _(workspace.plan.value)),
        (_("Tickets"), _("on") if workspace.tickets_enabled else _("off")),
        (_("Unknown categories"), _unknown_categories(workspace)),
        (_("Tags"), escape_markdown(", ".join(workspace.tags), 1000) or _("none")),
        (_("Default department"), escape_markdown(workspace.default_department, 200)),
    ):
        embed.add_field(name=name, value=value)
    if warnings:
        more = len(warnings) - _MAX_WARNINGS
        rest = ngettext("… and {number} more channel", "… and {number} more channels", more)
        lines = "\n".join([*warnings[:_MAX_WARNINGS], *([rest] if more > 0 else [])])
        embed.add_field(name=_("⚠️ Missing permissions"), value=lines, inline=False)
    return embed


def _unknown_categories(workspace: Workspace) -> str:
    if workspace.unknown_categories is UnknownCategoryPolicy.KEEP:
        return _("keep")
    return _("refuse") if workspace.categories else _("refuse, once it has categories")


def _department_line(department: Department) -> str:
    channel = f"<#{department.channel_id}>" if department.channel_id else _("the workspace's channels")
    handles = _first_ids(department.categories) or _("any category")
    members = _first_ids(department.members) or _("all staff")
    return f"{_id_and_name(department.id, department.name)} · {channel} · {handles} · {members}"


def _category_line(category: Category, departments: Sequence[Department]) -> str:
    handling = [one.id for one in departments if category.id in one.categories]
    most = _("any number open")
    if category.max_open:
        most = ngettext("{number} open per player", "{number} open per player", category.max_open)
    handled_by = _first_ids(handling) or _("default department")
    return f"{_id_and_name(category.id, category.name)} · {handled_by} · {most}"


def _id_and_name(rule_id: str, name: str) -> str:
    shown = escape_markdown(rule_id, 130)
    return f"• {shown}" if name == rule_id else f"• {shown} ({escape_markdown(name, 200)})"


def _first_ids(ids: Sequence[str]) -> str:
    first = ", ".join(escape_markdown(one, 130) for one in ids[:5])
    return _("{ids} and {count} more", ids=first, count=len(ids) - 5) if len(ids) > 5 else first


def _truncate_lines(lines: Iterable[str]) -> str:
    fitting, room, missing = [], _SECTION_LIMIT, 0
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            missing += 1
        else:
            fitting.append(line)
    if missing:
        fitting.append(_("… and {count} more, which `ticketbridge workspace show` shows", count=missing))
    return "\n".join(fitting)
