"""Fixtures: a sandbox with the real discord.py connected to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.sandbox.bot_harness import ConnectedBot, RecordingBot, connect


@pytest.fixture
async def connected() -> AsyncIterator[ConnectedBot]:
    async with connect(RecordingBot()) as connected_bot:
        yield connected_bot
