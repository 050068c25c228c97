"""`ticketbridge backup` and `restore`: copy the whole database into a file, and put it back."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from bot.admin.remote import require_database
from bot.admin.service import AdminError
from bot.cli.context import Config, abort, settings
from bot.cli.output import pluralize
from bot.clock import utc_now
from storage import (
    DatabaseLock,
    StorageError,
    carry_erasures,
    create_backup,
    restore_backup,
    verify_backup,
)


def backup(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The file to make; it must not be there yet.")],
    config: Config = None,
) -> None:
    """Copy the whole database into one verified file, while the bridge runs or while it does not."""
    database = settings(config).storage.path
    with exit_on_error(), progress_bar("Copying") as on_progress:
        require_database(database)
        made = create_backup(database, path, on_progress)
    typer.echo(f"{made.path} is verified: {pluralize(made.tickets, 'ticket')}, {decimal(made.bytes)}.")


def restore(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A backup.")], config: Config = None
) -> None:
    """Put a backup in the database's place. The bridge must not run; the present file is renamed."""
    database = settings(config).storage.path
    with exit_on_error():
        if not path.exists():
            abort(f"There is no backup at {path}.")
        with DatabaseLock(database), progress_bar("Restoring") as on_progress:
            renamed = restore_backup(path, database, utc_now(), on_progress)
            erasures = carry_erasures(renamed, database) if renamed is not None else None
        tickets = verify_backup(database)
    typer.echo(f"{database} is restored: {pluralize(tickets, 'ticket')}.")
    if renamed is not None:
        typer.echo(f"The database that was there before is now {renamed}.")
    _print_erasures(erasures)


def _print_erasures(carried: int | None) -> None:
    if carried is None:
        typer.echo(
            "Players who were erased after the backup was made are in it: erase them again, "
            "`ticketbridge player erase`."
        )
    elif carried:
        typer.echo(
            f"{pluralize(carried, 'erasure')} of players after the backup was made: ticketbridge repeats "
            "them when it starts."
        )


@contextmanager
def exit_on_error() -> Iterator[None]:
    try:
        yield
    except (AdminError, StorageError, sqlite3.Error) as error:
        abort(str(error))


@contextmanager
def progress_bar(task: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on stderr, if that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task_id = progress.add_task(task, total=None)
        yield lambda done, total: progress.update(task_id, completed=done, total=total)
