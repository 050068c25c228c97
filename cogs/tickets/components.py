"""What comes back from buttons, selects and modals; and a ticket with its history, shown to one person."""

import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import partial

import discord
from discord.ext import commands

from bot.discord_client.client import TicketBot
from bot.tickets.actions import (
    ACTIONS,
    ASSIGN,
    CLOSE,
    DISMISS,
    MOVE,
    NOTE,
    PRIORITY,
    REPLY,
    RESOLVE,
    STATUS,
    TAG,
    TAKE_OVER,
    Given,
    Inputs,
    MessageAction,
    Role,
    TicketAction,
)
from bot.tickets.errors import TicketError
from bot.tickets.message import MessageKind
from bot.tickets.ticket import Priority, Status, Ticket
from cogs.blocks.embeds import not_posted_notice
from cogs.canned.replies import CANNED_INPUT_ID
from cogs.core.checks import actor_from, get_access, get_ticket_as, staff_actor
from cogs.core.interactions import (
    BotInteraction,
    deferred,
    errors_to_user,
    reply_ephemeral,
    within_deadline,
)
from cogs.core.markdown import escape_sentence
from cogs.posts.digest import DIGEST_SELECT_ID, selected_ticket_id
from cogs.posts.send import with_fallback
from cogs.tickets.buttons import (
    BUTTON_ID_PATTERN,
    TicketButton,
    add_message,
    change_here,
    change_ticket,
    close_or_ask,
    component_custom_id,
    component_ids,
    forged_press,
    ticket_view,
    undo_change,
)
from cogs.tickets.embeds import add_history, fallback_embed, fallback_files, ticket_embed, ticket_files
from cogs.tickets.menu import SHOW_HISTORY, choices
from cogs.tickets.modals import (
    OPEN_MODAL_ID,
    TEXT_MODAL_ID_PATTERN,
    modal_custom_id,
    modal_values,
    note_modal,
)
from storage import StorageError


class UnknownComponent(TicketError):
    """That button or form is not one of mine; nothing was done."""


class ComponentsCog(commands.Cog):
    """Presses of buttons, choices in the menu and its selects, what modals bring, and the select of a digest.

    All are known by their custom ids, so a restart in between loses nothing. The ids can be forged: who may
    do it, and whether the ticket allows it, is checked each time.
    """

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot

    async def cog_load(self) -> None:
        self.bot.add_dynamic_items(*_DYNAMIC_ITEMS)

    async def cog_unload(self) -> None:
        self.bot.remove_dynamic_items(*_DYNAMIC_ITEMS)

    @commands.Cog.listener()
    async def on_interaction(self, interaction: BotInteraction) -> None:
        """Handle a submitted modal, a selected ticket, and forged ids."""
        press = forged_press(interaction)
        if press:
            await press.callback(interaction)
        modal = TEXT_MODAL_ID_PATTERN.fullmatch(modal_custom_id(interaction) or "")
        async with errors_to_user(interaction):
            if modal:
                await _submit_text(interaction, modal["action"], int(modal["id"]))
            elif component_custom_id(interaction) == DIGEST_SELECT_ID:
                await _show_selected_ticket(interaction)
            elif _is_forged(interaction):
                raise UnknownComponent


async def _submit_text(interaction: BotInteraction, name: str, ticket_id: int) -> None:
    """Add a reply or a note, or end a ticket with the reason that was typed."""
    values, action = modal_values(interaction), ACTIONS[name]
    text = values.get("text", "")
    if action is REPLY:
        await add_message(interaction, REPLY, ticket_id, text, canned=values.get(CANNED_INPUT_ID))
    elif isinstance(action, MessageAction):
        await add_message(interaction, action, ticket_id, text)
    elif isinstance(action, TicketAction):
        await change_ticket(interaction, action, ticket_id, reason=text)


