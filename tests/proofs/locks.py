"""Two short proofs: another program writes to the file, and a reply is written where there must be none."""

import asyncio
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.proofs.load import Ledger, under_load
from tests.proofs.outcome import Outcome, Step
from tests.proofs.process_harness import House, opened


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """How it is done."""

    seconds: float = 60.0
    plant: str | None = None


async def foreign_writer(told: Foreign, step: Step = lambda done, of: None) -> Outcome:
    """Another program commits to the same file all the time, as a careless or a curious operator might.

    Every ticket is taken all the same: whoever writes waits for the lock before it reads anything.
    """
    ledger = Ledger()
    with tempfile.TemporaryDirectory() as folder:
        async with opened(Path(folder), channels=6, plant=told.plant) as house:
            await house.start()
            async with under_load(house, ledger, pace=0.1, seed=1, staff=None):
                await house.answers()
                with _writing(house.opening.database) as commits:
                    until = time.monotonic() + told.seconds
                    while time.monotonic() < until:
                        await asyncio.sleep(0.2)
                        step(int((told.seconds - (until - time.monotonic())) * 10), int(told.seconds * 10))
    wrong = [f"{len(ledger.refused)} tickets were refused: {ledger.refused[0]}"] if ledger.refused else []
    wrong += [] if commits[0] and ledger.tickets else ["nothing was written, so nothing is shown"]
    return Outcome(
        name="foreign writer",
        wrong=wrong,
        figures={
            "commits of another program": f"{commits[0]}",
            "tickets acknowledged": f"{len(ledger.tickets)}",
            "tickets refused": f"{len(ledger.refused)}",
        },
    )


@contextmanager
def _writing(database: Path) -> Iterator[list[int]]:
    """Commits small changes that change nothing until the block ends; how many there were."""
    commits, enough = [0], threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(database, timeout=30, isolation_level=None)) as db:
            db.execute("PRAGMA wal_autocheckpoint = 0")  # that is the bridge's own business
            while not enough.wait(0.002):
                db.execute("UPDATE workspaces SET created_at = created_at + 1")
                commits[0] += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield commits
    finally:
        enough.set()
        thread.join()


@dataclass(frozen=True, slots=True, kw_only=True)
class RawReply:
    """How it is done."""

    plant: str | None = None


async def raw_reply(told: RawReply, step: Step = lambda done, of: None) -> Outcome:
    """A reply to a game report is put into the file past all our code: the file itself must refuse it."""
    ledger = Ledger()
    with tempfile.TemporaryDirectory() as folder:
        async with opened(Path(folder), channels=6, plant=told.plant) as house:
            await house.start()
            async with under_load(house, ledger, pace=0.1, seed=1, staff=None):
                await house.answers()
                await asyncio.sleep(0.5)
            tried, taken = _reply_to_reports(house)
    wrong = [f"{taken} replies to game reports were taken"] if taken else []
    wrong += [] if tried else ["there was no game report to try it on"]
    figures = {"replies tried on game reports": f"{tried}", "taken": f"{taken}"}
    return Outcome(name="replies past all code", wrong=wrong, figures=figures)


def _reply_to_reports(house: House) -> tuple[int, int]:
    """How many were tried, and how many the file took."""
    tried, taken = 0, 0
    with closing(sqlite3.connect(house.opening.database, timeout=30, isolation_level=None)) as db:
        for (ticket,) in db.execute("SELECT id FROM tickets WHERE view_only = 1").fetchall():
            tried += 1
            with suppress(sqlite3.IntegrityError):
                db.execute(
                    """
                    INSERT INTO messages
                        (ticket_id, kind, author_id, author_name, author_source, text, origin, created_at)
                    VALUES (?, 'reply', '1', 'x', 'discord', 'x', ?, 1)
                    """,
                    (ticket, f"raw:{ticket}"),
                )
                taken += 1
    return tried, taken
