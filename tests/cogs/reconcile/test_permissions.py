"""A permission that is granted is noticed at once, whatever it is and whatever else is missing."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.sandbox import Permission
from bot.sources.modl import examples as modl
from bot.tickets.workspace_changes import update_workspace
from tests.cogs.posts.test_threads import embeds_in, submit_open_modal
from tests.support.bridge_harness import (
    LONG_FORBIDDEN_BACKOFF,
    RunningBridge,
    running_bridge,
    running_sandbox,
    wait_for,
)


@pytest.fixture
async def slow_to_retry(tmp_path: Path) -> AsyncIterator[RunningBridge]:
    """A bridge that goes on in a forbidden channel only because it notices the repair."""
    async with (
        running_sandbox() as (sandbox, guild),
        running_bridge(tmp_path / "t.db", sandbox, guild, breaker_settings=LONG_FORBIDDEN_BACKOFF) as bridge,
    ):
        yield bridge


async def wait_until_refused(bridge: RunningBridge) -> None:
    async def is_refused() -> bool:
        return any(one.last_error for one in await bridge.application.store.outbox_admin.list_undelivered(10))

    await wait_for(is_refused)


@pytest.mark.parametrize("name", ["CREATE_PRIVATE_THREADS", "SEND_MESSAGES_IN_THREADS"])
async def test_a_private_thread_is_started_as_soon_as_it_is_allowed(
    slow_to_retry: RunningBridge, name: str
) -> None:
    bridge, bot = slow_to_retry, slow_to_retry.guild.members["ticketbridge"]
    other = Permission.ADD_REACTIONS | Permission.MANAGE_MESSAGES  # stays denied
    bridge.sandbox.set_overwrite("general", bot, deny=getattr(Permission, name) | other)
    public_id = await submit_open_modal(bridge)
    await wait_until_refused(bridge)

    bridge.sandbox.set_overwrite("general", bot, deny=other)

    await bridge.wait_until_posted(public_id)


async def test_a_thread_is_started_as_soon_as_it_is_allowed(slow_to_retry: RunningBridge) -> None:
    bridge, bot = slow_to_retry, slow_to_retry.guild.members["ticketbridge"]
    bridge.sandbox.set_overwrite("tickets", bot, deny=Permission.CREATE_PUBLIC_THREADS)
    waiting = await bridge.post("/v1/minecraft/tickets", dict(modl.TICKET), source="modl")
    await wait_until_refused(bridge)

    bridge.sandbox.set_overwrite("tickets", bot, allow=Permission.VIEW_CHANNEL)

    assert (await bridge.wait_until_posted(waiting["ticketId"])).post.thread_id


async def test_a_log_channel_gets_its_alerts_as_soon_as_they_are_allowed(
    slow_to_retry: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogs.alerts.backlog.POLL_SECONDS", 0.05)
    bridge, bot = slow_to_retry, slow_to_retry.guild.members["ticketbridge"]
    (workspace,) = await bridge.application.store.workspaces.list_all()
    await bridge.application.store.workspaces.change(
        workspace.id,
        lambda workspace: update_workspace(workspace, log_channel_id=bridge.guild.channels["log"]),
    )
    for channel in ("tickets", "log"):
        bridge.sandbox.set_overwrite(
            channel, bot, allow=Permission.VIEW_CHANNEL, deny=Permission.SEND_MESSAGES
        )
    await bridge.post("/v1/minecraft/tickets", dict(modl.TICKET), source="modl")
    log_path = f"/channels/{bridge.guild.channels['log']}/messages"
    await wait_for(lambda: any(r["status"] == 403 for r in bridge.sandbox.requests if r["path"] == log_path))

    bridge.sandbox.set_overwrite("log", bot, allow=Permission.VIEW_CHANNEL)

    (alert,) = await wait_for(lambda: embeds_in(bridge, "log"))
    assert "Allow my role there: Send Messages." in alert
