"""The search index: bitmaps of tickets by the values of each filter, tickets by player, and trigrams.

It is filled in batches after the tickets are stored. A query adds what is not indexed yet from the tickets'
rows: those above `indexed_to`, and those that changed since they were indexed.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from storage.db import Db
from storage.sqlite.search import bitmap
from storage.sqlite.search.bitmap import IdSet, decode, encode
from storage.sqlite.search.trigrams import index_text

# The filters with bitmaps, as columns of _FACETS; of the tags and the assignees a ticket can have several.
_COLUMNS = ("workspace", "source", "status", "priority", "category", "department", "assignee")
UNCLAIMED = ""  # as the assignee: nobody claimed it

Facet = tuple[str, str]  # a filter and one of its values


def assignee_value(source: str, member_id: str) -> str:
    """The value of the filter `assignee` for a person."""
    return f"{source}:{member_id}"


def index_batch(db: Db, limit: int) -> int:
    """Index the next new and the next changed tickets, each of one block; return how many are left."""
    (progress,) = db.all(_PROGRESS)
    first = progress["indexed_to"] + 1
    end_of_block = (first // bitmap.BLOCK_SIZE + 1) * bitmap.BLOCK_SIZE - 1
    last = min(first - 1 + limit, progress["newest"], end_of_block)
    _index(db, range(first, last + 1))
    db.run("UPDATE search_progress SET indexed_to = :last", {"last": last})
    _index(db, [row["id"] for row in db.all(_CHANGED, {"size": bitmap.BLOCK_SIZE, "limit": limit})])
    return lag(db)


def lag(db: Db) -> int:
    """How many tickets are not indexed yet, or changed since."""
    (progress,) = db.all(_PROGRESS)
    return int(progress["newest"] - progress["indexed_to"] + progress["changed"])


def unindexed_ids(db: Db) -> list[int]:
    """The tickets that are not indexed yet, or changed since."""
    return [row["id"] for row in db.all(_UNINDEXED)]


def facets_of(db: Db, ids: Sequence[int]) -> dict[Facet, IdSet]:
    """The given tickets by the values of each filter, from their rows."""
    found: dict[Facet, list[int]] = defaultdict(list)
    for facet, ticket_id in _facets(db, ids):
        found[facet].append(ticket_id)
    return {facet: IdSet.of(members) for facet, members in found.items()}


def _facets(db: Db, ids: Sequence[int]) -> Iterator[tuple[Facet, int]]:
    for row in db.all(_FACETS, {"ids": ids}):
        for column in _COLUMNS:
            yield (column, row[column]), row["id"]
    for row in db.all(_TAGS_AND_ASSIGNEES, {"ids": ids}):
        yield (row["facet"], row["value"]), row["id"]


def of_player(db: Db, source: str, player_id: str, *, after: int, limit: int) -> list[int]:
    """The first tickets with a greater id than `after` that a player reported or is reported in."""
    params = {"source": source, "player": player_id, "after": after, "limit": limit}
    found = {row["id"] for row in db.all(_OF_PLAYER, params)}
    if len(found) < limit:  # those that are not indexed yet are newer
        unindexed = [one for one in unindexed_ids(db) if one > after]
        found |= {row["id"] for row in db.all(_OF_PLAYER_AMONG, {**params, "ids": unindexed})}
    return sorted(found)[:limit]


def forget(db: Db, ids: Sequence[int], player_ids: Sequence[str]) -> None:
    """Take out the texts of tickets, and that players reported them or are reported in them."""
    db.run("DELETE FROM search_text WHERE rowid = ANY(:ids)", {"ids": ids})
    db.run(_FORGET_PLAYERS, {"ids": ids, "players": player_ids})


def forget_former(db: Db, player_id: str) -> None:
    """Take out which tickets a player reported or was reported in once, and is no more."""
    db.run(_FORGET_FORMER, {"player": player_id})


def merge(db: Db, pages: int) -> bool:
    """Write some pages of the texts' index without what was taken out of it; False once there is none.

    A negative number begins the merge of the whole index, positive ones continue it.
    """
    before = _changes(db)
    db.run("INSERT INTO search_text (search_text, rank) VALUES ('merge', :pages)", {"pages": pages})
    return _changes(db) - before >= 2  # the statement itself is one change


def _changes(db: Db) -> int:
    (row,) = db.all("SELECT total_changes() AS number")
    return int(row["number"])


def _index(db: Db, ids: Sequence[int]) -> None:
    """Index tickets of one block, for the first time or again."""
    if not ids:
        return
    _write_bitmaps(db, ids)
    _write_texts(db, ids)
    db.run(_INSERT_PLAYERS, {"ids": ids})
    db.run("DELETE FROM changed_tickets WHERE ticket_id = ANY(:ids)", {"ids": ids})


def _write_bitmaps(db: Db, ids: Sequence[int]) -> None:
    block = ids[0] // bitmap.BLOCK_SIZE
    stored = {
        (row["facet"], row["value"]): decode(row["members"])
        for row in db.all("SELECT * FROM ticket_bitmaps WHERE block = :block", {"block": block})
    }
    changed = _reindexed(stored, IdSet.of(ids).blocks[block], facets_of(db, ids), block)
    db.run_many(
        _UPSERT_BITMAP,
        [
            {"facet": facet, "value": value, "block": block, "members": encode(bits)}
            for (facet, value), bits in changed.items()
        ],
    )


def _reindexed(
    stored: Mapping[Facet, int], ids: int, facets: Mapping[Facet, IdSet], block: int
) -> dict[Facet, int]:
    """The bitmaps of a block that differ from the stored ones, with the ids in those of `facets` alone."""
    bitmaps = {facet: bits ^ (bits & ids) for facet, bits in stored.items()}
    for facet, members in facets.items():
        bitmaps[facet] = bitmaps.get(facet, 0) | members.blocks[block]
    return {facet: bits for facet, bits in bitmaps.items() if bits != stored.get(facet)}


def _write_texts(db: Db, ids: Sequence[int]) -> None:
    stored = {row["id"]: row["words"] for row in db.all(_STORED_TEXTS, {"ids": ids})}
    texts = {
        row["id"]: index_text(row["subject"], row["reporter_name"], row["reporter_display_name"])
        for row in db.all(TEXTS, {"ids": ids})
    }
    changed = [
        {"id": ticket_id, "words": texts[ticket_id]}
        for ticket_id in sorted(texts)  # FTS5 begins a new segment for each id below the one before
        if texts[ticket_id] != stored.get(ticket_id)
    ]
    db.run_many("REPLACE INTO search_text (rowid, words) VALUES (:id, :words)", changed)


_PROGRESS = """
    SELECT indexed_to, (SELECT coalesce(max(id), 0) FROM tickets) AS newest,
           (SELECT count(*) FROM changed_tickets WHERE ticket_id <= indexed_to) AS changed
    FROM search_progress
