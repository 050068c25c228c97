"""The command line: `ticketbridge`, the same as `python -m bot`."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.table import Table

from bot import demo as staging
from bot import story
from bot.administration import Record, Unaskable, ask
from bot.bridge import CannotRun, running
from bot.config import BadConfig, Settings, read_settings
from bot.sources import discover
from storage import StorageError

app = typer.Typer(
    name="ticketbridge", help="Bridges game tickets to Discord.", no_args_is_help=True, add_completion=False
)
workspaces = typer.Typer(help="Workspaces: whose tickets go to which Discord channels.", no_args_is_help=True)
keys = typer.Typer(help="API keys: what a game server sends with every request.", no_args_is_help=True)
app.add_typer(workspaces, name="workspace")
app.add_typer(keys, name="key")

T = TypeVar("T")

Config = Annotated[
    Path | None, typer.Option("--config", help="The TOML file.  [default: config.toml, if there is one]")
]
DiscordId = Annotated[int, typer.Option(min=1, max=2**63 - 1, help="A Discord id: right-click, Copy ID.")]


@app.command()
def run(config: Config = None) -> None:
    """Run the bridge: accept tickets, post them in Discord, until SIGTERM or Ctrl+C."""
    _log(logging.INFO)
    _finish(_run(_settings(config)))


@app.command()
def demo(
    webhook_port: Annotated[int, typer.Option(min=0, max=65535)] = 8080,
    discord_port: Annotated[int, typer.Option(min=0, max=65535)] = 8081,
    database: Annotated[
        Path | None, typer.Option(help="Keep the tickets here.  [default: thrown away]")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One line of JSON when ready, for programs.")] = False,
    leave: Annotated[bool, typer.Option("--exit", help="Tell the whole story, then stop.")] = False,
) -> None:
    """See it work without a Discord account: a stand-in for it, the bot and the webhook in one process."""
    _log(logging.WARNING)
    _finish(_demo(webhook_port, discord_port, database, as_json=json, leave=leave))


@workspaces.command("create")
def create_workspace(
    name: Annotated[str, typer.Option()],
    guild: DiscordId,
    tickets_channel: DiscordId,
    reports_channel: DiscordId,
    staff_role: DiscordId,
    config: Config = None,
) -> None:
    """Make a workspace: a guild, a channel for tickets, one for game reports, and the staff's role."""
    _ask(
        config,
        "workspace-create",
        name=name,
        guild_id=guild,
        tickets_channel_id=tickets_channel,
        reports_channel_id=reports_channel,
        staff_role_id=staff_role,
    )
    typer.echo(f"Workspace {name} is ready. Next: ticketbridge key create --workspace {name} --source ...")


@workspaces.command("list")
def list_workspaces(config: Config = None) -> None:
    """Show all workspaces."""
    _show(
        _ask(config, "workspace-list"),
        ("name", "guild_id", "tickets_channel_id", "reports_channel_id", "staff_role_id", "created_at", "id"),
        nothing="There is no workspace yet. `ticketbridge workspace create` makes one.",
    )


@keys.command("create")
def create_key(
    workspace: Annotated[str, typer.Option(help="The workspace's name.")],
    source: Annotated[str, typer.Option(help=f"Which game's API: {', '.join(sorted(discover()))}.")],
    config: Config = None,
) -> None:
    """Make an API key. It is shown this once: only its hash is kept."""
    (key,) = _ask(config, "key-create", workspace=workspace, source=source)
    typer.echo(f"A {source} key for workspace {workspace}. Keep it now; it cannot be shown again:")
    typer.echo(key["key"])


@keys.command("list")
def list_keys(config: Config = None) -> None:
    """Show all API keys, by their prefixes."""
    _show(
        _ask(config, "key-list"),
        ("prefix", "workspace_name", "source", "created_at", "revoked_at"),
        nothing="There is no API key yet. `ticketbridge key create` makes one.",
    )


@keys.command("revoke")
def revoke_key(
    key: Annotated[str, typer.Argument(help="Its prefix, as `key list` shows it.")], config: Config = None
) -> None:
    """Revoke an API key: from the next request on it opens nothing."""
    (revoked,) = _ask(config, "key-revoke", prefix=key)
    typer.echo(f"Key {revoked['prefix']} is revoked.")


async def _run(settings: Settings) -> None:
    stop = _stop_signal()
    async with running(settings) as bridge:
        logging.getLogger(__name__).info("Tickets are accepted at %s", bridge.webhook_address)
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([stopped, bridge.discord], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if bridge.discord.done():
            bridge.discord.result()


async def _demo(
    webhook_port: int, discord_port: int, database: Path | None, *, as_json: bool, leave: bool
) -> None:
    stop, console = _stop_signal(), Console()
    async with staging.staged(
        webhook_port=webhook_port, discord_port=discord_port, database=database
    ) as demo:
        if as_json:
            print(demo.as_json(), flush=True)
        else:
            story.show_posts(console, demo)
        if leave:
            await story.told(Console(stderr=True) if as_json else console, demo)
            return
        if not as_json:
            story.show_ready(console, demo)
        await stop.wait()


def _stop_signal() -> asyncio.Event:
    """Set by SIGTERM or Ctrl+C."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _settings(config: Path | None) -> Settings:
    try:
        return read_settings(config or Path("config.toml"), required=config is not None)
    except BadConfig as error:
        _fail(str(error))


def _ask(config: Path | None, verb: str, **arguments: object) -> list[Record]:
    database = _settings(config).storage.path
    return _finish(ask(database, discover(), verb, **arguments))


def _finish(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except (CannotRun, StorageError, Unaskable, story.StoryBroken) as error:
        _fail(str(error))


def _fail(sentence: str) -> NoReturn:
    typer.echo(f"ticketbridge: {sentence}", err=True)
    raise typer.Exit(1)


def _show(records: list[Record], columns: tuple[str, ...], *, nothing: str) -> None:
    if not records:
        typer.echo(nothing)
        return
    table = Table(*(column.removesuffix("_id").replace("_", " ") for column in columns), box=None)
    for record in records:
        table.add_row(*(str(record[column] or "") for column in columns))
    console = Console()
    console.width = max(console.width, 200) if not console.is_terminal else console.width
    console.print(table)


def _log(level: int) -> None:
    """To stderr: for a person in colours, for a file or a journal one plain line each."""
    if Console(stderr=True).is_terminal:
        handler = RichHandler(console=Console(stderr=True), show_path=False)
        logging.basicConfig(level=level, format="%(message)s", handlers=[handler])
    else:
        logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # aiosqlite would log bound values at DEBUG, and those are players' words and key hashes.
    for library in ("discord", "aiohttp", "aiosqlite"):
        logging.getLogger(library).setLevel(logging.WARNING)
    # It warns that it cannot do voice, which is not used.
    logging.getLogger("discord.client").setLevel(logging.ERROR)


def main() -> None:
    with contextlib.suppress(KeyboardInterrupt):
        app()


if __name__ == "__main__":
    main()
