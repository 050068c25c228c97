"""Circuit breaker: what opens a circuit, for how long, and what closes it. Its clock is set by hand."""

import pytest

from bot.outbox.circuit_breaker import BreakerSettings, CircuitBreaker

A, B, C = "posts:1", "posts:2", "posts:3"
CHANNELS = {A: 1, B: 2, C: 3}
MIN_BACKOFF, MAX_BACKOFF, FORBIDDEN_BACKOFF, MIN_RETRY_GAP = 5.0, 30.0, 125.0, 5.0  # seconds


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(clock=clock)


def time_out(breaker: CircuitBreaker, *queues: str) -> None:
    for queue in queues:
        breaker.record_timeout(queue, CHANNELS[queue], "503")


def seconds_open(breaker: CircuitBreaker, clock: Clock, queue: str) -> float:
    """For how many seconds a queue's circuit is still open."""
    return breaker.circuits[queue].retry_at - clock.now


def test_every_circuit_is_closed_at_first(breaker: CircuitBreaker) -> None:
    assert breaker.open_queues() == set()
    assert (breaker.is_open, breaker.is_half_open, breaker.global_circuit) == (False, False, None)
    assert breaker.seconds_until_retry() is None


def test_a_timeout_opens_the_circuit_of_its_channel_alone_until_its_time_is_over(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    time_out(breaker, A)
    assert breaker.open_queues() == {A}
    assert breaker.seconds_until_retry() == MIN_BACKOFF

    clock.advance(MIN_BACKOFF)

    assert breaker.open_queues() == set()
    assert not breaker.is_open


def test_further_timeouts_double_the_backoff_up_to_the_maximum(breaker: CircuitBreaker, clock: Clock) -> None:
    waits = []
    for _ in range(6):
        time_out(breaker, A)
        waits.append(seconds_open(breaker, clock, A))
        clock.advance(waits[-1])

    assert waits == [MIN_BACKOFF, 10.0, 20.0, MAX_BACKOFF, MAX_BACKOFF, MAX_BACKOFF]


def test_after_a_timeout_the_circuit_is_open_as_long_as_the_request_may_still_arrive(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    breaker.record_timeout(A, CHANNELS[A], "503", at_least=12.0)

    assert seconds_open(breaker, clock, A) == 12.0


def test_three_timeouts_in_a_row_open_the_global_circuit_which_is_half_open_afterwards(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    time_out(breaker, A, B)
    assert not breaker.is_open
    time_out(breaker, C)
    assert breaker.is_open
    assert not breaker.is_half_open

    clock.advance(MIN_BACKOFF)

    assert not breaker.is_open
    assert breaker.is_half_open


def test_each_failed_trial_doubles_the_global_backoff_and_the_outage_is_one(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    time_out(breaker, A, B, C)
    waits = []
    for _ in range(4):
        assert breaker.global_circuit is not None
        waits.append(breaker.global_circuit.retry_at - clock.now)
        clock.advance(waits[-1])
        time_out(breaker, A)

    assert waits == [MIN_BACKOFF, 10.0, 20.0, MAX_BACKOFF]
    assert breaker.global_circuit is not None
    assert breaker.open_for(breaker.global_circuit) == sum(waits)


def test_any_response_closes_what_timeouts_opened(breaker: CircuitBreaker) -> None:
    time_out(breaker, A, B, C)

    breaker.record_success(A)

    assert (breaker.global_circuit, breaker.circuits) == (None, {})
    time_out(breaker, A, B)
    assert not breaker.is_open  # the count starts at zero


def test_a_rejection_is_a_response_and_opens_the_circuit_of_its_channel_alone(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    time_out(breaker, A, B, C)

    breaker.record_forbidden(A, CHANNELS[A], "403")

    assert breaker.global_circuit is None
    assert breaker.circuits[A].forbidden
    assert seconds_open(breaker, clock, A) == FORBIDDEN_BACKOFF


def test_a_forbidden_channel_is_tried_six_times_in_ten_minutes_at_most(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    attempts, started = 0, clock.now
    while clock.now < started + 600:
        breaker.record_forbidden(A, CHANNELS[A], "403")
        attempts += 1
        clock.advance(seconds_open(breaker, clock, A))

    assert attempts <= 6
    assert breaker.circuits[A].opened_at == started


def test_a_success_in_another_channel_does_not_close_a_forbidden_one(breaker: CircuitBreaker) -> None:
    breaker.record_forbidden(A, CHANNELS[A], "403")

    breaker.record_success(B)
    assert breaker.open_queues() == {A}
    breaker.record_success(A)
    assert breaker.open_queues() == set()


def test_a_rejection_of_one_queue_leaves_the_others_of_its_channel_closed(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    breaker.record_forbidden("threads:1", 1, "403")
    clock.advance(1)
    breaker.record_rate_limit("edits:1", 1, "429", 40.0)

    breaker.record_success("posts:1")

    assert breaker.open_queues() == {"threads:1", "edits:1"}
    assert breaker.open_channels() == {1}
    assert [circuit.queue for circuit in breaker.circuits_of(1)] == ["threads:1", "edits:1"]


def test_reset_allows_a_retry_of_every_rejected_queue_of_the_channel(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    for queue in ("posts:1", "threads:1"):
        breaker.record_forbidden(queue, 1, "403")
    breaker.record_forbidden("posts:2", 2, "403")

    breaker.reset(1)
    clock.advance(MIN_RETRY_GAP)

    assert breaker.open_queues() == {"posts:2"}


def test_reset_allows_a_retry_soon_but_not_at_once(breaker: CircuitBreaker, clock: Clock) -> None:
    breaker.record_forbidden(A, CHANNELS[A], "403")

    for _ in range(3):
        breaker.reset(CHANNELS[A])
        assert seconds_open(breaker, clock, A) == MIN_RETRY_GAP

    clock.advance(60)
    breaker.reset(CHANNELS[A])
    assert breaker.open_queues() == set()


def test_reset_changes_nothing_for_a_channel_that_is_not_forbidden(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    time_out(breaker, A)

    breaker.reset(CHANNELS[A])
    breaker.reset(CHANNELS[B])

    assert seconds_open(breaker, clock, A) == MIN_BACKOFF
    assert breaker.open_queues() == {A}


def test_a_forbidden_channel_that_times_out_is_still_forbidden(breaker: CircuitBreaker) -> None:
    breaker.record_forbidden(A, CHANNELS[A], "403")

    time_out(breaker, A)
    breaker.record_success(B)

    assert breaker.circuits[A].forbidden


def test_a_rate_limit_is_no_failure_and_is_not_shortened_by_a_success_elsewhere(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    breaker.record_rate_limit(A, CHANNELS[A], "429", 40.0)

    breaker.record_success(B)
    assert seconds_open(breaker, clock, A) == 40.0
    clock.advance(40)
    assert breaker.open_queues() == set()
    time_out(breaker, A)
    assert seconds_open(breaker, clock, A) == MIN_BACKOFF


def test_a_rate_limit_of_a_forbidden_channel_holds_and_it_is_still_forbidden(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    breaker.record_forbidden(A, CHANNELS[A], "403")
    clock.advance(FORBIDDEN_BACKOFF)

    breaker.record_rate_limit(A, CHANNELS[A], "an earlier attempt may still arrive", 8.0)
    breaker.reset(CHANNELS[A])

    assert seconds_open(breaker, clock, A) == 8.0
    assert (breaker.circuits[A].forbidden, breaker.circuits[A].reason) == (True, "403")


def test_a_global_rejection_holds_although_channels_respond_meanwhile(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    breaker.record_global_forbidden("401", 400.0)

    breaker.record_success(A)
    breaker.record_forbidden(B, CHANNELS[B], "403")
    time_out(breaker, A, C, C, C)
    assert breaker.seconds_until_retry() == MIN_BACKOFF  # of a channel; the global one is open for 400 s
    assert breaker.global_circuit is not None
    assert (breaker.global_circuit.reason, breaker.global_circuit.retry_at) == ("401", clock.now + 400)

    clock.advance(400)
    assert breaker.is_half_open
    breaker.record_success(A)
    assert breaker.global_circuit is None


def test_a_second_global_rejection_starts_its_time_anew_and_the_outage_is_one(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    breaker.record_global_forbidden("401", 400.0)
    clock.advance(400)
    breaker.record_global_forbidden("401", 400.0)

    assert breaker.global_circuit is not None
    assert breaker.global_circuit.retry_at == clock.now + 400
    assert breaker.open_for(breaker.global_circuit) == 400


def test_the_longer_of_two_global_rejections_holds(breaker: CircuitBreaker, clock: Clock) -> None:
    breaker.record_global_forbidden("a page without Via", 600.0)
    breaker.record_global_forbidden("401", 400.0)

    clock.advance(500)

    assert breaker.is_open


def test_a_global_reset_closes_a_global_rejection(breaker: CircuitBreaker) -> None:
    breaker.record_global_forbidden("401", 400.0)

    breaker.reset()

    assert breaker.global_circuit is None


def test_a_global_rate_limit_ends_by_its_time_alone_and_without_a_trial(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    breaker.record_global_rate_limit("429, global", 2.0)

    breaker.reset()
    breaker.record_success(A)
    assert breaker.is_open
    assert breaker.seconds_until_retry() == 2.0
    clock.advance(2)
    assert (breaker.is_open, breaker.is_half_open, breaker.global_circuit) == (False, False, None)


def test_settings_replace_the_defaults(clock: Clock) -> None:
    settings = BreakerSettings(
        min_backoff=1.0, max_backoff=3.0, forbidden_backoff=7.0, min_retry_gap=2.0, failure_threshold=4
    )
    breaker = CircuitBreaker(settings, clock=clock)

    waits = []
    for _ in range(3):
        time_out(breaker, A)
        waits.append(seconds_open(breaker, clock, A))
    assert waits == [1.0, 2.0, 3.0]
    assert not breaker.is_open
    time_out(breaker, A)
    assert breaker.is_open

    breaker.record_forbidden(B, CHANNELS[B], "403")
    assert seconds_open(breaker, clock, B) == 7.0
    breaker.reset(CHANNELS[B])
    assert seconds_open(breaker, clock, B) == 2.0
