"""What an operator may do: workspaces, API keys, outgoing webhooks, the outbox and rejected requests."""

import base64
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from bot.outbox.endpoints import EndpointService
from bot.tickets.account_links import AccountLink
from bot.tickets.api_keys import (
    ApiKey,
    check_imported_key,
    generate_api_key,
    generate_prefix,
    hash_api_key,
)
from bot.tickets.erasure import Requester
from bot.tickets.message import DISCORD_SOURCE
from bot.tickets.push_endpoints import PushBacklog
from bot.tickets.workspace import NewWorkspace, Plan, UnknownCategoryPolicy, Workspace
from bot.tickets.workspace_changes import (
    check_workspace_name,
    update_workspace,
    upsert_category,
    upsert_department,
)
from storage import MERGED_PAGES, Store, UnknownWorkspace

_log = logging.getLogger(__name__)

JsonObject = dict[str, object]  # what can travel as a JSON object
Command = Callable[..., Awaitable[list[JsonObject]]]

# Guild id and Discord ids by field name -> a sentence for each id that cannot be used; None: Discord is away.
IdChecker = Callable[[int, Mapping[str, int]], list[str] | None]

NOT_RUNNING = "The Discord ids were not checked, because ticketbridge is not running."
NOT_CONNECTED = "The Discord ids were not checked, because ticketbridge is not connected to Discord."

_ID_FIELDS = (
    *("tickets_channel_id", "reports_channel_id", "log_channel_id", "channel_id"),
    *("staff_role_id", "watcher_role_id", "admin_role_id"),
)
_MAX_PREFIX_LENGTH = 8
_EXPORTED_TICKETS = 20  # in one part; the request of each may be a megabyte
_STEP_SECONDS = 2.0  # of one command; what takes longer is called again
_ENUMS: Mapping[str, type[Plan | UnknownCategoryPolicy]] = {
    "plan": Plan,
    "unknown_categories": UnknownCategoryPolicy,
}


class AdminError(Exception):
    """The command cannot be carried out. The message says what to do."""


