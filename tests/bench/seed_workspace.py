"""Makes a folder for a bridge: its settings, and a database with a workspace and its keys."""

import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bot.sandbox import DemoGuild, Sandbox
from bot.tickets.api_keys import generate_api_key, hash_api_key
from bot.tickets.workspace import NewWorkspace
from storage import Store, open_store

_NOWHERE = "http://127.0.0.1:9/api/v10"  # a port without a listener: Discord is away


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeFolder:
    """A bridge's folder, with its port and keys."""

    folder: Path
    port: int
    keys: dict[str, str]  # by source

    @property
    def database(self) -> Path:
        return self.folder / "tickets.db"

    def at(self, folder: Path) -> "BridgeFolder":
        """The same for another folder, with a copy of the database; the port is a new one."""
        moved = BridgeFolder(folder=folder, port=free_port(), keys=self.keys)
        _configure(moved, None)
        return moved


async def create_bridge_folder(
    folder: Path, sandbox: Sandbox | None = None, guild: DemoGuild | None = None
) -> BridgeFolder:
    """Create a folder. Without a sandbox, Discord is away."""
    channels = guild.channels if guild else {"tickets": 2, "reports": 3}
    workspace = NewWorkspace(
        name="main",
        guild_id=guild.id if guild else 1,
        tickets_channel_id=channels["tickets"],
        reports_channel_id=channels["reports"],
        staff_role_id=guild.roles["Staff"] if guild else 4,
    )
    store = await open_store(folder / "tickets.db")
    try:
        now = datetime.now(UTC)
        await store.workspaces.add(workspace, now)
        keys = {source: await _new_key(store, source, now) for source in ("modl", "series")}
    finally:
        await store.close()
    bridge = BridgeFolder(folder=folder, port=free_port(), keys=keys)
    _configure(bridge, sandbox)
    return bridge


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port: int = door.getsockname()[1]
        return port


async def _new_key(store: Store, source: str, now: datetime) -> str:
    key, prefix = generate_api_key()
    await store.api_keys.add("main", source, prefix=prefix, key_hash=hash_api_key(key), now=now)
    return key


def _configure(bridge: BridgeFolder, sandbox: Sandbox | None) -> None:
    (bridge.folder / "config.toml").write_text(
        f"""
        [discord]
        token = "{sandbox.token if sandbox else "none"}"
        api_base = "{sandbox.api_base if sandbox else _NOWHERE}"
        [webhook]
        port = {bridge.port}
        [storage]
        path = "{bridge.database}"
        """
    )
