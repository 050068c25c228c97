"""Slash commands: players open and follow their tickets; staff reply, note and look."""

from contextlib import suppress

from discord import app_commands
from discord.ext import commands

from bot.discord_client.client import TicketBot
from bot.tickets import (
    FOR_THE_REPORTER,
    IN_DISCORD,
    MessageKind,
    Refusal,
    Ticket,
    UnknownTicket,
    numbered_ids,
)
from cogs.core.checks import (
    NotStaff,
    is_staff,
    named_ticket,
    now,
    origin_of,
    person_of,
    staff_ticket,
    staffed_workspaces,
    workspaces_here,
)
from cogs.core.interactions import Asked, promptly, refusals_said, say
from cogs.core.markdown import bare
from cogs.reconcile.repost import post_again
from cogs.tickets.embeds import list_embed, ticket_embed
from cogs.tickets.history import add_events, add_words
from cogs.tickets.modals import OPEN, form_id, open_modal
from cogs.tickets.open import categories_of, parent_for, ticket_from, workspace_for
from cogs.tickets.replies import keep_reply
from storage import StorageError

_Text = app_commands.Range[str, 1, 4000]


Choices = list[app_commands.Choice[str]]


async def staff_choices(interaction: Asked, current: str) -> Choices:
    """For staff: recent tickets whose id or subject holds what is typed. For anyone else: nothing."""
    try:
        async with promptly():
            return await _for_staff(interaction, current)
    except (Refusal, StorageError):
        return []


async def viewer_choices(interaction: Asked, current: str) -> Choices:
    """For staff the same; for anyone else, their own tickets."""
    try:
        async with promptly():
            with suppress(NotStaff):
                return await _for_staff(interaction, current) or await _for_reporter(interaction, current)
            return await _for_reporter(interaction, current)
    except (Refusal, StorageError):
        return []


async def _for_staff(interaction: Asked, current: str) -> Choices:
    staffed = await staffed_workspaces(interaction.client.store, interaction)
    found = await interaction.client.store.tickets_like(current, [one.id for one in staffed])
    return [_choice(ticket) for ticket in found]


async def _for_reporter(interaction: Asked, current: str) -> Choices:
    own = [_choice(ticket) for ticket in await _own_tickets(interaction)]
    return [choice for choice in own if current.lower() in choice.name.lower()]


