"""The breaker: whom it leaves alone, for how long, and what ends that. Its clock is turned by hand."""

import pytest

from bot.outbox.circuit_breaker import (
    FAILURE_THRESHOLD,
    FORBIDDEN_BACKOFF,
    MAX_BACKOFF,
    MIN_BACKOFF,
    MIN_RETRY_GAP,
    CircuitBreaker,
)

A, B, C = 1, 2, 3


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(clock)


def silent(breaker: CircuitBreaker, *channels: int) -> None:
    for channel in channels:
        breaker.record_timeout(channel, "503")


def left(breaker: CircuitBreaker, clock: Clock, channel: int) -> float:
    """For how many seconds a channel rests yet."""
    return breaker.channel_circuits[channel].retry_at - clock.now


def test_nothing_rests_at_first(breaker: CircuitBreaker) -> None:
    assert breaker.open_channels() == set()
    assert (breaker.is_open, breaker.is_half_open, breaker.global_circuit) == (False, False, None)
    assert breaker.seconds_until_retry() is None


def test_a_silent_channel_rests_alone_until_its_time_is_over(breaker: CircuitBreaker, clock: Clock) -> None:
    silent(breaker, A)
    assert breaker.open_channels() == {A}
    assert breaker.seconds_until_retry() == MIN_BACKOFF

    clock.passes(MIN_BACKOFF)

    assert breaker.open_channels() == set()
    assert not breaker.is_open


def test_what_stays_silent_is_tried_less_and_less_often(breaker: CircuitBreaker, clock: Clock) -> None:
    waits = []
    for _ in range(6):
        silent(breaker, A)
        waits.append(left(breaker, clock, A))
        clock.passes(waits[-1])

    assert waits == [MIN_BACKOFF, 10.0, 20.0, MAX_BACKOFF, MAX_BACKOFF, MAX_BACKOFF]


