"""`ticketbridge run`: signals, garbage collection and exit codes."""

import asyncio
import gc
import logging
import os
import signal
import threading

import typer

from bot.application import Application, StartupError, run_application
from bot.cli.context import Config, config_path, run_async, settings
from bot.config import Settings, exposed_token_warning
from bot.observability.logging import configure_logging
from bot.webhook.server.descriptors import raise_descriptor_limit

log = logging.getLogger(__name__)

GC_THRESHOLD = 50_000  # objects; Python's own 700 are a few requests
GRACE_SECONDS = 0.2  # in which requests are answered that the database failed
EXIT_SECONDS = 0.8  # until the process ends, closed or not


def run(config: Config = None) -> None:
    """Accept tickets and post them in Discord, until SIGTERM, SIGHUP or Ctrl+C."""
    loaded = settings(config)
    configure_logging(logging.INFO, loaded.log.format)
    if warning := exposed_token_warning(config_path(config)):
        log.warning("%s", warning)
    run_async(_run(loaded), StartupError)


async def _run(settings: Settings) -> None:
    stop = stop_event()
    raise_descriptor_limit()
    async with run_application(settings, on_imported=gc.freeze) as application:
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


def stop_event() -> asyncio.Event:
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
