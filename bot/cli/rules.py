"""A workspace's rules, as tables on a terminal."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import typer

from bot.admin.service import Record
from bot.cli.output import moment, show, show_one


class Switch(StrEnum):
    """How a yes or no is typed and shown."""

    ON = "on"
    OFF = "off"


def show_rules(workspace: Record) -> None:
    """Everything there is to know about it."""
    show_one(
        [
            ("workspace", workspace["name"]),
            ("id", workspace["id"]),
            ("created (UTC)", moment(workspace["created_at"])),
            ("guild", workspace["guild_id"]),
            ("tickets channel", workspace["tickets_channel_id"]),
            ("reports channel", workspace["reports_channel_id"]),
            ("log channel", workspace["log_channel_id"] or "none"),
            ("staff role", workspace["staff_role_id"]),
            ("plan", workspace["plan"]),
            ("tickets", Switch.ON if workspace["tickets_enabled"] else Switch.OFF),
            ("unknown categories", workspace["unknown_categories"]),
            ("default department", workspace["default_department"]),
        ]
    )
    typer.echo()
    show_departments(workspace)
    typer.echo()
    show_categories(workspace)


def show_departments(workspace: Record) -> None:
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
    show(rows, ("department", "name", "channel", "categories", "members"), nothing="No departments.")


def show_categories(workspace: Record) -> None:
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
    show(rows, ("category", "name", "departments", "most open"), nothing=nothing)


def _each(rules: Any) -> Iterable[dict[str, Any]]:
    """Departments or categories, as they came."""
    return rules  # type: ignore[no-any-return]  # JSON that `Administration` made of its own nouns
