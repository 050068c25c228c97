"""Read marks: a channel's messages are processed one at a time, and its mark never passes a missed one."""

import asyncio

import pytest

from cogs.messages.backfill import ReadMarks

CHANNEL, OTHER_CHANNEL = 7, 8


def connected_marks() -> ReadMarks:
    marks = ReadMarks()
    marks.resume(marks.pause(), [])
    return marks


def test_a_mark_is_the_last_message_processed() -> None:
    marks = connected_marks()

    for message_id in (11, 13):
        marks.advance_live(CHANNEL, message_id)
    marks.advance_live(OTHER_CHANNEL, 12)

    assert marks.unsaved() == {CHANNEL: 13, OTHER_CHANNEL: 12}


def test_a_message_that_arrives_late_does_not_move_the_mark_back() -> None:
    marks = connected_marks()

    for message_id in (13, 12):
        marks.advance_live(CHANNEL, message_id)

    assert marks.unsaved() == {CHANNEL: 13}


def test_a_failed_message_stops_the_mark_of_its_channel_and_of_no_other() -> None:
    marks = connected_marks()

    marks.fall_behind([CHANNEL])
    marks.advance_live(CHANNEL, 12)
    marks.advance_live(OTHER_CHANNEL, 12)

    assert marks.unsaved() == {OTHER_CHANNEL: 12}
    assert not marks.is_complete


def test_a_backfilled_channel_has_its_mark_again() -> None:
    marks = connected_marks()
    marks.fall_behind([CHANNEL])

    pause = marks.pause()
    assert marks.begin_backfill(pause)
    marks.resume(pause, [CHANNEL])
    marks.catch_up(CHANNEL)
    marks.advance(CHANNEL, 12)

    assert marks.unsaved() == {CHANNEL: 12}
    assert marks.is_complete


def test_a_message_that_fails_in_the_backfill_stops_the_mark_below_it() -> None:
    marks = connected_marks()

    marks.catch_up(CHANNEL)
    marks.advance(CHANNEL, 11)
    marks.fall_behind([CHANNEL])
    marks.advance(CHANNEL, 12)
    marks.advance(CHANNEL, 13)

    assert marks.unsaved() == {CHANNEL: 11}


def test_a_disconnect_in_the_middle_of_a_backfill_does_not_forget_what_failed_in_it() -> None:
    marks = connected_marks()

    marks.catch_up(CHANNEL)
    marks.fall_behind([CHANNEL])
    marks.pause()
    marks.advance(CHANNEL, 12)

    assert marks.unsaved() == {}


def test_before_the_first_backfill_no_live_message_moves_a_mark() -> None:
    marks = ReadMarks()
    marks.advance_live(CHANNEL, 11)

    assert marks.unsaved() == {}
    marks.resume(marks.pause(), [CHANNEL])
    marks.advance_live(CHANNEL, 12)
    marks.advance_live(OTHER_CHANNEL, 12)
    assert marks.unsaved() == {OTHER_CHANNEL: 12}


def test_marks_from_before_a_disconnect_are_still_saved() -> None:
    marks = connected_marks()
    marks.advance_live(CHANNEL, 11)
    marks.pause()
    marks.advance_live(CHANNEL, 20)

    assert marks.unsaved() == {CHANNEL: 11}
    marks.mark_saved({CHANNEL: 11})
    assert marks.unsaved() == {}


def test_the_backfill_of_an_earlier_connection_does_not_resume_a_later_one() -> None:
    marks = connected_marks()
    first, second = marks.pause(), marks.pause()

    assert not marks.begin_backfill(first)
    marks.resume(first, [])
    marks.advance_live(CHANNEL, 20)
    assert marks.unsaved() == {}
    marks.resume(second, [])
    marks.advance_live(CHANNEL, 20)
    assert marks.unsaved() == {CHANNEL: 20}


def test_a_mark_that_moved_while_it_was_saved_is_saved_again() -> None:
    marks = connected_marks()
    marks.advance_live(CHANNEL, 11)
    saved = marks.unsaved()
    marks.advance_live(CHANNEL, 12)
    marks.mark_saved(saved)

    assert marks.unsaved() == {CHANNEL: 12}
    marks.mark_saved(marks.unsaved())
    assert marks.unsaved() == {}


async def test_turns_of_a_channel_come_in_order_and_one_at_a_time() -> None:
    marks, log = ReadMarks(), list[str]()

    async def work(name: str) -> None:
        async with marks.turn(CHANNEL):
            log.append(f"{name} begins")
            await asyncio.sleep(0)
            log.append(f"{name} ends")

    await asyncio.gather(*(work(name) for name in "abc"))

    assert log == [f"{name} {what}" for name in "abc" for what in ("begins", "ends")]


async def test_a_channel_takes_no_more_messages_than_may_wait_and_is_forgotten_when_idle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cogs.messages.backfill.MAX_WAITING", 2)
    marks, may_end = ReadMarks(), asyncio.Event()

    async def work() -> None:
        async with marks.turn(CHANNEL):
            await may_end.wait()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(2):
            assert not marks.is_full(CHANNEL)
            tasks.create_task(work())
            await asyncio.sleep(0)
        assert marks.is_full(CHANNEL)
        assert not marks.is_full(OTHER_CHANNEL)
        may_end.set()

    assert not marks.is_full(CHANNEL)
    assert not marks._turns
