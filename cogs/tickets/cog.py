"""Slash commands on tickets: players open and follow theirs, staff work on any.

A command does what the person may do. Most are the actions of `bot/tickets/actions.py`, as the buttons are.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from discord import app_commands
from discord.ext import commands

from bot.discord_client.client import TicketBot
from bot.i18n.translations import gettext as _
from bot.tickets.actions import CLAIM, CLOSE, NOTE, REOPEN, REPLY, RESOLVE, UNCLAIM, Action, Role
from bot.tickets.feedback import COMMENT_LIMIT
from bot.tickets.message import MessageKind
from bot.tickets.public_ids import numeric_ids
from bot.tickets.roles import tickets_with_role
from cogs.canned.replies import canned_choices
from cogs.core.checks import (
    NotStaff,
    get_access,
    get_ticket_as,
    guild_workspaces,
    role_ids_of,
    workspaces_with_role,
)
from cogs.core.interactions import (
    BotInteraction,
    Choices,
    ChoicesCallback,
    choices_or_none,
    deferred,
    errors_to_user,
    reply_ephemeral,
    within_deadline,
)
from cogs.reconcile.deleted import repost_ticket
from cogs.tickets.buttons import add_message, change_ticket, open_reply_modal
from cogs.tickets.components import send_ticket
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
from cogs.tickets.own_embeds import select_label
from cogs.tickets.own_tickets import handle_own_component, own_choices, send_own_list, send_own_ticket

_MessageText = app_commands.Range[str, 1, 4000]
_Comment = app_commands.Range[str, 1, COMMENT_LIMIT]
_MAX_CHOICES = 25  # Discord's limit
_TICKET_HINT = "Its id; in its own thread not needed"
TicketCommand = app_commands.Command[Any, ..., None]


def choices_for(*allowed: Role) -> ChoicesCallback:
    """Make the choices for a ticket: recent ones on which the user has an allowed role, by id or subject."""

    @choices_or_none
    async def offer(interaction: BotInteraction, current: str) -> Choices:
        recent: Choices = []
        with suppress(NotStaff):
            recent = await _recent_choices(interaction, current, allowed)
        if Role.REPORTER not in allowed:
            return recent
        names = {choice.value for choice in recent}
        own = [choice for choice in await own_choices(interaction, current) if choice.value not in names]
        return [*recent, *own][:_MAX_CHOICES]

    return offer


staff_choices = choices_for(Role.STAFF)


async def _recent_choices(interaction: BotInteraction, current: str, allowed: Sequence[Role]) -> Choices:
    workspaces = await workspaces_with_role(interaction, allowed)
    found = await interaction.client.store.tickets.autocomplete(
        current,
        [one.id for one in workspaces],
        is_offered=tickets_with_role(workspaces, role_ids_of(interaction.user), allowed),
    )
    return [app_commands.Choice(name=select_label(one), value=one.public_id) for one in found]


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
    return _ticket_command(action.description, choices_for(*action.allowed))


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

    @action_command(CLOSE)
    async def close(self, interaction: BotInteraction, ticket: str | None = None) -> None:
        await change_ticket(interaction, CLOSE, ticket)

    @action_command(RESOLVE)
    async def resolve(self, interaction: BotInteraction, ticket: str | None = None) -> None:
        await change_ticket(interaction, RESOLVE, ticket)

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
