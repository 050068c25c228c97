"""The short form of `tests.proofs.slow_clients`, which measures how fast as well."""

from tests.proofs.slow_clients import crowd


async def test_bad_clients_do_not_hurt_a_good_one() -> None:
    figures = await crowd(120, 200)

    assert figures.failed == []
    assert figures.visits >= 120
