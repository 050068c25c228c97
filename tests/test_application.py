"""The whole application: whatever Discord does, tickets are accepted."""

import pytest

from bot.sources.series import examples as series
from tests.support.bridge_harness import PUBLIC_URL, RunningBridge, wait_for


async def create_report(bridge: RunningBridge) -> str:
    response = await bridge.post("/tickets/create-game-report", series.GAME_REPORT, source="series")
    return str(response["data"]["TicketId"])


async def connected(bridge: RunningBridge) -> None:
    await wait_for(lambda: bridge.sandbox.snapshot()["connected_sessions"])


async def test_an_event_that_discord_py_cannot_parse_ends_neither_intake_nor_delivery(
    bridge: RunningBridge,
) -> None:
    await bridge.game_report()
    sessions = bridge.sandbox.state.gateway.sessions
    for session in list(sessions.values()):
        session.dispatch("THREAD_CREATE", {"id": "5"})

    ticket = await bridge.wait_until_posted(await create_report(bridge))

    await wait_for(lambda: len(sessions) > 1)  # it has logged in again
    assert ticket.post.message_id
    assert not bridge.application.discord_task.done()


async def test_a_token_revoked_while_running_stops_deliveries_but_not_intake(
    bridge: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.discord_client.client.INVALID_TOKEN_BACKOFF", 0.2)
    await bridge.game_report()
    bridge.sandbox.fail("unauthorized", times=None)
    await bridge.sandbox.disconnect(code=4004)
    await wait_for(
        lambda: any(r["path"] == "/users/@me" and r["status"] == 401 for r in bridge.sandbox.requests)
    )

    public_id = await create_report(bridge)

    assert not bridge.application.discord_task.done()
    bridge.sandbox.clear_faults()
    await bridge.wait_until_posted(public_id)


async def test_a_broken_connection_is_reconnected(bridge: RunningBridge) -> None:
    await bridge.game_report()
    for resumable in (True, False):
        await bridge.sandbox.disconnect(resumable=resumable)
        await bridge.wait_until_posted(await create_report(bridge))
    await connected(bridge)

    ticket = await bridge.ticket()
    record = await bridge.press("mia", ticket, "Claim")

    assert record["error"] is None


async def test_the_public_address_of_the_settings_is_told_to_the_plugin(bridge: RunningBridge) -> None:
    assert await bridge.post("/v2/minecraft/startup", {}, source="modl") == {"panelUrl": PUBLIC_URL}
