"""Embeds and files of a ticket and its messages. Pure functions; nothing is sent here."""

import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from urllib.parse import urlsplit

import discord

from bot.i18n.translations import gettext as _
from bot.i18n.translations import translate
from bot.tickets.events import ReplyState
from bot.tickets.history import event_sentence
from bot.tickets.message import DISCORD_SOURCE, Actor, Message, MessageKind
from bot.tickets.sentence import Sentence
from bot.tickets.ticket import Priority, Status, Ticket
from bot.tickets.workspace import DEFAULT_DEPARTMENT, Workspace
from cogs.core.markdown import ELLIPSIS, escape_markdown, escape_sentence, fits, plain_line

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
# An embed must hold all fields and still have room for the body.
_VALUE_LIMIT, _LINK_LABEL_LIMIT, _LINK_URL_LIMIT, _MAX_FIELDS = 200, 128, 150, 10
_BODY_LIMIT = 900  # so that category, priority, status and buttons stay on the screen; a file has it all
_REASON_LIMIT = 1000  # 500 characters that are all escaped
_MAX_HISTORY_MESSAGES, _HISTORY_TEXT_LIMIT = 5, 500

READ_EMOJI = "📬"  # a game server has the reply
PRIORITY_COLOURS = {
    Priority.LOW: discord.Colour(0x95A5A6),
    Priority.NORMAL: discord.Colour(0x3498DB),
    Priority.HIGH: discord.Colour(0xE67E22),
    Priority.URGENT: discord.Colour(0xE74C3C),
}
_PRIORITY_LABELS = {
    Priority.LOW: Sentence("⚪ Low"),
    Priority.NORMAL: Sentence("🔵 Normal"),
    Priority.HIGH: Sentence("🟠 High"),
    Priority.URGENT: Sentence("🔴 Urgent"),
}
_STATUS_LABELS = {
    Status.UNFINISHED: Sentence("📝 Unfinished"),
    Status.OPEN: Sentence("🟢 Open"),
    Status.IN_PROGRESS: Sentence("🟡 In progress"),
    Status.RESOLVED: Sentence("✅ Resolved"),
    Status.CLOSED: Sentence("⚫ Closed"),
}

_MESSAGE_STYLES = {
    MessageKind.REPLY: (Sentence("💬 Reply to the reporter"), discord.Colour.green()),
    MessageKind.NOTE: (Sentence("📝 Note, for staff only"), discord.Colour.gold()),
    MessageKind.FOLLOW_UP: (Sentence("🗨️ The reporter adds"), discord.Colour.blurple()),
    MessageKind.EVENT: (Sentence("🕘 What happened"), discord.Colour.light_grey()),
    MessageKind.FEEDBACK: (Sentence("⭐ The reporter's rating"), discord.Colour.blurple()),
}


_OF_REPORTER = (MessageKind.FOLLOW_UP, MessageKind.FEEDBACK)
_HISTORY_NAMES = {
    MessageKind.REPLY: Sentence("💬 Reply by {name}"),
    MessageKind.NOTE: Sentence("📝 Note (staff only) by {name}"),
    MessageKind.FOLLOW_UP: Sentence("🗨️ Added by {name}"),
    MessageKind.FEEDBACK: Sentence("⭐ Rated by {name}"),
}


def priority_label(priority: Priority) -> str:
    return translate(_PRIORITY_LABELS[priority])


def status_label(status: Status) -> str:
    return translate(_STATUS_LABELS[status])


def view_only_line() -> str:
    """The line that marks a game report."""
    return _("**GAME REPORT · view-only**")


def no_subject() -> str:
    """What stands for a subject that is empty."""
    return _("(no subject)")


def ticket_embed(ticket: Ticket, workspace: Workspace | None = None) -> discord.Embed:
    """Draw the post of a ticket, with the workspace's names of its category and department."""
    mark = title_mark(ticket)
    embed = discord.Embed(
        title=mark + shown_subject(ticket, TITLE_LIMIT - len(mark)),
        colour=PRIORITY_COLOURS[ticket.priority],
        timestamp=ticket.created_at,
    )
    _add_reporter(embed, ticket)
    for name, value in _facts(ticket, workspace):
        _add_field(embed, name, value)
    embed.set_footer(text=ticket_footer(ticket))
    embed.description = _description(ticket, limit=EMBED_LIMIT - len(embed))
    return embed


