"""Fixtures for whole-way tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.town import Town, discord_stand_in
from tests.town import town as run_town


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with (
        discord_stand_in() as (sandbox, guild),
        run_town(tmp_path / "ticketbridge.db", sandbox, guild) as running,
    ):
        yield running
