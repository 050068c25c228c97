"""The search index, as a job fills it: in batches, after the tickets are stored."""

from storage.engine import Engine

BATCH_SIZE = 500  # tickets; takes some milliseconds, in which other writes wait


class SearchIndexRepository:
    """Every method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def index_batch(self, limit: int = BATCH_SIZE) -> int:
        """Index the next tickets, oldest first; return how many are left. Searches find those too."""
        return await self._engine.write(lambda db: self._engine.search.index_batch(db, limit))

    async def lag(self) -> int:
        """How many tickets are not indexed yet, or changed since."""
        return await self._engine.read(self._engine.search.lag)