class TicketSelect(
    discord.ui.DynamicItem[discord.ui.Select[discord.ui.View]],
    template=re.compile(
        r"ticket:(?P<name>more|status|priority|department|category|tags):(?P<id>[0-9]{1,18})"
    ),
):
    """The menu of a ticket, or a select that it leads to."""

    def __init__(self, item: discord.ui.Select[discord.ui.View], name: str, ticket_id: int) -> None:
        super().__init__(item)
        self.name = name
        self.ticket_id = ticket_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction, item: discord.ui.Item[discord.ui.View], match: re.Match[str], /
    ) -> "TicketSelect":
        if not isinstance(item, discord.ui.Select):  # a forged type
            raise UnknownComponent
        return cls(item, match["name"], int(match["id"]))

    async def callback(self, interaction: BotInteraction) -> None:  # type: ignore[override]  # the client is always ours
        async with errors_to_user(interaction):
            if self.name == "more":
                await _open_menu_option(interaction, self.ticket_id, self.item.values)
            elif self.name == "tags":
                await self._change_tags(interaction)
            else:
                action, inputs = _chosen(self.name, self.item.values)
                await change_here(interaction, action, self.ticket_id, **inputs)

    async def _change_tags(self, interaction: BotInteraction) -> None:
        """Add and remove what differs from the tags that were shown: a colleague's are left as they are."""
        shown = {option.value for option in self.item.options if option.default}
        chosen = set(self.item.values)
        add, remove = tuple(sorted(chosen - shown)), tuple(sorted(shown - chosen))
        await change_here(interaction, TAG, self.ticket_id, add_tags=add, remove_tags=remove)


class AssignSelect(
    discord.ui.DynamicItem[discord.ui.UserSelect[discord.ui.View]],
    template=re.compile(r"ticket:assign:(?P<id>[0-9]{1,18})"),
):
    """The select of who works on a ticket."""

    def __init__(self, item: discord.ui.UserSelect[discord.ui.View], ticket_id: int) -> None:
        super().__init__(item)
        self.ticket_id = ticket_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction, item: discord.ui.Item[discord.ui.View], match: re.Match[str], /
    ) -> "AssignSelect":
        if not isinstance(item, discord.ui.UserSelect):  # a forged type
            raise UnknownComponent
        return cls(item, int(match["id"]))

    async def callback(self, interaction: BotInteraction) -> None:  # type: ignore[override]  # the client is always ours
        async with errors_to_user(interaction):
            async with within_deadline():
                ticket = await get_ticket_as(Role.STAFF, interaction, self.ticket_id)
                staff = await staff_actor(interaction, ticket, self.item.values[0])
            await change_here(interaction, ASSIGN, self.ticket_id, staff=staff)


class AnswerButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=re.compile(r"ticket:(?P<name>undo|take):(?P<id>[0-9]{1,18}):(?P<revision>[0-9]{1,9})"),
):
    """A button under an answer: it goes with the ticket as it was at one revision."""

    def __init__(
        self, item: discord.ui.Button[discord.ui.View], name: str, ticket_id: int, revision: int
    ) -> None:
        super().__init__(item)
        self.name = name
        self.ticket_id = ticket_id
        self.revision = revision

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction, item: discord.ui.Item[discord.ui.View], match: re.Match[str], /
    ) -> "AnswerButton":
        if not isinstance(item, discord.ui.Button):  # a forged type
            raise UnknownComponent
        return cls(item, match["name"], int(match["id"]), int(match["revision"]))

    async def callback(self, interaction: BotInteraction) -> None:  # type: ignore[override]  # the client is always ours
        async with errors_to_user(interaction):
            if self.name == "undo":
                await undo_change(interaction, self.ticket_id, self.revision)
            else:
                await change_here(interaction, TAKE_OVER, self.ticket_id, revision=self.revision)


_DYNAMIC_ITEMS = (TicketButton, TicketSelect, AssignSelect, AnswerButton)


def _chosen(name: str, values: Sequence[str]) -> tuple[TicketAction, Inputs]:
    """The action of a select, with what was chosen."""
    if len(values) != 1:
        raise UnknownComponent
    (value,) = values
    try:
        if name == "status":
            return STATUS, Inputs(status=Status(value))
        if name == "priority":
            return PRIORITY, Inputs(priority=Priority(value))
    except ValueError as error:
        raise UnknownComponent from error
    return MOVE, Inputs(department=value) if name == "department" else Inputs(category=value)


async def _open_menu_option(interaction: BotInteraction, ticket_id: int, values: Sequence[str]) -> None:
    """Open what an option of the menu leads to: a modal, a select, or the ticket's history."""
    name = values[0] if values else ""
    if name == SHOW_HISTORY:
        await _show_history(interaction, ticket_id)
    elif name == NOTE.name:
        async with within_deadline():
            access = await get_access(interaction, ticket_id, NOTE.allowed)
        await interaction.response.send_modal(note_modal(access.ticket))
    elif name in (CLOSE.name, DISMISS.name, RESOLVE.name):
        await close_or_ask(interaction, _MENU_ACTIONS[name], ticket_id)
    elif name in _MENU_ACTIONS:
        await _send_choices(interaction, _MENU_ACTIONS[name], ticket_id)
    else:
        raise UnknownComponent
    await _reset_menu(interaction, ticket_id)


