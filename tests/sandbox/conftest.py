"""Fixtures: a stage is a sandbox with the real discord.py logged in to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.sandbox.bot_harness import ConnectedBot, RecordingBot, connect


@pytest.fixture
async def connected() -> AsyncIterator[ConnectedBot]:
    async with connect(RecordingBot()) as connection:
        yield connection
