"""A POST that Discord answers with 5xx is not repeated before the outbox looked whether it happened."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cogs.tickets.test_commands import opened_by
from tests.support.bridge_harness import RunningBridge, running_bridge, running_sandbox


@pytest.fixture
async def without_nonces(tmp_path: Path) -> AsyncIterator[RunningBridge]:
    """A Discord that ignores nonces, and does not send the bot its own messages."""
    async with (
        running_sandbox(nonce_window=0.0, echo=False) as (sandbox, guild),
        running_bridge(tmp_path / "t.db", sandbox, guild) as bridge,
    ):
        yield bridge


@pytest.mark.parametrize("error", ["500", "502", "504"])
async def test_a_post_that_was_made_despite_an_error_is_there_once(
    without_nonces: RunningBridge, error: str
) -> None:
    without_nonces.sandbox.fail(error, method="POST", path=r"/channels/\d+/messages$", when="after")

    report = await without_nonces.game_report()

    channel_id = without_nonces.guild.channels["reports"]
    assert [one["id"] for one in without_nonces.sandbox.messages(channel_id)] == [str(report.post.message_id)]


@pytest.mark.parametrize("error", ["500", "502", "504"])
async def test_a_private_thread_that_was_made_despite_an_error_is_there_once(
    without_nonces: RunningBridge, error: str
) -> None:
    without_nonces.sandbox.fail(error, method="POST", path=r"/channels/\d+/threads$", when="after")

    ticket = await opened_by(without_nonces, "pete")

    threads = [one.id for one in without_nonces.sandbox.state.world.channels.values() if one.is_thread]
    assert threads == [ticket.post.thread_id]
