"""The store's index for lists and searches, which follows the tickets at a distance."""

from storage import index_rows
from storage.connection import run_in_thread
from storage.transactions import Transactions

BATCH = 500  # tickets: some milliseconds, for which those who file others wait


class IndexStore(Transactions):
    """Every method is one transaction."""

    async def index_batch(self, limit: int = BATCH) -> int:
        """Index the next tickets, oldest first; how many are left. Searches find those as well."""
        async with self._write() as db:
            return await run_in_thread(db, lambda thread: index_rows.index_some(thread, limit))

    async def index_lag(self) -> int:
        """How many tickets the search index does not hold yet."""
        async with self._read() as db:
            return await index_rows.left(db)
