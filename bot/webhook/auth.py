"""Authenticate requests by their API key, and rate-limit failed attempts."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from bot.sources.contract import RateLimit, Source
from bot.tickets.api_keys import ApiKey, hash_api_key
from bot.tickets.queries import Scope
from bot.tickets.workspace import Workspace
from bot.webhook.client_ip import TrustedProxies
from bot.webhook.errors import api_error
from bot.webhook.rate_limit import SlidingWindowLimiter, SourceRateLimit, rate_limited_error
from storage import StorageError, Store

_log = logging.getLogger(__name__)

_FAILED_ATTEMPTS_LIMIT = RateLimit(requests=30, seconds=60, per="address")
MAX_TRACKED_KEYS = 10_000  # keys whose last use is remembered, so as not to store each one
_LAST_USED_PRECISION = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestContext:
    """The API key of a request, the key's workspace, and when it was last used before the request."""

    key: ApiKey
    workspace: Workspace
    last_used_at: datetime | None  # to the minute

    @property
    def scope(self) -> Scope:
        return Scope(workspace_id=self.key.workspace_id, source=self.key.source)


class Authenticator:
    """Authenticates API keys, and rate-limits failed attempts per client address.

    A valid key is accepted whatever failed before: behind a proxy that hides them all clients have one
    address, and a key has too many bits to be guessed.
    """

    def __init__(
        self,
        store: Store,
        proxies: TrustedProxies,
        rate_limits: Mapping[str, SourceRateLimit],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._proxies = proxies
        self._rate_limits = rate_limits  # by source
        self._failed_attempts = SlidingWindowLimiter(_FAILED_ATTEMPTS_LIMIT, clock)
        self._last_used: OrderedDict[str, datetime] = OrderedDict()  # by hash; as stored

    async def authenticate(self, request: web.BaseRequest, source: Source, now: datetime) -> RequestContext:
        """Return the key of a request and its workspace, before the body is read.

        Raises ApiError: 401 for every invalid key, 429 beyond the source's rate limit, 403.
        """
        return await self._authenticate(_key_in(request, source.key_headers), request, source, now)

    async def authenticate_for_any(
        self, request: web.BaseRequest, sources: Mapping[str, Source], now: datetime
    ) -> RequestContext:
        """The same for a path that belongs to no source: the key is of any one, in the header of any one."""
        headers = {header.lower() for source in sources.values() for header in source.key_headers}
        key = _key_in(request, headers)
        found = await self._store.api_keys.find(hash_api_key(key)) if key else None
        source = sources.get(found.source) if found else None
        return await self._authenticate(key, request, source or next(iter(sources.values())), now)

    async def _authenticate(
        self, key: str, request: web.BaseRequest, source: Source, now: datetime
    ) -> RequestContext:
        self.limit_address(request, source)
        context = await self.check_key(key, request, source, now)
        if context is None:
            raise api_error(401)
        if source.rate_limit.per == "key":
            self._rate_limits[source.name].apply(request, context.key.prefix)
        source.authorize(context.workspace)
        return context

    def limit_address(self, request: web.BaseRequest, source: Source) -> None:
        """Count a request of an address, where the source limits these. Raises ApiError(429)."""
        if source.rate_limit.per == "address":
            self._rate_limits[source.name].apply(request, self._proxies.client_ip(request))

    def count_failure(self, request: web.BaseRequest) -> None:
        """Count a failed attempt of an address. Raises ApiError(429) after too many."""
        state = self._failed_attempts.hit(self._proxies.client_ip(request))
        if state.retry_after_seconds:
            raise rate_limited_error(state)

    async def check_key(
        self, key: str, request: web.BaseRequest, source: Source, now: datetime
    ) -> RequestContext | None:
        """Look a key up; None if it is not valid. Raises ApiError(429) after too many failed attempts."""
        key_hash = hash_api_key(key)
        found = await self._store.api_keys.find(key_hash) if key else None
        if found is None or not found.is_valid_for(source.name, now):
            self._last_used.pop(key_hash, None)
            self.count_failure(request)
            return None
        last_used = self._last_used.get(key_hash) or found.last_used_at
        if last_used is None or now - last_used >= _LAST_USED_PRECISION:
            await self._record_use(found, key_hash, now)
        workspace = await self._store.workspaces.get(found.workspace_id)
        return RequestContext(key=found, workspace=workspace, last_used_at=last_used)

    async def _record_use(self, key: ApiKey, key_hash: str, now: datetime) -> None:
        self._last_used[key_hash] = now
        self._last_used.move_to_end(key_hash)
        if len(self._last_used) > MAX_TRACKED_KEYS:
            self._last_used.popitem(last=False)
        try:
            await self._store.api_keys.touch_last_used(key.prefix, now)
        except StorageError as error:  # the request itself may still succeed
            _log.warning(
                "The last use of an API key was not stored: %s", error, extra={"key_prefix": key.prefix}
            )


def _key_in(request: web.BaseRequest, headers: Iterable[str]) -> str:
    """The key in these headers; "" if there is none, or two different ones."""
    keys = {key for header in headers for key in request.headers.getall(header, ())}
    return keys.pop() if len(keys) == 1 else ""
