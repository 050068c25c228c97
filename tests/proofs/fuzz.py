"""Hostile requests, in JSON and in protobuf, against the real webhook and store.

`python -m tests.proofs.fuzz --requests N`. Promises: no 5xx; every answer to a request that is HTTP in the
format of its path's source; the tickets that were accepted are those in the database; the process alive, and
its memory bounded.
"""

import argparse
import asyncio
import json
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from urllib.parse import unquote

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bot.sources.contract import ApiError, PageEndpoint, Source
from bot.sources.modl.protobuf.minecraft_pb2 import MinecraftCreateTicketResponse
from bot.sources.registry import load_sources
from tests.proofs.hostile_requests import HostileRequest, RequestGenerator
from tests.proofs.outcome import OnProgress, Outcome
from tests.proofs.protobuf_form import CONTENT_TYPE, is_protobuf_path, wrong_message
from tests.proofs.webhook_process import WebhookProcess, webhook_process
from tests.webhook.conftest import Reply, read_reply

MEMORY = 20.0  # MB that the server may grow by, after the first tenth of the requests
_ANSWER_TIMEOUT = 20.0  # seconds for one answer: longer than any timeout of the server
_MAX_LISTED = 10  # of what went wrong


@dataclass(slots=True)
class Findings:
    statuses: Counter[int] = field(default_factory=Counter)
    protobuf_statuses: Counter[int] = field(default_factory=Counter)  # of these, the answers in protobuf
    accepted: set[str] = field(default_factory=set)  # ids of tickets
    wrong: list[str] = field(default_factory=list)
    hung_up: int = 0  # connections closed without an answer
    seconds: float = 0.0
    grown: float = 0.0  # MB
    alive: bool = False

    @property
    def good(self) -> bool:
        return self.alive and not self.wrong and self.grown <= MEMORY and not self.hung_up


@dataclass(frozen=True, slots=True, kw_only=True)
class FuzzSettings:
    """How many requests; the same seed makes the same ones."""

    requests: int = 200_000
    seed: int = 1
    connections: int = 16


