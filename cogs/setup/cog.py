"""Slash commands for managers of the server: workspaces, their rules, departments and categories."""

from collections.abc import Callable

import discord
from discord import app_commands
from discord.ext import commands

from bot.discord_client.client import TicketBot
from bot.i18n.translations import gettext as _
from bot.i18n.translations import translate
from bot.tickets.errors import InvalidWorkspaceRule, TicketError
from bot.tickets.sentence import Sentence
from bot.tickets.workspace import NewWorkspace, Plan, UnknownCategoryPolicy, Workspace
from bot.tickets.workspace_changes import (
    CategoryChanges,
    DepartmentChanges,
    WorkspaceChanges,
    update_workspace,
    upsert_category,
    upsert_department,
)
from cogs.core.interactions import BotInteraction, deferred, reply_ephemeral
from cogs.setup.outbox import drop_delivery, outbox_embed, retry_delivery
from cogs.setup.webhooks import (
    ACTION_CHOICES,
    add_webhook,
    change_webhook,
    send_webhooks,
    source_choices,
    webhook_choices,
)
from cogs.setup.workspaces import (
    ChannelId,
    category_choices,
    check_may_name,
    department_choices,
    managed_workspace,
    managed_workspaces,
    parse_id_list,
    role_id,
    send_workspace,
    tag_choices,
    upsert_workspace,
    workspace_choices,
)

_Id = app_commands.Range[str, 1, 64]
_Name = app_commands.Range[str, 1, 100]
_DeliveryId = app_commands.Range[int, 1, 2**53 - 1]  # as far as Discord counts exactly
_WORKSPACE_HINT = "Needed where the server has several"


class NothingToChange(TicketError):
    """Name at least one thing to change."""


