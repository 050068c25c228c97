"""How the bridge is: for a supervisor or a load balancer without a key, and for those who watch over it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from aiohttp import hdrs, web

from bot.sources import ApiError
from bot.webhook.client_ip import Network, TrustedProxies, ip_in_networks
from bot.webhook.responses import JsonResponse
from storage import Store

# The source a path belongs to ("" if none), the path as the routes have it, the status, and seconds.
ResponseObserver = Callable[[str, str, int, float], None]

_PROMETHEUS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"  # as Prometheus names its format
_METRICS_FORBIDDEN = ApiError(403, "This is for the networks in [webhook] metrics_allowed_networks alone.")


class Observability(Protocol):
    """What /readyz and /metrics serve of the rest of the bridge, and who counts the responses."""

    @property
    def allowed_networks(self) -> Sequence[Network]:
        """The networks that may read /metrics, and why the bridge is not ready."""

    async def unready_reasons(self) -> Sequence[str]:
        """Why the bridge is not ready, as sentences; empty if it is."""

    async def render_metrics(self) -> bytes:
        """Metrics, in Prometheus's text format."""

    def on_response(self, source: str, path: str, status: int, seconds: float) -> None:
        """Count a response: see `ResponseObserver`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoObservability:
    """Serves and counts nothing: for a webhook without the rest of the bridge."""

    allowed_networks: Sequence[Network] = ()

    async def unready_reasons(self) -> Sequence[str]:
        return ()

    async def render_metrics(self) -> bytes:
        return b""

    def on_response(self, source: str, path: str, status: int, seconds: float) -> None:
        """Count nothing."""


class HealthRoutes:
    """Three paths without a key. The first two say yes or no to everyone, by their status."""

    def __init__(self, store: Store, proxies: TrustedProxies, observability: Observability) -> None:
        self._store = store
        self._proxies = proxies
        self._observability = observability

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/healthz", self._healthz),
            web.get("/readyz", self._readyz),
            web.get("/metrics", self._metrics),
        ]

    async def _healthz(self, _: web.Request) -> JsonResponse:
        """Answered from the moment that requests are; well while tickets can be kept."""
        trouble = await self._store.health_error()
        if trouble is None:
            return JsonResponse({"status": "ok"})
        return JsonResponse({"status": "degraded", "reason": str(trouble)}, 503)

    async def _readyz(self, request: web.Request) -> JsonResponse:
        trouble = await self._store.health_error()
        reasons = [*([] if trouble is None else [str(trouble)]), *await self._observability.unready_reasons()]
        body: dict[str, object] = {"ready": not reasons}
        if self._is_allowed(request):
            body["reasons"] = reasons
        return JsonResponse(body, 503 if reasons else 200)

    async def _metrics(self, request: web.Request) -> JsonResponse:
        if not self._is_allowed(request):
            raise _METRICS_FORBIDDEN
        answer = JsonResponse(await self._observability.render_metrics())
        answer.headers[hdrs.CONTENT_TYPE] = _PROMETHEUS_CONTENT_TYPE
        return answer

    def _is_allowed(self, request: web.Request) -> bool:
        origin = self._proxies.verified_ip(request)
        return origin is not None and ip_in_networks(origin, self._observability.allowed_networks)
