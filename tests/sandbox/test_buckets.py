"""Buckets count per route and channel, announce what is left, and keep the limit on renames to themselves."""

from __future__ import annotations

from bot.sandbox.rest.rate_limits import Buckets, Limit, route_of

SEND = "POST /channels/{id}/messages"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_sixth_message_in_five_seconds_waits_for_the_window_to_end() -> None:
    clock = Clock()
    buckets = Buckets(True, clock)
    left = [buckets.take("POST", "/channels/1/messages").headers["X-RateLimit-Remaining"] for _ in range(5)]
    clock.now += 2

    late = buckets.take("POST", "/channels/1/messages")

    assert left == ["4", "3", "2", "1", "0"]
    assert late.retry_after == 3.0
    assert late.headers["X-RateLimit-Reset-After"] == "3.000"
    clock.now += 3
    assert buckets.take("POST", "/channels/1/messages").retry_after is None


def test_every_channel_has_a_bucket_of_its_own_under_one_hash() -> None:
    buckets = Buckets({SEND: Limit(requests=1, per=5)}, Clock())

    first, other = (buckets.take("POST", f"/channels/{channel}/messages") for channel in (1, 2))

    assert (first.retry_after, other.retry_after) == (None, None)
    assert first.headers["X-RateLimit-Bucket"] == other.headers["X-RateLimit-Bucket"]
    assert buckets.take("POST", "/channels/1/messages").retry_after == 5


def test_interaction_endpoints_have_no_bucket() -> None:
    buckets = Buckets(True, Clock())

    takes = [buckets.take("POST", "/webhooks/1/token") for _ in range(50)]

    assert all(take.retry_after is None and not take.headers for take in takes)


def test_the_third_rename_in_ten_minutes_is_refused_though_the_headers_promise_room() -> None:
    clock = Clock()
    buckets = Buckets(True, clock)
    for name in ("a", "b"):
        assert buckets.take("PATCH", "/channels/1", {"name": name}).retry_after is None

    third = buckets.take("PATCH", "/channels/1", {"name": "c"})

    assert third.retry_after == 600
    assert int(third.headers["X-RateLimit-Remaining"]) > 0
    assert buckets.take("PATCH", "/channels/1", {"archived": True}).retry_after is None
    assert buckets.take("PATCH", "/channels/2", {"name": "c"}).retry_after is None


def test_without_buckets_nothing_is_limited_or_announced() -> None:
    buckets = Buckets(False, Clock())

    takes = [buckets.take("PATCH", "/channels/1", {"name": "x"}) for _ in range(100)]

    assert all(take.retry_after is None and not take.headers for take in takes)


def test_a_route_forgets_ids_and_emoji_but_names_its_first_id() -> None:
    route = route_of("PUT", "/channels/12/messages/34/reactions/%F0%9F%91%8D/@me")

    assert route == ("PUT /channels/{id}/messages/{id}/reactions/{emoji}/@me", "12")
