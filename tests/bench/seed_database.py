"""Makes databases with many tickets: a few are created through the store, the others are copies in SQL.

So the rows are what the bridge itself writes, whatever columns there are; only what must differ does. Of the
copies one in twenty is open, each player has filed twenty, and all but the newest are posted; Minecraft's
players are reported twenty times each. Both contracts take turns: Roblox has the odd numbers, and the players
with odd ones. A third of the tickets is claimed, by 20 members of staff; one in ten has a tag, one in fifty
is urgent.
"""

import json
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.sources.registry import load_sources
from storage import Store, open_store
from tests.bench.seed_workspace import BridgeFolder, create_bridge_folder
from tests.bench.serving import MINECRAFT, ROBLOX, Contract

PENDING = 500  # pending deliveries, whatever the size
MODELS = 200  # tickets that are copied
_CHUNK = 50_000  # rows of one transaction
_BATCH = 10_000  # tickets indexed in one transaction
_EACH = 20  # tickets of one player
STAFF = 20  # members who claimed tickets
TAGS = 10
_AGE = timedelta(days=365)

# Words of the subjects: each is in so many of a hundred tickets.
WORDS = {"exploiting": 50, "spawn": 5, "griefing": 1}


async def create_seeded_folder(folder: Path, tickets: int) -> BridgeFolder:
    """Create a bridge folder with so many tickets, synced to the disk."""
    bridge = await create_bridge_folder(folder)
    await _file_models(bridge)
    with closing(sqlite3.connect(bridge.database, isolation_level=None)) as db:
        copy_tickets(db, tickets)
        _tag(db)
        _mark_delivered(db)
    await _index(bridge)
    with closing(sqlite3.connect(bridge.database, isolation_level=None)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    to_disk(bridge.database)
    return bridge


def players(tickets: int) -> int:
    """How many players created them: an even number, so that each uses one contract."""
    return max(2, tickets // _EACH // 2 * 2)


def to_disk(file: Path) -> None:
    """Sync and checkpoint, so that nothing is left to be written during a measurement."""
    with file.open("rb") as opened:
        os.fsync(opened.fileno())


async def _file_models(bridge: BridgeFolder) -> None:
    store = await open_store(bridge.database)
    try:
        (workspace,) = await store.workspaces.list_all()
        begin = datetime.now(UTC) - _AGE
        for number in range(MODELS):
            await _file(store, workspace.id, (MINECRAFT, ROBLOX)[number % 2], number, begin)
    finally:
        await store.close()


async def _index(bridge: BridgeFolder) -> None:
    store = await open_store(bridge.database)
    try:
        while await store.search_index.index_batch(_BATCH):
            pass
    finally:
        await store.close()


async def _file(store: Store, workspace_id: str, contract: Contract, number: int, begin: datetime) -> None:
    source = load_sources()[contract.source]
    (intake,) = (one for one in source.intake_endpoints if one.path == contract.path)
    words = [word for word, share in WORDS.items() if number // 2 % 100 < share]
    new = intake.parse(json.dumps(dict(contract.body) | {"subject": " ".join(["Report", *words])}).encode())
    now = begin + timedelta(seconds=number)
    await store.intake.add_ticket(workspace_id, new, source.new_public_ids(new, now), now)


def copy_tickets(db: sqlite3.Connection, tickets: int) -> None:
    """Copy rows until there are so many. sqlite3.IntegrityError: a new unique column is not varied."""
    made = {
        "id": ":base + n",
        "uid": "printf('%08x%06x%010x', m.created_at / 1000, n, :base + n)",
        "public_id": "printf('%s-%09d', substr(m.public_id, 1, instr(m.public_id, '-') - 1), :base + n)",
        "subject": "m.subject || ' ' || (:base + n)",
        "reporter_id": "'player-' || ((:base + n) % :players)",
        "reported_id": "iif(m.reported_id IS NULL, NULL, 'accused-' || ((:base + n) % :players))",
        "status": "CASE WHEN (:base + n) / 2 % 20 = 0 THEN 'open' ELSE 'closed' END",
        "priority": "CASE WHEN (:base + n) / 2 % 100 < 2 THEN 'urgent' ELSE 'normal' END",
        "claimed_by_id": "iif((:base + n) / 2 % 3 = 0, 'staff-' || ((:base + n) / 6 % :staff), NULL)",
        "claimed_by_name": "iif((:base + n) / 2 % 3 = 0, 'Alice', NULL)",
        "claimed_by_source": "iif((:base + n) / 2 % 3 = 0, 'discord', NULL)",
        "created_at": "m.created_at + (:base + n) * :apart",
        "updated_at": "m.updated_at + (:base + n) * :apart",
    }
    columns = [name for _, name, *_ in db.execute("PRAGMA table_info(tickets)")]
    models = [number for (number,) in db.execute("SELECT id FROM tickets ORDER BY id")]
    sql = f"""
        WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)
        INSERT INTO tickets ({", ".join(columns)})
        SELECT {", ".join(made.get(name, f"m.{name}") for name in columns)}
        FROM numbers JOIN tickets AS m ON m.id = :first + n % :models
    """  # noqa: S608 - names of our own columns
    parameters = {"apart": int(_AGE.total_seconds() * 1000 / tickets), "players": players(tickets)}
    parameters |= {"first": models[0], "models": len(models), "staff": STAFF}
    db.execute("PRAGMA synchronous = OFF")
    for base in range(len(models), tickets, _CHUNK):
        db.execute(sql, parameters | {"base": base, "count": min(_CHUNK, tickets - base)})


def _tag(db: sqlite3.Connection) -> None:
    db.execute(
        """
        INSERT INTO ticket_tags
        SELECT id, 'tag-' || (id / 2 % :tags) FROM tickets WHERE id / 2 % 100 < :tags
        """,
        {"tags": TAGS},
    )


def _mark_delivered(db: sqlite3.Connection) -> None:
    """Mark the posts of all but the newest tickets delivered."""
    db.execute("DELETE FROM outbox")
    db.execute(
        """
        INSERT INTO outbox (
            ticket_id, guild_id, kind, queue, channel_id, nonce, state, due_at, created_at,
            settled_at
        )
        SELECT id, 1, 'post', 'posts:' || (2 + view_only), 2 + view_only, printf('bench-%d', id),
               'done', created_at, created_at, created_at
        FROM tickets
        """
    )
    db.execute(
        """
        UPDATE outbox SET state = 'pending', settled_at = NULL
        WHERE id > (SELECT max(id) FROM outbox) - :pending
        """,
        {"pending": PENDING},
    )
    db.execute(
        """
        UPDATE tickets SET post_channel_id = 2 + view_only, post_message_id = 10000000 + id
        WHERE id <= (SELECT max(id) FROM tickets) - :pending
        """,
        {"pending": PENDING},
    )
