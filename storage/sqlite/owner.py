"""The one process that has a database open, and how another one asks it to do something.

SQLite before 3.51.3 can corrupt a file that two processes write at once, so only the holder of the lock opens
it. The holder listens on loopback and leaves its address in the lock file, with a token that only the file's
owner can read. A request and its reply are one JSON object each, ended by the end of the stream.
"""

import asyncio
import hmac
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from storage.errors import DatabaseInUse
from storage.sqlite.lock import DatabaseLock, read_address

JsonObject = dict[str, object]  # what can travel as a JSON object

LOCK_WAIT_SECONDS = 5.0  # for a process that is starting, or another one that is ending
_REPLY_SECONDS = 30.0
_WRONG_TOKEN: JsonObject = {"error": "The token is wrong."}


async def ask_owner(
    database: Path, request: JsonObject, run_here: Callable[[], Awaitable[JsonObject]]
) -> JsonObject:
    """Return the reply to a request: of the process that holds the database, or of `run_here` if none does.

    `run_here` is called with the lock held. Raises DatabaseInUse if the holder takes no requests.
    """
    deadline = asyncio.get_running_loop().time() + LOCK_WAIT_SECONDS
    while True:
        try:
            with DatabaseLock(database):
                return await run_here()
        except DatabaseInUse:
            address = read_address(database)
            if address:
                return await _send(json.loads(address), request)
            if asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(0.1)


async def _send(address: JsonObject, request: JsonObject) -> JsonObject:
    try:
        async with asyncio.timeout(_REPLY_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(str(address["port"])))
            try:
                writer.write(json.dumps({"token": address["token"], "request": request}).encode())
                writer.write_eof()
                reply: JsonObject = json.loads(await reader.read())
                return reply
            finally:
                writer.close()
    except (OSError, ValueError, TimeoutError) as error:
        raise DatabaseInUse("The running ticketbridge does not answer. Try again, or restart it.") from error


@asynccontextmanager
async def serve_owner(
    lock: DatabaseLock, answer: Callable[[JsonObject], Awaitable[JsonObject]]
) -> AsyncIterator[None]:
    """Reply to `ask_owner` of other processes until the block ends."""
    token = secrets.token_urlsafe(32)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):  # the other process has ended
            writer.write(json.dumps(await _reply(await reader.read(), token, answer)).encode())
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        lock.publish_address(json.dumps({"port": port, "token": token}))
        yield
    finally:
        lock.publish_address("")
        server.close()
        await server.wait_closed()


async def _reply(
    message: bytes, token: str, answer: Callable[[JsonObject], Awaitable[JsonObject]]
) -> JsonObject:
    try:
        sent = json.loads(message)
        is_known = hmac.compare_digest(sent["token"].encode(), token.encode())
        request: JsonObject = sent["request"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return _WRONG_TOKEN
    return await answer(request) if is_known else _WRONG_TOKEN
