"""Adds tickets to a store and delivers what is due, one step at a time."""

from dataclasses import replace
from itertools import count
from typing import Any

from bot.tickets.outbox import Delivery, Receipt
from bot.tickets.ticket import Priority, Ticket
from bot.tickets.workspace import Workspace
from storage import Store
from storage.outbox_queue import DIGEST_THRESHOLD
from tests.storage.samples import HUB, NOW, ids, new_ticket

TICKETS, REPORTS = HUB.tickets_channel_id, HUB.reports_channel_id


class OutboxHarness:
    """A store and workspace, with the steps of a dispatcher."""

    def __init__(self, store: Store, workspace: Workspace) -> None:
        self.store = store
        self.workspace = workspace
        self._messages = count(100)

    async def add(self, priority: Priority = Priority.NORMAL, **parts: Any) -> Ticket:
        channel = {"channel_id": parts.pop("channel_id")} if "channel_id" in parts else {}
        new = replace(new_ticket(**parts), priority=priority)
        return await self.store.intake.add_ticket(self.workspace.id, new, ids(), NOW, **channel)

    async def add_many(self, many: int = DIGEST_THRESHOLD + 1, **parts: Any) -> list[Ticket]:
        return [await self.add(**parts) for _ in range(many)]

    async def due(self, *, channel_id: int = TICKETS, busy: tuple[str, ...] = ()) -> list[Delivery]:
        """What is due first in a channel, posts before all else: one delivery, a digest, or nothing."""
        due = await self.store.outbox.due(busy, NOW)
        return next((some for some in due if some[0].channel_id == channel_id), [])

    async def deliver_due(self) -> list[Delivery]:
        """Deliver what is due in the tickets channel."""
        started = await self.store.outbox.start_attempt(await self.due(), NOW)
        receipt = Receipt(channel_id=TICKETS, message_id=next(self._messages))
        await self.store.outbox.mark_delivered(started, receipt, NOW)
        return started

    async def start_digest(self, **parts: Any) -> list[Delivery]:
        await self.add_many(**parts)
        return await self.store.outbox.start_attempt(await self.due(), NOW)
