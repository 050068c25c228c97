"""`/setup outbox`: what waits, rests or is set aside in this server alone, and what becomes of it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.sandbox import Permission
from bot.sources.series import examples as series
from bot.tickets.outbox import Delivery, DeliveryState, Destination
from tests.cogs.setup.test_setup import Elsewhere, drawn_in, run
from tests.support.bridge_harness import RunningBridge, reply_text, wait_for

BOT = "ticketbridge"
WORDS = "a player's own words"


@pytest.fixture
async def troubled(town: RunningBridge) -> tuple[Delivery, Delivery]:
    """A post that waits for a channel that refuses it, and one that was set aside."""
    await town.ticket()
    town.sandbox.set_overwrite("reports", BOT, allow=Permission.VIEW_CHANNEL, deny=Permission.SEND_MESSAGES)
    waiting, buried = [await filed(town, f"{WORDS} {number}") for number in range(2)]
    await town.application.store.dead_letter(buried, "Discord refused it (400 50035)", datetime.now(UTC))

    async def tried() -> bool:
        return any(one.attempts for one in await town.application.store.list_undelivered(5))

    await wait_for(tried)
    return waiting, buried


async def filed(town: RunningBridge, subject: str) -> Delivery:
    body = dict(series.GAME_REPORT) | {"subject": subject}
    told = await town.post("/tickets/create-game-report", body, source="series")
    ticket = await town.application.store.ticket_by_public_id(told["data"]["TicketId"])
    assert ticket is not None
    (post,) = await town.application.store.pending_for_ticket(ticket.id, Destination.DISCORD)
    return post


async def left(town: RunningBridge) -> dict[int, DeliveryState]:
    return {one.id: one.state for one in await town.application.store.list_undelivered(10)}


def shown(record: dict[str, Any]) -> str:
    return drawn_in(record).replace("\\", "")


async def test_an_empty_outbox_says_so(town: RunningBridge) -> None:
    await town.ticket()

    assert "Nothing waits: everything is in Discord." in drawn_in(await run(town, "outbox"))


async def test_what_waits_what_rests_and_what_was_set_aside_is_shown_without_anybodys_words(
    town: RunningBridge, troubled: tuple[Delivery, Delivery]
) -> None:
    _, buried = troubled

    record = await run(town, "outbox")

    text = shown(record)
    assert f"• <#{town.guild.channels['reports']}>: 1 delivery waits, the first since <t:" in text
    assert "⏸️ Discord refuses (403 50013: Missing Permissions). Allow my role there: Send Messages." in text
    assert f"Dead letters: 1: • {buried.id} (post) of `TICKET-" in text
    assert "Discord refused it (400 50035)." in text
    assert WORDS not in str(record)


async def test_what_was_set_aside_is_tried_again(
    town: RunningBridge, troubled: tuple[Delivery, Delivery]
) -> None:
    waiting, buried = troubled

    record = await run(town, "outbox", retry=buried.id)

    assert reply_text(record) == f"✅ Delivery {buried.id} is retried."
    assert "Dead letters" not in drawn_in(record)
    assert await left(town) == {waiting.id: DeliveryState.PENDING, buried.id: DeliveryState.PENDING}


async def test_what_is_dropped_is_gone(town: RunningBridge, troubled: tuple[Delivery, Delivery]) -> None:
    waiting, buried = troubled

    record = await run(town, "outbox", drop=buried.id)

    assert reply_text(record) == f"✅ Delivery {buried.id} is dropped."
    assert await left(town) == {waiting.id: DeliveryState.PENDING}
    again = await run(town, "outbox", retry=buried.id)
    assert "No delivery of that number" in reply_text(again)


async def test_another_servers_deliveries_are_as_unknown_as_none(
    town: RunningBridge, troubled: tuple[Delivery, Delivery]
) -> None:
    elsewhere, before = Elsewhere(town), await left(town)
    await elsewhere.make("theirs")
    unknown = reply_text(await elsewhere.run("outbox", retry=10_000))

    for one in troubled:
        for what in ("retry", "drop"):
            assert reply_text(await elsewhere.run("outbox", **{what: one.id})) == unknown
    assert "Nothing waits" in drawn_in(await elsewhere.run("outbox"))
    assert await left(town) == before


async def test_more_than_a_message_holds_is_counted(town: RunningBridge) -> None:
    await town.ticket()
    town.sandbox.set_overwrite("reports", BOT, deny=Permission.SEND_MESSAGES)
    for number in range(15):
        post = await filed(town, str(number))
        await town.application.store.dead_letter(post, "Discord refused it " + "*" * 300, datetime.now(UTC))

    record = await run(town, "outbox")

    assert record["error"] is None
    assert "Dead letters: 15: " in drawn_in(record)
    assert "more, which `ticketbridge outbox list` shows" in drawn_in(record)
