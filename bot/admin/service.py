"""Workspaces, API keys and refused requests from the command line, whether the bridge runs or not.

Only one process may write a database. Whoever holds its lock does what is asked; a running bridge leaves its
address in the lock file, on loopback and with a token that only the file's owner can read.
"""

import asyncio
import base64
import hmac
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from bot.tickets import (
    ApiKey,
    NewWorkspace,
    Plan,
    Refusal,
    UnknownCategories,
    Workspace,
    hash_key,
    mint_key,
)
from bot.tickets.workspace_changes import (
    amended,
    check_workspace_name,
    with_category_amended,
    with_department_amended,
)
from storage import DatabaseInUse, DatabaseLock, StorageError, Store, read_note

Record = dict[str, object]  # what can travel as a JSON object

_PATIENCE = 5.0  # seconds for a bridge that is just starting, or another command that is just ending


class Unaskable(Exception):
    """What was asked makes no sense. The message says what to do."""


class Administration:
    """What an operator can ask for. Arguments and results are JSON values; times are ISO 8601, UTC.

    A verb that changes something raises what the workspace raises.
    """

    def __init__(self, store: Store, sources: Collection[str]) -> None:
        self._store = store
        self._sources = sources
        self.verbs: dict[str, Callable[..., Awaitable[list[Record]]]] = {
            "workspace-create": self.create_workspace,
            "workspace-list": self.list_workspaces,
            "workspace-show": self.show_workspace,
            "workspace-set": self.change_workspace,
            "department-set": self.change_department,
            "department-remove": self.remove_department,
            "category-set": self.change_category,
            "category-remove": self.remove_category,
            "key-create": self.create_key,
            "key-list": self.list_keys,
            "key-revoke": self.revoke_key,
            "rejected-list": self.list_rejected,
            "rejected-show": self.show_rejected,
            "outbox-list": self.list_outbox,
            "outbox-retry": self.retry_delivery,
            "outbox-retry-all": self.retry_deliveries,
            "outbox-drop": self.drop_delivery,
        }

    async def create_workspace(self, **named: object) -> list[Record]:
        """`named` are the fields of NewWorkspace."""
        new = NewWorkspace(**named)  # type: ignore[arg-type]  # checked by the command line that sent them
        check_workspace_name(new.name)
        return [_record(await self._store.add_workspace(new, _now()))]

    async def list_workspaces(self) -> list[Record]:
        return [_record(workspace) for workspace in await self._store.workspaces()]

    async def show_workspace(self, workspace: str) -> list[Record]:
        return [_record(await self._store.workspace_named(workspace))]

    async def change_workspace(self, workspace: str, **parts: Any) -> list[Record]:
        """`parts` are those of WorkspaceParts that change."""
        words = {"plan": Plan, "unknown_categories": UnknownCategories}
        given: Any = {name: words[name](value) if name in words else value for name, value in parts.items()}
        return await self._changed(workspace, lambda kept: amended(kept, **given))

    async def change_department(self, workspace: str, department: str, **parts: Any) -> list[Record]:
        """`parts` are those of DepartmentParts that change; a department that is not there is added."""
        given: Any = {
            name: tuple(value) if isinstance(value, list) else value for name, value in parts.items()
        }
        return await self._changed(workspace, lambda kept: with_department_amended(kept, department, **given))

    async def remove_department(self, workspace: str, department: str) -> list[Record]:
        return await self._changed(workspace, lambda kept: kept.without_department(department))

    async def change_category(
        self, workspace: str, category: str, departments: list[str] | None = None, **parts: Any
    ) -> list[Record]:
        """`parts` are those of CategoryParts that change; a category that is not there is added."""
        return await self._changed(
            workspace, lambda kept: with_category_amended(kept, category, departments, **parts)
        )

    async def remove_category(self, workspace: str, category: str) -> list[Record]:
        return await self._changed(workspace, lambda kept: kept.without_category(category))

    async def _changed(self, name: str, rule: Callable[[Workspace], Workspace]) -> list[Record]:
        workspace = await self._store.workspace_named(name)
        return [_record(await self._store.change_workspace(workspace.id, rule))]

    async def create_key(
        self, workspace: str, source: str, name: str = "", expires_at: str | None = None
    ) -> list[Record]:
        """The only time the key itself is seen; what is kept is its hash."""
        if source not in self._sources:
            raise Unaskable(
                f"There is no source {source}. Choose one of: {', '.join(sorted(self._sources))}."
            )
        if len(name) > 100 or not name.isprintable():
            raise Unaskable("A key's name has 100 characters at most, all of them visible.")
        now, (key, prefix) = _now(), mint_key()
        kept = await self._store.add_key(
            workspace,
            source,
            prefix=prefix,
            key_hash=hash_key(key),
            now=now,
            name=name,
            expires_at=_lasting_until(expires_at, now),
        )
        return [_key_record(kept, now) | {"key": key}]

    async def list_keys(self) -> list[Record]:
        """With each key's state: active, expired or revoked."""
        now = _now()
        return [_key_record(key, now) for key in await self._store.keys()]

    async def revoke_key(self, prefix: str) -> list[Record]:
        """`prefix` is what `key list` shows; a whole key is taken as well."""
        name = prefix.removeprefix("tb_").partition("_")[0]
        await self._store.revoke_key(name, _now())
        return [{"prefix": name}]

    async def list_rejected(self, limit: int) -> list[Record]:
        """The newest refused requests, newest first."""
        return [_record(one) for one in await self._store.rejected(limit)]

    async def show_rejected(self, rejected_id: int) -> list[Record]:
        return [_record(await self._store.rejected_request(rejected_id))]

    async def list_outbox(self, limit: int) -> list[Record]:
        """What waits for Discord or is set aside; what needs a look first."""
        return [_record(one) for one in await self._store.undelivered(limit)]

    async def retry_delivery(self, delivery_id: int) -> list[Record]:
        await self._store.retry(delivery_id, _now())
        return [{"id": delivery_id}]

    async def retry_deliveries(self) -> list[Record]:
        """All that is set aside."""
        return [{"count": await self._store.retry_buried(_now())}]

    async def drop_delivery(self, delivery_id: int) -> list[Record]:
        await self._store.drop(delivery_id, _now())
        return [{"id": delivery_id}]


async def ask(database: Path, sources: Collection[str], verb: str, **arguments: object) -> list[Record]:
    """Do it here if nobody holds the database, else ask the one who does.

    Raises StorageError, DatabaseInUse, Unaskable and Refusal, each with a sentence.
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
        except (StorageError, Unaskable, Refusal) as error:
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
    told: Record = _plain(asdict(noun))  # type: ignore[call-overload]  # one of our nouns
    return told


def _plain(value: Any) -> Any:
    """As JSON will have it on the other side; the bytes of a body in base64."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _key_record(key: ApiKey, now: datetime) -> Record:
    ended = "revoked" if key.revoked_at else "expired"
    return _record(key) | {"state": "active" if key.opens(key.source, now) else ended}


def _lasting_until(expires_at: str | None, now: datetime) -> datetime | None:
    moment = datetime.fromisoformat(expires_at) if expires_at else None
    if moment and moment <= now:
        raise Unaskable(f"{moment:%Y-%m-%d} has begun already. Let the key expire on a later day.")
    return moment


def _now() -> datetime:
    return datetime.now(UTC)
