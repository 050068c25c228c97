"""Sets of ids as bitmaps: they do what Python's sets do."""

import random

import pytest

from storage.sqlite.search.bitmap import BLOCK_SIZE, IdSet, decode, encode

IDS = (0, 1, 7, 8, BLOCK_SIZE - 1, BLOCK_SIZE, 3 * BLOCK_SIZE + 5)


def ids_in(ids: IdSet) -> set[int]:
    return set(ids.newest(len(ids)))


def some(rng: random.Random) -> set[int]:
    return {rng.choice([rng.randrange(40), rng.randrange(4 * BLOCK_SIZE)]) for _ in range(rng.randrange(60))}


@pytest.mark.parametrize("seed", range(50))
def test_sets_are_combined_and_counted_like_sets_of_python(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311  # no secret
    one, other = some(rng), some(rng)

    assert ids_in(IdSet.of(one) & IdSet.of(other)) == one & other
    assert ids_in(IdSet.of(one) | IdSet.of(other)) == one | other
    assert ids_in(IdSet.of(one) - IdSet.of(other)) == one - other
    assert len(IdSet.of(one) - IdSet.of(other)) == len(one - other)
    assert bool(IdSet.of(one) - IdSet.of(other)) == bool(one - other)


@pytest.mark.parametrize("seed", range(50))
def test_a_page_has_the_highest_ids_after_its_offset(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311  # no secret
    ids = some(rng)
    limit, offset = rng.randrange(30), rng.randrange(50)

    assert IdSet.of(ids).newest(limit, offset) == sorted(ids, reverse=True)[offset : offset + limit]


@pytest.mark.parametrize("last", IDS)
def test_all_ids_up_to_one_are_in_a_set(last: int) -> None:
    ids = IdSet.up_to(last)

    assert len(ids) == last + 1
    assert ids.newest(2) == [last, last - 1][: last + 1]


@pytest.mark.parametrize("offsets", [(), (0,), (7,), (8,), (0, 9, 100)])
def test_a_block_is_stored_without_the_zeros_at_its_end(offsets: tuple[int, ...]) -> None:
    bits = sum(1 << offset for offset in offsets)

    assert decode(encode(bits)) == bits
    assert not encode(bits).endswith(b"\0")
    assert len(encode(bits)) == (max(offsets) // 8 + 1 if offsets else 0)
