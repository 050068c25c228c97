"""The Store: all data of the bridge. Its repositories take and return domain objects."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from storage.account_links import AccountLinkRepository
from storage.alerts import AlertRepository
from storage.api_keys import ApiKeyRepository
from storage.blocks import BlockRepository
from storage.canned_replies import CannedReplyRepository
from storage.db import Topic
from storage.deleted_channels import DeletedChannelRepository
from storage.engine import Engine, ErrorObserver, TimingObserver
from storage.erasures import ErasureRepository
from storage.errors import StorageError
from storage.events import EventRepository
from storage.feedback import FeedbackRepository
from storage.intake import IntakeRepository
from storage.members import MemberRepository
from storage.messages import MessageRepository
from storage.outbox import OutboxRepository
from storage.outbox_admin import OutboxAdminRepository
from storage.own_tickets import OwnTicketRepository
from storage.pushes import PushRepository
from storage.read_marks import ReadMarkRepository
from storage.rejected_requests import RejectedRequestRepository
from storage.search_index import SearchIndexRepository
from storage.secret_keys import SecretKeyRepository
from storage.sqlite.connection import BUSY_TIMEOUT
from storage.sqlite.engine import SqliteEngine
from storage.tickets import TicketRepository
from storage.workspaces import WorkspaceRepository


class Store:
    """One repository for each noun.

    What a repository has written is on the disk when it returns. Every method raises StorageError when the
    database fails; whether a write was stored is then unknown.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.workspaces = WorkspaceRepository(engine)
        self.api_keys = ApiKeyRepository(engine)
        self.rejected_requests = RejectedRequestRepository(engine)
        self.tickets = TicketRepository(engine)
        self.messages = MessageRepository(engine)
        self.intake = IntakeRepository(engine)
        self.events = EventRepository(engine)
        self.pushes = PushRepository(engine)
        self.account_links = AccountLinkRepository(engine)
        self.feedback = FeedbackRepository(engine)
        self.members = MemberRepository(engine)
        self.own_tickets = OwnTicketRepository(engine)
        self.blocks = BlockRepository(engine)
        self.canned_replies = CannedReplyRepository(engine)
        self.outbox = OutboxRepository(engine)
        self.outbox_admin = OutboxAdminRepository(engine)
        self.erasures = ErasureRepository(engine)
        self.alerts = AlertRepository(engine)
        self.read_marks = ReadMarkRepository(engine)
        self.deleted_channels = DeletedChannelRepository(engine)
        self.search_index = SearchIndexRepository(engine)
        self.secret_keys = SecretKeyRepository(engine)

    @property
    def broken(self) -> asyncio.Event:
        """Set once no write can be trusted: the process has to stop."""
        return self._engine.broken

    def now(self) -> datetime:
        """The time for what is stored."""
        return self._engine.now()

    def set_observer(self, on_timing: TimingObserver, on_error: ErrorObserver) -> None:
        """Set the callbacks for the time of each transaction and for each error."""
        self._engine.set_observer(on_timing, on_error)

    def subscribe(self, topic: Topic) -> asyncio.Event:
        """Return an event that is set after each commit that notified the topic; the subscriber clears it."""
        return self._engine.subscribe(topic)

    @contextmanager
    def subscription(self, topic: Topic) -> Iterator[asyncio.Event]:
        """The same until the block ends."""
        event = self._engine.subscribe(topic)
        try:
            yield event
        finally:
            self._engine.unsubscribe(event)

    async def health_error(self) -> StorageError | None:
        """Why the database accepts no writes; None if it does. While it fails, each call probes it again."""
        return await self._engine.health_error()

    async def close(self) -> None:
        """Finish queued writes, then close the database."""
        await self._engine.close()


async def open_store(path: Path, *, busy_timeout: float = BUSY_TIMEOUT) -> Store:
    """Open or create the database file, check its integrity, and migrate it to the newest version.

    `busy_timeout` is how many seconds a write waits for its turn. Raises DatabaseOpenError. The caller holds
    the file's `DatabaseLock`.
    """
    return Store(await SqliteEngine.open(path, busy_timeout=busy_timeout))
