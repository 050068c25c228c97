"""Rate limits: a bucket per route and channel, headers, and the unannounced limit on renames."""

from __future__ import annotations

from bot.sandbox.rest.rate_limits import RateLimit, RateLimiter, route_of

SEND = "POST /channels/{id}/messages"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_sixth_message_in_five_seconds_is_limited_until_the_bucket_resets() -> None:
    clock = Clock()
    limiter = RateLimiter(True, clock)
    left = [
        limiter.acquire("POST", "/channels/1/messages").headers["X-RateLimit-Remaining"] for _ in range(5)
    ]
    clock.now += 2

    late = limiter.acquire("POST", "/channels/1/messages")

    assert left == ["4", "3", "2", "1", "0"]
    assert late.retry_after == 3.0
    assert late.headers["X-RateLimit-Reset-After"] == "3.000"
    clock.now += 3
    assert limiter.acquire("POST", "/channels/1/messages").retry_after is None


def test_the_wait_is_never_shorter_than_the_time_to_the_reset() -> None:
    limiter = RateLimiter({SEND: RateLimit(requests=1, per=0.0104)}, Clock())
    limiter.acquire("POST", "/channels/1/messages")

    assert limiter.acquire("POST", "/channels/1/messages").retry_after == 0.011


def test_each_channel_has_its_own_bucket_with_the_same_hash() -> None:
    limiter = RateLimiter({SEND: RateLimit(requests=1, per=5)}, Clock())

    first, other = (limiter.acquire("POST", f"/channels/{channel}/messages") for channel in (1, 2))

    assert (first.retry_after, other.retry_after) == (None, None)
    assert first.headers["X-RateLimit-Bucket"] == other.headers["X-RateLimit-Bucket"]
    assert limiter.acquire("POST", "/channels/1/messages").retry_after == 5


def test_interaction_endpoints_have_no_bucket() -> None:
    limiter = RateLimiter(True, Clock())

    decisions = [limiter.acquire("POST", "/webhooks/1/token") for _ in range(50)]

    assert all(decision.retry_after is None and not decision.headers for decision in decisions)


def test_the_third_rename_in_ten_minutes_is_limited_despite_remaining_requests() -> None:
    clock = Clock()
    limiter = RateLimiter(True, clock)
    for name in ("a", "b"):
        assert limiter.acquire("PATCH", "/channels/1", {"name": name}).retry_after is None

    third = limiter.acquire("PATCH", "/channels/1", {"name": "c"})

    assert third.retry_after == 600
    assert int(third.headers["X-RateLimit-Remaining"]) > 0
    assert limiter.acquire("PATCH", "/channels/1", {"archived": True}).retry_after is None
    assert limiter.acquire("PATCH", "/channels/2", {"name": "c"}).retry_after is None


def test_without_rate_limits_there_are_no_limits_and_no_headers() -> None:
    limiter = RateLimiter(False, Clock())

    decisions = [limiter.acquire("PATCH", "/channels/1", {"name": "x"}) for _ in range(100)]

    assert all(decision.retry_after is None and not decision.headers for decision in decisions)


def test_a_route_replaces_ids_and_emoji_and_returns_the_major_id() -> None:
    route = route_of("PUT", "/channels/12/messages/34/reactions/%F0%9F%91%8D/@me")

    assert route == ("PUT /channels/{id}/messages/{id}/reactions/{emoji}/@me", "12")


def test_the_51st_request_in_a_second_meets_the_global_limit() -> None:
    clock = Clock()
    limiter = RateLimiter(True, clock)
    passed = [limiter.acquire("GET", f"/channels/{channel}") for channel in range(50)]

    late = limiter.acquire("GET", "/users/1")

    assert all(decision.retry_after is None for decision in passed)
    assert (late.retry_after, late.scope) == (1.0, "global")
    clock.now += 1
    assert limiter.acquire("GET", "/users/1").retry_after is None
