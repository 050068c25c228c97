"""Tables and texts on a terminal. Whatever they show, it is shown: no control character of it is obeyed."""

from collections.abc import Iterable, Sequence

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.admin.service import JsonObject


def escape_controls(text: str) -> str:
    """As it is, but for what would act on a terminal or hide: controls, direction overrides, surrogates."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def escape_body(body: bytes) -> str:
    """The same of bytes from outside; line breaks and tabs stay, and what is not UTF-8 shows as \\xNN."""
    text = body.decode("utf-8", "backslashreplace")
    return "".join(one if one in "\n\t" else escape_controls(one) for one in text)


def format_time(timestamp: object) -> str:
    """An ISO 8601 time to the minute, without what is the same for all: UTC."""
    return str(timestamp)[:16].replace("T", " ") if timestamp else ""


def print_table(records: Iterable[JsonObject], columns: Sequence[str], *, empty: str) -> None:
    """One row each; times end in `_at`. Without any record, the sentence `nothing`."""
    rows = [[_cell(record, column) for column in columns] for record in records]
    if not rows:
        typer.echo(empty)
        return
    table = Table(*map(_heading, columns), box=None)
    for row in rows:
        table.add_row(*row)
    _print(table)


def print_details(lines: Sequence[tuple[str, object]]) -> None:
    """What is known of one thing: a name and a value on each line."""
    table = Table.grid(padding=(0, 2))
    for name, value in lines:
        table.add_row(Text(name, style="bold"), Text(escape_controls(str(value))))
    _print(table)


def _cell(record: JsonObject, column: str) -> Text:
    value = record[column]
    if column.endswith("_at"):
        return Text(format_time(value))
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    return Text(escape_controls("" if value is None else str(value)))


def _heading(column: str) -> str:
    if column.endswith("_at"):
        return f"{column.removesuffix('_at').replace('_', ' ')} (UTC)"
    return column.removesuffix("_id").replace("_", " ")


def _print(table: Table) -> None:
    console = Console()
    console.width = max(console.width, 200) if not console.is_terminal else console.width
    console.print(table)
