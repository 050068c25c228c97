"""The buttons under a post: which ones a ticket shows, and what a press does, also after a restart."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import discord

from bot.tickets.message import Actor
from bot.tickets.ticket import Status, Ticket
from cogs.core.checks import actor_from, get_ticket_as_staff, utc_now
from cogs.core.interactions import BotInteraction, errors_to_user, reply_ephemeral, within_deadline
from cogs.tickets.modals import reply_modal

BUTTON_ID_PATTERN = re.compile(
    r"ticket:(?P<verb>claim|unclaim|reply|close|resolve|reopen):(?P<id>[0-9]{1,18})"
)


@dataclass(frozen=True, slots=True)
class TicketAction:
    """One thing staff can do to a ticket with one press."""

    label: str
    style: discord.ButtonStyle
    change: Callable[[Ticket, Actor], Ticket] | None  # None: a form is opened instead
    confirmation: str = ""


ACTIONS = {
    "claim": TicketAction(
        "Claim",
        discord.ButtonStyle.primary,
        lambda ticket, staff: ticket.claim(staff),
        "You have claimed {id}. It is in progress.",
    ),
    "unclaim": TicketAction(
        "Unclaim",
        discord.ButtonStyle.secondary,
        lambda ticket, staff: ticket.unclaim(),
        "{id} is no longer claimed.",
    ),
    "reply": TicketAction("Reply", discord.ButtonStyle.success, None),
    "close": TicketAction(
        "Close",
        discord.ButtonStyle.danger,
        lambda ticket, staff: ticket.set_status(Status.CLOSED),
        "{id} is closed.",
    ),
    "resolve": TicketAction(
        "Resolve",
        discord.ButtonStyle.success,
        lambda ticket, staff: ticket.set_status(Status.RESOLVED),
        "{id} is resolved.",
    ),
    "reopen": TicketAction(
        "Reopen",
        discord.ButtonStyle.secondary,
        lambda ticket, staff: ticket.set_status(Status.OPEN),
        "{id} is open again.",
    ),
}


class TicketButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=BUTTON_ID_PATTERN,
):
    """A button known by its id alone, so that one posted last year is answered today.

    The id is only a claim: who may press, and whether the ticket allows it, is asked anew at each press.
    """

    def __init__(self, action: str, ticket_id: int) -> None:
        look = ACTIONS[action]
        super().__init__(
            discord.ui.Button(label=look.label, style=look.style, custom_id=f"ticket:{action}:{ticket_id}")
        )
        self.action = action
        self.ticket_id = ticket_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction, item: discord.ui.Item[discord.ui.View], match: re.Match[str], /
    ) -> "TicketButton":
        return cls(match["verb"], int(match["id"]))

    async def callback(self, interaction: BotInteraction) -> None:  # type: ignore[override]  # the client is always ours
        async with errors_to_user(interaction):
            if ACTIONS[self.action].change is None:
                await _open_reply_modal(interaction, self.ticket_id)
            else:
                await _apply_action(interaction, ACTIONS[self.action], self.ticket_id)


def forged_press(interaction: BotInteraction) -> TicketButton | None:
    """A press of a button of ours that its message does not show: a forged id.

    The library drops such a press in silence; whoever sent it is to read why nothing comes of it.
    """
    match = BUTTON_ID_PATTERN.fullmatch(component_custom_id(interaction) or "")
    if match is None or match.group() in _component_ids(interaction.message):
        return None
    return TicketButton(match["verb"], int(match["id"]))


def component_custom_id(interaction: BotInteraction) -> str | None:
    """The id of the component that was used; None if the interaction is anything else."""
    if interaction.type is not discord.InteractionType.component:
        return None
    data: Any = interaction.data or {}
    return str(data.get("custom_id", ""))


def _component_ids(message: discord.Message | None) -> set[str]:
    rows = getattr(message, "components", ())  # the library leaves it out where Discord does
    return {str(getattr(item, "custom_id", "")) for row in rows for item in getattr(row, "children", ())}


def available_actions(ticket: Ticket) -> tuple[str, ...]:
    """What can be done to a ticket now. A game report shows no Reply, ever."""
    if ticket.status.is_closed:
        return ("reopen",)
    claim = "unclaim" if ticket.claimed_by else "claim"
    return (claim, "resolve") if ticket.view_only else (claim, "reply", "close")


def ticket_view(ticket: Ticket) -> discord.ui.View:
    """The buttons of a post."""
    view = discord.ui.View(timeout=None)
    for verb in available_actions(ticket):
        view.add_item(TicketButton(verb, ticket.id))
    view.stop()  # presses are matched by pattern; the library need not remember this object
    return view


async def _open_reply_modal(interaction: BotInteraction, ticket_id: int) -> None:
    async with within_deadline():
        ticket = await get_ticket_as_staff(interaction.client.store, interaction, ticket_id)
    ticket.ensure_replies_allowed()
    await interaction.response.send_modal(reply_modal(ticket))


async def _apply_action(interaction: BotInteraction, action: TicketAction, ticket_id: int) -> None:
    # Acknowledged before the database is asked: Discord waits three seconds, a locked database longer.
    await interaction.response.defer(ephemeral=True, thinking=True)
    store, rule = interaction.client.store, action.change
    await get_ticket_as_staff(store, interaction, ticket_id)
    if rule is not None:
        staff = actor_from(interaction)
        ticket = await store.change_ticket(
            ticket_id, lambda ticket: rule(ticket, staff), utc_now(), actor=staff
        )
        await _confirm(interaction, action.confirmation.format(id=ticket.public_id), ticket)


async def _confirm(interaction: BotInteraction, text: str, ticket: Ticket) -> None:
    """With its buttons as they are now, if what was pressed is seen by one person: that is not drawn anew."""
    if interaction.message is not None and interaction.message.flags.ephemeral:
        await interaction.followup.send(text, view=ticket_view(ticket), ephemeral=True)
    else:
        await reply_ephemeral(interaction, text)
