"""Slash commands: players open and follow their tickets; staff reply, note and look."""

from contextlib import suppress

from discord import app_commands
from discord.ext import commands

from bot.discord_client.client import TicketBot
from bot.tickets.errors import TicketError, UnknownTicket
from bot.tickets.message import DISCORD_SOURCE, REPORTER_VISIBLE_KINDS, MessageKind
from bot.tickets.public_ids import numeric_ids
from bot.tickets.ticket import Ticket
from cogs.core.checks import (
    NotStaff,
    actor_from,
    get_ticket_as_staff,
    guild_workspaces,
    is_staff,
    message_origin,
    resolve_ticket,
    utc_now,
    workspaces_as_staff,
)
from cogs.core.interactions import BotInteraction, errors_to_user, reply_ephemeral, within_deadline
from cogs.core.markdown import plain_line
from cogs.reconcile.deleted import repost_ticket
from cogs.tickets.embeds import ticket_embed, ticket_list_embed
from cogs.tickets.history import add_events, add_messages
from cogs.tickets.modals import OPEN_MODAL_ID, modal_custom_id, open_modal
from cogs.tickets.open import category_options, thread_parent_id, ticket_from_modal, workspace_for_channel
from cogs.tickets.replies import store_reply
from storage import StorageError

_MessageText = app_commands.Range[str, 1, 4000]


Choices = list[app_commands.Choice[str]]


async def staff_choices(interaction: BotInteraction, current: str) -> Choices:
    """For staff: recent tickets whose id or subject holds what is typed. For anyone else: nothing."""
    try:
        async with within_deadline():
            return await _choices_for_staff(interaction, current)
    except (TicketError, StorageError):
        return []


async def viewer_choices(interaction: BotInteraction, current: str) -> Choices:
    """For staff the same; for anyone else, their own tickets."""
    try:
        async with within_deadline():
            with suppress(NotStaff):
                return await _choices_for_staff(interaction, current) or await _choices_for_reporter(
                    interaction, current
                )
            return await _choices_for_reporter(interaction, current)
    except (TicketError, StorageError):
        return []


async def _choices_for_staff(interaction: BotInteraction, current: str) -> Choices:
    staffed = await workspaces_as_staff(interaction.client.store, interaction)
    found = await interaction.client.store.autocomplete_tickets(current, [one.id for one in staffed])
    return [_ticket_choice(ticket) for ticket in found]


async def _choices_for_reporter(interaction: BotInteraction, current: str) -> Choices:
    own = [_ticket_choice(ticket) for ticket in await _own_tickets(interaction)]
    return [choice for choice in own if current.lower() in choice.name.lower()]


