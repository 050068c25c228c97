"""`ticketbridge webhook`: outgoing webhooks, which push events to game servers."""

import base64
from typing import Annotated

import typer

from bot.admin.service import AdminService
from bot.cli.context import Config, RowId, abort, call_service
from bot.cli.keys import SourceName, WorkspaceName
from bot.cli.output import escape_body, format_time, print_table

webhooks = typer.Typer(
    help="Outgoing webhooks: URLs of game servers, which replies and changes of status are pushed to.",
    no_args_is_help=True,
)


@webhooks.command("add")
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where to: https://...")],
    workspace: WorkspaceName,
    source: SourceName,
    name: Annotated[str, typer.Option("--name", help="What you call it, such as the server it is for.")] = "",
    config: Config = None,
) -> None:
    """Push the events of a workspace and source to a URL, from now on. The secret is shown this once."""
    (added,) = call_service(
        config, AdminService.add_webhook, workspace=workspace, source=source, url=url, name=name
    )
    typer.echo(f"Webhook {added['id']} is added. `ticketbridge webhook test {added['id']}` tries it.")
    _echo_secret(added["secret"])


@webhooks.command("list")
def list_webhooks(config: Config = None) -> None:
    """Show all outgoing webhooks, with how many events wait for each or were given up, and why."""
    columns = ("id", "name", "workspace_name", "source", "url", "state", "waiting", "dead_letters")
    print_table(
        call_service(config, AdminService.list_webhooks),
        (*columns, "oldest_at", "accepted_at", "problem"),
        empty="There is no outgoing webhook. `ticketbridge webhook add` adds one.",
    )


@webhooks.command("test")
def push_test_event(webhook_id: RowId, config: Config = None) -> None:
    """Push a signed test event, and show the answer. On any but a 2xx, exit with code 1."""
    (result,) = call_service(config, AdminService.test_webhook, endpoint_id=webhook_id)
    if result["status"] is not None:
        typer.echo(f"HTTP {result['status']} after {result['seconds']} s, to event {result['id']}")
        typer.echo(escape_body(base64.b64decode(str(result["body"]))))
    if result["error"] is not None:
        abort(f"Webhook {webhook_id} did not accept the event. {result['error']}")


@webhooks.command("rotate")
def rotate(
    webhook_id: RowId,
    overlap_hours: Annotated[
        int,
        typer.Option(
            "--overlap-hours", min=0, max=24 * 30, help="How long the previous secret signs as well."
        ),
    ] = 24,
    config: Config = None,
) -> None:
    """Sign with a new secret, which is shown this once. For a day, the previous one signs as well."""
    (rotated,) = call_service(
        config, AdminService.rotate_webhook, endpoint_id=webhook_id, overlap_hours=overlap_hours
    )
    typer.echo(f"The previous secret signs until {format_time(rotated['rotated_until'])} UTC.")
    _echo_secret(rotated["secret"])


@webhooks.command("pause")
def pause(webhook_id: RowId, config: Config = None) -> None:
    """Push nothing to it: its events wait until it is enabled."""
    call_service(config, AdminService.pause_webhook, endpoint_id=webhook_id)
    typer.echo(f"Webhook {webhook_id} is paused. Its events wait.")


@webhooks.command("enable")
def enable(
    webhook_id: RowId,
    from_now: Annotated[bool, typer.Option("--from-now", help="Without what happened until now.")] = False,
    config: Config = None,
) -> None:
    """Push to it again: what waits and what was given up now, and then what happens."""
    if from_now:
        call_service(config, AdminService.forget_webhook_events, endpoint_id=webhook_id)
    call_service(config, AdminService.enable_webhook, endpoint_id=webhook_id)
    typer.echo(f"Webhook {webhook_id} is enabled.")


@webhooks.command("remove")
def remove(webhook_id: RowId, config: Config = None) -> None:
    """Delete it, with its secret and all that waits for it. Game servers can still ask for the events."""
    call_service(config, AdminService.remove_webhook, endpoint_id=webhook_id)
    typer.echo(f"Webhook {webhook_id} is removed.")


def _echo_secret(secret: object) -> None:
    typer.echo("Its secret, by which its events are verified. Copy it now; it cannot be shown again:")
    typer.echo(str(secret))