"""
_CHANGED = """
    SELECT ticket_id AS id FROM changed_tickets
    WHERE ticket_id <= (SELECT indexed_to FROM search_progress)
      AND ticket_id < ((SELECT min(ticket_id) FROM changed_tickets) / :size + 1) * :size
    ORDER BY ticket_id LIMIT :limit
"""
_UNINDEXED = """
    SELECT id FROM tickets WHERE id > (SELECT indexed_to FROM search_progress)
    UNION SELECT ticket_id FROM changed_tickets
"""
_FACETS = """
    SELECT tickets.id, workspace_id AS workspace, source, status, priority, category, department,
           coalesce(claimed_by_source || ':' || claimed_by_id, '') AS assignee
    FROM each_number(:ids) AS one JOIN FIRST tickets ON tickets.id = one.value
"""
_TAGS_AND_ASSIGNEES = """
    SELECT ticket_id AS id, 'tag' AS facet, tag AS value
    FROM each_number(:ids) AS one JOIN FIRST ticket_tags ON ticket_id = one.value
    UNION ALL SELECT ticket_id, 'assignee', source || ':' || member_id
    FROM each_number(:ids) AS one JOIN FIRST ticket_assignees ON ticket_id = one.value
"""
_UPSERT_BITMAP = """
    INSERT INTO ticket_bitmaps (facet, value, block, version, members)
    VALUES (:facet, :value, :block, 0, :members)
    ON CONFLICT (facet, value, block) DO UPDATE
    SET version = ticket_bitmaps.version + 1, members = excluded.members
"""
_INSERT_PLAYERS = """
    INSERT INTO player_tickets (player_id, ticket_id)
    SELECT player_id, id FROM (
        SELECT tickets.id, reporter_id AS player_id
        FROM each_number(:ids) AS one JOIN FIRST tickets ON tickets.id = one.value
        UNION SELECT tickets.id, reported_id
        FROM each_number(:ids) AS one JOIN FIRST tickets ON tickets.id = one.value
    ) AS players
    WHERE player_id IS NOT NULL
    ON CONFLICT (player_id, ticket_id) DO NOTHING
"""
# player_tickets has no source, and the players a ticket had once: its row decides.
_OF_PLAYER = """
    SELECT tickets.id FROM player_tickets JOIN FIRST tickets ON tickets.id = ticket_id
    WHERE player_id = :player AND ticket_id > :after AND source = :source
      AND (reporter_id = :player OR reported_id = :player)
    ORDER BY ticket_id LIMIT :limit
"""
_OF_PLAYER_AMONG = """
    SELECT tickets.id FROM each_number(:ids) AS one JOIN FIRST tickets ON tickets.id = one.value
    WHERE source = :source AND (reporter_id = :player OR reported_id = :player)
    ORDER BY tickets.id LIMIT :limit
"""
_FORGET_PLAYERS = "DELETE FROM player_tickets WHERE player_id = ANY(:players) AND ticket_id = ANY(:ids)"
_FORGET_FORMER = """
    DELETE FROM player_tickets WHERE player_id = :player AND NOT EXISTS (
        SELECT 1 FROM tickets
        WHERE tickets.id = ticket_id AND (reporter_id = :player OR reported_id = :player)
    )
"""
_STORED_TEXTS = "SELECT rowid AS id, words FROM search_text WHERE rowid = ANY(:ids)"
TEXTS = """
    SELECT tickets.id, subject, reporter_name, reporter_display_name
    FROM each_number(:ids) AS one JOIN FIRST tickets ON tickets.id = one.value
"""
