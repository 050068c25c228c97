"""How much one sender may send, with a clock that is stepped by hand."""

import random
from itertools import pairwise

import pytest

from bot.sources.contract import RateLimit
from bot.webhook import rate_limit as limits
from bot.webhook.rate_limit import SlidingWindowLimiter, rate_limited_error
from tests.webhook.conftest import BODY, Gate, make_key


async def test_a_key_is_limited_and_let_in_again(gate: Gate) -> None:
    burst = [(await gate.send("/north/tickets")).status for _ in range(7)]
    gate.time[0] += 1.0
    later = await gate.send("/north/tickets")

    assert burst == [200] * 5 + [429] * 2
    assert later.status == 200
    assert len(await gate.kept()) == 6


@pytest.mark.parametrize(("owner", "limit", "wait"), [("north", 5, "1"), ("south", 20, "60")])
async def test_who_is_over_the_limit_is_told_how_long_to_wait(
    gate: Gate, owner: str, limit: int, wait: str
) -> None:
    for _ in range(limit):
        await gate.send(f"/{owner}/tickets")

    reply = await gate.send(f"/{owner}/tickets")

    assert (reply.status, reply.headers["retry-after"]) == (429, wait)
    assert f"{wait} s" in reply.refuses(owner)


async def test_every_answer_says_what_is_left(gate: Gate) -> None:
    replies = [await gate.send("/north/tickets", body) for body in (BODY, b"no json", BODY, BODY, BODY, BODY)]

    assert [reply.status for reply in replies] == [200, 400, 200, 200, 200, 429]
    assert [reply.headers["ratelimit-remaining"] for reply in replies] == ["4", "3", "2", "1", "0", "0"]
    assert {reply.headers["ratelimit-limit"] for reply in replies} == {"5"}
    assert {reply.headers["ratelimit-policy"] for reply in replies} == {"5;w=1"}
    assert {reply.headers["ratelimit-reset"] for reply in replies} == {"1"}


async def test_strangers_are_told_nothing_of_a_keys_limit(gate: Gate) -> None:
    reply = await gate.send("/north/tickets", key="wrong")

    assert not any(name.startswith("ratelimit") for name in reply.headers)


async def test_one_key_does_not_use_up_another(gate: Gate) -> None:
    other, _ = await make_key(gate.store, "north")
    for _ in range(6):
        await gate.send("/north/tickets")

    assert (await gate.send("/north/tickets", key=other)).status == 200


async def test_strangers_do_not_use_up_a_key(gate: Gate) -> None:
    for _ in range(10):
        await gate.send("/north/tickets", key=gate.keys["north"][:11])

    assert (await gate.send("/north/tickets")).status == 200


async def test_an_address_is_limited_whatever_its_key(gate: Gate) -> None:
    statuses = [(await gate.send("/south/tickets", key=f"guess-{n}")).status for n in range(20)]

    assert statuses == [401] * 20
    assert (await gate.send("/south/tickets")).status == 429
    assert (await gate.send("/north/tickets")).status == 200


def test_no_window_ever_holds_more_than_the_limit() -> None:
    chance, now, accepted = random.Random(7), 0.0, []  # noqa: S311  # a repeatable crowd, no secret
    window = SlidingWindowLimiter(RateLimit(requests=5, seconds=1.0), lambda: now)

    for _ in range(5000):
        now += chance.choice([0.0, 0.001, 0.1, 0.25, 0.9])
        if not window.hit("a").retry_after_seconds:
            accepted.append(now)

    assert len(accepted) > 1000
    assert all(late - early >= 0.999999 for early, late in zip(accepted, accepted[5:], strict=False))
    assert any(late - early < 0.25 for early, late in pairwise(accepted))


def test_who_waits_as_long_as_told_is_let_in() -> None:
    now = 0.3
    window = SlidingWindowLimiter(RateLimit(requests=1, seconds=2.5), lambda: now)

    for _ in range(1000):
        assert not window.hit("a").retry_after_seconds
        now += 0.7
        refused = rate_limited_error(window.hit("a"))
        assert refused.retry_after is not None
        now += refused.retry_after


def test_what_is_refused_is_not_counted() -> None:
    now = 0.0
    window = SlidingWindowLimiter(RateLimit(requests=1, seconds=1.0), lambda: now)
    window.hit("a")

    for now in (0.5, 0.9):  # noqa: B007  # the clock reads it
        assert window.hit("a").retry_after_seconds
    now = 1.0
    assert not window.hit("a").retry_after_seconds


def test_the_silent_are_forgotten() -> None:
    now = 0.0
    window = SlidingWindowLimiter(RateLimit(requests=5, seconds=1.0), lambda: now)
    for who in range(100):
        window.hit(str(who))

    now = 1.0
    window.hit("last")

    assert list(window._expiries) == ["last"]


def test_a_crowd_of_callers_is_not_remembered_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_TRACKED_CLIENTS", 50)
    window = SlidingWindowLimiter(RateLimit(requests=1, seconds=1.0), lambda: 0.0)

    for who in range(1000):
        window.hit(str(who))

    assert list(window._expiries) == [str(who) for who in range(950, 1000)]
    assert window.hit("999").retry_after_seconds


def test_in_a_crowd_the_one_silent_longest_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_TRACKED_CLIENTS", 2)
    window = SlidingWindowLimiter(RateLimit(requests=2, seconds=1.0), lambda: 0.0)

    for who in ("busy", "silent", "busy", "new"):
        window.hit(who)

    assert window.hit("busy").retry_after_seconds
