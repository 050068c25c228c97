"""Every interaction is answered within a second, whatever the database does; Discord waits three."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.tickets.ticket import Ticket
from tests.storage.samples import raw
from tests.support.bridge_harness import RunningBridge, reply_text

# The numbers up to ten million, counted by SQLite: some seconds of work for the one connection that reads.
_SLOW = """
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 10000000)
    SELECT count(*) FROM numbers
"""


@contextmanager
def write_locked(database: Path) -> Iterator[sqlite3.Connection]:
    """Somebody else holds the write lock until the block ends."""
    with raw(database) as db:
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
        finally:
            db.execute("ROLLBACK")


@asynccontextmanager
async def reader_busy(town: RunningBridge) -> AsyncIterator[None]:
    """The bridge's reading connection works on something long."""
    reader = town.application.store._reader
    slow = asyncio.create_task(reader.execute_fetchall(_SLOW))
    await asyncio.sleep(0.05)
    try:
        yield
    finally:
        await reader.interrupt()
        await asyncio.wait([slow])
        slow.exception()


def first_answers(town: RunningBridge, since: float) -> list[float]:
    """The seconds after `since` at which interactions were answered first."""
    return [
        request["time"] - since
        for request in town.sandbox.requests
        if request["path"].endswith("/callback") and request["time"] >= since
    ]


Ask = Callable[[RunningBridge, Ticket], Awaitable[dict[str, Any]]]

EVERYTHING: dict[str, Ask] = {
    "claim": lambda town, ticket: town.press("mia", ticket, "Claim"),
    "reply": lambda town, ticket: town.press("mia", ticket, "Reply"),
    "note": lambda town, ticket: town.sandbox.command(
        "mia", "tickets", "ticket note", {"text": "seen before", "ticket": ticket.public_id}
    ),
    "view": lambda town, ticket: town.sandbox.command("mia", "tickets", "ticket view"),
    "open": lambda town, ticket: town.sandbox.command("pete", "general", "ticket open"),
    "tickets": lambda town, ticket: town.sandbox.command("pete", "general", "tickets"),
    "choices of tickets": lambda town, ticket: town.sandbox.autocomplete(
        "mia", "tickets", "ticket view", {"ticket": "T"}, "ticket"
    ),
    "choices of workspaces": lambda town, ticket: town.sandbox.autocomplete(
        "olivia", "tickets", "setup rules", {"workspace": "m"}, "workspace"
    ),
}


async def answered_within_a_second(town: RunningBridge, ticket: Ticket, ask: Ask) -> None:
    """Asks, and looks at the answers while whatever is in the way still is."""
    since = time.monotonic()
    asking = asyncio.create_task(_asked(ask(town, ticket)))
    await asyncio.sleep(1.1)
    answers = first_answers(town, since)
    try:
        assert answers
        assert answers[0] < 1
    finally:
        asking.cancel()


async def _asked(asking: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    return await asking


@pytest.mark.parametrize("ask", EVERYTHING.values(), ids=list(EVERYTHING))
async def test_an_interaction_is_answered_within_a_second_while_the_database_is_locked(
    town: RunningBridge, tmp_path: Path, ask: Ask
) -> None:
    ticket = await town.ticket()

    with write_locked(tmp_path / "ticketbridge.db"):
        await answered_within_a_second(town, ticket, ask)


@pytest.mark.parametrize("ask", EVERYTHING.values(), ids=list(EVERYTHING))
async def test_an_interaction_is_answered_within_a_second_while_the_database_is_busy(
    town: RunningBridge, ask: Ask
) -> None:
    ticket = await town.ticket()

    async with reader_busy(town):
        await answered_within_a_second(town, ticket, ask)


async def test_who_asks_for_a_form_while_the_database_is_busy_is_told_to_try_again(
    town: RunningBridge,
) -> None:
    ticket = await town.ticket()

    async with reader_busy(town):
        record = await town.press("mia", ticket, "Reply")

    assert "I am busy at the moment, so nothing was done." in reply_text(record)
    assert (await town.press("mia", ticket, "Reply"))["modal"]
