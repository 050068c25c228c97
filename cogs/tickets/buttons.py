"""The buttons of a ticket, and what actions do: also for slash commands, the menu and modals.

A press, a command or a modal -> is the user staff, or the reporter? -> the action's rule for them -> saved ->
confirmed, ephemerally.
"""

import re
from contextlib import suppress
from typing import Any, Unpack

import discord

from bot.i18n.translations import gettext as _
from bot.i18n.translations import translate
from bot.tickets.actions import (
    ACTIONS,
    CLAIM,
    CLOSE,
    REPLY,
    RESOLVE,
    TAKE_OVER,
    Given,
    Inputs,
    MessageAction,
    Role,
    TicketAction,
    available_actions,
)
from bot.tickets.errors import AlreadyClaimed
from bot.tickets.ticket import Ticket
from cogs.canned.replies import offered_replies, with_canned_reply
from cogs.core.checks import actor_from, get_access, message_origin, staff_ticket
from cogs.core.interactions import BotInteraction, deferred, errors_to_user, reply_ephemeral, within_deadline
from cogs.core.markdown import escape_sentence
from cogs.tickets.menu import more_select, take_over_button, undo_button
from cogs.tickets.modals import reason_modal, reply_modal
from storage import StorageError

BUTTON_STYLES = {
    "claim": discord.ButtonStyle.primary,
    "unclaim": discord.ButtonStyle.secondary,
    "reply": discord.ButtonStyle.success,
    "close": discord.ButtonStyle.danger,
    "resolve": discord.ButtonStyle.success,
    "reopen": discord.ButtonStyle.secondary,
}
BUTTON_ID_PATTERN = re.compile(rf"ticket:(?P<action>{'|'.join(BUTTON_STYLES)}):(?P<id>[0-9]{{1,18}})")


class TicketButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=BUTTON_ID_PATTERN,
):
    """A button that is known by its custom id, so that it works after a restart.

    The id can be forged: who may press, and whether the ticket allows it, is checked at each press.
    """

    def __init__(self, action: str, ticket_id: int) -> None:
        super().__init__(
            discord.ui.Button(
                label=_(ACTIONS[action].label),
                style=BUTTON_STYLES[action],
                custom_id=f"ticket:{action}:{ticket_id}",
            )
        )
        self.action = ACTIONS[action]
        self.ticket_id = ticket_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction, item: discord.ui.Item[discord.ui.View], match: re.Match[str], /
    ) -> "TicketButton":
        return cls(match["action"], int(match["id"]))

    async def callback(self, interaction: BotInteraction) -> None:  # type: ignore[override]  # the client is always ours
        async with errors_to_user(interaction):
            if self.action is CLOSE:
                await close_or_ask(interaction, CLOSE, self.ticket_id)
            elif isinstance(self.action, TicketAction):
                await change_ticket(interaction, self.action, self.ticket_id)
            else:
                await open_reply_modal(interaction, self.ticket_id)


@deferred
async def change_ticket(
    interaction: BotInteraction, action: TicketAction, ticket: int | str | None, **inputs: Unpack[Inputs]
) -> None:
    """Do an action, then confirm it in a new message. `ticket` as in `get_access`.

    If that is refused, say why, and give a reason back that was typed.
    """
    async with errors_to_user(interaction, typed=inputs.get("reason", "")):
        sentence, view = await _perform(interaction, action, ticket, inputs)
        await reply_ephemeral(interaction, sentence, **({} if view is None else {"view": view}))


async def change_here(
    interaction: BotInteraction, action: TicketAction, ticket_id: int, **inputs: Unpack[Inputs]
) -> None:
    """Do an action, then confirm it in the ephemeral message that was pressed on, instead of its question."""
    await interaction.response.defer()
    sentence, view = await _perform(interaction, action, ticket_id, inputs)
    await interaction.edit_original_response(content=escape_sentence(sentence), view=view)


async def _perform(
    interaction: BotInteraction, action: TicketAction, ticket: int | str | None, inputs: Inputs
) -> tuple[str, discord.ui.View | None]:
    """Do an action; the sentence that confirms it, and what the user can do next.

    A claim of a ticket that a colleague has claimed is refused with the question whether to take it over.
    """
    access = await get_access(interaction, ticket, action.allowed)
    permitted, given = action.for_role(access.role), Given(actor=access.actor, **inputs)
    tickets = interaction.client.store.tickets
    try:
        changed = await tickets.change_undoably(
            access.ticket.id,
            lambda current, workspace: permitted.rule(current, workspace, given),
            interaction.client.store.now(),
            actor=access.actor,
        )
    except AlreadyClaimed as error:
        current = await tickets.get(access.ticket.id)
        is_own = current.claimed_by is not None and current.claimed_by.same_as(access.actor)
        if action not in (CLAIM, TAKE_OVER) or is_own:
            raise
        return f"⛔ {translate(error.sentence)}", _view_of(take_over_button(current))
    sentence = f"✅ {translate(permitted.confirmation(changed))}"
    return sentence, _next_view(interaction, changed) if access.role is Role.STAFF else None


