"""Who manages a guild's workspaces, and which of them is meant: asked anew at every use."""

import discord
from discord import app_commands

from bot.tickets.errors import TicketError
from bot.tickets.workspace import NewWorkspace, Workspace
from bot.tickets.workspace_changes import WorkspaceChanges, check_workspace_name, update_workspace
from cogs.core.checks import guild_workspaces, utc_now
from cogs.core.interactions import BotInteraction, within_deadline
from cogs.core.markdown import plain_line
from cogs.setup.embeds import workspace_embed
from storage import StorageError, Store, WorkspaceNameTaken

Choices = list[app_commands.Choice[str]]


class _TextChannelIdTransformer(app_commands.Transformer):
    """A text channel by its id alone: nothing else of it is asked, so it need not be known yet."""

    type = discord.AppCommandOptionType.channel
    channel_types = [discord.ChannelType.text]  # noqa: RUF012  # the library's way to say so

    async def transform(
        self, interaction: discord.Interaction, value: app_commands.AppCommandChannel, /
    ) -> int:
        return value.id


ChannelId = app_commands.Transform[int, _TextChannelIdTransformer]

_MAX_CHOICES = 25  # Discord's limit
EMPTY_LIST = "-"  # what is typed for an empty list


class NotManager(TicketError):
    """Only members with the Manage Server permission can do that."""


class UnknownGuildWorkspace(TicketError):
    """This Discord server has no workspace of that name. `/setup show` offers those it has."""


class NameTakenInAnotherGuild(TicketError):
    """A workspace of another Discord server has that name. Choose another one."""


class AmbiguousWorkspace(TicketError):
    """This Discord server has several workspaces. Name the one you mean."""


def check_manager(interaction: BotInteraction) -> None:
    """Raises NotManager. Who is shown the command can be changed in a guild's settings; this cannot."""
    if not interaction.permissions.manage_guild:
        raise NotManager


async def managed_workspaces(interaction: BotInteraction) -> list[Workspace]:
    """Those of the guild, and of no other. Raises NotManager, NoWorkspace."""
    check_manager(interaction)
    return await guild_workspaces(interaction.client.store, interaction)


async def managed_workspace(interaction: BotInteraction, name: str | None) -> Workspace:
    """The guild's workspace of that name; without one, its only one. Raises NotHere, WhichWorkspace."""
    here = await managed_workspaces(interaction)
    if name is None and len(here) > 1:
        raise AmbiguousWorkspace
    meant = [one for one in here if name is None or one.name == name.strip()]
    if not meant:
        raise UnknownGuildWorkspace
    return meant[0]


async def upsert_workspace(store: Store, new: NewWorkspace) -> tuple[Workspace, str]:
    """The guild's own workspace of that name, with these channels and role, or a new one; and what was done.

    Raises BadRule, NameTakenElsewhere.
    """
    parts = WorkspaceChanges(
        tickets_channel_id=new.tickets_channel_id,
        reports_channel_id=new.reports_channel_id,
        staff_role_id=new.staff_role_id,
    )
    if new.log_channel_id is not None:
        parts["log_channel_id"] = new.log_channel_id
    for own in await store.workspaces_of_guild(new.guild_id):
        if own.name == new.name:
            return await store.change_workspace(
                own.id, lambda kept: update_workspace(kept, **parts)
            ), "is changed."
    check_workspace_name(new.name)
    try:
        made = await store.add_workspace(new, utc_now())
    except WorkspaceNameTaken as error:
        raise NameTakenInAnotherGuild from error
    return made, "is ready. Next, its operator makes a key: `ticketbridge key create`."


async def send_workspace(interaction: BotInteraction, content: str, workspace: Workspace) -> None:
    """What was done, and the rules as they are now; to the one who asked, alone."""
    await interaction.followup.send(
        content,
        embed=workspace_embed(workspace),
        ephemeral=True,
        allowed_mentions=discord.AllowedMentions.none(),
    )


def parse_id_list(text: str) -> tuple[str, ...]:
    """Ids with commas between them, each once; a lone dash is none."""
    if text.strip() == EMPTY_LIST:
        return ()
    return tuple(dict.fromkeys(one.strip() for one in text.split(",") if one.strip()))


async def workspace_choices(interaction: BotInteraction, current: str) -> Choices:
    """The guild's workspaces, for who may change them."""
    try:
        async with within_deadline():
            here = await managed_workspaces(interaction)
    except (TicketError, StorageError):
        return []
    return _matching_choices([(one.name, one.name) for one in here], current)


async def department_choices(interaction: BotInteraction, current: str) -> Choices:
    """The departments of the workspace that is meant so far."""
    workspace = await _selected_workspace(interaction)
    return _matching_choices(
        [(one.id, one.name) for one in workspace.departments] if workspace else [], current
    )


async def category_choices(interaction: BotInteraction, current: str) -> Choices:
    """The same of its categories."""
    workspace = await _selected_workspace(interaction)
    return _matching_choices(
        [(one.id, one.name) for one in workspace.categories] if workspace else [], current
    )


async def _selected_workspace(interaction: BotInteraction) -> Workspace | None:
    try:
        async with within_deadline():
            return await managed_workspace(interaction, getattr(interaction.namespace, "workspace", None))
    except (TicketError, StorageError):
        return None


def _matching_choices(options: list[tuple[str, str]], current: str) -> Choices:
    found = [
        app_commands.Choice(
            name=plain_line(known_id if known_id == name else f"{known_id} · {name}", 100), value=known_id
        )
        for known_id, name in options
        if current.strip().lower() in f"{known_id} {name}".lower()
    ]
    return [choice for choice in found if choice.name][:_MAX_CHOICES]
