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

from bot.tickets.api_keys import ApiKey, generate_api_key, hash_api_key
from bot.tickets.errors import TicketError
from bot.tickets.workspace import NewWorkspace, Plan, UnknownCategoryPolicy, Workspace
from bot.tickets.workspace_changes import (
    check_workspace_name,
    update_workspace,
    upsert_category,
    upsert_department,
)
from storage import DatabaseInUse, DatabaseLock, StorageError, Store, read_address

JsonObject = dict[str, object]  # what can travel as a JSON object

LOCK_WAIT_SECONDS = 5.0  # seconds for a bridge that is just starting, or another command that is just ending


class AdminError(Exception):
    """What was asked makes no sense. The message says what to do."""


class AdminService:
    """What an operator can ask for. Arguments and results are JSON values; times are ISO 8601, UTC.

    A verb that changes something raises what the workspace raises.
    """

    def __init__(self, store: Store, sources: Collection[str]) -> None:
        self._store = store
        self._sources = sources
        self.commands: dict[str, Callable[..., Awaitable[list[JsonObject]]]] = {
            "workspace-create": self.create_workspace,
            "workspace-list": self.list_workspaces,
            "workspace-show": self.show_workspace,
            "workspace-set": self.update_workspace,
            "department-set": self.upsert_department,
            "department-remove": self.remove_department,
            "category-set": self.upsert_category,
            "category-remove": self.remove_category,
            "key-create": self.create_key,
            "key-list": self.list_keys,
            "key-revoke": self.revoke_key,
            "rejected-list": self.list_rejected,
            "rejected-show": self.show_rejected,
            "outbox-list": self.list_outbox,
            "outbox-retry": self.retry_delivery,
            "outbox-retry-all": self.retry_dead_letters,
            "outbox-drop": self.drop_delivery,
        }

    async def create_workspace(self, **fields: object) -> list[JsonObject]:
        """`named` are the fields of NewWorkspace."""
        new = NewWorkspace(**fields)  # type: ignore[arg-type]  # checked by the command line that sent them
        check_workspace_name(new.name)
        return [to_record(await self._store.add_workspace(new, _now()))]

    async def list_workspaces(self) -> list[JsonObject]:
        return [to_record(workspace) for workspace in await self._store.workspaces()]

    async def show_workspace(self, workspace: str) -> list[JsonObject]:
        return [to_record(await self._store.workspace_by_name(workspace))]

    async def update_workspace(self, workspace: str, **changes: Any) -> list[JsonObject]:
        """`parts` are those of WorkspaceParts that change."""
        enums = {"plan": Plan, "unknown_categories": UnknownCategoryPolicy}
        values: Any = {
            name: enums[name](value) if name in enums else value for name, value in changes.items()
        }
        return await self._update_workspace(workspace, lambda kept: update_workspace(kept, **values))

    async def upsert_department(self, workspace: str, department: str, **changes: Any) -> list[JsonObject]:
        """`parts` are those of DepartmentParts that change; a department that is not there is added."""
        values: Any = {
            name: tuple(value) if isinstance(value, list) else value for name, value in changes.items()
        }
        return await self._update_workspace(
            workspace, lambda kept: upsert_department(kept, department, **values)
        )

    async def remove_department(self, workspace: str, department: str) -> list[JsonObject]:
        return await self._update_workspace(workspace, lambda kept: kept.without_department(department))

    async def upsert_category(
        self, workspace: str, category: str, departments: list[str] | None = None, **changes: Any
    ) -> list[JsonObject]:
        """`parts` are those of CategoryParts that change; a category that is not there is added."""
        return await self._update_workspace(
            workspace, lambda kept: upsert_category(kept, category, departments, **changes)
        )

    async def remove_category(self, workspace: str, category: str) -> list[JsonObject]:
        return await self._update_workspace(workspace, lambda kept: kept.without_category(category))

    async def _update_workspace(self, name: str, rule: Callable[[Workspace], Workspace]) -> list[JsonObject]:
        workspace = await self._store.workspace_by_name(name)
        return [to_record(await self._store.change_workspace(workspace.id, rule))]

    async def create_key(
        self, workspace: str, source: str, name: str = "", expires_at: str | None = None
    ) -> list[JsonObject]:
        """The only time the key itself is seen; what is kept is its hash."""
        if source not in self._sources:
            raise AdminError(
                f"There is no source {source}. Choose one of: {', '.join(sorted(self._sources))}."
            )
        if len(name) > 100 or not name.isprintable():
            raise AdminError("A key's name has 100 characters at most, all of them visible.")
        now, (key, prefix) = _now(), generate_api_key()
        kept = await self._store.add_key(
            workspace,
            source,
            prefix=prefix,
            key_hash=hash_api_key(key),
            now=now,
            name=name,
            expires_at=parse_expiry(expires_at, now),
        )
        return [key_to_record(kept, now) | {"key": key}]

    async def list_keys(self) -> list[JsonObject]:
        """With each key's state: active, expired or revoked."""
        now = _now()
        return [key_to_record(key, now) for key in await self._store.keys()]

    async def revoke_key(self, prefix: str) -> list[JsonObject]:
        """`prefix` is what `key list` shows; a whole key is taken as well."""
        name = prefix.removeprefix("tb_").partition("_")[0]
        await self._store.revoke_key(name, _now())
        return [{"prefix": name}]

    async def list_rejected(self, limit: int) -> list[JsonObject]:
        """The newest refused requests, newest first."""
        return [to_record(one) for one in await self._store.list_rejected_requests(limit)]

    async def show_rejected(self, rejected_id: int) -> list[JsonObject]:
        return [to_record(await self._store.rejected_request(rejected_id))]

    async def list_outbox(self, limit: int) -> list[JsonObject]:
        """What waits for Discord or is set aside; what needs a look first."""
        return [to_record(one) for one in await self._store.list_undelivered(limit)]

    async def retry_delivery(self, delivery_id: int) -> list[JsonObject]:
        await self._store.retry(delivery_id, _now())
        return [{"id": delivery_id}]

    async def retry_dead_letters(self) -> list[JsonObject]:
        """All that is set aside."""
        return [{"count": await self._store.retry_all_dead_letters(_now())}]

    async def drop_delivery(self, delivery_id: int) -> list[JsonObject]:
        await self._store.drop(delivery_id, _now())
        return [{"id": delivery_id}]


