"""Runs the whole bridge in its own process, with the sandbox as Discord in this one.

Nothing of the bridge is mocked. It is `ticketbridge run` with a configuration, a database and a port that are
the same however often the process is killed; the sandbox outlives every kill, as Discord does.
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
from storage import Store, open_store

UNKNOWN_OUTCOME_DELAY = 1.0  # instead of 10: the sandbox's late effects come within this time or never
PROCESS_TIMEOUT = 60.0  # seconds for the process to accept its first ticket, or to exit

_ROOT = Path(__file__).parents[2]
_MODL_CATEGORIES = ("player", "chat", "application", "bug", "support", "appeal")  # built into that contract
_KEYS = 6  # of the contract whose limit is 25 requests a second for each key


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeConfig:
    """What the process is started with, the same for every start."""

    folder: Path
    port: int
    keys: dict[str, list[str]]  # by contract
    channels: dict[str, int]  # by category; each has a Discord channel of its own
    bug: str | None = None  # the injected bug
    speed: float = 1.0
    game_speed: float = 1.0  # how many times shorter the waits for game servers are
    wrap: tuple[str, ...] = ()  # a command that runs the process, such as strace

    @property
    def database(self) -> Path:
        return self.folder / "tickets.db"

    @property
    def log(self) -> Path:
        return self.folder / "bridge.log"

    @property
    def clock(self) -> Path:
        """The seconds by which the process's clock is ahead of the system's."""
        return self.folder / "clock"

    @property
    def command_log(self) -> Path:
        return self.folder / "command.log"


@dataclass(slots=True, kw_only=True)
class BridgeProcess:
    """A bridge that can be started, killed and started again."""

    config: BridgeConfig
    sandbox: Sandbox
    guild: DemoGuild
    restarts: list[float] = field(default_factory=list)  # seconds from each start to the first 2xx after it
    kills: int = 0
    _discord: AsyncExitStack = field(default_factory=AsyncExitStack)  # open while Discord can be reached
    _process: asyncio.subprocess.Process | None = None
    _started_at: float = 0.0
    _accepted: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        self._accepted.clear()
        self._started_at = time.monotonic()
        words = ("--speed", str(self.config.speed), "--game-speed", str(self.config.game_speed))
        self._process = await self._start_process(*words, bug=self.config.bug, log=self.config.log)

    async def start_command(self, *words: str, bug: str | None = None) -> asyncio.subprocess.Process:
        """Start another command of ticketbridge, with the same configuration and a log of its own."""
        return await self._start_process(*words, bug=bug, log=self.config.command_log)

    async def _start_process(self, *words: str, bug: str | None, log: Path) -> asyncio.subprocess.Process:
        command = [sys.executable, "-m", "tests.proofs.run_bridge", str(self.config.folder), *words]
        command += ["--bug", bug] if bug else []
        with log.open("ab") as output:
            return await asyncio.create_subprocess_exec(
                *self.config.wrap,
                *command,
                cwd=_ROOT,
                env=_environment(),
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=output,
            )

    def set_clock(self, ahead: float) -> None:
        """Set the clock of the process so many seconds ahead; the first time, before it is started."""
        new = self.config.clock.with_name("clock.new")
        new.write_text(str(ahead))
        new.replace(self.config.clock)  # it is read all the time

    async def open_discord(self) -> None:
        """Serve the sandbox, on the port it had before."""
        port = int(self.sandbox.address.rpartition(":")[2] or 0)
        await self._discord.enter_async_context(self.sandbox.serve(port=port))

    async def close_discord(self) -> None:
        """Refuse connections to the sandbox; its state stays."""
        await self._discord.aclose()

    def record_2xx(self) -> None:
        """Called by each client that gets a 2xx."""
        if not self._accepted.is_set():
            self._accepted.set()
            self.restarts.append(time.monotonic() - self._started_at)

    async def wait_for_2xx(self) -> None:
        """Wait for the first 2xx since the start. Raises RuntimeError if the process does not come up."""
        assert self._process is not None
        deadline = time.monotonic() + PROCESS_TIMEOUT
        while not self._accepted.is_set():
            if self._process.returncode is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the bridge did not come up; the end of its log: {self.log_tail()}")
            with suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await self._accepted.wait()

    async def kill(self) -> None:
        """Send SIGKILL and wait for the process."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()
        self.kills += 1
        self._expire_sessions_and_threads()

    def send_signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def wait_for_exit(self) -> int:
        """Wait until the process ends by itself; its status."""
        assert self._process is not None
        return await self._process.wait()

    async def stop(self) -> None:
        """Send SIGTERM, and SIGKILL if the process does not exit in time."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            async with asyncio.timeout(PROCESS_TIMEOUT):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    def log_tail(self) -> str:
        return self.config.log.read_text(errors="replace")[-2000:]

    def _expire_sessions_and_threads(self) -> None:
        """End unused gateway sessions and archive threads, which Discord does in time.

        Without it, the sandbox would dispatch every event to hundreds of dead sessions, and every thread
        there ever was to each new one; Discord itself keeps no more than 1,000 threads open.
        """
        state = self.sandbox.state
        for name in [name for name, session in state.gateway.sessions.items() if session.writer is None]:
            del state.gateway.sessions[name]
        for channel in state.world.channels.values():
            channel.archived = channel.is_thread
        state.requests.clear()


@asynccontextmanager
async def bridge_process(
    folder: Path,
    *,
    channels: int = 18,
    bug: str | None = None,
    speed: float = 1.0,
    game_speed: float = 1.0,
    wrap: tuple[str, ...] = (),
    unknown_outcome_delay: float = UNKNOWN_OUTCOME_DELAY,
    **settings: Any,
) -> AsyncIterator[BridgeProcess]:
    """A bridge, not yet started, with so many channels besides those of a contract's built-in categories.

    `settings` are the sandbox's. Its rate limits and its limit of threads are off: they change how fast
    tickets are posted, not whether.
    """
    sandbox = Sandbox(**({"rate_limits": False, "max_active_threads": 1_000_000} | settings))
    guild = demo_guild(sandbox)
    channel_ids = _channels(sandbox, guild, channels)
    config = BridgeConfig(
        folder=folder,
        port=free_port(),
        keys=await _create_workspace_and_keys(folder / "tickets.db", guild, channel_ids),
        channels=channel_ids,
        bug=bug,
        speed=speed,
        game_speed=game_speed,
        wrap=wrap,
    )
    bridge = BridgeProcess(config=config, sandbox=sandbox, guild=guild)
    try:
        await bridge.open_discord()
        _write_config(config, sandbox, unknown_outcome_delay / speed)
        yield bridge
    finally:
        await bridge.stop()
        await bridge.close_discord()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _write_config(config: BridgeConfig, sandbox: Sandbox, unknown_outcome_delay: float) -> None:
    (config.folder / "config.toml").write_text(
        f"""
        [discord]
        token = "{sandbox.token}"
        api_base = "{sandbox.api_base}"
        unknown_outcome_delay = {unknown_outcome_delay}
        [webhook]
        port = {config.port}
        [storage]
        path = "{config.database}"
        """
    )


def _channels(sandbox: Sandbox, guild: DemoGuild, count: int) -> dict[str, int]:
    """Create a channel for each category; their ids by category."""
    world = sandbox.state.world
    names = [*_MODL_CATEGORIES, *(f"c{number}" for number in range(count))]
    return {name: world.add_channel(world.guild(guild.id), name).id for name in names}


async def _create_workspace_and_keys(
    database: Path, guild: DemoGuild, channels: dict[str, int]
) -> dict[str, list[str]]:
    """Create a workspace with a department and a channel for each category; its keys by contract."""
    store = await open_store(database)
    try:
        now = datetime.now(UTC)
        workspace = await store.workspaces.add(
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
    await store.workspaces.change(workspace_id, lambda workspace: workspace.with_category(category))
    await store.workspaces.change(workspace_id, lambda workspace: workspace.with_department(department))


async def _new_key(store: Store, source: str, now: datetime) -> str:
    key, prefix = generate_api_key()
    await store.api_keys.add("main", source, prefix=prefix, key_hash=hash_api_key(key), now=now)
    return key


def _environment() -> dict[str, str]:
    """The environment without settings of the bridge, which would change the proof."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TICKETBRIDGE_")}
