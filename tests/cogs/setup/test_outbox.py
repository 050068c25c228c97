"""`/setup outbox`: the deliveries of this server alone, and retrying or dropping one."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.sandbox import Permission
from bot.sources.series import examples as series
from bot.tickets.outbox import Delivery, DeliveryState
from bot.tickets.push_endpoints import EndpointState
from tests.cogs.setup.test_setup import OtherGuild, embed_text, run
from tests.storage.samples import replying
from tests.support.bridge_harness import RunningBridge, reply_text, wait_for

BOT = "ticketbridge"
PLAYER_TEXT = "a player's own words"


@pytest.fixture
async def waiting_and_dead(bridge: RunningBridge) -> tuple[Delivery, Delivery]:
    """A post that waits for a channel that refuses it, and a dead letter."""
    await bridge.ticket()
    bridge.sandbox.set_overwrite("reports", BOT, allow=Permission.VIEW_CHANNEL, deny=Permission.SEND_MESSAGES)
    waiting, dead = [await add_report(bridge, f"{PLAYER_TEXT} {number}") for number in range(2)]
    await bridge.application.store.outbox.dead_letter(
        [dead], "Discord refused it (400 50035)", datetime.now(UTC)
    )

    async def was_attempted() -> bool:
        return any(one.attempts for one in await bridge.application.store.outbox_admin.list_undelivered(5))

    await wait_for(was_attempted)
    return waiting, dead


async def add_report(bridge: RunningBridge, subject: str) -> Delivery:
    body = dict(series.GAME_REPORT) | {"subject": subject}
    answer = await bridge.post("/tickets/create-game-report", body, source="series")
    ticket = await bridge.application.store.tickets.find_by_public_id(answer["data"]["TicketId"])
    assert ticket is not None
    (post,) = await bridge.application.store.outbox.pending_for_ticket(ticket.id)
    return post


async def delivery_states(bridge: RunningBridge) -> dict[int, DeliveryState]:
    return {one.id: one.state for one in await bridge.application.store.outbox_admin.list_undelivered(10)}


def shown(record: dict[str, Any]) -> str:
    return embed_text(record).replace("\\", "")


async def test_an_empty_outbox_says_so(bridge: RunningBridge) -> None:
    await bridge.ticket()

    assert "Nothing waits: everything is in Discord." in embed_text(await run(bridge, "outbox"))


async def test_webhooks_that_are_behind_are_shown_without_their_urls(bridge: RunningBridge) -> None:
    store = bridge.application.store
    (workspace,) = await store.workspaces.list_all()
    url = "https://game.example/secret-path"
    for name in ("paused-one", "well"):
        await store.pushes.add_endpoint(
            workspace.name, "modl", name=name, url=url, secret="x", now=datetime.now(UTC)
        )
    await store.pushes.stop(1, EndpointState.PAUSED, None)
    await store.pushes.stop(2, EndpointState.DISABLED, "It answered 410: it wants no more events.")
    ticket = await bridge.ticket()
    await store.tickets.add_message(ticket.id, replying(), origin="x", now=datetime.now(UTC))

    text = shown(await run(bridge, "outbox"))

    assert "Webhooks to game servers" in text
    assert "• paused-one (paused): 1 event waits, the first since <t:" in text
    assert "• well (disabled): 1 event waits" in text
    assert "It answered 410: it wants no more events." in text
    assert "secret-path" not in text


async def test_waiting_deliveries_open_circuits_and_dead_letters_are_shown_without_peoples_text(
    bridge: RunningBridge, waiting_and_dead: tuple[Delivery, Delivery]
) -> None:
    _, dead = waiting_and_dead

    record = await run(bridge, "outbox")

    text = shown(record)
    assert f"• <#{bridge.guild.channels['reports']}>: 1 delivery waits, the first since <t:" in text
    assert "⏸️ Discord refuses (403 50013: Missing Permissions). Allow my role there: Send Messages." in text
    assert f"Dead letters: 1: • {dead.id} (post) of `TICKET-" in text
    assert "Discord refused it (400 50035)." in text
    assert PLAYER_TEXT not in str(record)


async def test_a_dead_letter_is_retried(
    bridge: RunningBridge, waiting_and_dead: tuple[Delivery, Delivery]
) -> None:
    waiting, dead = waiting_and_dead

    record = await run(bridge, "outbox", retry=dead.id)

    assert reply_text(record) == f"✅ Delivery {dead.id} is retried."
    assert "Dead letters" not in embed_text(record)
    assert await delivery_states(bridge) == {
        waiting.id: DeliveryState.PENDING,
        dead.id: DeliveryState.PENDING,
    }


async def test_a_dropped_delivery_is_gone(
    bridge: RunningBridge, waiting_and_dead: tuple[Delivery, Delivery]
) -> None:
    waiting, dead = waiting_and_dead

    record = await run(bridge, "outbox", drop=dead.id)

    assert reply_text(record) == f"✅ Delivery {dead.id} is dropped."
    assert await delivery_states(bridge) == {waiting.id: DeliveryState.PENDING}
    again = await run(bridge, "outbox", retry=dead.id)
    assert "No delivery of that number" in reply_text(again)


async def test_another_servers_deliveries_are_unknown(
    bridge: RunningBridge, waiting_and_dead: tuple[Delivery, Delivery]
) -> None:
    other_guild, before = OtherGuild(bridge), await delivery_states(bridge)
    await other_guild.make("theirs")
    unknown = reply_text(await other_guild.run("outbox", retry=10_000))

    for one in waiting_and_dead:
        for what in ("retry", "drop"):
            assert reply_text(await other_guild.run("outbox", **{what: one.id})) == unknown
    assert "Nothing waits" in embed_text(await other_guild.run("outbox"))
    assert await delivery_states(bridge) == before


async def test_more_than_a_message_holds_is_counted(bridge: RunningBridge) -> None:
    await bridge.ticket()
    bridge.sandbox.set_overwrite("reports", BOT, deny=Permission.SEND_MESSAGES)
    for number in range(15):
        post = await add_report(bridge, str(number))
        await bridge.application.store.outbox.dead_letter(
            [post], "Discord refused it " + "*" * 300, datetime.now(UTC)
        )

    record = await run(bridge, "outbox")

    assert record["error"] is None
    assert "Dead letters: 15: " in embed_text(record)
    assert "more, which `ticketbridge outbox list` shows" in embed_text(record)
