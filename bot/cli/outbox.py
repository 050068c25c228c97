"""`ticketbridge outbox`: deliveries that wait for Discord, and dead letters that could not be delivered."""

from typing import Annotated

import typer

from bot.admin.service import AdminService
from bot.cli.context import Config, RowId, abort, call_service, parse_id
from bot.cli.output import pluralize, print_table

outbox = typer.Typer(
    help="The outbox: deliveries that wait for Discord, and dead letters, which could not be delivered.",
    no_args_is_help=True,
)


@outbox.command("list")
def list_outbox(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many, at most.")] = 50,
    config: Config = None,
) -> None:
    """Show the dead letters, then what waits: each with its ticket, its attempts and the last error.

    Below are the outgoing webhooks that events wait for; `ticketbridge webhook` has the commands for those.
    """
    print_table(
        call_service(config, AdminService.list_outbox, limit=limit),
        ("id", "ticket", "kind", "state", "attempts", "created_at", "due_at", "last_error"),
        empty="No delivery waits for Discord, and there is no dead letter.",
    )
    behind = [
        one
        for one in call_service(config, AdminService.list_webhooks)
        if one["waiting"] or one["dead_letters"]
    ]
    if behind:
        typer.echo("\nTo game servers, by outgoing webhooks:")
        columns = ("id", "name", "state", "waiting", "dead_letters", "oldest_at", "problem")
        print_table(behind, columns, empty="")


@outbox.command("retry")
def retry(
    delivery_id: Annotated[
        int | None, typer.Argument(parser=parse_id, metavar="ID", help="As the list shows it.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All dead letters.")] = False,
    config: Config = None,
) -> None:
    """Deliver it now, a dead letter too. What reached Discord before is not posted twice."""
    if every == (delivery_id is not None):
        abort("Name one delivery, or give --all for all dead letters.")
    if delivery_id is None:
        (result,) = call_service(config, AdminService.retry_dead_letters)
        typer.echo(f"{pluralize(int(str(result['count'])), 'dead letter')} to be delivered again.")
        return
    call_service(config, AdminService.retry_delivery, delivery_id=delivery_id)
    typer.echo(f"Delivery {delivery_id} is tried again.")


@outbox.command("drop")
def drop(delivery_id: RowId, config: Config = None) -> None:
    """Never deliver it. The ticket and its messages stay in the database."""
    call_service(config, AdminService.drop_delivery, delivery_id=delivery_id)
    typer.echo(f"Delivery {delivery_id} is dropped.")
