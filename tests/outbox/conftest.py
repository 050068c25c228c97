"""A store with a workspace, and a handler of deliveries."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.tickets.workspace import Workspace
from storage import Store, open_store
from tests.storage.samples import HUB, NOW
from tests.support.dispatcher_harness import RecordingHandler


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await open_store(tmp_path / "tickets.db")
    yield store
    await store.close()


@pytest.fixture
async def workspace(store: Store) -> Workspace:
    return await store.workspaces.add(HUB, NOW)


@pytest.fixture
def handler() -> RecordingHandler:
    return RecordingHandler()
