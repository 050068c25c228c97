"""A saved ticket and a saved workspace, without a store."""

from dataclasses import replace
from datetime import UTC, datetime

from bot.tickets.message import Actor
from bot.tickets.ticket import Player, Priority, Status, Ticket
from bot.tickets.workspace import Workspace

MOMENT = datetime(2025, 1, 15, 10, 30, tzinfo=UTC)
ALICE = Actor(id="11", name="Alice")
BOB = Actor(id="12", name="Bob")
WRITER = Actor(id="11", name="Alice")

TICKET = Ticket(
    id=1,
    uid="0123456789abcdef01234567",
    public_id="BUG-123456",
    workspace_id="a7d5339a-5531-4336-99c6-6f3249c9ac20",
    source="somewhere",
    view_only=False,
    subject="It broke",
    body="Quite badly.",
    category="bug",
    department="general",
    priority=Priority.NORMAL,
    status=Status.OPEN,
    reporter=Player(id="7", name="rey"),
    created_at=MOMENT,
    updated_at=MOMENT,
)
GAME_REPORT = replace(TICKET, view_only=True)
PRIVATE = replace(TICKET, is_private=True)

WORKSPACE = Workspace(
    id=TICKET.workspace_id,
    created_at=MOMENT,
    name="hub",
    guild_id=1,
    tickets_channel_id=2,
    reports_channel_id=3,
    staff_role_id=4,
)
