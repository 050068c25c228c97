"""Slash commands on tickets: players open and follow theirs, staff work on any.

A command does what the person may do. Most are the actions of `bot/tickets/actions.py`, as the buttons are.
"""

from collections.abc import Callable
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.discord_client.client import TicketBot
from bot.i18n.translations import gettext as _
from bot.tickets.actions import (
    ASSIGN,
    CLAIM,
    CLOSE,
    DISMISS,
    MOVE,
    NOTE,
    PRIORITY,
    REOPEN,
    REPLY,
    RESOLVE,
    STATUS,
    TAG,
    UNCLAIM,
    Action,
    Inputs,
    Role,
)
from bot.tickets.feedback import COMMENT_LIMIT
from bot.tickets.message import MessageKind
from bot.tickets.public_ids import numeric_ids
from bot.tickets.ticket import REASON_LIMIT, Priority, Status
from cogs.canned.replies import canned_choices
from cogs.core.checks import (
    get_access,
    get_ticket_as,
    guild_workspaces,
    staff_actor,
)
from cogs.core.interactions import (
    BotInteraction,
    ChoicesCallback,
    deferred,
    errors_to_user,
    reply_ephemeral,
    within_deadline,
)
from cogs.reconcile.deleted import repost_ticket
from cogs.tickets.autocomplete import (
    category_choices,
    choices_for,
    department_choices,
    reply_choices,
    staff_choices,
    tag_choices,
)
from cogs.tickets.buttons import add_message, change_ticket, open_reply_modal
from cogs.tickets.components import send_ticket
from cogs.tickets.embeds import priority_label, status_label
from cogs.tickets.feedback import RATING_CHOICES, ended_choices, handle_feedback_component, save_feedback
from cogs.tickets.modals import (
    OPEN_MODAL_ID,
    category_options,
    modal_custom_id,
    modal_values,
    open_modal,
    thread_parent_id,
    ticket_from_modal,
    workspace_for_channel,
)
from cogs.tickets.own_tickets import handle_own_component, send_own_list, send_own_ticket

_MessageText = app_commands.Range[str, 1, 4000]
_Comment = app_commands.Range[str, 1, COMMENT_LIMIT]
_Reason = app_commands.Range[str, 0, REASON_LIMIT]
_TICKET_HINT = "Its id, or part of its subject or of a player's name; in its own thread not needed"
_REASON_HINT = "Why; staff read it on the ticket"
_PRIORITIES = [app_commands.Choice(name=priority_label(one), value=one.value) for one in reversed(Priority)]
_STATUSES = [
    app_commands.Choice(name=status_label(one), value=one.value)
    for one in Status
    if one is not Status.UNFINISHED
]
TicketCommand = app_commands.Command[Any, ..., None]


def _ticket_command(
    description: str, choices: ChoicesCallback
) -> Callable[[Callable[..., Any]], TicketCommand]:
    """Make a slash command on a ticket, with choices for its option `ticket`."""

    def make_command(callback: Any) -> TicketCommand:
        command: TicketCommand = app_commands.command(description=description)(callback)
        app_commands.describe(ticket=_TICKET_HINT)(command)
        command.autocomplete("ticket")(choices)
        return command

    return make_command


def action_command(action: Action) -> Callable[[Callable[..., Any]], TicketCommand]:
    """Make the slash command of an action: it offers players their own tickets, if it is open to them."""
    choices = reply_choices if action is REPLY else choices_for(*action.allowed)
    return _ticket_command(action.description, choices)


