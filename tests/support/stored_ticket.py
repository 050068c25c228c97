"""A new ticket as it is read back from the database."""

from dataclasses import fields
from datetime import UTC, datetime

from bot.tickets.ticket import NewTicket, Ticket

FILED_AT = datetime(2025, 1, 15, 10, 30, tzinfo=UTC)


def kept_as(public_id: str, new: NewTicket) -> Ticket:
    return Ticket(
        **{field.name: getattr(new, field.name) for field in fields(NewTicket)},
        id=1,
        uid="65a1b2c3d4e5f60718293a4b",
        public_id=public_id,
        workspace_id="a7d5339a-5531-4336-99c6-6f3249c9ac20",
        department="moderation-dept",
        status=new.initial_status,
        created_at=FILED_AT,
        updated_at=FILED_AT,
    )
