"""`ticketbridge outbox`: what waits for Discord, what was set aside, and what becomes of it."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.tickets.outbox import Delivery, DeliveryKind, Destination
from storage import Store
from tests.cli.conftest import Operator, opened, refused, told, with_workspace
from tests.storage.samples import HUB, NOW, ids, new_ticket

REASON = "Discord refused it: \x1b[31m50035"


async def _troubled(store: Store) -> Delivery:
    """A ticket that waits, and one whose post is set aside."""
    (workspace,) = await store.workspaces()
    waiting = await store.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    await store.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    (first,) = (
        one
        for one in await store.pending_for_ticket(waiting.id, Destination.DISCORD)
        if one.kind is DeliveryKind.POST
    )
    await store.start_attempt([first], NOW)
    await store.dead_letter(first, REASON, NOW)
    return first


@pytest.fixture
async def set_aside(ticketbridge: Operator, store: Store | None, database: Path) -> Delivery:
    await with_workspace(ticketbridge)
    if store is not None:
        return await _troubled(store)
    async with opened(database) as alone:
        return await _troubled(alone)


async def test_an_empty_outbox_is_a_sentence(ticketbridge: Operator) -> None:
    assert "Nothing waits" in await told(ticketbridge, "outbox", "list")


async def test_what_was_set_aside_is_listed_first_with_its_reason(
    ticketbridge: Operator, set_aside: Delivery
) -> None:
    printed = await told(ticketbridge, "outbox", "list")

    lines = printed.splitlines()
    assert len(lines) == 5  # a heading, a post set aside, its thread, a post and its thread
    assert lines[1].split()[0] == str(set_aside.id)
    assert "dead_letter" in lines[1]
    assert r"\x1b[31m50035" in lines[1]
    assert "\x1b[31m" not in printed
    assert len((await told(ticketbridge, "outbox", "list", "--limit", 1)).splitlines()) == 2


async def test_what_was_set_aside_is_tried_again_and_known_to_have_been_tried(
    ticketbridge: Operator, set_aside: Delivery
) -> None:
    assert "is tried again" in await told(ticketbridge, "outbox", "retry", set_aside.id)

    line = (await told(ticketbridge, "outbox", "list")).splitlines()[1].split()
    assert line[:5] == [str(set_aside.id), line[1], "post", "pending", "1"]


async def test_all_that_was_set_aside_can_be_tried_again_at_once(
    ticketbridge: Operator, set_aside: Delivery
) -> None:
    assert "1 that were set aside" in await told(ticketbridge, "outbox", "retry", "--all")
    assert "dead_letter" not in await told(ticketbridge, "outbox", "list")
    assert "0 that were set aside" in await told(ticketbridge, "outbox", "retry", "--all")


async def test_what_is_dropped_is_gone_for_good(ticketbridge: Operator, set_aside: Delivery) -> None:
    assert "is dropped" in await told(ticketbridge, "outbox", "drop", set_aside.id)

    assert "dead_letter" not in await told(ticketbridge, "outbox", "list")
    assert "There is no undelivered" in await refused(ticketbridge, "outbox", "retry", set_aside.id)
    assert "There is no undelivered" in await refused(ticketbridge, "outbox", "drop", set_aside.id)


@pytest.mark.parametrize("arguments", [(), (1, "--all")])
async def test_one_or_all_must_be_named(ticketbridge: Operator, arguments: tuple[object, ...]) -> None:
    assert "or say --all" in await refused(ticketbridge, "outbox", "retry", *arguments)


async def test_what_is_tried_again_is_due_before_its_ticket_s_later_deliveries(tmp_path: Path) -> None:
    async with opened(tmp_path / "tickets.db") as store:
        await store.add_workspace(HUB, NOW)
        first = await _troubled(store)
        await store.retry(first.id, NOW + timedelta(hours=1))

        ((due,),) = await store.due_deliveries(Destination.DISCORD, (), NOW + timedelta(hours=2))
        waiting = await store.pending_for_ticket(first.ticket_id, Destination.DISCORD)

    assert due.id == waiting[0].id == first.id
    assert due.attempts == 1
