"""What players see of their own tickets: the list, and the conversation on one. Pure functions.

Staff are "Staff" here, never a name, and nothing of their work shows: no notes, no claims, no history.
"""

import io
from collections.abc import Sequence
from datetime import datetime

import discord

from bot.i18n.translations import gettext as _
from bot.i18n.translations import ngettext, translate
from bot.tickets.conversation import Page, Part
from bot.tickets.message import MessageKind
from bot.tickets.queries import OwnTicket, OwnTicketPage
from bot.tickets.sentence import Sentence
from bot.tickets.ticket import Status, Ticket
from bot.tickets.workspace import Workspace
from cogs.core.markdown import escape_markdown, plain_line
from cogs.tickets.embeds import (
    DESCRIPTION_LIMIT,
    TITLE_LIMIT,
    no_subject,
    status_label,
    text_refused,
    ticket_footer,
    title_mark,
    view_only_line,
)

_SUBJECT_LIMIT = 80  # in a list
_REPORT_STATUS_LABELS = {
    Status.OPEN: Sentence("📥 Received"),
    Status.IN_PROGRESS: Sentence("👀 Being looked at"),
    Status.RESOLVED: Sentence("⚫ Closed"),  # not what came of it
}


def link_hint() -> str:
    """What stands below the list of somebody without a linked game account."""
    return _("Tickets from a game are missing? `/link` links your game account, and they are listed here.")


def own_list_embed(listed: OwnTicketPage, *, hint: str = "") -> discord.Embed:
    """Draw a page of a reporter's tickets. `hint` stands below them."""
    embed = discord.Embed(title=_("Your tickets"), colour=discord.Colour.blurple())
    embed.description = "\n\n".join([*map(_list_entry, listed.items), *([hint] if hint else [])])
    count = ngettext("{number} ticket", "{number} tickets", listed.total)
    embed.set_footer(
        text=_("Page {number} of {pages} · {count}", number=listed.page + 1, pages=listed.pages, count=count)
    )
    return embed


def _list_entry(own: OwnTicket) -> str:
    ticket = own.ticket
    subject = escape_markdown(ticket.subject, _SUBJECT_LIMIT) or no_subject()
    lines = [f"{title_mark(ticket)}**{subject}**", f"`{ticket.public_id}` · {own_status(ticket)}"]
    if own.replied_at is not None:
        said = _("🔔 **New reply from staff**") if own.is_unread else _("💬 Last reply from staff")
        lines.append(f"{said} {_relative(own.replied_at)}")
    if ticket.post.thread_id and ticket.is_private:
        lines.append(f"🧵 <#{ticket.post.thread_id}>")
    return "\n".join(lines)


def own_status(ticket: Ticket) -> str:
    """A ticket's status in its reporter's words."""
    label = _REPORT_STATUS_LABELS.get(ticket.status) if ticket.view_only else None
    return translate(label) if label else status_label(ticket.status)


def select_label(ticket: Ticket) -> str:
    """A ticket as an option of a select, or of autocomplete."""
    return plain_line(f"{ticket.public_id} · {ticket.subject}", 100)


def own_ticket_embed(
    ticket: Ticket, workspace: Workspace, pages: Sequence[Page], number: int
) -> discord.Embed:
    """Draw one page of a ticket's conversation, `number` from 0, as its reporter sees it."""
    embed = own_fallback_embed(ticket, workspace)
    mark = title_mark(ticket)
    embed.title = mark + (escape_markdown(ticket.subject, TITLE_LIMIT - len(mark)) or no_subject())
    opening = ""
    if ticket.view_only:
        opening = f"{view_only_line()}\n{_('You can follow it here. It takes no replies.')}\n\n"
    embed.description = opening + "\n\n".join(_part_text(ticket, part) for part in pages[number])
    if len(pages) > 1:
        place = _("page {number} of {count}", number=number + 1, count=len(pages))
        embed.set_footer(text=f"{ticket_footer(ticket)} · {place}")
    return embed


def own_fallback_embed(ticket: Ticket, workspace: Workspace) -> discord.Embed:
    """Draw a ticket without any text of a player's, for one that Discord refuses; a file has the text."""
    embed = discord.Embed(
        title=f"{title_mark(ticket)}{ticket.public_id}",
        description=text_refused(),
        colour=discord.Colour.blurple(),
    )
    embed.add_field(name=_("Status"), value=own_status(ticket))
    category = escape_markdown(workspace.category_name(ticket.category), 100) or "—"
    embed.add_field(name=_("Category"), value=category)
    if ticket.is_private and ticket.post.thread_id:
        embed.add_field(name=_("Talk to staff"), value=f"<#{ticket.post.thread_id}>", inline=False)
    embed.set_footer(text=ticket_footer(ticket))
    return embed


def conversation_file(ticket: Ticket, pages: Sequence[Page]) -> discord.File:
    """The whole conversation as a text file."""
    texts = [
        f"{_author(part)}, {_time(ticket, part):%Y-%m-%d %H:%M} UTC\n{part.text}"
        for page in pages
        for part in page
    ]
    data = "\n\n".join([ticket.subject, *texts]).encode("utf-8", "replace")
    return discord.File(io.BytesIO(data), filename=f"{ticket.public_id}.txt")


def _part_text(ticket: Ticket, part: Part) -> str:
    place = ""
    if part.count > 1:
        place = f" · {_('part {number} of {count}', number=part.number, count=part.count)}"
    text = escape_markdown(part.text, DESCRIPTION_LIMIT) or ("—" if part.message else _("*No message.*"))
    before = "… " if part.number > 1 else ""
    after = " …" if part.number < part.count else ""
    return f"**{_author(part)}** {_relative(_time(ticket, part))}{place}\n{before}{text}{after}"


def _author(part: Part) -> str:
    return _("Staff") if part.message and part.message.kind is MessageKind.REPLY else _("You")


def _time(ticket: Ticket, part: Part) -> datetime:
    return part.message.created_at if part.message else ticket.created_at


def _relative(time: datetime) -> str:
    return f"<t:{int(time.timestamp())}:R>"
