"""Digests: up to ten tickets in one message, each with what triage needs, and a select that opens one."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import discord

from bot.i18n.translations import gettext as _
from bot.outbox.errors import PermanentFailure
from bot.tickets.outbox import Delivery, Receipt
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import Workspace
from cogs.core.markdown import escape_markdown, plain_line
from cogs.posts.send import ChannelOrThread, message_id_or_none
from cogs.tickets.embeds import (
    PRIORITY_COLOURS,
    no_subject,
    priority_label,
    status_line,
    ticket_footer,
    view_only_line,
)
from storage import Store

DIGEST_SELECT_ID = "digest:open"  # the custom id of the select under a digest

# Characters of one ticket: ten of them and the digest's marker fit Discord's 6,000 for a message.
_EMBED_LIMIT = 590
_SUBJECT_LIMIT, _NAME_LIMIT, _LABEL_LIMIT = 90, 60, 100


async def send_digest(
    store: Store, channel: ChannelOrThread, deliveries: Sequence[Delivery], marker: str
) -> int | None:
    """Send one message for all these deliveries.

    Returns its id; None if an earlier attempt sent it and it has been deleted since.
    """
    tickets = [await store.tickets.get(delivery.ticket_id) for delivery in deliveries]
    return await message_id_or_none(
        channel.send(
            embeds=digest_embeds(tickets, marker, await _workspaces_of(store, tickets)),
            view=digest_view(tickets),
            nonce=deliveries[0].nonce,
            allowed_mentions=discord.AllowedMentions.none(),
        )
    )


async def update_digest(store: Store, channel: ChannelOrThread, message_id: int) -> Receipt:
    """Show every ticket of a digest as it is now. Raises PermanentFailure if the message is no digest."""
    tickets, lead_id = (
        await store.tickets.list_of_digest(message_id),
        await store.outbox.digest_lead(message_id),
    )
    if lead_id is None:
        raise PermanentFailure("its message is no digest")
    await channel.get_partial_message(message_id).edit(
        embeds=digest_embeds(tickets, digest_marker(lead_id), await _workspaces_of(store, tickets)),
        view=digest_view(tickets),
        allowed_mentions=discord.AllowedMentions.none(),
    )
    return Receipt(channel_id=channel.id, message_id=message_id)


async def _workspaces_of(store: Store, tickets: Sequence[Ticket]) -> dict[str, Workspace]:
    ids = {ticket.workspace_id for ticket in tickets}
    return {workspace_id: await store.workspaces.get(workspace_id) for workspace_id in ids}


def digest_marker(lead_id: int) -> str:
    """What finds a digest in its channel's history: the end of its last embed's footer. Never translated."""
    return f"digest {lead_id}"


def digest_embeds(
    tickets: Sequence[Ticket], marker: str, workspaces: Mapping[str, Workspace]
) -> list[discord.Embed]:
    """One embed for each of up to ten tickets; the last one's footer also has the digest's marker.

    `workspaces` are those of the tickets, by id: they name the categories.
    """
    embeds = [_digest_embed(ticket, workspaces[ticket.workspace_id]) for ticket in tickets]
    embeds[-1].set_footer(text=f"{embeds[-1].footer.text} · {marker}")
    return embeds


def digest_view(tickets: Sequence[Ticket]) -> discord.ui.View:
    """The select under a digest: choosing a ticket opens it with its buttons."""
    view = discord.ui.View(timeout=None)
    options = [
        discord.SelectOption(
            label=plain_line(f"{ticket.public_id} · {ticket.subject}", _LABEL_LIMIT), value=str(ticket.id)
        )
        for ticket in tickets
    ]
    view.add_item(
        discord.ui.Select(custom_id=DIGEST_SELECT_ID, placeholder=_("Open a ticket…"), options=options)
    )
    view.stop()  # the choice is matched by its custom id; the library need not remember this object
    return view


def selected_ticket_id(interaction: discord.Interaction) -> int | None:
    """The number of the chosen ticket; None if the message does not offer it: the choice is forged."""
    data: Any = interaction.data or {}
    values = data.get("values") or []
    if len(values) != 1 or values[0] not in _option_values(interaction.message):
        return None
    return int(values[0])


def _option_values(message: discord.Message | None) -> Iterator[str]:
    for row in getattr(message, "components", ()):  # the library leaves it out where Discord does
        for item in getattr(row, "children", ()):
            if getattr(item, "custom_id", None) == DIGEST_SELECT_ID:
                yield from (option.value for option in getattr(item, "options", ()))


def _digest_embed(ticket: Ticket, workspace: Workspace) -> discord.Embed:
    icon = "🚨 " if ticket.view_only else "🎫 "
    subject = escape_markdown(ticket.subject, _SUBJECT_LIMIT) or no_subject()
    embed = discord.Embed(
        title=f"{icon}{ticket.public_id} · {subject}",
        colour=PRIORITY_COLOURS[ticket.priority],
        timestamp=ticket.created_at,
    )
    embed.set_author(name=plain_line(ticket.reporter.label, _NAME_LIMIT) or _("unknown"))
    embed.set_footer(text=ticket_footer(ticket))
    header = "\n".join(_header_lines(ticket, workspace)) + "\n"
    body = escape_markdown(" ".join(ticket.body.split()), _EMBED_LIMIT - len(embed) - len(header))
    empty = "" if ticket.chat_log else _("*No message.*")
    embed.description = (header + (body or empty)).rstrip()
    return embed


def _header_lines(ticket: Ticket, workspace: Workspace) -> Iterator[str]:
    """The lines above the beginning of the body."""
    if ticket.view_only:
        yield view_only_line()
    name = workspace.category_name(ticket.category)
    category = escape_markdown(name, _NAME_LIMIT) or escape_markdown(ticket.category, _NAME_LIMIT) or "—"
    yield f"{status_line(ticket)} · {priority_label(ticket.priority)} · {category}"
    if ticket.reported_player:
        player = escape_markdown(ticket.reported_player.label, _NAME_LIMIT) or _("unknown")
        yield _("Reported player: {player}", player=player)
