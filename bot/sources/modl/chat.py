"""A chat log as readable lines, from the three formats plugins have sent it in. Knows nothing of tickets."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from pydantic_core import from_json

from bot.sources.reading import clean, given

NEWEST = 1000  # lines kept of one log
_CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?")
_SENDER = ("username", "sender", "name", "playerName", "player")
_TEXT = ("message", "content", "text")
_TIME = ("timestamp", "time")
_LATEST_AS_SECONDS = 100_000_000_000  # the year 5138; anything later is meant as milliseconds

Entry = str | Mapping[str, object]


def chat_lines(entries: Iterable[Entry]) -> tuple[str, ...]:
    """One line for each entry, oldest first: `12:00:01 Name: text` in UTC. Blanks are skipped."""
    lines = [line for entry in entries if (line := _line(entry))]
    return tuple(lines[-NEWEST:])


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
