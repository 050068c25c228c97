"""Proof: what staff do in Discord arrives in the game by each way, whatever is down, slow or killed.

Game servers of both games run in processes of their own (`tests.proofs.game_server`). They file tickets, and
receive what came of them by the contracts' GET and sync, by the feed, and by outgoing webhooks. In each round
every one of them is stopped for a while, is slow, or ends itself when it has handled something and before it
has acknowledged it; the bridge is killed, too. An oracle compares what they handled with the database, in
plain SQL.
"""

import asyncio
import json
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain, repeat
from pathlib import Path
from typing import Any
from zlib import crc32

import aiohttp
from standardwebhooks import Webhook, WebhookVerificationError

from bot.sandbox.rest.errors import ControlError
from bot.tickets.api_keys import generate_api_key, hash_api_key
from bot.tickets.push_endpoints import generate_webhook_secret
from bot.tickets.workspace import NewWorkspace
from storage import open_store
from tests.proofs.game_server import CRASHED, GameServerConfig, Handled
from tests.proofs.outcome import OnProgress, Outcome, ignore_progress
from tests.proofs.process_harness import PROCESS_TIMEOUT, BridgeProcess, bridge_process, free_port

_ROOT = Path(__file__).parents[2]
_FAULTS = ("down", "slow", "crash", None)
_COMMANDS = {"reply": 6, "claim": 1, "close": 1, "resolve": 1, "reopen": 1}
_STATUSES = {"claim": "in-progress", "close": "closed", "resolve": "resolved", "reopen": "open"}
_STAFF = 4  # of whom each works on tickets of their own, so that the order of what they do is known
_ANSWER = 10.0  # seconds that staff wait for an answer
_STALE = 301  # seconds
_MAX_LISTED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnSettings:
    rounds: int = 40
    phase: float = 4.0  # seconds of each round
    tickets: int = 24  # of each of the three servers that file any
    pace: float = 0.1  # seconds between two things that each member of staff does
    slow: float = 1.0  # seconds for each event while a server is slow
    slow_push: float = 16.0  # the same where events are pushed to, once: longer than the bridge waits
    game_speed: float = 600.0  # how many times shorter the waits are before something is pushed or told again
    within: float = 300.0  # seconds for everything to arrive after the last round
    seed: int = 1
    bug: str | None = None


@dataclass(slots=True)
class ServerProcess:
    """A game server that can be stopped and started again."""

    folder: Path
    config: GameServerConfig
    slow: Iterator[float]  # seconds for each event while it is slow, for each time that it is
    faults: Counter[str] = field(default_factory=Counter)
    _process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with (self.folder / f"{self.config.name}.log").open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.proofs.game_server", str(self.folder), self.config.name),
                cwd=_ROOT,
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=output,
            )

    async def stop(self) -> None:
        """Send SIGKILL."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def suffer(self, fault: str | None, seconds: float) -> None:
        """Have a fault for so long, or stay down until something has happened that it should get.

        A crash comes with the next thing to handle, if there is one.
        """
        await self._restart_if_crashed()
        self.set_mode(f"slow {next(self.slow)}" if fault == "slow" else "")
        if fault == "down":
            before = self._count_saved()
            await self.stop()
            await asyncio.sleep(seconds)
            await _wait_for(lambda: self._count_saved() > before)
            await self.start()
            self.faults["down"] += 1
        elif fault == "crash":
            self.set_mode("crash")
            await self._crash(seconds)
        else:
            await asyncio.sleep(seconds)
            self.faults[fault or "none"] += 1

    async def _crash(self, seconds: float) -> None:
        assert self._process is not None
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._process.wait()
        await self._restart_if_crashed()

    async def _restart_if_crashed(self) -> None:
        """Start it again if it has ended itself. Raises RuntimeError if it did so for another reason."""
        assert self._process is not None
        status = self._process.returncode
        if status is None:
            return
        if status != CRASHED:
            raise RuntimeError(f"{self.config.name} ended with {status}: {self._log_tail()}")
        await self.start()
        self.faults["crash"] += 1

    def _count_saved(self) -> int:
        saved = _saved_for(self.folder / "tickets.db", self.config)
        return sum(map(len, saved.values()))

    def set_mode(self, mode: str) -> None:
        new = self.folder / f"{self.config.name}.mode.new"
        new.write_text(mode)
        new.replace(self.folder / f"{self.config.name}.mode")

    def read(self, suffix: str) -> list[dict[str, Any]]:
        """The lines of one of its files; a last one that is being written is left out."""
        path = self.folder / f"{self.config.name}.{suffix}"
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def handled(self) -> list[Handled]:
        return [Handled(**line) for line in self.read("handled")]

    def _log_tail(self) -> str:
        return (self.folder / f"{self.config.name}.log").read_text()[-2000:]


async def _wait_for(condition: Callable[[], bool], seconds: float = PROCESS_TIMEOUT) -> None:
    """Wait until it is true, or so long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        await asyncio.sleep(0.05)