@app_commands.guild_only()
class TicketCommands(
    commands.GroupCog, group_name="ticket", group_description="Tickets from the game and from here"
):
    """`/ticket ...` and `/tickets`. Only the user sees the answers."""

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot

    @app_commands.command()
    async def open(self, interaction: BotInteraction) -> None:
        """Open a ticket: staff will answer you in a thread of your own."""
        async with within_deadline():
            workspaces = await guild_workspaces(interaction)
        categories = category_options(workspace_for_channel(interaction, workspaces))
        await interaction.response.send_modal(open_modal(categories))

    @action_command(CLAIM)
    async def claim(self, interaction: BotInteraction, ticket: str | None = None) -> None:
        await change_ticket(interaction, CLAIM, ticket)

    @action_command(UNCLAIM)
    async def unclaim(self, interaction: BotInteraction, ticket: str | None = None) -> None:
        await change_ticket(interaction, UNCLAIM, ticket)

    @app_commands.describe(staff="A member of staff")
    @action_command(ASSIGN)
    async def assign(
        self, interaction: BotInteraction, staff: discord.Member, ticket: str | None = None
    ) -> None:
        async with within_deadline():
            found = await get_ticket_as(Role.STAFF, interaction, ticket)
            actor = await staff_actor(interaction, found, staff)
        await change_ticket(interaction, ASSIGN, found.id, staff=actor)

    @app_commands.describe(department="Another department", category="Another category")
    @app_commands.autocomplete(department=department_choices, category=category_choices)
    @action_command(MOVE)
    async def move(
        self,
        interaction: BotInteraction,
        department: str | None = None,
        category: str | None = None,
        ticket: str | None = None,
    ) -> None:
        inputs: Inputs = {}
        if department is not None:
            inputs["department"] = department.strip()
        if category is not None:
            inputs["category"] = category.strip()
        await change_ticket(interaction, MOVE, ticket, **inputs)

    @app_commands.describe(priority="Its new priority")
    @app_commands.choices(priority=_PRIORITIES)
    @action_command(PRIORITY)
    async def priority(self, interaction: BotInteraction, priority: str, ticket: str | None = None) -> None:
        await change_ticket(interaction, PRIORITY, ticket, priority=Priority(priority))

    @app_commands.describe(status="Its new status")
    @app_commands.choices(status=_STATUSES)
    @action_command(STATUS)
    async def status(self, interaction: BotInteraction, status: str, ticket: str | None = None) -> None:
        await change_ticket(interaction, STATUS, ticket, status=Status(status))

    @app_commands.describe(add="A tag to give it", remove="A tag to take from it")
    @app_commands.autocomplete(add=tag_choices, remove=tag_choices)
    @action_command(TAG)
    async def tag(
        self,
        interaction: BotInteraction,
        add: str | None = None,
        remove: str | None = None,
        ticket: str | None = None,
    ) -> None:
        added, removed = ((one.strip(),) if one else () for one in (add, remove))
        await change_ticket(interaction, TAG, ticket, add_tags=added, remove_tags=removed)

    @app_commands.describe(reason=_REASON_HINT)
    @action_command(CLOSE)
    async def close(
        self, interaction: BotInteraction, reason: _Reason = "", ticket: str | None = None
    ) -> None:
        await change_ticket(interaction, CLOSE, ticket, reason=reason)

    @app_commands.describe(reason=_REASON_HINT)
    @action_command(DISMISS)
    async def dismiss(
        self, interaction: BotInteraction, reason: _Reason = "", ticket: str | None = None
    ) -> None:
        await change_ticket(interaction, DISMISS, ticket, reason=reason)

    @app_commands.describe(reason=_REASON_HINT)
    @action_command(RESOLVE)
    async def resolve(
        self, interaction: BotInteraction, reason: _Reason = "", ticket: str | None = None
    ) -> None:
        await change_ticket(interaction, RESOLVE, ticket, reason=reason)

    @action_command(REOPEN)
    async def reopen(self, interaction: BotInteraction, ticket: str | None = None) -> None:
        await change_ticket(interaction, REOPEN, ticket)

    @app_commands.describe(
        message="What you want to say; with nothing at all, a form asks for it",
        canned="Staff: a canned reply; your message follows it",
    )
    @app_commands.autocomplete(canned=canned_choices)
    @action_command(REPLY)
    async def reply(
        self,
        interaction: BotInteraction,
        message: _MessageText | None = None,
        canned: str | None = None,
        ticket: str | None = None,
    ) -> None:
        if message is None and canned is None:
            await open_reply_modal(interaction, ticket)
        else:
            await add_message(interaction, REPLY, ticket, message or "", canned=canned)

    @app_commands.describe(text="What other staff should know")
    @action_command(NOTE)
    async def note(self, interaction: BotInteraction, text: _MessageText, ticket: str | None = None) -> None:
        await add_message(interaction, NOTE, ticket, text)

    @app_commands.describe(rating="5 is best", comment="What was good, and what was not")
    @app_commands.choices(rating=RATING_CHOICES)
    @_ticket_command("Rate your own ticket once it has ended; again to change it.", ended_choices)
    async def feedback(
        self,
        interaction: BotInteraction,
        rating: int,
        ticket: str | None = None,
        comment: _Comment | None = None,
    ) -> None:
        await save_feedback(interaction, ticket, rating, comment or "")

    @_ticket_command("Look at a ticket: staff at any, everyone else at their own.", choices_for(*Role))
    @deferred
    async def view(self, interaction: BotInteraction, ticket: str | None = None) -> None:
        access = await get_access(interaction, ticket, tuple(Role))
        if access.role is Role.REPORTER:
            await send_own_ticket(interaction, access.ticket)
        else:
            await send_ticket(interaction, access.ticket, tuple(MessageKind))

    @_ticket_command("Staff: post a ticket again whose post was deleted.", staff_choices)
    @deferred
    async def repost(self, interaction: BotInteraction, ticket: str | None = None) -> None:
        found = await get_ticket_as(Role.STAFF, interaction, ticket)
        channel_id = await repost_ticket(self.bot, found)
        channel = self.bot.get_partial_messageable(channel_id, guild_id=interaction.guild_id)
        await reply_ephemeral(
            interaction,
            _(
                "✅ {id} is posted again in a moment, in {link}",
                id=found.public_id,
                link=channel.jump_url,
            ),
        )

    @commands.Cog.listener()
    async def on_interaction(self, interaction: BotInteraction) -> None:
        """Handle the modal of `/ticket open` and the pages of own tickets, also from before a restart."""
        await handle_own_component(interaction)
        await handle_feedback_component(interaction)
        if modal_custom_id(interaction) == OPEN_MODAL_ID:
            values = modal_values(interaction)
            typed = f"{values.get('subject', '')}\n\n{values.get('body', '')}"
            async with errors_to_user(interaction, typed=typed):
                await _create_ticket(interaction)


