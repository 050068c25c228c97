"""A workspace's rules, as tables on a terminal."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import typer

from bot.admin.service import JsonObject
from bot.cli.output import format_time, print_details, print_table


class OnOff(StrEnum):
    """How a yes or no is typed and shown."""

    ON = "on"
    OFF = "off"


def print_workspace(workspace: JsonObject) -> None:
    """Everything there is to know about it."""
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
            ("plan", workspace["plan"]),
            ("tickets", OnOff.ON if workspace["tickets_enabled"] else OnOff.OFF),
            ("unknown categories", workspace["unknown_categories"]),
            ("default department", workspace["default_department"]),
        ]
    )
    typer.echo()
    print_departments(workspace)
    typer.echo()
    print_categories(workspace)


def print_departments(workspace: JsonObject) -> None:
    rows = [
        {
            "department": one["id"],
            "name": one["name"],
            "channel": one["channel_id"] or "the workspace's",
            "categories": one["categories"] or "any",
            "members": one["members"] or "all staff",
        }
        for one in _each(workspace["departments"])
    ]
    print_table(rows, ("department", "name", "channel", "categories", "members"), empty="No departments.")


def print_categories(workspace: JsonObject) -> None:
    departments = list(_each(workspace["departments"]))
    rows = [
        {
            "category": one["id"],
            "name": one["name"],
            "departments": [each["id"] for each in departments if one["id"] in each["categories"]]
            or "the default one",
            "most open": one["max_open"] or "any number",
        }
        for one in _each(workspace["categories"])
    ]
    nothing = "No categories of its own. `ticketbridge workspace category` adds one."
    print_table(rows, ("category", "name", "departments", "most open"), empty=nothing)


def _each(rules: Any) -> Iterable[dict[str, Any]]:
    """Departments or categories, as they came."""
    return rules  # type: ignore[no-any-return]  # JSON that `Administration` made of its own nouns