@dataclass(slots=True)
class Staff:
    """Members of staff who work on tickets with slash commands, and what the bridge confirmed."""

    bridge: BridgeProcess
    servers: Sequence[ServerProcess]
    confirmed: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    refused: int = 0  # replies to game reports that were answered
    unknown: int = 0  # commands whose outcome was not told
    wrong: list[str] = field(default_factory=list)
    _count: int = 0

    async def run(self, member: int, pace: float, seed: int) -> None:
        rng = random.Random(f"{seed}-{member}")  # noqa: S311 - repeatable, no secret
        while True:
            await asyncio.sleep(pace * rng.uniform(0.5, 1.5))
            filed = [ticket for server in self.servers for ticket in server.read("tickets")]
            mine = [ticket for ticket in filed if crc32(ticket["id"].encode()) % _STAFF == member]
            if mine:
                (command,) = rng.choices([*_COMMANDS], [*_COMMANDS.values()])
                await self._act(command, rng.choice(mine))

    async def _act(self, command: str, ticket: dict[str, Any]) -> None:
        self._count += 1
        text = f"reply {self._count}"
        options = {"ticket": ticket["id"]} | ({"message": text} if command == "reply" else {})
        try:
            async with asyncio.timeout(_ANSWER):
                record = await self.bridge.sandbox.command("mia", "general", f"ticket {command}", options)
        except (ControlError, TimeoutError):  # the bridge was killed
            self.unknown += 1
            return
        said = " ".join(message["content"] for message in record["messages"])
        if command == "reply" and ticket["report"]:
            self.refused += bool(said)
            if "✅" in said:
                self.wrong.append(f"a reply to the game report {ticket['id']} was taken")
        elif "✅" in said:
            done = ("reply", text) if command == "reply" else ("status", _STATUSES[command])
            self.confirmed[ticket["id"]].append(done)
        elif not said:
            self.unknown += 1


async def return_path(settings: ReturnSettings, on_progress: OnProgress = ignore_progress) -> Outcome:
    """Work on tickets while everything fails in turn, then compare what arrived with what was saved."""
    started_at = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with bridge_process(
            folder, channels=1, bug=settings.bug, game_speed=settings.game_speed
        ) as bridge:
            servers = [
                ServerProcess(folder, config, _slowness(config, settings))
                for config in await _prepare(bridge, settings)
            ]
            staff = Staff(bridge, servers)
            try:
                await _start_all(bridge, servers)
                await _run_rounds(bridge, servers, staff, settings, on_progress)
                await _wait_until_arrived(bridge, servers, settings.within)
                attacks = await _attack(servers)
                tickets = sum(len(server.read("tickets")) for server in servers)
            finally:
                for server in servers:
                    with suppress(ProcessLookupError, AssertionError):
                        await server.stop()
            kills = bridge.kills
            await bridge.kill()
            arrived = {server.config.name: compare(bridge.config.database, server) for server in servers}
            saved = _check_saved(bridge.config.database, staff)
    seconds = time.monotonic() - started_at
    return _outcome(servers, staff, arrived, saved, attacks, tickets=tickets, kills=kills, seconds=seconds)


