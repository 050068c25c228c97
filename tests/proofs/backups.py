"""Proof: backups of a large database end while tickets come in, and each restores to what it was made of."""

import asyncio
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from storage import BackupFailed, DatabaseLock, open_store, restore_backup, verify_backup
from tests.bench.seed_database import copy_tickets
from tests.proofs.load import Ledger, under_load
from tests.proofs.outcome import OnProgress, Outcome, ignore_progress
from tests.proofs.process_harness import BridgeProcess, bridge_process
from tests.storage.samples import NOW, ids, new_ticket
from tests.support.bridge_harness import wait_for

_MODELS = 20  # tickets that the database is filled with copies of
_REQUEST_BYTES = 20_000  # of the request that each of them keeps


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSettings:
    backups: int = 20  # so many are made, each after another was killed
    megabytes: int = 500  # of the database, at least
    pace: float = 0.36  # seconds between two tickets of each of 24 game servers
    within: float = 60.0  # seconds in which a backup ends
    seed: int = 1
    bug: str | None = None


@dataclass(slots=True)
class Findings:
    seconds: list[float] = field(default_factory=list)  # that each backup took, with its process
    killed: int = 0
    left: int = 0  # killed backups that left files
    tickets: int = 0  # in the last backup
    bytes: int = 0
    wrong: list[str] = field(default_factory=list)


async def backups(settings: BackupSettings, on_progress: OnProgress = ignore_progress) -> Outcome:
    """Kill `ticketbridge backup` and run it again, under load; restore and compare what it made."""
    ledger, findings = Ledger(), Findings()
    with tempfile.TemporaryDirectory() as folder:
        async with bridge_process(Path(folder)) as bridge:
            await _fill(bridge.config.database, settings.megabytes)
            await bridge.start()
            started_at = time.monotonic()
            async with under_load(bridge, ledger, pace=settings.pace, seed=settings.seed, staff=None):
                await bridge.wait_for_2xx()
                await _back_up_repeatedly(bridge, ledger, settings, findings, on_progress)
            rate = len(ledger.tickets) / (time.monotonic() - started_at)
    return _outcome(settings, ledger, findings, rate)


async def _fill(database: Path, megabytes: int) -> None:
    """Add tickets that are posted already, until the file is as large as that."""
    store = await open_store(database)
    (workspace,) = await store.workspaces.list_all()
    request = f'{{"filler": "{"x" * _REQUEST_BYTES}"}}'
    for _ in range(_MODELS):
        new = replace(new_ticket(source="series"), raw_request=request)
        await store.intake.add_ticket(workspace.id, new, ids(), NOW)
    await store.close()
    with closing(sqlite3.connect(database, isolation_level=None)) as db:
        db.execute("DELETE FROM outbox")
        copy_tickets(db, megabytes * 1_000_000 // _REQUEST_BYTES)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def _back_up_repeatedly(
    bridge: BridgeProcess,
    ledger: Ledger,
    settings: BackupSettings,
    findings: Findings,
    on_progress: OnProgress,
) -> None:
    rng = random.Random(settings.seed)  # noqa: S311 - repeatable, no secret
    folder = bridge.config.folder / "backups"
    folder.mkdir()
    for number in range(settings.backups):
        while not await _kill_one(bridge, folder / f"killed-{number}.db", rng, findings):
            pass
        await _make_one(bridge, ledger, folder / f"{number}.db", settings, findings)
        on_progress(number + 1, settings.backups)
        if findings.wrong:
            return


async def _kill_one(bridge: BridgeProcess, target: Path, rng: random.Random, findings: Findings) -> bool:
    """Kill a backup some time after it has begun its file; whether it was killed before its end."""
    process = await bridge.start_command("backup", str(target))
    await wait_for(lambda: process.returncode is not None or _has_begun(target))
    await asyncio.sleep(rng.uniform(0.0, findings.seconds[-1] / 2 if findings.seconds else 0.1))
    was_killed = process.returncode is None
    if was_killed:
        process.kill()
    await process.wait()
    await asyncio.to_thread(_look_at_killed, target, findings)
    findings.killed += was_killed
    return was_killed


def _has_begun(target: Path) -> bool:
    return any(target.parent.glob(f".{target.name}.*"))