@app_commands.guild_only()
@app_commands.default_permissions(manage_guild=True)
class SetupCommands(
    commands.GroupCog, group_name="setup", group_description="For managers of the server: workspaces"
):
    """`/setup ...`: for members with Manage Server, and for the workspaces of their server alone."""

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot

    @app_commands.command()
    @app_commands.describe(workspace=_WORKSPACE_HINT)
    @app_commands.autocomplete(workspace=workspace_choices)
    @deferred
    async def show(self, interaction: BotInteraction, workspace: str | None = None) -> None:
        """Show a workspace: its channels, rules, departments and categories."""
        await send_workspace(interaction, "", await managed_workspace(interaction, workspace))

    @app_commands.command()
    @app_commands.describe(
        name="A new one, or one of this server to change",
        tickets_channel="Where tickets are posted",
        reports_channel="Where game reports are posted",
        staff_role="Whose members are staff",
        log_channel="For alerts about what is late or broken; not named, it stays as it is",
        watcher_role="Whose members look at tickets and add notes; not named, it stays as it is",
        admin_role="Whose members may use /setup for this workspace; not named, it stays as it is",
    )
    @app_commands.autocomplete(name=workspace_choices)
    @deferred
    async def workspace(
        self,
        interaction: BotInteraction,
        name: _Name,
        tickets_channel: ChannelId,
        reports_channel: ChannelId,
        staff_role: discord.Role,
        log_channel: ChannelId | None = None,
        watcher_role: discord.Role | None = None,
        admin_role: discord.Role | None = None,
    ) -> None:
        """Make a workspace, or give one other channels and roles."""
        await check_may_name(interaction, name, admin_role)
        if staff_role.id == interaction.guild_id:
            raise InvalidWorkspaceRule(
                Sentence("With that role everyone would be staff. Choose another role.")
            )
        new = NewWorkspace(
            name=name.strip(),
            guild_id=interaction.guild_id or 0,
            tickets_channel_id=tickets_channel,
            reports_channel_id=reports_channel,
            staff_role_id=staff_role.id,
            log_channel_id=log_channel,
            watcher_role_id=role_id(watcher_role) if watcher_role else None,
            admin_role_id=role_id(admin_role) if admin_role else None,
        )
        saved, outcome = await upsert_workspace(self.bot.store, new)
        await send_workspace(interaction, translate(outcome), saved)

    @app_commands.command()
    @app_commands.describe(
        workspace=_WORKSPACE_HINT,
        plan="Its plan, for games that ask",
        tickets="Whether its tickets module is on, for games that ask",
        unknown_categories="What to do with a game's ticket of a category it lacks, once it has any",
        thank_reporters="Whether reporters read that their game report was dealt with, once it has ended",
        name_staff="Whether players read the names of staff",
        default_department="For tickets whose category no department handles",
        log_channel="For alerts about what is late or broken",
        no_log_channel="No alerts in Discord any more",
        watcher_role="Whose members look at tickets and add notes",
        no_watcher_role="Nobody is a watcher any more",
        admin_role="Whose members may use /setup for this workspace",
        no_admin_role="Only Manage Server allows /setup again",
    )
    @app_commands.choices(
        plan=[app_commands.Choice(name=one.value, value=one.value) for one in Plan],
        unknown_categories=[
            app_commands.Choice(name=one.value, value=one.value) for one in UnknownCategoryPolicy
        ],
    )
    @app_commands.autocomplete(workspace=workspace_choices, default_department=department_choices)
    @deferred
    async def rules(
        self,
        interaction: BotInteraction,
        workspace: str | None = None,
        plan: str | None = None,
        tickets: bool | None = None,
        unknown_categories: str | None = None,
        thank_reporters: bool | None = None,
        name_staff: bool | None = None,
        default_department: _Id | None = None,
        log_channel: ChannelId | None = None,
        no_log_channel: bool = False,
        watcher_role: discord.Role | None = None,
        no_watcher_role: bool = False,
        admin_role: discord.Role | None = None,
        no_admin_role: bool = False,
    ) -> None:
        """Change a workspace's rules; what is not named stays."""
        await check_may_name(interaction, None, admin_role)
        parts: WorkspaceChanges = {}
        if no_watcher_role:
            parts["watcher_role_id"] = None
        if watcher_role is not None:
            parts["watcher_role_id"] = role_id(watcher_role)
        if no_admin_role:
            parts["admin_role_id"] = None
        if admin_role is not None:
            parts["admin_role_id"] = role_id(admin_role)
        if plan is not None:
            parts["plan"] = Plan(plan)
        if tickets is not None:
            parts["tickets_enabled"] = tickets
        if unknown_categories is not None:
            parts["unknown_categories"] = UnknownCategoryPolicy(unknown_categories)
        if thank_reporters is not None:
            parts["thank_reporters"] = thank_reporters
        if name_staff is not None:
            parts["name_staff"] = name_staff
        if default_department is not None:
            parts["default_department"] = default_department
        if no_log_channel:
            parts["log_channel_id"] = None
        if log_channel is not None:
            parts["log_channel_id"] = log_channel

        def change(before: Workspace) -> Workspace:
            if not parts:
                raise NothingToChange
            if no_log_channel and log_channel is not None:
                raise InvalidWorkspaceRule(Sentence("Name a log_channel or say no_log_channel, not both."))
            if (no_watcher_role and watcher_role) or (no_admin_role and admin_role):
                raise InvalidWorkspaceRule(Sentence("Name a role or say that there is none, not both."))
            return update_workspace(before, **parts)

        await self._change_workspace(interaction, workspace, change, _("✅ The rules are changed."))

    @app_commands.command()
    @app_commands.describe(
        id="A new one, or one to change",
        name="What people read; a new one is named by its id",
        channel="Where its tickets are posted",
        no_channel="Post its tickets in the workspace's channels again",
        categories="Ids of those it handles, with commas between; - for any",
        members="Who sees its tickets in the game, by the game's ids, with commas between; - for all staff",
        staff_role="Whose members work on its tickets alone, besides the workspace's staff",
        no_staff_role="Only the workspace's staff work on its tickets",
        workspace=_WORKSPACE_HINT,
    )
    @app_commands.autocomplete(id=department_choices, workspace=workspace_choices)
    @deferred
    async def department(
        self,
        interaction: BotInteraction,
        id: _Id,
        name: _Name | None = None,
        channel: ChannelId | None = None,
        no_channel: bool = False,
        categories: str | None = None,
        members: str | None = None,
        staff_role: discord.Role | None = None,
        no_staff_role: bool = False,
        workspace: str | None = None,
    ) -> None:
        """Add a department or change one; what is not named stays."""
        parts: DepartmentChanges = {}
        if name is not None:
            parts["name"] = name
        if no_channel:
            parts["channel_id"] = None
        if channel is not None:
            parts["channel_id"] = channel
        if categories is not None:
            parts["categories"] = parse_id_list(categories)
        if members is not None:
            parts["members"] = parse_id_list(members)
        if no_staff_role:
            parts["staff_role_id"] = None
        if staff_role is not None:
            parts["staff_role_id"] = role_id(staff_role)

        def change(before: Workspace) -> Workspace:
            if no_channel and channel is not None:
                raise InvalidWorkspaceRule(Sentence("Name a channel or say no_channel, not both."))
            if no_staff_role and staff_role is not None:
                raise InvalidWorkspaceRule(Sentence("Name a role or say that there is none, not both."))
            return upsert_department(before, id.strip(), **parts)

        saved = _("✅ Department {id} is saved.", id=id)
        await self._change_workspace(interaction, workspace, change, saved)

    @app_commands.command(name="remove-department")
    @app_commands.describe(id="Its tickets stay where they are", workspace=_WORKSPACE_HINT)
    @app_commands.autocomplete(id=department_choices, workspace=workspace_choices)
    @deferred
    async def remove_department(
        self, interaction: BotInteraction, id: _Id, workspace: str | None = None
    ) -> None:
        """Remove a department."""
        await self._change_workspace(
            interaction,
            workspace,
            lambda before: before.without_department(id.strip()),
            _("✅ Department {id} is removed.", id=id),
        )

    @app_commands.command()
    @app_commands.describe(
        id="A new one, or one to change",
        name="What people read; a new one is named by its id",
        departments="Ids of all that handle it, with commas between; - for none",
        max_open="Open tickets that a player may have in it; 0 for any number",
        workspace=_WORKSPACE_HINT,
    )
    @app_commands.autocomplete(id=category_choices, workspace=workspace_choices)
    @deferred
    async def category(
        self,
        interaction: BotInteraction,
        id: _Id,
        name: _Name | None = None,
        departments: str | None = None,
        max_open: app_commands.Range[int, 0, 1000] | None = None,
        workspace: str | None = None,
    ) -> None:
        """Add a category or change one; what is not named stays."""
        parts: CategoryChanges = {}
        if name is not None:
            parts["name"] = name
        if max_open is not None:
            parts["max_open"] = max_open or None
        handling = None if departments is None else parse_id_list(departments)
        await self._change_workspace(
            interaction,
            workspace,
            lambda before: upsert_category(before, id.strip(), handling, **parts),
            _("✅ Category {id} is saved.", id=id),
        )

    @app_commands.command(name="remove-category")
    @app_commands.describe(id="Its tickets keep its name", workspace=_WORKSPACE_HINT)
    @app_commands.autocomplete(id=category_choices, workspace=workspace_choices)
    @deferred
    async def remove_category(
        self, interaction: BotInteraction, id: _Id, workspace: str | None = None
    ) -> None:
        """Remove a category."""
        await self._change_workspace(
            interaction,
            workspace,
            lambda before: before.without_category(id.strip()),
            _("✅ Category {id} is removed.", id=id),
        )

    @app_commands.command()
    @app_commands.describe(name="What staff read and choose", workspace=_WORKSPACE_HINT)
    @app_commands.autocomplete(workspace=workspace_choices)
    @deferred
    async def tag(
        self,
        interaction: BotInteraction,
        name: app_commands.Range[str, 1, 32],
        workspace: str | None = None,
    ) -> None:
        """Add a tag that staff can give to tickets."""
        sentence = _("✅ Tag {tag} is saved.", tag=name)
        await self._change_workspace(interaction, workspace, lambda before: before.with_tag(name), sentence)

    @app_commands.command(name="remove-tag")
    @app_commands.describe(name="Tickets that have it keep it", workspace=_WORKSPACE_HINT)
    @app_commands.autocomplete(name=tag_choices, workspace=workspace_choices)
    @deferred
    async def remove_tag(self, interaction: BotInteraction, name: str, workspace: str | None = None) -> None:
        """Remove a tag from those that staff can give to tickets."""
        sentence = _("✅ Tag {tag} is removed.", tag=name)
        await self._change_workspace(
            interaction, workspace, lambda before: before.without_tag(name.strip()), sentence
        )

    @app_commands.command()
    @app_commands.describe(
        retry="The number of a delivery to try again now",
        drop="The number of a delivery to give up; the ticket stays in the database",
    )
    @deferred
    async def outbox(
        self, interaction: BotInteraction, retry: _DeliveryId | None = None, drop: _DeliveryId | None = None
    ) -> None:
        """Show what waits for Discord, and the dead letters; retry or drop a delivery."""
        if retry is not None and drop is not None:
            raise InvalidWorkspaceRule(Sentence("Name a delivery to retry or one to drop, not both."))
        workspaces = await managed_workspaces(interaction)
        sentence = ""
        if retry is not None:
            sentence = await retry_delivery(self.bot.store, workspaces, retry)
        if drop is not None:
            sentence = await drop_delivery(self.bot.store, workspaces, drop)
        await reply_ephemeral(interaction, sentence, embed=await outbox_embed(self.bot, workspaces))

    @app_commands.command()
    @app_commands.describe(
        source="The game API whose events are sent",
        url="Where to: https://...",
        name="What you call it, such as the server it is for",
        workspace=_WORKSPACE_HINT,
    )
    @app_commands.autocomplete(source=source_choices, workspace=workspace_choices)
    @deferred
    async def webhook(
        self,
        interaction: BotInteraction,
        source: str,
        url: app_commands.Range[str, 1, 2048],
        name: _Name | None = None,
        workspace: str | None = None,
    ) -> None:
        """Send replies and changes of status to a URL from now on; its secret is shown once."""
        await add_webhook(interaction, source, url.strip(), name or "", workspace)

    @app_commands.command()
    @app_commands.describe(action="What to do to one of them", webhook="Its number, as the list shows it")
    @app_commands.choices(action=ACTION_CHOICES)
    @app_commands.autocomplete(webhook=webhook_choices)
    @deferred
    async def webhooks(
        self, interaction: BotInteraction, action: str | None = None, webhook: str | None = None
    ) -> None:
        """List the webhooks to game servers; test, pause, enable or remove one, or make it a new secret."""
        if action is None and webhook is None:
            await send_webhooks(interaction)
        else:
            await change_webhook(interaction, action, webhook)

    async def _change_workspace(
        self,
        interaction: BotInteraction,
        name: str | None,
        change: Callable[[Workspace], Workspace],
        sentence: str,
    ) -> None:
        workspace = await managed_workspace(interaction, name)
        changed = await self.bot.store.workspaces.change(workspace.id, change)
        await send_workspace(interaction, sentence, changed)


async def setup(bot: TicketBot) -> None:
    await bot.add_cog(SetupCommands(bot))
