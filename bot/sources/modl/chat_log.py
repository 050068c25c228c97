"""Format a chat log as lines, from the three formats that plugins send, and parse such a line."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic_core import from_json

from bot.sources.validation import BLANKS, blank_to_none, strip_control_chars

_TIME_OF_DAY = re.compile(r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?")
_SENDER_KEYS = ("username", "sender", "name", "playerName", "player")
_TEXT_KEYS = ("message", "content", "text")
_TIME_KEYS = ("timestamp", "time")
# A stored line. A name has no colon, so that an address is not taken for one.
_LINE = re.compile(
    r"(?:(?P<hour>[01]?[0-9]|2[0-3]):(?P<minute>[0-5][0-9])(?::(?P<second>[0-5][0-9]))? )?"
    r"(?:(?P<sender>[^:]{1,48}): )?(?P<text>.*)"
)
_MAX_SECONDS_TIMESTAMP = 100_000_000_000  # the year 5138; anything later is meant as milliseconds

# The pattern of text that is a line as it was sent: it begins and ends with a visible character, is no JSON
# object, and has neither a control character nor a line break.
CHAT_LINE = rf"^[^{{{BLANKS}](?:[^\u0000-\u0008\u000a-\u001f\u0085\u2028\u2029]*[^{BLANKS}])?$"

ChatEntry = str | Mapping[str, object]


def to_chat_lines(entries: Iterable[ChatEntry]) -> tuple[str, ...]:
    """One line for each entry, oldest first: `12:00:01 Name: text` in UTC. Blanks are skipped."""
    return tuple(line for entry in entries if (line := _format_entry(entry)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatLine:
    """A parsed line of chat."""

    text: str
    sent_at: datetime
    sender: str | None = None


def parse_chat_line(line: str, *, created_at: datetime) -> ChatLine:
    """Parse a stored line.

    A line has a time and no date: it is of the day before its ticket if it would be later than that. Without
    a time it is as old as its ticket.
    """
    match = _LINE.fullmatch(line)
    if match is None:  # with a line break in it
        return ChatLine(text=line, sent_at=created_at)
    return ChatLine(text=match["text"], sent_at=_resolve_time(match, created_at), sender=match["sender"])


def _resolve_time(match: re.Match[str], created_at: datetime) -> datetime:
    if match["hour"] is None:
        return created_at
    hour, minute, second = (int(match[part] or 0) for part in ("hour", "minute", "second"))
    moment = created_at.astimezone(UTC).replace(hour=hour, minute=minute, second=second, microsecond=0)
    return moment - timedelta(days=1) if moment > created_at else moment


def _format_entry(entry: ChatEntry) -> str:
    decoded = _decode_json_entry(entry) if isinstance(entry, str) else entry
    text = decoded if isinstance(decoded, str) else _format_message(decoded)
    # A line break inside an entry would let a player forge the next line.
    return " ".join(part for part in map(strip_control_chars, text.splitlines()) if part.strip()).strip()


def _decode_json_entry(entry: str) -> ChatEntry:
    """The object in a JSON text; any other text is a line already."""
    if not entry.lstrip().startswith("{"):
        return entry
    try:
        decoded = from_json(entry, allow_inf_nan=False)
    except ValueError:
        return entry
    return decoded if isinstance(decoded, dict) else entry


def _format_message(message: Mapping[str, object]) -> str:
    text = _first_value(message, _TEXT_KEYS)
    if not isinstance(text, str):
        return json.dumps(message, ensure_ascii=False)  # in an unknown format: better shown than lost
    if blank_to_none(text) is None:
        return ""
    sender = _first_value(message, _SENDER_KEYS)
    line = f"{sender}: {text}" if isinstance(sender, str) and blank_to_none(sender) else text
    return f"{_format_time(_first_value(message, _TIME_KEYS))} {line}".lstrip()


def _first_value(message: Mapping[str, object], keys: tuple[str, ...]) -> object:
    return next((message[name] for name in keys if message.get(name) is not None), None)


def _format_time(time: object) -> str:
    """`12:00:01` in UTC, from ISO text, a time of day, or seconds or milliseconds; else nothing."""
    if isinstance(time, str) and _TIME_OF_DAY.fullmatch(time):
        return time
    try:
        return f"{_parse_time(time):%H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return ""


def _parse_time(time: object) -> datetime:
    if isinstance(time, str):
        moment = datetime.fromisoformat(time)
        return moment.astimezone(UTC) if moment.tzinfo else moment
    if isinstance(time, int | float):
        return datetime.fromtimestamp(time if time < _MAX_SECONDS_TIMESTAMP else time / 1000, UTC)
    raise ValueError
