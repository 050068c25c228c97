"""The command line: `ticketbridge`, the same as `python -m bot`."""

import asyncio
import contextlib
import logging
import signal
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler

from bot import demo as staging
from bot import story
from bot.bridge import CannotRun, running
from bot.config import Settings
from bot.operator import Config, backup, finish, keys, outbox, rejected, restore, settings, workspaces

app = typer.Typer(
    name="ticketbridge", help="Bridges game tickets to Discord.", no_args_is_help=True, add_completion=False
)
app.add_typer(workspaces, name="workspace")
app.add_typer(keys, name="key")
app.add_typer(rejected, name="rejected")
app.add_typer(outbox, name="outbox")
app.command()(backup)
app.command()(restore)


@app.command()
def run(config: Config = None) -> None:
    """Run the bridge: accept tickets, post them in Discord, until SIGTERM or Ctrl+C."""
    _log(logging.INFO)
    finish(_run(settings(config)), CannotRun)


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
    work = _demo(webhook_port, discord_port, database, as_json=json, leave=leave)
    finish(work, CannotRun, story.StoryBroken)


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
