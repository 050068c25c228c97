"""Migration from an older version: no row lost, view-only triggers in place, and all or nothing."""

import signal
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

import storage.sqlite.migrate
from bot.tickets.message import Actor, MessageKind
from bot.tickets.outbox import DeliveryKind, Destination
from bot.tickets.queries import Scope, TicketQuery
from bot.tickets.ticket import Status
from bot.tickets.workspace import Department, Plan, UnknownCategoryPolicy
from storage import DatabaseOpenError, StorageError
from storage.sqlite.migrate import migrations, statements
from tests.storage import version_one
from tests.storage.samples import NOW, everything_in, ids, new_ticket, opened, raw, replying
from tests.storage.test_open import schema_of, version_of
from tests.storage.test_view_only import ATTACKS
from tests.support.crash_worker import crash_worker

STATEMENTS = list(statements(migrations()[1][1]))
NEWEST = migrations()[-1][0]


@pytest.fixture
def old(path: Path) -> Path:
    version_one.make_filled(path)
    return path


@pytest.fixture
async def second(old: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of version 2, filled."""
    with monkeypatch.context() as patched:
        patched.setattr(storage.sqlite.migrate, "migrations", lambda: migrations()[:2])
        await open_and_close(old)
    return old


async def open_and_close(path: Path) -> None:
    async with opened(path):
        pass


async def test_every_row_of_version_1_is_unchanged_in_the_newest(old: Path) -> None:
    before = version_one.rows_of(old)
    assert all(before.values())

    await open_and_close(old)

    assert version_of(old) == NEWEST
    assert version_one.rows_of(old) == before
    with raw(old) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []


async def test_a_migrated_file_has_the_schema_of_a_new_one(old: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.db"

    await open_and_close(old)
    await open_and_close(new)

    assert schema_of(old) == schema_of(new)


async def test_rows_of_version_1_are_read_as_todays_objects(old: Path) -> None:
    async with opened(old) as store:
        workspace = await store.workspace("w1")
        key = await store.find_key("hash1")
        report = await store.ticket(2)
        private = await store.ticket(3)
        output = await store.list_messages(2)

    assert (workspace.name, workspace.plan, workspace.tickets_enabled) == (
        "Größe 東京",
        Plan.ENTERPRISE,
        True,
    )
    assert workspace.departments == (Department(id="general", name="General"),)
    assert (workspace.categories, workspace.unknown_categories) == ((), UnknownCategoryPolicy.KEEP)
    assert key is not None
    assert (key.name, key.expires_at, key.last_used_at, key.revoked_at) == ("", None, None, None)
    assert key.is_valid_for("somewhere", NOW + timedelta(days=9999))
    assert (report.view_only, report.reporter.label) == (True, "Rey ☃ (@rey)")
    assert (private.status, private.claimed_by) == (
        Status.CLOSED,
        Actor(id="12", name="Bob", source="somewhere"),
    )
    assert [(each.kind, each.text) for each in output] == [(MessageKind.NOTE, "Seen\x00 him 😀")]


async def test_pending_deliveries_of_version_1_are_still_delivered_in_order(old: Path) -> None:
    async with opened(old) as store:
        waiting = [
            row for number in (1, 2, 3) for row in await store.pending_for_ticket(number, Destination.DISCORD)
        ]
        back = await store.due_deliveries(Destination.GAME, (), NOW)

    assert [(one.id, one.kind) for one in waiting] == [
        (3, DeliveryKind.POST_MESSAGE),
        (7, DeliveryKind.POST),
        (8, DeliveryKind.UPDATE_POST),
        (11, DeliveryKind.POST_MESSAGE),
    ]
    assert [(one.id, one.nonce, one.message_id) for (one,) in back] == [(4, "n4", 1)]


async def test_a_migrated_file_accepts_new_work(old: Path) -> None:
    async with opened(old) as store:
        reply = await store.add_message(1, replying(), origin="new", now=NOW)
        reopened = await store.add_message(1, replying("Other"), origin="reply", now=NOW)
        ticket = await store.add_ticket("w1", new_ticket(), ids(), NOW)

    assert reply.id > 9
    assert (reopened.id, reopened.text) == (1, "We are on it.")
    assert ticket.id == 4


async def test_tickets_older_than_the_index_are_listed_counted_and_found(old: Path) -> None:
    async with opened(old) as store:
        scope = Scope(workspace_id="w1", source=(await store.ticket(1)).source)
        expected = [one for one in (3, 2, 1) if (await store.ticket(one)).source == scope.source]
        for left in (3, 0):
            assert await store.index_lag() == left
            for search in (TicketQuery(limit=10), TicketQuery(limit=10, text="")):
                found = await store.search_tickets(scope, search)
                assert [case.ticket.id for case in found.items] == expected
                assert found.total == len(expected)
            rey = await store.search_tickets(scope, TicketQuery(limit=10, text="REY ☃"))
            assert {case.ticket.id for case in rey.items} >= {expected[-1]}
            await store.index_batch()


async def test_foreign_keys_hold_after_a_migration(old: Path) -> None:
    async with opened(old) as store:
        key = await store.find_key("hash1")
        assert key is not None
        with raw(old) as db:
            db.execute("PRAGMA foreign_keys = OFF")
            db.execute("DELETE FROM api_keys WHERE prefix = 'prefix1'")

        with pytest.raises(StorageError, match="FOREIGN KEY constraint failed"):
            await store.save_rejected_request(key, "/p", "no", b"{", NOW)


@pytest.mark.parametrize("foreign_keys", ["ON", "OFF"])
async def test_the_view_only_triggers_are_complete_after_a_migration(old: Path, foreign_keys: str) -> None:
    await open_and_close(old)

    with raw(old) as db:
        db.execute(f"PRAGMA foreign_keys = {foreign_keys}")
        before = everything_in(db)
        for attack in ATTACKS.values():
            with pytest.raises(sqlite3.IntegrityError, match=r"^view-only: "):
                db.execute(attack)

        assert everything_in(db) == before


@pytest.mark.parametrize("done", range(len(STATEMENTS) + 1))
async def test_a_failed_statement_leaves_version_1_unchanged(
    old: Path, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    before = schema_of(old), version_one.rows_of(old)
    broken = "".join(STATEMENTS[:done]) + "\nINSERT INTO nowhere VALUES (1);\n"
    monkeypatch.setattr(storage.sqlite.migrate, "migrations", lambda: [migrations()[0], (2, broken)])

    with pytest.raises(DatabaseOpenError, match="no such table: nowhere"):
        await open_and_close(old)

    assert (schema_of(old), version_one.rows_of(old)) == before
    assert version_of(old) == 1


@pytest.mark.parametrize("last", [0, len(STATEMENTS) // 2, len(STATEMENTS) - 1])
async def test_kill_9_during_the_migration_of_version_1_is_finished_by_the_next_start(
    old: Path, last: int
) -> None:
    before = schema_of(old), version_one.rows_of(old)

    async with crash_worker("migrate", old, str(last)) as process:
        assert await process.wait() == -signal.SIGKILL

    assert (version_of(old), schema_of(old), version_one.rows_of(old)) == (1, *before)
    await open_and_close(old)
    assert (version_of(old), version_one.rows_of(old)) == (NEWEST, before[1])


@pytest.mark.parametrize("last", [0, 4, 8])
async def test_kill_9_during_the_migration_of_version_2_is_finished_by_the_next_start(
    second: Path, last: int
) -> None:
    before = schema_of(second), version_one.rows_of(second)
    assert version_of(second) == 2

    async with crash_worker("migrate", second, str(last)) as process:
        assert await process.wait() == -signal.SIGKILL

    assert (version_of(second), schema_of(second), version_one.rows_of(second)) == (2, *before)
    await open_and_close(second)
    assert (version_of(second), version_one.rows_of(second)) == (NEWEST, before[1])


@pytest.mark.parametrize(
    "loss",
    [
        "DELETE FROM tickets WHERE id = 2",
        "DELETE FROM messages WHERE id = 1",
        "DELETE FROM workspaces WHERE id = 'w2'",
    ],
)
async def test_a_file_with_dangling_references_is_refused_and_unchanged(old: Path, loss: str) -> None:
    with raw(old) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute(loss)
    before = schema_of(old), version_one.rows_of(old)

    with pytest.raises(
        DatabaseOpenError,
        match=r"cannot be brought to version 2: some of its rows refer to nothing\. Restore",
    ):
        await open_and_close(old)

    assert (version_of(old), schema_of(old), version_one.rows_of(old)) == (1, *before)
