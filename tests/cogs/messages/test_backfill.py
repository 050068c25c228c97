"""Messages typed while the bot was away are processed when it is back: in order, and none is passed over."""

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
from tests.storage.samples import opened
from tests.support.bridge_harness import RunningBridge, running_bridge, running_sandbox, wait_for

start = partial(running_bridge, typed_replies=True)
Environment = tuple[Path, Sandbox, DemoGuild]


@pytest.fixture
async def environment(tmp_path: Path) -> AsyncIterator[Environment]:
    """A database for one bridge after another, and a Discord that stays."""
    async with running_sandbox() as (sandbox, guild):
        yield tmp_path / "ticketbridge.db", sandbox, guild


@pytest.fixture(autouse=True)
def identify_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """discord.py waits five seconds before each new session."""

    async def at_once(_bot: TicketBot, _shard_id: int | None, *, initial: bool = False) -> None:
        return

    monkeypatch.setattr(TicketBot, "before_identify_hook", at_once)


def restart(environment: Environment, first: RunningBridge) -> AbstractAsyncContextManager[RunningBridge]:
    """Another bridge on the same database."""
    return start(*environment, keys=first.keys)


async def replies(bridge: RunningBridge, ticket: Ticket) -> list[str]:
    messages = await bridge.application.store.messages.list_of_ticket(
        ticket.id, [MessageKind.REPLY], limit=1000
    )
    return [message.text for message in messages]


def thread_of(ticket: Ticket) -> int:
    assert ticket.post.thread_id is not None
    return ticket.post.thread_id


def ids_in(sandbox: Sandbox, channel: Any) -> list[str]:
    return [message["id"] for message in sandbox.messages(channel)]


def notices(sandbox: Sandbox, channel: Any) -> list[str]:
    texts = [m["content"] for m in sandbox.messages(channel) if m["author"].get("bot")]
    return [text for text in texts if text]


def is_confirmed(sandbox: Sandbox, message: dict[str, Any]) -> bool:
    """Whether the bot has reacted to it."""
    channel = int(message["channel_id"])
    (found,) = (one for one in sandbox.messages(channel) if one["id"] == message["id"])
    return bool(found.get("reactions"))


async def confirmed(sandbox: Sandbox, message: dict[str, Any]) -> None:
    await wait_for(lambda: is_confirmed(sandbox, message))


def reactions_path(message: dict[str, Any]) -> str:
    return f"/messages/{message['id']}/reactions/"


async def read_to_the_end(bridge: RunningBridge, channel_id: int) -> None:
    """Return once the channel's saved read mark is at its newest message."""

    async def look() -> bool:
        newest = int(bridge.sandbox.messages(channel_id)[-1]["id"])
        return (await bridge.application.store.read_marks.get([channel_id])).get(channel_id, 0) >= newest

    await wait_for(look)


async def test_replies_typed_while_the_bot_was_away_are_saved_once_in_order_and_confirmed(
    environment: Environment,
) -> None:
    _, sandbox, _ = environment
    async with start(*environment) as first:
        ticket = await first.ticket()
    typed = [sandbox.say("mia", thread_of(ticket), f"reply {number}") for number in range(3)]

    async with restart(environment, first) as second:
        await confirmed(sandbox, typed[-1])
        assert await replies(second, ticket) == ["reply 0", "reply 1", "reply 2"]
        await read_to_the_end(second, thread_of(ticket))
    async with restart(environment, first) as third:
        await third.ticket(subject="another")
        assert await replies(third, ticket) == ["reply 0", "reply 1", "reply 2"]

    assert all(is_confirmed(sandbox, message) for message in typed)


async def test_a_message_typed_under_a_game_report_meanwhile_is_deleted_with_a_notice(
    environment: Environment,
) -> None:
    _, sandbox, _ = environment
    async with start(*environment) as first:
        report = await first.game_report()
        await read_to_the_end(first, first.guild.channels["reports"])
    typed = sandbox.say("mia", "reports", "We banned them.", reply_to=report.post.message_id)
    talk = sandbox.say("mia", "reports", "Good morning.")

    async with restart(environment, first):
        await wait_for(lambda: typed["id"] not in ids_in(sandbox, "reports"))
        await wait_for(lambda: notices(sandbox, "reports"))

    assert talk["id"] in ids_in(sandbox, "reports")


