"""Fixtures for tests of the whole bridge."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.bridge_harness import RunningBridge, running_bridge, running_sandbox


@pytest.fixture
async def bridge(tmp_path: Path) -> AsyncIterator[RunningBridge]:
    async with (
        running_sandbox() as (sandbox, guild),
        running_bridge(tmp_path / "ticketbridge.db", sandbox, guild) as running,
    ):
        yield running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the proofs first: they take longest, and would be waited for at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/proofs/"))
