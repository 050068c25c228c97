"""The short form of `tests.reliability.crowd`, which measures how fast as well."""

from tests.reliability.crowd import crowd


async def test_bad_clients_do_not_hurt_a_good_one() -> None:
    figures = await crowd(120, 200)

    assert figures.failed == []
    assert figures.visits >= 120
