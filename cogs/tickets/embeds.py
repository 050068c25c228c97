"""Embeds: how a ticket and what is said on it look. Pure functions; nothing is sent here."""

from urllib.parse import urlsplit

import discord

from bot.tickets import IN_DISCORD, Message, MessageKind, Person, Player, Priority, Status, Ticket
from bot.tickets.workspace import DEFAULT_DEPARTMENT
from cogs.core.markdown import bare, drawn, fits

# Discord's limits, in characters.
TITLE, DESCRIPTION, FIELD_NAME, FIELD_VALUE, AUTHOR, FOOTER, WHOLE = 256, 4096, 256, 1024, 256, 2048, 6000
# A whole embed must hold every fact and still have room for the body.
_VALUE, _LINK_LABEL, _LINK_URL, _MOST_FACTS = 200, 128, 150, 10

VIEW_ONLY_LINE = "🚨 **GAME REPORT · view-only** — nobody can reply to its reporter"

PRIORITIES = {
    Priority.LOW: ("⚪ Low", discord.Colour(0x95A5A6)),
    Priority.NORMAL: ("🔵 Normal", discord.Colour(0x3498DB)),
    Priority.HIGH: ("🟠 High", discord.Colour(0xE67E22)),
    Priority.URGENT: ("🔴 Urgent", discord.Colour(0xE74C3C)),
}
_STATUSES = {
    Status.OPEN: "🟢 Open",
    Status.IN_PROGRESS: "🟡 In progress",
    Status.RESOLVED: "✅ Resolved",
    Status.CLOSED: "⚫ Closed",
}

_SHOWN = {
    MessageKind.REPLY: ("💬 Reply to the reporter", discord.Colour.green()),
    MessageKind.NOTE: ("📝 Note, for staff only", discord.Colour.gold()),
    MessageKind.FOLLOW_UP: ("🗨️ The reporter adds", discord.Colour.blurple()),
    MessageKind.EVENT: ("🕘 What happened", discord.Colour.light_grey()),
}


def ticket_embed(ticket: Ticket) -> discord.Embed:
    """The post of a ticket. A game report bears its own line and mark, whatever else it says."""
    label, colour = PRIORITIES[ticket.priority]
    mark = "🚨 " if ticket.view_only else "🎫 "
    embed = discord.Embed(
        title=mark + (drawn(ticket.subject, TITLE - len(mark)) or "(no subject)"),
        colour=colour,
        timestamp=ticket.created_at,
    )
    _add_reporter(embed, ticket.reporter)
    _add_field(embed, "Category", drawn(ticket.category, _VALUE))
    if ticket.department != DEFAULT_DEPARTMENT:
        _add_field(embed, "Department", drawn(ticket.department, _VALUE))
    _add_field(embed, "Priority", label)
    _add_field(embed, "Status", status_line(ticket))
    if ticket.reported_player:
        player = ticket.reported_player
        _add_field(embed, "Reported player", _linked(player.label, player.profile_url))
    for fact in ticket.facts[:_MOST_FACTS]:
        _add_field(embed, fact.label, _linked(fact.value, fact.url))
    embed.set_footer(text=footer_of(ticket))
    embed.description = _body(ticket, room=WHOLE - len(embed))
    return embed


def plain_embed(ticket: Ticket) -> discord.Embed:
    """A post without a word of the player's, for what Discord refuses otherwise; the text goes as a file."""
    opening = f"{VIEW_ONLY_LINE}\n\n" if ticket.view_only else ""
    embed = discord.Embed(
        title=ticket.public_id,
        description=f"{opening}Discord did not take this ticket's text as it is; the attached file has it.",
        colour=PRIORITIES[ticket.priority][1],
        timestamp=ticket.created_at,
    )
    _add_field(embed, "Status", status_line(ticket))
    embed.set_footer(text=footer_of(ticket))
    return embed


def footer_of(ticket: Ticket) -> str:
    """Ticket id and source. It also is the mark a post is known by in its channel's history."""
    return f"{ticket.public_id} · {ticket.source}"


def status_line(ticket: Ticket) -> str:
    claimed = f", claimed by {_called(ticket.claimed_by)}" if ticket.claimed_by else ""
    return _STATUSES[ticket.status] + claimed


def _called(person: Person) -> str:
    """A member by mention, which in an embed pings nobody; anyone else by name."""
    return f"<@{person.id}>" if person.source == IN_DISCORD else drawn(person.name, 80)


def message_embed(ticket: Ticket, message: Message) -> discord.Embed:
    """What is said on a ticket, as shown in its thread."""
    title, colour = _SHOWN[message.kind]
    embed = discord.Embed(
        title=title, description=_words(message), colour=colour, timestamp=message.created_at
    )
    embed.set_author(name=bare(message.author.name, AUTHOR))
    embed.set_footer(text=message_footer(ticket, message))
    return embed