def _next_view(interaction: BotInteraction, changed: Ticket) -> discord.ui.View:
    """Undo; and if the ticket is only shown to the user, which is not edited when it changes, its buttons."""
    undo = undo_button(changed)
    if is_shown_to_user_alone(interaction.message):
        return ticket_view(changed, undo)
    return _view_of(undo)


def is_shown_to_user_alone(message: discord.Message | None) -> bool:
    """Whether a message is a ticket that its select opened, with the buttons of a post."""
    is_ephemeral = message is not None and message.flags.ephemeral
    return is_ephemeral and any(one.startswith("ticket:more:") for one in component_ids(message))


@deferred
async def undo_change(interaction: BotInteraction, ticket_id: int, revision: int) -> None:
    """Take back what the user did to a ticket, then confirm it."""
    store = interaction.client.store
    ticket = await staff_ticket(interaction, ticket_id)
    restored = await store.tickets.undo(ticket.id, revision, store.now(), actor=actor_from(interaction))
    sentence = _("↩️ Undone: {id} is as it was before.", id=restored.public_id)
    if is_shown_to_user_alone(interaction.message):
        await reply_ephemeral(interaction, sentence, view=ticket_view(restored))
    else:
        await reply_ephemeral(interaction, sentence)


async def close_or_ask(interaction: BotInteraction, action: TicketAction, ticket_id: int) -> None:
    """Ask staff in a modal why a ticket ends. Its reporter closes it at once."""
    async with within_deadline():
        access = await get_access(interaction, ticket_id, action.allowed)
        workspace = await interaction.client.store.workspaces.get(access.ticket.workspace_id)
    if access.role is Role.REPORTER:
        await change_ticket(interaction, action, ticket_id)
        return
    action.rule(access.ticket, workspace, Given(actor=access.actor))  # refused before anything is typed
    await interaction.response.send_modal(reason_modal(access.ticket, action))


@deferred
async def add_message(
    interaction: BotInteraction,
    action: MessageAction,
    ticket: int | str | None,
    text: str,
    *,
    canned: str | None = None,
) -> None:
    """Save a message on a ticket, then confirm it, and say what becomes of it in the game.

    It begins with the canned reply of that name. If that is refused, say why and give the text back.
    """
    store = interaction.client.store
    async with errors_to_user(interaction, typed=text):
        access = await get_access(interaction, ticket, action.allowed)
        permitted = action.for_role(access.role)
        said = await with_canned_reply(interaction, access, canned, text)
        message = await store.tickets.add_message(
            access.ticket.id,
            lambda current: permitted.compose(current, access.actor, said),
            origin=message_origin(interaction),
            now=store.now(),
        )
        sentences = [translate(permitted.confirmation(access.ticket))]
        with suppress(StorageError):  # the message is saved, and that is what must be said
            states = await store.events.reply_states(access.ticket.id, [message.id])
            sentences += [translate(state.sentence) for state in states.values()]
        await reply_ephemeral(interaction, f"✅ {' '.join(sentences)}")


async def open_reply_modal(interaction: BotInteraction, ticket: int | str | None) -> None:
    """Show the form of a reply. `ticket` is a number, a public id, or None for the thread's."""
    async with within_deadline():
        access = await get_access(interaction, ticket, REPLY.allowed)
        canned = await offered_replies(interaction, access.ticket, access.role)
    if access.role is Role.REPORTER:
        access.ticket.ensure_open_to_reporter(access.actor)
    access.ticket.ensure_replies_allowed()
    await interaction.response.send_modal(reply_modal(access.ticket, access.role, canned))


def ticket_view(ticket: Ticket, *more: discord.ui.Item[discord.ui.View]) -> discord.ui.View:
    """Build the buttons of a ticket, and its menu. One button ends it; the menu has each way to do so."""
    without = CLOSE if ticket.view_only else RESOLVE
    buttons = [
        TicketButton(action.name, ticket.id)
        for action in available_actions(ticket)
        if action.name in BUTTON_STYLES and action is not without
    ]
    return _view_of(*buttons, *more, more_select(ticket))


def _view_of(*items: discord.ui.Item[Any]) -> discord.ui.View:
    view = discord.ui.View(timeout=None)
    for item in items:
        view.add_item(item)
    view.stop()  # presses are matched by pattern; discord.py need not remember this object
    return view


def forged_press(interaction: BotInteraction) -> TicketButton | None:
    """The button of a press whose message does not have it: a forged id.

    discord.py ignores such a press; the user is to read why nothing comes of it.
    """
    match = BUTTON_ID_PATTERN.fullmatch(component_custom_id(interaction) or "")
    if match is None or match.group() in component_ids(interaction.message):
        return None
    return TicketButton(match["action"], int(match["id"]))


def component_custom_id(interaction: BotInteraction) -> str | None:
    """The custom id of the button or select that was used; None for any other interaction."""
    if interaction.type is not discord.InteractionType.component:
        return None
    data: Any = interaction.data or {}
    return str(data.get("custom_id", ""))


def component_ids(message: discord.Message | None) -> set[str]:
    rows = getattr(message, "components", ())  # discord.py leaves it out where Discord does
    return {str(getattr(item, "custom_id", "")) for row in rows for item in getattr(row, "children", ())}
