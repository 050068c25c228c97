"""Slash commands on tickets: players open and follow theirs, staff work on any.

The commands of staff are the actions of `bot/tickets/actions.py`, which the buttons use as well.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from discord import app_commands
from discord.ext import commands

from bot.discord_client.client import TicketBot
from bot.tickets.actions import CLAIM, CLOSE, NOTE, REOPEN, REPLY, RESOLVE, UNCLAIM, Role
from bot.tickets.message import DISCORD_SOURCE, REPORTER_VISIBLE_KINDS, MessageKind
from bot.tickets.public_ids import numeric_ids
from bot.tickets.ticket import Ticket
from cogs.core.checks import (
    NotStaff,
    get_ticket_as,
    guild_workspaces,
    resolve_ticket,
    role_on,
    workspaces_as_staff,
)
from cogs.core.interactions import (
    BotInteraction,
    Choices,
    choices_or_none,
    deferred,
    errors_to_user,
    reply_ephemeral,
    within_deadline,
)
from cogs.core.markdown import plain_line
from cogs.reconcile.deleted import repost_ticket
from cogs.tickets.buttons import add_message, change_ticket
from cogs.tickets.components import send_ticket
from cogs.tickets.embeds import ticket_list_embed
from cogs.tickets.modals import (
    OPEN_MODAL_ID,
    category_options,
    modal_custom_id,
    open_modal,
    thread_parent_id,
    ticket_from_modal,
    workspace_for_channel,
)

_MessageText = app_commands.Range[str, 1, 4000]
_VISIBLE_KINDS = {Role.STAFF: tuple(MessageKind), Role.REPORTER: REPORTER_VISIBLE_KINDS}
_TICKET_HINT = "Its id; in its own thread not needed"
TicketCommand = app_commands.Command[Any, ..., None]


@choices_or_none
async def staff_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer staff recent tickets whose id or subject contains what is typed."""
    return await _recent_choices(interaction, current)


@choices_or_none
async def viewer_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer staff the same, and anyone else their own tickets."""
    recent: Choices = []
    with suppress(NotStaff):
        recent = await _recent_choices(interaction, current)
    return recent or await _own_choices(interaction, current)


async def _recent_choices(interaction: BotInteraction, current: str) -> Choices:
    workspaces = await workspaces_as_staff(interaction)
    found = await interaction.client.store.tickets.autocomplete(current, [one.id for one in workspaces])
    return [_ticket_choice(ticket) for ticket in found]


async def _own_choices(interaction: BotInteraction, current: str) -> Choices:
    own = [_ticket_choice(ticket) for ticket in await _own_tickets(interaction)]
    return [choice for choice in own if current.lower() in choice.name.lower()]


def _ticket_choice(ticket: Ticket) -> app_commands.Choice[str]:
    return app_commands.Choice(
        name=plain_line(f"{ticket.public_id} · {ticket.subject}", 100), value=ticket.public_id
    )


def staff_command(description: str) -> Callable[[Callable[..., Any]], TicketCommand]:
    """Make a slash command on a ticket, for staff: deferred, with choices for its option `ticket`."""

    def make_command(callback: Any) -> TicketCommand:
        command: TicketCommand = app_commands.command(description=description)(callback)
        app_commands.describe(ticket=_TICKET_HINT)(command)
        command.autocomplete("ticket")(staff_choices)
        return command

    return make_command


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

    @staff_command(CLAIM.description)
    async def claim(self, interaction: BotInteraction, ticket: str | None = None) -> None:
        await change_ticket(interaction, CLAIM, ticket)

    @staff_command(UNCLAIM.description)
    async def unclaim(self, interaction: BotInteraction, ticket: str | None = None) -> None:
        await change_ticket(interaction, UNCLAIM, ticket)

    @staff_command(CLOSE.description)
    async def close(self, interaction: BotInteraction, ticket: str | None = None) -> None:
        await change_ticket(interaction, CLOSE, ticket)

    @staff_command(RESOLVE.description)
    async def resolve(self, interaction: BotInteraction, ticket: str | None = None) -> None:
        await change_ticket(interaction, RESOLVE, ticket)

    @staff_command(REOPEN.description)
    async def reopen(self, interaction: BotInteraction, ticket: str | None = None) -> None:
        await change_ticket(interaction, REOPEN, ticket)

    @app_commands.describe(message="What the reporter is to read")
    @staff_command(REPLY.description)
    async def reply(
        self, interaction: BotInteraction, message: _MessageText, ticket: str | None = None
    ) -> None:
        await add_message(interaction, REPLY, ticket, message)

    @app_commands.describe(text="What other staff should know")
    @staff_command(NOTE.description)
    async def note(self, interaction: BotInteraction, text: _MessageText, ticket: str | None = None) -> None:
        await add_message(interaction, NOTE, ticket, text)

    @app_commands.command()
    @app_commands.describe(ticket=_TICKET_HINT)
    @app_commands.autocomplete(ticket=viewer_choices)
    @deferred
    async def view(self, interaction: BotInteraction, ticket: str | None = None) -> None:
        """Look at a ticket: staff at any, everyone else at their own."""
        found = await resolve_ticket(interaction, ticket)
        role = role_on(found, interaction.user, await guild_workspaces(interaction))
        await send_ticket(interaction, found, _VISIBLE_KINDS[role])

    @staff_command("Staff: post a ticket again whose post was deleted.")
    @deferred
    async def repost(self, interaction: BotInteraction, ticket: str | None = None) -> None:
        found = await get_ticket_as(Role.STAFF, interaction, ticket)
        channel_id = await repost_ticket(self.bot, found)
        channel = self.bot.get_partial_messageable(channel_id, guild_id=interaction.guild_id)
        await reply_ephemeral(
            interaction, f"✅ {found.public_id} is posted again in a moment, in {channel.jump_url}"
        )

    @commands.Cog.listener()
    async def on_interaction(self, interaction: BotInteraction) -> None:
        """Handle the modal of `/ticket open`, also one that was opened before a restart."""
        if modal_custom_id(interaction) == OPEN_MODAL_ID:
            async with errors_to_user(interaction):
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
    await reply_ephemeral(
        interaction,
        f"✅ {ticket.public_id} is saved. Its thread opens in a moment, and you are mentioned there; "
        "only you and staff can see it.",
    )


@app_commands.command(name="tickets")
@app_commands.guild_only()
@deferred
async def tickets(interaction: BotInteraction) -> None:
    """Your own tickets, newest first."""
    own = await _own_tickets(interaction)
    if own:
        await interaction.followup.send(embed=ticket_list_embed(own), ephemeral=True)
    else:
        await reply_ephemeral(interaction, "You have no tickets yet. `/ticket open` opens one.")


async def _own_tickets(interaction: BotInteraction) -> list[Ticket]:
    workspace_ids = [workspace.id for workspace in await guild_workspaces(interaction)]
    return await interaction.client.store.tickets.list_of_reporter(
        DISCORD_SOURCE, str(interaction.user.id), workspace_ids
    )


async def setup(bot: TicketBot) -> None:
    await bot.add_cog(TicketCommands(bot))
    bot.tree.add_command(tickets)


async def teardown(bot: TicketBot) -> None:
    bot.tree.remove_command("tickets")
