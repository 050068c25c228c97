"""The store: one method, one transaction. What it takes and gives are nouns; nothing of SQLite shows."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Self

import aiosqlite

from bot.tickets import (
    ApiKey,
    Delivery,
    Kind,
    Lane,
    Message,
    MessageKind,
    NewTicket,
    NewWorkspace,
    Note,
    Post,
    Receipt,
    Reply,
    Ticket,
    UnknownTicket,
    ViewOnly,
    Workspace,
)
from bot.tickets.workspace import DEFAULT_DEPARTMENT
from storage import message_rows, outbox_rows, ticket_rows, workspace_rows
from storage.connection import open_reader, open_writer
from storage.errors import NameTaken, StorageError, UnknownKey, UnknownWorkspace, UnreadableDatabase
from storage.migrate import migrate


class Store:
    """Tickets, their messages, workspaces, API keys and the outbox, in one file.

    Every method is one transaction, on the disk before it returns. Any of them raises StorageError when the
    database fails; whether a write was kept is then unknown.
    """

    def __init__(self, writer: aiosqlite.Connection, reader: aiosqlite.Connection) -> None:
        self._writer = writer
        self._reader = reader
        self._writing = asyncio.Lock()
        self._watchers: list[asyncio.Event] = []

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open the file, making it if it is new, and bring it to the newest version.

        Raises UnreadableDatabase. The caller holds the file's `DatabaseLock`.
        """
        writer = await open_writer(path)
        try:
            await migrate(writer)
            reader = await open_reader(path)
        except BaseException as error:
            await writer.close()
            if isinstance(error, sqlite3.Error):
                raise UnreadableDatabase(
                    f"{path} cannot be made a database of ours ({error}). "
                    "Check that no other program uses it, or move a foreign file out of the way."
                ) from error
            raise
        return cls(writer, reader)

    async def close(self) -> None:
        """Close the file. What is committed is kept; nothing else was promised."""
        await self._reader.close()
        async with self._writing:
            await self._writer.close()

    # Workspaces and keys

    async def add_workspace(self, new: NewWorkspace, now: datetime) -> Workspace:
        """Raises NameTaken."""
        async with self._write() as db:
            if await workspace_rows.by_name(db, new.name):
                raise NameTaken(f"There is already a workspace named {new.name}. Choose another name.")
            return await workspace_rows.insert(db, new, now)

    async def workspaces(self) -> list[Workspace]:
        """All of them, oldest first."""
        async with self._read() as db:
            return await workspace_rows.every(db)

    async def workspace(self, workspace_id: str) -> Workspace:
        """Raises UnknownWorkspace."""
        async with self._read() as db:
            found = await workspace_rows.by_id(db, workspace_id)
        if found is None:
            raise UnknownWorkspace(f"There is no workspace with the id {workspace_id}.")
        return found

    async def workspaces_of_guild(self, guild_id: int) -> list[Workspace]:
        """The workspaces of a Discord guild, oldest first."""
        async with self._read() as db:
            return await workspace_rows.of_guild(db, guild_id)

    async def add_key(
        self, workspace_name: str, source: str, *, prefix: str, key_hash: str, now: datetime
    ) -> ApiKey:
        """Keep a key's hash. Raises UnknownWorkspace."""
        async with self._write() as db:
            workspace = await workspace_rows.by_name(db, workspace_name)
            if workspace is None:
                raise UnknownWorkspace(
                    f"There is no workspace named {workspace_name}. "
                    "`ticketbridge workspace list` shows them, `ticketbridge workspace create` makes one."
                )
            return await workspace_rows.insert_key(db, workspace, source, prefix, key_hash, now)

    async def keys(self) -> list[ApiKey]:
        """All keys, oldest first, revoked ones among them."""
        async with self._read() as db:
            return await workspace_rows.every_key(db)

    async def find_key(self, key_hash: str) -> ApiKey | None:
        """The key with this hash, revoked or not."""
        async with self._read() as db:
            return await workspace_rows.key_by_hash(db, key_hash)

    async def revoke_key(self, prefix: str, now: datetime) -> None:
        """From the next request on, the key opens nothing. Raises UnknownKey."""
        async with self._write() as db:
            if not await workspace_rows.revoke_key(db, prefix, now):
                raise UnknownKey(
                    f"There is no API key with the prefix {prefix}. `ticketbridge key list` shows them."
                )

    # Tickets

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
        """
        async with self._write() as db:
            workspace = await workspace_rows.by_id(db, workspace_id)
            if workspace is None:
                raise UnknownWorkspace(f"There is no workspace with the id {workspace_id}.")
            ticket_id = await ticket_rows.insert(
                db, new, workspace_id=workspace_id, department=DEFAULT_DEPARTMENT, ids=ids, now=now
            )
            ticket = await _existing(db, ticket_id)
            channel = channel_id or workspace.channel_for(view_only=new.view_only)
            for kind in new.opening:
                await outbox_rows.insert(db, ticket, kind, channel, now)
        self._outbox_grew()
        return ticket

    async def ticket(self, ticket_id: int) -> Ticket:
        """By our own number. Raises UnknownTicket."""
        async with self._read() as db:
            return await _existing(db, ticket_id)

    async def ticket_named(self, public_id: str) -> Ticket | None:
        """By the id people see."""
        async with self._read() as db:
            return await ticket_rows.by_public_id(db, public_id)

    async def ticket_shown_at(self, discord_id: int) -> Ticket | None:
        """The ticket whose post or thread has this Discord id."""
        async with self._read() as db:
            return await ticket_rows.shown_at(db, discord_id)

    async def tickets_of(
        self, source: str, reporter_id: str, workspace_ids: Sequence[str], limit: int = 25
    ) -> list[Ticket]:
        """The newest tickets of one reporter, newest first."""
        async with self._read() as db:
            return await ticket_rows.of_reporter(db, source, reporter_id, workspace_ids, limit)

    async def tickets_like(self, text: str, workspace_ids: Sequence[str], limit: int = 25) -> list[Ticket]:
        """Recent tickets whose id or subject holds the text, newest first."""
        async with self._read() as db:
            return await ticket_rows.like(db, text, workspace_ids, limit)

    async def change_ticket(self, ticket_id: int, rule: Callable[[Ticket], Ticket], now: datetime) -> Ticket:
        """Apply one of the ticket's own rules, and have its post drawn anew. Raises what the rule raises."""
        async with self._write() as db:
            changed = rule(await _existing(db, ticket_id))
            revision = await ticket_rows.update(db, changed, now)
            if not await outbox_rows.has_untouched(db, ticket_id, Kind.REDRAW):
                channel = await _channel_of(db, changed)
                await outbox_rows.insert(db, changed, Kind.REDRAW, channel, now, part=str(revision))
            ticket = await _existing(db, ticket_id)
        self._outbox_grew()
        return ticket

    # Replies and notes

    async def add_message(
        self, ticket_id: int, compose: Callable[[Ticket], Reply | Note], *, origin: str, now: datetime
    ) -> Message:
        """Keep what the ticket composes, and what must follow. A repeated `origin` gives back the kept one.

        Raises what the ticket raises: ViewOnly, TicketClosed, EmptyMessage, MessageTooLong; or UnknownTicket.
        """
        async with self._write() as db:
            kept = await message_rows.by_origin(db, origin)
            if kept is not None:
                return kept
            ticket = await _existing(db, ticket_id)
            message = await message_rows.insert(db, compose(ticket), origin, now)
            channel = await _channel_of(db, ticket)
            for kind in ticket.following(message.kind):
                await outbox_rows.insert(
                    db, ticket, kind, channel, now, message_id=message.id, part=str(message.id)
                )
        self._outbox_grew()
        return message

    async def message(self, message_id: int) -> Message | None:
        async with self._read() as db:
            return await message_rows.by_id(db, message_id)

    async def messages_of(
        self, ticket_id: int, kinds: Collection[MessageKind] = tuple(MessageKind), limit: int = 10
    ) -> list[Message]:
        """The newest messages of a ticket, oldest first."""
        async with self._read() as db:
            return await message_rows.of_ticket(db, ticket_id, kinds, limit)

    # Outbox

    def watch_outbox(self) -> asyncio.Event:
        """An event set after each commit that put something in the outbox; the watcher clears it."""
        event = asyncio.Event()
        self._watchers.append(event)
        return event

    def _outbox_grew(self) -> None:
        for event in self._watchers:
            event.set()

    async def due_deliveries(
        self, lane: Lane, busy: Collection[int], now: datetime, limit: int = 50
    ) -> list[Delivery]:
        """One delivery for each channel that is not busy, the oldest that is due."""
        async with self._read() as db:
            return await outbox_rows.due(db, lane, busy, now, limit)

    async def next_due(self, lane: Lane, busy: Collection[int]) -> datetime | None:
        """When there will be something to deliver to a channel that is not busy."""
        async with self._read() as db:
            return await outbox_rows.next_due(db, lane, busy)

    async def waiting_for(self, ticket_id: int, lane: Lane) -> list[Delivery]:
        """What has not been delivered for one ticket, first in first."""
        async with self._read() as db:
            return await outbox_rows.pending(db, ticket_id, lane)

    async def begin(self, delivery: Delivery) -> None:
        """Note that an attempt leaves now: if nothing else is ever heard of it, its outcome is unknown."""
        async with self._write() as db:
            await outbox_rows.begin(db, delivery.id)

    async def settle(self, delivery: Delivery, receipt: Receipt, now: datetime) -> None:
        """The far side has it. For the ticket's own post and thread, remember where they are."""
        async with self._write() as db:
            await outbox_rows.settle(db, delivery.id, receipt, now)
            if delivery.kind in (Kind.POST, Kind.THREAD, Kind.PRIVATE_THREAD):
                post = Post(
                    channel_id=receipt.channel_id,
                    message_id=receipt.message_id,
                    thread_id=receipt.thread_id,
                )
                await ticket_rows.keep_post(db, delivery.ticket_id, post)

    async def postpone(self, delivery: Delivery, until: datetime, reason: str) -> None:
        """Try again later; nothing behind it in its ticket's lane goes first."""
        async with self._write() as db:
            await outbox_rows.postpone(db, delivery.id, until, reason)

    async def bury(self, delivery: Delivery, reason: str, now: datetime) -> None:
        """Set aside what can never be delivered, so that others can pass."""
        async with self._write() as db:
            await outbox_rows.bury(db, delivery.id, reason, now)

    # Transactions

    @asynccontextmanager
    async def _write(self) -> AsyncIterator[aiosqlite.Connection]:
        async with self._writing:
            try:
                # IMMEDIATE: a transaction that began as a reader could not wait for a foreign lock.
                await self._writer.execute("BEGIN IMMEDIATE")
                yield self._writer
                await self._writer.commit()
            # BaseException: a cancelled task must not leave its transaction open for the next one.
            except BaseException as error:
                await asyncio.shield(self._writer.rollback())
                self._outbox_grew()  # a commit that was cut short may have been kept all the same
                _translate(error)
                raise

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[aiosqlite.Connection]:
        try:
            yield self._reader
        except sqlite3.Error as error:
            _translate(error)
            raise


def _translate(error: BaseException) -> None:
    """Raise a database error in our own words; let anything else be."""
    if isinstance(error, sqlite3.IntegrityError) and str(error).startswith("view-only"):
        raise ViewOnly from error
    if isinstance(error, sqlite3.Error):
        raise StorageError(f"The database failed: {error}.") from error


async def _existing(db: aiosqlite.Connection, ticket_id: int) -> Ticket:
    ticket = await ticket_rows.by_id(db, ticket_id)
    if ticket is None:
        raise UnknownTicket
    return ticket


async def _channel_of(db: aiosqlite.Connection, ticket: Ticket) -> int:
    """The channel whose queue the ticket's deliveries stand in."""
    if ticket.post.channel_id is not None:
        return ticket.post.channel_id
    workspace = await workspace_rows.by_id(db, ticket.workspace_id)
    if workspace is None:
        raise UnknownWorkspace(f"There is no workspace with the id {ticket.workspace_id}.")
    return workspace.channel_for(view_only=ticket.view_only)