@app_commands.guild_only()
class TicketCommands(
    commands.GroupCog, group_name="ticket", group_description="Tickets from the game and from here"
):
    """`/ticket open|reply|note|view|repost` and `/tickets`. Only the one who asked sees an answer."""

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot

    @app_commands.command()
    async def open(self, interaction: BotInteraction) -> None:
        """Open a ticket: staff will answer you in a thread of your own."""
        async with errors_to_user(interaction):
            async with within_deadline():
                here = await guild_workspaces(self.bot.store, interaction)
            categories = category_options(workspace_for_channel(interaction, here))
            await interaction.response.send_modal(open_modal(categories))

    @app_commands.command()
    @app_commands.describe(
        message="What the reporter is to read", ticket="Its id; in its own thread not needed"
    )
    @app_commands.autocomplete(ticket=staff_choices)
    async def reply(
        self, interaction: BotInteraction, message: _MessageText, ticket: str | None = None
    ) -> None:
        """Staff: reply to the reporter of a ticket."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        async with errors_to_user(interaction):
            meant = await self._resolve_ticket_as_staff(interaction, ticket)
            await store_reply(interaction, meant.id, message)

    @app_commands.command()
    @app_commands.describe(text="What other staff should know", ticket="Its id; in its own thread not needed")
    @app_commands.autocomplete(ticket=staff_choices)
    async def note(self, interaction: BotInteraction, text: _MessageText, ticket: str | None = None) -> None:
        """Staff: keep a note on a ticket. Its reporter never sees it."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        async with errors_to_user(interaction):
            meant = await self._resolve_ticket_as_staff(interaction, ticket)
            author = actor_from(interaction)
            await self.bot.store.add_message(
                meant.id,
                lambda ticket: ticket.note(author, text),
                origin=message_origin(interaction),
                now=utc_now(),
            )
            await reply_ephemeral(
                interaction, f"📝 Your note on {meant.public_id} is kept. `/ticket view` shows it to staff."
            )

    @app_commands.command()
    @app_commands.describe(ticket="Its id; in its own thread not needed")
    @app_commands.autocomplete(ticket=viewer_choices)
    async def view(self, interaction: BotInteraction, ticket: str | None = None) -> None:
        """Look at a ticket: staff at any, everyone else at their own."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        async with errors_to_user(interaction):
            meant = await resolve_ticket(self.bot.store, interaction, ticket)
            kinds = await self._visible_kinds(interaction, meant)
            words = [kind for kind in kinds if kind is not MessageKind.EVENT]
            embed = ticket_embed(meant)
            add_messages(embed, await self.bot.store.list_messages(meant.id, words))
            add_events(embed, await self.bot.store.list_messages(meant.id, [MessageKind.EVENT]))
            await interaction.followup.send(embed=embed, ephemeral=True)

    @app_commands.command()
    @app_commands.describe(ticket="Its id; in its own thread not needed")
    @app_commands.autocomplete(ticket=staff_choices)
    async def repost(self, interaction: BotInteraction, ticket: str | None = None) -> None:
        """Staff: post a ticket again whose post was deleted."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        async with errors_to_user(interaction):
            meant = await self._resolve_ticket_as_staff(interaction, ticket)
            await repost_ticket(self.bot, meant)
            await reply_ephemeral(interaction, f"✅ {meant.public_id} is posted again in a moment.")

    async def _resolve_ticket_as_staff(self, interaction: BotInteraction, public_id: str | None) -> Ticket:
        """Staff is checked first, so that nobody learns from a refusal which ids exist."""
        await workspaces_as_staff(self.bot.store, interaction)
        meant = await resolve_ticket(self.bot.store, interaction, public_id)
        return await get_ticket_as_staff(self.bot.store, interaction, meant.id)

    async def _visible_kinds(self, interaction: BotInteraction, ticket: Ticket) -> tuple[MessageKind, ...]:
        """What of a ticket's history the one who asks may see. Raises UnknownTicket if nothing."""
        here = {workspace.id: workspace for workspace in await guild_workspaces(self.bot.store, interaction)}
        workspace = here.get(ticket.workspace_id)
        if workspace and is_staff(interaction.user, workspace):
            return tuple(MessageKind)
        if workspace and ticket.is_reported_by(DISCORD_SOURCE, str(interaction.user.id)):
            return REPORTER_VISIBLE_KINDS
        raise UnknownTicket

    @commands.Cog.listener()
    async def on_interaction(self, interaction: BotInteraction) -> None:
        """The form of `/ticket open` came back, perhaps one opened before a restart."""
        if modal_custom_id(interaction) == OPEN_MODAL_ID:
            async with errors_to_user(interaction):
                await self._create_ticket(interaction)

    async def _create_ticket(self, interaction: BotInteraction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        workspace = workspace_for_channel(interaction, await guild_workspaces(self.bot.store, interaction))
        ticket = await self.bot.store.add_ticket(
            workspace.id,
            ticket_from_modal(interaction, workspace),
            numeric_ids("TICKET"),
            utc_now(),
            channel_id=thread_parent_id(interaction, workspace),
        )
        await reply_ephemeral(
            interaction,
            f"✅ {ticket.public_id} is kept. Its thread opens in a moment, and you are called there; "
            "only you and staff can see it.",
        )


@app_commands.command(name="tickets")
@app_commands.guild_only()
async def tickets(interaction: BotInteraction) -> None:
    """Your own tickets, newest first."""
    await interaction.response.defer(ephemeral=True, thinking=True)
    async with errors_to_user(interaction):
        own = await _own_tickets(interaction)
        if own:
            await interaction.followup.send(embed=ticket_list_embed(own), ephemeral=True)
        else:
            await reply_ephemeral(interaction, "You have no tickets yet. `/ticket open` opens one.")


async def _own_tickets(interaction: BotInteraction) -> list[Ticket]:
    here = [workspace.id for workspace in await guild_workspaces(interaction.client.store, interaction)]
    return await interaction.client.store.tickets_by_reporter(DISCORD_SOURCE, str(interaction.user.id), here)


def _ticket_choice(ticket: Ticket) -> app_commands.Choice[str]:
    return app_commands.Choice(
        name=plain_line(f"{ticket.public_id} · {ticket.subject}", 100), value=ticket.public_id
    )


async def setup(bot: TicketBot) -> None:
    await bot.add_cog(TicketCommands(bot))
    bot.tree.add_command(tickets)


async def teardown(bot: TicketBot) -> None:
    bot.tree.remove_command("tickets")
