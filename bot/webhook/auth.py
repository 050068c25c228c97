"""API keys at the door: which workspace a request speaks for, and how often one may be wrong."""

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from bot.sources.contract import RateLimit, Source
from bot.tickets.api_keys import ApiKey, hash_api_key
from bot.tickets.queries import Scope
from bot.tickets.workspace import Workspace
from bot.webhook.client_ip import TrustedProxies
from bot.webhook.errors import api_error
from bot.webhook.rate_limit import SlidingWindowLimiter, rate_limited_error
from storage import StorageError, Store

_log = logging.getLogger(__name__)

_FAILED_ATTEMPTS_LIMIT = RateLimit(requests=30, seconds=60, per="address")  # requests without a good key
MAX_TRACKED_KEYS = 10_000  # good keys of which it is remembered when their use was noted
_LAST_USED_PRECISION = timedelta(minutes=1)  # how exactly the last use of a key is kept


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestContext:
    """Who sends a request: its key and what that opens."""

    key: ApiKey
    workspace: Workspace

    @property
    def scope(self) -> Scope:
        return Scope(workspace_id=self.key.workspace_id, source=self.key.source)


class Authenticator:
    """Lets in who has a good key.

    Whoever fails too often from one address is told to wait. A good key always passes: behind a proxy that
    hides them all clients have one address, and a key has too many bits to be guessed.
    """

    def __init__(self, store: Store, proxies: TrustedProxies, clock: Callable[[], float]) -> None:
        self._store = store
        self._proxies = proxies
        self._failed_attempts = SlidingWindowLimiter(_FAILED_ATTEMPTS_LIMIT, clock)
        self._last_used: OrderedDict[str, datetime] = (
            OrderedDict()
        )  # hashes of good keys: when their use was noted

    async def authenticate(self, request: web.Request, source: Source, now: datetime) -> RequestContext:
        """Who sends it. Raises one and the same Refused for every key that opens nothing here."""
        carried = {key for header in source.key_headers for key in request.headers.getall(header, ())}
        visitor = await self.check_key(carried.pop() if len(carried) == 1 else "", request, source, now)
        if visitor is None:
            raise api_error(401)
        return visitor

    async def check_key(
        self, key: str, request: web.Request, source: Source, now: datetime
    ) -> RequestContext | None:
        """Whom a key lets in; None for nobody. Raises Refused(429) for an address that failed too often."""
        key_hash = hash_api_key(key)
        found = await self._store.find_key(key_hash) if key else None
        if found is None or not found.is_valid_for(source.name, now):
            self._last_used.pop(key_hash, None)
            allowance = self._failed_attempts.hit(self._proxies.client_ip(request))
            if allowance.retry_after_seconds:
                raise rate_limited_error(allowance)
            return None
        await self._record_use(found, key_hash, now)
        return RequestContext(key=found, workspace=await self._store.workspace(found.workspace_id))

    async def _record_use(self, key: ApiKey, key_hash: str, now: datetime) -> None:
        noted = self._last_used.get(key_hash) or key.last_used_at
        self._last_used[key_hash] = noted or now
        self._last_used.move_to_end(key_hash)
        if len(self._last_used) > MAX_TRACKED_KEYS:
            self._last_used.popitem(last=False)
        if noted is not None and now - noted < _LAST_USED_PRECISION:
            return
        self._last_used[key_hash] = now
        try:
            await self._store.touch_key_last_used(key.prefix, now)
        except StorageError as error:  # the request itself may still be answered
            _log.warning("the use of key %s is not noted: %s", key.prefix, error)
