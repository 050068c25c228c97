"""`/setup webhook` and `/setup webhooks`: what managers of a server do to its outgoing webhooks."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Network
from typing import Any

import pytest

from bot.outbox import push
from bot.outbox.push_client import open_push_client
from bot.tickets.push_endpoints import EndpointState, PushBacklog, PushEndpoint
from tests.cogs.setup.test_setup import embed_text, main_workspace, run
from tests.cogs.tickets.test_history import ALIVE
from tests.storage.samples import HUB, NOW, replying
from tests.support.bridge_harness import RunningBridge, reply_text, wait_for
from tests.support.webhook_receiver import Receiver, answer_with, running_receiver

URL = "https://10.0.0.1/events?token=secret"
SECRET = re.compile(r"whsec_[\w+/]+=*")


async def add(bridge: RunningBridge, url: str = URL, name: str = "survival-1") -> str:
    """Add a webhook; its secret."""
    record = await run(bridge, "webhook", source="modl", url=url, name=name)
    assert "is added" in reply_text(record), record
    (secret,) = SECRET.findall(record["messages"][-1]["embeds"][0]["description"])
    return str(secret)


async def act(bridge: RunningBridge, action: str, webhook: int = 1) -> dict[str, Any]:
    return await run(bridge, "webhooks", action=action, webhook=str(webhook))


async def backlog(bridge: RunningBridge) -> PushBacklog:
    (only,) = await bridge.application.store.pushes.backlogs()
    return only


async def elsewhere(bridge: RunningBridge) -> PushEndpoint:
    """A webhook of another Discord server."""
    store = bridge.application.store
    await store.workspaces.add(replace(HUB, name="elsewhere"), NOW)
    return await store.pushes.add_endpoint(
        "elsewhere", "modl", name="theirs", url=URL, secret="whsec_eA==", now=NOW
    )


@pytest.fixture
async def receiver(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Receiver]:
    """One on this machine, which test events may go to."""
    loopback = (IPv4Network("127.0.0.0/8"),)
    monkeypatch.setattr(push, "open_push_client", lambda _: open_push_client(loopback))
    async with running_receiver() as receiver:
        yield receiver


async def test_a_webhook_is_added_and_its_secret_shown_once(bridge: RunningBridge) -> None:
    record = await run(bridge, "webhook", source="modl", url=URL, name="survival-1")
    listed = await run(bridge, "webhooks")

    (endpoint,) = await bridge.application.store.pushes.list_endpoints()
    _, (secret,) = await bridge.application.store.pushes.get_with_secrets(endpoint.id, NOW)
    assert (endpoint.workspace_id, endpoint.source) == ((await main_workspace(bridge)).id, "modl")
    assert (endpoint.url, endpoint.name) == (URL, "survival-1")
    assert secret in record["messages"][-1]["embeds"][0]["description"]
    assert "`1` modl • survival\\-1 (active): 0 events wait" in embed_text(listed)
    for shown in ("secret", "10.0.0.1", secret):
        assert shown not in str(listed["messages"])


async def test_without_a_webhook_the_list_says_how_to_add_one(bridge: RunningBridge) -> None:
    assert "There is none. `/setup webhook` adds one." in embed_text(await run(bridge, "webhooks"))


async def test_a_webhook_is_paused_and_enabled_with_or_without_what_waits(bridge: RunningBridge) -> None:
    await add(bridge)

    paused = await act(bridge, "pause")
    ticket = await bridge.ticket()
    store = bridge.application.store
    await store.tickets.add_message(ticket.id, replying(), origin="x", now=store.now())
    listed = await run(bridge, "webhooks")
    waiting = (await backlog(bridge)).waiting
    skipped = await act(bridge, "skip")

    assert reply_text(paused) == "✅ Webhook 1 is paused. Its events wait."
    assert "(paused): 1 event waits" in embed_text(listed)
    assert waiting == 1
    assert reply_text(skipped) == "✅ Webhook 1 is enabled. What waited is not sent."
    assert (await backlog(bridge)).waiting == 0
    await act(bridge, "pause")
    assert reply_text(await act(bridge, "enable")) == "✅ Webhook 1 is enabled. What waits is sent now."
    assert (await backlog(bridge)).endpoint.state is EndpointState.ACTIVE


@pytest.mark.parametrize(("action", "overlaps"), [("rotate", True), ("replace", False)])
async def test_a_new_secret_is_shown_once_and_the_old_one_ends(
    bridge: RunningBridge, action: str, overlaps: bool
) -> None:
    old = await add(bridge)

    record = await act(bridge, action)

    store = bridge.application.store
    (new,) = SECRET.findall(record["messages"][-1]["embeds"][0]["description"])
    _, now = await store.pushes.get_with_secrets(1, store.now() + timedelta(seconds=1))
    _, later = await store.pushes.get_with_secrets(1, store.now() + timedelta(hours=25))
    assert new != old
    assert now == ((new, old) if overlaps else (new,))
    assert later == (new,)


async def test_a_webhook_is_removed(bridge: RunningBridge) -> None:
    await add(bridge)

    removed = await act(bridge, "remove")

    assert reply_text(removed) == "✅ Webhook 1 is removed, with all that waited for it."
    assert await bridge.application.store.pushes.list_endpoints() == []
    assert "There is no such webhook here." in reply_text(await act(bridge, "enable"))


async def test_a_test_event_is_signed_and_its_answer_said(bridge: RunningBridge, receiver: Receiver) -> None:
    secret = await add(bridge, receiver.url)

    accepted = await act(bridge, "test")
    receiver.answer = answer_with(500, text="what nobody should read")
    refused = await act(bridge, "test")

    assert receiver.received[0].verify(secret)["type"] == "test"
    assert re.match(r"✅ Webhook 1 accepted a test event: HTTP 204 after [\d.]+ s\.", reply_text(accepted))
    assert reply_text(refused) == "⚠️ Webhook 1 did not accept a test event. It answered 500."
    assert "nobody should read" not in str(refused)


async def test_a_test_event_goes_to_no_private_address(bridge: RunningBridge) -> None:
    await add(bridge)

    said = reply_text(await act(bridge, "test")).replace("\\", "")

    assert "10.0.0.1 is no public address." in said


async def test_webhooks_of_another_server_can_neither_be_seen_nor_changed(bridge: RunningBridge) -> None:
    theirs = await elsewhere(bridge)

    for action in ("test", "pause", "enable", "skip", "rotate", "replace", "remove"):
        refused = await act(bridge, action, theirs.id)
        assert "There is no such webhook here." in reply_text(refused)
        assert refused["messages"][-1]["embeds"] == []
    assert "theirs" not in str(await run(bridge, "webhooks"))
    offered = await bridge.sandbox.autocomplete(
        "olivia", "general", "setup webhooks", {"webhook": ""}, "webhook"
    )
    assert offered["choices"] == []
    assert await bridge.application.store.pushes.list_endpoints() == [theirs]


async def test_sources_and_webhooks_are_offered(bridge: RunningBridge) -> None:
    await add(bridge)

    sources = await bridge.sandbox.autocomplete(
        "olivia", "general", "setup webhook", {"source": "", "url": URL}, "source"
    )
    webhooks = await bridge.sandbox.autocomplete(
        "olivia", "general", "setup webhooks", {"webhook": "surv"}, "webhook"
    )

    assert [one["value"] for one in sources["choices"]] == ["modl", "series"]
    assert webhooks["choices"] == [{"name": "1 · survival-1 (modl)", "value": "1"}]


async def test_the_log_channel_says_who_changed_what(bridge: RunningBridge) -> None:
    await run(bridge, "rules", log_channel="log")
    await add(bridge, name="@everyone [free](https://evil.example)")

    for action in ("pause", "rotate", "remove"):
        await act(bridge, action)

    def notices() -> list[str]:
        embeds = [one["embeds"][0] for one in bridge.sandbox.messages("log")]
        return [str(one["description"]) for one in embeds]

    await wait_for(lambda: len(notices()) == 4)
    olivia = f"<@{bridge.guild.members['olivia']}>"
    for text, doing in zip(notices(), ("added", "paused", "gave", "removed"), strict=True):
        assert text.startswith(f"🔗 {olivia} {doing} the webhook ")
        assert not any(alive in text for alive in ALIVE)
