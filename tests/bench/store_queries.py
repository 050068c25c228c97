"""Times the store's queries that people and game servers cause.

`python -m tests.bench.store_queries DATABASE COUNT` prints the median seconds of each as JSON.
A query about one ticket or player is about another one each time.
"""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.tickets.message import Actor
from bot.tickets.queries import Scope, TicketQuery
from bot.tickets.ticket import Priority, Status
from storage import Store, open_store
from tests.bench.process import rows
from tests.bench.seed_database import MODELS, STAFF, TAGS, WORDS, players

NOTHING = "search: a word of no ticket"
THREES = "search: a word of no ticket, its parts in many"
FILTERED = "search: a word, with a status of no ticket"
ELSEWHERE = "search: a name of every ticket of the other game"
EMPTY_QUERIES = (NOTHING, THREES, FILTERED, ELSEWHERE)  # queries that find nothing
_REPORTS = ("player", "chat", "cheating", "behavior", "name", "other")  # some of Minecraft's categories
_LOOKS_ENOUGH = 2.0  # seconds for one query; slow ones are run less often
Question = Callable[[int], Awaitable[object]]  # run for the nth time


def queries(store: Store, scope: Scope, tickets: int) -> dict[str, Question]:
    """The queries by their titles; `scope` is the tickets of Roblox."""
    now, here = datetime.now(UTC), [scope.workspace_id]
    every_second, one_in_twenty, one_in_hundred = WORDS
    open_ones = (Status.OPEN, Status.IN_PROGRESS)
    minecraft = Scope(workspace_id=scope.workspace_id, source="modl")

    def search(**conditions: Any) -> Awaitable[object]:
        return store.tickets.search(scope, TicketQuery(limit=25, **conditions))

    def player(number: int) -> str:
        return f"player-{number * 7918 % players(tickets) | 1}"

    def name(number: int) -> str:
        return f"TICKET-{MODELS + number * 104_730 % (tickets - MODELS) | 1:09d}"

    return {
        "list: the newest 25": lambda n: search(),
        "list: page 40": lambda n: search(offset=39 * 25),
        "lookup: a ticket by its id": lambda n: store.tickets.list_details(scope, [name(n)]),
        "record: a player's newest 25": lambda n: search(reporter_id=player(n)),
        "queue: the newest 25 that are open": lambda n: search(statuses=open_ones),
        "outbox: what leaves next, 500 waiting": lambda n: store.outbox.due((), now),
        "autocomplete: three letters": lambda n: store.tickets.autocomplete(every_second[:3], here),
        "autocomplete: a number": lambda n: store.tickets.autocomplete(str(n), here),
        "search: a word of every second ticket": lambda n: search(text=every_second),
        "search: a word of one in twenty": lambda n: search(text=one_in_twenty),
        "search: a word of one in a hundred": lambda n: search(text=one_in_hundred),
        "search: a word, open, of one player": lambda n: search(
            text=every_second, statuses=open_ones, reporter_id=player(n)
        ),
        NOTHING: lambda n: search(text=f"nobody{n}"),
        THREES: lambda n: search(text=f"{one_in_hundred} {every_second}"),
        FILTERED: lambda n: search(text=every_second, statuses=[Status.RESOLVED]),
        ELSEWHERE: lambda n: search(text="notch"),
        "search: two letters": lambda n: search(text=every_second[:2]),
        "search: a number": lambda n: search(text=str(tickets // 2 + 2 * n)[:-1]),
        "list: page 5 of the open ones": lambda n: search(statuses=open_ones, offset=4 * 25),
        "list: Minecraft's reports, open": lambda n: store.tickets.search(
            minecraft, TicketQuery(limit=25, statuses=[Status.OPEN], categories=_REPORTS)
        ),
        "desk: unclaimed, open": lambda n: search(statuses=open_ones, unclaimed=True),
        "desk: claimed by one of staff": lambda n: search(
            assignee=Actor(id=f"staff-{n % STAFF}", name="Alice")
        ),
        "desk: urgent, open": lambda n: search(statuses=open_ones, priorities=[Priority.URGENT]),
        "desk: one tag": lambda n: search(tags=[f"tag-{n % TAGS}"]),
        "desk: open for three days": lambda n: search(
            statuses=open_ones, created_before=now - timedelta(days=3)
        ),
        "desk: all of it at once": lambda n: search(
            statuses=open_ones,
            unclaimed=True,
            priorities=[Priority.URGENT],
            tags=[f"tag-{tag}" for tag in range(TAGS)],
            created_before=now - timedelta(days=3),
        ),
        "record: the reports on a player": lambda n: store.tickets.search(
            minecraft, TicketQuery(limit=25, reported_id=f"accused-{n * 7918 % players(tickets)}")
        ),
    }


async def measure_queries(database: Path, count: int) -> dict[str, float]:
    """The median seconds of each query."""
    store = await open_store(database)
    try:
        (workspace,) = await store.workspaces.list_all()
        scope = Scope(workspace_id=workspace.id, source="series")
        every = queries(store, scope, rows(database))
        return {name: await _median(query, count) for name, query in every.items()}
    finally:
        await store.close()


async def _median(query: Question, count: int) -> float:
    times: list[float] = []
    await query(0)
    while len(times) < count and (len(times) < 3 or sum(times) < _LOOKS_ENOUGH):
        started_at = time.perf_counter()
        await query(len(times) + 1)
        times.append(time.perf_counter() - started_at)
    return statistics.median(times)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure_queries(Path(sys.argv[1]), int(sys.argv[2])))))
