"""The feed of events for game servers, over HTTP."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bot.tickets.message import Actor
from bot.tickets.ticket import Status, Ticket
from bot.webhook import IdempotencyPolicy
from storage import Store
from tests.webhook.conftest import NOW, Gate, Reply, standing

MIA = Actor(id="7", name="Mia")


async def get(gate: Gate, query: str = "", source: str = "south", **more: Any) -> Reply:
    return await gate.send(f"/v1/events{query}", None, method="GET", key=gate.keys[source], **more)


async def new_ticket(gate: Gate, source: str = "south") -> Ticket:
    await gate.send(f"/{source}/tickets")
    return (await gate.kept())[0]


async def reply(gate: Gate, ticket: Ticket, text: str) -> None:
    await gate.store.tickets.add_message(ticket.id, lambda one: one.reply(MIA, text), origin=text, now=NOW)


async def resolve(gate: Gate, ticket: Ticket) -> None:
    await gate.store.tickets.change(ticket.id, lambda one: one.set_status(Status.RESOLVED), NOW, actor=MIA)


def texts(got: Reply) -> list[str]:
    events: Any = got.json["events"]
    return [one["reply"]["text"] for one in events]


async def test_an_event_says_what_was_replied_to_whom(gate: Gate) -> None:
    ticket = await new_ticket(gate)
    await reply(gate, ticket, "We are on it.")

    got = await get(gate)

    assert got.status == 200
    assert got.headers["cache-control"] == "no-store"
    assert got.json == {
        "events": [
            {
                "seq": 1,
                "id": f"evt_{ticket.uid}_1",
                "type": "ticket.reply",
                "createdAt": "2026-05-01T12:00:00.000Z",
                "ticketId": ticket.public_id,
                "reporterId": None,
                "gameReport": False,
                "status": "open",
                "reply": {"author": "Mia", "text": "We are on it."},
            }
        ],
        "next": 1,
        "hasMore": False,
    }


async def test_a_game_report_shows_its_status_and_no_words(gate: Gate) -> None:
    report = await new_ticket(gate, "north")
    await resolve(gate, report)

    got: Any = (await get(gate, source="north")).json

    (event,) = got["events"]
    assert (event["type"], event["status"], event["gameReport"], event["reply"]) == (
        "ticket.status",
        "resolved",
        True,
        None,
    )


async def test_next_goes_on_where_a_page_ended(gate: Gate) -> None:
    ticket = await new_ticket(gate)
    for text in "abc":
        await reply(gate, ticket, text)

    first = await get(gate, "?limit=2")
    second = await get(gate, f"?limit=2&after={first.json['next']}")
    last = await get(gate, f"?after={second.json['next']}")

    assert (texts(first), first.json["hasMore"]) == (["a", "b"], True)
    assert (texts(second), second.json["hasMore"]) == (["c"], False)
    assert last.json == {"events": [], "next": 3, "hasMore": False}


async def test_to_ask_for_the_next_events_confirms_those_before(gate: Gate) -> None:
    ticket = await new_ticket(gate)
    for text in "ab":
        await reply(gate, ticket, text)

    await get(gate)
    asked = [one.received_at for one in await gate.store.events.list_of_ticket(ticket.id)]
    await get(gate, "?after=1")

    confirmed = [
        (one.received_at, one.received_by) for one in await gate.store.events.list_of_ticket(ticket.id)
    ]
    assert asked == [None, None]
    assert confirmed == [(NOW, f"key {gate.prefixes['south']}"), (None, None)]


async def test_a_head_request_confirms_nothing_and_is_no_ask(gate: Gate) -> None:
    ticket = await new_ticket(gate)
    await reply(gate, ticket, "a")

    got = await gate.send("/v1/events?after=1", None, method="HEAD", key=gate.keys["south"])

    assert got.status == 200
    (event,) = await gate.store.events.list_of_ticket(ticket.id)
    assert event.received_at is None
    assert await gate.store.events.backlogs(NOW) == []


async def test_a_request_waits_for_the_next_event(gate: Gate) -> None:
    ticket = await new_ticket(gate)
    waiting = asyncio.create_task(get(gate, "?wait=25"))
    other = asyncio.create_task(get(gate, "?wait=25&limit=1"))
    await gate.subscribed(2)

    await reply(gate, ticket, "at last")

    assert texts(await waiting) == texts(await other) == ["at last"]
    await gate.subscribed(0)


async def test_a_request_that_waited_in_vain_is_an_empty_page(gate: Gate) -> None:
    got = await get(gate, "?wait=1")

    assert got.json == {"events": [], "next": 0, "hasMore": False}


async def test_events_of_another_source_or_workspace_are_not_shown(gate: Gate) -> None:
    ticket = await new_ticket(gate)
    await reply(gate, ticket, "for south")

    assert (await get(gate, source="north")).json["events"] == []


async def test_409_beyond_the_newest_event(gate: Gate) -> None:
    got = await get(gate, "?after=5")

    assert got.status == 409
    assert got.refuses(None) == (
        "There is no event 5 yet; the newest is 0. "
        "If the bridge was restored from a backup, go on with after=0."
    )


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("?after=-1", "after is out of range"),
        ("?after=x", "after must be a whole number"),
        ("?wait=26", "wait is out of range"),
        ("?limit=0&wait=x", "wait must be a whole number; limit is out of range"),
    ],
)
async def test_400_names_what_is_wrong_with_the_query(gate: Gate, query: str, problem: str) -> None:
    got = await get(gate, query)

    assert got.status == 400
    assert got.refuses(None) == f"The query is not valid: {problem}."


async def test_401_without_a_valid_key_and_with_two(gate: Gate) -> None:
    wrong = await gate.send("/v1/events", None, method="GET", key="nonsense")
    two = await get(gate, headers={"north-key": gate.keys["north"]})

    assert (wrong.status, two.status) == (401, 401)
    assert wrong.refuses(None) == "The API key is missing or not valid."


async def test_the_rate_limit_is_that_of_the_key_s_source(gate: Gate) -> None:
    answers = [await get(gate, source="north") for _ in range(6)]

    assert [one.status for one in answers] == [200] * 5 + [429]
    assert answers[0].headers["ratelimit-limit"] == "5"


async def test_405_for_another_method(gate: Gate) -> None:
    got = await gate.send("/v1/events", b"{}", key=gate.keys["south"])

    assert (got.status, got.headers["allow"]) == (405, "GET,HEAD")
    assert got.refuses(None)


async def test_a_request_beyond_those_that_may_wait_is_answered_at_once(store: Store, tmp_path: Path) -> None:
    async with standing(store, tmp_path, IdempotencyPolicy(), max_waiting=1) as gate:
        waiting = asyncio.create_task(get(gate, "?wait=25"))
        await gate.subscribed(1)

        got = await get(gate, "?wait=25")

        assert not waiting.done()
        waiting.cancel()
    assert got.json == {"events": [], "next": 0, "hasMore": False}
