"""Public ids: their forms, and that there is always another candidate."""

import re
from datetime import timedelta
from itertools import islice

from bot.tickets.public_ids import numeric_ids, timestamp_ids
from tests.tickets.samples import MOMENT


def test_a_numbered_id_is_a_prefix_and_six_digits() -> None:
    for _ in range(200):
        assert re.fullmatch(r"BUG-[1-9]\d{5}", next(numeric_ids("BUG")))


def test_numbered_ids_grow_by_a_digit_each_time_ten_in_a_row_were_taken() -> None:
    tries = list(islice(numeric_ids("BUG"), 40))

    digits = [len(each.removeprefix("BUG-")) for each in tries]
    assert digits == [6] * 10 + [7] * 10 + [8] * 10 + [9] * 10
    assert not any(each.startswith("BUG-0") for each in tries)


def test_a_stamped_id_is_the_second_of_filing_and_four_capitals() -> None:
    for each in islice(timestamp_ids("TICKET", MOMENT), 200):
        assert re.fullmatch(r"TICKET-1736937000-[A-Z]{4}", each)


def test_a_stamped_id_always_has_ten_digits() -> None:
    long_ago = MOMENT - timedelta(days=365 * 50)

    assert re.fullmatch(r"T-0\d{9}-[A-Z]{4}", next(timestamp_ids("T", long_ago)))


def test_candidates_within_one_second_differ() -> None:
    candidates = list(islice(timestamp_ids("TICKET", MOMENT), 100))

    assert len(set(candidates)) > 90
