"""Hostile requests against the real webhook and store: `python -m tests.proofs.fuzz --requests N`.

Held: no 5xx, every refusal of HTTP in the envelope of its path, the process alive, and its memory bounded.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bot.sources.contract import ApiError, PageEndpoint, Source
from bot.sources.registry import load_sources
from tests.proofs.hostile import Hostile, Mind
from tests.webhook.conftest import Reply, read_reply

MEMORY = 20.0  # MB that the server may grow by, from a tenth of the way on
_PATIENCE = 20.0  # seconds for one answer: more than any deadline of the server
_SHOWN = 10  # of what went wrong


@dataclass(slots=True)
class Findings:
    """What came of it."""

    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    hung_up: int = 0  # connections closed without an answer
    seconds: float = 0.0
    grown: float = 0.0  # MB
    alive: bool = False

    @property
    def good(self) -> bool:
        """Whether everything that is held was."""
        return self.alive and not self.wrong and self.grown <= MEMORY and not self.hung_up


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The webhook in its own process."""

    port: int
    keys: dict[str, str]
    names: list[str]  # ids of the tickets it began with
    process: asyncio.subprocess.Process

    def memory(self) -> float:
        """MB that are resident."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * 4096 / 1e6


@asynccontextmanager
async def served() -> AsyncIterator[Served]:
    """A webhook over a new store, until the block ends."""
    with tempfile.TemporaryDirectory() as folder:
        server = await started(Path(folder))
        try:
            yield server
        finally:
            assert server.process.stdin is not None
            server.process.stdin.close()
            await server.process.wait()


# glibc keeps large blocks that were freed, and the process looks larger than what it holds: by 28 MB after
# 200,000 requests instead of a few. Given back at once, growth is what is really held.
_ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}


async def started(folder: Path, port: int = 0) -> Served:
    """A webhook over the store in a folder."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.proofs.served", str(folder), str(port),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=os.environ | _ALLOCATOR,
    )  # fmt: skip
    assert process.stdout is not None
    said = json.loads(await process.stdout.readline())
    return Served(port=said["port"], keys=said["keys"], names=said["names"], process=process)