async def _prepare(bridge: BridgeProcess, settings: ReturnSettings) -> list[GameServerConfig]:
    """Add a second workspace and the webhooks, and write each server's configuration."""
    with (bridge.config.folder / "config.toml").open("a") as file:
        file.write('[push]\nallowed_networks = ["127.0.0.1/32"]\n')
    series, modl = bridge.config.keys["series"], bridge.config.keys["modl"]
    roblox = GameServerConfig(
        name="roblox-get",
        way="get",
        source="series",
        workspace="main",
        bridge=f"http://127.0.0.1:{bridge.config.port}",
        key=series[0],
        tickets=settings.tickets,
    )
    minecraft = replace(
        roblox,
        name="minecraft-sync",
        way="sync",
        source="modl",
        key=modl[0],
        local_address="127.0.1.1",
    )
    long_poll = replace(
        minecraft,
        name="minecraft-long-poll",
        way="long-poll",
        workspace="second",  # what was read in one way is not told in another
        key=await _add_second_workspace(bridge),
        local_address="127.0.1.2",
    )
    configs = [
        roblox,
        replace(roblox, name="roblox-poll", way="poll", key=series[1], tickets=0),
        await _push_config(bridge, replace(roblox, name="roblox-push")),
        minecraft,
        await _push_config(bridge, replace(minecraft, name="minecraft-push")),
        long_poll,
    ]
    for config in configs:
        config.write(bridge.config.folder)
    return configs


def _slowness(config: GameServerConfig, settings: ReturnSettings) -> Iterator[float]:
    first = [settings.slow_push] if config.way == "push" else []
    return chain(first, repeat(settings.slow))


async def _add_second_workspace(bridge: BridgeProcess) -> str:
    """Add a workspace with the channels of the first; a key of it."""
    store = await open_store(bridge.config.database)
    try:
        now = datetime.now(UTC)
        await store.workspaces.add(
            NewWorkspace(
                name="second",
                guild_id=bridge.guild.id,
                tickets_channel_id=bridge.guild.channels["tickets"],
                reports_channel_id=bridge.guild.channels["reports"],
                staff_role_id=bridge.guild.roles["Staff"],
            ),
            now,
        )
        key, prefix = generate_api_key()
        await store.api_keys.add("second", "modl", prefix=prefix, key_hash=hash_api_key(key), now=now)
        return key
    finally:
        await store.close()


async def _push_config(bridge: BridgeProcess, config: GameServerConfig) -> GameServerConfig:
    """Add an outgoing webhook that is signed with two secrets, of which the server has the older one."""
    port, secret, url = free_port(), generate_webhook_secret(), "http://127.0.0.1:{}/events"
    store = await open_store(bridge.config.database)
    try:
        now = datetime.now(UTC)
        added = await store.pushes.add_endpoint(
            "main", config.source, name=config.name, url=url.format(port), secret=secret, now=now
        )
        next_year = now.replace(year=now.year + 1)
        await store.pushes.rotate_secret(added.id, generate_webhook_secret(), next_year)
    finally:
        await store.close()
    return replace(config, way="push", secret=secret, port=port, tickets=0)


async def _start_all(bridge: BridgeProcess, servers: Sequence[ServerProcess]) -> None:
    await bridge.start()
    await _wait_until_up(bridge)
    for server in servers:
        await server.start()
    filing = [server for server in servers if server.config.tickets]
    await _wait_for(lambda: all(server.read("tickets") for server in filing))


async def _wait_until_up(bridge: BridgeProcess) -> None:
    deadline = time.monotonic() + PROCESS_TIMEOUT
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < deadline:
            with suppress(aiohttp.ClientError, OSError):
                async with session.get(f"http://127.0.0.1:{bridge.config.port}/healthz"):
                    bridge.record_2xx()
                    return
            await asyncio.sleep(0.05)
    raise RuntimeError(f"the bridge did not come up; the end of its log: {bridge.log_tail()}")