def shown_subject(ticket: Ticket, limit: int) -> str:
    """The subject as Markdown; in its place, that there is none or that it was erased."""
    nothing = no_subject() if ticket.erased_at is None else _("(erased)")
    return escape_markdown(ticket.subject, limit) or nothing


def title_mark(ticket: Ticket) -> str:
    return "🚨 " if ticket.view_only else "🎫 "


def _facts(ticket: Ticket, workspace: Workspace | None) -> Iterator[tuple[str, str]]:
    category = workspace.category_name(ticket.category) if workspace else ticket.category
    yield _("Category"), _name_or_id(category, ticket.category)
    if ticket.department != DEFAULT_DEPARTMENT:
        yield _("Department"), _department_name(ticket, workspace)
    yield _("Priority"), priority_label(ticket.priority)
    yield _("Status"), status_line(ticket)
    if ticket.reported_player:
        player = ticket.reported_player
        yield _("Reported player"), _link_or_text(player.label, player.profile_url)
    elif ticket.reported_erased_at is not None:
        yield _("Reported player"), _("erased {time}", time=timestamp(ticket.reported_erased_at))
    if ticket.close_reason:
        yield _("Reason"), escape_markdown(ticket.close_reason, _REASON_LIMIT)
    if ticket.tags and not ticket.is_private:  # in a private thread its reporter would read them
        yield _("Staff tags"), escape_markdown(", ".join(ticket.tags), _REASON_LIMIT)
    shown = [field for field in ticket.fields if field.value]
    for field in shown[:_MAX_FIELDS]:
        yield _(field.label), _link_or_text(field.value, field.url)


def _department_name(ticket: Ticket, workspace: Workspace | None) -> str:
    name = workspace.department_name(ticket.department) if workspace else ticket.department
    return _name_or_id(name, ticket.department)


def _name_or_id(name: str, id_: str) -> str:
    """The name; the id if the name consists of characters that are not shown."""
    return escape_markdown(name, _VALUE_LIMIT) or escape_markdown(id_, _VALUE_LIMIT)


def fallback_embed(ticket: Ticket) -> discord.Embed:
    """Draw a post without any text of the player, for a ticket that Discord refuses; a file has the text."""
    opening = f"{view_only_line()}\n\n" if ticket.view_only else ""
    embed = discord.Embed(
        title=f"🚨 {ticket.public_id}" if ticket.view_only else ticket.public_id,
        description=opening + text_refused(),
        colour=PRIORITY_COLOURS[ticket.priority],
        timestamp=ticket.created_at,
    )
    _add_field(embed, _("Status"), status_line(ticket))
    embed.set_footer(text=ticket_footer(ticket))
    return embed


def text_refused() -> str:
    """What a ticket's embed says without any text of the player."""
    return _("Discord did not take this ticket's text as it is; the attached file has it.")


def ticket_files(ticket: Ticket, embed: discord.Embed) -> list[discord.File]:
    """Attach the body, if the embed clips it, and the chat log. Raw text: a file pings no one."""
    clipped = (embed.description or "").endswith(ELLIPSIS)
    if clipped and fits(ticket.body, _body_room(ticket, embed)):
        clipped = False  # it ends in an ellipsis of its own
    message = [_text_file(f"{ticket.public_id}-message.txt", ticket.body)] if clipped else []
    return message + _chat_log_files(ticket)


def fallback_files(ticket: Ticket) -> list[discord.File]:
    """Attach everything a player wrote, for a post that shows none of it."""
    text = f"{ticket.subject}\n\n{ticket.body}"
    return [_text_file(f"{ticket.public_id}-message.txt", text), *_chat_log_files(ticket)]


def ticket_footer(ticket: Ticket) -> str:
    """Ticket id and source, never translated. A post is found by it in the history of its channel."""
    return f"{ticket.public_id} · {ticket.source}"


def status_line(ticket: Ticket) -> str:
    """Status, and who closed and who claimed it."""
    status = status_label(ticket.status)
    if ticket.closed_by is not None:
        status = _("{status} by {name}", status=status, name=_actor_name(ticket.closed_by))
    if ticket.claimed_by is None:
        return status
    return _("{status}, claimed by {name}", status=status, name=_actor_name(ticket.claimed_by))


def _actor_name(actor: Actor) -> str:
    """A Discord member as a mention, which does not ping in an embed; anyone else by name."""
    return f"<@{actor.id}>" if actor.source == DISCORD_SOURCE else escape_markdown(actor.name, 80)


