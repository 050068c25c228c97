"""Short form of `tests.proofs.own_tickets`."""

from tests.proofs.own_tickets import OwnTicketsSettings, own_tickets


async def test_players_see_exactly_their_own_tickets() -> None:
    outcome = await own_tickets(OwnTicketsSettings(histories=25))

    assert outcome.wrong == []
