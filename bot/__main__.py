"""The command line: `ticketbridge`, the same as `python -m bot`."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import threading
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bot.application import Application, StartupError, run_application
from bot.cli import Config, backup, keys, outbox, rejected, restore, run_async, settings, workspaces
from bot.config import Settings
from bot.demo import demo as staging
from bot.demo import walkthrough as story
from bot.observability.logging import configure_logging
from bot.webhook.server.descriptors import raise_descriptor_limit

log = logging.getLogger(__name__)

GC_THRESHOLD = 50_000  # after which garbage is looked for; Python's own 700 are a few requests
GRACE_SECONDS = 0.2  # seconds in which requests are told that the database broke
EXIT_SECONDS = 0.8  # seconds until the process ends, closed or not

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
    """Run the bridge: accept tickets, post them in Discord, until SIGTERM, SIGHUP or Ctrl+C."""
    loaded = settings(config)
    configure_logging(logging.INFO, loaded.log.format)
    run_async(_run(loaded), StartupError)


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
    configure_logging(logging.WARNING, "text")
    work = _demo(webhook_port, discord_port, database, as_json=json, leave=leave)
    run_async(work, StartupError, story.WalkthroughFailed)


async def _run(settings: Settings) -> None:
    stop = _stop_signal()
    raise_descriptor_limit()
    async with run_application(settings) as application:
        # What is there by now stays. To look through all of it for garbage would hold up requests for a tenth
        # of a second, again and again.
        gc.freeze()
        # Nearly all of a request is gone as soon as it is answered, and needs no looking for.
        gc.set_threshold(GC_THRESHOLD)
        log.info("Tickets are accepted at %s", application.webhook_address)
        stop_task, failure_task = (
            asyncio.create_task(stop.wait()),
            asyncio.create_task(exit_when_database_fails(application)),
        )
        endings = (failure_task, application.discord_task)
        await asyncio.wait([stop_task, *endings], return_when=asyncio.FIRST_COMPLETED)
        stop_task.cancel()
        for end in endings:
            if end.done():
                end.result()
        failure_task.cancel()


async def _demo(
    webhook_port: int, discord_port: int, database: Path | None, *, as_json: bool, leave: bool
) -> None:
    stop, console = _stop_signal(), Console()
    async with staging.run_demo(
        webhook_port=webhook_port, discord_port=discord_port, database=database
    ) as demo:
        if as_json:
            print(demo.as_json(), flush=True)
        else:
            story.show_posts(console, demo)
        if leave:
            await story.run_walkthrough(Console(stderr=True) if as_json else console, demo)
            return
        if not as_json:
            story.show_ready(console, demo)
        await stop.wait()


def _stop_signal() -> asyncio.Event:
    """Set by SIGTERM, Ctrl+C, and SIGHUP (the terminal was closed) where that is not ignored, as by nohup."""
    stop = asyncio.Event()
    hangup = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)
    for number in (signal.SIGTERM, signal.SIGINT, *hangup):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def exit_when_database_fails(application: Application) -> None:
    """Say so and end, within a second: to close may need what is broken, or wait for a client.

    Raises typer.Exit.
    """
    await application.store.broken.wait()
    log.critical(
        "%s Ticketbridge ends, so that nothing is taken that may not be kept. Start it again; if that fails, "
        "check the disk, and put a backup in the database's place: `ticketbridge restore PATH`.",
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


if __name__ == "__main__":
    main()