def _look_at_killed(target: Path, findings: Findings) -> None:
    """Count what it left; a file of its name must be a whole backup."""
    findings.left += _has_begun(target)
    if target.exists():  # it had ended before
        try:
            verify_backup(target)
        except BackupFailed as error:
            findings.wrong.append(str(error))
        target.unlink()


async def _make_one(
    bridge: BridgeProcess, ledger: Ledger, target: Path, settings: BackupSettings, findings: Findings
) -> None:
    """Make a backup, restore it to another file, and compare that with the database in use."""
    acknowledged, started_at = set(ledger.tickets), time.monotonic()
    process = await bridge.start_command("backup", str(target), bug=settings.bug)
    try:
        async with asyncio.timeout(settings.within):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
        findings.wrong.append(f"a backup did not end within {settings.within:.0f} s")
        return
    seconds = time.monotonic() - started_at
    if process.returncode != 0:
        log = bridge.config.command_log.read_text(errors="replace")
        findings.wrong.append(f"a backup ended with {process.returncode}: {log[-500:]}")
        return
    findings.seconds.append(seconds)
    findings.wrong += await asyncio.to_thread(_restore_and_compare, bridge, target, acknowledged, findings)


def _restore_and_compare(
    bridge: BridgeProcess, backup: Path, acknowledged: set[str], findings: Findings
) -> list[str]:
    """What is wrong with a backup, which is then deleted."""
    others = [path.name for path in backup.parent.iterdir() if path != backup]
    wrong = [f"{name} was left in the folder by a killed backup" for name in others]
    restored = bridge.config.folder / "restored.db"
    with DatabaseLock(restored):
        restore_backup(backup, restored, datetime.now(UTC))
    findings.tickets, findings.bytes = verify_backup(restored), backup.stat().st_size
    with closing(sqlite3.connect(restored, isolation_level=None, uri=True)) as db:
        db.execute("ATTACH DATABASE ? AS live", (f"{bridge.config.database.as_uri()}?mode=ro",))
        wrong += _differences(db, acknowledged)
    restored.unlink()
    backup.unlink()
    return wrong


def _differences(db: sqlite3.Connection, acknowledged: set[str]) -> Iterator[str]:
    """What is missing or different in `main`, a restored backup of `live`."""
    subjects = {subject for (subject,) in db.execute("SELECT subject FROM main.tickets")}
    if missing := acknowledged - subjects:
        yield f"{len(missing)} tickets acknowledged before a backup are not in it"
    (changed,) = db.execute(
        """
        SELECT count(*) FROM live.tickets AS live LEFT JOIN main.tickets AS restored USING (id)
        WHERE live.id <= (SELECT max(id) FROM main.tickets)
              AND (live.public_id, live.subject, live.body, live.raw_request)
                  IS NOT (restored.public_id, restored.subject, restored.body, restored.raw_request)
        """
    ).fetchone()
    if changed:
        yield f"{changed} tickets of a backup are not those of the database"
    (halves,) = db.execute(
        """
        SELECT count(*) FROM main.tickets
        WHERE subject LIKE 'load %' AND id NOT IN (SELECT ticket_id FROM main.outbox)
        """
    ).fetchone()
    if halves:
        yield f"{halves} tickets are in a backup without their deliveries"


def _outcome(settings: BackupSettings, ledger: Ledger, findings: Findings, rate: float) -> Outcome:
    wrong = list(findings.wrong)
    if not findings.wrong and not findings.left:
        wrong.append("no killed backup left a file, so nothing is shown")
    seconds = sorted(findings.seconds)
    return Outcome(
        name="backups under load",
        wrong=wrong,
        figures={
            "tickets acknowledged meanwhile": f"{len(ledger.tickets)} ({rate:.0f} a second)",
            "backups killed while they ran": f"{findings.killed} (of these left files {findings.left})",
            "backups made, restored and compared": f"{len(seconds)}",
            "size of the last (MB), tickets in it": f"{findings.bytes / 1e6:.0f}, {findings.tickets}",
            "seconds of each": f"median {statistics.median(seconds):.1f}, longest {seconds[-1]:.1f}"
            if seconds
            else "-",
        },
    )
