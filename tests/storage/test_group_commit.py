"""Group commit: concurrent writes share a commit, fail one by one, and are acknowledged only afterwards."""

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from bot.tickets.errors import ViewOnly
from bot.tickets.ticket import Priority, Ticket
from bot.tickets.workspace import UnknownCategoryPolicy, Workspace
from storage import DatabaseUnavailable, Overloaded, StorageError, Store, UnknownWorkspace
from storage.sqlite.engine import MAX_BATCH, MAX_QUEUE
from tests.storage.samples import NOW, counted, ids, new_ticket, opened, raw
from tests.support.connections import engine_of, writer_of

_TRANSACTION = 22  # SQLITE_TRANSACTION, an authorizer's code for BEGIN, COMMIT and ROLLBACK


def adding(store: Store, workspace: Workspace, subject: str = "It broke") -> "asyncio.Task[Ticket]":
    return asyncio.create_task(store.intake.add_ticket(workspace.id, new_ticket(subject=subject), ids(), NOW))


def refuse_in_sql(path: Path, subject: str, how: str = "ABORT") -> None:
    with raw(path) as db:
        db.execute(
            f"CREATE TRIGGER refused AFTER INSERT ON tickets WHEN NEW.subject = '{subject}' "
            f"BEGIN SELECT RAISE({how}, 'not this one'); END"
        )


async def test_writes_that_come_during_a_commit_share_the_next_one(
    store: Store, workspace: Workspace, path: Path
) -> None:
    timings: list[str] = []
    store.set_observer(lambda what, seconds: timings.append(what), lambda failure: None)

    tickets = await asyncio.gather(*(adding(store, workspace) for _ in range(100)))

    assert len({ticket.id for ticket in tickets}) == counted(path, "tickets") == 100
    assert timings.count("write") <= 2


async def test_an_acknowledged_ticket_can_be_read_on_every_connection(
    store: Store, workspace: Workspace, path: Path
) -> None:
    async def add_and_read() -> None:
        ticket = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
        with raw(path) as db:
            assert db.execute("SELECT public_id FROM tickets WHERE id = ?", (ticket.id,)).fetchone()
            assert db.execute("SELECT count(*) FROM outbox WHERE ticket_id = ?", (ticket.id,)).fetchone()[0]

    await asyncio.gather(*(add_and_read() for _ in range(50)))


async def test_a_new_ticket_is_returned_as_it_will_be_read(store: Store, workspace: Workspace) -> None:
    for new in (new_ticket(), new_ticket(view_only=True), new_ticket(is_private=True)):
        ticket = await store.intake.add_ticket(workspace.id, replace(new, priority=Priority.HIGH), ids(), NOW)

        assert await store.tickets.get(ticket.id) == ticket


async def test_a_ticket_that_cannot_be_stored_fails_alone(
    store: Store, workspace: Workspace, path: Path
) -> None:
    refuse_in_sql(path, "bad")

    tasks = [adding(store, workspace, "bad" if number % 5 == 2 else "good") for number in range(20)]
    results = await asyncio.gather(*tasks, return_exceptions=True)

    for number, result in enumerate(results):
        assert isinstance(result, StorageError if number % 5 == 2 else Ticket)
    assert (counted(path, "tickets"), counted(path, "outbox")) == (16, 32)
    assert not store.broken.is_set()


async def test_a_ticket_that_fails_half_way_leaves_none_of_its_rows(
    store: Store, workspace: Workspace, path: Path
) -> None:
    with raw(path) as db:
        db.execute(
            "CREATE TRIGGER refused AFTER INSERT ON outbox WHEN NEW.kind = 'thread' AND NEW.ticket_id = 2 "
            "BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        )

    tasks = [adding(store, workspace) for _ in range(4)]
    results = await asyncio.gather(*tasks, return_exceptions=True)

    # The id of the second is free again: the third gets it and fails as well, and so does the fourth.
    assert [isinstance(result, Ticket) for result in results] == [True, False, False, False]
    assert (counted(path, "tickets"), counted(path, "outbox")) == (1, 2)


async def test_a_view_only_violation_raises_view_only_for_its_write_alone(
    store: Store, workspace: Workspace, path: Path
) -> None:
    with raw(path) as db:
        db.execute(
            "CREATE TRIGGER refused BEFORE INSERT ON tickets WHEN NEW.subject = 'bad' "
            "BEGIN SELECT RAISE(ABORT, 'view-only: no'); END"
        )

    good, bad = adding(store, workspace), adding(store, workspace, "bad")

    assert await good
    with pytest.raises(ViewOnly):
        await bad


async def test_a_whole_rollback_by_sqlite_fails_all_writes_of_the_batch(
    store: Store, workspace: Workspace, path: Path
) -> None:
    refuse_in_sql(path, "worst", how="ROLLBACK")

    tasks = [adding(store, workspace, "worst" if number == 3 else "good") for number in range(6)]
    results = await asyncio.gather(*tasks, return_exceptions=True)

    # Those in its batch fail; those that were not in a batch yet are stored by the next commit.
    stored = [result for result in results if isinstance(result, Ticket)]
    assert [type(result) for result in results[:4]] == [StorageError] * 4
    assert counted(path, "tickets") == len(stored)
    assert await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)


