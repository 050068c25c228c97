"""The budget of refused requests: what counts, when deliveries stop, and that nothing is asked at the end."""

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
    return CircuitBreaker(clock)


@pytest.fixture
def requests(breaker: CircuitBreaker, clock: Clock) -> InvalidRequestGuard:
    return InvalidRequestGuard(breaker, clock)


def told(
    requests: InvalidRequestGuard, status: int, times: int = 1, headers: Headers = MappingProxyType({})
) -> None:
    for _ in range(times):
        requests.record_response(status, CIMultiDict(headers))


def test_only_what_discord_counts_is_counted(requests: InvalidRequestGuard) -> None:
    for status in (200, 204, 400, 404, 500, 503):
        told(requests, status)
    told(requests, 429, headers={"x-ratelimit-scope": "shared"})
    assert requests.invalid_count == 0

    for status in (401, 403, 429):
        told(requests, status)
    told(requests, 429, headers={"x-ratelimit-scope": "user"})

    assert requests.invalid_count == 4
    assert requests.responses == {200: 1, 204: 1, 400: 1, 404: 1, 500: 1, 503: 1, 401: 1, 403: 1, 429: 3}


def test_deliveries_stop_long_before_discord_bars_us_until_enough_is_forgotten(
    requests: InvalidRequestGuard, breaker: CircuitBreaker, clock: Clock
) -> None:
    told(requests, 403, 100)
    clock.passes(200)
    told(requests, 403, SOFT_LIMIT - 101)
    assert not breaker.is_open
    told(requests, 403)

    assert breaker.is_open
    assert breaker.seconds_until_retry() == WINDOW - 200  # then the first hundred are forgotten
    breaker.reset()
    breaker.record_success(1)
    assert breaker.is_open
    clock.passes(WINDOW - 200)
    assert not breaker.is_open
    assert requests.invalid_count == SOFT_LIMIT - 100


def test_a_single_refusal_too_many_waits_for_a_single_one_to_be_forgotten(
    requests: InvalidRequestGuard, breaker: CircuitBreaker, clock: Clock
) -> None:
    for _ in range(SOFT_LIMIT + 1):
        told(requests, 403)
        clock.passes(1)

    assert breaker.global_circuit is not None
    assert breaker.global_circuit.retry_at == clock.now - SOFT_LIMIT + WINDOW  # the second of them


def test_what_is_remembered_is_bounded(requests: InvalidRequestGuard) -> None:
    told(requests, 403, 3 * HARD_LIMIT)

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
def test_a_limit_of_everything_lets_everything_rest_as_long_as_it_says(
    requests: InvalidRequestGuard, breaker: CircuitBreaker, headers: Headers, seconds: float
) -> None:
    told(requests, 429, headers=headers)

    assert breaker.is_open
    assert breaker.seconds_until_retry() == seconds


@pytest.mark.parametrize("scope", ["user", "shared"])
def test_a_limit_of_one_route_lets_nothing_else_rest(
    requests: InvalidRequestGuard, breaker: CircuitBreaker, scope: str
) -> None:
    told(requests, 429, headers={"x-ratelimit-scope": scope, "retry-after": "3"})

    assert not breaker.is_open


@pytest.fixture
async def refusing() -> AsyncIterator[tuple[str, list[str]]]:
    """The address of a server that refuses everything, and what reached it."""
    arrived: list[str] = []

    async def refuse(request: web.Request) -> web.Response:
        arrived.append(request.path)
        return web.Response(status=403)

    app = web.Application()
    app.router.add_get("/{path:.*}", refuse)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", arrived
    await runner.cleanup()


async def test_of_a_real_session_every_answer_is_counted_and_at_the_end_nothing_is_asked(
    requests: InvalidRequestGuard, clock: Clock, refusing: tuple[str, list[str]]
) -> None:
    address, arrived = refusing
    told(requests, 401, HARD_LIMIT - 3)
    async with aiohttp.ClientSession(trace_configs=[requests.trace_config()]) as session:
        for _ in range(3):
            async with session.get(address) as answer:
                assert answer.status == 403
        for _ in range(5):
            with pytest.raises(InvalidRequestLimitReached):
                await session.get(address)
        assert len(arrived) == 3

        clock.passes(WINDOW)
        async with session.get(address) as answer:
            assert answer.status == 403
    assert requests.responses == {401: HARD_LIMIT - 3, 403: 4}
