"""Commands run while no process holds the database, and again beside a running bridge that does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot.admin.remote import serve_control_api
from bot.admin.service import AdminService
from bot.cli.app import app
from bot.sources.registry import load_sources
from storage import DatabaseLock, Store, open_store

LOOPBACK = (IPv4Network("127.0.0.0/8"),)

RunCommand = Callable[..., Awaitable[Result]]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "tickets.db"


@asynccontextmanager
async def opened_store(database: Path) -> AsyncIterator[Store]:
    """The store itself, for what has no command."""
    with DatabaseLock(database):
        store = await open_store(database)
        try:
            yield store
        finally:
            await store.close()


@pytest.fixture(params=["alone", "beside a running bridge"])
def beside(request: pytest.FixtureRequest) -> bool:
    return bool(request.param != "alone")


@pytest.fixture
async def store(database: Path, beside: bool) -> AsyncIterator[Store | None]:
    """The running bridge's store; None without one."""
    if not beside:
        yield None
        return
    with DatabaseLock(database) as lock:
        store = await open_store(database)
        try:
            async with serve_control_api(AdminService(store, load_sources(), push_networks=LOOPBACK), lock):
                yield store
        finally:
            await store.close()


@pytest.fixture
def ticketbridge(database: Path, store: Store | None) -> RunCommand:
    """Run a command to its end: its exit code, stdout and stderr."""
    environment = {
        "TICKETBRIDGE_STORAGE_PATH": str(database),
        "TICKETBRIDGE_PUSH_ALLOWED_NETWORKS": ",".join(map(str, LOOPBACK)),
        "COLUMNS": "200",
    }

    async def run_command(*arguments: object, stdin: bytes = b"") -> Result:
        words = [str(argument) for argument in arguments]
        return await asyncio.to_thread(CliRunner().invoke, app, words, input=stdin, env=environment)

    return run_command


async def output_of(ticketbridge: RunCommand, *arguments: object, stdin: bytes = b"") -> str:
    """What a command prints that succeeds."""
    result = await ticketbridge(*arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result.stdout


async def error_of(ticketbridge: RunCommand, *arguments: object, stdin: bytes = b"") -> str:
    """The one sentence of a command that fails."""
    result = await ticketbridge(*arguments, stdin=stdin)
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("ticketbridge: ")
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("ticketbridge: ").strip()


async def create_workspace(ticketbridge: RunCommand) -> None:
    ids = ("--guild", 1, "--tickets-channel", 2, "--reports-channel", 3, "--staff-role", 4)
    await output_of(ticketbridge, "workspace", "create", "--name", "main", *ids)
