"""The marks of how far people were heard: never past a message that was not seen to."""

from cogs.messages.read_marks import Hearing

HERE, THERE = 7, 8


def listening() -> Hearing:
    hearing = Hearing()
    hearing.thaw(hearing.freeze())
    return hearing


def heard(hearing: Hearing, *message_ids: int, place: int = HERE) -> None:
    for message_id in message_ids:
        hearing.begin(place, message_id)
        hearing.finish(place, message_id)


def test_a_mark_is_the_highest_message_seen_to() -> None:
    hearing = listening()

    heard(hearing, 11, 13)
    heard(hearing, 12, place=THERE)

    assert hearing.marks() == {HERE: 13, THERE: 12}


def test_an_unfinished_message_holds_the_mark_below_it() -> None:
    hearing = listening()
    hearing.begin(HERE, 11)
    heard(hearing, 12)

    assert hearing.marks() == {HERE: 10}
    hearing.finish(HERE, 11)
    assert hearing.marks() == {HERE: 12}


def test_what_is_finished_in_another_order_ends_at_the_same_mark() -> None:
    hearing = listening()
    for message_id in (11, 12, 13):
        hearing.begin(HERE, message_id)
    for message_id in (13, 11, 12):
        hearing.finish(HERE, message_id)

    assert hearing.marks() == {HERE: 13}


def test_a_message_that_could_not_be_seen_to_stops_its_place_and_no_other() -> None:
    hearing = listening()
    hearing.begin(HERE, 11)
    hearing.miss(HERE, 11)
    heard(hearing, 12)
    heard(hearing, 12, place=THERE)

    assert hearing.marks() == {THERE: 12}
    assert not hearing.whole


def test_a_place_gone_through_again_has_its_mark_again() -> None:
    hearing = listening()
    hearing.begin(HERE, 11)
    hearing.miss(HERE, 11)
    since = hearing.freeze()
    hearing.close_gap(HERE)
    heard(hearing, 11, 12)
    hearing.thaw(since)

    assert hearing.marks() == {HERE: 12}
    assert hearing.whole


def test_while_something_may_be_missed_no_live_message_moves_a_mark() -> None:
    hearing = Hearing()
    heard(hearing, 11)

    assert hearing.marks() == {}
    hearing.thaw(hearing.freeze())
    assert hearing.marks() == {HERE: 11}


def test_what_was_heard_before_the_gateway_went_away_is_still_written_down() -> None:
    hearing = listening()
    heard(hearing, 11)
    hearing.freeze()
    heard(hearing, 20)

    assert hearing.marks() == {HERE: 11}
    hearing.kept({HERE: 11})
    assert hearing.marks() == {}


def test_a_second_disconnection_keeps_marks_frozen_when_the_first_is_over() -> None:
    hearing = listening()
    first = hearing.freeze()
    second = hearing.freeze()
    heard(hearing, 20)

    hearing.thaw(first)
    assert hearing.marks() == {}
    hearing.thaw(second)
    assert hearing.marks() == {HERE: 20}


def test_a_mark_is_written_down_once() -> None:
    hearing = listening()
    heard(hearing, 11)
    hearing.kept(hearing.marks())

    assert hearing.marks() == {}
    heard(hearing, 12)
    assert hearing.marks() == {HERE: 12}


def test_a_place_that_does_not_matter_gets_no_mark() -> None:
    hearing = listening()
    hearing.begin(HERE, 11)
    hearing.pass_by(HERE, 11)

    assert hearing.marks() == {}
