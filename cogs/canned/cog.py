"""`/canned ...`: staff save, change and remove the replies that they use again and again."""

import io
import logging
import re

import discord
from discord import app_commands
from discord.ext import commands

from bot.discord_client.client import TicketBot
from bot.i18n.translations import gettext as _
from bot.tickets.actions import Role
from bot.tickets.canned_replies import NAME_LIMIT, CannedReply, UnknownCannedReply, validate_canned_reply
from cogs.canned.modals import (
    ADD_MODAL_ID_PATTERN,
    EDIT_MODAL_ID_PATTERN,
    add_modal,
    edit_modal,
    list_embed,
)
from cogs.canned.replies import managed_choices
from cogs.core.checks import (
    AmbiguousWorkspace,
    NotStaff,
    actor_from,
    choose_workspace,
    staff_workspace_choices,
    workspaces_as_staff,
    workspaces_with_role,
)
from cogs.core.interactions import (
    BotInteraction,
    deferred,
    errors_to_user,
    reply_ephemeral,
    within_deadline,
)
from cogs.tickets.components import UnknownComponent
from cogs.tickets.modals import modal_custom_id, modal_values

log = logging.getLogger(__name__)

_Name = app_commands.Range[str, 1, NAME_LIMIT]
_WORKSPACE_HINT = "Needed where the server has several"


@app_commands.guild_only()
class CannedCommands(
    commands.GroupCog, group_name="canned", group_description="Staff: texts to reply with again and again"
):
    """`/canned ...`, for the staff of a workspace. Only the user sees the answers."""

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot

    @app_commands.command()
    @app_commands.describe(name="What you will choose it by", workspace=_WORKSPACE_HINT)
    @app_commands.autocomplete(workspace=staff_workspace_choices)
    async def add(
        self, interaction: BotInteraction, name: _Name | None = None, workspace: str | None = None
    ) -> None:
        """Staff: save a canned reply; a form asks for its text."""
        async with within_deadline():
            chosen = choose_workspace(await workspaces_as_staff(interaction), workspace)
        await interaction.response.send_modal(add_modal(chosen, name or ""))

    @app_commands.command()
    @app_commands.describe(name="The canned reply", workspace=_WORKSPACE_HINT)
    @app_commands.autocomplete(name=managed_choices, workspace=staff_workspace_choices)
    async def edit(self, interaction: BotInteraction, name: _Name, workspace: str | None = None) -> None:
        """Staff: change a canned reply or its name, in a form with its text."""
        async with within_deadline():
            reply = await _named_reply(interaction, name, workspace)
        await interaction.response.send_modal(edit_modal(reply))

    @app_commands.command()
    @app_commands.describe(name="The canned reply", workspace=_WORKSPACE_HINT)
    @app_commands.autocomplete(name=managed_choices, workspace=staff_workspace_choices)
    @deferred
    async def remove(self, interaction: BotInteraction, name: _Name, workspace: str | None = None) -> None:
        """Staff: remove a canned reply."""
        reply = await _named_reply(interaction, name, workspace)
        removed = await self.bot.store.canned_replies.remove(reply.id, reply.workspace_id)
        log.info("A canned reply was removed", extra=_log_fields(removed, interaction))
        file = discord.File(io.BytesIO(removed.text.encode("utf-8", "replace")), filename="canned-reply.txt")
        await reply_ephemeral(
            interaction,
            _("✅ Canned reply {name} is removed. The file has its text.", name=removed.name),
            file=file,
        )

    @app_commands.command(name="list")
    @deferred
    async def list_all(self, interaction: BotInteraction) -> None:
        """Staff: show all canned replies."""
        workspaces = await workspaces_with_role(interaction, [Role.STAFF])
        replies = await self.bot.store.canned_replies.list_of_workspaces([one.id for one in workspaces])
        await interaction.followup.send(embed=list_embed(replies, workspaces), ephemeral=True)

    @commands.Cog.listener()
    async def on_interaction(self, interaction: BotInteraction) -> None:
        """Save what was filled in, also in a form from before a restart."""
        used = modal_custom_id(interaction) or ""
        added, edited = ADD_MODAL_ID_PATTERN.fullmatch(used), EDIT_MODAL_ID_PATTERN.fullmatch(used)
        values = modal_values(interaction) if used.startswith("canned:") else {}
        async with errors_to_user(interaction, typed="\n\n".join(values.values())):
            if added:
                await _save_new(interaction, added["workspace"])
            elif edited:
                await _save_change(interaction, edited)
            elif used.startswith("canned:"):
                raise UnknownComponent


@deferred
async def _save_new(interaction: BotInteraction, workspace_id: str) -> None:
    if workspace_id not in {one.id for one in await workspaces_as_staff(interaction)}:
        raise NotStaff
    values, store = modal_values(interaction), interaction.client.store
    new = validate_canned_reply(workspace_id, values.get("name", ""), values.get("text", ""))
    saved = await store.canned_replies.add(new, actor_from(interaction), store.now())
    await _confirm(interaction, saved)


@deferred
async def _save_change(interaction: BotInteraction, form: re.Match[str]) -> None:
    values, store = modal_values(interaction), interaction.client.store
    workspace_ids = [one.id for one in await workspaces_as_staff(interaction)]
    before = await store.canned_replies.get(int(form["id"]), workspace_ids)
    new = validate_canned_reply(before.workspace_id, values.get("name", ""), values.get("text", ""))
    saved = await store.canned_replies.change(
        before.id, int(form["revision"]), new, actor_from(interaction), store.now()
    )
    await _confirm(interaction, saved)


async def _confirm(interaction: BotInteraction, saved: CannedReply) -> None:
    log.info("A canned reply was saved", extra=_log_fields(saved, interaction))
    await reply_ephemeral(
        interaction,
        _(
            "✅ Canned reply {name} is saved. `/ticket reply` and the Reply button offer it.",
            name=saved.name,
        ),
    )


async def _named_reply(interaction: BotInteraction, name: str, workspace: str | None) -> CannedReply:
    """The canned reply of that name in a workspace, or in the only one that has it.

    Raises UnknownCannedReply, AmbiguousWorkspace, UnknownGuildWorkspace, NotStaff.
    """
    workspaces = await workspaces_as_staff(interaction)
    chosen = workspaces if workspace is None else [choose_workspace(workspaces, workspace)]
    replies = await interaction.client.store.canned_replies.list_of_workspaces([one.id for one in chosen])
    found = [one for one in replies if one.name.casefold() == name.strip().casefold()]
    if not found:
        raise UnknownCannedReply
    if len(found) > 1:
        raise AmbiguousWorkspace
    return found[0]


def _log_fields(reply: CannedReply, interaction: BotInteraction) -> dict[str, object]:
    """What the log says of a canned reply, and of who changed it."""
    return {"workspace_id": reply.workspace_id, "actor_id": interaction.user.id}


async def setup(bot: TicketBot) -> None:
    await bot.add_cog(CannedCommands(bot))
