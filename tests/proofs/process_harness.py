"""The house under test: the whole bridge in its own process, Discord's stand-in in this one.

Nothing of the bridge is mocked. It is `ticketbridge run` with a configuration, a database and a port that are
the same however often the process is killed; the stand-in lives through all of that, as Discord does.
"""

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.sandbox import DemoGuild, Sandbox, demo_guild
from bot.tickets.api_keys import generate_api_key, hash_api_key
from bot.tickets.workspace import Category, Department, NewWorkspace
from storage import Store

UNKNOWN_OUTCOME_DELAY = 1.0  # instead of 10: what is left alone for so long has come or does not come
PATIENCE = 30.0  # seconds for the process to answer, or to end

_ROOT = Path(__file__).parents[2]
_GAMES_OWN = (
    "player",
    "chat",
    "staff",
    "bug",
    "support",
    "appeal",
)  # categories that one contract brings along
_KEYS = 6  # of the contract whose limit is 25 requests a second for each key


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What the bridge is opened with."""

    folder: Path
    port: int
    keys: dict[str, list[str]]  # by contract
    channels: dict[str, int]  # by category; each has a Discord channel of its own
    plant: str | None = None
    speed: float = 1.0
    wrap: tuple[str, ...] = ()  # a command that runs the process, such as strace

    @property
    def database(self) -> Path:
        return self.folder / "tickets.db"

    @property
    def log(self) -> Path:
        return self.folder / "bridge.log"


@dataclass(slots=True, kw_only=True)
class House:
    """A bridge that can be started, killed and started again."""

    opening: Opening
    sandbox: Sandbox
    guild: DemoGuild
    restarts: list[float] = field(default_factory=list)  # seconds from each start to the first 2xx after it
    kills: int = 0
    _discord: AsyncExitStack = field(default_factory=AsyncExitStack)  # while it can be reached
    _process: asyncio.subprocess.Process | None = None
    _started: float = 0.0
    _answered: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        told = self.opening
        command = [*told.wrap, sys.executable, "-m", "tests.proofs.bridged", str(told.folder)]
        command += ["--speed", str(told.speed), *(["--plant", told.plant] if told.plant else [])]
        self._answered.clear()
        self._started = time.monotonic()
        with told.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command, cwd=_ROOT, env=_environment(), stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log
            )

    async def open_discord(self) -> None:
        """From now on it can be reached, where it always was."""
        port = int(self.sandbox.address.rpartition(":")[2] or 0)
        await self._discord.enter_async_context(self.sandbox.serve(port=port))

    async def close_discord(self) -> None:
        """Nobody listens there any more; what it knows stays."""
        await self._discord.aclose()

    def note_answer(self) -> None:
        """Whoever gets a 2xx says so."""
        if not self._answered.is_set():
            self._answered.set()
            self.restarts.append(time.monotonic() - self._started)

    async def answers(self) -> None:
        """Returns with the first 2xx since the start. Raises RuntimeError if the process does not come up."""
        assert self._process is not None
        until = time.monotonic() + PATIENCE
        while not self._answered.is_set():
            if self._process.returncode is not None or time.monotonic() > until:
                raise RuntimeError(f"the bridge did not come up; its last words: {self.last_words()}")
            with suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await self._answered.wait()

    async def kill(self) -> None:
        """SIGKILL: nothing in the process has a say in it."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()
        self.kills += 1
        self._forget_the_dead()

    async def stop(self) -> None:
        """SIGTERM, as an operator would; what does not end by then is killed."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    def last_words(self) -> str:
        return self.opening.log.read_text(errors="replace")[-2000:]

    def _forget_the_dead(self) -> None:
        """What Discord does in time as well: end a session nobody resumes, archive a thread nobody uses.

        Without it, the stand-in would tell hundreds of dead sessions of everything, and each new one of every
        thread there ever was; Discord itself keeps no more than 1,000 threads open.
        """
        state = self.sandbox.state
        for name in [name for name, session in state.gateway.sessions.items() if session.writer is None]:
            del state.gateway.sessions[name]
        for channel in state.world.channels.values():
            channel.archived = channel.is_thread
        state.requests.clear()


@asynccontextmanager
async def opened(
    folder: Path,
    *,
    channels: int = 18,
    plant: str | None = None,
    speed: float = 1.0,
    wrap: tuple[str, ...] = (),
    unknown_outcome_delay: float = UNKNOWN_OUTCOME_DELAY,
    **settings: Any,
) -> AsyncIterator[House]:
    """A house with so many channels besides those that a contract's own categories get; not yet started.

    `settings` are the stand-in's. Its rate limits are off: they say how fast tickets are posted, not whether.
    """
    sandbox = Sandbox(rate_limits=False, **settings)
    guild = demo_guild(sandbox)
    places = _channels(sandbox, guild, channels)
    opening = Opening(
        folder=folder,
        port=_free_port(),
        keys=await _furnish(folder / "tickets.db", guild, places),
        channels=places,
        plant=plant,
        speed=speed,
        wrap=wrap,
    )
    house = House(opening=opening, sandbox=sandbox, guild=guild)
    try:
        await house.open_discord()
        _configure(opening, sandbox, unknown_outcome_delay / speed)
        yield house
    finally:
        await house.stop()
        await house.close_discord()


def _free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port: int = door.getsockname()[1]
        return port


def _configure(opening: Opening, sandbox: Sandbox, unknown_outcome_delay: float) -> None:
    (opening.folder / "config.toml").write_text(
        f"""
        [discord]
        token = "{sandbox.token}"
        api_base = "{sandbox.api_base}"
        unknown_outcome_delay = {unknown_outcome_delay}
        [webhook]
        port = {opening.port}
        [storage]
        path = "{opening.database}"
        """
    )


def _channels(sandbox: Sandbox, guild: DemoGuild, count: int) -> dict[str, int]:
    """A channel for each category."""
    world = sandbox.state.world
    names = [*_GAMES_OWN, *(f"c{number}" for number in range(count))]
    return {name: world.add_channel(world.guild(guild.id), name).id for name in names}


async def _furnish(database: Path, guild: DemoGuild, channels: dict[str, int]) -> dict[str, list[str]]:
    """A workspace in which each category has a department with its own channel; its keys by contract."""
    store = await Store.open(database)
    try:
        now = datetime.now(UTC)
        workspace = await store.add_workspace(
            NewWorkspace(
                name="main",
                guild_id=guild.id,
                tickets_channel_id=guild.channels["tickets"],
                reports_channel_id=guild.channels["reports"],
                staff_role_id=guild.roles["Staff"],
            ),
            now,
        )
        for name, channel in channels.items():
            await _add_department(store, workspace.id, name, channel)
        return {
            "series": [await _new_key(store, "series", now) for _ in range(_KEYS)],
            "modl": [await _new_key(store, "modl", now)],
        }
    finally:
        await store.close()


async def _add_department(store: Store, workspace_id: str, name: str, channel: int) -> None:
    category = Category(id=name, name=name)
    department = Department(id=f"for-{name}", name=name, channel_id=channel, categories=(name,))
    await store.change_workspace(workspace_id, lambda workspace: workspace.with_category(category))
    await store.change_workspace(workspace_id, lambda workspace: workspace.with_department(department))


async def _new_key(store: Store, source: str, now: datetime) -> str:
    key, prefix = generate_api_key()
    await store.add_key("main", source, prefix=prefix, key_hash=hash_api_key(key), now=now)
    return key


def _environment() -> dict[str, str]:
    """Without settings of whoever runs the proof."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TICKETBRIDGE_")}
