"""Log output: one line of text or one JSON object per event, with its ids as fields.

An event passes its ids as `extra`: the text formatter appends them as ` name=value`, the JSON formatter makes
them fields. What is logged may quote what people sent: no character of it ends a line or moves a cursor.
"""

import logging
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Literal

from pythonjsonlogger.json import JsonFormatter

LogFormat = Literal["text", "json"]

_FIELDS = ("levelname", "name", "message")
_NAMES = {"levelname": "level", "name": "logger", "exc_info": "exception", "stack_info": "stack"}
_LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# Attributes that every record has, or that logging and its formatters add. All others were passed as `extra`.
_RECORD_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class TextFormatter(logging.Formatter):
    """One line of text per event; the lines of a traceback are indented, so that none looks like an event."""

    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None  # the traceback as another handler formatted it
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name
        fields = "".join(f" {name}={value}" for name, value in _extra_fields(record).items())
        return escape_controls(super().formatMessage(record) + fields)

    def formatException(self, ei: ExcInfo) -> str:  # noqa: N802  # logging's name
        lines = super().formatException(ei).split("\n")
        return "\n".join(f"    {escape_controls(line)}" for line in lines)


def _extra_fields(record: logging.LogRecord) -> Mapping[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _RECORD_ATTRIBUTES}


def escape_controls(text: str) -> str:
    """Escape what acts on a terminal or hides (controls, direction overrides, surrogates), as Python does."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


class JsonLogFormatter(JsonFormatter):
    """One JSON object on one line per event: timestamp (UTC), level, logger, message and its extra fields."""

    def __init__(self) -> None:
        first = {"timestamp": None}  # set for each event
        super().__init__(_FIELDS, rename_fields=_NAMES, defaults=first, timestamp=True)


def configure_logging(level: int, log_format: LogFormat) -> None:
    """Log to stderr. Text has colours on a terminal, and is plain in a file or a journal."""
    handler: logging.Handler = logging.StreamHandler()
    if log_format == "json":
        handler.setFormatter(JsonLogFormatter())
    elif sys.stderr.isatty():
        handler = _terminal_handler()
    else:
        handler.setFormatter(TextFormatter(_LINE))
    logging.basicConfig(level=level, handlers=[handler])
    quiet_libraries()


def _terminal_handler() -> logging.Handler:
    """A handler with colours. Rich is imported for it alone: a service starts without."""
    from rich.console import Console
    from rich.logging import RichHandler

    handler = RichHandler(console=Console(stderr=True), show_path=False)
    handler.setFormatter(TextFormatter("%(message)s"))
    return handler


def quiet_libraries() -> None:
    """Log only warnings and errors of libraries, whatever the level of the rest."""
    # At DEBUG aiosqlite logs bound values, which are players' words and key hashes.
    for library in ("discord", "aiohttp", "aiosqlite"):
        logging.getLogger(library).setLevel(logging.WARNING)
    # It warns that voice, which is not used, is not installed.
    logging.getLogger("discord.client").setLevel(logging.ERROR)
