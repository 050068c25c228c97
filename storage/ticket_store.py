"""The store's tickets and what is said on them, as Discord works with them."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime

import aiosqlite

from bot.tickets.errors import UnknownTicket
from bot.tickets.message import Actor, Message, MessageKind, NewMessage
from bot.tickets.outbox import DeliveryKind
from bot.tickets.ticket import NewTicket, Ticket
from bot.tickets.workspace import Workspace
from storage import message_rows, outbox_rows, search_rows, ticket_rows
from storage.filing import file
from storage.group_commit import GroupCommit
from storage.workspace_store import require_workspace


class TicketStore(GroupCommit):
    """Every method is one transaction."""

    async def add_ticket(
        self,
        workspace_id: str,
        new: NewTicket,
        ids: Iterator[str],
        now: datetime,
        *,
        channel_id: int | None = None,
    ) -> Ticket:
        """Keep a ticket and what must follow in Discord. `ids` are endless candidates for its public id.

        `channel_id` is where a private thread is to be made; otherwise the workspace names the channel.
        Raises TooManyOpen, UnknownWorkspace.
        """
        return await self._write_together(
            lambda db: file(db, workspace_id, new, ids, now, channel_id=channel_id)
        )

    async def ticket(self, ticket_id: int) -> Ticket:
        """By our own number. Raises UnknownTicket."""
        async with self._read() as db:
            return await require_ticket(db, ticket_id)

    async def raw_request(self, ticket_id: int) -> str:
        """The JSON body a ticket was filed with, as it came. Raises UnknownTicket."""
        async with self._read() as db:
            request = await ticket_rows.request_of(db, ticket_id)
        if request is None:
            raise UnknownTicket
        return request

    async def ticket_by_public_id(self, public_id: str) -> Ticket | None:
        """By the id people see."""
        async with self._read() as db:
            return await ticket_rows.by_public_id(db, public_id)

    async def ticket_by_discord_id(self, discord_id: int) -> Ticket | None:
        """The ticket whose post or thread has this Discord id."""
        async with self._read() as db:
            return await ticket_rows.shown_at(db, discord_id)

    async def tickets_in_digest(self, message_id: int) -> list[Ticket]:
        """Those one Discord message shows together, oldest first; none if it is no digest."""
        async with self._read() as db:
            return await ticket_rows.in_digest(db, message_id)

    async def tickets_by_reporter(
        self, source: str, reporter_id: str, workspace_ids: Sequence[str], limit: int = 25
    ) -> list[Ticket]:
        """The newest tickets of one reporter, newest first."""
        async with self._read() as db:
            return await search_rows.of_reporter(db, source, reporter_id, workspace_ids, limit)

    async def autocomplete_tickets(
        self, text: str, workspace_ids: Sequence[str], limit: int = 25
    ) -> list[Ticket]:
        """Recent tickets whose id or subject holds the text, newest first."""
        async with self._read() as db:
            return await search_rows.like(db, text, workspace_ids, limit)

    async def change_ticket(
        self, ticket_id: int, change: Callable[[Ticket], Ticket], now: datetime, *, actor: Actor
    ) -> Ticket:
        """Apply one of the ticket's own rules, note who did, and have its post drawn anew.

        Raises what the rule raises.
        """
        async with self._write() as db:
            before = await require_ticket(db, ticket_id)
            workspace = await require_workspace(db, before.workspace_id)
            ticket = await apply_change(db, workspace, before, change(before), actor, now)
        self._notify_outbox()
        return ticket

    async def add_message(
        self,
        ticket_id: int,
        compose: Callable[[Ticket], NewMessage],
        *,
        origin: str,
        now: datetime,
        already_visible_in: int | None = None,
    ) -> Message:
        """Keep what the ticket composes, and what must follow. A repeated `origin` gives back the kept one.

        `typed_in` is the channel or thread in which everybody can read it already.
        Raises what the ticket raises: ViewOnly, TicketClosed, EmptyMessage, MessageTooLong; or UnknownTicket.
        """
        async with self._write() as db:
            kept = await message_rows.by_origin(db, origin)
            if kept is not None:
                return kept
            ticket = await require_ticket(db, ticket_id)
            workspace = await require_workspace(db, ticket.workspace_id)
            words = compose(ticket)
            message = await insert_message(
                db, workspace, ticket, words, origin, now, typed_in=already_visible_in
            )
        self._notify_outbox()
        return message

    async def message(self, message_id: int) -> Message | None:
        async with self._read() as db:
            return await message_rows.by_id(db, message_id)

    async def list_messages(
        self, ticket_id: int, kinds: Collection[MessageKind] = tuple(MessageKind), limit: int = 10
    ) -> list[Message]:
        """The newest messages of a ticket, oldest first."""
        async with self._read() as db:
            return await message_rows.of_ticket(db, ticket_id, kinds, limit)


# What happens to a ticket, within a transaction that somebody else began.


async def require_ticket(db: aiosqlite.Connection, ticket_id: int) -> Ticket:
    """Raises UnknownTicket."""
    ticket = await ticket_rows.by_id(db, ticket_id)
    if ticket is None:
        raise UnknownTicket
    return ticket


async def apply_change(
    db: aiosqlite.Connection,
    workspace: Workspace,
    before: Ticket,
    changed: Ticket,
    actor: Actor,
    now: datetime,
) -> Ticket:
    """Keep what a rule has made of a ticket; nothing if it made nothing of it."""
    if changed == before:
        return before
    revision = await ticket_rows.update(db, changed, now)
    event = changed.history_event(before, actor)
    if event is not None:
        await message_rows.insert(db, event, f"event:{changed.id}:{revision}", now)
    channel = await _channel_of(db, workspace, before)
    if not await outbox_rows.has_untouched(db, changed.id, DeliveryKind.UPDATE_POST):
        await outbox_rows.insert(db, changed, DeliveryKind.UPDATE_POST, channel, now, part=str(revision))
    new_channel = workspace.channel_for(changed, changed.department)
    if changed.department != before.department and new_channel != channel and not changed.is_private:
        await outbox_rows.insert(db, changed, DeliveryKind.POST_POINTER, new_channel, now, part=str(revision))
    return await require_ticket(db, changed.id)


async def insert_message(
    db: aiosqlite.Connection,
    workspace: Workspace,
    ticket: Ticket,
    words: NewMessage,
    origin: str,
    now: datetime,
    *,
    typed_in: int | None = None,
) -> Message:
    """Keep words, and put what must follow in the outbox."""
    message = await message_rows.insert(db, words, origin, now)
    if message.kind is not MessageKind.NOTE:  # what staff say among themselves does not show
        await ticket_rows.touch(db, ticket.id, now)
    channel = await _channel_of(db, workspace, ticket)
    for kind in ticket.deliveries_for(message.kind, typed_in=typed_in):
        await outbox_rows.insert(db, ticket, kind, channel, now, message_id=message.id, part=str(message.id))
    return message


async def _channel_of(db: aiosqlite.Connection, workspace: Workspace, ticket: Ticket) -> int:
    """The channel whose queue the ticket's deliveries stand in: where its post is, will be, or should be."""
    if ticket.post.channel_id is not None:
        return ticket.post.channel_id
    waiting = await outbox_rows.channel_of_post(db, ticket.id)
    return waiting or workspace.channel_for(ticket, ticket.department)
