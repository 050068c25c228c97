"""The short form of `tests.proofs.slow_clients`."""

from tests.proofs.slow_clients import BOUND, crowd, p99


async def test_bad_clients_do_not_hurt_a_good_one() -> None:
    figures = await crowd(120, 200)

    assert figures.failed == []
    assert p99(figures.crowded) <= BOUND
    assert figures.visits > 150
