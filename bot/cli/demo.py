"""`ticketbridge demo`: a stand-in for Discord, the bot and the webhook in one process."""

import logging
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bot.application import StartupError
from bot.cli.context import run_async
from bot.cli.run import stop_event
from bot.demo.demo import WalkthroughFailed, run_demo, run_walkthrough, show_posts, show_ready
from bot.observability.logging import configure_logging


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


async def _demo(
    webhook_port: int, discord_port: int, database: Path | None, *, as_json: bool, leave: bool
) -> None:
    stop, console = stop_event(), Console()
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
