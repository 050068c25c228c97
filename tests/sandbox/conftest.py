"""Fixtures: a stage is a sandbox with the real discord.py logged in to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.sandbox.bot_harness import Listener, Stage, logged_in


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with logged_in(Listener()) as ready:
        yield ready
