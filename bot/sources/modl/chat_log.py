"""A chat log as readable lines, from the three formats plugins have sent it in; and such a line taken apart.

Knows nothing of tickets.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic_core import from_json

from bot.sources.validation import clean, given

_CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?")
_SENDER = ("username", "sender", "name", "playerName", "player")
_TEXT = ("message", "content", "text")
_TIME = ("timestamp", "time")
# What a kept line consists of. A name without a colon in it, so that an address is no speaker.
_LINE = re.compile(
    r"(?:(?P<hour>[01]?[0-9]|2[0-3]):(?P<minute>[0-5][0-9])(?::(?P<second>[0-5][0-9]))? )?"
    r"(?:(?P<sender>[^:]{1,48}): )?(?P<text>.*)"
)
_LATEST_AS_SECONDS = 100_000_000_000  # the year 5138; anything later is meant as milliseconds

Entry = str | Mapping[str, object]


def chat_lines(entries: Iterable[Entry]) -> tuple[str, ...]:
    """One line for each entry, oldest first: `12:00:01 Name: text` in UTC. Blanks are skipped."""
    return tuple(line for entry in entries if (line := _line(entry)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """One line of chat, taken apart."""

    text: str
    at: datetime
    sender: str | None = None


def spoken(line: str, *, filed_at: datetime) -> Spoken:
    """Who said a kept line, and when.

    A line has a time and no date: it is of the day before its ticket if it would be later than that. Without
    a time it is as old as its ticket.
    """
    match = _LINE.fullmatch(line)
    if match is None:  # kept before lines could not break
        return Spoken(text=line, at=filed_at)
    return Spoken(text=match["text"], at=_last_time(match, filed_at), sender=match["sender"])


def _last_time(match: re.Match[str], filed_at: datetime) -> datetime:
    if match["hour"] is None:
        return filed_at
    hour, minute, second = (int(match[part] or 0) for part in ("hour", "minute", "second"))
    moment = filed_at.astimezone(UTC).replace(hour=hour, minute=minute, second=second, microsecond=0)
    return moment - timedelta(days=1) if moment > filed_at else moment


def _line(entry: Entry) -> str:
    spoken = _decoded(entry) if isinstance(entry, str) else entry
    text = spoken if isinstance(spoken, str) else _spoken_line(spoken)
    # A line break inside an entry would let a player forge the next line.
    return " ".join(part for part in map(clean, text.splitlines()) if part.strip()).strip()


def _decoded(entry: str) -> Entry:
    """The object a JSON text stands for; any other text is a line already."""
    if not entry.lstrip().startswith("{"):
        return entry
    try:
        decoded = from_json(entry, allow_inf_nan=False)
    except ValueError:
        return entry
    return decoded if isinstance(decoded, dict) else entry


def _spoken_line(spoken: Mapping[str, object]) -> str:
    text = _first(spoken, _TEXT)
    if not isinstance(text, str):
        return json.dumps(spoken, ensure_ascii=False)  # of an unknown shape: better shown than lost
    if given(text) is None:
        return ""
    sender = _first(spoken, _SENDER)
    said = f"{sender}: {text}" if isinstance(sender, str) and given(sender) else text
    return f"{_clock(_first(spoken, _TIME))} {said}".lstrip()


def _first(spoken: Mapping[str, object], names: tuple[str, ...]) -> object:
    return next((spoken[name] for name in names if spoken.get(name) is not None), None)


def _clock(time: object) -> str:
    """`12:00:01` in UTC, from ISO text, a time of day, or seconds or milliseconds; else nothing."""
    if isinstance(time, str) and _CLOCK.fullmatch(time):
        return time
    try:
        return f"{_moment(time):%H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return ""


def _moment(time: object) -> datetime:
    if isinstance(time, str):
        moment = datetime.fromisoformat(time)
        return moment.astimezone(UTC) if moment.tzinfo else moment
    if isinstance(time, int | float):
        return datetime.fromtimestamp(time if time < _LATEST_AS_SECONDS else time / 1000, UTC)
    raise ValueError