def test_a_silent_channel_rests_as_long_as_its_request_may_still_arrive(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    breaker.record_timeout(A, "503", at_least=12.0)

    assert left(breaker, clock, A) == 12.0


def test_after_three_missing_answers_in_a_row_all_rest_and_then_one_finds_out(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    silent(breaker, A, B)
    assert not breaker.is_open
    silent(breaker, C)
    assert FAILURE_THRESHOLD == 3
    assert breaker.is_open
    assert not breaker.is_half_open

    clock.passes(MIN_BACKOFF)

    assert not breaker.is_open
    assert breaker.is_half_open


def test_each_probe_in_vain_lengthens_the_rest_of_all_and_the_outage_is_one(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    silent(breaker, A, B, C)
    waits = []
    for _ in range(4):
        assert breaker.global_circuit is not None
        waits.append(breaker.global_circuit.retry_at - clock.now)
        clock.passes(waits[-1])
        silent(breaker, A)

    assert waits == [MIN_BACKOFF, 10.0, 20.0, MAX_BACKOFF]
    assert breaker.global_circuit is not None
    assert breaker.open_for(breaker.global_circuit) == sum(waits)


def test_any_answer_ends_every_silence(breaker: CircuitBreaker) -> None:
    silent(breaker, A, B, C)

    breaker.record_success(A)

    assert (breaker.global_circuit, breaker.channel_circuits) == (None, {})
    silent(breaker, A, B)
    assert not breaker.is_open  # they are counted from the beginning


def test_a_refusal_is_an_answer_too_and_rests_its_own_channel_alone(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    silent(breaker, A, B, C)

    breaker.record_forbidden(A, "403")

    assert breaker.global_circuit is None
    assert breaker.channel_circuits[A].forbidden
    assert left(breaker, clock, A) == FORBIDDEN_BACKOFF


def test_a_channel_that_goes_on_refusing_is_asked_six_times_in_ten_minutes_at_most(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    asked, begun = 0, clock.now
    while clock.now < begun + 600:
        breaker.record_forbidden(A, "403")
        asked += 1
        clock.passes(left(breaker, clock, A))

    assert asked <= 6
    assert breaker.channel_circuits[A].opened_at == begun


def test_an_answer_to_another_channel_does_not_repair_one_that_refuses(breaker: CircuitBreaker) -> None:
    breaker.record_forbidden(A, "403")

    breaker.record_success(B)
    assert breaker.open_channels() == {A}
    breaker.record_success(A)
    assert breaker.open_channels() == set()


def test_what_may_be_repaired_is_asked_again_soon_but_not_in_haste(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    breaker.record_forbidden(A, "403")

    for _ in range(3):
        breaker.reset(A)
        assert left(breaker, clock, A) == MIN_RETRY_GAP

    clock.passes(60)
    breaker.reset(A)
    assert breaker.open_channels() == set()


def test_looking_again_changes_nothing_for_a_channel_that_does_not_refuse(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    silent(breaker, A)

    breaker.reset(A)
    breaker.reset(B)

    assert left(breaker, clock, A) == MIN_BACKOFF
    assert breaker.open_channels() == {A}


def test_a_channel_that_refuses_and_then_is_silent_still_has_to_be_repaired(breaker: CircuitBreaker) -> None:
    breaker.record_forbidden(A, "403")

    silent(breaker, A)
    breaker.record_success(B)

    assert breaker.channel_circuits[A].forbidden


def test_patience_is_no_failure_and_is_not_cut_short_by_an_answer_to_another(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    breaker.record_rate_limit(A, "429", 40.0)

    breaker.record_success(B)
    assert left(breaker, clock, A) == 40.0
    clock.passes(40)
    assert breaker.open_channels() == set()
    silent(breaker, A)
    assert left(breaker, clock, A) == MIN_BACKOFF


def test_patience_asked_of_a_refused_channel_is_kept_and_the_refusal_with_it(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    breaker.record_forbidden(A, "403")
    clock.passes(FORBIDDEN_BACKOFF)

    breaker.record_rate_limit(A, "an earlier attempt may still arrive", 8.0)
    breaker.reset(A)

    assert left(breaker, clock, A) == 8.0
    assert (breaker.channel_circuits[A].forbidden, breaker.channel_circuits[A].reason) == (True, "403")


def test_a_refusal_of_everything_stands_though_others_are_answered_meanwhile(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    breaker.record_global_forbidden("401", 400.0)

    breaker.record_success(A)
    breaker.record_forbidden(B, "403")
    silent(breaker, A, C, C, C)
    assert breaker.seconds_until_retry() == MIN_BACKOFF  # of a channel; of all, it is still 400
    assert breaker.global_circuit is not None
    assert (breaker.global_circuit.reason, breaker.global_circuit.retry_at) == ("401", clock.now + 400)

    clock.passes(400)
    assert breaker.is_half_open
    breaker.record_success(A)
    assert breaker.global_circuit is None


def test_a_refusal_of_everything_again_lasts_from_then_and_is_one_with_the_first(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    breaker.record_global_forbidden("401", 400.0)
    clock.passes(400)
    breaker.record_global_forbidden("401", 400.0)

    assert breaker.global_circuit is not None
    assert breaker.global_circuit.retry_at == clock.now + 400
    assert breaker.open_for(breaker.global_circuit) == 400


def test_the_shorter_of_two_refusals_of_everything_does_not_shorten_the_longer(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    breaker.record_global_forbidden("a page without Via", 600.0)
    breaker.record_global_forbidden("401", 400.0)

    clock.passes(500)

    assert breaker.is_open


def test_looking_again_everywhere_ends_what_can_be_repaired_there(breaker: CircuitBreaker) -> None:
    breaker.record_global_forbidden("401", 400.0)

    breaker.reset()

    assert breaker.global_circuit is None


def test_patience_with_everything_ends_by_its_time_alone_and_needs_no_try(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    breaker.record_global_rate_limit("429, global", 2.0)

    breaker.reset()
    breaker.record_success(A)
    assert breaker.is_open
    assert breaker.seconds_until_retry() == 2.0
    clock.passes(2)
    assert (breaker.is_open, breaker.is_half_open, breaker.global_circuit) == (False, False, None)
