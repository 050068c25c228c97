"""How the bridge is: for a supervisor or a load balancer without a key, and for those who watch over it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aiohttp import hdrs, web

from bot.sources import Refused
from bot.webhook.client_ip import Network, Proxies, is_within
from bot.webhook.responses import Answer
from storage import Store

# The source a path belongs to ("" if none), the path as the routes have it, the status, and seconds.
Answered = Callable[[str, str, int, float], None]

_TEXT = "text/plain; version=0.0.4; charset=utf-8"  # as Prometheus names its format
_NOT_FOR_YOU = Refused(403, "This is for the networks in [webhook] metrics_allowed_networks alone.")


async def _no_reasons() -> Sequence[str]:
    return ()


async def _no_figures() -> bytes:
    return b""


def _nobody(source: str, path: str, status: int, seconds: float) -> None:
    """Nobody counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Who keeps watch: what they tell of the rest of the bridge, what they are told, and for whom it is."""

    readers: Sequence[Network] = ()
    reasons: Callable[[], Awaitable[Sequence[str]]] = _no_reasons  # why the bridge is not ready, as sentences
    figures: Callable[[], Awaitable[bytes]] = _no_figures  # metrics, in Prometheus's text format
    answered: Answered = _nobody


class Health:
    """Three paths without a key. The first two say yes or no to everyone, by their status."""

    def __init__(self, store: Store, proxies: Proxies, watch: Watch) -> None:
        self._store = store
        self._proxies = proxies
        self._watch = watch

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/healthz", self._health),
            web.get("/readyz", self._readiness),
            web.get("/metrics", self._metrics),
        ]

    async def _health(self, _: web.Request) -> Answer:
        """Answered from the moment that requests are; well while tickets can be kept."""
        trouble = await self._store.trouble()
        if trouble is None:
            return Answer({"status": "ok"})
        return Answer({"status": "degraded", "reason": str(trouble)}, 503)

    async def _readiness(self, request: web.Request) -> Answer:
        trouble = await self._store.trouble()
        reasons = [*([] if trouble is None else [str(trouble)]), *await self._watch.reasons()]
        body: dict[str, object] = {"ready": not reasons}
        if self._may_read(request):
            body["reasons"] = reasons
        return Answer(body, 503 if reasons else 200)

    async def _metrics(self, request: web.Request) -> Answer:
        if not self._may_read(request):
            raise _NOT_FOR_YOU
        answer = Answer(await self._watch.figures())
        answer.headers[hdrs.CONTENT_TYPE] = _TEXT
        return answer

    def _may_read(self, request: web.Request) -> bool:
        origin = self._proxies.origin_of(request)
        return origin is not None and is_within(origin, self._watch.readers)
