"""Embeds: how a ticket and what is said on it look. Pure functions; nothing is sent here."""

from urllib.parse import urlsplit

import discord

from bot.tickets.message import DISCORD_SOURCE, Actor, Message, MessageKind
from bot.tickets.ticket import Player, Priority, Status, Ticket
from bot.tickets.workspace import DEFAULT_DEPARTMENT
from cogs.core.markdown import escape_markdown, fits, plain_line

# Discord's limits, in characters.
(
    TITLE_LIMIT,
    DESCRIPTION_LIMIT,
    FIELD_NAME_LIMIT,
    FIELD_VALUE_LIMIT,
    AUTHOR_LIMIT,
    FOOTER_LIMIT,
    EMBED_LIMIT,
) = 256, 4096, 256, 1024, 256, 2048, 6000
# A whole embed must hold every fact and still have room for the body.
_VALUE_LIMIT, _LINK_LABEL_LIMIT, _LINK_URL_LIMIT, _MAX_FACTS = 200, 128, 150, 10

VIEW_ONLY_LINE = "🚨 **GAME REPORT · view-only** — nobody can reply to its reporter"

PRIORITY_STYLES = {
    Priority.LOW: ("⚪ Low", discord.Colour(0x95A5A6)),
    Priority.NORMAL: ("🔵 Normal", discord.Colour(0x3498DB)),
    Priority.HIGH: ("🟠 High", discord.Colour(0xE67E22)),
    Priority.URGENT: ("🔴 Urgent", discord.Colour(0xE74C3C)),
}
_STATUS_LABELS = {
    Status.OPEN: "🟢 Open",
    Status.IN_PROGRESS: "🟡 In progress",
    Status.RESOLVED: "✅ Resolved",
    Status.CLOSED: "⚫ Closed",
}

_MESSAGE_STYLES = {
    MessageKind.REPLY: ("💬 Reply to the reporter", discord.Colour.green()),
    MessageKind.NOTE: ("📝 Note, for staff only", discord.Colour.gold()),
    MessageKind.FOLLOW_UP: ("🗨️ The reporter adds", discord.Colour.blurple()),
    MessageKind.EVENT: ("🕘 What happened", discord.Colour.light_grey()),
}


def ticket_embed(ticket: Ticket) -> discord.Embed:
    """The post of a ticket. A game report bears its own line and mark, whatever else it says."""
    label, colour = PRIORITY_STYLES[ticket.priority]
    mark = "🚨 " if ticket.view_only else "🎫 "
    embed = discord.Embed(
        title=mark + (escape_markdown(ticket.subject, TITLE_LIMIT - len(mark)) or "(no subject)"),
        colour=colour,
        timestamp=ticket.created_at,
    )
    _add_reporter(embed, ticket.reporter)
    _add_field(embed, "Category", escape_markdown(ticket.category, _VALUE_LIMIT))
    if ticket.department != DEFAULT_DEPARTMENT:
        _add_field(embed, "Department", escape_markdown(ticket.department, _VALUE_LIMIT))
    _add_field(embed, "Priority", label)
    _add_field(embed, "Status", status_line(ticket))
    if ticket.reported_player:
        player = ticket.reported_player
        _add_field(embed, "Reported player", _link_or_text(player.label, player.profile_url))
    for fact in ticket.fields[:_MAX_FACTS]:
        _add_field(embed, fact.label, _link_or_text(fact.value, fact.url))
    embed.set_footer(text=ticket_footer(ticket))
    embed.description = _body_text(ticket, limit=EMBED_LIMIT - len(embed))
    return embed


def fallback_embed(ticket: Ticket) -> discord.Embed:
    """A post without a word of the player's, for what Discord refuses otherwise; the text goes as a file."""
    opening = f"{VIEW_ONLY_LINE}\n\n" if ticket.view_only else ""
    embed = discord.Embed(
        title=ticket.public_id,
        description=f"{opening}Discord did not take this ticket's text as it is; the attached file has it.",
        colour=PRIORITY_STYLES[ticket.priority][1],
        timestamp=ticket.created_at,
    )
    _add_field(embed, "Status", status_line(ticket))
    embed.set_footer(text=ticket_footer(ticket))
    return embed


def ticket_footer(ticket: Ticket) -> str:
    """Ticket id and source. It also is the mark a post is known by in its channel's history."""
    return f"{ticket.public_id} · {ticket.source}"


def status_line(ticket: Ticket) -> str:
    claimed = f", claimed by {_actor_name(ticket.claimed_by)}" if ticket.claimed_by else ""
    return _STATUS_LABELS[ticket.status] + claimed


def _actor_name(actor: Actor) -> str:
    """A member by mention, which in an embed pings nobody; anyone else by name."""
    return f"<@{actor.id}>" if actor.source == DISCORD_SOURCE else escape_markdown(actor.name, 80)


