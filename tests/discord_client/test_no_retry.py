"""A request that Discord failed in the middle of is not made again before it is known what came of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cogs.tickets.test_commands import opened_by
from tests.support.bridge_harness import RunningBridge, running_sandbox
from tests.support.bridge_harness import running_bridge as run_town


@pytest.fixture
async def forgetful(tmp_path: Path) -> AsyncIterator[RunningBridge]:
    """Discord knows no nonce, and its gateway does not tell the bot of its own posts."""
    async with (
        running_sandbox(nonce_window=0.0, echo=False) as (sandbox, guild),
        run_town(tmp_path / "t.db", sandbox, guild) as town,
    ):
        yield town


@pytest.mark.parametrize("error", ["500", "502", "504"])
async def test_a_post_that_came_through_with_an_error_is_there_once(
    forgetful: RunningBridge, error: str
) -> None:
    forgetful.sandbox.fail(error, method="POST", path=r"/channels/\d+/messages$", when="after")

    report = await forgetful.game_report()

    place = forgetful.guild.channels["reports"]
    assert [one["id"] for one in forgetful.sandbox.messages(place)] == [str(report.post.message_id)]


@pytest.mark.parametrize("error", ["500", "502", "504"])
async def test_a_private_thread_that_came_through_with_an_error_is_there_once(
    forgetful: RunningBridge, error: str
) -> None:
    forgetful.sandbox.fail(error, method="POST", path=r"/channels/\d+/threads$", when="after")

    ticket = await opened_by(forgetful, "pete")

    threads = [one.id for one in forgetful.sandbox.state.world.channels.values() if one.is_thread]
    assert threads == [ticket.post.thread_id]
