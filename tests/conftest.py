"""Fixtures for whole-way tests."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import bot.outbox.circuit_breaker
from tests.support.bridge_harness import HASTY, Town, discord_stand_in
from tests.support.bridge_harness import town as run_town


@pytest.fixture(autouse=True)
def no_haste_is_left_behind() -> Iterator[None]:
    """A town is hasty; a patch that is undone in the wrong order would leave all later tests so."""
    before = {name: getattr(bot.outbox.circuit_breaker, name) for name in HASTY}
    yield
    assert {name: getattr(bot.outbox.circuit_breaker, name) for name in HASTY} == before


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with (
        discord_stand_in() as (sandbox, guild),
        run_town(tmp_path / "ticketbridge.db", sandbox, guild) as running,
    ):
        yield running
