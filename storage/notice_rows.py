"""Rows of notices: one for each channel in trouble that a workspace was told of. Never commits."""

import aiosqlite

from bot.tickets.alerts import AlertMessage
from storage.times import from_ms, to_ms


async def every(db: aiosqlite.Connection) -> list[AlertMessage]:
    rows = await db.execute_fetchall("SELECT * FROM notices ORDER BY began_at")
    return [
        AlertMessage(
            workspace_id=row["workspace_id"],
            channel_id=row["channel_id"],
            log_channel_id=row["log_channel_id"],
            message_id=row["message_id"],
            began_at=from_ms(row["began_at"]),
        )
        for row in rows
    ]


async def keep(db: aiosqlite.Connection, notice: AlertMessage) -> None:
    await db.execute(
        """
        INSERT INTO notices (workspace_id, channel_id, log_channel_id, message_id, began_at)
        VALUES (:workspace, :channel, :log_channel, :message, :began_at)
        ON CONFLICT DO UPDATE SET log_channel_id = :log_channel, message_id = :message, began_at = :began_at
        """,
        {
            "workspace": notice.workspace_id,
            "channel": notice.channel_id,
            "log_channel": notice.log_channel_id,
            "message": notice.message_id,
            "began_at": to_ms(notice.began_at),
        },
    )


async def forget(db: aiosqlite.Connection, workspace_id: str, channel_id: int) -> None:
    await db.execute(
        "DELETE FROM notices WHERE workspace_id = :workspace AND channel_id = :channel",
        {"workspace": workspace_id, "channel": channel_id},
    )
