"""How a workspace's rules look in Discord. A pure function; nothing is sent here."""

from collections.abc import Iterable, Sequence

import discord

from bot.tickets.workspace import Category, Department, Workspace
from cogs.core.markdown import escape_markdown

_SECTION_LIMIT = 1900  # characters of a description for each of its two lists


def workspace_embed(workspace: Workspace) -> discord.Embed:
    """Everything about a workspace; of long lists their beginning, and how much is missing."""
    departments = _truncate_lines([_department_line(one) for one in workspace.departments])
    categories = _truncate_lines([_category_line(one, workspace.departments) for one in workspace.categories])
    embed = discord.Embed(
        title=f"Workspace {escape_markdown(workspace.name, 200)}",
        description=f"**Departments**\n{departments}\n\n**Categories**\n{categories or 'None of its own.'}",
        colour=discord.Colour.blurple(),
    )
    for name, value in (
        ("Tickets channel", f"<#{workspace.tickets_channel_id}>"),
        ("Reports channel", f"<#{workspace.reports_channel_id}>"),
        ("Log channel", f"<#{workspace.log_channel_id}>" if workspace.log_channel_id else "none"),
        ("Staff role", f"<@&{workspace.staff_role_id}>"),
        ("Plan", workspace.plan.value),
        ("Tickets", "on" if workspace.tickets_enabled else "off"),
        ("Unknown categories", workspace.unknown_categories.value),
        ("Default department", escape_markdown(workspace.default_department, 200)),
    ):
        embed.add_field(name=name, value=value)
    return embed


def _department_line(department: Department) -> str:
    channel = f"<#{department.channel_id}>" if department.channel_id else "the workspace's channels"
    handles = _first_ids(department.categories) or "any category"
    members = _first_ids(department.members) or "all staff"
    return f"{_id_and_name(department.id, department.name)} · {channel} · {handles} · {members}"


def _category_line(category: Category, departments: Sequence[Department]) -> str:
    handling = [one.id for one in departments if category.id in one.categories]
    most = f"{category.max_open} open per player" if category.max_open else "any number open"
    handled_by = _first_ids(handling) or "default department"
    return f"{_id_and_name(category.id, category.name)} · {handled_by} · {most}"


def _id_and_name(rule_id: str, name: str) -> str:
    shown = escape_markdown(rule_id, 130)
    return f"• {shown}" if name == rule_id else f"• {shown} ({escape_markdown(name, 200)})"


def _first_ids(ids: Sequence[str]) -> str:
    rest = f" and {len(ids) - 5} more" if len(ids) > 5 else ""
    return ", ".join(escape_markdown(one, 130) for one in ids[:5]) + rest


def _truncate_lines(lines: Iterable[str]) -> str:
    kept, room, missing = [], _SECTION_LIMIT, 0
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            missing += 1
        else:
            kept.append(line)
    if missing:
        kept.append(f"… and {missing} more, which `ticketbridge workspace show` shows")
    return "\n".join(kept)
