"""The short form of `tests.proofs.repeats`."""

from tests.proofs.repeats import repeats


async def test_a_token_is_one_ticket_whatever_is_killed() -> None:
    ledger = await repeats(100, 6, seed=3)

    assert ledger.good
    assert ledger.kills >= 3
    assert sum(map(len, ledger.answers.values())) == 600
