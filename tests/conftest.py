"""Fixtures for tests of the whole bridge."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.bridge_harness import RunningBridge, running_bridge, running_sandbox

# A third of the usual number: each run tries other examples, and the suite runs often. Without a deadline:
# how long one takes depends on what else the machine does.
settings.register_profile("suite", max_examples=35, deadline=None)
settings.load_profile("suite")


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
