"""Times the minimum for storing a ticket: one row, one index, one synced commit.

`python -m tests.bench.commit FILE COUNT` prints the median of its seconds.
"""

import asyncio
import sqlite3
import statistics
import sys
import time
from contextlib import closing

from tests.bench.cores import on
from tests.bench.load import ROOT
from tests.bench.plan import Bench

_COUNT = 200


def commits(file: str, count: int) -> float:
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("CREATE TABLE tickets (id INTEGER PRIMARY KEY, name TEXT UNIQUE, body TEXT)")
        times = []
        for number in range(count):
            started_at = time.perf_counter()
            db.execute("INSERT INTO tickets (name, body) VALUES (?, ?)", (f"PLAYER-{number:06d}", "x" * 350))
            times.append(time.perf_counter() - started_at)
    return statistics.median(times)


async def one_commit(bench: Bench) -> float:
    """Seconds, on the server's core."""
    file = bench.new_folder("commit") / "one.db"
    with on(bench.cores.server):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bench.commit", str(file), str(_COUNT),
            cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
    output, _ = await process.communicate()
    return float(output)


if __name__ == "__main__":
    print(commits(sys.argv[1], int(sys.argv[2])))
