"""The pictures of the documents, drawn from a running demo: real webhook, real bot, stand-in for Discord."""

import json
import re
from pathlib import Path
from typing import Any

from bot.demo.demo import Demo, run_demo
from bot.tickets.ticket import Ticket
from tests.pictures.drawing import draw
from tests.pictures.way_back import draw_way_back, same_time

FOLDER = Path(__file__).parent.parent.parent / "docs" / "images"
DESCRIPTION = (
    "Two posts in Discord: in #tickets a Minecraft ticket with the buttons Claim, Reply and Close and a "
    "menu, in #reports a view-only Roblox game report without a Reply button"
)


async def pictures() -> dict[Path, str]:
    """Each picture's file and what belongs in it."""
    async with run_demo(webhook_port=0, discord_port=0, database=None) as demo:
        samples = sorted(demo.samples, key=lambda ticket: ticket.view_only)
        posts = [(_channel_of(demo, ticket), _post(demo, ticket)) for ticket in samples]
        way_back = _fix(await draw_way_back(demo, samples[0]), samples[0])
    return {FOLDER / "posts.svg": draw(posts, DESCRIPTION), FOLDER / "way-back.svg": way_back}


def _channel_of(demo: Demo, ticket: Ticket) -> str:
    return next(name for name, number in demo.guild.channels.items() if number == ticket.post.channel_id)


def _post(demo: Demo, ticket: Ticket) -> dict[str, Any]:
    """The ticket's message, with an id that is the same in every run."""
    (message,) = (
        message
        for message in demo.sandbox.messages(ticket.post.channel_id or 0)
        if message["id"] == str(ticket.post.message_id)
    )
    same: dict[str, Any] = json.loads(_fix(json.dumps(message), ticket))
    return same


def _fix(text: str, ticket: Ticket) -> str:
    """The same text in every run: without the ticket's random id and the time that the game took."""
    return same_time(text.replace(ticket.public_id, _fixed(ticket.public_id)))


def _fixed(public_id: str) -> str:
    """Of the same shape, without what is random: TICKET-1795846849-XOCF becomes TICKET-1234567890-ABCD."""
    kind, _, number = public_id.partition("-")
    number = re.sub(r"\d+", lambda digits: "1234567890"[: len(digits[0])], number)
    return f"{kind}-{re.sub('[A-Z]+', lambda letters: 'ABCDEFGH'[: len(letters[0])], number)}"
