"""Alerts about outgoing webhooks: which have one, what it says, and how it ends."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.tickets.push_endpoints import EndpointState, PushBacklog, PushEndpoint
from cogs.alerts import backlog, webhooks
from cogs.alerts.log_channel import ACTION_NEEDED, RESOLVED, WARNING
from cogs.alerts.webhooks import failing_embed, find_failing, over_embed
from tests.cogs.alerts.test_alerts import FAST_ALERTS, shown, watched
from tests.cogs.tickets.test_history import ALIVE, HOSTILE
from tests.storage.samples import NOW, replying
from tests.support.bridge_harness import RunningBridge, running_sandbox, wait_for

GONE = "It answered 410: it wants no more events."
ENDPOINT = PushEndpoint(
    id=4,
    workspace_id="w",
    workspace_name="main",
    source="modl",
    name="survival-1",
    url="https://example.com/?token=secret",
    state=EndpointState.ACTIVE,
    reason=None,
    created_at=NOW,
    accepted_at=None,
    failing_since=None,
    rotated_until=None,
)


@pytest.fixture(autouse=True)
def fast_alerts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in FAST_ALERTS.items():
        monkeypatch.setattr(backlog, name, seconds)


@pytest.fixture
async def alerting(tmp_path: Path) -> AsyncIterator[RunningBridge]:
    async with (
        running_sandbox() as (sandbox, guild),
        watched(tmp_path / "tickets.db", sandbox, guild) as bridge,
    ):
        yield bridge


async def webhook_with_an_event(bridge: RunningBridge) -> PushEndpoint:
    """A webhook whose address is refused, with one reply that waits for it."""
    store = bridge.application.store
    endpoint = await store.pushes.add_endpoint(
        "main", "modl", name="survival-1", url="https://10.0.0.1/", secret="whsec_eA==", now=store.now()
    )
    ticket = await bridge.ticket()
    await store.tickets.add_message(ticket.id, replying(), origin="x", now=store.now())
    return endpoint


async def first_alert(bridge: RunningBridge) -> dict[str, Any]:
    (alert,) = await wait_for(lambda: shown(bridge))
    return dict(alert)


async def wait_until_over(bridge: RunningBridge) -> str:
    """The text of the only alert once it is over."""
    (alert,) = await wait_for(
        lambda: [one for one in shown(bridge) if one["color"] == RESOLVED.value] and shown(bridge)
    )
    await wait_for(lambda: no_alerts(bridge))
    return str(alert["description"]).replace("\\", "")


async def no_alerts(bridge: RunningBridge) -> bool:
    return not await bridge.application.store.alerts.list_all()


async def test_a_disabled_webhook_has_an_alert_until_it_is_enabled(alerting: RunningBridge) -> None:
    endpoint = await webhook_with_an_event(alerting)
    pushes = alerting.application.store.pushes
    await pushes.stop(endpoint.id, EndpointState.DISABLED, GONE)

    alert = await first_alert(alerting)
    await pushes.enable(endpoint.id, alerting.application.store.now())

    text = alert["description"].replace("\\", "")
    assert text.startswith("⛔ The webhook **survival-1** (modl) is disabled: no events since <t:")
    assert f"{GONE}\n1 event waits." in text
    assert f"`ticketbridge webhook enable {endpoint.id}`" in text
    assert alert["color"] == ACTION_NEEDED.value
    assert (await wait_until_over(alerting)).startswith(
        "✅ The webhook **survival-1** is enabled again. It was out for "
    )


async def test_a_webhook_that_fails_for_long_has_an_alert_until_it_accepts_events(
    alerting: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "FAILS_LONG", timedelta(0))
    await webhook_with_an_event(alerting)
    store = alerting.application.store

    alert = await first_alert(alerting)
    (push,) = await store.pushes.due((), store.now() + timedelta(hours=1))
    await store.pushes.mark_accepted(push, store.now())

    text = alert["description"].replace("\\", "")
    assert text.startswith("⚠️ The webhook **survival-1** (modl) has accepted nothing since <t:")
    assert "10.0.0.1 is no public address." in text
    assert "1 event waits. It is tried again by itself" in text
    assert alert["color"] == WARNING.value
    assert "accepts events again. It was out for" in await wait_until_over(alerting)


@pytest.mark.parametrize("end", ["pause", "remove"])
async def test_a_webhook_that_is_paused_or_removed_needs_no_alert(alerting: RunningBridge, end: str) -> None:
    endpoint = await webhook_with_an_event(alerting)
    pushes = alerting.application.store.pushes
    await pushes.stop(endpoint.id, EndpointState.DISABLED, GONE)
    await first_alert(alerting)

    if end == "pause":
        await pushes.stop(endpoint.id, EndpointState.PAUSED, None)
    else:
        await pushes.remove_endpoint(endpoint.id)

    expected = {"pause": "⏸️ The webhook **survival-1** is paused.", "remove": "✅ Webhook 1 is removed."}
    assert (await wait_until_over(alerting)).startswith(expected[end])


@pytest.mark.parametrize(
    ("state", "failing_for", "is_failing"),
    [
        (EndpointState.ACTIVE, None, False),
        (EndpointState.ACTIVE, timedelta(minutes=59), False),
        (EndpointState.ACTIVE, timedelta(hours=1), True),
        (EndpointState.PAUSED, timedelta(hours=9), False),
        (EndpointState.DISABLED, None, True),
        (EndpointState.DISABLED, timedelta(minutes=1), True),
    ],
)
def test_which_webhooks_have_an_alert(
    state: EndpointState, failing_for: timedelta | None, is_failing: bool
) -> None:
    since = None if failing_for is None else NOW - failing_for
    endpoint = replace(ENDPOINT, state=state, failing_since=since)

    assert find_failing([endpoint], NOW) == ([endpoint] if is_failing else [])


@pytest.mark.parametrize("state", EndpointState)
def test_no_alert_shows_the_url_or_lets_its_name_or_error_do_anything(state: EndpointState) -> None:
    endpoint = replace(ENDPOINT, state=state, name=HOSTILE, reason=HOSTILE)
    behind = PushBacklog(endpoint=endpoint, waiting=2, dead_letters=1, oldest=NOW, last_error=HOSTILE)

    for embed in (failing_embed(behind, NOW), over_embed(endpoint, 4, NOW, NOW)):
        assert "example.com" not in str(embed.to_dict())
        assert not any(alive in str(embed.description) for alive in ALIVE)
