"""`ticketbridge backup` and `restore`: a copy of the whole database, and the way back."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from bot.cli.context import Config, abort, settings
from storage import DatabaseLock, StorageError
from storage import backup as backups


def backup(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The file to make; it must not be there yet.")],
    config: Config = None,
) -> None:
    """Copy the whole database into one verified file, while the bridge runs or while it does not."""
    database = settings(config).storage.path
    with exit_on_error(), progress_bar("Copying") as step:
        made = backups.create_backup(database, path, step)
    typer.echo(f"{made.path} is verified: {made.tickets:,} tickets, {decimal(made.bytes)}.")


def restore(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A backup.")], config: Config = None
) -> None:
    """Put a backup in the database's place. The bridge must not run; what was there is moved aside."""
    database = settings(config).storage.path
    with exit_on_error():
        if not path.exists():
            abort(f"There is no backup at {path}.")
        with DatabaseLock(database), progress_bar("Restoring") as step:
            aside = backups.restore(path, database, datetime.now(UTC), step)
        tickets = backups.verify(database)
    typer.echo(f"{database} is restored: {tickets:,} tickets.")
    if aside is not None:
        typer.echo(f"What was there is kept as {aside}.")


@contextmanager
def exit_on_error() -> Iterator[None]:
    try:
        yield
    except (StorageError, sqlite3.Error) as error:
        abort(str(error))


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, if a person looks on."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
