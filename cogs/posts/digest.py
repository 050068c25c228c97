"""Digests: up to ten tickets in one message, enough of each to triage. Pure; nothing is sent here."""

from collections.abc import Iterator, Sequence
from typing import Any

import discord

from bot.tickets import Ticket
from cogs.core.markdown import bare, drawn
from cogs.tickets.embeds import PRIORITIES, VIEW_ONLY_LINE, footer_of, status_line

CHOICE = "digest:open"  # the custom id of the select under a digest

_EACH = 590  # characters for each ticket: ten of them and the mark stay within Discord's 6,000 of a message
_SUBJECT, _NAME, _LABEL = 90, 60, 100
_VIEW_ONLY = VIEW_ONLY_LINE.partition(" — ")[0]  # the reason has no room here, ten times over


def digest_mark(lead_id: int) -> str:
    """The mark a digest is known by in its channel's history: the footer of its last embed."""
    return f"digest {lead_id}"


def digest_embeds(tickets: Sequence[Ticket], mark: str) -> list[discord.Embed]:
    """One embed for each of up to ten tickets, as they are now; the last one bears the mark."""
    embeds = [_digest_embed(ticket) for ticket in tickets]
    embeds[-1].set_footer(text=mark)
    return embeds


def digest_view(tickets: Sequence[Ticket]) -> discord.ui.View:
    """The select under a digest: a choice opens that ticket with its buttons."""
    view = discord.ui.View(timeout=None)
    options = [
        discord.SelectOption(label=bare(f"{one.public_id} · {one.subject}", _LABEL), value=str(one.id))
        for one in tickets
    ]
    view.add_item(discord.ui.Select(custom_id=CHOICE, placeholder="Open a ticket…", options=options))
    view.stop()  # a choice is known by its ids; the library need not remember this object
    return view


def chosen_ticket(asked: discord.Interaction) -> int | None:
    """The number of the ticket that was chosen; None if the message does not offer it: a forged choice."""
    data: Any = asked.data or {}
    chosen = data.get("values") or []
    if len(chosen) != 1 or chosen[0] not in _offered(asked.message):
        return None
    return int(chosen[0])


def _offered(message: discord.Message | None) -> Iterator[str]:
    for row in getattr(message, "components", ()):  # the library leaves it out where Discord does
        for item in getattr(row, "children", ()):
            if getattr(item, "custom_id", None) == CHOICE:
                yield from (option.value for option in getattr(item, "options", ()))


def _digest_embed(ticket: Ticket) -> discord.Embed:
    mark = "🚨 " if ticket.view_only else "🎫 "
    embed = discord.Embed(
        title=f"{mark}{ticket.public_id} · {drawn(ticket.subject, _SUBJECT) or '(no subject)'}",
        colour=PRIORITIES[ticket.priority][1],
        timestamp=ticket.created_at,
    )
    embed.set_author(name=bare(ticket.reporter.label, _NAME) or "unknown")
    embed.set_footer(text=footer_of(ticket))
    head = "\n".join(_head(ticket)) + "\n"
    body = drawn(" ".join(ticket.body.split()), _EACH - len(embed) - len(head))
    embed.description = head + (body or "*No message.*")
    return embed


def _head(ticket: Ticket) -> Iterator[str]:
    """What stands above the beginning of the body."""
    if ticket.view_only:
        yield _VIEW_ONLY
    category = drawn(ticket.category, _NAME) or "—"
    yield f"{status_line(ticket)} · {PRIORITIES[ticket.priority][0]} · {category}"
    if ticket.reported_player:
        yield f"Reported player: {drawn(ticket.reported_player.label, _NAME) or 'unknown'}"
