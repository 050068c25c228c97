"""`ticketbridge outbox`: list what waits and the dead letters, deliver them again, or drop them."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.tickets.outbox import Delivery, DeliveryKind
from storage import Store
from tests.cli.conftest import RunCommand, create_workspace, error_of, opened_store, output_of
from tests.storage.samples import HUB, NOW, ids, new_ticket

REASON = "Discord refused it: \x1b[31m50035"


async def _add_dead_letter(store: Store) -> Delivery:
    """A ticket that waits, and one whose post is a dead letter."""
    (workspace,) = await store.workspaces.list_all()
    waiting = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    (first,) = (
        one for one in await store.outbox.pending_for_ticket(waiting.id) if one.kind is DeliveryKind.POST
    )
    await store.outbox.start_attempt([first], NOW)
    await store.outbox.dead_letter([first], REASON, NOW)
    return first


@pytest.fixture
async def dead_letter(ticketbridge: RunCommand, store: Store | None, database: Path) -> Delivery:
    await create_workspace(ticketbridge)
    if store is not None:
        return await _add_dead_letter(store)
    async with opened_store(database) as alone:
        return await _add_dead_letter(alone)


async def test_an_empty_outbox_is_a_sentence(ticketbridge: RunCommand) -> None:
    await create_workspace(ticketbridge)

    assert "No delivery waits for Discord, and there is no dead letter." in await output_of(
        ticketbridge, "outbox", "list"
    )


async def test_dead_letters_are_listed_first_with_their_error(
    ticketbridge: RunCommand, dead_letter: Delivery
) -> None:
    printed = await output_of(ticketbridge, "outbox", "list")

    lines = printed.splitlines()
    assert len(lines) == 5  # a heading, a dead letter, its thread, a post and its thread
    assert lines[1].split()[0] == str(dead_letter.id)
    assert "dead_letter" in lines[1]
    assert r"\x1b[31m50035" in lines[1]
    assert "\x1b[31m" not in printed
    assert len((await output_of(ticketbridge, "outbox", "list", "--limit", 1)).splitlines()) == 2


async def test_a_dead_letter_is_tried_again_and_keeps_its_attempts(
    ticketbridge: RunCommand, dead_letter: Delivery
) -> None:
    assert "is tried again" in await output_of(ticketbridge, "outbox", "retry", dead_letter.id)

    line = (await output_of(ticketbridge, "outbox", "list")).splitlines()[1].split()
    assert line[:5] == [str(dead_letter.id), line[1], "post", "pending", "1"]


async def test_all_dead_letters_are_tried_again(ticketbridge: RunCommand, dead_letter: Delivery) -> None:
    assert "1 dead letter to be delivered again." in await output_of(ticketbridge, "outbox", "retry", "--all")
    assert "dead_letter" not in await output_of(ticketbridge, "outbox", "list")
    assert "0 dead letters to be delivered again." in await output_of(
        ticketbridge, "outbox", "retry", "--all"
    )


async def test_a_dropped_delivery_is_gone(ticketbridge: RunCommand, dead_letter: Delivery) -> None:
    assert "is dropped" in await output_of(ticketbridge, "outbox", "drop", dead_letter.id)

    assert "dead_letter" not in await output_of(ticketbridge, "outbox", "list")
    assert "There is no undelivered" in await error_of(ticketbridge, "outbox", "retry", dead_letter.id)
    assert "There is no undelivered" in await error_of(ticketbridge, "outbox", "drop", dead_letter.id)


@pytest.mark.parametrize("arguments", [(), (1, "--all")])
async def test_retry_needs_an_id_or_all(ticketbridge: RunCommand, arguments: tuple[object, ...]) -> None:
    assert "or give --all" in await error_of(ticketbridge, "outbox", "retry", *arguments)


async def test_a_retried_delivery_goes_before_its_tickets_later_ones(tmp_path: Path) -> None:
    async with opened_store(tmp_path / "tickets.db") as store:
        await store.workspaces.add(HUB, NOW)
        first = await _add_dead_letter(store)
        await store.outbox_admin.retry(first.id, NOW + timedelta(hours=1))

        ((due,),) = await store.outbox.due((), NOW + timedelta(hours=2))
        waiting = await store.outbox.pending_for_ticket(first.ticket_id)

    assert due.id == waiting[0].id == first.id
    assert due.attempts == 1
