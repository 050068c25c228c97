"""The breaker: whom it leaves alone, for how long, and what ends that. Its clock is turned by hand."""

import pytest

from bot.outbox.circuit_breaker import ENOUGH, HASTE, LONGEST, REFUSED, SHORTEST, Breaker

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
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock)


def silent(breaker: Breaker, *channels: int) -> None:
    for channel in channels:
        breaker.no_answer(channel, "503")


def left(breaker: Breaker, clock: Clock, channel: int) -> float:
    """For how many seconds a channel rests yet."""
    return breaker.channels[channel].until - clock.now


def test_nothing_rests_at_first(breaker: Breaker) -> None:
    assert breaker.resting() == set()
    assert (breaker.closed, breaker.probing, breaker.everywhere) == (False, False, None)
    assert breaker.seconds_to_change() is None


def test_a_silent_channel_rests_alone_until_its_time_is_over(breaker: Breaker, clock: Clock) -> None:
    silent(breaker, A)
    assert breaker.resting() == {A}
    assert breaker.seconds_to_change() == SHORTEST

    clock.passes(SHORTEST)

    assert breaker.resting() == set()
    assert not breaker.closed


def test_what_stays_silent_is_tried_less_and_less_often(breaker: Breaker, clock: Clock) -> None:
    waits = []
    for _ in range(6):
        silent(breaker, A)
        waits.append(left(breaker, clock, A))
        clock.passes(waits[-1])

    assert waits == [SHORTEST, 10.0, 20.0, LONGEST, LONGEST, LONGEST]


def test_a_silent_channel_rests_as_long_as_its_request_may_still_arrive(
    breaker: Breaker, clock: Clock
) -> None:
    breaker.no_answer(A, "503", at_least=12.0)

    assert left(breaker, clock, A) == 12.0


def test_after_three_missing_answers_in_a_row_all_rest_and_then_one_finds_out(
    breaker: Breaker, clock: Clock
) -> None:
    silent(breaker, A, B)
    assert not breaker.closed
    silent(breaker, C)
    assert ENOUGH == 3
    assert breaker.closed
    assert not breaker.probing

    clock.passes(SHORTEST)

    assert not breaker.closed
    assert breaker.probing


def test_each_probe_in_vain_lengthens_the_rest_of_all_and_the_outage_is_one(
    breaker: Breaker, clock: Clock
) -> None:
    silent(breaker, A, B, C)
    waits = []
    for _ in range(4):
        assert breaker.everywhere is not None
        waits.append(breaker.everywhere.until - clock.now)
        clock.passes(waits[-1])
        silent(breaker, A)

    assert waits == [SHORTEST, 10.0, 20.0, LONGEST]
    assert breaker.everywhere is not None
    assert breaker.lasted(breaker.everywhere) == sum(waits)


def test_any_answer_ends_every_silence(breaker: Breaker) -> None:
    silent(breaker, A, B, C)

    breaker.answered(A)

    assert (breaker.everywhere, breaker.channels) == (None, {})
    silent(breaker, A, B)
    assert not breaker.closed  # they are counted from the beginning


def test_a_refusal_is_an_answer_too_and_rests_its_own_channel_alone(breaker: Breaker, clock: Clock) -> None:
    silent(breaker, A, B, C)

    breaker.refused(A, "403")

    assert breaker.everywhere is None
    assert breaker.channels[A].refused
    assert left(breaker, clock, A) == REFUSED


def test_a_channel_that_goes_on_refusing_is_asked_six_times_in_ten_minutes_at_most(
    breaker: Breaker, clock: Clock
) -> None:
    asked, begun = 0, clock.now
    while clock.now < begun + 600:
        breaker.refused(A, "403")
        asked += 1
        clock.passes(left(breaker, clock, A))

    assert asked <= 6
    assert breaker.channels[A].since == begun


def test_an_answer_to_another_channel_does_not_repair_one_that_refuses(breaker: Breaker) -> None:
    breaker.refused(A, "403")

    breaker.answered(B)
    assert breaker.resting() == {A}
    breaker.answered(A)
    assert breaker.resting() == set()


