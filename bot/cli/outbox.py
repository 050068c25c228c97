"""`ticketbridge outbox`: what still has to reach Discord, and what Discord does not take as it stands."""

from typing import Annotated

import typer

from bot.cli.context import Config, abort, call_service
from bot.cli.output import print_table

outbox = typer.Typer(
    help="The outbox: what still has to reach Discord, and what was set aside.", no_args_is_help=True
)

_Id = Annotated[int, typer.Argument(metavar="ID", min=1, max=2**63 - 1, help="As `outbox list` shows it.")]
_IdOrAll = Annotated[
    int | None, typer.Argument(metavar="[ID]", min=1, max=2**63 - 1, help="As `outbox list` shows it.")
]


@outbox.command("list")
def list_outbox(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many, at most.")] = 50,
    config: Config = None,
) -> None:
    """Show what was set aside, then what waits: each with its ticket, its tries and the last reason."""
    print_table(
        call_service(config, "outbox-list", limit=limit),
        ("id", "ticket", "kind", "state", "attempts", "created_at", "due_at", "last_error"),
        empty="Nothing waits: all that was kept has reached Discord.",
    )


@outbox.command("retry")
def retry(
    number: _IdOrAll = None,
    every: Annotated[bool, typer.Option("--all", help="All that was set aside.")] = False,
    config: Config = None,
) -> None:
    """Deliver it now, also if it was set aside. What reached Discord before is not posted twice."""
    if every == (number is not None):
        abort("Name one delivery, or say --all for all that was set aside.")
    if number is None:
        (told,) = call_service(config, "outbox-retry-all")
        typer.echo(f"{told['count']} that were set aside are tried again.")
        return
    call_service(config, "outbox-retry", delivery_id=number)
    typer.echo(f"Delivery {number} is tried again.")


@outbox.command("drop")
def drop(number: _Id, config: Config = None) -> None:
    """Never deliver it. The ticket and what was said on it stay in the database."""
    call_service(config, "outbox-drop", delivery_id=number)
    typer.echo(f"Delivery {number} is dropped.")
