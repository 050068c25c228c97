"""Carries erasures into a restored database, where they are to be done again."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from bot.tickets.erasure import hash_player

Row = dict[str, object]


def carry_erasures(before: Path, database: Path) -> int | None:
    """Record in a restored database the erasures that were made since its backup, to be done again.

    Returns how many; None if the database that was there before cannot be read. The caller holds the
    database's lock.
    """
    try:
        made = _read(before)
    except sqlite3.Error:
        return None
    with closing(sqlite3.connect(database)) as db, db:
        db.row_factory = sqlite3.Row
        known = {row["uid"] for row in db.execute("SELECT uid FROM erasures")}
        workspaces = {None, *(row["id"] for row in db.execute("SELECT id FROM workspaces"))}
        new = [one for one in made if one["uid"] not in known and one["workspace_id"] in workspaces]
        players = _players_by_hash(db) if new else {}
        for one in new:
            player = one["player_id"] or players.get(str(one["player_hash"]))
            db.execute(_INSERT, {**one, "player_id": player, "finished_at": _finished_at(one, player)})
    return len(new)


def _read(path: Path) -> list[Row]:
    """The erasures of players; those of retention are repeated by themselves."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        rows = db.execute("SELECT * FROM erasures WHERE player_hash IS NOT NULL ORDER BY id")
        return [dict(row) for row in rows]


def _finished_at(one: Row, player: object) -> object:
    """None for one that is to be done again; it is done already if the backup has no such player."""
    return None if player is not None else one["finished_at"] or one["requested_at"]


def _players_by_hash(db: sqlite3.Connection) -> dict[str, str]:
    """All players of a database, by the hash that an erasure has of them."""
    return {hash_player(source, player): player for source, player in _players(db)}


def _players(db: sqlite3.Connection) -> Iterable[tuple[str, str]]:
    return db.execute(
        """
        SELECT source, reporter_id FROM tickets WHERE reporter_id IS NOT NULL
        UNION SELECT source, reported_id FROM tickets WHERE reported_id IS NOT NULL
        UNION SELECT source, player_id FROM account_links
        UNION SELECT source, player_id FROM game_link_codes
        UNION SELECT 'discord', CAST(discord_id AS TEXT) FROM account_links
        """
    )


_INSERT = """
    INSERT INTO erasures (
        uid, requested_by, workspace_id, source, player_hash, player_id, notification_id, requested_at,
        finished_at
    ) VALUES (
        :uid, :requested_by, :workspace_id, :source, :player_hash, :player_id, :notification_id,
        :requested_at, :finished_at
    )
"""
