"""Digests: up to ten tickets in one message, enough of each to triage. Pure; nothing is sent here."""

from collections.abc import Iterator, Sequence
from typing import Any

import discord

from bot.outbox.dispatcher import PermanentFailure
from bot.tickets.outbox import Delivery, Receipt
from bot.tickets.ticket import Ticket
from cogs.core.markdown import escape_markdown, plain_line
from cogs.posts.send import ChannelOrThread, message_id_or_none
from cogs.tickets.embeds import PRIORITY_STYLES, VIEW_ONLY_LINE, status_line, ticket_footer
from storage import Store

DIGEST_SELECT_ID = "digest:open"  # the custom id of the select under a digest

_EMBED_LIMIT = (
    590  # characters for each ticket: ten of them and the mark stay within Discord's 6,000 of a message
)
_SUBJECT_LIMIT, _NAME_LIMIT, _LABEL_LIMIT = 90, 60, 100
_VIEW_ONLY_SHORT = VIEW_ONLY_LINE.partition(" — ")[0]  # the reason has no room here, ten times over


def digest_footer(lead_id: int) -> str:
    """The mark a digest is known by in its channel's history: the footer of its last embed."""
    return f"digest {lead_id}"


def digest_embeds(tickets: Sequence[Ticket], footer: str) -> list[discord.Embed]:
    """One embed for each of up to ten tickets, as they are now; the last one bears the mark."""
    embeds = [_digest_embed(ticket) for ticket in tickets]
    embeds[-1].set_footer(text=footer)
    return embeds


def digest_view(tickets: Sequence[Ticket]) -> discord.ui.View:
    """The select under a digest: a choice opens that ticket with its buttons."""
    view = discord.ui.View(timeout=None)
    options = [
        discord.SelectOption(
            label=plain_line(f"{one.public_id} · {one.subject}", _LABEL_LIMIT), value=str(one.id)
        )
        for one in tickets
    ]
    view.add_item(
        discord.ui.Select(custom_id=DIGEST_SELECT_ID, placeholder="Open a ticket…", options=options)
    )
    view.stop()  # a choice is known by its ids; the library need not remember this object
    return view


def selected_ticket_id(interaction: discord.Interaction) -> int | None:
    """The number of the ticket that was chosen; None if the message does not offer it: a forged choice."""
    data: Any = interaction.data or {}
    chosen = data.get("values") or []
    if len(chosen) != 1 or chosen[0] not in _option_values(interaction.message):
        return None
    return int(chosen[0])


def _option_values(message: discord.Message | None) -> Iterator[str]:
    for row in getattr(message, "components", ()):  # the library leaves it out where Discord does
        for item in getattr(row, "children", ()):
            if getattr(item, "custom_id", None) == DIGEST_SELECT_ID:
                yield from (option.value for option in getattr(item, "options", ()))


def _digest_embed(ticket: Ticket) -> discord.Embed:
    mark = "🚨 " if ticket.view_only else "🎫 "
    subject = escape_markdown(ticket.subject, _SUBJECT_LIMIT) or "(no subject)"
    embed = discord.Embed(
        title=f"{mark}{ticket.public_id} · {subject}",
        colour=PRIORITY_STYLES[ticket.priority][1],
        timestamp=ticket.created_at,
    )
    embed.set_author(name=plain_line(ticket.reporter.label, _NAME_LIMIT) or "unknown")
    embed.set_footer(text=ticket_footer(ticket))
    head = "\n".join(_header_lines(ticket)) + "\n"
    body = escape_markdown(" ".join(ticket.body.split()), _EMBED_LIMIT - len(embed) - len(head))
    embed.description = head + (body or "*No message.*")
    return embed


def _header_lines(ticket: Ticket) -> Iterator[str]:
    """What stands above the beginning of the body."""
    if ticket.view_only:
        yield _VIEW_ONLY_SHORT
    category = escape_markdown(ticket.category, _NAME_LIMIT) or "—"
    yield f"{status_line(ticket)} · {PRIORITY_STYLES[ticket.priority][0]} · {category}"
    if ticket.reported_player:
        yield f"Reported player: {escape_markdown(ticket.reported_player.label, _NAME_LIMIT) or 'unknown'}"


async def send_digest(
    store: Store, channel: ChannelOrThread, deliveries: Sequence[Delivery], footer: str
) -> int | None:
    """The message's id; None for one that an earlier attempt posted and somebody has deleted since."""
    tickets = [await store.ticket(delivery.ticket_id) for delivery in deliveries]
    return await message_id_or_none(
        channel.send(
            embeds=digest_embeds(tickets, footer),
            view=digest_view(tickets),
            nonce=deliveries[0].nonce,
            allowed_mentions=discord.AllowedMentions.none(),
        )
    )


async def update_digest(store: Store, channel: ChannelOrThread, digest_id: int) -> Receipt:
    """Every ticket of a digest as it is now, under the mark it was posted with."""
    tickets, lead_id = await store.tickets_in_digest(digest_id), await store.digest_lead(digest_id)
    if lead_id is None:
        raise PermanentFailure("its message is no digest")
    await channel.get_partial_message(digest_id).edit(
        embeds=digest_embeds(tickets, digest_footer(lead_id)),
        view=digest_view(tickets),
        allowed_mentions=discord.AllowedMentions.none(),
    )
    return Receipt(channel_id=channel.id, message_id=digest_id)
