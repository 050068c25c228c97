"""`ticketbridge`, with its commands `run` and `demo`: signals, garbage collection and exit codes."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import threading
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bot.application import Application, StartupError, run_application
from bot.cli.backups import backup, restore
from bot.cli.context import Config, config_path, run_async, settings
from bot.cli.keys import keys
from bot.cli.outbox import outbox
from bot.cli.rejected import rejected
from bot.cli.workspaces import workspaces
from bot.config import Settings, exposed_token_warning
from bot.demo.demo import WalkthroughFailed, run_demo, run_walkthrough, show_posts, show_ready
from bot.observability.logging import configure_logging
from bot.webhook.server.descriptors import raise_descriptor_limit

log = logging.getLogger(__name__)

GC_THRESHOLD = 50_000  # objects; Python's own 700 are a few requests
GRACE_SECONDS = 0.2  # in which requests are answered that the database failed
EXIT_SECONDS = 0.8  # until the process ends, closed or not

app = typer.Typer(
    name="ticketbridge",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
app.add_typer(workspaces, name="workspace")
app.add_typer(keys, name="key")
app.add_typer(rejected, name="rejected")
app.add_typer(outbox, name="outbox")
app.command()(backup)
app.command()(restore)


def print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ticketbridge {version('ticketbridge')}")
        raise typer.Exit


@app.callback()
def ticketbridge(
    _version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Bridge game tickets to Discord."""


@app.command()
def run(config: Config = None) -> None:
    """Accept tickets and post them in Discord, until SIGTERM, SIGHUP or Ctrl+C."""
    loaded = settings(config)
    configure_logging(logging.INFO, loaded.log.format)
    if warning := exposed_token_warning(config_path(config)):
        log.warning("%s", warning)
    run_async(_run(loaded), StartupError)


@app.command()
def demo(
    webhook_port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 8080,
    discord_port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 8081,
    database: Annotated[
        Path | None, typer.Option(help="Save the tickets in this file (default: a temporary one).")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one line of JSON when ready.")] = False,
    leave: Annotated[bool, typer.Option("--exit", help="Show what staff can do, then stop.")] = False,
) -> None:
    """Try it without a Discord account: a stand-in for Discord, the bot and the webhook in one process."""
    configure_logging(logging.WARNING, "text")
    work = _demo(webhook_port, discord_port, database, as_json=json, leave=leave)
    run_async(work, StartupError, WalkthroughFailed)


async def _run(settings: Settings) -> None:
    stop = _stop_event()
    raise_descriptor_limit()
    async with run_application(settings) as application:
        _tune_garbage_collection()
        log.info("Tickets are accepted at %s", application.webhook_address)
        await _wait_for_end(stop, application)


def _tune_garbage_collection() -> None:
    """Keep collections short: a full one would hold up requests for a tenth of a second, again and again."""
    gc.freeze()  # what is loaded by now stays, and need not be looked through
    gc.set_threshold(GC_THRESHOLD)  # nearly all of a request is freed without it


async def _wait_for_end(stop: asyncio.Event, application: Application) -> None:
    """Wait for a signal; raise what ends the database or the connection to Discord before."""
    stop_task = asyncio.create_task(stop.wait())
    failure_task = asyncio.create_task(exit_when_database_fails(application))
    failures = (failure_task, application.discord_task)
    await asyncio.wait([stop_task, *failures], return_when=asyncio.FIRST_COMPLETED)
    stop_task.cancel()
    for task in failures:
        if task.done():
            task.result()
    failure_task.cancel()


async def _demo(
    webhook_port: int, discord_port: int, database: Path | None, *, as_json: bool, leave: bool
) -> None:
    stop, console = _stop_event(), Console()
    async with run_demo(webhook_port=webhook_port, discord_port=discord_port, database=database) as demo:
        if as_json:
            print(demo.as_json(), flush=True)
        else:
            show_posts(console, demo)
        if leave:
            await run_walkthrough(Console(stderr=True) if as_json else console, demo)
            return
        if not as_json:
            show_ready(console, demo)
        await stop.wait()


def _stop_event() -> asyncio.Event:
    """Set by SIGTERM, Ctrl+C, and SIGHUP (the terminal was closed) where that is not ignored, as by nohup."""
    stop = asyncio.Event()
    hangup = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)
    for number in (signal.SIGTERM, signal.SIGINT, *hangup):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def exit_when_database_fails(application: Application) -> None:
    """Log why and end the process within a second: closing may need the database, or wait for a client.

    Raises typer.Exit.
    """
    await application.store.broken.wait()
    log.critical(
        "%s Ticketbridge ends, so that it accepts no ticket that may be lost. Start it again; if that "
        "fails, check the disk, and put a backup in the database's place: `ticketbridge restore PATH`.",
        await application.store.health_error(),
    )
    exit_timer = threading.Timer(EXIT_SECONDS, os._exit, [1])
    exit_timer.daemon = True
    exit_timer.start()
    await asyncio.sleep(GRACE_SECONDS)
    raise typer.Exit(1)


def main() -> None:
    with contextlib.suppress(KeyboardInterrupt):
        app()
