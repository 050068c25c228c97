"""Proofs about the database file: another program may write to it, but no reply to a game report."""

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
from tests.proofs.outcome import OnProgress, Outcome, ignore_progress
from tests.proofs.process_harness import BridgeProcess, bridge_process


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignWriterSettings:
    seconds: float = 60.0
    bug: str | None = None


async def foreign_writer(
    settings: ForeignWriterSettings, on_progress: OnProgress = ignore_progress
) -> Outcome:
    """Commit to the bridge's file from another program all the time, as an operator with a shell might.

    Every ticket is accepted all the same, because a transaction takes the write lock before it reads.
    """
    ledger = Ledger()
    with tempfile.TemporaryDirectory() as folder:
        async with bridge_process(Path(folder), channels=6, bug=settings.bug) as bridge:
            await bridge.start()
            async with under_load(bridge, ledger, pace=0.1, seed=1, staff=None):
                await bridge.wait_for_2xx()
                with _committing(bridge.config.database) as commits:
                    deadline = time.monotonic() + settings.seconds
                    while (left := deadline - time.monotonic()) > 0:
                        await asyncio.sleep(0.2)
                        on_progress(int((settings.seconds - left) * 10), int(settings.seconds * 10))
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
def _committing(database: Path) -> Iterator[list[int]]:
    """Commit updates that change nothing until the block ends; yields a list with the number of commits."""
    commits, stop = [0], threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(database, timeout=30, isolation_level=None)) as db:
            db.execute("PRAGMA wal_autocheckpoint = 0")  # checkpoints are the bridge's
            while not stop.wait(0.002):
                db.execute("UPDATE workspaces SET created_at = created_at + 1")
                commits[0] += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield commits
    finally:
        stop.set()
        thread.join()


@dataclass(frozen=True, slots=True, kw_only=True)
class RawReplySettings:
    tickets: int = 40  # about a third of them are game reports
    bug: str | None = None


async def raw_reply(settings: RawReplySettings, on_progress: OnProgress = ignore_progress) -> Outcome:
    """Insert a reply to each game report with plain SQL; the database itself must refuse it."""
    ledger, enough = Ledger(), asyncio.Event()
    with tempfile.TemporaryDirectory() as folder:
        async with bridge_process(Path(folder), channels=6, bug=settings.bug) as bridge:

            def count() -> None:
                if len(ledger.tickets) >= settings.tickets:
                    enough.set()

            await bridge.start()
            async with under_load(bridge, ledger, pace=0.1, seed=1, staff=None, on_accepted=count):
                await bridge.wait_for_2xx()
                await enough.wait()
            attempted, accepted = _reply_to_reports(bridge)
    wrong = [f"{accepted} replies to game reports were taken"] if accepted else []
    wrong += [] if attempted else ["there was no game report to try it on"]
    figures = {"replies tried on game reports": f"{attempted}", "taken": f"{accepted}"}
    return Outcome(name="replies past all code", wrong=wrong, figures=figures)


def _reply_to_reports(bridge: BridgeProcess) -> tuple[int, int]:
    """Try it on every game report; how many replies were attempted, and how many the database accepted."""
    attempted, accepted = 0, 0
    with closing(sqlite3.connect(bridge.config.database, timeout=30, isolation_level=None)) as db:
        for (ticket_id,) in db.execute("SELECT id FROM tickets WHERE view_only = 1").fetchall():
            attempted += 1
            with suppress(sqlite3.IntegrityError):
                db.execute(
                    """
                    INSERT INTO messages
                        (ticket_id, kind, author_id, author_name, author_source, text, origin, created_at)
                    VALUES (?, 'reply', '1', 'x', 'discord', 'x', ?, 1)
                    """,
                    (ticket_id, f"raw:{ticket_id}"),
                )
                accepted += 1
    return attempted, accepted
