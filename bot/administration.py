"""Workspaces and API keys from the command line, whether the bridge runs or not.

Only one process may write a database. Whoever holds its lock does what is asked; a running bridge leaves its
address in the lock file, on loopback and with a token that only the file's owner can read.
"""

import asyncio
import hmac
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from aiohttp import web

from bot.tickets import NewWorkspace, hash_key, mint_key
from storage import DatabaseInUse, DatabaseLock, StorageError, Store, read_note

Record = dict[str, object]  # what can travel as a JSON object

_PATIENCE = 5.0  # seconds for a bridge that is just starting, or another command that is just ending


class Unaskable(Exception):
    """What was asked makes no sense. The message says what to do."""


class Administration:
    """What an operator can ask for. Arguments and results are JSON values; times are ISO 8601, UTC."""

    def __init__(self, store: Store, sources: Collection[str]) -> None:
        self._store = store
        self._sources = sources
        self.verbs: dict[str, Callable[..., Awaitable[list[Record]]]] = {
            "workspace-create": self.create_workspace,
            "workspace-list": self.list_workspaces,
            "key-create": self.create_key,
            "key-list": self.list_keys,
            "key-revoke": self.revoke_key,
        }

    async def create_workspace(self, **named: object) -> list[Record]:
        """`named` are the fields of NewWorkspace."""
        new = NewWorkspace(**named)  # type: ignore[arg-type]  # checked by the command line that sent them
        if not new.name.strip() or len(new.name) > 100:
            raise Unaskable("A workspace's name has 1 to 100 characters.")
        workspace = await self._store.add_workspace(new, _now())
        return [_record(workspace)]

    async def list_workspaces(self) -> list[Record]:
        return [_record(workspace) for workspace in await self._store.workspaces()]

    async def create_key(self, workspace: str, source: str) -> list[Record]:
        """The only time the key itself is seen; what is kept is its hash."""
        if source not in self._sources:
            raise Unaskable(
                f"There is no source {source}. Choose one of: {', '.join(sorted(self._sources))}."
            )
        key, prefix = mint_key()
        kept = await self._store.add_key(workspace, source, prefix=prefix, key_hash=hash_key(key), now=_now())
        return [_record(kept) | {"key": key}]

    async def list_keys(self) -> list[Record]:
        return [_record(key) for key in await self._store.keys()]

    async def revoke_key(self, prefix: str) -> list[Record]:
        """`prefix` is what `key list` shows; a whole key is taken as well."""
        name = prefix.removeprefix("tb_").partition("_")[0]
        await self._store.revoke_key(name, _now())
        return [{"prefix": name}]


async def ask(database: Path, sources: Collection[str], verb: str, **arguments: object) -> list[Record]:
    """Do it here if nobody holds the database, else ask the one who does.

    Raises StorageError, DatabaseInUse and Unaskable, each with a sentence.
    """
    deadline = asyncio.get_running_loop().time() + _PATIENCE
    while True:
        try:
            with DatabaseLock(database):
                return await _do_here(database, sources, verb, arguments)
        except DatabaseInUse:
            note = read_note(database)
            if note:
                return await _ask_there(json.loads(note), verb, arguments)
            if asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(0.1)


async def _do_here(database: Path, sources: Collection[str], verb: str, arguments: Record) -> list[Record]:
    store = await Store.open(database)
    try:
        return await Administration(store, sources).verbs[verb](**arguments)
    finally:
        await store.close()


async def _ask_there(note: dict[str, str], verb: str, arguments: Record) -> list[Record]:
    headers = {"Authorization": f"Bearer {note['token']}"}
    try:
        async with (
            aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=30)) as session,
            session.post(f"{note['address']}/{verb}", json=arguments) as answer,
        ):
            told = await answer.json()
    except (OSError, aiohttp.ClientError, TimeoutError) as error:
        raise DatabaseInUse("The running ticketbridge does not answer. Try again, or restart it.") from error
    if answer.status != 200:
        raise Unaskable(told["error"])
    records: list[Record] = told["records"]
    return records


@asynccontextmanager
async def open_to_commands(administration: Administration, lock: DatabaseLock) -> AsyncIterator[None]:
    """Answer the command line, on loopback, until the block ends."""
    token = secrets.token_urlsafe(32)

    async def answer(request: web.Request) -> web.Response:
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, f"Bearer {token}".encode()):
            return web.json_response({"error": "The token is wrong."}, status=401)
        try:
            records = await administration.verbs[request.match_info["verb"]](**await request.json())
        except (StorageError, Unaskable) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"records": records})

    app = web.Application()
    app.router.add_post("/{verb}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        lock.write_note(json.dumps({"address": f"http://{host}:{port}", "token": token}))
        yield
    finally:
        lock.write_note("")
        await runner.cleanup()


def _record(noun: object) -> Record:
    return {
        name: value.isoformat(timespec="seconds") if isinstance(value, datetime) else value
        for name, value in asdict(noun).items()  # type: ignore[call-overload]  # a Workspace or an ApiKey
    }


def _now() -> datetime:
    return datetime.now(UTC)
