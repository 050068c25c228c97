"""The buttons under a post: which ones a ticket shows, and what a press does, also after a restart."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import discord

from bot.tickets import Person, Status, Ticket
from cogs.core.checks import now, person_of, staff_ticket
from cogs.core.interactions import Asked, promptly, refusals_said, say
from cogs.tickets.modals import reply_modal

PATTERN = re.compile(r"ticket:(?P<verb>claim|unclaim|reply|close|resolve|reopen):(?P<id>[0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Verb:
    """One thing staff can do to a ticket with one press."""

    label: str
    style: discord.ButtonStyle
    rule: Callable[[Ticket, Person], Ticket] | None  # None: a form is opened instead
    done: str = ""


VERBS = {
    "claim": Verb(
        "Claim",
        discord.ButtonStyle.primary,
        lambda ticket, staff: ticket.claim(staff),
        "You have claimed {id}. It is in progress.",
    ),
    "unclaim": Verb(
        "Unclaim",
        discord.ButtonStyle.secondary,
        lambda ticket, staff: ticket.unclaim(),
        "{id} is no longer claimed.",
    ),
    "reply": Verb("Reply", discord.ButtonStyle.success, None),
    "close": Verb(
        "Close",
        discord.ButtonStyle.danger,
        lambda ticket, staff: ticket.move_to(Status.CLOSED),
        "{id} is closed.",
    ),
    "resolve": Verb(
        "Resolve",
        discord.ButtonStyle.success,
        lambda ticket, staff: ticket.move_to(Status.RESOLVED),
        "{id} is resolved.",
    ),
    "reopen": Verb(
        "Reopen",
        discord.ButtonStyle.secondary,
        lambda ticket, staff: ticket.move_to(Status.OPEN),
        "{id} is open again.",
    ),
}


class TicketButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=PATTERN,
):
    """A button known by its id alone, so that one posted last year is answered today.

    The id is only a claim: who may press, and whether the ticket allows it, is asked anew at each press.
    """

    def __init__(self, verb: str, ticket_id: int) -> None:
        look = VERBS[verb]
        super().__init__(
            discord.ui.Button(label=look.label, style=look.style, custom_id=f"ticket:{verb}:{ticket_id}")
        )
        self.verb = verb
        self.ticket_id = ticket_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction, item: discord.ui.Item[discord.ui.View], match: re.Match[str], /
    ) -> "TicketButton":
        return cls(match["verb"], int(match["id"]))

    async def callback(self, interaction: Asked) -> None:  # type: ignore[override]  # the client is always ours
        async with refusals_said(interaction):
            if VERBS[self.verb].rule is None:
                await _open_reply_form(interaction, self.ticket_id)
            else:
                await _apply(interaction, VERBS[self.verb], self.ticket_id)


def unshown_press(asked: Asked) -> TicketButton | None:
    """A press of a button of ours that its message does not show: a forged id.

    The library drops such a press in silence; whoever sent it is to read why nothing comes of it.
    """
    match = PATTERN.fullmatch(component_id(asked) or "")
    if match is None or match.group() in _shown_ids(asked.message):
        return None
    return TicketButton(match["verb"], int(match["id"]))


def component_id(asked: Asked) -> str | None:
    """The id of the component that was used; None if the interaction is anything else."""
    if asked.type is not discord.InteractionType.component:
        return None
    data: Any = asked.data or {}
    return str(data.get("custom_id", ""))


def _shown_ids(message: discord.Message | None) -> set[str]:
    rows = getattr(message, "components", ())  # the library leaves it out where Discord does
    return {str(getattr(item, "custom_id", "")) for row in rows for item in getattr(row, "children", ())}


def verbs_for(ticket: Ticket) -> tuple[str, ...]:
    """What can be done to a ticket now. A game report shows no Reply, ever."""
    if ticket.status.is_over:
        return ("reopen",)
    claim = "unclaim" if ticket.claimed_by else "claim"
    return (claim, "resolve") if ticket.view_only else (claim, "reply", "close")


def ticket_view(ticket: Ticket) -> discord.ui.View:
    """The buttons of a post."""
    view = discord.ui.View(timeout=None)
    for verb in verbs_for(ticket):
        view.add_item(TicketButton(verb, ticket.id))
    view.stop()  # presses are matched by pattern; the library need not remember this object
    return view


async def _open_reply_form(asked: Asked, ticket_id: int) -> None:
    async with promptly():
        ticket = await staff_ticket(asked.client.store, asked, ticket_id)
    ticket.accept_replies()
    await asked.response.send_modal(reply_modal(ticket))


async def _apply(asked: Asked, verb: Verb, ticket_id: int) -> None:
    # Acknowledged before the database is asked: Discord waits three seconds, a locked database longer.
    await asked.response.defer(ephemeral=True, thinking=True)
    store, rule = asked.client.store, verb.rule
    await staff_ticket(store, asked, ticket_id)
    if rule is not None:
        staff = person_of(asked)
        ticket = await store.change_ticket(ticket_id, lambda ticket: rule(ticket, staff), now(), by=staff)
        await _say_done(asked, verb.done.format(id=ticket.public_id), ticket)


async def _say_done(asked: Asked, text: str, ticket: Ticket) -> None:
    """With its buttons as they are now, if what was pressed is seen by one person: that is not drawn anew."""
    if asked.message is not None and asked.message.flags.ephemeral:
        await asked.followup.send(text, view=ticket_view(ticket), ephemeral=True)
    else:
        await say(asked, text)
