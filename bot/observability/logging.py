"""What log lines look like: one for each event, for people or for programs. Knows no event.

What is logged may quote what somebody sent: no character of it ends a line or moves a cursor. An id stands
behind its noun in a message, as in "Delivery %d of ticket %d", and for programs is the field of that name.
"""

import logging
import re
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Literal

from pythonjsonlogger.json import JsonFormatter
from rich.console import Console
from rich.logging import RichHandler

LogFormat = Literal["text", "json"]

_FIELDS = ("levelname", "name", "message")
_NAMES = {"levelname": "level", "name": "logger", "exc_info": "exception", "stack_info": "stack"}
_NOUNS = (
    *("ticket", "delivery", "attempt", "channel", "thread", "place", "message"),
    *("workspace", "interaction", "key"),
)
_SAID = re.compile(r"(?:\b(?P<noun>[A-Za-z]+) )?%(?P<what>%|[-+ #.\d]*[a-zA-Z])")
_LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class TextFormatter(logging.Formatter):
    """A line of text for each event; a traceback follows it, set off so that none of it looks like a line."""

    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None  # another handler's traceback, kept for all
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name
        return escape_controls(super().formatMessage(record))

    def formatException(self, ei: ExcInfo) -> str:  # noqa: N802  # logging's name
        lines = super().formatException(ei).split("\n")
        return "\n".join(f"    {escape_controls(line)}" for line in lines)


def escape_controls(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


class JsonLogFormatter(JsonFormatter):
    """A JSON object on one line for each event: when (UTC), how bad, who says it, what, and its ids."""

    def __init__(self) -> None:
        first = {"timestamp": None}  # set for each event
        super().__init__(_FIELDS, rename_fields=_NAMES, defaults=first, timestamp=True)

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        super().add_fields(log_data, record, message_dict)
        for noun, value in _ids(record):
            log_data.setdefault(noun, value)


def _ids(record: logging.LogRecord) -> Iterator[tuple[str, object]]:
    values = iter(record.args) if isinstance(record.args, tuple) else iter(())
    for said in _SAID.finditer(str(record.msg)):
        if said["what"] != "%":
            value, noun = next(values, None), (said["noun"] or "").lower()
            if noun in _NOUNS:
                yield noun, value


def configure_logging(level: int, log_format: LogFormat) -> None:
    """From now on. Text has colours where a person looks on, and is plain in a file or a journal."""
    console = Console(stderr=True)
    handler: logging.Handler = logging.StreamHandler()
    if log_format == "json":
        handler.setFormatter(JsonLogFormatter())
    elif console.is_terminal:
        handler = RichHandler(console=console, show_path=False)
        handler.setFormatter(TextFormatter("%(message)s"))
    else:
        handler.setFormatter(TextFormatter(_LINE))
    logging.basicConfig(level=level, handlers=[handler])
    quiet_libraries()


def quiet_libraries() -> None:
    """What libraries tell at every step goes nowhere, at whatever level the rest is shown."""
    # aiosqlite would log bound values at DEBUG, and those are players' words and key hashes.
    for library in ("discord", "aiohttp", "aiosqlite"):
        logging.getLogger(library).setLevel(logging.WARNING)
    # It warns that it cannot do voice, which is not used.
    logging.getLogger("discord.client").setLevel(logging.ERROR)