def message_embed(ticket: Ticket, message: Message, state: ReplyState | None = None) -> discord.Embed:
    """Draw a message as it is shown in the ticket's thread; of a reply into a game, what became of it."""
    if message.kind is MessageKind.EVENT:
        return _event_embed(ticket, message)
    title, colour = _MESSAGE_STYLES[message.kind]
    embed = discord.Embed(
        title=translate(title),
        description=_message_text(message),
        colour=colour,
        timestamp=message.created_at,
    )
    embed.set_author(name=plain_line(message.author.name, AUTHOR_LIMIT))
    if state is not None:
        embed.add_field(name=_("In the game"), value=_state_line(state))
    embed.set_footer(text=message_footer(ticket, message))
    return embed


def _event_embed(ticket: Ticket, event: Message) -> discord.Embed:
    """One line. Its detail is for staff, so a thread that the reporter reads does not have it."""
    text = event_text(event) if not ticket.is_private else _one_line(_event_sentence(event), 300)
    embed = discord.Embed(
        description=f"🕘 {text}", colour=discord.Colour.light_grey(), timestamp=event.created_at
    )
    embed.set_footer(text=message_footer(ticket, event))
    return embed


def event_text(event: Message) -> str:
    """What happened, with the detail that only staff read."""
    detail = f": {_one_line(event.detail, _REASON_LIMIT)}" if event.detail else ""
    return _one_line(_event_sentence(event), 300) + detail


def _one_line(text: str, limit: int) -> str:
    return escape_markdown(" ".join(text.split()), limit)


def _state_line(state: ReplyState) -> str:
    sentence = escape_sentence(translate(state.sentence), 300)
    waiting = "⏳" if state.is_awaited else "⚠️"
    return f"{waiting if state.received_at is None else READ_EMOJI} {sentence}"


def _message_text(message: Message) -> str:
    """The text of staff in Discord as Markdown; that of players and games is plain, and shown as typed."""
    if _is_markdown(message):
        return message.text
    return escape_markdown(message.text, DESCRIPTION_LIMIT) or "—"


def _is_markdown(message: Message) -> bool:
    return message.author.source == DISCORD_SOURCE and message.kind not in _OF_REPORTER


def message_files(ticket: Ticket, message: Message) -> list[discord.File]:
    """Attach a message's text, if its embed clips it."""
    if _is_markdown(message) or fits(message.text, DESCRIPTION_LIMIT):
        return []
    return [_text_file(f"{ticket.public_id}-{message.kind.value}-{message.id}.txt", message.text)]


def message_footer(ticket: Ticket, message: Message) -> str:
    """Ticket id, kind and number, never translated. A message is found by it in the history of its thread."""
    return f"{ticket.public_id} · {message.kind.value} {message.id}"


def transfer_embed(
    ticket: Ticket, post_url: str, footer: str, workspace: Workspace | None = None
) -> discord.Embed:
    """Draw the link to the post of a ticket that was transferred to another department."""
    embed = fallback_transfer_embed(ticket, post_url, footer, workspace)
    embed.title = f"{embed.title} · {shown_subject(ticket, 150)}"
    return embed


def fallback_transfer_embed(
    ticket: Ticket, post_url: str, footer: str, workspace: Workspace | None = None
) -> discord.Embed:
    """Draw the same without any text of the player, for a ticket that Discord refuses."""
    embed = discord.Embed(
        title=f"{'🚨' if ticket.view_only else '📨'} {escape_markdown(ticket.public_id, 80)}",
        url=post_url,
        description=_(
            "Transferred to {department}. [Go to its post]({url})",
            department=_department_name(ticket, workspace),
            url=post_url,
        ),
        colour=PRIORITY_COLOURS[ticket.priority],
        timestamp=ticket.updated_at,
    )
    embed.set_footer(text=footer)
    return embed


def transfer_footer(ticket: Ticket, delivery_id: int) -> str:
    """Ticket id and delivery. A link is found by it in its channel; a ticket may be transferred back.

    It is never translated.
    """
    return f"{ticket.public_id} · transfer {delivery_id}"


def thread_name(ticket: Ticket) -> str:
    """`TICKET-1 · subject`, within Discord's limit of 100 characters; of an erased ticket, its id alone."""
    if ticket.erased_at is not None:
        return ticket.public_id
    return plain_line(f"{ticket.public_id} · {ticket.subject}", 100)


