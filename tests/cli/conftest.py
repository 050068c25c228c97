"""The operator at the command line: with nobody holding the database, and beside a running bridge."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot.__main__ import app
from bot.admin.service import AdminService, serve_control_api
from bot.sources.registry import load_sources
from storage import DatabaseLock, Store

Operator = Callable[..., Awaitable[Result]]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "tickets.db"


@asynccontextmanager
async def opened(database: Path) -> AsyncIterator[Store]:
    """The store itself, for what no command does."""
    with DatabaseLock(database):
        store = await Store.open(database)
        try:
            yield store
        finally:
            await store.close()


@pytest.fixture(params=["alone", "beside a running bridge"])
def beside(request: pytest.FixtureRequest) -> bool:
    return bool(request.param != "alone")


@pytest.fixture
async def store(database: Path, beside: bool) -> AsyncIterator[Store | None]:
    """The holder's store, where there is a holder that answers commands."""
    if not beside:
        yield None
        return
    with DatabaseLock(database) as lock:
        store = await Store.open(database)
        try:
            async with serve_control_api(AdminService(store, load_sources()), lock):
                yield store
        finally:
            await store.close()


@pytest.fixture
def ticketbridge(database: Path, store: Store | None) -> Operator:
    """Types a command to its end; exit code, stdout and stderr are in its result."""
    environment = {"TICKETBRIDGE_STORAGE_PATH": str(database), "COLUMNS": "200"}

    async def typed(*arguments: object) -> Result:
        words = [str(argument) for argument in arguments]
        return await asyncio.to_thread(CliRunner().invoke, app, words, env=environment)

    return typed


async def told(ticketbridge: Operator, *arguments: object) -> str:
    """What a command that succeeds says."""
    result = await ticketbridge(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


async def refused(ticketbridge: Operator, *arguments: object) -> str:
    """The one sentence of a command that does not."""
    result = await ticketbridge(*arguments)
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("ticketbridge: ")
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("ticketbridge: ").strip()


async def with_workspace(ticketbridge: Operator) -> None:
    ids = ("--guild", 1, "--tickets-channel", 2, "--reports-channel", 3, "--staff-role", 4)
    await told(ticketbridge, "workspace", "create", "--name", "main", *ids)
