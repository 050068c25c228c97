"""The bridge as a whole: whatever Discord does, tickets are accepted."""

import pytest

from bot.sources.series import examples as series
from tests.support.bridge_harness import RunningBridge, wait_for


async def filed(town: RunningBridge) -> str:
    told = await town.post("/tickets/create-game-report", series.GAME_REPORT, source="series")
    return str(told["data"]["TicketId"])


async def connected(town: RunningBridge) -> None:
    await wait_for(lambda: town.sandbox.snapshot()["connected_sessions"])


async def test_an_event_the_library_cannot_read_ends_neither_intake_nor_delivery(town: RunningBridge) -> None:
    await town.game_report()
    sessions = town.sandbox.state.gateway.sessions
    for session in list(sessions.values()):
        session.dispatch("THREAD_CREATE", {"id": "5"})

    ticket = await town.wait_until_posted(await filed(town))

    await wait_for(lambda: len(sessions) > 1)  # it has logged in anew
    assert ticket.post.message_id
    assert not town.application.discord_task.done()


async def test_a_token_revoked_while_running_stops_deliveries_and_not_intake(
    town: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.application.INVALID_TOKEN_BACKOFF", 0.2)
    await town.game_report()
    town.sandbox.fail("unauthorized", times=None)
    await town.sandbox.disconnect(code=4004)
    await wait_for(
        lambda: any(r["path"] == "/users/@me" and r["status"] == 401 for r in town.sandbox.requests)
    )

    public_id = await filed(town)

    assert not town.application.discord_task.done()
    town.sandbox.clear_faults()
    await town.wait_until_posted(public_id)


async def test_a_broken_connection_is_made_again(town: RunningBridge) -> None:
    await town.game_report()
    for resumable in (True, False):
        await town.sandbox.disconnect(resumable=resumable)
        await town.wait_until_posted(await filed(town))
    await connected(town)

    ticket = await town.ticket()
    record = await town.press("mia", ticket, "Claim")

    assert record["error"] is None
