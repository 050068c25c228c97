"""Invalid request limit: what counts, when deliveries pause, and when no request is made at all."""

from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType

import aiohttp
import pytest
from aiohttp import web
from multidict import CIMultiDict

from bot.discord_client.invalid_requests import (
    HARD_LIMIT,
    SOFT_LIMIT,
    WINDOW,
    InvalidRequestGuard,
    InvalidRequestLimitReached,
)
from bot.outbox.circuit_breaker import CircuitBreaker
from tests.outbox.test_circuit_breaker import Clock

Headers = Mapping[str, str]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(clock=clock)


@pytest.fixture
def requests(breaker: CircuitBreaker, clock: Clock) -> InvalidRequestGuard:
    return InvalidRequestGuard(breaker, clock)


def record(
    requests: InvalidRequestGuard, status: int, times: int = 1, headers: Headers = MappingProxyType({})
) -> None:
    for _ in range(times):
        requests.record_response(status, CIMultiDict(headers))


def test_only_invalid_requests_by_discords_definition_are_counted(requests: InvalidRequestGuard) -> None:
    for status in (200, 204, 400, 404, 500, 503):
        record(requests, status)
    record(requests, 429, headers={"x-ratelimit-scope": "shared"})
    assert requests.invalid_count == 0

    for status in (401, 403, 429):
        record(requests, status)
    record(requests, 429, headers={"x-ratelimit-scope": "user"})

    assert requests.invalid_count == 4
    assert requests.responses == {200: 1, 204: 1, 400: 1, 404: 1, 500: 1, 503: 1, 401: 1, 403: 1, 429: 3}


def test_deliveries_pause_long_before_a_ban_until_enough_requests_are_old(
    requests: InvalidRequestGuard, breaker: CircuitBreaker, clock: Clock
) -> None:
    record(requests, 403, 100)
    clock.advance(200)
    record(requests, 403, SOFT_LIMIT - 101)
    assert not breaker.is_open
    record(requests, 403)

    assert breaker.is_open
    assert breaker.seconds_until_retry() == WINDOW - 200  # then the first hundred are out of the window
    breaker.reset()
    breaker.record_success(1)
    assert breaker.is_open
    clock.advance(WINDOW - 200)
    assert not breaker.is_open
    assert requests.invalid_count == SOFT_LIMIT - 100


def test_one_request_over_the_limit_pauses_until_one_is_old(
    requests: InvalidRequestGuard, breaker: CircuitBreaker, clock: Clock
) -> None:
    for _ in range(SOFT_LIMIT + 1):
        record(requests, 403)
        clock.advance(1)

    assert breaker.global_circuit is not None
    assert breaker.global_circuit.retry_at == clock.now - SOFT_LIMIT + WINDOW  # the second of them


def test_the_count_is_bounded(requests: InvalidRequestGuard) -> None:
    record(requests, 403, 3 * HARD_LIMIT)

    assert requests.invalid_count == HARD_LIMIT
    assert requests.responses[403] == 3 * HARD_LIMIT


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-global": "true", "retry-after": "3"}, 3.0),
        ({"x-ratelimit-scope": "global", "retry-after": "0.5"}, 0.5),
        ({"x-ratelimit-scope": "global"}, 1.0),
        ({"x-ratelimit-scope": "global", "retry-after": "soon"}, 1.0),
        ({"x-ratelimit-scope": "global", "retry-after": "nan"}, 1.0),
    ],
)
def test_a_global_rate_limit_opens_the_global_circuit_for_its_time(
    requests: InvalidRequestGuard, breaker: CircuitBreaker, headers: Headers, seconds: float
) -> None:
    record(requests, 429, headers=headers)

    assert breaker.is_open
    assert breaker.seconds_until_retry() == seconds


@pytest.mark.parametrize("scope", ["user", "shared"])
def test_a_rate_limit_of_one_route_opens_no_circuit(
    requests: InvalidRequestGuard, breaker: CircuitBreaker, scope: str
) -> None:
    record(requests, 429, headers={"x-ratelimit-scope": scope, "retry-after": "3"})

    assert not breaker.is_open


@pytest.fixture
async def rejecting_server() -> AsyncIterator[tuple[str, list[str]]]:
    """The address of a server that answers 403 to everything, and the paths that reached it."""
    arrived: list[str] = []

    async def reject(request: web.Request) -> web.Response:
        arrived.append(request.path)
        return web.Response(status=403)

    app = web.Application()
    app.router.add_get("/{path:.*}", reject)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", arrived
    await runner.cleanup()


async def test_requests_of_a_session_are_counted_and_stop_at_the_hard_limit(
    requests: InvalidRequestGuard, clock: Clock, rejecting_server: tuple[str, list[str]]
) -> None:
    address, arrived = rejecting_server
    record(requests, 401, HARD_LIMIT - 3)
    async with aiohttp.ClientSession(trace_configs=[requests.trace_config()]) as session:
        for _ in range(3):
            async with session.get(address) as response:
                assert response.status == 403
        for _ in range(5):
            with pytest.raises(InvalidRequestLimitReached):
                await session.get(address)
        assert len(arrived) == 3

        clock.advance(WINDOW)
        async with session.get(address) as response:
            assert response.status == 403
    assert requests.responses == {401: HARD_LIMIT - 3, 403: 4}