async def test_a_message_typed_long_ago_is_deleted_without_a_notice(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogs.messages.typed_replies._NOTICE_MAX_AGE", timedelta(0))
    _, sandbox, _ = environment
    async with start(*environment) as first:
        report = await first.game_report()
        await read_to_the_end(first, first.guild.channels["reports"])
    typed = sandbox.say("mia", "reports", "We banned them.", reply_to=report.post.message_id)

    async with restart(environment, first) as second:
        await wait_for(lambda: typed["id"] not in ids_in(sandbox, "reports"))
        await read_to_the_end(second, second.guild.channels["reports"])

    assert notices(sandbox, "reports") == []


async def test_a_thread_created_by_hand_meanwhile_is_read_from_its_beginning(
    environment: Environment,
) -> None:
    _, sandbox, _ = environment
    async with start(*environment) as first:
        report = await first.game_report()
        await read_to_the_end(first, first.guild.channels["reports"])
    thread = sandbox.open_thread("mia", "reports", "let us talk", message=report.post.message_id)
    typed = sandbox.say("mia", thread["id"], "We banned them.")

    async with restart(environment, first):
        await wait_for(lambda: typed["id"] not in ids_in(sandbox, thread["id"]))


async def test_a_reply_in_a_thread_that_was_archived_meanwhile_is_saved_and_confirmed(
    environment: Environment,
) -> None:
    _, sandbox, _ = environment
    async with start(*environment) as first:
        ticket = await first.ticket()
    typed = sandbox.say("mia", thread_of(ticket), "It is fixed.")
    sandbox.change_thread(thread_of(ticket), archived=True)

    async with restart(environment, first) as second:
        await confirmed(sandbox, typed)
        assert await replies(second, ticket) == ["It is fixed."]


async def test_messages_from_before_typed_replies_were_switched_on_are_no_replies(
    environment: Environment,
) -> None:
    database, sandbox, guild = environment
    async with running_bridge(database, sandbox, guild) as first:
        ticket = await first.ticket()
        sandbox.say("mia", thread_of(ticket), "talk")
        await read_to_the_end(first, thread_of(ticket))
    sandbox.say("mia", thread_of(ticket), "a reply")

    async with restart(environment, first) as second:
        await wait_for(lambda: replies(second, ticket))
        assert await replies(second, ticket) == ["a reply"]


async def test_a_first_start_reads_no_history(environment: Environment) -> None:
    _, sandbox, _ = environment
    for number in range(3):
        sandbox.say("mia", "tickets", f"years ago {number}")

    async with start(*environment) as bridge:
        await read_to_the_end(bridge, bridge.guild.channels["tickets"])

    histories = [r for r in sandbox.requests if r["method"] == "GET" and r["path"].endswith("/messages")]
    assert histories == []


async def test_a_channel_that_cannot_be_read_delays_no_other_and_is_tried_again(
    environment: Environment,
) -> None:
    _, sandbox, _ = environment
    async with start(*environment) as first:
        forbidden, readable = await first.ticket(), await first.ticket(subject="another")
    for ticket in (forbidden, readable):
        sandbox.say("mia", thread_of(ticket), "meanwhile")
    sandbox.fail("forbidden", method="GET", path=f"/channels/{thread_of(forbidden)}/messages", times=None)

    async with restart(environment, first) as second:
        await wait_for(lambda: replies(second, readable))
        assert await replies(second, forbidden) == []
        sandbox.clear_faults()
        await sandbox.disconnect()
        await wait_for(lambda: replies(second, forbidden))


async def test_a_live_message_does_not_move_the_mark_past_those_that_could_not_be_read(
    environment: Environment,
) -> None:
    _, sandbox, _ = environment
    async with start(*environment) as first:
        ticket = await first.ticket()
    sandbox.say("mia", thread_of(ticket), "missed")
    sandbox.fail("forbidden", method="GET", path=f"/channels/{thread_of(ticket)}/messages", times=None)
    async with restart(environment, first) as second:
        await second.ticket(subject="another")
        sandbox.say("mia", thread_of(ticket), "live")
        last = sandbox.say("mia", thread_of(ticket), "live after it")
        await confirmed(sandbox, last)  # so the one before it is done with
    sandbox.clear_faults()

    async with restart(environment, first) as third:

        async def all_saved() -> bool:
            return sorted(await replies(third, ticket)) == ["live", "live after it", "missed"]

        await wait_for(all_saved)


async def test_a_slow_message_delays_later_ones_of_its_channel_and_no_other_channel(
    environment: Environment,
) -> None:
    _, sandbox, _ = environment
    async with start(*environment) as first:
        slow, other = await first.ticket(), await first.ticket(subject="another")
        first_typed = sandbox.say("mia", thread_of(slow), "first")
        sandbox.fail("hang", method="PUT", path=reactions_path(first_typed))
        sandbox.say("mia", thread_of(slow), "second")
        await confirmed(sandbox, sandbox.say("mia", thread_of(other), "elsewhere"))

        assert await replies(first, slow) == ["first"]

    async with restart(environment, first) as second:
        await read_to_the_end(second, thread_of(slow))
        assert await replies(second, slow) == ["first", "second"]


async def test_a_backfill_that_a_shutdown_interrupts_goes_on_after_it(environment: Environment) -> None:
    database, sandbox, _ = environment
    async with start(*environment) as first:
        ticket = await first.ticket()
    typed = [sandbox.say("mia", thread_of(ticket), f"reply {number}") for number in range(5)]
    sandbox.fail("hang", method="PUT", path=reactions_path(typed[2]))

    async with restart(environment, first) as second:
        await wait_for(lambda: replies_are(second, ticket, 3))
    async with opened(database) as store:
        marks = await store.read_marks.get([thread_of(ticket)])
    async with restart(environment, first) as third:
        await confirmed(sandbox, typed[-1])

        assert await replies(third, ticket) == [f"reply {number}" for number in range(5)]
    assert marks == {thread_of(ticket): int(typed[1]["id"])}
    reactions = [request["path"] for request in sandbox.requests if request["method"] == "PUT"]
    assert [sum(reactions_path(one) in path for path in reactions) for one in typed] == [1, 1, 2, 1, 1]


async def replies_are(bridge: RunningBridge, ticket: Ticket, count: int) -> bool:
    return len(await replies(bridge, ticket)) == count


async def test_messages_beyond_those_that_may_wait_are_read_from_the_history_later(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogs.messages.backfill.MAX_WAITING", 2)
    _, sandbox, _ = environment
    async with start(*environment) as bridge:
        ticket = await bridge.ticket()
        await bridge.ask_for_events()  # or a notice says that none does, and waits in the channel as well
        first, second, *_ = [sandbox.say("mia", thread_of(ticket), str(number)) for number in range(4)]
        sandbox.fail("429-user", method="PUT", path=reactions_path(first), retry_after=2.0)
        await confirmed(sandbox, second)  # so the turn of the first is over, and there is room for another
        for text in "45":
            await confirmed(sandbox, sandbox.say("mia", thread_of(ticket), text))

        await sandbox.disconnect()

        async def all_saved() -> bool:
            return sorted(await replies(bridge, ticket)) == list("012345")

        await wait_for(all_saved)


async def test_twenty_disconnects_lose_no_reply_and_save_none_twice(environment: Environment) -> None:
    _, sandbox, _ = environment
    async with start(*environment) as bridge:
        tickets = [await bridge.ticket(subject=f"ticket {number}") for number in range(10)]
        typed = []
        for number in range(20):
            await sandbox.disconnect(resumable=number % 2 == 0)
            before = len(sandbox.requests)
            for count in range(10):
                typed.append(f"{number} {count}")
                sandbox.say("mia", thread_of(tickets[count]), typed[-1])
            await wait_for(lambda: sandbox.snapshot()["connected_sessions"])
            in_the_middle = before + number % 5  # of a backfill, sometimes
            await wait_for(lambda: len(sandbox.requests) >= in_the_middle, seconds=60)  # noqa: B023

        async def saved() -> list[str]:
            return [text for ticket in tickets for text in await replies(bridge, ticket)]

        async def all_saved() -> bool:
            return len(await saved()) >= len(typed)

        await wait_for(all_saved, seconds=60)
        assert sorted(await saved()) == sorted(typed)


async def test_a_message_that_could_not_be_processed_is_processed_at_the_next_connection(
    environment: Environment,
) -> None:
    """The reaction fails, so the message counts as not processed; the reply is saved once all the same."""
    _, sandbox, _ = environment
    async with start(*environment) as bridge:
        ticket = await bridge.ticket()
        sandbox.fail("503", method="PUT", path="/reactions/", times=1)
        typed = sandbox.say("mia", thread_of(ticket), "a reply")
        for text in ("a later one", "the last"):  # confirmed in turn, so one of them is done with
            await confirmed(sandbox, sandbox.say("mia", thread_of(ticket), text))
        assert not is_confirmed(sandbox, typed)

        await sandbox.disconnect()

        await confirmed(sandbox, typed)
        assert await replies(bridge, ticket) == ["a reply", "a later one", "the last"]