class Client:
    """A connection, opened again when it was closed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writer: asyncio.StreamWriter | None = None

    async def send(self, request: HostileRequest) -> Reply | None:
        """The answer; None if the connection was closed without one, twice."""
        for _ in range(2):  # an idle connection may have been closed
            if self._writer is None:
                self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                return await self._exchange(request)
            except (ConnectionError, asyncio.IncompleteReadError):
                self.close()
        return None

    async def _exchange(self, request: HostileRequest) -> Reply:
        assert self._writer is not None
        self._writer.write(request.head + request.body)
        async with asyncio.timeout(_ANSWER_TIMEOUT):
            reply = await self._head_only() if request.method == "HEAD" else await read_reply(self._reader)
        # The rest of a request with broken framing must not be read as the next answer.
        if reply.status != 200 or reply.headers.get("connection") == "close":
            self.close()
        return reply

    async def _head_only(self) -> Reply:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        return Reply(status=int(head[0].split()[1]), headers={}, body=b"")

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def wrong_with(request: HostileRequest, reply: Reply, sources: Mapping[str, Source]) -> str | None:
    """What is wrong with an answer: a 5xx, or a format that its client cannot parse."""
    if reply.status >= 500:
        return f"{reply.status}"
    if request.method == "HEAD" or _is_no_http(reply) or _is_a_page(request, reply, sources):
        return None
    found = [
        wrong_message(request.method, path, reply, sources)
        if is_protobuf_path(path)
        else _wrong_json(path, reply, sources)
        for path in _possible_paths(request.target)
    ]
    return None if None in found else found[0]


def _wrong_json(path: str, reply: Reply, sources: Mapping[str, Source]) -> str | None:
    try:
        answer = json.loads(reply.body)
    except ValueError:
        return f"{reply.status} that is no JSON: {reply.body[:80]!r}"
    if reply.status < 400 or any(_is_error_of(owner, answer, reply) for owner in _owners(path, sources)):
        return None
    return f"{reply.status} in another format: {reply.body[:120]!r}"


def _is_no_http(reply: Reply) -> bool:
    """Whether the request could not be parsed: that has no path, and so the format of no contract."""
    unreadable = {"success": False, "error": {"code": 400, "message": "The request cannot be read."}}
    return reply.status == 400 and reply.body == json.dumps(unreadable, separators=(",", ":")).encode()


def _owners(path: str, sources: Mapping[str, Source]) -> list[Source | None]:
    """The sources whose error format is right. None stands for the default format."""
    owner = _owner(path, sources)
    return [owner] if owner else [None, *_page_owners(path, sources)]


def _possible_paths(target: str) -> tuple[str, ...]:
    """The paths that a request target may be understood as."""
    path = target.partition("?")[0].partition("#")[0]
    if "://" in path:
        path = "/" + path.partition("://")[2].partition("/")[2]
    normalized = "/" + "/".join(filter(None, path.split("/")))
    # A path is normalized and then decoded; the error for a broken target depends on what could be parsed of
    # it.
    return normalized, unquote(normalized), path.partition(" ")[0]


def _owner(path: str, sources: Mapping[str, Source]) -> Source | None:
    owned = {prefix: source for source in sources.values() for prefix in source.path_prefixes}
    inside = [prefix for prefix in owned if f"{path}/".startswith(f"{prefix}/")]
    return owned[max(inside, key=len)] if inside else None


def _page_owners(path: str, sources: Mapping[str, Source]) -> list[Source]:
    """The source of the web page at a path."""
    return [
        source
        for source in sources.values()
        for endpoint in source.public_endpoints
        if isinstance(endpoint, PageEndpoint) and endpoint.path.rpartition("/")[0] == path.rpartition("/")[0]
    ]


def _is_error_of(owner: Source | None, answer: object, reply: Reply) -> bool:
    wait = int(reply.headers["retry-after"]) if "retry-after" in reply.headers else None
    for message in _texts(answer):
        error = ApiError(reply.status, message, retry_after=wait)
        plain = {"success": False, "error": {"code": reply.status, "message": message}}
        if answer == (owner.format_error(error) if owner else plain):
            return True
    return owner is not None and answer in _special_errors(owner)


def _special_errors(source: Source) -> list[object]:
    """The errors that a contract sends in another than its usual format."""
    tables = (source.errors, *(route.errors for route in source.operations))
    return [error.body for table in tables for error in table.values() if error.body]


def _is_a_page(request: HostileRequest, reply: Reply, sources: Mapping[str, Source]) -> bool:
    """Whether the answer is an HTML page of a public endpoint, with no script in it."""
    open_paths = [
        one.path.partition("{")[0] for source in sources.values() for one in source.public_endpoints
    ]
    html = reply.headers.get("content-type", "").startswith("text/html")
    is_public = any(path.startswith(tuple(open_paths)) for path in _possible_paths(request.target))
    return html and is_public and b"<script" not in reply.body


def _accepted_id(request: HostileRequest, reply: Reply, sources: Mapping[str, Source]) -> str | None:
    """The id of the ticket that a request created."""
    created = {intake.path for source in sources.values() for intake in source.intake_endpoints}
    if request.method != "POST" or reply.status != 200 or created.isdisjoint(_possible_paths(request.target)):
        return None
    if reply.headers.get("content-type") == CONTENT_TYPE:
        return MinecraftCreateTicketResponse.FromString(reply.body).ticket_id
    answer = json.loads(reply.body)
    ticket_id: str = answer["ticketId"] if "ticketId" in answer else answer["data"]["TicketId"]
    return ticket_id


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _texts(inner)]
    return [value] if isinstance(value, str) else []


async def fuzz(
    requests: int, *, seed: int = 1, connections: int = 16, on_request: Callable[[], object] = lambda: None
) -> Findings:
    """Send so many requests over parallel connections; `on_request` is called after each."""
    findings, sources = Findings(), load_sources()
    started_at = time.monotonic()
    async with webhook_process() as server:
        generator = RequestGenerator(seed, sources, server.keys, server.ticket_ids)
        sent, memory_before = 0, 0.0

        async def send_requests() -> None:
            nonlocal sent, memory_before
            client = Client(server.port)
            while sent < requests:
                sent += 1
                if sent == max(1, requests // 10):
                    memory_before = server.memory()
                request = generator.request()
                await _send_and_check(client, request, sources, findings)
                on_request()
            client.close()

        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(send_requests())
        findings.grown = server.memory() - memory_before
        findings.alive = server.process.returncode is None and await _is_healthy(server.port)
        findings.wrong += _wrong_tickets(server, findings.accepted)
    findings.seconds = time.monotonic() - started_at
    return findings


async def prove(settings: FuzzSettings, on_progress: OnProgress) -> Outcome:
    """Send the requests; what was wrong with the answers, and the figures."""
    sent = 0

    def count() -> None:
        nonlocal sent
        sent += 1
        on_progress(sent, settings.requests)

    findings = await fuzz(
        settings.requests, seed=settings.seed, connections=settings.connections, on_request=count
    )
    return outcome_of(findings)


def outcome_of(findings: Findings) -> Outcome:
    """The findings as a proof reports them."""
    figures = {"requests": _with_protobuf(findings, findings.statuses)}
    for status in sorted(findings.statuses):
        figures[f"answered {status}"] = _with_protobuf(findings, [status])
    figures |= {
        "answered 5xx": str(sum(count for status, count in findings.statuses.items() if status >= 500)),
        "answers in another form than their path's, or none": str(len(findings.wrong)),
        "tickets accepted, and all of them stored": str(len(findings.accepted)),
        "memory grown (MB)": f"{findings.grown:.1f} (allowed: {MEMORY:.0f})",
        "seconds": f"{findings.seconds:.0f}",
    }
    wrong = findings.wrong[:_MAX_LISTED]
    if not findings.alive:
        wrong.append("the process ended")
    if findings.grown > MEMORY:
        wrong.append("its memory grew too much")
    return Outcome(name="hostile requests", figures=figures, wrong=wrong)


def _with_protobuf(findings: Findings, statuses: Iterable[int]) -> str:
    both = [
        sum(counts[status] for status in statuses)
        for counts in (findings.statuses, findings.protobuf_statuses)
    ]
    return f"{both[0]} ({both[1]} in protobuf)"


async def _send_and_check(
    client: Client, request: HostileRequest, sources: Mapping[str, Source], findings: Findings
) -> None:
    try:
        reply = await client.send(request)
    except TimeoutError:
        findings.wrong.append(f"no answer: {_describe(request)}")
        client.close()
        return
    if reply is None:
        findings.hung_up += 1
        findings.wrong.append(f"hung up: {_describe(request)}")
        return
    findings.statuses[reply.status] += 1
    findings.protobuf_statuses[reply.status] += reply.headers.get("content-type") == CONTENT_TYPE
    if wrong := wrong_with(request, reply, sources):
        findings.wrong.append(f"{wrong}: {_describe(request)}")
    elif ticket_id := _accepted_id(request, reply, sources):
        findings.accepted.add(ticket_id)


def _wrong_tickets(server: WebhookProcess, accepted: set[str]) -> list[str]:
    """Tickets that were accepted and are not in the database, or the other way round."""
    with closing(sqlite3.connect(server.database)) as db:
        stored = {public_id for (public_id,) in db.execute("SELECT public_id FROM tickets")}
    stored -= set(server.ticket_ids)
    missing, unknown = sorted(accepted - stored), sorted(stored - accepted)
    return [f"not stored: {one}" for one in missing] + [f"stored, and not accepted: {one}" for one in unknown]


def _describe(request: HostileRequest) -> str:
    return f"{request.head[:300]!r} {request.body[:300]!r}"


async def _is_healthy(port: int) -> bool:
    with suppress(OSError, asyncio.IncompleteReadError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        reply = await read_reply(reader)
        writer.close()
        return reply.status == 200
    return False


def _table(findings: Findings) -> Table:
    sent = sum(findings.statuses.values())
    title = f"{sent} requests in {findings.seconds:.1f} s"
    table = Table("what", "found", "in protobuf", title=title, title_justify="left")
    for status, count in sorted(findings.statuses.items()):
        table.add_row(f"answered {status}", str(count), str(findings.protobuf_statuses[status]))
    table.add_row("tickets accepted and stored", str(len(findings.accepted)))
    table.add_row("requests a second", f"{sent / findings.seconds:.0f}")
    table.add_row("memory grown (MB)", f"{findings.grown:.1f} of {MEMORY:.0f}")
    table.add_row("alive", "yes" if findings.alive else "no")
    table.add_row("wrong", str(len(findings.wrong)))
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same requests")
    parser.add_argument("--connections", type=int, default=16)
    options = parser.parse_args()
    console = Console()
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("fuzzing", total=options.requests)
        findings = asyncio.run(
            fuzz(
                options.requests,
                seed=options.seed,
                connections=options.connections,
                on_request=lambda: progress.advance(task),
            )
        )
    console.print(_table(findings))
    for wrong in findings.wrong[:_MAX_LISTED]:
        console.print(wrong, markup=False, highlight=False)
    return 0 if findings.good else 1


if __name__ == "__main__":
    sys.exit(main())
