"""Who manages a guild's workspaces, and which of them is meant: asked anew at every use."""

import discord
from discord import app_commands

from bot.tickets import NewWorkspace, Refusal, Workspace
from bot.tickets.workspace_changes import WorkspaceParts, amended, check_workspace_name
from cogs.core.checks import now, workspaces_here
from cogs.core.interactions import Asked, promptly
from cogs.core.markdown import bare
from cogs.setup.embeds import rules_embed
from storage import NameTaken, StorageError, Store

Choices = list[app_commands.Choice[str]]


class _TextChannel(app_commands.Transformer):
    """A text channel by its id alone: nothing else of it is asked, so it need not be known yet."""

    type = discord.AppCommandOptionType.channel
    channel_types = [discord.ChannelType.text]  # noqa: RUF012  # the library's way to say so

    async def transform(self, asked: discord.Interaction, value: app_commands.AppCommandChannel, /) -> int:
        return value.id


ChannelId = app_commands.Transform[int, _TextChannel]

_MOST_CHOICES = 25  # Discord's limit
NONE = "-"  # what is typed for an empty list


class NotManager(Refusal):
    """Only members with the Manage Server permission can do that."""


class NotHere(Refusal):
    """This Discord server has no workspace of that name. `/setup show` offers those it has."""


class NameTakenElsewhere(Refusal):
    """A workspace of another Discord server has that name. Choose another one."""


class WhichWorkspace(Refusal):
    """This Discord server has several workspaces. Name the one you mean."""


def check_manager(asked: Asked) -> None:
    """Raises NotManager. Who is shown the command can be changed in a guild's settings; this cannot."""
    if not asked.permissions.manage_guild:
        raise NotManager


async def managed_workspaces(asked: Asked) -> list[Workspace]:
    """Those of the guild, and of no other. Raises NotManager, NoWorkspace."""
    check_manager(asked)
    return await workspaces_here(asked.client.store, asked)


async def managed_workspace(asked: Asked, name: str | None) -> Workspace:
    """The guild's workspace of that name; without one, its only one. Raises NotHere, WhichWorkspace."""
    here = await managed_workspaces(asked)
    if name is None and len(here) > 1:
        raise WhichWorkspace
    meant = [one for one in here if name is None or one.name == name.strip()]
    if not meant:
        raise NotHere
    return meant[0]


async def placed(store: Store, new: NewWorkspace) -> tuple[Workspace, str]:
    """The guild's own workspace of that name, with these channels and role, or a new one; and what was done.

    Raises BadRule, NameTakenElsewhere.
    """
    parts = WorkspaceParts(
        tickets_channel_id=new.tickets_channel_id,
        reports_channel_id=new.reports_channel_id,
        staff_role_id=new.staff_role_id,
    )
    if new.log_channel_id is not None:
        parts["log_channel_id"] = new.log_channel_id
    for own in await store.workspaces_of_guild(new.guild_id):
        if own.name == new.name:
            return await store.change_workspace(own.id, lambda kept: amended(kept, **parts)), "is changed."
    check_workspace_name(new.name)
    try:
        made = await store.add_workspace(new, now())
    except NameTaken as error:
        raise NameTakenElsewhere from error
    return made, "is ready. Next, its operator makes a key: `ticketbridge key create`."


async def tell(asked: Asked, sentence: str, workspace: Workspace) -> None:
    """What was done, and the rules as they are now; to the one who asked, alone."""
    await asked.followup.send(
        sentence,
        embed=rules_embed(workspace),
        ephemeral=True,
        allowed_mentions=discord.AllowedMentions.none(),
    )


def listed(typed: str) -> tuple[str, ...]:
    """Ids with commas between them, each once; a lone dash is none."""
    if typed.strip() == NONE:
        return ()
    return tuple(dict.fromkeys(one.strip() for one in typed.split(",") if one.strip()))


async def workspace_choices(asked: Asked, current: str) -> Choices:
    """The guild's workspaces, for who may change them."""
    try:
        async with promptly():
            here = await managed_workspaces(asked)
    except (Refusal, StorageError):
        return []
    return _choices([(one.name, one.name) for one in here], current)


async def department_choices(asked: Asked, current: str) -> Choices:
    """The departments of the workspace that is meant so far."""
    workspace = await _meant_so_far(asked)
    return _choices([(one.id, one.name) for one in workspace.departments] if workspace else [], current)


async def category_choices(asked: Asked, current: str) -> Choices:
    """The same of its categories."""
    workspace = await _meant_so_far(asked)
    return _choices([(one.id, one.name) for one in workspace.categories] if workspace else [], current)


async def _meant_so_far(asked: Asked) -> Workspace | None:
    try:
        async with promptly():
            return await managed_workspace(asked, getattr(asked.namespace, "workspace", None))
    except (Refusal, StorageError):
        return None


def _choices(known: list[tuple[str, str]], current: str) -> Choices:
    found = [
        app_commands.Choice(
            name=bare(known_id if known_id == name else f"{known_id} · {name}", 100), value=known_id
        )
        for known_id, name in known
        if current.strip().lower() in f"{known_id} {name}".lower()
    ]
    return [choice for choice in found if choice.name][:_MOST_CHOICES]