async def execute(
    database: Path, sources: Collection[str], command: str, **arguments: object
) -> list[JsonObject]:
    """Do it here if nobody holds the database, else ask the one who does.

    Raises StorageError, DatabaseInUse, Unaskable and Refusal, each with a sentence.
    """
    deadline = asyncio.get_running_loop().time() + LOCK_WAIT_SECONDS
    while True:
        try:
            with DatabaseLock(database):
                return await _execute_local(database, sources, command, arguments)
        except DatabaseInUse:
            note = read_address(database)
            if note:
                return await _execute_remote(json.loads(note), command, arguments)
            if asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(0.1)


async def _execute_local(
    database: Path, sources: Collection[str], command: str, arguments: JsonObject
) -> list[JsonObject]:
    store = await Store.open(database)
    try:
        return await AdminService(store, sources).commands[command](**arguments)
    finally:
        await store.close()


async def _execute_remote(endpoint: dict[str, str], command: str, arguments: JsonObject) -> list[JsonObject]:
    headers = {"Authorization": f"Bearer {endpoint['token']}"}
    try:
        async with (
            aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=30)) as session,
            session.post(f"{endpoint['address']}/{command}", json=arguments) as response,
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
    """Answer the command line, on loopback, until the block ends."""
    token = secrets.token_urlsafe(32)

    async def handle(request: web.Request) -> web.Response:
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, f"Bearer {token}".encode()):
            return web.json_response({"error": "The token is wrong."}, status=401)
        try:
            records = await service.commands[request.match_info["verb"]](**await request.json())
        except (StorageError, AdminError, TicketError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"records": records})

    app = web.Application()
    app.router.add_post("/{verb}", handle)
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


def to_record(value: object) -> JsonObject:
    record: JsonObject = to_json(asdict(value))  # type: ignore[call-overload]  # one of our nouns
    return record


def to_json(value: Any) -> Any:
    """As JSON will have it on the other side; the bytes of a body in base64."""
    if isinstance(value, dict):
        return {name: to_json(one) for name, one in value.items()}
    if isinstance(value, tuple):
        return [to_json(one) for one in value]
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def key_to_record(key: ApiKey, now: datetime) -> JsonObject:
    ended = "revoked" if key.revoked_at else "expired"
    return to_record(key) | {"state": "active" if key.is_valid_for(key.source, now) else ended}


def parse_expiry(expires_at: str | None, now: datetime) -> datetime | None:
    expiry = datetime.fromisoformat(expires_at) if expires_at else None
    if expiry and expiry <= now:
        raise AdminError(f"{expiry:%Y-%m-%d} has begun already. Let the key expire on a later day.")
    return expiry


def _now() -> datetime:
    return datetime.now(UTC)
