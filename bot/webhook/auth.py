"""API keys at the door: which workspace a request speaks for, and how often one may be wrong."""

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from bot.sources import Limit, Source
from bot.tickets import ApiKey, Scope, Workspace, hash_key
from bot.webhook.client_ip import Proxies
from bot.webhook.errors import refusal
from bot.webhook.rate_limit import SlidingWindow, too_many
from storage import StorageError, Store

_log = logging.getLogger(__name__)

_FAILURES = Limit(requests=30, seconds=60, per="address")  # requests without a good key
_KNOWN = 10_000  # good keys of which it is remembered when their use was noted
_USE_NOTED = timedelta(minutes=1)  # how exactly the last use of a key is kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who sends a request: its key and what that opens."""

    key: ApiKey
    workspace: Workspace

    @property
    def scope(self) -> Scope:
        return Scope(workspace_id=self.key.workspace_id, source=self.key.source)


class Door:
    """Lets in who has a good key.

    Whoever fails too often from one address is told to wait. A good key always passes: behind a proxy that
    hides them all clients have one address, and a key has too many bits to be guessed.
    """

    def __init__(self, store: Store, proxies: Proxies, clock: Callable[[], float]) -> None:
        self._store = store
        self._proxies = proxies
        self._failures = SlidingWindow(_FAILURES, clock)
        self._noted: OrderedDict[str, datetime] = (
            OrderedDict()
        )  # hashes of good keys: when their use was noted

    async def visitor(self, request: web.Request, source: Source, now: datetime) -> Visitor:
        """Who sends it. Raises one and the same Refused for every key that opens nothing here."""
        carried = {key for header in source.key_headers for key in request.headers.getall(header, ())}
        visitor = await self.look(carried.pop() if len(carried) == 1 else "", request, source, now)
        if visitor is None:
            raise refusal(401)
        return visitor

    async def look(self, key: str, request: web.Request, source: Source, now: datetime) -> Visitor | None:
        """Whom a key lets in; None for nobody. Raises Refused(429) for an address that failed too often."""
        key_hash = hash_key(key)
        found = await self._store.find_key(key_hash) if key else None
        if found is None or not found.opens(source.name, now):
            self._noted.pop(key_hash, None)
            allowance = self._failures.accept(self._proxies.client_of(request))
            if allowance.wait_seconds:
                raise too_many(allowance)
            return None
        await self._note_use(found, key_hash, now)
        return Visitor(key=found, workspace=await self._store.workspace(found.workspace_id))

    async def _note_use(self, key: ApiKey, key_hash: str, now: datetime) -> None:
        noted = self._noted.get(key_hash) or key.last_used_at
        self._noted[key_hash] = noted or now
        self._noted.move_to_end(key_hash)
        if len(self._noted) > _KNOWN:
            self._noted.popitem(last=False)
        if noted is not None and now - noted < _USE_NOTED:
            return
        self._noted[key_hash] = now
        try:
            await self._store.note_use(key.prefix, now)
        except StorageError as error:  # the request itself may still be answered
            _log.warning("the use of key %s is not noted: %s", key.prefix, error)
