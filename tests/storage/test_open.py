"""Opening a database: migrations all or nothing, and a clear error for a file of another program."""

import signal
from pathlib import Path

import pytest

import storage.sqlite.migrate
from bot.tickets.workspace import Workspace
from storage import DatabaseOpenError, Store, open_store
from storage.sqlite.migrate import migrations, statements
from tests.storage.samples import HUB, NOW, ids, new_ticket, raw
from tests.support.crash_worker import crash_worker

FIRST = migrations()[0]
NEWEST = migrations()[-1][0]


def version_of(path: Path) -> int:
    with raw(path) as db:
        version: int = db.execute("PRAGMA user_version").fetchone()[0]
    return version


def schema_of(path: Path) -> list[tuple[str, str]]:
    with raw(path) as db:
        return db.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()


async def open_and_close(path: Path) -> None:
    await (await open_store(path)).close()


def test_migrations_are_numbered_without_a_gap() -> None:
    assert [number for number, _ in migrations()] == list(range(1, NEWEST + 1))


def test_splitting_a_migration_into_statements_loses_nothing() -> None:
    for _, script in migrations():
        assert "".join(statements(script)).strip() == script.strip()


def test_a_trigger_is_one_statement() -> None:
    trigger = "CREATE TRIGGER t BEFORE INSERT ON a\nBEGIN\n    SELECT 1;\n    SELECT 2;\nEND;\n"

    assert list(statements(f"CREATE TABLE a (b);\n{trigger}")) == ["CREATE TABLE a (b);\n", trigger]


async def test_a_new_file_is_migrated_to_the_newest_version(path: Path) -> None:
    await open_and_close(path)

    assert version_of(path) == NEWEST


async def test_opening_again_changes_nothing(store: Store, workspace: Workspace, path: Path) -> None:
    await store.close()
    before = schema_of(path)

    reopened = await open_store(path)

    assert schema_of(path) == before
    assert await reopened.workspaces.list_all() == [workspace]
    await reopened.close()


async def test_a_later_migration_keeps_the_data(
    store: Store, workspace: Workspace, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    await store.close()
    later = (NEWEST + 1, "CREATE TABLE later (x INTEGER) STRICT;\n")
    monkeypatch.setattr(storage.sqlite.migrate, "migrations", lambda: [FIRST, later])

    reopened = await open_store(path)

    assert await reopened.tickets.get(ticket.id) == ticket
    assert version_of(path) == NEWEST + 1
    await reopened.close()


async def test_a_failed_migration_leaves_the_last_complete_version(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await open_and_close(path)
    before = schema_of(path)
    broken = (NEWEST + 1, "CREATE TABLE later (x INTEGER) STRICT;\nINSERT INTO nowhere VALUES (1);\n")
    monkeypatch.setattr(storage.sqlite.migrate, "migrations", lambda: [FIRST, broken])

    with pytest.raises(DatabaseOpenError, match="no such table: nowhere"):
        await open_store(path)

    assert (version_of(path), schema_of(path)) == (NEWEST, before)


@pytest.mark.parametrize("last", [0, 1, len(list(statements(FIRST[1]))) - 1])
async def test_a_migration_killed_in_the_middle_is_finished_at_the_next_start(path: Path, last: int) -> None:
    async with crash_worker("migrate", path, str(last)) as process:
        assert await process.wait() == -signal.SIGKILL
    assert (version_of(path), schema_of(path)) == (0, [])

    store = await open_store(path)

    assert version_of(path) == NEWEST
    assert (await store.workspaces.add(HUB, NOW)).name == "hub"
    await store.close()


async def test_a_file_of_an_early_build_is_refused(path: Path) -> None:
    with raw(path) as db:
        db.execute("CREATE TABLE answered (id INTEGER PRIMARY KEY)")
        db.execute("PRAGMA user_version = 1")

    with pytest.raises(DatabaseOpenError, match=r"early build of 0\.1\.0"):
        await open_store(path)


async def test_a_file_with_another_first_version_is_refused_and_unchanged(path: Path) -> None:
    earlier = FIRST[1].replace(" OR status = 'unfinished'", "")
    with raw(path) as db:
        db.executescript(earlier)
        db.execute("PRAGMA user_version = 1")
    before = schema_of(path)

    with pytest.raises(DatabaseOpenError, match=r"early build of 0\.1\.0"):
        await open_store(path)

    assert schema_of(path) == before


async def test_a_file_of_a_newer_ticketbridge_is_refused_and_unchanged(path: Path) -> None:
    await open_and_close(path)
    with raw(path) as db:
        db.execute(f"PRAGMA user_version = {NEWEST + 1}")

    with pytest.raises(
        DatabaseOpenError, match=rf"version {NEWEST + 1}, newer than .* \({NEWEST}\)\. Install"
    ):
        await open_store(path)

    assert version_of(path) == NEWEST + 1


async def test_a_file_that_is_no_database_is_refused_and_unchanged(path: Path) -> None:
    letter = b"Dear diary, " * 500
    path.write_bytes(letter)  # noqa: ASYNC240  # nothing else runs

    with pytest.raises(DatabaseOpenError, match=r"tickets\.db cannot be opened .*not a database"):
        await open_store(path)

    assert path.read_bytes() == letter  # noqa: ASYNC240  # nothing else runs


async def test_the_database_of_another_program_is_refused_and_unchanged(path: Path) -> None:
    with raw(path) as db:
        db.execute("CREATE TABLE tickets (seat TEXT)")
    before = schema_of(path)

    with pytest.raises(DatabaseOpenError, match=r"tickets already exists.*move a foreign file"):
        await open_store(path)

    assert (version_of(path), schema_of(path)) == (0, before)


async def test_a_path_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    causes = {
        tmp_path / "nowhere" / "tickets.db": "No such file or directory",
        tmp_path / "file" / "tickets.db": "Not a directory",
        tmp_path: "unable to open database file",
        Path("/proc/tickets.db"): "",
    }

    for path, cause in causes.items():
        with pytest.raises(DatabaseOpenError, match=f"{path} cannot be opened .*{cause}.*Check the path"):
            await open_store(path)
