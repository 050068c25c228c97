"""Fixtures: a real store with a file of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.tickets.workspace import Workspace
from storage import Store, open_store
from tests.storage.samples import HUB, NOW


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tickets.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    store = await open_store(path)
    yield store
    await store.close()


@pytest.fixture
async def workspace(store: Store) -> Workspace:
    return await store.workspaces.add(HUB, NOW)
