"""A webhook server on loopback over a real store, with two sources of its own."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import aiohttp
import pytest
from pydantic import BaseModel

from bot.sources.contract import (
    ApiError,
    ApiRequest,
    Endpoint,
    HtmlPage,
    IntakeEndpoint,
    JsonObject,
    KeyCheckEndpoint,
    PageEndpoint,
    RateLimit,
    Source,
)
from bot.sources.requests import GetTicket, UpdateResult, UpdateTicket
from bot.tickets.api_keys import generate_api_key, hash_api_key
from bot.tickets.errors import AlreadyClaimed, NotClaimedByYou
from bot.tickets.message import Actor
from bot.tickets.public_ids import numeric_ids
from bot.tickets.ticket import NewTicket, Player, Priority, Ticket
from bot.tickets.workspace import NewWorkspace
from bot.webhook import IdempotencyPolicy, Observability, TrustedProxies, WebhookServer
from bot.webhook.events import MAX_WAITING
from storage import Store, Topic, open_store
from tests.support.connections import engine_of

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
ANN = Actor(id="7", name="7", source="north")
BODY = b'{"subject":"A subject","body":"some words"}'


def _parse(source: str) -> Callable[[bytes], NewTicket]:
    def parse(body: bytes) -> NewTicket:
        try:
            sent = json.loads(body)
            return NewTicket(
                source=source,
                view_only=source == "north",
                subject=sent["subject"],
                body=sent["body"],
                category="any",
                priority=Priority.NORMAL,
                reporter=Player(name="Ann"),
                raw_request=body.decode(),
            )
        except (ValueError, LookupError, TypeError) as error:
            raise ApiError(400, "That is no ticket.") from error

    return parse


def _fail(body: bytes) -> NewTicket:
    raise RuntimeError(body.decode())


def _ids(_: NewTicket, __: datetime) -> Iterator[str]:
    return numeric_ids("TEST")


def _north(error: ApiError) -> JsonObject:
    return {"north": {"code": error.status, "message": error.message}}


def _south(error: ApiError) -> JsonObject:
    return {"south": error.message, "status": error.status, "wait": error.retry_after}


def _created(ticket: Ticket) -> JsonObject:
    return {"id": ticket.public_id, "subject": ticket.subject}


def _say(text: object) -> UpdateTicket:
    return UpdateTicket(ticket_id="", actor=ANN, messages=lambda ticket, by: [ticket.reply(by, str(text))])


def _named(call: ApiRequest) -> GetTicket:
    return GetTicket(ticket_id=call.path_params["id"])


def _said(call: ApiRequest) -> UpdateTicket:
    try:
        text = json.loads(call.body)["text"]
    except (ValueError, LookupError, TypeError) as error:
        raise ApiError(400, "That says nothing.") from error
    return replace(_say(text), ticket_id=call.path_params["id"])


def _claimed(call: ApiRequest) -> UpdateTicket:
    return UpdateTicket(
        ticket_id=call.path_params["id"], actor=ANN, change=lambda ticket, _, by: ticket.claim(by)
    )


class Words(BaseModel):
    """Any body."""


def _saying(prefix: str) -> Endpoint[UpdateResult]:
    path = f"{prefix}/tickets/{{id}}/say"
    return Endpoint(
        method="POST",
        path=path,
        request=UpdateTicket,
        parse=_said,
        serialize=lambda result: {"ok": result.ticket.public_id},
        body=Words,
    )


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/north/tickets/{id}",
        request=GetTicket,
        parse=_named,
        serialize=lambda details: {"id": details.ticket.public_id},
    ),
    _saying("/north"),
    Endpoint(
        method="POST",
        path="/north/tickets/{id}/claim",
        request=UpdateTicket,
        parse=_claimed,
        serialize=lambda result: {"by": result.ticket.claimed_by.name if result.ticket.claimed_by else None},
        body=Words,
    ),
)
OPEN_ENDPOINTS = (
    KeyCheckEndpoint(
        path="/north/key/{key}",
        parse=lambda call: call.path_params["key"],
        serialize=lambda check: {"good": bool(check)},
    ),
    PageEndpoint(
        path="/north/look/{id}",
        parse=lambda call: call.path_params["id"],
        render=lambda case: HtmlPage(html="<p>&lt;" if case else "<p>none", status=200 if case else 404),
    ),
)

SOURCES = {
    "north": Source(
        name="north",
        path_prefixes=("/north", "/old/north"),
        key_headers=("north-key", "x-api-key"),
        rate_limit=RateLimit(requests=5, seconds=1.0),
        intake_endpoints=(
            IntakeEndpoint(path="/north/tickets", parse=_parse("north"), serialize=_created),
            IntakeEndpoint(path="/north/broken", parse=_fail, serialize=_created),
        ),
        new_public_ids=_ids,
        format_error=_north,
        endpoints=ENDPOINTS,
        public_endpoints=OPEN_ENDPOINTS,
        normalize_player_id=lambda text: text if text.startswith("p") else None,
        errors={AlreadyClaimed: ApiError(418, "Taken."), NotClaimedByYou: ApiError(400, "Claim first.")},
    ),
    "south": Source(
        name="south",
        path_prefixes=("/south",),
        key_headers=("x-api-key",),
        rate_limit=RateLimit(requests=20, seconds=60.0, per="address"),
        intake_endpoints=(
            IntakeEndpoint(path="/south/tickets", parse=_parse("south"), serialize=_created),
            IntakeEndpoint(path="/south/broken", parse=_fail, serialize=_created),
        ),
        new_public_ids=_ids,
        format_error=_south,
        endpoints=(_saying("/south"),),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A response."""

    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        """The body, which must say that it is JSON, and be an object."""
        assert self.headers["content-type"] == "application/json"
        found = json.loads(self.body)
        assert isinstance(found, dict)
        return found

    def refuses(self, owner: str | None) -> str:
        """The sentence of an error, which must have this owner's format and no other."""
        message: object
        match owner:
            case "north":
                message = self.json["north"]["message"]  # type: ignore[index]  # an object, or the test fails
                assert self.json == {"north": {"code": self.status, "message": message}}
            case "south":
                message = self.json["south"]
                assert self.json.keys() == {"south", "status", "wait"}
                assert self.json["status"] == self.status
            case _:
                message = self.json["error"]["message"]  # type: ignore[index]  # an object, or the test fails
                assert self.json == {"success": False, "error": {"code": self.status, "message": message}}
        assert isinstance(message, str)
        assert message.endswith(".")
        return message