@deferred
async def _create_ticket(interaction: BotInteraction) -> None:
    workspace = workspace_for_channel(interaction, await guild_workspaces(interaction))
    ticket = await interaction.client.store.intake.add_ticket(
        workspace.id,
        ticket_from_modal(interaction, workspace),
        numeric_ids("TICKET"),
        interaction.client.store.now(),
        channel_id=thread_parent_id(interaction, workspace),
    )
    if await interaction.client.store.blocks.find_of_ticket(ticket.id):
        await reply_ephemeral(interaction, _("✅ {id} is saved.", id=ticket.public_id))
        return
    await reply_ephemeral(
        interaction,
        _(
            "✅ {id} is saved. Its thread opens in a moment, and you are mentioned there; only you and staff "
            "can see it.",
            id=ticket.public_id,
        ),
    )


@app_commands.command(name="tickets")
@app_commands.guild_only()
@deferred
async def tickets(interaction: BotInteraction) -> None:
    """Your own tickets, from Discord and from your linked game accounts."""
    await send_own_list(interaction)


async def setup(bot: TicketBot) -> None:
    await bot.add_cog(TicketCommands(bot))
    bot.tree.add_command(tickets)


async def teardown(bot: TicketBot) -> None:
    bot.tree.remove_command("tickets")
