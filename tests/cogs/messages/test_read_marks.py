"""The marks of how far people were heard: never past a message that was not seen to."""

from cogs.messages.read_marks import ReadMarks

HERE, THERE = 7, 8


def listening() -> ReadMarks:
    hearing = ReadMarks()
    hearing.resume(hearing.pause())
    return hearing


def heard(hearing: ReadMarks, *message_ids: int, place: int = HERE) -> None:
    for message_id in message_ids:
        hearing.start(place, message_id)
        hearing.finish(place, message_id)


def test_a_mark_is_the_highest_message_seen_to() -> None:
    hearing = listening()

    heard(hearing, 11, 13)
    heard(hearing, 12, place=THERE)

    assert hearing.pending_marks() == {HERE: 13, THERE: 12}


def test_an_unfinished_message_holds_the_mark_below_it() -> None:
    hearing = listening()
    hearing.start(HERE, 11)
    heard(hearing, 12)

    assert hearing.pending_marks() == {HERE: 10}
    hearing.finish(HERE, 11)
    assert hearing.pending_marks() == {HERE: 12}


def test_what_is_finished_in_another_order_ends_at_the_same_mark() -> None:
    hearing = listening()
    for message_id in (11, 12, 13):
        hearing.start(HERE, message_id)
    for message_id in (13, 11, 12):
        hearing.finish(HERE, message_id)

    assert hearing.pending_marks() == {HERE: 13}


def test_a_message_that_could_not_be_seen_to_stops_its_place_and_no_other() -> None:
    hearing = listening()
    hearing.start(HERE, 11)
    hearing.fail(HERE, 11)
    heard(hearing, 12)
    heard(hearing, 12, place=THERE)

    assert hearing.pending_marks() == {THERE: 12}
    assert not hearing.is_complete


def test_a_place_gone_through_again_has_its_mark_again() -> None:
    hearing = listening()
    hearing.start(HERE, 11)
    hearing.fail(HERE, 11)
    since = hearing.pause()
    hearing.mark_clean(HERE)
    heard(hearing, 11, 12)
    hearing.resume(since)

    assert hearing.pending_marks() == {HERE: 12}
    assert hearing.is_complete


def test_while_something_may_be_missed_no_live_message_moves_a_mark() -> None:
    hearing = ReadMarks()
    heard(hearing, 11)

    assert hearing.pending_marks() == {}
    hearing.resume(hearing.pause())
    assert hearing.pending_marks() == {HERE: 11}


def test_what_was_heard_before_the_gateway_went_away_is_still_written_down() -> None:
    hearing = listening()
    heard(hearing, 11)
    hearing.pause()
    heard(hearing, 20)

    assert hearing.pending_marks() == {HERE: 11}
    hearing.mark_persisted({HERE: 11})
    assert hearing.pending_marks() == {}


def test_a_second_disconnection_keeps_marks_frozen_when_the_first_is_over() -> None:
    hearing = listening()
    first = hearing.pause()
    second = hearing.pause()
    heard(hearing, 20)

    hearing.resume(first)
    assert hearing.pending_marks() == {}
    hearing.resume(second)
    assert hearing.pending_marks() == {HERE: 20}


def test_a_mark_is_written_down_once() -> None:
    hearing = listening()
    heard(hearing, 11)
    hearing.mark_persisted(hearing.pending_marks())

    assert hearing.pending_marks() == {}
    heard(hearing, 12)
    assert hearing.pending_marks() == {HERE: 12}


def test_a_place_that_does_not_matter_gets_no_mark() -> None:
    hearing = listening()
    hearing.start(HERE, 11)
    hearing.ignore(HERE, 11)

    assert hearing.pending_marks() == {}
