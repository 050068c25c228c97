"""How the store is: whether it takes anything, how much waits in it, how much came in."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from storage import condition_rows
from storage.condition_rows import OutboxDepth
from storage.errors import StorageError
from storage.transactions import Transactions

BETWEEN_PROBES = 1.0  # seconds
_PROBE_PATIENCE = 0.25  # seconds: whoever asks how the store is does not wait for it


class Condition(Transactions):
    """Every method is one transaction, at most."""

    _probed = float("-inf")

    async def health_error(self) -> StorageError | None:
        """Why the store takes nothing, if so. While it does not, asking makes it find out again."""
        now = time.monotonic()
        if self._trouble is None or self.broken.is_set() or now - self._probed < BETWEEN_PROBES:
            return self._trouble
        self._probed = now
        with suppress(StorageError):
            await self._probe()
            self._trouble = None
        return self._trouble

    async def _probe(self) -> None:
        """Take as much room as a few tickets do, and let go of it: less might fit where no ticket does."""
        async with self._write_within(_PROBE_PATIENCE) as db:
            await condition_rows.take_room(db)
        async with self._write_within(_PROBE_PATIENCE) as db:
            await condition_rows.leave_room(db)

    async def outbox_depths(self) -> Sequence[OutboxDepth]:
        """What is not delivered, counted by state, kind and channel."""
        async with self._read() as db:
            return await condition_rows.depths(db)

    async def newest_ticket_id(self) -> int:
        """Our number of the ticket that came last; 0 if there is none."""
        async with self._read() as db:
            return await condition_rows.newest_ticket(db)

    async def count_tickets_by_source(self, after: int, last: int) -> Mapping[str, int]:
        """How many tickets came from each source: those after one number, up to and with the other."""
        async with self._read() as db:
            return await condition_rows.tickets_between(db, after, last)
