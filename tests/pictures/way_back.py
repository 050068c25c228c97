"""The picture of a ticket's way from a game to Discord, and of the answer's way back, from a running demo."""

import json
import re
from collections.abc import Sequence
from typing import Any

import aiohttp

from bot.demo.demo import Demo, ask_for_events, examples, reply_is_read, reply_text, wait_until_posted
from bot.sources.contract import Source
from bot.tickets.ticket import Ticket
from tests.pictures.drawing import PANEL_WIDTH, Arrow, Panel, code_panel, draw_panels, message_panel

DESCRIPTION = (
    "A game server POSTs a ticket, and it is posted in Discord. A moderator's reply is fetched by the game "
    "server and sent to the player in a direct message with a Reply button. The ticket's thread shows that "
    "the game has read the reply, and what the player answers"
)
PLAYER = "pete"
ANSWER = "On survival-1, by the castle."

_GAP, _BETWEEN = 150, 20  # room for the arrows, and between the panels of one side
_HEADING = 24  # of a panel: where an arrow points to
_TIME = re.compile(r"within a second|\d+ s later")
_LIST = re.compile(r"\[[^\[\]]*\]")
_SHOWN_PARTS = ("type", "ticketId", "reply")  # of an event


async def draw_way_back(demo: Demo, ticket: Ticket) -> str:
    """An SVG of all that happens to a sample ticket. What is random or a matter of time is as in the demo."""
    source, endpoint = next(one for one in examples() if one[0].name == ticket.source)
    await _link(demo, ticket, source)
    async for _ in reply_is_read(demo, ticket):
        pass
    message = await _answer(demo)
    posted = await wait_until_posted(demo.application, ticket)
    (event,) = (await ask_for_events(demo, ticket.source, 0))["events"]
    return draw_conversation(
        request=(endpoint.path, endpoint.example or {}),
        post=_message(demo, ticket.post.channel_id or 0, posted.post.message_id or 0),
        thread=[one for one in demo.sandbox.messages(posted.post.thread_id or 0) if one["embeds"]],
        event={name: event[name] for name in _SHOWN_PARTS},
        message=message,
    )


def draw_conversation(
    *,
    request: tuple[str, Any],
    post: dict[str, Any],
    thread: Sequence[dict[str, Any]],
    event: dict[str, Any],
    message: dict[str, Any],
) -> str:
    """What a game server sends and gets and the player reads, beside what staff see, with arrows between."""
    path, example = request
    filed = code_panel("game server", [f"POST {path}", *_lines(example)], mark="⛏")
    fetched = code_panel("game server", ["GET /v1/events", *_lines(event)], mark="⛏")
    told = message_panel(f"{PLAYER}, the player", [message], mark="@")
    posted = message_panel("tickets", [{name: value for name, value in post.items() if name != "thread"}])
    answered = message_panel("thread of the ticket", thread)
    _stack([filed, fetched, told], left=0)
    _stack([posted, answered], left=PANEL_WIDTH + _GAP)
    arrows = [
        _arrow(filed, posted, "ticket"),
        _arrow(answered, fetched, "reply"),
        _arrow(answered, told, "reply"),
        _arrow(told, answered, "answer", y=_lower_end(told, answered) - 2 * _HEADING),
    ]
    return draw_panels([filed, fetched, told, posted, answered], arrows, DESCRIPTION)


def same_time(shown: str) -> str:
    """The picture of a fast machine: how long the game took to read is not the same in each run."""
    return _TIME.sub("within a second", shown)


async def _link(demo: Demo, ticket: Ticket, source: Source) -> None:
    """Link the reporter's game account to a member, as they do it: a code from Discord, typed in the game."""
    answered = await demo.sandbox.command(PLAYER, "general", "link", {})
    code = re.search(r"\*\*([A-Z0-9-]+)\*\*", reply_text(answered))
    body = {"code": code and code[1], "playerId": ticket.reporter.id, "playerName": ticket.reporter.name}
    headers = {source.key_headers[0]: demo.keys[source.name]}
    async with (
        aiohttp.ClientSession(demo.application.webhook_address) as session,
        session.post("/v1/links", json=body, headers=headers) as response,
    ):
        response.raise_for_status()


async def _answer(demo: Demo) -> dict[str, Any]:
    """Answer with the button under the direct message; returns the message."""
    message: dict[str, Any] = demo.sandbox.messages(f"@{PLAYER}")[-1]
    (button,) = (one for row in message["components"] for one in row["components"] if one["label"] == "Reply")
    pressed = await demo.sandbox.press(PLAYER, message["id"], button["custom_id"])
    await demo.sandbox.modal(PLAYER, pressed["id"], {"text": ANSWER})
    return message


def _message(demo: Demo, channel: int, message: int) -> dict[str, Any]:
    (found,) = (one for one in demo.sandbox.messages(channel) if one["id"] == str(message))
    return dict(found)


def _lines(value: Any) -> list[str]:
    """A JSON object with one part to a line, and lists on one."""
    lines = json.dumps(value, indent=2, ensure_ascii=False)
    return _LIST.sub(lambda found: json.dumps(json.loads(found[0]), ensure_ascii=False), lines).splitlines()


def _lower_end(*panels: Panel) -> float:
    """Down to where all of them reach."""
    return min(panel.top + panel.height for panel in panels)


def _stack(panels: Sequence[Panel], *, left: float) -> None:
    """Place panels below each other."""
    top = 0.0
    for panel in panels:
        panel.left, panel.top = left, top
        top += panel.height + _BETWEEN


def _arrow(start: Panel, end: Panel, words: str, *, y: float | None = None) -> Arrow:
    """From the side of one panel to the side of the other that faces it; at first where both have begun."""
    margin = 12
    y = max(start.top, end.top) + _HEADING if y is None else y
    if start.left < end.left:
        return Arrow(x=start.left + PANEL_WIDTH + margin, to_x=end.left - margin, y=y, words=words)
    return Arrow(x=start.left - margin, to_x=end.left + PANEL_WIDTH + margin, y=y, words=words)
