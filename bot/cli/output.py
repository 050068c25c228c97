"""Print tables, details and workspaces on a terminal, with every control character escaped."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.admin.service import JsonObject
from bot.observability.logging import escape_controls
from bot.tickets.workspace import UnknownCategoryPolicy


class OnOff(StrEnum):
    """How a yes or no is typed and shown."""

    ON = "on"
    OFF = "off"


def escape_body(body: bytes) -> str:
    """Escape a request's body; line breaks and tabs stay, and bytes that are not UTF-8 show as \\xNN."""
    text = body.decode("utf-8", "backslashreplace")
    return "".join(one if one in "\n\t" else escape_controls(one) for one in text)


def format_time(timestamp: object) -> str:
    """Format an ISO 8601 time to the minute, without its zone: all are UTC."""
    return str(timestamp)[:16].replace("T", " ") if timestamp else ""


def pluralize(count: int, noun: str) -> str:
    """`1 ticket`, `2 tickets`, `1,000 tickets`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def print_table(records: Iterable[JsonObject], columns: Sequence[str], *, empty: str) -> None:
    """Print a row for each record; columns that end in `_at` are times. Without records, print `empty`."""
    rows = [[_cell(record, column) for column in columns] for record in records]
    if not rows:
        typer.echo(empty)
        return
    table = Table(*map(_heading, columns), box=None)
    for row in rows:
        table.add_row(*row)
    _print(table)


def print_details(lines: Sequence[tuple[str, object]]) -> None:
    """Print a name and a value on each line."""
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


def print_workspace(workspace: JsonObject) -> None:
    """Print a workspace's channels and rules, its departments and its categories."""
    print_details(
        [
            ("workspace", workspace["name"]),
            ("id", workspace["id"]),
            ("created (UTC)", format_time(workspace["created_at"])),
            ("guild", workspace["guild_id"]),
            ("tickets channel", workspace["tickets_channel_id"]),
            ("reports channel", workspace["reports_channel_id"]),
            ("log channel", workspace["log_channel_id"] or "none"),
            ("staff role", workspace["staff_role_id"]),
            ("watcher role", workspace["watcher_role_id"] or "none"),
            ("admin role", workspace["admin_role_id"] or "none"),
            ("plan", workspace["plan"]),
            ("tickets", OnOff.ON if workspace["tickets_enabled"] else OnOff.OFF),
            ("unknown categories", workspace["unknown_categories"]),
            ("thank reporters", OnOff.ON if workspace["thank_reporters"] else OnOff.OFF),
            ("name staff", OnOff.ON if workspace["name_staff"] else OnOff.OFF),
            ("default department", workspace["default_department"]),
            ("retention", _retention(workspace["retention_days"])),
            ("tags", ", ".join(_tags(workspace["tags"])) or "none"),
        ]
    )
    typer.echo()
    print_departments(workspace)
    typer.echo()
    print_categories(workspace)


def _retention(days: object) -> str:
    return "none" if days is None else f"{days} days"


def print_departments(workspace: JsonObject) -> None:
    rows = [
        {
            "department": department["id"],
            "name": department["name"],
            "channel": department["channel_id"] or "the workspace's",
            "categories": department["categories"] or "any",
            "members": department["members"] or "all staff",
            "staff role": department["staff_role_id"] or "none",
        }
        for department in _records(workspace["departments"])
    ]
    columns = ("department", "name", "channel", "categories", "members", "staff role")
    print_table(rows, columns, empty="No departments.")


def print_categories(workspace: JsonObject) -> None:
    departments = _records(workspace["departments"])
    rows = [
        {
            "category": category["id"],
            "name": category["name"],
            "departments": [one["id"] for one in departments if category["id"] in one["categories"]]
            or "the default one",
            "most open": category["max_open"] or "any number",
        }
        for category in _records(workspace["categories"])
    ]
    empty = "No categories of its own. `ticketbridge workspace category` adds one."
    print_table(rows, ("category", "name", "departments", "most open"), empty=empty)
    if rows and workspace["unknown_categories"] == UnknownCategoryPolicy.REFUSE:
        typer.echo(
            "A game's ticket of any other category is refused, unless its API has a fixed list of them."
        )


def _records(value: Any) -> list[dict[str, Any]]:
    return value  # type: ignore[no-any-return]  # JSON that AdminService made of a workspace


def _tags(value: Any) -> list[str]:
    return list(value)
