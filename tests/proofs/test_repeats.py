"""Short form of `tests.proofs.repeats`."""

from tests.proofs.repeats import repeats


async def test_a_repeated_request_is_one_ticket_whenever_the_server_is_killed() -> None:
    ledger = await repeats(30, 4, max_answers=40, seed=3)

    assert ledger.good
    assert ledger.kills >= 2
    assert ledger.count == 120