class AdminService:
    """The operator's commands: each public method is one.

    Arguments and results are JSON values; times are ISO 8601, UTC. Raises AdminError, TicketError and
    StorageError, each with a sentence. Without `check_ids`, Discord ids are taken as they are.
    `push_networks` are those of `[push] allowed_networks`.
    """

    def __init__(
        self,
        store: Store,
        sources: Collection[str],
        *,
        check_ids: IdChecker | None = None,
        push_networks: Sequence[IPv4Network | IPv6Network] = (),
    ) -> None:
        self._store = store
        self._sources = sources
        self._find_id_problems = check_ids
        self._webhooks = EndpointService(store, sources, allowed_networks=push_networks)

    async def create_workspace(self, /, **fields: object) -> list[JsonObject]:
        """`fields` are those of NewWorkspace."""
        new = NewWorkspace(**fields)  # type: ignore[arg-type]  # checked by the command line that sent them
        check_workspace_name(new.name)
        warning = self._check_ids(new.guild_id, fields)
        return [to_record(await self._store.workspaces.add(new, self._store.now())) | {"warning": warning}]

    async def list_workspaces(self) -> list[JsonObject]:
        return [to_record(workspace) for workspace in await self._store.workspaces.list_all()]

    async def show_workspace(self, *, workspace: str) -> list[JsonObject]:
        return [to_record(await self._workspace(workspace))]

    async def update_workspace(self, /, *, workspace: str, **changes: Any) -> list[JsonObject]:
        """`changes` are those of WorkspaceChanges."""
        values: Any = {
            name: _ENUMS[name](value) if name in _ENUMS else value for name, value in changes.items()
        }
        return await self._change(workspace, lambda current: update_workspace(current, **values), changes)

    async def set_department(self, /, *, workspace: str, department: str, **changes: Any) -> list[JsonObject]:
        """Add a department or change one; `changes` are those of DepartmentChanges."""
        values: Any = {
            name: tuple(value) if isinstance(value, list) else value for name, value in changes.items()
        }
        return await self._change(
            workspace, lambda current: upsert_department(current, department, **values), changes
        )

    async def remove_department(self, *, workspace: str, department: str) -> list[JsonObject]:
        return await self._change(workspace, lambda current: current.without_department(department))

    async def set_category(
        self, /, *, workspace: str, category: str, departments: list[str] | None = None, **changes: Any
    ) -> list[JsonObject]:
        """Add a category or change one; `changes` are those of CategoryChanges."""
        return await self._change(
            workspace, lambda current: upsert_category(current, category, departments, **changes)
        )

    async def remove_category(self, *, workspace: str, category: str) -> list[JsonObject]:
        return await self._change(workspace, lambda current: current.without_category(category))

    async def create_key(
        self, *, workspace: str, source: str, name: str = "", expires_at: str | None = None
    ) -> list[JsonObject]:
        """The result has the key itself, this once: only its hash is saved."""
        key, prefix = generate_api_key()
        (saved,) = await self._add_key(key, prefix, workspace, source, name, expires_at)
        return [saved | {"key": key}]

    async def import_key(
        self, *, key: str, workspace: str, source: str, name: str = "", expires_at: str | None = None
    ) -> list[JsonObject]:
        """Accept a key that was made elsewhere: only its hash is saved, under a random prefix."""
        check_imported_key(key)
        return await self._add_key(key, generate_prefix(), workspace, source, name, expires_at)

    async def list_keys(self) -> list[JsonObject]:
        """With each key's state: active, expired or revoked."""
        now = self._store.now()
        return [key_to_record(key, now) for key in await self._store.api_keys.list_all()]

    async def revoke_key(self, *, prefix: str) -> list[JsonObject]:
        """`prefix` is what `key list` shows; a whole key is taken as well."""
        known = await self._store.api_keys.find(hash_api_key(prefix))
        name = known.prefix if known else prefix.removeprefix("tb_").partition("_")[0]
        if len(name) > _MAX_PREFIX_LENGTH:  # a whole key, which no error shows
            raise AdminError("There is no such API key. `ticketbridge key list` shows their prefixes.")
        await self._store.api_keys.revoke(name, self._store.now())
        return [{"prefix": name}]

    async def add_webhook(self, *, workspace: str, source: str, url: str, name: str = "") -> list[JsonObject]:
        """Push events to a URL from now on. The result has the secret that signs them, this once."""
        await self._workspace(workspace)
        endpoint, secret = await self._webhooks.add(workspace, source, url=url, name=name)
        return [to_record(endpoint) | {"secret": secret}]

    async def list_webhooks(self) -> list[JsonObject]:
        """Each with what waits for it. Never with a secret."""
        return [backlog_to_record(backlog) for backlog in await self._store.pushes.backlogs()]

    async def remove_webhook(self, *, endpoint_id: int) -> list[JsonObject]:
        """What waits for it is never pushed."""
        await self._webhooks.remove(endpoint_id)
        return [{"id": endpoint_id}]

    async def rotate_webhook(self, *, endpoint_id: int, overlap_hours: int) -> list[JsonObject]:
        """The result has the new secret, this once. The previous one signs too, for so many hours."""
        secret, until = await self._webhooks.rotate(endpoint_id, timedelta(hours=overlap_hours))
        return [{"id": endpoint_id, "secret": secret, "rotated_until": to_json(until)}]

    async def pause_webhook(self, *, endpoint_id: int) -> list[JsonObject]:
        """Its events wait until it is enabled."""
        await self._webhooks.pause(endpoint_id)
        return [{"id": endpoint_id}]

    async def enable_webhook(self, *, endpoint_id: int) -> list[JsonObject]:
        """Push now what waits or was given up."""
        await self._webhooks.enable(endpoint_id)
        return [{"id": endpoint_id}]

    async def forget_webhook_events(self, *, endpoint_id: int) -> list[JsonObject]:
        """Never push what waits or was given up until now."""
        await self._webhooks.forget_waiting(endpoint_id)
        return [{"id": endpoint_id}]

    async def test_webhook(self, *, endpoint_id: int) -> list[JsonObject]:
        """Push a test event, to one that is not active too: the answer, or why there is none."""
        return [to_json(await self._webhooks.test(endpoint_id))]

    async def list_rejected(self, *, limit: int) -> list[JsonObject]:
        """The newest rejected requests without their bodies, newest first."""
        found = await self._store.rejected_requests.list_newest(limit)
        return [to_record(replace(request, body=b"")) for request in found]

    async def show_rejected(self, *, rejected_id: int) -> list[JsonObject]:
        return [to_record(await self._store.rejected_requests.get(rejected_id))]

    async def list_links(
        self, *, limit: int, workspace: str | None = None, player: str | None = None
    ) -> list[JsonObject]:
        """The newest account links of each workspace, or of one; those of a player's name or id."""
        workspaces = await self._workspaces(workspace)
        return [
            _link_to_record(link, one)
            for one in workspaces
            for link in await self._store.account_links.list_of_workspace(one.id, limit, player=player)
        ]

    async def remove_link(self, *, link_id: int) -> list[JsonObject]:
        workspaces = {one.id: one for one in await self._store.workspaces.list_all()}
        link = await self._store.account_links.remove(link_id, list(workspaces))
        _log.info(
            "The operator cut the link of a game account",
            extra={
                "workspace_id": link.workspace_id,
                "source": link.account.source,
                "player_id": link.account.player_id,
                "discord_id": link.discord_id,
            },
        )
        return [_link_to_record(link, workspaces[link.workspace_id])]

    async def export_player(
        self, *, source: str, player: str, workspace: str | None = None, after: int = 0
    ) -> list[JsonObject]:
        """A part of what is stored about a player. `after` is the `next_after` of the part before."""
        part = await self._store.erasures.export(
            self._player_source(source),
            player,
            workspace_id=await self._workspace_id(workspace),
            after=after,
            limit=_EXPORTED_TICKETS,
        )
        return [to_record(part)]

    async def erase_player(
        self, *, source: str, player: str, workspace: str | None = None
    ) -> list[JsonObject]:
        """Record that a player is to be erased; `continue_erasure` and the running bridge do it."""
        erasure_id = await self._store.erasures.request(
            self._player_source(source),
            player,
            workspace_id=await self._workspace_id(workspace),
            requested_by=Requester.OPERATOR,
            now=self._store.now(),
        )
        _log.info("The operator erases a player", extra={"source": source})
        return [{"id": erasure_id}]

    async def continue_erasure(self, *, erasure_id: int) -> list[JsonObject]:
        """Erase for a second or two; the record as it is then. It is finished once it has `finished_at`."""
        deadline = time.monotonic() + _STEP_SECONDS
        while await self._store.erasures.run_batch(erasure_id, self._store.now()):
            if time.monotonic() >= deadline:
                break
        return [to_record(await self._store.erasures.get(erasure_id))]

    async def purge_erased(self) -> list[JsonObject]:
        """Take for a second or two what was erased out of the database's files: `done`, `more` or `busy`."""
        began_at, deadline = self._store.now(), time.monotonic() + _STEP_SECONDS
        ids = await self._store.erasures.unpurged_ids()
        pages = -MERGED_PAGES
        while await self._store.erasures.merge_search_index(pages):
            pages = MERGED_PAGES
            if time.monotonic() >= deadline:
                return [{"state": "more"}]
        if not await self._store.erasures.purge_log():
            return [{"state": "busy"}]
        await self._store.erasures.mark_purged(ids, began_at)
        return [{"state": "done"}]

    async def list_erasures(self, *, limit: int) -> list[JsonObject]:
        """What was erased or is to be, newest first, without the players' ids."""
        return [to_record(one) for one in await self._store.erasures.list_newest(limit)]

    async def set_erasure_secret(self, *, workspace: str, source: str) -> list[JsonObject]:
        """Take a game platform's requests to erase players. The result has the secret of their signatures."""
        found, secret = await self._erasure_scope(workspace, source), secrets.token_urlsafe(32)
        await self._store.erasures.set_platform_secret(found.id, source, secret, self._store.now())
        return [{"workspace_id": found.id, "secret": secret}]

    async def remove_erasure_secret(self, *, workspace: str, source: str) -> list[JsonObject]:
        """Take none of these requests any more."""
        found = await self._erasure_scope(workspace, source)
        await self._store.erasures.set_platform_secret(found.id, source, None, self._store.now())
        return [{"workspace_id": found.id}]

    async def _erasure_scope(self, workspace: str, source: str) -> Workspace:
        self._check_source(source)
        return await self._workspace(workspace)

    async def count_ended(self, *, workspace: str | None = None) -> list[JsonObject]:
        """For each workspace with a period of retention, how many tickets it is over for."""
        return [
            {
                "workspace": one.name,
                "retention_days": days,
                "tickets": await self._store.erasures.count_ended(one.id, self._ended_before(days)),
            }
            for one in await self._workspaces(workspace)
            if (days := one.retention_days) is not None
        ]

    async def erase_ended(self, *, workspace: str) -> list[JsonObject]:
        """Erase for a second or two tickets whose period of retention is over; how many were."""
        found = await self._workspace(workspace)
        deadline, erased = time.monotonic() + _STEP_SECONDS, 0
        while found.retention_days is not None:
            before = self._ended_before(found.retention_days)
            count = await self._store.erasures.erase_ended(found.id, before, self._store.now())
            erased += count
            if not count or time.monotonic() >= deadline:
                break
        return [{"tickets": erased}]

    def _ended_before(self, days: int) -> datetime:
        return self._store.now() - timedelta(days=days)

    async def _workspaces(self, name: str | None) -> list[Workspace]:
        return await self._store.workspaces.list_all() if name is None else [await self._workspace(name)]

    async def _workspace_id(self, name: str | None) -> str | None:
        return None if name is None else (await self._workspace(name)).id

    def _player_source(self, source: str) -> str:
        """Raises AdminError for what is neither a source nor Discord."""
        if source != DISCORD_SOURCE:
            self._check_source(source)
        return source

    async def list_blocks(self) -> list[JsonObject]:
        """The active blocks of all workspaces, newest first."""
        names = {one.id: one.name for one in await self._store.workspaces.list_all()}
        blocks = await self._store.blocks.list_active(list(names), self._store.now())
        return [
            to_record(one) | {"workspace": names[one.workspace_id], "blocked_by": one.blocked_by.name}
            for one in blocks
        ]

    async def list_outbox(self, *, limit: int) -> list[JsonObject]:
        """Dead letters, then the deliveries that wait for Discord."""
        return [to_record(entry) for entry in await self._store.outbox_admin.list_undelivered(limit)]

    async def retry_delivery(self, *, delivery_id: int) -> list[JsonObject]:
        await self._store.outbox_admin.retry(delivery_id, self._store.now())
        return [{"id": delivery_id}]

    async def retry_dead_letters(self) -> list[JsonObject]:
        return [{"count": await self._store.outbox_admin.retry_all(self._store.now())}]

    async def drop_delivery(self, *, delivery_id: int) -> list[JsonObject]:
        await self._store.outbox_admin.drop(delivery_id, self._store.now())
        return [{"id": delivery_id}]

    async def _add_key(
        self, key: str, prefix: str, workspace: str, source: str, name: str, expires_at: str | None
    ) -> list[JsonObject]:
        self._check_source(source)
        check_key_name(name)
        await self._workspace(workspace)
        now = self._store.now()
        saved = await self._store.api_keys.add(
            workspace,
            source,
            prefix=prefix,
            key_hash=hash_api_key(key),
            now=now,
            name=name,
            expires_at=parse_expiry(expires_at, now),
        )
        return [key_to_record(saved, now)]

    def _check_source(self, source: str) -> None:
        if source not in self._sources:
            raise AdminError(
                f"There is no source {source}. Choose one of: {', '.join(sorted(self._sources))}."
            )

    async def _change(
        self, name: str, change: Callable[[Workspace], Workspace], fields: Mapping[str, object] | None = None
    ) -> list[JsonObject]:
        """Change a workspace, once the Discord ids in `fields` are found to be usable."""
        workspace = await self._workspace(name)
        warning = self._check_ids(workspace.guild_id, fields or {})
        return [to_record(await self._store.workspaces.change(workspace.id, change)) | {"warning": warning}]

    def _check_ids(self, guild_id: int, fields: Mapping[str, object]) -> str:
        """Why the Discord ids in `fields` were not checked; empty if they were, or there are none.

        Raises AdminError for ids that cannot be used, with a line for each.
        """
        ids = {name: id for name in _ID_FIELDS if isinstance(id := fields.get(name), int)}
        if not ids or self._find_id_problems is None:
            return NOT_RUNNING if ids else ""
        problems = self._find_id_problems(guild_id, ids)
        if problems:
            raise AdminError("\n".join(problems))
        return NOT_CONNECTED if problems is None else ""

    async def _workspace(self, name: str) -> Workspace:
        try:
            return await self._store.workspaces.get_by_name(name)
        except UnknownWorkspace as error:
            names = [workspace.name for workspace in await self._store.workspaces.list_all()]
            similar = get_close_matches(name, names, n=1)
            raise AdminError(f"{error} Did you mean {similar[0]}?" if similar else str(error)) from error


