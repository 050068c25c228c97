"""The buttons of a ticket, and what actions do: also for slash commands and modals.

A press, a command or a modal -> is the user staff, or the reporter? -> the action's rule for them -> saved ->
confirmed, ephemerally.
"""

import re
from contextlib import suppress
from typing import Any

import discord

from bot.i18n.translations import gettext as _
from bot.i18n.translations import translate
from bot.tickets.actions import (
    ACTIONS,
    CLOSE,
    REPLY,
    RESOLVE,
    MessageAction,
    Role,
    TicketAction,
    available_actions,
)
from bot.tickets.ticket import Ticket
from cogs.canned.replies import offered_replies, with_canned_reply
from cogs.core.checks import get_access, message_origin
from cogs.core.interactions import BotInteraction, deferred, errors_to_user, reply_ephemeral, within_deadline
from cogs.tickets.modals import reply_modal
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
            if isinstance(self.action, TicketAction):
                await change_ticket(interaction, self.action, self.ticket_id)
            else:
                await open_reply_modal(interaction, self.ticket_id)


@deferred
async def change_ticket(interaction: BotInteraction, action: TicketAction, ticket: int | str | None) -> None:
    """Do an action, then confirm it. `ticket` is a number, a public id, or None for the thread's."""
    access = await get_access(interaction, ticket, action.allowed)
    permitted, actor = action.for_role(access.role), access.actor
    changed = await interaction.client.store.tickets.change(
        access.ticket.id,
        lambda current: permitted.rule(current, actor),
        interaction.client.store.now(),
        actor=actor,
    )
    # A ticket that only the user sees is not edited when it changes: its new buttons come with the answer.
    pressed_on = interaction.message
    is_shown_to_staff = access.role is Role.STAFF and pressed_on and pressed_on.flags.ephemeral
    parts = {"view": ticket_view(changed)} if is_shown_to_staff else {}
    await reply_ephemeral(interaction, f"✅ {translate(permitted.confirmation(changed))}", **parts)


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


def ticket_view(ticket: Ticket) -> discord.ui.View:
    """Build the buttons of a ticket. It is closed or resolved by one button, and by commands either way."""
    without = CLOSE if ticket.view_only else RESOLVE
    view = discord.ui.View(timeout=None)
    for action in available_actions(ticket):
        if action.name in BUTTON_STYLES and action is not without:
            view.add_item(TicketButton(action.name, ticket.id))
    view.stop()  # presses are matched by pattern; discord.py need not remember this object
    return view


def forged_press(interaction: BotInteraction) -> TicketButton | None:
    """The button of a press whose message does not have it: a forged id.

    discord.py ignores such a press; the user is to read why nothing comes of it.
    """
    match = BUTTON_ID_PATTERN.fullmatch(component_custom_id(interaction) or "")
    if match is None or match.group() in _component_ids(interaction.message):
        return None
    return TicketButton(match["action"], int(match["id"]))


def component_custom_id(interaction: BotInteraction) -> str | None:
    """The custom id of the button or select that was used; None for any other interaction."""
    if interaction.type is not discord.InteractionType.component:
        return None
    data: Any = interaction.data or {}
    return str(data.get("custom_id", ""))


def _component_ids(message: discord.Message | None) -> set[str]:
    rows = getattr(message, "components", ())  # discord.py leaves it out where Discord does
    return {str(getattr(item, "custom_id", "")) for row in rows for item in getattr(row, "children", ())}
