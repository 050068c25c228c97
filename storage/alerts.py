"""Alert messages: one for each problem that was reported in a workspace's log channel."""

from bot.tickets.alerts import AlertMessage, AlertSubject
from storage.db import Db, Row
from storage.engine import Engine
from storage.mapping import from_ms, to_ms


class AlertRepository:
    """Every method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def list_all(self) -> list[AlertMessage]:
        """Every alert message whose problem is not resolved yet, oldest problem first."""
        rows = await self._engine.read(lambda db: db.all("SELECT * FROM alert_messages ORDER BY began_at"))
        return [_from_row(row) for row in rows]

    async def save(self, alert: AlertMessage) -> None:
        """Insert an alert message, or replace the earlier one about the same problem."""
        await self._engine.write(lambda db: _upsert(db, alert))

    async def delete(self, workspace_id: str, subject: AlertSubject, subject_id: int) -> None:
        """Delete an alert message whose problem is resolved."""
        await self._engine.write(
            lambda db: db.run(
                """
                DELETE FROM alert_messages
                WHERE workspace_id = :workspace AND subject = :subject AND subject_id = :id
                """,
                {"workspace": workspace_id, "subject": subject.value, "id": subject_id},
            )
        )


def _upsert(db: Db, alert: AlertMessage) -> None:
    db.run(
        """
        INSERT INTO alert_messages (workspace_id, subject, subject_id, log_channel_id, message_id, began_at)
        VALUES (:workspace, :subject, :id, :log_channel, :message, :began_at)
        ON CONFLICT (workspace_id, subject, subject_id)
        DO UPDATE SET log_channel_id = :log_channel, message_id = :message, began_at = :began_at
        """,
        {
            "workspace": alert.workspace_id,
            "subject": alert.subject.value,
            "id": alert.subject_id,
            "log_channel": alert.log_channel_id,
            "message": alert.message_id,
            "began_at": to_ms(alert.began_at),
        },
    )


def _from_row(row: Row) -> AlertMessage:
    return AlertMessage(
        workspace_id=row["workspace_id"],
        subject=AlertSubject(row["subject"]),
        subject_id=row["subject_id"],
        log_channel_id=row["log_channel_id"],
        message_id=row["message_id"],
        began_at=from_ms(row["began_at"]),
    )
