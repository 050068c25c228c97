"""The bridge as a whole: whatever Discord does, tickets are accepted."""

import pytest

from bot.sources.series import examples as series
from tests.town import Town, eventually


async def filed(town: Town) -> str:
    told = await town.post("/tickets/create-game-report", series.GAME_REPORT, source="series")
    return str(told["data"]["TicketId"])


async def connected(town: Town) -> None:
    await eventually(lambda: town.sandbox.snapshot()["connected_sessions"])


async def test_an_event_the_library_cannot_read_ends_neither_intake_nor_delivery(town: Town) -> None:
    await town.game_report()
    sessions = town.sandbox.state.gateway.sessions
    for session in list(sessions.values()):
        session.dispatch("THREAD_CREATE", {"id": "5"})

    ticket = await town.shown(await filed(town))

    await eventually(lambda: len(sessions) > 1)  # it has logged in anew
    assert ticket.post.message_id
    assert not town.bridge.discord.done()


async def test_a_token_revoked_while_running_stops_deliveries_and_not_intake(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.bridge.REVOKED_SECONDS", 0.2)
    await town.game_report()
    town.sandbox.fail("unauthorized", times=None)
    await town.sandbox.disconnect(code=4004)
    await eventually(
        lambda: any(r["path"] == "/users/@me" and r["status"] == 401 for r in town.sandbox.requests)
    )

    public_id = await filed(town)

    assert not town.bridge.discord.done()
    town.sandbox.clear_faults()
    await town.shown(public_id)


async def test_a_broken_connection_is_made_again(town: Town) -> None:
    await town.game_report()
    for resumable in (True, False):
        await town.sandbox.disconnect(resumable=resumable)
        await town.shown(await filed(town))
    await connected(town)

    ticket = await town.ticket()
    record = await town.press("mia", ticket, "Claim")

    assert record["error"] is None
