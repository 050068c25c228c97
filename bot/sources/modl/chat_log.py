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
    r"(?:(?:(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2}) )?"
    r"(?P<hour>[01]?[0-9]|2[0-3]):(?P<minute>[0-5][0-9])"
    r"(?::(?P<second>[0-5][0-9])(?:\.(?P<millisecond>[0-9]{3}))?)? )?"
    r"(?:(?P<sender>[^:]{1,48}): )?(?P<text>.*)"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_SECONDS_TIMESTAMP = 100_000_000_000  # the year 5138; anything later is meant as milliseconds

# The pattern of text that is a line as it was sent: it begins and ends with a visible character, is no JSON
# object, and has neither a control character nor a line break.
CHAT_LINE = rf"^[^{{{BLANKS}](?:[^\u0000-\u0008\u000a-\u001f\u0085\u2028\u2029]*[^{BLANKS}])?$"

ChatEntry = str | Mapping[str, object]


def to_chat_lines(entries: Iterable[ChatEntry]) -> tuple[str, ...]:
    """One line for each entry, oldest first; blanks are skipped.

    `2024-07-26 10:00:00.250 Name: text`, in UTC, from an entry with a date; milliseconds only if there are
    any. `12:00:01 Name: text` from one with a time of day, as plugins send it.
    """
    return tuple(line for entry in entries if (line := _format_entry(entry)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatLine:
    """A parsed line of chat."""

    text: str
    sent_at: datetime
    sender: str | None = None


def parse_chat_line(line: str, *, created_at: datetime) -> ChatLine:
    """Parse a stored line.

    Without a date it is of the day before its ticket if it would be later than that; without a time it is as
    old as its ticket.
    """
    match = _LINE.fullmatch(line)
    try:
        if match is not None:
            return ChatLine(text=match["text"], sent_at=_sent_at(match, created_at), sender=match["sender"])
    except ValueError:  # no such date
        pass
    return ChatLine(text=line, sent_at=created_at)  # also with a line break in it


def _sent_at(match: re.Match[str], created_at: datetime) -> datetime:
    """Raises ValueError."""
    if match["hour"] is None:
        return created_at
    hour, minute, second, ms = (int(match[part] or 0) for part in ("hour", "minute", "second", "millisecond"))
    day = datetime.fromisoformat(match["date"]).replace(tzinfo=UTC) if match["date"] else created_at
    moment = day.astimezone(UTC).replace(hour=hour, minute=minute, second=second, microsecond=ms * 1000)
    return moment - timedelta(days=1) if moment > created_at and not match["date"] else moment


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
    """`2024-07-26 10:00:00.250` in UTC, from ISO text, or seconds or milliseconds since 1970.

    A time of day stays as it is; anything else is left out.
    """
    if isinstance(time, str) and _TIME_OF_DAY.fullmatch(time):
        return time
    try:
        moment = _parse_time(time)
    except (ValueError, OverflowError):
        return ""
    return moment.isoformat(" ", "milliseconds" if moment.microsecond >= 1000 else "seconds")


def _parse_time(time: object) -> datetime:
    """A naive datetime in UTC. Raises ValueError, OverflowError."""
    if isinstance(time, str):
        moment = datetime.fromisoformat(time)
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    if isinstance(time, int | float):
        unit = "seconds" if time < _MAX_SECONDS_TIMESTAMP else "milliseconds"
        return (_EPOCH + timedelta(**{unit: time})).replace(tzinfo=None)
    raise ValueError
