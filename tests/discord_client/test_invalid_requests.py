"""The budget of refused requests: what counts, when deliveries stop, and that nothing is asked at the end."""

from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType

import aiohttp
import pytest
from aiohttp import web
from multidict import CIMultiDict

from bot.discord_client.invalid_requests import ENOUGH, MOST, WINDOW, RequestsMade, TooManyRefusals
from bot.outbox.circuit_breaker import Breaker
from tests.outbox.test_circuit_breaker import Clock

Headers = Mapping[str, str]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock)


@pytest.fixture
def requests(breaker: Breaker, clock: Clock) -> RequestsMade:
    return RequestsMade(breaker, clock)


def told(
    requests: RequestsMade, status: int, times: int = 1, headers: Headers = MappingProxyType({})
) -> None:
    for _ in range(times):
        requests.answered(status, CIMultiDict(headers))


def test_only_what_discord_counts_is_counted(requests: RequestsMade) -> None:
    for status in (200, 204, 400, 404, 500, 503):
        told(requests, status)
    told(requests, 429, headers={"x-ratelimit-scope": "shared"})
    assert requests.invalid_in_window == 0

    for status in (401, 403, 429):
        told(requests, status)
    told(requests, 429, headers={"x-ratelimit-scope": "user"})

    assert requests.invalid_in_window == 4
    assert requests.responses == {200: 1, 204: 1, 400: 1, 404: 1, 500: 1, 503: 1, 401: 1, 403: 1, 429: 3}


def test_deliveries_stop_long_before_discord_bars_us_until_enough_is_forgotten(
    requests: RequestsMade, breaker: Breaker, clock: Clock
) -> None:
    told(requests, 403, 100)
    clock.passes(200)
    told(requests, 403, ENOUGH - 101)
    assert not breaker.closed
    told(requests, 403)

    assert breaker.closed
    assert breaker.seconds_to_change() == WINDOW - 200  # then the first hundred are forgotten
    breaker.look_again()
    breaker.answered(1)
    assert breaker.closed
    clock.passes(WINDOW - 200)
    assert not breaker.closed
    assert requests.invalid_in_window == ENOUGH - 100


def test_a_single_refusal_too_many_waits_for_a_single_one_to_be_forgotten(
    requests: RequestsMade, breaker: Breaker, clock: Clock
) -> None:
    for _ in range(ENOUGH + 1):
        told(requests, 403)
        clock.passes(1)

    assert breaker.everywhere is not None
    assert breaker.everywhere.until == clock.now - ENOUGH + WINDOW  # the second of them


def test_what_is_remembered_is_bounded(requests: RequestsMade) -> None:
    told(requests, 403, 3 * MOST)

    assert requests.invalid_in_window == MOST
    assert requests.responses[403] == 3 * MOST


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
    requests: RequestsMade, breaker: Breaker, headers: Headers, seconds: float
) -> None:
    told(requests, 429, headers=headers)

    assert breaker.closed
    assert breaker.seconds_to_change() == seconds


@pytest.mark.parametrize("scope", ["user", "shared"])
def test_a_limit_of_one_route_lets_nothing_else_rest(
    requests: RequestsMade, breaker: Breaker, scope: str
) -> None:
    told(requests, 429, headers={"x-ratelimit-scope": scope, "retry-after": "3"})

    assert not breaker.closed


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
    requests: RequestsMade, clock: Clock, refusing: tuple[str, list[str]]
) -> None:
    address, arrived = refusing
    told(requests, 401, MOST - 3)
    async with aiohttp.ClientSession(trace_configs=[requests.traced()]) as session:
        for _ in range(3):
            async with session.get(address) as answer:
                assert answer.status == 403
        for _ in range(5):
            with pytest.raises(TooManyRefusals):
                await session.get(address)
        assert len(arrived) == 3

        clock.passes(WINDOW)
        async with session.get(address) as answer:
            assert answer.status == 403
    assert requests.responses == {401: MOST - 3, 403: 4}
