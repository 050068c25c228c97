"""Every interaction is answered before the database is: Discord waits three seconds for the first answer."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.tickets.ticket import Ticket
from tests.storage.samples import raw
from tests.support.bridge_harness import RunningBridge, reply_text, wait_for
from tests.support.connections import reader_of

# Never ends by itself; the one connection that reads is busy with it until it is interrupted.
_ENDLESS = """
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers)
    SELECT count(*) FROM numbers
"""


@contextmanager
def write_locked(database: Path) -> Iterator[sqlite3.Connection]:
    """Hold the database's write lock, as another program, until the block ends."""
    with raw(database) as db:
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
        finally:
            db.execute("ROLLBACK")


@asynccontextmanager
async def reader_busy(bridge: RunningBridge) -> AsyncIterator[None]:
    """Keep the bridge's reading connection busy until the block ends."""
    reader = reader_of(bridge.application.store)
    endless = asyncio.create_task(reader.execute_fetchall(_ENDLESS))
    await asyncio.sleep(0)  # the task runs, so its query is before any other in the connection's queue
    try:
        yield
    finally:
        while not endless.done():
            await reader.interrupt()
            await asyncio.wait([endless], timeout=0.05)
        endless.exception()


def first_answers(bridge: RunningBridge, since: float) -> list[float]:
    """The seconds after `since` at which interactions were answered first. For other tests."""
    return [
        request["time"] - since
        for request in bridge.sandbox.requests
        if request["path"].endswith("/callback") and request["time"] >= since
    ]


Ask = Callable[[RunningBridge, Ticket], Awaitable[dict[str, Any]]]

DEFERRED: dict[str, Ask] = {
    "claim": lambda bridge, ticket: bridge.press("mia", ticket, "Claim"),
    "note": lambda bridge, ticket: bridge.sandbox.command(
        "mia", "tickets", "ticket note", {"text": "seen before", "ticket": ticket.public_id}
    ),
    "close": lambda bridge, ticket: bridge.sandbox.command(
        "mia", "tickets", "ticket close", {"ticket": ticket.public_id}
    ),
    "history in the menu": lambda bridge, ticket: bridge.choose("mia", ticket, "history"),
    "view": lambda bridge, ticket: bridge.sandbox.command("mia", "tickets", "ticket view"),
    "tickets": lambda bridge, ticket: bridge.sandbox.command("pete", "general", "tickets"),
    "setup": lambda bridge, ticket: bridge.sandbox.command("olivia", "general", "setup show"),
}
MODALS: dict[str, Ask] = {
    "reply": lambda bridge, ticket: bridge.press("mia", ticket, "Reply"),
    "open": lambda bridge, ticket: bridge.sandbox.command("pete", "general", "ticket open"),
    "reason": lambda bridge, ticket: bridge.press("mia", ticket, "Close"),
    "note in the menu": lambda bridge, ticket: bridge.choose("mia", ticket, "note"),
}
CHOICES: dict[str, Ask] = {
    "choices of tickets": lambda bridge, ticket: bridge.sandbox.autocomplete(
        "mia", "tickets", "ticket view", {"ticket": "T"}, "ticket"
    ),
    "choices of workspaces": lambda bridge, ticket: bridge.sandbox.autocomplete(
        "olivia", "tickets", "setup rules", {"workspace": "m"}, "workspace"
    ),
}
MESSAGE_ANSWER, DEFERRED_ANSWER, CHOICES_ANSWER, MODAL_ANSWER = 4, 5, 8, 9


async def first_answer(bridge: RunningBridge, ticket: Ticket, ask: Ask) -> dict[str, Any]:
    """What an interaction is answered with first. The interaction itself is not waited for."""
    before = len(_answers(bridge))
    asking = asyncio.ensure_future(ask(bridge, ticket))
    try:
        await wait_for(lambda: len(_answers(bridge)) > before, seconds=60)
    finally:
        asking.cancel()
        await asyncio.wait([asking])
    return _answers(bridge)[before]


def _answers(bridge: RunningBridge) -> list[dict[str, Any]]:
    return [one["body"] for one in bridge.sandbox.requests if one["path"].endswith("/callback")]


@pytest.mark.parametrize("name", [*DEFERRED, *MODALS, *CHOICES])
async def test_an_interaction_is_answered_while_the_database_is_locked(
    bridge: RunningBridge, tmp_path: Path, name: str
) -> None:
    ticket = await bridge.ticket()

    with write_locked(tmp_path / "ticketbridge.db"):
        answer = await first_answer(bridge, ticket, (DEFERRED | MODALS | CHOICES)[name])

    expected = DEFERRED_ANSWER if name in DEFERRED else MODAL_ANSWER if name in MODALS else CHOICES_ANSWER
    assert answer["type"] == expected


@pytest.mark.parametrize("name", [*DEFERRED, *MODALS, *CHOICES])
async def test_an_interaction_is_answered_while_the_database_is_busy(
    bridge: RunningBridge, name: str
) -> None:
    ticket = await bridge.ticket()

    async with reader_busy(bridge):  # for ever: no answer waits for it
        answer = await first_answer(bridge, ticket, (DEFERRED | MODALS | CHOICES)[name])

    if name in MODALS:
        assert "I am busy at the moment, so nothing was done." in answer["data"]["content"]
    elif name in CHOICES:
        assert answer == {"type": CHOICES_ANSWER, "data": {"choices": []}}
    else:
        assert answer["type"] == DEFERRED_ANSWER


async def test_a_modal_opens_again_once_the_database_is_no_longer_busy(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()

    async with reader_busy(bridge):
        record = await bridge.press("mia", ticket, "Reply")

    assert "Try again in a few seconds." in reply_text(record)
    assert (await bridge.press("mia", ticket, "Reply"))["modal"]


async def test_a_failed_write_is_reported_to_the_user_by_buttons_and_commands(
    bridge: RunningBridge, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ticket = await bridge.ticket()

    with write_locked(tmp_path / "ticketbridge.db"):
        records = await asyncio.gather(
            bridge.press("mia", ticket, "Claim"),
            bridge.sandbox.command("noah", "tickets", "ticket close", {"ticket": ticket.public_id}),
        )

    for record in records:
        assert "The database did not answer, so this may not be saved." in reply_text(record)
    failures = [one for one in caplog.records if one.name == "cogs.core.interactions"]
    assert {vars(one)["interaction_id"] for one in failures} == {int(record["id"]) for record in records}


async def test_a_bug_in_a_command_is_logged(
    bridge: RunningBridge, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = await bridge.ticket()
    monkeypatch.setattr("cogs.tickets.embeds.EMBED_LIMIT", "six thousand")

    asking = asyncio.ensure_future(
        bridge.sandbox.command("mia", "tickets", "ticket view", {"ticket": ticket.public_id})
    )
    await wait_for(lambda: [one for one in caplog.records if one.message == "Slash command failed"])
    asking.cancel()

    monkeypatch.undo()
    record = await bridge.sandbox.command("mia", "tickets", "ticket view", {"ticket": ticket.public_id})
    assert record["messages"][-1]["embeds"]