def test_what_may_be_repaired_is_asked_again_soon_but_not_in_haste(breaker: Breaker, clock: Clock) -> None:
    breaker.refused(A, "403")

    for _ in range(3):
        breaker.look_again(A)
        assert left(breaker, clock, A) == HASTE

    clock.passes(60)
    breaker.look_again(A)
    assert breaker.resting() == set()


def test_looking_again_changes_nothing_for_a_channel_that_does_not_refuse(
    breaker: Breaker, clock: Clock
) -> None:
    silent(breaker, A)

    breaker.look_again(A)
    breaker.look_again(B)

    assert left(breaker, clock, A) == SHORTEST
    assert breaker.resting() == {A}


def test_a_channel_that_refuses_and_then_is_silent_still_has_to_be_repaired(breaker: Breaker) -> None:
    breaker.refused(A, "403")

    silent(breaker, A)
    breaker.answered(B)

    assert breaker.channels[A].refused


def test_patience_is_no_failure_and_is_not_cut_short_by_an_answer_to_another(
    breaker: Breaker, clock: Clock
) -> None:
    breaker.patience(A, "429", 40.0)

    breaker.answered(B)
    assert left(breaker, clock, A) == 40.0
    clock.passes(40)
    assert breaker.resting() == set()
    silent(breaker, A)
    assert left(breaker, clock, A) == SHORTEST


def test_patience_asked_of_a_refused_channel_is_kept_and_the_refusal_with_it(
    breaker: Breaker, clock: Clock
) -> None:
    breaker.refused(A, "403")
    clock.passes(REFUSED)

    breaker.patience(A, "an earlier attempt may still arrive", 8.0)
    breaker.look_again(A)

    assert left(breaker, clock, A) == 8.0
    assert (breaker.channels[A].refused, breaker.channels[A].reason) == (True, "403")


def test_a_refusal_of_everything_stands_though_others_are_answered_meanwhile(
    breaker: Breaker, clock: Clock
) -> None:
    breaker.refused_everywhere("401", 400.0)

    breaker.answered(A)
    breaker.refused(B, "403")
    silent(breaker, A, C, C, C)
    assert breaker.seconds_to_change() == SHORTEST  # of a channel; of all, it is still 400
    assert breaker.everywhere is not None
    assert (breaker.everywhere.reason, breaker.everywhere.until) == ("401", clock.now + 400)

    clock.passes(400)
    assert breaker.probing
    breaker.answered(A)
    assert breaker.everywhere is None


def test_a_refusal_of_everything_again_lasts_from_then_and_is_one_with_the_first(
    breaker: Breaker, clock: Clock
) -> None:
    breaker.refused_everywhere("401", 400.0)
    clock.passes(400)
    breaker.refused_everywhere("401", 400.0)

    assert breaker.everywhere is not None
    assert breaker.everywhere.until == clock.now + 400
    assert breaker.lasted(breaker.everywhere) == 400


def test_the_shorter_of_two_refusals_of_everything_does_not_shorten_the_longer(
    breaker: Breaker, clock: Clock
) -> None:
    breaker.refused_everywhere("a page without Via", 600.0)
    breaker.refused_everywhere("401", 400.0)

    clock.passes(500)

    assert breaker.closed


def test_looking_again_everywhere_ends_what_can_be_repaired_there(breaker: Breaker) -> None:
    breaker.refused_everywhere("401", 400.0)

    breaker.look_again()

    assert breaker.everywhere is None


def test_patience_with_everything_ends_by_its_time_alone_and_needs_no_try(
    breaker: Breaker, clock: Clock
) -> None:
    breaker.patience_everywhere("429, global", 2.0)

    breaker.look_again()
    breaker.answered(A)
    assert breaker.closed
    assert breaker.seconds_to_change() == 2.0
    clock.passes(2)
    assert (breaker.closed, breaker.probing, breaker.everywhere) == (False, False, None)