async def _run_rounds(
    bridge: BridgeProcess,
    servers: Sequence[ServerProcess],
    staff: Staff,
    settings: ReturnSettings,
    on_progress: OnProgress,
) -> None:
    """Give each server another fault in each round. Every other round the bridge is killed."""
    working = [
        asyncio.create_task(staff.run(member, settings.pace, settings.seed)) for member in range(_STAFF)
    ]
    try:
        for number in range(settings.rounds):
            on_progress(number, settings.rounds)
            async with asyncio.TaskGroup() as tasks:
                for place, server in enumerate(servers):
                    fault = _FAULTS[(number + place) % len(_FAULTS)]
                    tasks.create_task(server.suffer(fault, settings.phase))
                if number % 2:
                    await asyncio.sleep(settings.phase / 2)
                    await bridge.kill()
                    await bridge.start()
                    await _wait_until_up(bridge)
            for task in working:
                if task.done():
                    task.result()  # raises what ended it
        for server in servers:  # one that had nothing to handle when it should have crashed
            if not server.faults["crash"]:
                await server.suffer("crash", settings.within)
    finally:
        for task in working:
            task.cancel()
        await asyncio.wait(working)
    for server in servers:
        server.set_mode("")
        await server.stop()
        await server.start()


@dataclass(slots=True, kw_only=True)
class Arrived:
    """How what one server handled compares with what is saved."""

    expected: int
    missing: int
    times: int  # lines, also of what it handled before
    once: int  # different ids
    out_of_order: int  # tickets
    wrong: list[str]


def compare(database: Path, server: ServerProcess) -> Arrived:
    """Per ticket, what the server handled, each id once, must be what was saved, in that order."""
    expected = _saved_for(database, server.config)
    first: dict[str, Handled] = {}
    handled = server.handled()
    for one in handled:
        first.setdefault(one.id, one)
    got = defaultdict(list)
    for one in first.values():
        got[one.ticket].append((one.kind, one.value))
    swapped = [
        f"{ticket}, from {next(a for a, b in zip(got[ticket], want, strict=True) if a != b)[1]}"
        for ticket, want in expected.items()
        if got[ticket] != want and sorted(got[ticket]) == sorted(want)
    ]
    wrong = _listed(f"{server.config.name} got tickets out of order", swapped)
    missing = sum((Counter(want) - Counter(got[ticket])).total() for ticket, want in expected.items())
    surplus = [
        f"{ticket} {what}"
        for ticket in got
        for what in (Counter(got[ticket]) - Counter(expected.get(ticket, []))).elements()
    ]
    wrong += _listed(f"{server.config.name} got what is not saved, or once more with another id", surplus)
    wrong += _listed(
        f"{server.config.name} got a reply to a game report",
        [one.id for one in first.values() if one.game_report and one.kind in ("reply", "staff_message")],
    )
    return Arrived(
        expected=sum(map(len, expected.values())),
        missing=missing,
        times=len(handled),
        once=len(first),
        out_of_order=len(swapped),
        wrong=wrong,
    )


def _listed(title: str, items: Sequence[str]) -> list[str]:
    if not items:
        return []
    more = f" and {len(items) - _MAX_LISTED} more" if len(items) > _MAX_LISTED else ""
    return [f"{title}: {'; '.join(items[:_MAX_LISTED])}{more}"]


def _saved_for(database: Path, config: GameServerConfig) -> dict[str, list[tuple[str, str]]]:
    """What a server has to get, by ticket and in order, of what its way carries."""
    query = _OF_CONTENT if config.way == "get" else _OF_EVENTS
    found = defaultdict(list)
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as db:
        params = {"source": config.source, "workspace": config.workspace}
        for ticket, kind, value in db.execute(query, params):
            if config.way != "sync" or kind == "reply" or value in ("closed", "resolved"):
                found[ticket].append((kind, value))
    return found