def is_safe_url(url: str | None) -> bool:
    """Whether Discord accepts a URL and it leads where it says: https, a host, no user name, plain ASCII."""
    if not url or len(url) > 2048 or not url.isascii() or any(c.isspace() or c in "()<>\"'\\`" for c in url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and "." in (parts.hostname or "") and "@" not in parts.netloc
    except ValueError:
        return False


def add_history(
    embed: discord.Embed,
    messages: Sequence[Message],
    events: Sequence[Message],
    states: Mapping[int, ReplyState],
) -> None:
    """Add the last messages, replies with their state, then the events, one line each; as far as they fit."""
    for message in messages[-_MAX_HISTORY_MESSAGES:]:
        author = plain_line(message.author.name, 80)
        name = translate(_HISTORY_NAMES[message.kind].with_parts(name=author))
        state = f"\n-# {_state_line(states[message.id])}" if message.id in states else ""
        room = EMBED_LIMIT - len(embed) - len(name) - len(state)
        value = escape_markdown(message.text, min(_HISTORY_TEXT_LIMIT, room)) or "—"
        if len(value) > room:
            break
        embed.add_field(name=name, value=value + state, inline=False)
    _add_events(embed, events)


def _add_events(embed: discord.Embed, events: Sequence[Message]) -> None:
    name = _("🕘 History")
    room = min(FIELD_VALUE_LIMIT, EMBED_LIMIT - len(embed) - len(name))
    lines: list[str] = []
    for event in reversed(events):
        line = f"<t:{int(event.created_at.timestamp())}:R> {event_text(event)}"
        room -= len(line) + 1
        if room < 0:
            break
        lines.insert(0, line)
    if lines:
        embed.add_field(name=name, value="\n".join(lines), inline=False)


def _event_sentence(event: Message) -> str:
    sentence = event_sentence(event.text)
    return event.text if sentence is None else translate(sentence)


def _description(ticket: Ticket, limit: int) -> str:
    opening = f"{view_only_line()}\n\n" if ticket.view_only else ""
    if ticket.erased_at is not None:
        return f"{opening}{erased_notice(ticket.erased_at)}"
    empty = "" if ticket.chat_log else _("*No message.*")
    body = escape_markdown(ticket.body, min(limit - len(opening), _BODY_LIMIT)) or empty
    return (opening + body).rstrip()


def erased_notice(time: datetime) -> str:
    """What stands in the place of an erased text."""
    return _("What was written here was erased {time}.", time=timestamp(time))


def timestamp(time: datetime) -> str:
    """A time as each reader's own Discord shows it."""
    return f"<t:{int(time.timestamp())}:f>"


def _body_room(ticket: Ticket, embed: discord.Embed) -> int:
    opening = len(f"{view_only_line()}\n\n") if ticket.view_only else 0
    return len(embed.description or "") - opening


def _chat_log_files(ticket: Ticket) -> list[discord.File]:
    if not ticket.chat_log:
        return []
    return [_text_file(f"{ticket.public_id}-chat-log.txt", "\n".join(ticket.chat_log) + "\n")]


def _text_file(name: str, text: str) -> discord.File:
    return discord.File(io.BytesIO(text.encode("utf-8", "replace")), filename=name)


def _add_reporter(embed: discord.Embed, ticket: Ticket) -> None:
    if ticket.erased_at is not None:
        embed.set_author(name=_("erased"))
        return
    reporter = ticket.reporter
    avatar = reporter.avatar_url if is_safe_url(reporter.avatar_url) else None
    profile = reporter.profile_url if is_safe_url(reporter.profile_url) else None
    embed.set_author(
        name=plain_line(reporter.label, AUTHOR_LIMIT) or _("unknown"), url=profile, icon_url=avatar
    )
    if avatar:
        embed.set_thumbnail(url=avatar)


def _link_or_text(text: str, url: str | None) -> str:
    """The text, as a link if the source built one; `url` is never taken from a player."""
    label = escape_markdown(text, _LINK_LABEL_LIMIT)
    if label and is_safe_url(url) and len(url or "") <= _LINK_URL_LIMIT:
        return f"[{label}]({url})"
    return escape_markdown(text, _VALUE_LIMIT)


def _add_field(embed: discord.Embed, name: str, value: str) -> None:
    """Add a field; Discord refuses one without text."""
    embed.add_field(name=plain_line(name, 64) or "—", value=value or "—")