async def test_a_failed_commit_stores_nothing_and_the_next_succeeds(
    store: Store, workspace: Workspace, path: Path
) -> None:
    def deny_commit(action: int, what: str | None, *_: object) -> int:
        return sqlite3.SQLITE_DENY if (action, what) == (_TRANSACTION, "COMMIT") else sqlite3.SQLITE_OK

    await writer_of(store).set_authorizer(deny_commit)
    results = await asyncio.gather(*(adding(store, workspace) for _ in range(10)), return_exceptions=True)
    await writer_of(store).set_authorizer(None)

    assert {type(result) for result in results} == {StorageError}
    assert counted(path, "tickets") == 0
    assert await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    assert counted(path, "tickets") == 1


async def test_cancelling_one_write_neither_loses_nor_doubles_others(
    store: Store, workspace: Workspace, path: Path
) -> None:
    for steps in range(30):
        before = counted(path, "tickets")
        tasks = [adding(store, workspace) for _ in range(8)]
        for _ in range(steps):
            await asyncio.sleep(0)
        await asyncio.sleep(steps / 30_000)
        tasks[3].cancel()

        results = await asyncio.gather(*tasks, return_exceptions=True)

        acknowledged = {result.id for result in results if isinstance(result, Ticket)}
        assert len(acknowledged) >= 7
        await store.intake.add_ticket(
            workspace.id, new_ticket(), ids(), NOW
        )  # any write in progress has ended by then
        assert counted(path, "tickets") - before - 1 in (7, 8)
        assert counted(path, "outbox") == 2 * counted(path, "tickets")


async def test_a_write_cancelled_before_its_turn_is_not_stored(
    store: Store, workspace: Workspace, path: Path
) -> None:
    with raw(path) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        tasks = [adding(store, workspace) for _ in range(5)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        tasks[4].cancel()
        await asyncio.sleep(0)
        foreign.execute("ROLLBACK")

        results = await asyncio.gather(*tasks, return_exceptions=True)

    assert [isinstance(result, Ticket) for result in results] == [True, False, True, True, False]
    assert counted(path, "tickets") == 3


async def test_a_full_queue_refuses_the_next_write_at_once(
    store: Store, workspace: Workspace, path: Path
) -> None:
    with raw(path) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        waiting = [adding(store, workspace) for _ in range(MAX_QUEUE)]
        await asyncio.sleep(0)

        with pytest.raises(Overloaded):
            await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
        foreign.execute("ROLLBACK")

    await asyncio.gather(*waiting)
    assert counted(path, "tickets") == MAX_QUEUE > MAX_BATCH
    assert await store.health_error() is None


async def test_other_writes_run_between_two_batches(store: Store, workspace: Workspace) -> None:
    order: list[str] = []
    waiting = [adding(store, workspace) for _ in range(3 * MAX_BATCH)]
    for task in waiting:
        task.add_done_callback(lambda _: order.append("ticket"))
    await asyncio.sleep(0)

    await store.workspaces.change(workspace.id, lambda found: found)
    order.append("change")
    await asyncio.gather(*waiting)

    assert order.index("change") <= 2 * MAX_BATCH


async def test_closing_waits_for_every_queued_write(path: Path, workspace: Workspace) -> None:
    async with opened(path) as store:
        tasks = [adding(store, workspace) for _ in range(20)]
        await asyncio.sleep(0)

    assert len(await asyncio.gather(*tasks)) == counted(path, "tickets") == 20


async def test_with_a_broken_database_every_write_fails_at_once(store: Store, workspace: Workspace) -> None:
    engine_of(store)._report(DatabaseUnavailable("The database failed: for a test."))
    store.broken.set()

    results = await asyncio.gather(*(adding(store, workspace) for _ in range(5)), return_exceptions=True)

    assert all(isinstance(result, StorageError) for result in results)


async def test_changed_rules_hold_for_every_later_ticket(store: Store, workspace: Workspace) -> None:
    assert (await store.workspaces.get(workspace.id)).unknown_categories is UnknownCategoryPolicy.REFUSE

    for channel in range(50, 70):
        early = [adding(store, workspace) for _ in range(3)]
        await store.workspaces.change(
            workspace.id,
            lambda found, channel=channel: replace(found, tickets_channel_id=channel),  # type: ignore[misc]
        )
        late = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)

        assert (await store.workspaces.get(workspace.id)).tickets_channel_id == channel
        assert {post.channel_id for post in await store.outbox.pending_for_ticket(late.id)} == {channel}
        await asyncio.gather(*early)


async def test_a_ticket_for_an_unknown_workspace_is_refused(store: Store) -> None:
    with pytest.raises(UnknownWorkspace):
        await store.intake.add_ticket("unknown", new_ticket(), ids(), NOW)