_OF_EVENTS = """
    SELECT public_id, substr(type, 8), coalesce(text, events.status)
    FROM ticket_events AS events JOIN tickets ON tickets.id = events.ticket_id
    JOIN workspaces ON workspaces.id = events.workspace_id LEFT JOIN messages ON messages.id = message_id
    WHERE events.source = :source AND workspaces.name = :workspace ORDER BY seq
"""
_OF_CONTENT = """
    SELECT public_id, CASE kind WHEN 'reply' THEN 'staff_message' ELSE 'system_message' END, text
    FROM messages JOIN tickets ON tickets.id = ticket_id JOIN workspaces ON workspaces.id = workspace_id
    WHERE tickets.source = :source AND workspaces.name = :workspace AND kind IN ('reply', 'event')
    ORDER BY messages.id
"""


def _check_saved(database: Path, staff: Staff) -> list[str]:
    """What was confirmed to staff must be among the events, in that order; a game report has no reply."""
    saved: dict[str, list[tuple[str, str]]] = defaultdict(list)
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        rows = db.execute(
            """
            SELECT public_id, substr(type, 8), coalesce(text, events.status), view_only
            FROM ticket_events AS events JOIN tickets ON tickets.id = events.ticket_id
            LEFT JOIN messages ON messages.id = message_id ORDER BY seq
            """
        ).fetchall()
    for ticket, kind, value, _ in rows:
        saved[ticket].append((kind, value))
    lost = [ticket for ticket, done in staff.confirmed.items() if not _is_subsequence(done, saved[ticket])]
    replies = [ticket for ticket, kind, _, view_only in rows if view_only and kind == "reply"]
    return _listed("confirmed and not an event", lost) + _listed("a game report has a reply", replies)


def _is_subsequence(some: Iterable[object], all_of: Iterable[object]) -> bool:
    rest = iter(all_of)
    return all(one in rest for one in some)


async def _wait_until_arrived(
    bridge: BridgeProcess, servers: Sequence[ServerProcess], seconds: float
) -> None:
    """Wait until each server has everything, or so long, or until nothing more can come."""

    def is_over() -> bool:
        is_pushed = not _count_pushes(bridge.config.database)
        missing = [server for server in servers if compare(bridge.config.database, server).missing]
        return not missing or (is_pushed and all(server.config.way == "push" for server in missing))

    await _wait_for(is_over, seconds)


