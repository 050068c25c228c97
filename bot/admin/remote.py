"""Run an operator's command in the process that holds the database: here, or in the running bridge.

Only one process may write an SQLite database. A running bridge leaves its address in the lock file: on
loopback, with a token that only the file's owner can read.
"""

import asyncio
import hmac
import json
import secrets
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp import web

from bot.admin.service import COMMANDS, AdminError, AdminService, Command, JsonObject
from bot.tickets.errors import TicketError
from storage import DatabaseInUse, DatabaseLock, StorageError, open_store, read_address

LOCK_WAIT_SECONDS = 5.0  # for a bridge that is starting, or another command that is ending


def require_database(database: Path) -> None:
    """Raises AdminError if there is no database: a command that reads never creates one."""
    if not database.exists():
        raise AdminError(
            f"There is no database at {database.absolute()}. Change to the folder it is in, name its "
            "configuration with --config, or begin a new one: `ticketbridge workspace create`."
        )


async def execute(
    database: Path, sources: Collection[str], command: Command, **arguments: object
) -> list[JsonObject]:
    """Run a method of AdminService: here if no process holds the database, else in the running bridge.

    Only `create_workspace` creates a database. Raises StorageError, AdminError and TicketError, each with a
    sentence.
    """
    if command is not AdminService.create_workspace:
        require_database(database)
    deadline = asyncio.get_running_loop().time() + LOCK_WAIT_SECONDS
    while True:
        try:
            with DatabaseLock(database):
                return await _execute_local(database, sources, command, arguments)
        except DatabaseInUse:
            address = read_address(database)
            if address:
                return await _execute_remote(json.loads(address), command, arguments)
            if asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(0.1)


async def _execute_local(
    database: Path, sources: Collection[str], command: Command, arguments: JsonObject
) -> list[JsonObject]:
    store = await open_store(database)
    try:
        return await command(AdminService(store, sources), **arguments)
    finally:
        await store.close()


async def _execute_remote(
    endpoint: dict[str, str], command: Command, arguments: JsonObject
) -> list[JsonObject]:
    headers = {"Authorization": f"Bearer {endpoint['token']}"}
    try:
        async with (
            aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=30)) as session,
            session.post(f"{endpoint['address']}/{command.__name__}", json=arguments) as response,
        ):
            reply = await response.json()
    except (OSError, aiohttp.ClientError, TimeoutError) as error:
        raise DatabaseInUse("The running ticketbridge does not answer. Try again, or restart it.") from error
    if response.status != 200:
        raise AdminError(reply["error"])
    records: list[JsonObject] = reply["records"]
    return records


@asynccontextmanager
async def serve_control_api(service: AdminService, lock: DatabaseLock) -> AsyncIterator[None]:
    """Answer `execute` of other processes, on loopback, until the block ends."""
    token = secrets.token_urlsafe(32)

    async def handle(request: web.Request) -> web.Response:
        authorization = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(authorization, f"Bearer {token}".encode()):
            return web.json_response({"error": "The token is wrong."}, status=401)
        return await _run_command(service, request)

    app = web.Application()
    app.router.add_post("/{command}", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        lock.publish_address(json.dumps({"address": f"http://{host}:{port}", "token": token}))
        yield
    finally:
        lock.publish_address("")
        await runner.cleanup()


async def _run_command(service: AdminService, request: web.Request) -> web.Response:
    name = request.match_info["command"]
    if name not in COMMANDS:
        sentence = "The running ticketbridge is another version, without this command. Restart it."
        return web.json_response({"error": sentence}, status=404)
    try:
        records = await getattr(service, name)(**await request.json())
    except (StorageError, AdminError, TicketError) as error:
        return web.json_response({"error": str(error)}, status=400)
    return web.json_response({"records": records})