def message_embed(ticket: Ticket, message: Message) -> discord.Embed:
    """What is said on a ticket, as shown in its thread."""
    title, colour = _MESSAGE_STYLES[message.kind]
    embed = discord.Embed(
        title=title, description=_message_text(message), colour=colour, timestamp=message.created_at
    )
    embed.set_author(name=plain_line(message.author.name, AUTHOR_LIMIT))
    embed.set_footer(text=message_footer(ticket, message))
    return embed


def _message_text(message: Message) -> str:
    """A member's words as Discord reads them; what comes from a game is plain text, and shown as typed."""
    if message.author.source == DISCORD_SOURCE:
        return message.text
    return escape_markdown(message.text, DESCRIPTION_LIMIT) or "—"


def message_fits_embed(message: Message) -> bool:
    """Whether `message_embed` holds them to the last character."""
    return message.author.source == DISCORD_SOURCE or fits(message.text, DESCRIPTION_LIMIT)


def message_footer(ticket: Ticket, message: Message) -> str:
    """The mark a shown message is known by in its thread's history."""
    return f"{ticket.public_id} · {message.kind.value} {message.id}"


def transfer_embed(ticket: Ticket, post_url: str, footer: str) -> discord.Embed:
    """Where the post of a ticket is that a department was just given."""
    embed = fallback_transfer_embed(ticket, post_url, footer)
    embed.title = f"{embed.title} · {escape_markdown(ticket.subject, 150) or '(no subject)'}"
    return embed


def fallback_transfer_embed(ticket: Ticket, post_url: str, footer: str) -> discord.Embed:
    """The same without a word of the player's, for what Discord refuses otherwise."""
    department = escape_markdown(ticket.department, _VALUE_LIMIT)
    embed = discord.Embed(
        title=f"{'🚨' if ticket.view_only else '📨'} {escape_markdown(ticket.public_id, 80)}",
        url=post_url,
        description=f"Transferred to {department}. [Go to its post]({post_url})",
        colour=PRIORITY_STYLES[ticket.priority][1],
        timestamp=ticket.updated_at,
    )
    embed.set_footer(text=footer)
    return embed


def transfer_footer(ticket: Ticket, delivery_id: int) -> str:
    """The mark a pointer is known by: one for each transfer, for a ticket may come back."""
    return f"{ticket.public_id} · transfer {delivery_id}"


def ticket_list_embed(tickets: list[Ticket]) -> discord.Embed:
    """One's own tickets, newest first."""
    embed = discord.Embed(title="Your tickets", colour=discord.Colour.blurple())
    lines, room = [], DESCRIPTION_LIMIT
    for ticket in tickets:
        place = f" <#{ticket.post.thread_id}>" if ticket.post.thread_id else ""
        subject = escape_markdown(ticket.subject, 80)
        line = f"`{ticket.public_id}` {_STATUS_LABELS[ticket.status]} · {subject}{place}"
        if len(line) + 1 > room:
            break
        lines.append(line)
        room -= len(line) + 1
    embed.description = "\n".join(lines)
    return embed


def thread_name(ticket: Ticket) -> str:
    """`TICKET-1 · subject`, within Discord's 100 characters."""
    return plain_line(f"{ticket.public_id} · {ticket.subject}", 100)


def is_safe_url(url: str | None) -> bool:
    """Whether Discord takes it and it leads where it says: https, a host, no user name, no odd character."""
    if not url or len(url) > 2048 or not url.isascii() or any(c.isspace() or c in "()<>\"'\\`" for c in url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and "." in (parts.hostname or "") and "@" not in parts.netloc
    except ValueError:
        return False


def _body_text(ticket: Ticket, limit: int) -> str:
    opening = f"{VIEW_ONLY_LINE}\n\n" if ticket.view_only else ""
    body = escape_markdown(ticket.body, min(limit, DESCRIPTION_LIMIT) - len(opening)) or "*No message.*"
    return opening + body


def body_fits_embed(ticket: Ticket, embed: discord.Embed) -> bool:
    """Whether the embed's description holds the body to its last character."""
    opening = len(f"{VIEW_ONLY_LINE}\n\n") if ticket.view_only else 0
    return fits(ticket.body, len(embed.description or "") - opening)


def _add_reporter(embed: discord.Embed, reporter: Player) -> None:
    avatar = reporter.avatar_url if is_safe_url(reporter.avatar_url) else None
    profile = reporter.profile_url if is_safe_url(reporter.profile_url) else None
    embed.set_author(name=plain_line(reporter.label, AUTHOR_LIMIT) or "unknown", url=profile, icon_url=avatar)
    if avatar:
        embed.set_thumbnail(url=avatar)


def _link_or_text(text: str, url: str | None) -> str:
    """The text, as a link where a source made one; `url` is never a player's own."""
    label = escape_markdown(text, _LINK_LABEL_LIMIT)
    if label and is_safe_url(url) and len(url or "") <= _LINK_URL_LIMIT:
        return f"[{label}]({url})"
    return escape_markdown(text, _VALUE_LIMIT)


def _add_field(embed: discord.Embed, name: str, value: str) -> None:
    """Discord refuses a field without text."""
    embed.add_field(name=plain_line(name, 64) or "—", value=value or "—")