COMMANDS = frozenset(name for name in vars(AdminService) if not name.startswith("_"))


def to_record(value: object) -> JsonObject:
    record: JsonObject = to_json(asdict(value))  # type: ignore[call-overload]  # a dataclass of ours
    return record


def to_json(value: Any) -> Any:
    """Convert to JSON values; bytes are base64, times ISO 8601."""
    if isinstance(value, dict):
        return {name: to_json(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def key_to_record(key: ApiKey, now: datetime) -> JsonObject:
    inactive = "revoked" if key.revoked_at else "expired"
    return to_record(key) | {"state": "active" if key.is_valid_for(key.source, now) else inactive}


def backlog_to_record(backlog: PushBacklog) -> JsonObject:
    return to_record(backlog.endpoint) | {
        "waiting": backlog.waiting,
        "dead_letters": backlog.dead_letters,
        "oldest_at": to_json(backlog.oldest),
        "problem": backlog.endpoint.reason or backlog.last_error,
    }


def check_key_name(name: str) -> None:
    """Raises AdminError for a name that cannot be shown."""
    if len(name) > 100 or not name.isprintable():
        raise AdminError("A key's name has 100 characters at most, all of them visible.")


def _link_to_record(link: AccountLink, workspace: Workspace) -> JsonObject:
    account: JsonObject = {
        "source": link.account.source,
        "player_id": link.account.player_id,
        "player_name": link.account.name,
    }
    return to_record(link) | account | {"workspace": workspace.name}


def parse_expiry(expires_at: str | None, now: datetime) -> datetime | None:
    expiry = datetime.fromisoformat(expires_at) if expires_at else None
    if expiry and expiry <= now:
        raise AdminError(f"{expiry:%Y-%m-%d} has begun already. Let the key expire on a later day.")
    return expiry