class Client:
    """One connection, opened again whenever it is closed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writer: asyncio.StreamWriter | None = None

    async def send(self, request: Hostile) -> Reply | None:
        """What is answered; None for a connection that ends without an answer, twice."""
        for _ in range(2):  # an idle connection may have been closed meanwhile
            if self._writer is None:
                self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                return await self._exchange(request)
            except (ConnectionError, asyncio.IncompleteReadError):
                self.close()
        return None

    async def _exchange(self, request: Hostile) -> Reply:
        assert self._writer is not None
        self._writer.write(request.head + request.body)
        async with asyncio.timeout(_PATIENCE):
            reply = await self._head_only() if request.method == "HEAD" else await read_reply(self._reader)
        # Whatever is left over from a request that breaks its own framing must not be taken for the next.
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


def wrong_with(request: Hostile, reply: Reply, sources: Mapping[str, Source]) -> str | None:
    """What must not be: a failure of ours, or a refusal that its reader cannot read."""
    if reply.status >= 500:
        return f"{reply.status}"
    if request.method == "HEAD" or _is_no_http(reply) or _is_a_page(request, reply, sources):
        return None
    try:
        answer = json.loads(reply.body)
    except ValueError:
        return f"{reply.status} that is no JSON: {reply.body[:80]!r}"
    if reply.status < 400:
        return None
    worn = [_wears(answer, reply, owner) for owner in _owners(request.target, sources)]
    return None if any(worn) else f"{reply.status} in another envelope: {reply.body[:120]!r}"


def _is_no_http(reply: Reply) -> bool:
    """Whether the request could not be parsed: aiohttp says so itself, in text."""
    return reply.status == 400 and reply.headers.get("content-type") == "text/plain; charset=utf-8"


def _owners(target: str, sources: Mapping[str, Source]) -> list[Source | None]:
    """The sources whose error format is right. None stands for the default format."""
    owners: list[Source | None] = []
    for path in _seen(target):
        owner = _owner(path, sources)
        owners += [owner] if owner else [None, *_page_owners(path, sources)]
    return owners


def _seen(target: str) -> tuple[str, ...]:
    """What the path of a target may be taken for."""
    path = target.partition("?")[0].partition("#")[0]
    if "://" in path:
        path = "/" + path.partition("://")[2].partition("/")[2]
    tidy = "/" + "/".join(filter(None, path.split("/")))
    # A path is tidied and then decoded; a broken target is refused by what can be made out of it.
    return tidy, unquote(tidy), path.partition(" ")[0]


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


def _wears(answer: object, reply: Reply, owner: Source | None) -> bool:
    wait = int(reply.headers["retry-after"]) if "retry-after" in reply.headers else None
    for message in _texts(answer):
        refused = ApiError(reply.status, message, retry_after=wait)
        plain = {"success": False, "error": {"code": reply.status, "message": message}}
        if answer == (owner.format_error(refused) if owner else plain):
            return True
    return owner is not None and answer in _own_words(owner)


def _own_words(source: Source) -> list[object]:
    """The refusals that a contract puts otherwise than in its envelope."""
    tables = (source.errors, *(route.errors for route in source.operations))
    return [refused.body for table in tables for refused in table.values() if refused.body]


def _is_a_page(request: Hostile, reply: Reply, sources: Mapping[str, Source]) -> bool:
    """A page for people, where there is one, with no script in it."""
    open_paths = [
        one.path.partition("{")[0] for source in sources.values() for one in source.public_endpoints
    ]
    html = reply.headers.get("content-type", "").startswith("text/html")
    at_home = any(seen.startswith(tuple(open_paths)) for seen in _seen(request.target))
    return html and at_home and b"<script" not in reply.body


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _texts(inner)]
    return [value] if isinstance(value, str) else []


async def fuzz(
    requests: int, *, seed: int = 1, connections: int = 16, step: Callable[[], object] = lambda: None
) -> Findings:
    """Send so many, over parallel connections; `step` is called after each."""
    findings, sources = Findings(), load_sources()
    started = time.monotonic()
    async with served() as server:
        mind = Mind(seed, sources, server.keys, server.names)
        sent, warm = 0, 0.0

        async def crowd() -> None:
            nonlocal sent, warm
            client = Client(server.port)
            while sent < requests:
                sent += 1
                if sent == max(1, requests // 10):
                    warm = server.memory()
                request = mind.request()
                await _judge(client, request, sources, findings)
                step()
            client.close()

        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(crowd())
        findings.grown = server.memory() - warm
        findings.alive = server.process.returncode is None and await _is_well(server.port)
    findings.seconds = time.monotonic() - started
    return findings


async def _judge(client: Client, request: Hostile, sources: Mapping[str, Source], findings: Findings) -> None:
    try:
        reply = await client.send(request)
    except TimeoutError:
        findings.wrong.append(f"no answer: {_shown(request)}")
        client.close()
        return
    if reply is None:
        findings.hung_up += 1
        findings.wrong.append(f"hung up: {_shown(request)}")
        return
    findings.statuses[reply.status] += 1
    if wrong := wrong_with(request, reply, sources):
        findings.wrong.append(f"{wrong}: {_shown(request)}")


def _shown(request: Hostile) -> str:
    return f"{request.head[:300]!r} {request.body[:300]!r}"


async def _is_well(port: int) -> bool:
    with suppress(OSError, asyncio.IncompleteReadError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        reply = await read_reply(reader)
        writer.close()
        return reply.status == 200
    return False


def _table(findings: Findings) -> Table:
    sent = sum(findings.statuses.values())
    table = Table("what", "found", title=f"{sent} requests in {findings.seconds:.1f} s", title_justify="left")
    for status, count in sorted(findings.statuses.items()):
        table.add_row(f"answered {status}", str(count))
    table.add_row("requests a second", f"{sent / findings.seconds:.0f}")
    table.add_row("memory grown (MB)", f"{findings.grown:.1f} of {MEMORY:.0f}")
    table.add_row("alive", "yes" if findings.alive else "no")
    table.add_row("wrong", str(len(findings.wrong)))
    return table


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--requests", type=int, default=200_000)
    options.add_argument("--seed", type=int, default=1, help="the same seed thinks of the same requests")
    options.add_argument("--connections", type=int, default=16)
    told = options.parse_args()
    console = Console()
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("fuzzing", total=told.requests)
        findings = asyncio.run(
            fuzz(
                told.requests,
                seed=told.seed,
                connections=told.connections,
                step=lambda: progress.advance(task),
            )
        )
    console.print(_table(findings))
    for wrong in findings.wrong[:_SHOWN]:
        console.print(wrong, markup=False, highlight=False)
    return 0 if findings.good else 1


if __name__ == "__main__":
    sys.exit(main())