_MENU_ACTIONS = {one.name: one for one in (CLOSE, DISMISS, RESOLVE, STATUS, PRIORITY, ASSIGN, MOVE, TAG)}


async def _send_choices(interaction: BotInteraction, action: TicketAction, ticket_id: int) -> None:
    async with within_deadline():
        ticket = await get_ticket_as(Role.STAFF, interaction, ticket_id)
        workspace = await interaction.client.store.workspaces.get(ticket.workspace_id)
    if not action.applies_to(ticket):
        action.rule(ticket, workspace, Given(actor=actor_from(interaction)))  # says why
    question, view = choices(action, ticket, workspace)
    await reply_ephemeral(interaction, question, view=view)


@deferred
async def _show_history(interaction: BotInteraction, ticket_id: int) -> None:
    access = await get_access(interaction, ticket_id, (Role.STAFF, Role.WATCHER))
    await send_ticket(interaction, access.ticket, tuple(MessageKind))


async def _reset_menu(interaction: BotInteraction, ticket_id: int) -> None:
    """Edit the post: Discord's client does not let a user choose again what it shows as chosen."""
    message = interaction.message
    if message is None or message.flags.ephemeral:
        return
    with suppress(discord.HTTPException, StorageError, TicketError):  # the user has been answered
        ticket = await interaction.client.store.tickets.get(ticket_id)
        await message.edit(view=ticket_view(ticket))


async def _show_selected_ticket(interaction: BotInteraction) -> None:
    ticket_id = selected_ticket_id(interaction)
    if ticket_id is None:
        raise UnknownComponent
    await interaction.response.defer()
    access = await get_access(interaction, ticket_id, (Role.STAFF, Role.WATCHER))
    view = ticket_view(access.ticket) if access.role is Role.STAFF else discord.utils.MISSING
    await send_ticket(interaction, access.ticket, tuple(MessageKind), view=view)
    await _reset_select(interaction)


async def send_ticket(
    interaction: BotInteraction,
    ticket: Ticket,
    kinds: Collection[MessageKind],
    *,
    view: discord.ui.View = discord.utils.MISSING,
) -> None:
    """Show the user a ticket with its files and the newest messages of these kinds."""
    store = interaction.client.store
    messages = await store.messages.list_of_ticket(ticket.id, set(kinds) - {MessageKind.EVENT})
    events = await store.messages.list_of_ticket(ticket.id, [MessageKind.EVENT])
    embed = ticket_embed(ticket, await store.workspaces.get(ticket.workspace_id))
    files = ticket_files(ticket, embed)
    states = await store.events.reply_states(ticket.id, [message.id for message in messages])
    add_history(embed, messages, events, states)
    block = await store.blocks.find_of_ticket(ticket.id) if ticket.post.channel_id is None else None
    notice = escape_sentence(not_posted_notice(block)) if block else discord.utils.MISSING
    send = partial(interaction.followup.send, content=notice, view=view, ephemeral=True)
    await with_fallback(
        ticket,
        lambda: send(embed=embed, files=files),
        lambda: send(embed=fallback_embed(ticket), files=fallback_files(ticket)),
    )


async def _reset_select(interaction: BotInteraction) -> None:
    """Edit the digest: Discord's client does not let a user choose again what it shows as chosen."""
    if interaction.message is not None:
        view = discord.ui.View.from_message(interaction.message, timeout=None)
        view.stop()
        with suppress(discord.HTTPException):  # the digest may have been deleted
            await interaction.edit_original_response(view=view)


def _is_forged(interaction: BotInteraction) -> bool:
    """Whether the custom id looks like one of the bot's, and is none."""
    used = component_custom_id(interaction) or modal_custom_id(interaction) or ""
    known = (
        BUTTON_ID_PATTERN.fullmatch(used)
        or TEXT_MODAL_ID_PATTERN.fullmatch(used)
        or used == OPEN_MODAL_ID
        or used in component_ids(interaction.message)
    )
    return used.startswith(("ticket:", "digest:")) and not known


async def setup(bot: TicketBot) -> None:
    await bot.add_cog(ComponentsCog(bot))
