"""What was typed while the bot was away is heard at its return: once, and without jumping over anything."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.discord_client.client import TicketBot
from bot.sandbox import DemoGuild, Sandbox
from bot.tickets.message import MessageKind
from bot.tickets.ticket import Ticket
from tests.support.bridge_harness import RunningBridge, running_sandbox, wait_for
from tests.support.bridge_harness import running_bridge as run_town

OPEN = partial(run_town, typed_replies=True)
Place = tuple[Path, Sandbox, DemoGuild]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """Where bridges come and go: their database, and a Discord that stays."""
    async with running_sandbox() as (sandbox, guild):
        yield tmp_path / "ticketbridge.db", sandbox, guild


@pytest.fixture(autouse=True)
def nobody_waits_to_identify(monkeypatch: pytest.MonkeyPatch) -> None:
    """discord.py waits five seconds before each new session."""

    async def at_once(_bot: TicketBot, _shard_id: int | None, *, initial: bool = False) -> None:
        return

    monkeypatch.setattr(TicketBot, "before_identify_hook", at_once)


async def replies(town: RunningBridge, ticket: Ticket) -> list[str]:
    found = await town.application.store.list_messages(ticket.id, [MessageKind.REPLY], limit=1000)
    return [one.text for one in found]


def thread_of(ticket: Ticket) -> int:
    assert ticket.post.thread_id is not None
    return ticket.post.thread_id


def ids_in(sandbox: Sandbox, place_id: Any) -> list[str]:
    return [message["id"] for message in sandbox.messages(place_id)]


def notices(sandbox: Sandbox, place_id: Any) -> list[str]:
    said = [m["content"] for m in sandbox.messages(place_id) if m["author"].get("bot")]
    return [text for text in said if text]


async def heard(town: RunningBridge, place_id: int) -> None:
    """Until the newest message of a place is behind its mark."""

    async def look() -> bool:
        newest = town.sandbox.messages(place_id)[-1]["id"]
        return (await town.application.store.read_marks([place_id])).get(place_id, 0) >= int(newest)

    await wait_for(look)


def again(place: Place, first: RunningBridge) -> AbstractAsyncContextManager[RunningBridge]:
    """Another bridge on the same database."""
    return OPEN(*place, keys=first.keys)


async def test_replies_typed_while_nobody_ran_are_kept_once_in_order_and_confirmed(place: Place) -> None:
    _, sandbox, _ = place
    async with OPEN(*place) as first:
        ticket = await first.ticket()
    for number in range(3):
        sandbox.say("mia", thread_of(ticket), f"reply {number}")

    async with again(place, first) as second:
        await wait_for(lambda: sandbox.messages(thread_of(ticket))[-1].get("reactions"))
        assert await replies(second, ticket) == ["reply 0", "reply 1", "reply 2"]
        await heard(second, thread_of(ticket))
    async with again(place, first) as third:
        await third.ticket(subject="another")
        assert await replies(third, ticket) == ["reply 0", "reply 1", "reply 2"]

    reactions = [m.get("reactions") for m in sandbox.messages(thread_of(ticket)) if m["content"]]
    assert all(reactions)


async def test_what_was_typed_under_a_game_report_meanwhile_is_removed_with_a_notice(place: Place) -> None:
    _, sandbox, _ = place
    async with OPEN(*place) as first:
        report = await first.game_report()
    typed = sandbox.say("mia", "reports", "We banned them.", reply_to=report.post.message_id)
    talk = sandbox.say("mia", "reports", "Good morning.")

    async with again(place, first):
        await wait_for(lambda: typed["id"] not in ids_in(sandbox, "reports"))
        await wait_for(lambda: notices(sandbox, "reports"))

    assert talk["id"] in ids_in(sandbox, "reports")


async def test_what_was_typed_long_ago_is_removed_without_a_notice(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogs.messages.view_only._NOTICE_MAX_AGE", timedelta(0))
    _, sandbox, _ = place
    async with OPEN(*place) as first:
        report = await first.game_report()
    typed = sandbox.say("mia", "reports", "We banned them.", reply_to=report.post.message_id)

    async with again(place, first) as second:
        await wait_for(lambda: typed["id"] not in ids_in(sandbox, "reports"))
        await heard(second, second.guild.channels["reports"])

    assert notices(sandbox, "reports") == []


async def test_a_thread_made_by_hand_while_nobody_ran_is_gone_through_from_its_beginning(
    place: Place,
) -> None:
    _, sandbox, _ = place
    async with OPEN(*place) as first:
        report = await first.game_report()
    thread = sandbox.open_thread("mia", "reports", "let us talk", message=report.post.message_id)
    typed = sandbox.say("mia", thread["id"], "We banned them.")

    async with again(place, first):
        await wait_for(lambda: typed["id"] not in ids_in(sandbox, thread["id"]))


async def test_a_reply_in_a_thread_that_was_archived_meanwhile_is_kept_and_confirmed(place: Place) -> None:
    _, sandbox, _ = place
    async with OPEN(*place) as first:
        ticket = await first.ticket()
    sandbox.say("mia", thread_of(ticket), "It is fixed.")
    sandbox.change_thread(thread_of(ticket), archived=True)

    async with again(place, first) as second:
        await wait_for(lambda: sandbox.messages(thread_of(ticket))[-1].get("reactions"))
        assert await replies(second, ticket) == ["It is fixed."]


async def test_what_was_said_before_typed_replies_were_switched_on_stays_talk(place: Place) -> None:
    database, sandbox, guild = place
    async with run_town(database, sandbox, guild) as first:
        ticket = await first.ticket()
        sandbox.say("mia", thread_of(ticket), "talk")
        await heard(first, thread_of(ticket))
    sandbox.say("mia", thread_of(ticket), "a reply")

    async with again(place, first) as second:
        await wait_for(lambda: replies(second, ticket))
        assert await replies(second, ticket) == ["a reply"]


async def test_a_first_start_goes_through_nothing_old(place: Place) -> None:
    _, sandbox, _ = place
    for number in range(3):
        sandbox.say("mia", "tickets", f"years ago {number}")

    async with OPEN(*place) as town:
        await heard(town, town.guild.channels["tickets"])

    histories = [r for r in sandbox.requests if r["method"] == "GET" and r["path"].endswith("/messages")]
    assert histories == []


async def test_a_place_that_cannot_be_read_stops_no_other_and_is_tried_again(place: Place) -> None:
    _, sandbox, _ = place
    async with OPEN(*place) as first:
        closed, open_one = await first.ticket(), await first.ticket(subject="another")
    for ticket in (closed, open_one):
        sandbox.say("mia", thread_of(ticket), "meanwhile")
    sandbox.fail("forbidden", method="GET", path=f"/channels/{thread_of(closed)}/messages", times=None)

    async with again(place, first) as second:
        await wait_for(lambda: replies(second, open_one))
        assert await replies(second, closed) == []
        sandbox.clear_faults()
        await sandbox.disconnect()
        await wait_for(lambda: replies(second, closed))


async def test_what_comes_live_does_not_jump_over_what_could_not_be_read(place: Place) -> None:
    _, sandbox, _ = place
    async with OPEN(*place) as first:
        ticket = await first.ticket()
    sandbox.say("mia", thread_of(ticket), "missed")
    sandbox.fail("forbidden", method="GET", path=f"/channels/{thread_of(ticket)}/messages", times=None)
    async with again(place, first) as second:
        await second.ticket(subject="another")
        sandbox.say("mia", thread_of(ticket), "live")
        await wait_for(lambda: sandbox.messages(thread_of(ticket))[-1].get("reactions"))
        await asyncio.sleep(0.5)  # a reaction's sender is told when the library's bucket has room again
    sandbox.clear_faults()

    async with again(place, first) as third:

        async def both() -> bool:
            return sorted(await replies(third, ticket)) == ["live", "missed"]

        await wait_for(both)


async def test_twenty_disconnects_lose_no_reply_and_keep_none_twice(place: Place) -> None:
    _, sandbox, _ = place
    async with OPEN(*place) as town:
        tickets = [await town.ticket(subject=f"ticket {number}") for number in range(10)]
        typed = []
        for number in range(20):
            await sandbox.disconnect(resumable=number % 2 == 0)
            for count in range(10):
                typed.append(f"{number} {count}")
                sandbox.say("mia", thread_of(tickets[count]), typed[-1])
            await wait_for(lambda: sandbox.snapshot()["connected_sessions"])
            await asyncio.sleep(
                0.05 * (number % 5)
            )  # sometimes in the middle of going through what was missed

        async def kept() -> list[str]:
            return [text for ticket in tickets for text in await replies(town, ticket)]

        async def all_there() -> bool:
            return len(await kept()) >= len(typed)

        await wait_for(all_there, seconds=60)
        assert sorted(await kept()) == sorted(typed)


async def test_a_message_that_could_not_be_kept_is_kept_at_the_next_reconnect(place: Place) -> None:
    """The reaction fails, so it is not known to be seen to; the reply is there once all the same."""
    _, sandbox, _ = place
    async with OPEN(*place) as town:
        ticket = await town.ticket()
        sandbox.fail("503", method="PUT", path="/reactions/", times=1)
        sandbox.say("mia", thread_of(ticket), "a reply")
        await wait_for(lambda: replies(town, ticket))
        assert "reactions" not in sandbox.messages(thread_of(ticket))[-1]

        await sandbox.disconnect()

        await wait_for(lambda: sandbox.messages(thread_of(ticket))[-1].get("reactions"))
        assert await replies(town, ticket) == ["a reply"]
