"""Workspaces in Discord: which one a manager of the server means, its choices, and how it looks."""

from collections.abc import Iterable, Sequence

import discord
from discord import app_commands

from bot.i18n.translations import gettext as _
from bot.i18n.translations import ngettext
from bot.tickets.errors import TicketError
from bot.tickets.roles import is_admin
from bot.tickets.sentence import Sentence
from bot.tickets.workspace import (
    Category,
    Department,
    NewWorkspace,
    UnknownCategoryPolicy,
    Workspace,
)
from bot.tickets.workspace_changes import WorkspaceChanges, check_workspace_name, update_workspace
from cogs.core.checks import choose_workspace, guild_workspaces, role_ids_of
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
    """Only members with the Manage Server permission, or the admin role of a workspace, can do that."""


class ManageServerNeeded(NotManager):
    """Only members with the Manage Server permission make workspaces and name an admin role."""


class EveryoneHasRole(TicketError):
    """Everyone has that role. Choose another role."""


class NameTakenInAnotherGuild(TicketError):
    """A workspace of another Discord server has that name. Choose another one."""


async def managed_workspaces(interaction: BotInteraction) -> list[Workspace]:
    """List the guild's workspaces for a manager, or those whose admin role the user has.

    A guild's settings decide who is shown the commands; this check stays. Raises NotManager, NoWorkspace.
    """
    if interaction.permissions.manage_guild:
        return await guild_workspaces(interaction)
    found = await interaction.client.store.workspaces.list_of_guild(interaction.guild_id or 0)
    managed = [one for one in found if is_admin(one, role_ids_of(interaction.user))]
    if not managed:
        raise NotManager
    return managed


async def check_may_name(
    interaction: BotInteraction, workspace: str | None, admin_role: discord.Role | None
) -> None:
    """Check who makes a workspace, or changes the one of that name, and who names its admin role.

    Raises NotManager, ManageServerNeeded.
    """
    if interaction.permissions.manage_guild:
        return
    managed = await managed_workspaces(interaction)
    is_new = workspace is not None and workspace.strip() not in {one.name for one in managed}
    if is_new or admin_role is not None:
        raise ManageServerNeeded


def role_id(role: discord.Role) -> int:
    """The id of a role. Raises EveryoneHasRole for that of everyone."""
    if role.is_default():
        raise EveryoneHasRole
    return role.id


async def managed_workspace(interaction: BotInteraction, name: str | None) -> Workspace:
    """Find the guild's workspace of that name, or its only one.

    Raises AmbiguousWorkspace, UnknownGuildWorkspace, and what `managed_workspaces` raises.
    """
    return choose_workspace(await managed_workspaces(interaction), name)


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
    if new.watcher_role_id is not None:
        parts["watcher_role_id"] = new.watcher_role_id
    if new.admin_role_id is not None:
        parts["admin_role_id"] = new.admin_role_id
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
    return matching_choices([(one.name, one.name) for one in await managed_workspaces(interaction)], current)


@choices_or_none
async def department_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer the departments of the workspace that is chosen so far."""
    workspace = await managed_workspace(interaction, _chosen_workspace(interaction))
    return matching_choices([(one.id, one.name) for one in workspace.departments], current)


@choices_or_none
async def category_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer the categories of the workspace that is chosen so far."""
    workspace = await managed_workspace(interaction, _chosen_workspace(interaction))
    return matching_choices([(one.id, one.name) for one in workspace.categories], current)


@choices_or_none
async def tag_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer the tags of the workspace that is chosen so far."""
    workspace = await managed_workspace(interaction, _chosen_workspace(interaction))
    return matching_choices([(tag, tag) for tag in workspace.tags], current)


def _chosen_workspace(interaction: BotInteraction) -> str | None:
    name: str | None = getattr(interaction.namespace, "workspace", None)
    return name


def matching_choices(options: list[tuple[str, str]], current: str) -> Choices:
    """The options, values and names, that contain what is typed."""
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
        (_("Watcher role"), _role_mention(workspace.watcher_role_id)),
        (_("Admin role"), _admin_role(workspace.admin_role_id)),
        (_("Plan"), _(workspace.plan.value)),
        (_("Tickets"), _on_or_off(workspace.tickets_enabled)),
        (_("Unknown categories"), _unknown_categories(workspace)),
        (_("Thank reporters"), _on_or_off(workspace.thank_reporters)),
        (_("Name staff"), _on_or_off(workspace.name_staff)),
        (_("Retention"), _retention(workspace)),
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


def _retention(workspace: Workspace) -> str:
    days = workspace.retention_days
    if days is None:
        return _("none")
    return ngettext(
        "tickets are erased {number} day after their end",
        "tickets are erased {number} days after their end",
        days,
    )


def _role_mention(role_id: int | None) -> str:
    return f"<@&{role_id}>" if role_id else _("none")


def _admin_role(role_id: int | None) -> str:
    """The role; Discord shows it `/setup` only once a manager of the server says so."""
    if role_id is None:
        return _("none")
    hint = _("Let it see `/setup` in Server Settings > Integrations.")
    return f"<@&{role_id}> {hint}"


def _on_or_off(switch: bool) -> str:
    return _("on") if switch else _("off")


def _unknown_categories(workspace: Workspace) -> str:
    if workspace.unknown_categories is UnknownCategoryPolicy.KEEP:
        return _("keep")
    return _("refuse") if workspace.categories else _("refuse, once it has categories")


def _department_line(department: Department) -> str:
    channel = f"<#{department.channel_id}>" if department.channel_id else _("the workspace's channels")
    handles = _first_ids(department.categories) or _("any category")
    members = _first_ids(department.members) or _("all staff")
    staff = f" · <@&{department.staff_role_id}>" if department.staff_role_id else ""
    return f"{_id_and_name(department.id, department.name)} · {channel} · {handles} · {members}{staff}"


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
