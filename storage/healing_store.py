"""The store's answer to what is deleted in Discord: nothing waits for it, and what matters is posted anew."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import aiosqlite

from bot.tickets.outbox import DeliveryKind, Destination
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import Workspace
from storage import healing_rows, outbox_rows, workspace_rows
from storage.connection import BUSY_TIMEOUT
from storage.healing import move_what_is_stranded, post_anew
from storage.ticket_store import require_ticket
from storage.transactions import Transactions
from storage.workspace_store import require_workspace

_TOGETHER = 100  # tickets of a deleted channel, in one transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelDeletion:
    """What one workspace lost with a channel."""

    workspace: Workspace
    is_new: bool  # whether nobody knew before that the channel is gone
    posts: int  # tickets that were shown in it
    reposted: int  # of those, the ones that are not over or have something waiting
    stranded: int  # deliveries that wait until the workspace names another channel


class HealingStore(Transactions):
    """Every method is one transaction, unless it says otherwise. All ids are Discord's but a ticket's."""

    def __init__(
        self, writer: aiosqlite.Connection, reader: aiosqlite.Connection, *, patience: float = BUSY_TIMEOUT
    ) -> None:
        super().__init__(writer, reader, patience=patience)
        self._forgetting = asyncio.Lock()

    async def record_post_deleted(self, message_id: int) -> list[Ticket]:
        """That message was deleted. The tickets it showed, as they are now; none if it showed none."""
        async with self._read() as db:
            shown = await healing_rows.shown_by(db, message_id)
        if not shown:  # as for nearly every message people delete: nothing to write
            return []
        async with self._write() as db:
            for ticket in shown:
                await healing_rows.forget_post(db, ticket.id)
            return [await require_ticket(db, ticket.id) for ticket in shown]

    async def record_thread_deleted(self, thread_id: int, now: datetime) -> Ticket | None:
        """That thread was deleted. The ticket it belonged to, as it is now; None if there is none.

        What is said next stands under the post. A private ticket had its post in there: if it is not over,
        or something waits for it, both are made anew.
        """
        async with self._write() as db:
            before = await healing_rows.in_thread(db, thread_id)
            if before is None:
                return None
            await healing_rows.forget_thread(db, before.id)
            ticket = await require_ticket(db, before.id)
            if ticket.is_private and await _is_wanted(db, ticket):
                await _post_anew(db, ticket.id, now)
            elif ticket.is_private:
                await healing_rows.drop_waiting(db, ticket.id, Destination.DISCORD, now)
        self._notify_outbox()
        return ticket

    async def record_channel_deleted(self, channel_id: int, now: datetime) -> list[ChannelDeletion]:
        """That channel was deleted, with its threads. What it meant to each workspace it meant anything to.

        Tickets that were shown in it are posted again where their workspace says now, unless they are over
        and nothing waits for them; what waited for it is bound for that channel too. This is many
        transactions, so that others can write meanwhile. Cut short, it is still to be done, and is news.
        """
        posts: Counter[str] = Counter()
        again: Counter[str] = Counter()
        async with self._forgetting:  # who asks for the same channel finds nothing left, and tells nothing
            while shown := await self._forget_some(channel_id, now):
                posts.update(one.workspace_id for one in shown)
                again.update(one.workspace_id for one in shown if one.is_wanted)
            async with self._write() as db:
                is_news = await healing_rows.note_gone(db, channel_id, now)
                losses = []
                for workspace in await workspace_rows.every(db):
                    stranded = await move_what_is_stranded(db, workspace)
                    if workspace.id in posts or stranded or channel_id in workspace.channel_ids:
                        loss = ChannelDeletion(
                            workspace=workspace,
                            is_new=is_news,
                            posts=posts[workspace.id],
                            reposted=again[workspace.id],
                            stranded=stranded,
                        )
                        losses.append(loss)
        self._notify_outbox()
        return losses

    async def _forget_some(self, channel_id: int, now: datetime) -> list[healing_rows.Shown]:
        """The next tickets that were shown there, and are so no more; none if none are left."""
        async with self._write() as db:
            shown = await healing_rows.shown_in(db, channel_id, _TOGETHER)
            await healing_rows.forget_places(db, [one.ticket_id for one in shown])
            for one in shown:
                if one.is_wanted:
                    await _post_anew(db, one.ticket_id, now)
        self._notify_outbox()
        return shown

    async def repost(self, ticket_id: int, now: datetime) -> bool:
        """Show a ticket once more that has no post; False if it has one, or one is on its way.

        Raises UnknownTicket.
        """
        async with self._write() as db:
            ticket = await require_ticket(db, ticket_id)
            waiting = await outbox_rows.pending(db, ticket_id, Destination.DISCORD)
            is_shown = ticket.post.message_id is not None or ticket.post.digest_message_id is not None
            if is_shown or any(one.kind is DeliveryKind.POST for one in waiting):
                return False
            await _post_anew(db, ticket_id, now)
        self._notify_outbox()
        return True

    async def mark_deleted(self, discord_id: int, now: datetime) -> bool:
        """A role was deleted. Whether that was not known before."""
        async with self._write() as db:
            return await healing_rows.note_gone(db, discord_id, now)

    async def channels_in_use(self) -> list[int]:
        """Channels that hold posts, or that something waits for."""
        async with self._read() as db:
            return await healing_rows.channels_in_use(db)


async def _post_anew(db: aiosqlite.Connection, ticket_id: int, now: datetime) -> None:
    ticket = await require_ticket(db, ticket_id)
    workspace = await require_workspace(db, ticket.workspace_id)
    await post_anew(db, workspace, ticket, now)


async def _is_wanted(db: aiosqlite.Connection, ticket: Ticket) -> bool:
    """Whether work on it goes on, or something about it still has to be shown."""
    waiting = await outbox_rows.pending(db, ticket.id, Destination.DISCORD)
    return not ticket.status.is_closed or any(
        one.kind in (DeliveryKind.POST, DeliveryKind.POST_MESSAGE) for one in waiting
    )
