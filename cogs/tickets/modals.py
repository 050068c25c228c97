"""The forms people fill in. Answered by their ids, so that one opened before a restart is not lost."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import discord

from bot.tickets.ticket import Ticket

REPLY_MODAL_ID_PATTERN = re.compile(r"ticket:reply:(?P<id>[0-9]{1,18})")
OPEN_MODAL_ID = "ticket:open"


def reply_modal(ticket: Ticket) -> discord.ui.Modal:
    """One text: what the reporter is to read."""
    modal = discord.ui.Modal(title=f"Reply to {ticket.public_id}"[:45], custom_id=f"ticket:reply:{ticket.id}")
    text: discord.ui.TextInput[discord.ui.Modal] = discord.ui.TextInput(
        custom_id="text",
        style=discord.TextStyle.paragraph,
        max_length=4000,
        placeholder="The reporter will read this.",
    )
    modal.add_item(discord.ui.Label(text="Your reply", component=text))
    return modal


def open_modal(categories: Sequence[tuple[str, str]]) -> discord.ui.Modal:
    """Category, subject, what happened. `categories` are at most 25 ids and labels."""
    modal = discord.ui.Modal(title="Open a ticket", custom_id=OPEN_MODAL_ID)
    category: discord.ui.Select[discord.ui.Modal] = discord.ui.Select(
        custom_id="category",
        options=[discord.SelectOption(label=label, value=name) for name, label in categories],
    )
    subject: discord.ui.TextInput[discord.ui.Modal] = discord.ui.TextInput(
        custom_id="subject", max_length=100
    )
    body: discord.ui.TextInput[discord.ui.Modal] = discord.ui.TextInput(
        custom_id="body", style=discord.TextStyle.paragraph, max_length=4000
    )
    modal.add_item(discord.ui.Label(text="Category", component=category))
    modal.add_item(discord.ui.Label(text="Subject", component=subject))
    modal.add_item(discord.ui.Label(text="What happened?", component=body))
    return modal


def modal_custom_id(interaction: discord.Interaction) -> str | None:
    """The id of the form that was filled in; None if the interaction is anything else."""
    if interaction.type is not discord.InteractionType.modal_submit:
        return None
    data: Any = interaction.data or {}
    return str(data.get("custom_id", ""))


def modal_values(interaction: discord.Interaction) -> dict[str, str]:
    """What was filled in, by the inputs' ids; of a select, its first value."""
    data: Any = interaction.data or {}
    return dict(_input_values(data.get("components", [])))


def _input_values(components: list[Any]) -> Iterator[tuple[str, str]]:
    for component in components:
        if "value" in component:
            yield component["custom_id"], component["value"]
        elif component.get("values"):
            yield component["custom_id"], component["values"][0]
        yield from _input_values(component.get("components", []))
        if "component" in component:
            yield from _input_values([component["component"]])