@app_commands.guild_only()
class Commands(
    commands.GroupCog, group_name="ticket", group_description="Tickets from the game and from here"
):
    """`/ticket open|reply|note|view|repost` and `/tickets`. Only the one who asked sees an answer."""

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot

    @app_commands.command()
    async def open(self, interaction: Asked) -> None:
        """Open a ticket: staff will answer you in a thread of your own."""
        async with refusals_said(interaction):
            async with promptly():
                here = await workspaces_here(self.bot.store, interaction)
            categories = categories_of(workspace_for(interaction, here))
            await interaction.response.send_modal(open_modal(categories))

    @app_commands.command()
    @app_commands.describe(
        message="What the reporter is to read", ticket="Its id; in its own thread not needed"
    )
    @app_commands.autocomplete(ticket=staff_choices)
    async def reply(self, interaction: Asked, message: _Text, ticket: str | None = None) -> None:
        """Staff: reply to the reporter of a ticket."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        async with refusals_said(interaction):
            meant = await self._staff_ticket(interaction, ticket)
            await keep_reply(interaction, meant.id, message)

    @app_commands.command()
    @app_commands.describe(text="What other staff should know", ticket="Its id; in its own thread not needed")
    @app_commands.autocomplete(ticket=staff_choices)
    async def note(self, interaction: Asked, text: _Text, ticket: str | None = None) -> None:
        """Staff: keep a note on a ticket. Its reporter never sees it."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        async with refusals_said(interaction):
            meant = await self._staff_ticket(interaction, ticket)
            author = person_of(interaction)
            await self.bot.store.add_message(
                meant.id,
                lambda ticket: ticket.note(author, text),
                origin=origin_of(interaction),
                now=now(),
            )
            await say(
                interaction, f"📝 Your note on {meant.public_id} is kept. `/ticket view` shows it to staff."
            )

    @app_commands.command()
    @app_commands.describe(ticket="Its id; in its own thread not needed")
    @app_commands.autocomplete(ticket=viewer_choices)
    async def view(self, interaction: Asked, ticket: str | None = None) -> None:
        """Look at a ticket: staff at any, everyone else at their own."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        async with refusals_said(interaction):
            meant = await named_ticket(self.bot.store, interaction, ticket)
            kinds = await self._visible_kinds(interaction, meant)
            words = [kind for kind in kinds if kind is not MessageKind.EVENT]
            embed = ticket_embed(meant)
            add_words(embed, await self.bot.store.messages_of(meant.id, words))
            add_events(embed, await self.bot.store.messages_of(meant.id, [MessageKind.EVENT]))
            await interaction.followup.send(embed=embed, ephemeral=True)

    @app_commands.command()
    @app_commands.describe(ticket="Its id; in its own thread not needed")
    @app_commands.autocomplete(ticket=staff_choices)
    async def repost(self, interaction: Asked, ticket: str | None = None) -> None:
        """Staff: post a ticket again whose post was deleted."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        async with refusals_said(interaction):
            meant = await self._staff_ticket(interaction, ticket)
            await post_again(self.bot, meant)
            await say(interaction, f"✅ {meant.public_id} is posted again in a moment.")

    async def _staff_ticket(self, asked: Asked, public_id: str | None) -> Ticket:
        """Staff is checked first, so that nobody learns from a refusal which ids exist."""
        await staffed_workspaces(self.bot.store, asked)
        meant = await named_ticket(self.bot.store, asked, public_id)
        return await staff_ticket(self.bot.store, asked, meant.id)

    async def _visible_kinds(self, asked: Asked, ticket: Ticket) -> tuple[MessageKind, ...]:
        """What of a ticket's history the one who asks may see. Raises UnknownTicket if nothing."""
        here = {workspace.id: workspace for workspace in await workspaces_here(self.bot.store, asked)}
        workspace = here.get(ticket.workspace_id)
        if workspace and is_staff(asked.user, workspace):
            return tuple(MessageKind)
        if workspace and ticket.belongs_to(IN_DISCORD, str(asked.user.id)):
            return FOR_THE_REPORTER
        raise UnknownTicket

    @commands.Cog.listener()
    async def on_interaction(self, interaction: Asked) -> None:
        """The form of `/ticket open` came back, perhaps one opened before a restart."""
        if form_id(interaction) == OPEN:
            async with refusals_said(interaction):
                await self._keep_ticket(interaction)

    async def _keep_ticket(self, asked: Asked) -> None:
        await asked.response.defer(ephemeral=True, thinking=True)
        workspace = workspace_for(asked, await workspaces_here(self.bot.store, asked))
        ticket = await self.bot.store.add_ticket(
            workspace.id,
            ticket_from(asked, workspace),
            numbered_ids("TICKET"),
            now(),
            channel_id=parent_for(asked, workspace),
        )
        await say(
            asked,
            f"✅ {ticket.public_id} is kept. Its thread opens in a moment, and you are called there; "
            "only you and staff can see it.",
        )


@app_commands.command(name="tickets")
@app_commands.guild_only()
async def tickets(interaction: Asked) -> None:
    """Your own tickets, newest first."""
    await interaction.response.defer(ephemeral=True, thinking=True)
    async with refusals_said(interaction):
        own = await _own_tickets(interaction)
        if own:
            await interaction.followup.send(embed=list_embed(own), ephemeral=True)
        else:
            await say(interaction, "You have no tickets yet. `/ticket open` opens one.")


async def _own_tickets(asked: Asked) -> list[Ticket]:
    here = [workspace.id for workspace in await workspaces_here(asked.client.store, asked)]
    return await asked.client.store.tickets_of(IN_DISCORD, str(asked.user.id), here)


def _choice(ticket: Ticket) -> app_commands.Choice[str]:
    return app_commands.Choice(
        name=bare(f"{ticket.public_id} · {ticket.subject}", 100), value=ticket.public_id
    )


async def setup(bot: TicketBot) -> None:
    await bot.add_cog(Commands(bot))
    bot.tree.add_command(tickets)


async def teardown(bot: TicketBot) -> None:
    bot.tree.remove_command("tickets")
