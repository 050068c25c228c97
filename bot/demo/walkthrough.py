"""The demo on a terminal: posts as Discord shows them, a reply that is saved, and one that is refused."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bot.demo.demo import POST_TIMEOUT, Demo
from bot.tickets.message import MessageKind
from bot.tickets.outbox import Destination
from bot.tickets.ticket import Ticket

_ESCAPED = re.compile(r"\\([^\w\s])")
_EMPHASIS = re.compile(r"(?<!\\)[*`]{1,2}")


class WalkthroughFailed(Exception):
    """The demo did something else than it shows. The message says what."""


def show_ready(console: Console, demo: Demo) -> None:
    """Print addresses, requests to paste, and `ready`."""
    rows = Table.grid(padding=(0, 2))
    for name, value in (
        ("webhook", demo.application.webhook_address),
        ("stand-in for Discord", f"{demo.sandbox.address}/sandbox  lists what you can do there"),
        ("its API", f"{demo.application.webhook_address}/docs"),
        ("database", str(demo.database)),
    ):
        rows.add_row(name, value)
    console.print(rows)
    console.print("\nSend more, from another terminal:\n", style="bold")
    for command in demo.curl_commands():
        console.print(command + "\n", soft_wrap=True, highlight=False, markup=False)
    console.print("ready", style="bold green")


def show_posts(console: Console, demo: Demo) -> None:
    """Print each sample as Discord shows it."""
    for ticket in demo.samples:
        channel = "reports" if ticket.view_only else "tickets"
        console.print(f"#{channel}", style="bold")
        console.print(render_message(_post_of(demo, ticket)))


async def run_walkthrough(console: Console, demo: Demo) -> None:
    """Reply to every sample: saved for a normal ticket, refused for a game report in each way there is.

    Raises WalkthroughFailed if anything else happens.
    """
    for ticket in demo.samples:
        lines = reply_is_refused(demo, ticket) if ticket.view_only else reply_is_saved(demo, ticket)
        async for line in lines:
            console.print(line)


async def reply_is_saved(demo: Demo, ticket: Ticket) -> AsyncIterator[RenderableType]:
    yield Text(f"\n{ticket.public_id}: mia presses Reply and writes an answer", style="bold")
    pressed = await demo.sandbox.press("mia", ticket.post.message_id or 0, _button(demo, ticket, "Reply"))
    submitted = await demo.sandbox.modal("mia", pressed["id"], {"text": "Thank you, we are looking at it."})
    yield Text(f"  the bot to mia: {reply_text(submitted)}")
    replies = await demo.application.store.list_messages(ticket.id, [MessageKind.REPLY])
    waiting = await demo.application.store.pending_for_ticket(ticket.id, Destination.GAME)
    if [reply.text for reply in replies] != ["Thank you, we are looking at it."] or len(waiting) != 1:
        raise WalkthroughFailed(f"the reply to {ticket.public_id} was not saved")
    yield Text(
        f"  saved in the database: “{replies[0].text}”; it waits in the outbox for the game", style="green"
    )


async def reply_is_refused(demo: Demo, ticket: Ticket) -> AsyncIterator[RenderableType]:
    yield Text(f"\n{ticket.public_id} is a game report: mia tries to reply to it", style="bold")
    labels = _labels(_post_of(demo, ticket))
    if "Reply" in labels:
        raise WalkthroughFailed("a game report has a Reply button")
    yield Text(f"  its buttons: {', '.join(labels)}; none is Reply")
    post = ticket.post.message_id or 0
    forged = await demo.sandbox.press("mia", post, f"ticket:reply:{ticket.id}", forge=True)
    yield expect_refusal("a forged Reply button", forged)
    command = await demo.sandbox.command(
        "mia", "reports", "ticket reply", {"ticket": ticket.public_id, "message": "We banned them."}
    )
    yield expect_refusal("/ticket reply", command)
    yield await _typed_reply_removed(demo, post)
    if await demo.application.store.list_messages(ticket.id, [MessageKind.REPLY]):
        raise WalkthroughFailed("a reply to a game report was saved")
    yield Text("  saved in the database: no reply", style="green")


async def _typed_reply_removed(demo: Demo, post: int) -> RenderableType:
    typed = demo.sandbox.say("mia", "reports", "We banned them.", reply_to=post)
    for _ in range(int(POST_TIMEOUT / 0.05)):
        messages = demo.sandbox.messages("reports")
        notice = messages[-1]["content"]
        if "view-only" in notice and not any(message["id"] == typed["id"] for message in messages):
            return Text(f"  typed as a Discord reply: {notice}")
        await asyncio.sleep(0.05)
    raise WalkthroughFailed("a message typed under a game report was left there")


def expect_refusal(attempt: str, record: dict[str, Any]) -> RenderableType:
    text = reply_text(record)
    if record.get("modal") or "view-only" not in text:
        raise WalkthroughFailed(f"{attempt} was not refused: {text or record}")
    return Text(f"  {attempt}: {text}")


def reply_text(record: dict[str, Any]) -> str:
    return " ".join(message["content"] for message in record["messages"])


def _post_of(demo: Demo, ticket: Ticket) -> dict[str, Any]:
    for message in demo.sandbox.messages(ticket.post.channel_id or 0):
        if message["id"] == str(ticket.post.message_id):
            return message
    raise WalkthroughFailed(f"{ticket.public_id} is not posted in Discord")


def _buttons(message: dict[str, Any]) -> list[dict[str, Any]]:
    return [button for row in message["components"] for button in row["components"]]


def _labels(message: dict[str, Any]) -> list[str]:
    return [button["label"] for button in _buttons(message)]


def _button(demo: Demo, ticket: Ticket, label: str) -> str:
    for button in _buttons(_post_of(demo, ticket)):
        if button["label"] == label:
            return str(button["custom_id"])
    raise WalkthroughFailed(f"{ticket.public_id} has no {label} button")


def render_message(message: dict[str, Any]) -> RenderableType:
    """Render a Discord message for a terminal: its embed as a box, its buttons below."""
    (embed,) = message["embeds"]
    fields = Table.grid(padding=(0, 3))
    for field in embed.get("fields", []):
        fields.add_row(Text(field["name"], style="dim"), strip_markdown(field["value"]))
    author = embed.get("author", {})
    profile = f"  {author['url']}" if author.get("url") else ""
    lines: list[RenderableType] = [Text(f"{author.get('name', '')}{profile}", style="dim")]
    lines += [strip_markdown(embed.get("description", "")), Text(), fields]
    if "thread" in message:
        lines.append(Text(f"\nthread: {message['thread']['name']}", style="dim"))
    return Group(
        Panel(
            Group(*lines),
            title=strip_markdown(embed["title"]),
            subtitle=strip_markdown(embed["footer"]["text"]),
            border_style=f"#{embed['color']:06x}",
            title_align="left",
            subtitle_align="left",
        ),
        Columns([Text(f"[ {label} ]", style="reverse") for label in _labels(message)]),
    )


def strip_markdown(markdown: str) -> Text:
    """The text as a reader of the Markdown sees it."""
    return Text(_ESCAPED.sub(r"\1", _EMPHASIS.sub("", markdown)).replace("\u200b", ""))