def _words(message: Message) -> str:
    """A member's words as Discord reads them; what comes from a game is plain text, and shown as typed."""
    if message.author.source == IN_DISCORD:
        return message.text
    return drawn(message.text, DESCRIPTION) or "—"


def shows_all_words(message: Message) -> bool:
    """Whether `message_embed` holds them to the last character."""
    return message.author.source == IN_DISCORD or fits(message.text, DESCRIPTION)


def message_footer(ticket: Ticket, message: Message) -> str:
    """The mark a shown message is known by in its thread's history."""
    return f"{ticket.public_id} · {message.kind.value} {message.id}"


def pointer_embed(ticket: Ticket, post_url: str, mark: str) -> discord.Embed:
    """Where the post of a ticket is that a department was just given."""
    embed = plain_pointer_embed(ticket, post_url, mark)
    embed.title = f"{embed.title} · {drawn(ticket.subject, 150) or '(no subject)'}"
    return embed


def plain_pointer_embed(ticket: Ticket, post_url: str, mark: str) -> discord.Embed:
    """The same without a word of the player's, for what Discord refuses otherwise."""
    embed = discord.Embed(
        title=f"{'🚨' if ticket.view_only else '📨'} {drawn(ticket.public_id, 80)}",
        url=post_url,
        description=f"Transferred to {drawn(ticket.department, _VALUE)}. [Go to its post]({post_url})",
        colour=PRIORITIES[ticket.priority][1],
        timestamp=ticket.updated_at,
    )
    embed.set_footer(text=mark)
    return embed


def pointer_footer(ticket: Ticket, delivery_id: int) -> str:
    """The mark a pointer is known by: one for each transfer, for a ticket may come back."""
    return f"{ticket.public_id} · transfer {delivery_id}"


def list_embed(tickets: list[Ticket]) -> discord.Embed:
    """One's own tickets, newest first."""
    embed = discord.Embed(title="Your tickets", colour=discord.Colour.blurple())
    lines, room = [], DESCRIPTION
    for ticket in tickets:
        place = f" <#{ticket.post.thread_id}>" if ticket.post.thread_id else ""
        line = f"`{ticket.public_id}` {_STATUSES[ticket.status]} · {drawn(ticket.subject, 80)}{place}"
        if len(line) + 1 > room:
            break
        lines.append(line)
        room -= len(line) + 1
    embed.description = "\n".join(lines)
    return embed


def thread_name(ticket: Ticket) -> str:
    """`TICKET-1 · subject`, within Discord's 100 characters."""
    return bare(f"{ticket.public_id} · {ticket.subject}", 100)


def usable_url(url: str | None) -> bool:
    """Whether Discord takes it and it leads where it says: https, a host, no user name, no odd character."""
    if not url or len(url) > 2048 or not url.isascii() or any(c.isspace() or c in "()<>\"'\\`" for c in url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and "." in (parts.hostname or "") and "@" not in parts.netloc
    except ValueError:
        return False


def _body(ticket: Ticket, room: int) -> str:
    opening = f"{VIEW_ONLY_LINE}\n\n" if ticket.view_only else ""
    body = drawn(ticket.body, min(room, DESCRIPTION) - len(opening)) or "*No message.*"
    return opening + body


def shows_whole_body(ticket: Ticket, embed: discord.Embed) -> bool:
    """Whether the embed's description holds the body to its last character."""
    opening = len(f"{VIEW_ONLY_LINE}\n\n") if ticket.view_only else 0
    return fits(ticket.body, len(embed.description or "") - opening)


def _add_reporter(embed: discord.Embed, reporter: Player) -> None:
    avatar = reporter.avatar_url if usable_url(reporter.avatar_url) else None
    profile = reporter.profile_url if usable_url(reporter.profile_url) else None
    embed.set_author(name=bare(reporter.label, AUTHOR) or "unknown", url=profile, icon_url=avatar)
    if avatar:
        embed.set_thumbnail(url=avatar)


def _linked(text: str, url: str | None) -> str:
    """The text, as a link where a source made one; `url` is never a player's own."""
    label = drawn(text, _LINK_LABEL)
    if label and usable_url(url) and len(url or "") <= _LINK_URL:
        return f"[{label}]({url})"
    return drawn(text, _VALUE)


def _add_field(embed: discord.Embed, name: str, value: str) -> None:
    """Discord refuses a field without text."""
    embed.add_field(name=bare(name, 64) or "—", value=value or "—")
