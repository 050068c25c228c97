"""Fixtures for whole-way tests."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import bot.outbox.circuit_breaker
from tests.support.bridge_harness import FAST_BACKOFF, RunningBridge, running_sandbox
from tests.support.bridge_harness import running_bridge as run_town


@pytest.fixture(autouse=True)
def no_haste_is_left_behind() -> Iterator[None]:
    """A town is hasty; a patch that is undone in the wrong order would leave all later tests so."""
    before = {name: getattr(bot.outbox.circuit_breaker, name) for name in FAST_BACKOFF}
    yield
    assert {name: getattr(bot.outbox.circuit_breaker, name) for name in FAST_BACKOFF} == before


@pytest.fixture
async def bridge(tmp_path: Path) -> AsyncIterator[RunningBridge]:
    async with (
        running_sandbox() as (sandbox, guild),
        run_town(tmp_path / "ticketbridge.db", sandbox, guild) as running,
    ):
        yield running


@pytest.fixture
def town(bridge: RunningBridge) -> RunningBridge:
    """The former name of `bridge`."""
    return bridge
