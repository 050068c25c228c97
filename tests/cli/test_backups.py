"""`ticketbridge backup` and `restore`, and scheduled backups."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from bot.config import BackupSettings
from bot.jobs.backups import back_up_and_prune, run_backup_schedule, seconds_until_next_backup
from storage.sqlite.backup import scheduled_backup_name, verify_backup
from tests.cli.conftest import RunCommand, create_workspace, error_of, output_of
from tests.storage.samples import NOW
from tests.support.bridge_harness import wait_for


@pytest.fixture
async def main(ticketbridge: RunCommand) -> None:
    """A workspace named main."""
    await create_workspace(ticketbridge)


@pytest.fixture
async def backup(ticketbridge: RunCommand, main: None, tmp_path: Path) -> Path:
    path = tmp_path / "backup.db"
    assert f"{path} is verified: 0 tickets" in await output_of(ticketbridge, "backup", path)
    return path


async def test_a_backup_is_a_valid_database(backup: Path) -> None:
    assert verify_backup(backup) == 0


async def test_an_existing_file_is_never_overwritten(ticketbridge: RunCommand, backup: Path) -> None:
    assert "there already" in await error_of(ticketbridge, "backup", backup)


async def test_a_database_in_use_is_not_restored(
    ticketbridge: RunCommand, backup: Path, database: Path, beside: bool
) -> None:
    if beside:
        assert "Another ticketbridge is using" in await error_of(ticketbridge, "restore", backup)
        return
    await output_of(ticketbridge, "workspace", "set", "main", "--plan", "free")

    printed = await output_of(ticketbridge, "restore", backup)

    assert f"{database} is restored: 0 tickets." in printed
    assert "The database that was there before is now " in printed
    assert "enterprise" in await output_of(ticketbridge, "workspace", "show", "main")


async def test_a_restore_says_that_players_are_erased_again(
    ticketbridge: RunCommand, backup: Path, beside: bool
) -> None:
    if beside:
        return
    await output_of(ticketbridge, "player", "erase", 7, "--source", "series", "--yes")

    printed = await output_of(ticketbridge, "restore", backup)

    assert "1 erasure of players after the backup was made: ticketbridge repeats" in printed
    assert "operator" in await output_of(ticketbridge, "player", "erasures")


async def test_a_restore_says_that_erasures_are_not_known(
    ticketbridge: RunCommand, backup: Path, database: Path, beside: bool
) -> None:
    if beside:
        return
    await asyncio.to_thread(database.write_bytes, b"damaged")

    assert "erase them again" in await output_of(ticketbridge, "restore", backup)


@pytest.mark.parametrize("path", ["nothing.db", "text.db"])
async def test_a_file_that_is_no_backup_is_not_restored(
    ticketbridge: RunCommand, main: None, tmp_path: Path, beside: bool, path: str
) -> None:
    (tmp_path / "text.db").write_text("no database" * 1000)
    if not beside:
        sentence = await error_of(ticketbridge, "restore", tmp_path / path)
        assert "There is no backup" in sentence or "not a ticketbridge database" in sentence
    assert "main" in await output_of(ticketbridge, "workspace", "list")


def test_a_backup_is_due_when_the_newest_is_old_enough(tmp_path: Path) -> None:
    assert seconds_until_next_backup(tmp_path / "none", 24, NOW) == 0

    (tmp_path / scheduled_backup_name(NOW)).touch()

    assert seconds_until_next_backup(tmp_path, 24, NOW + timedelta(hours=23)) == 3600
    assert seconds_until_next_backup(tmp_path, 24, NOW + timedelta(hours=25)) == 0


def test_a_backup_is_due_though_the_clock_was_set_back_since_the_newest(tmp_path: Path) -> None:
    (tmp_path / scheduled_backup_name(NOW + timedelta(days=365))).touch()

    assert seconds_until_next_backup(tmp_path, 24, NOW) == 0


async def test_scheduled_backups_are_made_and_old_ones_are_deleted(
    ticketbridge: RunCommand, main: None, database: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    for hour in range(5):
        (folder / scheduled_backup_name(NOW + timedelta(hours=hour))).touch()

    keeping = asyncio.create_task(
        run_backup_schedule(database, BackupSettings(folder=folder, hours=24, keep=3))
    )
    await wait_for(lambda: len(list(folder.iterdir())) == 3)
    keeping.cancel()
    await asyncio.wait([keeping])

    *older, newest = sorted(folder.iterdir())
    assert [path.name for path in older] == [
        scheduled_backup_name(NOW + timedelta(hours=hour)) for hour in (3, 4)
    ]
    assert verify_backup(newest) == 0


async def test_without_a_folder_there_are_no_backups(database: Path) -> None:
    await run_backup_schedule(database, BackupSettings())


async def test_a_backup_that_fails_is_logged_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = BackupSettings(folder=tmp_path / "backups")

    keeping = asyncio.create_task(run_backup_schedule(tmp_path / "nothing.db", settings))
    await wait_for(lambda: "trying again in an hour" in caplog.text)

    assert not keeping.done()
    keeping.cancel()
    await asyncio.wait([keeping])


def test_a_failed_backup_leaves_no_file(tmp_path: Path, database: Path) -> None:
    database.touch()
    with pytest.raises(Exception, match="not a ticketbridge database"):
        back_up_and_prune(database, tmp_path / "backups", 1)

    assert list((tmp_path / "backups").iterdir()) == []