@dataclass
class Gate:
    """A running webhook server, and a game server's client of it."""

    store: Store
    path: Path
    host: str
    port: int
    session: aiohttp.ClientSession
    time: list[float]  # the one item is the time of the rate limits' clock
    keys: dict[str, str] = field(default_factory=dict)  # by source
    prefixes: dict[str, str] = field(default_factory=dict)

    async def send(
        self,
        path: str,
        body: object = BODY,
        *,
        key: str | None = None,
        method: str = "POST",
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """Sends `body` with the key of the source that owns the path, or with another one."""
        owner = path.strip("/").split("/")[0]
        all_headers = {"x-api-key": key if key is not None else self.keys.get(owner, "none")}
        url = f"http://{self.host}:{self.port}{path}"
        data = BytesIO(body) if isinstance(body, bytes) else body
        async with self.session.request(method, url, data=data, headers=all_headers | (headers or {})) as got:
            found = {name.lower(): value for name, value in got.headers.items()}
            return Reply(status=got.status, headers=found, body=await got.read())

    async def raw(self, request: bytes, *, half_close: bool = False) -> Reply:
        """Sends bytes as they are, and reads what comes back to the end of its body."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            writer.write(request)
            if half_close:
                writer.write_eof()
            async with asyncio.timeout(5):
                return await read_reply(reader)
        finally:
            writer.close()

    def head(self, path: str, *more: str) -> bytes:
        """The head of a request with the key of the path's owner."""
        key = self.keys[path.split("/")[1]]
        lines = (f"POST {path} HTTP/1.1", "Host: x", f"x-api-key: {key}", *more)
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")

    async def subscribed(self, count: int) -> None:
        """Wait until so many requests wait for events of the store."""
        async with asyncio.timeout(10):
            while self._subscribers() != count:  # noqa: ASYNC110 - no one is told of a new subscriber
                await asyncio.sleep(0.01)

    def _subscribers(self) -> int:
        return [topic for topic, _ in engine_of(self.store)._subscribers].count(Topic.EVENTS)

    async def kept(self) -> list[Ticket]:
        """Every ticket in the store, newest first."""
        ids = [workspace.id for workspace in await self.store.workspaces.list_all()]
        return await self.store.tickets.autocomplete("", ids)


async def read_reply(reader: asyncio.StreamReader) -> Reply:
    """Read one response. Raises IncompleteReadError for a connection that is closed instead."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
    body = await reader.readexactly(int(headers["content-length"]))
    return Reply(status=int(head[0].split()[1]), headers=headers, body=body)


async def make_key(store: Store, source: str, expires_at: datetime | None = None) -> tuple[str, str]:
    """A new key of the one workspace, and its prefix."""
    key, prefix = generate_api_key()
    kept = hash_api_key(key)
    await store.api_keys.add("home", source, prefix=prefix, key_hash=kept, now=NOW, expires_at=expires_at)
    return key, prefix


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await open_store(tmp_path / "tickets.db")
    workspace = NewWorkspace(
        name="home", guild_id=1, tickets_channel_id=2, reports_channel_id=3, staff_role_id=4
    )
    await store.workspaces.add(workspace, NOW)
    yield store
    await store.close()


@pytest.fixture
async def gate(store: Store, tmp_path: Path) -> AsyncIterator[Gate]:
    """Accepts the same body twice, so that tests need not send different ones."""
    async with standing(store, tmp_path, IdempotencyPolicy(body_ttl=timedelta(0))) as gate:
        yield gate


@asynccontextmanager
async def standing(
    store: Store,
    tmp_path: Path,
    policy: IdempotencyPolicy,
    proxies: TrustedProxies | None = None,
    watch: Observability | None = None,
    max_waiting: int = MAX_WAITING,
) -> AsyncIterator[Gate]:
    """A webhook server with keys of its own; `time` moves the clock of the rate limits and the date."""
    time = [1000.0]

    def now() -> datetime:
        return NOW + timedelta(seconds=time[0] - 1000)

    webhook = WebhookServer(
        store,
        SOURCES,
        proxies=proxies,
        idempotency_policy=policy,
        observability=watch,
        now=now,
        clock=lambda: time[0],
        max_waiting=max_waiting,
    )
    async with webhook.serve("127.0.0.1", 0) as at, aiohttp.ClientSession() as session:
        gate = Gate(store, tmp_path / "tickets.db", at.host, at.port, session, time)
        for source in SOURCES:
            gate.keys[source], gate.prefixes[source] = await make_key(store, source)
        yield gate
