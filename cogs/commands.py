"""Slash commands: players open and follow their tickets; staff reply, note and look."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import TicketBot
from bot.tickets import (
    IN_DISCORD,
    EmptyMessage,
    MessageKind,
    NewTicket,
    Player,
    Priority,
    Refusal,
    Ticket,
    UnknownTicket,
    Workspace,
    numbered_ids,
)
from cogs._answers import Asked, refusals_said, say
from cogs._embeds import history_field, list_embed, ticket_embed
from cogs._modals import CATEGORIES, OPEN, form_id, open_modal, submitted
from cogs._replies import keep_reply
from cogs._staff import (
    is_staff,
    named_ticket,
    now,
    origin_of,
    person_of,
    staff_ticket,
    staffed_workspaces,
    workspaces_here,
)
from cogs._text import bare
from storage import StorageError

_Text = app_commands.Range[str, 1, 4000]


async def staff_choices(interaction: Asked, current: str) -> list[app_commands.Choice[str]]:
    """For staff: recent tickets whose id or subject holds what is typed. For anyone else: nothing."""
    try:
        staffed = await staffed_workspaces(interaction.client.store, interaction)
        found = await interaction.client.store.tickets_like(current, [one.id for one in staffed])
    except (Refusal, StorageError):
        return []
    return [_choice(ticket) for ticket in found]


async def viewer_choices(interaction: Asked, current: str) -> list[app_commands.Choice[str]]:
    """For staff the same; for anyone else, their own tickets."""
    choices = await staff_choices(interaction, current)
    if choices:
        return choices
    try:
        own = await _own_tickets(interaction)
    except (Refusal, StorageError):
        return []
    return [_choice(ticket) for ticket in own if current.lower() in _choice(ticket).name.lower()]


@app_commands.guild_only()
class Commands(
    commands.GroupCog, group_name="ticket", group_description="Tickets from the game and from here"
):
    """`/ticket open|reply|note|view` and `/tickets`. Every answer is seen by the one who asked, alone."""

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot

    @app_commands.command()
    async def open(self, interaction: Asked) -> None:
        """Open a ticket: staff will answer you in a thread of your own."""
        async with refusals_said(interaction):
            await workspaces_here(self.bot.store, interaction)
            await interaction.response.send_modal(open_modal())

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
            embed = ticket_embed(meant)
            history_field(embed, await self.bot.store.messages_of(meant.id, kinds))
            await interaction.followup.send(embed=embed, ephemeral=True)

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
            return (MessageKind.REPLY,)
        raise UnknownTicket

    @commands.Cog.listener()
    async def on_interaction(self, interaction: Asked) -> None:
        """The form of `/ticket open` came back, perhaps one opened before a restart."""
        if form_id(interaction) == OPEN:
            async with refusals_said(interaction):
                await self._keep_ticket(interaction)

    async def _keep_ticket(self, asked: Asked) -> None:
        await asked.response.defer(ephemeral=True, thinking=True)
        workspace = _workspace_for(asked, await workspaces_here(self.bot.store, asked))
        ticket = await self.bot.store.add_ticket(
            workspace.id,
            _ticket_from(asked),
            numbered_ids("TICKET"),
            now(),
            channel_id=_parent_for(asked, workspace),
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


def _ticket_from(asked: Asked) -> NewTicket:
    filled = submitted(asked)
    category, body = filled.get("category", ""), filled.get("body", "").strip()
    if not body:
        raise EmptyMessage
    return NewTicket(
        source=IN_DISCORD,
        view_only=False,
        subject=filled.get("subject", "").strip() or "(no subject)",
        body=body,
        category=category if category in CATEGORIES else "other",
        priority=Priority.NORMAL,
        reporter=Player(
            id=str(asked.user.id),
            name=asked.user.name,
            display_name=asked.user.display_name,
            avatar_url=asked.user.display_avatar.url,
            profile_url=f"https://discord.com/users/{asked.user.id}",
        ),
        private=True,
    )


def _workspace_for(asked: Asked, here: list[Workspace]) -> Workspace:
    """The one whose tickets channel this is; anywhere else, the guild's first."""
    return next((one for one in here if one.tickets_channel_id == asked.channel_id), here[0])


def _parent_for(asked: Asked, workspace: Workspace) -> int:
    """Where the reporter's thread is made: where they are, for who sees no channel sees no thread in it."""
    channel = asked.channel.parent if isinstance(asked.channel, discord.Thread) else asked.channel
    return channel.id if isinstance(channel, discord.TextChannel) else workspace.tickets_channel_id


def _choice(ticket: Ticket) -> app_commands.Choice[str]:
    return app_commands.Choice(
        name=bare(f"{ticket.public_id} · {ticket.subject}", 100), value=ticket.public_id
    )


async def setup(bot: TicketBot) -> None:
    await bot.add_cog(Commands(bot))
    bot.tree.add_command(tickets)


async def teardown(bot: TicketBot) -> None:
    bot.tree.remove_command("tickets")