def _count_pushes(database: Path) -> int:
    """How many events have yet to be pushed."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as db:
        (count,) = db.execute("SELECT count(*) FROM pushes").fetchone()
    return int(count)


@dataclass(slots=True, kw_only=True)
class Attacks:
    """What the receivers of pushed events did with what was not from the bridge, or not new."""

    verified: int = 0  # events of the bridge
    refused: list[str] = field(default_factory=list)  # of these
    tried: Counter[str] = field(default_factory=Counter)  # by kind
    taken: Counter[str] = field(default_factory=Counter)


async def _attack(servers: Sequence[ServerProcess]) -> Attacks:
    """Send each receiver what it got before: as it was, changed, and signed too long ago."""
    attacks = Attacks()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        for server in servers:
            if server.config.way != "push":
                continue
            requests = server.read("verified")
            attacks.verified += len(requests)
            attacks.refused += [f"{server.config.name}: {one['error']}" for one in server.read("refused")]
            for request in requests:
                _check_offline(server.config.secret, request, attacks)
            for request in requests[-50:]:
                await _replay(session, server, request, attacks)
    return attacks


def _forgeries(secret: str, request: dict[str, Any]) -> dict[str, tuple[dict[str, str], str]]:
    headers, body = request["headers"], request["body"]
    id, old = headers["webhook-id"], datetime.fromtimestamp(time.time() - _STALE, UTC)
    first, _, rest = headers["webhook-signature"].partition(",")
    signature = f"{first},{'B' if rest[0] != 'B' else 'C'}{rest[1:].split(' ')[0]}"
    stale = {
        "webhook-timestamp": str(int(old.timestamp())),
        "webhook-signature": Webhook(secret).sign(id, old, body),
    }
    later = {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}
    return {
        "another body": (headers, body.replace('"seq":', '"seq":9')),
        "another id": ({**headers, "webhook-id": f"{id}9"}, body),
        "another time": ({**headers, **later}, body),
        "another signature": ({**headers, "webhook-signature": signature}, body),
        "stale": ({**headers, **stale}, body),
    }


def _check_offline(secret: str, request: dict[str, Any], attacks: Attacks) -> None:
    """The library must refuse every forgery of every event."""
    for kind, (headers, body) in _forgeries(secret, request).items():
        attacks.tried[kind] += 1
        with suppress(WebhookVerificationError):
            Webhook(secret).verify(body, headers)
            attacks.taken[kind] += 1


async def _replay(
    session: aiohttp.ClientSession, server: ServerProcess, request: dict[str, Any], attacks: Attacks
) -> None:
    """Send it to the receiver once more: it may be answered, and must not be handled again."""
    before = len(server.read("handled"))
    url = f"http://127.0.0.1:{server.config.port}/events"
    async with session.post(url, data=request["body"], headers=request["headers"]) as response:
        await response.read()
    attacks.tried["replayed"] += 1
    attacks.taken["replayed"] += len(server.read("handled")) - before
    for headers, body in _forgeries(server.config.secret, request).values():
        async with session.post(url, data=body, headers=headers) as response:
            attacks.tried["sent to the receiver"] += 1
            attacks.taken["sent to the receiver"] += response.status != 401


def _outcome(
    servers: Sequence[ServerProcess],
    staff: Staff,
    arrived: dict[str, Arrived],
    saved: list[str],
    attacks: Attacks,
    *,
    tickets: int,
    kills: int,
    seconds: float,
) -> Outcome:
    wrong = [*saved, *staff.wrong, *(sentence for one in arrived.values() for sentence in one.wrong)]
    wrong += [
        f"{name} did not get {one.missing} of {one.expected}" for name, one in arrived.items() if one.missing
    ]
    wrong += _listed("events of the bridge did not verify", attacks.refused)
    wrong += [f"{count} events were taken: {kind}" for kind, count in attacks.taken.items() if count]
    wrong += [
        f"{server.config.name} was never {fault}"
        for server in servers
        for fault in ("down", "slow", "crash")
        if not server.faults[fault]
    ]
    confirmed = Counter(kind for done in staff.confirmed.values() for kind, _ in done)
    figures = {
        "tickets filed by game servers": f"{tickets}",
        "replies and changes of status confirmed to staff": f"{confirmed['reply']}, {confirmed['status']}",
        "commands of unknown outcome": f"{staff.unknown}",
        "replies to game reports tried, taken": f"{staff.refused}, {len(staff.wrong)}",
        "kills of the bridge": f"{kills}",
    }
    for server in servers:
        one, faults = arrived[server.config.name], server.faults
        figures[server.config.name] = (
            f"{one.expected} to get, missing {one.missing}, came {one.times} times, by id {one.once}; "
            f"down {faults['down']}, slow {faults['slow']}, crashed {faults['crash']}"
        )
    missing = sum(one.missing for one in arrived.values())
    swapped = sum(one.out_of_order for one in arrived.values())
    forged = ", ".join(f"{kind} {count}" for kind, count in attacks.tried.items())
    figures |= {
        "pushed events, verified": f"{attacks.verified + len(attacks.refused)}, {attacks.verified}",
        "forged, stale and replayed": forged,
        "of these taken": f"{attacks.taken.total()}",
        "missing, out of order": f"{missing}, {swapped}",
        "seconds": f"{seconds:.0f}",
    }
    return Outcome(name="the way back to the game", figures=figures, wrong=wrong)
