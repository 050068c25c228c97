"""Alert messages: one for each channel with a problem that was reported in a workspace's log channel."""

import aiosqlite

from bot.tickets.alerts import AlertMessage
from storage.mapping import from_ms, to_ms
from storage.sqlite.engine import Database


class AlertStore(Database):
    """Every method is one transaction."""

    async def alert_messages(self) -> list[AlertMessage]:
        """Every alert message whose problem is not resolved yet, oldest problem first."""
        async with self._read() as db:
            return await select_all(db)

    async def save_alert_message(self, alert_message: AlertMessage) -> None:
        """Insert an alert message, or replace the earlier one about the same channel."""
        async with self._write() as db:
            await upsert(db, alert_message)

    async def delete_alert_message(self, workspace_id: str, channel_id: int) -> None:
        """Delete an alert message whose problem is resolved."""
        async with self._write() as db:
            await delete(db, workspace_id, channel_id)


async def select_all(db: aiosqlite.Connection) -> list[AlertMessage]:
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


async def upsert(db: aiosqlite.Connection, alert: AlertMessage) -> None:
    await db.execute(
        """
        INSERT INTO notices (workspace_id, channel_id, log_channel_id, message_id, began_at)
        VALUES (:workspace, :channel, :log_channel, :message, :began_at)
        ON CONFLICT DO UPDATE SET log_channel_id = :log_channel, message_id = :message, began_at = :began_at
        """,
        {
            "workspace": alert.workspace_id,
            "channel": alert.channel_id,
            "log_channel": alert.log_channel_id,
            "message": alert.message_id,
            "began_at": to_ms(alert.began_at),
        },
    )


async def delete(db: aiosqlite.Connection, workspace_id: str, channel_id: int) -> None:
    await db.execute(
        "DELETE FROM notices WHERE workspace_id = :workspace AND channel_id = :channel",
        {"workspace": workspace_id, "channel": channel_id},
    )
