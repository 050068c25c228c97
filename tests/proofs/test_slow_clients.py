"""Short form of `tests.proofs.slow_clients`; how fast the good client is answered is for the long form."""

from tests.proofs.slow_clients import measure


async def test_every_request_of_a_good_client_is_answered_among_slow_and_broken_ones() -> None:
    figures = await measure(clients=120, requests=60)

    assert figures.failed == []
    assert len(figures.crowded) == 60
    assert figures.bad_connections >= 120
