"""Rate limits, with a clock that is set by hand."""

import random
from itertools import pairwise

import pytest

from bot.sources.contract import RateLimit
from bot.webhook import rate_limit as limits
from bot.webhook.rate_limit import SlidingWindowLimiter, rate_limited_error
from tests.webhook.conftest import BODY, Gate, make_key


async def test_a_key_is_limited_until_the_window_has_passed(gate: Gate) -> None:
    burst = [(await gate.send("/north/tickets")).status for _ in range(7)]
    gate.time[0] += 1.0
    later = await gate.send("/north/tickets")

    assert burst == [200] * 5 + [429] * 2
    assert later.status == 200
    assert len(await gate.kept()) == 6


@pytest.mark.parametrize(("owner", "limit", "wait"), [("north", 5, "1"), ("south", 20, "60")])
async def test_429_says_how_long_to_wait(gate: Gate, owner: str, limit: int, wait: str) -> None:
    for _ in range(limit):
        await gate.send(f"/{owner}/tickets")

    reply = await gate.send(f"/{owner}/tickets")

    assert (reply.status, reply.headers["retry-after"]) == (429, wait)
    assert f"{wait} s" in reply.refuses(owner)


async def test_every_response_has_rate_limit_headers(gate: Gate) -> None:
    replies = [await gate.send("/north/tickets", body) for body in (BODY, b"no json", BODY, BODY, BODY, BODY)]

    assert [reply.status for reply in replies] == [200, 400, 200, 200, 200, 429]
    assert [reply.headers["ratelimit-remaining"] for reply in replies] == ["4", "3", "2", "1", "0", "0"]
    assert {reply.headers["ratelimit-limit"] for reply in replies} == {"5"}
    assert {reply.headers["ratelimit-policy"] for reply in replies} == {"5;w=1"}
    assert {reply.headers["ratelimit-reset"] for reply in replies} == {"1"}


async def test_401_has_no_rate_limit_headers(gate: Gate) -> None:
    reply = await gate.send("/north/tickets", key="wrong")

    assert not any(name.startswith("ratelimit") for name in reply.headers)


async def test_keys_have_separate_limits(gate: Gate) -> None:
    other, _ = await make_key(gate.store, "north")
    for _ in range(6):
        await gate.send("/north/tickets")

    assert (await gate.send("/north/tickets", key=other)).status == 200


async def test_requests_without_the_key_do_not_count_towards_its_limit(gate: Gate) -> None:
    for _ in range(10):
        await gate.send("/north/tickets", key=gate.keys["north"][:11])

    assert (await gate.send("/north/tickets")).status == 200


async def test_a_limit_per_address_counts_all_keys(gate: Gate) -> None:
    statuses = [(await gate.send("/south/tickets", key=f"guess-{n}")).status for n in range(20)]

    assert statuses == [401] * 20
    assert (await gate.send("/south/tickets")).status == 429
    assert (await gate.send("/north/tickets")).status == 200


def test_no_window_ever_holds_more_than_the_limit() -> None:
    chance, now, accepted = random.Random(7), 0.0, []  # noqa: S311  # repeatable clients, no secret
    window = SlidingWindowLimiter(RateLimit(requests=5, seconds=1.0), lambda: now)

    for _ in range(5000):
        now += chance.choice([0.0, 0.001, 0.1, 0.25, 0.9])
        if not window.hit("a").retry_after_seconds:
            accepted.append(now)

    assert len(accepted) > 1000
    assert all(late - early >= 0.999999 for early, late in zip(accepted, accepted[5:], strict=False))
    assert any(late - early < 0.25 for early, late in pairwise(accepted))


def test_a_request_after_retry_after_is_accepted() -> None:
    now = 0.3
    window = SlidingWindowLimiter(RateLimit(requests=1, seconds=2.5), lambda: now)

    for _ in range(1000):
        assert not window.hit("a").retry_after_seconds
        now += 0.7
        refused = rate_limited_error(window.hit("a"))
        assert refused.retry_after is not None
        now += refused.retry_after


def test_a_rejected_request_is_not_counted() -> None:
    now = 0.0
    window = SlidingWindowLimiter(RateLimit(requests=1, seconds=1.0), lambda: now)
    window.hit("a")

    for now in (0.5, 0.9):  # noqa: B007  # the clock reads it
        assert window.hit("a").retry_after_seconds
    now = 1.0
    assert not window.hit("a").retry_after_seconds


def test_clients_without_recent_requests_are_dropped() -> None:
    now = 0.0
    window = SlidingWindowLimiter(RateLimit(requests=5, seconds=1.0), lambda: now)
    for who in range(100):
        window.hit(str(who))

    now = 1.0
    window.hit("last")

    assert list(window._expiries) == ["last"]


def test_the_number_of_tracked_clients_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_TRACKED_CLIENTS", 50)
    window = SlidingWindowLimiter(RateLimit(requests=1, seconds=1.0), lambda: 0.0)

    for who in range(1000):
        window.hit(str(who))

    assert list(window._expiries) == [str(who) for who in range(950, 1000)]
    assert window.hit("999").retry_after_seconds


def test_the_client_with_the_oldest_request_is_dropped_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_TRACKED_CLIENTS", 2)
    window = SlidingWindowLimiter(RateLimit(requests=2, seconds=1.0), lambda: 0.0)

    for who in ("busy", "silent", "busy", "new"):
        window.hit(who)

    assert window.hit("busy").retry_after_seconds
