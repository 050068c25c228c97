"""Health checks for supervisors and load balancers, and metrics: /healthz, /readyz and /metrics."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NotRequired, Protocol

from aiohttp import hdrs, web

from bot.sources.contract import ApiError, Operation
from bot.sources.validation import TypedDict
from bot.webhook.client_ip import Network, TrustedProxies, ip_in_networks
from bot.webhook.responses import ErrorBody, JsonResponse
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
    """Three paths without authentication. Of the first two everyone may read the status."""

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
        """200 while tickets can be stored, else 503."""
        error = await self._store.health_error()
        if error is None:
            return JsonResponse({"status": "ok"})
        return JsonResponse({"status": "degraded", "reason": str(error)}, 503)

    async def _readyz(self, request: web.Request) -> JsonResponse:
        error = await self._store.health_error()
        reasons = [*([] if error is None else [str(error)]), *await self._observability.unready_reasons()]
        body: dict[str, object] = {"ready": not reasons}
        if self._is_allowed(request):
            body["reasons"] = reasons
        return JsonResponse(body, 503 if reasons else 200)

    async def _metrics(self, request: web.Request) -> JsonResponse:
        if not self._is_allowed(request):
            raise _METRICS_FORBIDDEN
        response = JsonResponse(await self._observability.render_metrics())
        response.headers[hdrs.CONTENT_TYPE] = _PROMETHEUS_CONTENT_TYPE
        return response

    def _is_allowed(self, request: web.Request) -> bool:
        address = self._proxies.verified_ip(request)
        return address is not None and ip_in_networks(address, self._observability.allowed_networks)


class Healthy(TypedDict):
    """Tickets are accepted."""

    status: Literal["ok"]


class Degraded(TypedDict):
    """The database cannot store tickets."""

    status: Literal["degraded"]
    reason: str


class Ready(TypedDict):
    """Tickets are accepted and posted. `reasons` are sent to the networks that may read them."""

    ready: Literal[True]
    reasons: NotRequired[list[str]]


class NotReady(TypedDict):
    """Tickets are not accepted, or not posted. `reasons` are sent to the networks that may read them."""

    ready: Literal[False]
    reasons: NotRequired[list[str]]


HEALTH_OPERATIONS = (
    Operation(
        path="/healthz",
        summary="Whether tickets are accepted",
        response=Healthy,
        other_responses={503: Degraded},
    ),
    Operation(
        path="/readyz",
        summary="Whether tickets are accepted and posted",
        response=Ready,
        other_responses={503: NotReady},
    ),
    Operation(
        path="/metrics",
        summary="Metrics for Prometheus, for the networks that may read them",
        response=str,
        text_types=("text/plain",),
        other_responses={403: ErrorBody},
    ),
)
