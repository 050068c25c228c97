"""`ticketbridge rejected`: requests with a valid key that were not accepted, to help those who send them."""

import base64
from typing import Annotated

import typer

from bot.admin.service import AdminService, JsonObject
from bot.cli.context import Config, RowId, call_service
from bot.cli.output import escape_body, format_time, pluralize, print_details, print_table

rejected = typer.Typer(
    help="Rejected requests: sent with a valid key, and not accepted for what is in them.",
    no_args_is_help=True,
)


@rejected.command("list")
def list_rejected(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, at most.")] = 20,
    config: Config = None,
) -> None:
    """Show the newest rejected requests, newest first."""
    print_table(
        call_service(config, AdminService.list_rejected, limit=limit),
        ("id", "created_at", "workspace_name", "source", "key_prefix", "path", "reason", "size"),
        empty="No request was rejected for what is in it. Those with a wrong key are not saved.",
    )


@rejected.command("show")
def show_rejected(rejected_id: RowId, config: Config = None) -> None:
    """Show one rejected request with its body, control characters escaped."""
    (request,) = call_service(config, AdminService.show_rejected, rejected_id=rejected_id)
    body = base64.b64decode(str(request["body"]))
    print_details(
        [
            ("id", request["id"]),
            ("received (UTC)", format_time(request["created_at"])),
            ("workspace", request["workspace_name"]),
            ("source", request["source"]),
            ("key prefix", request["key_prefix"]),
            ("path", request["path"]),
            ("reason", request["reason"]),
            ("body", body_size_note(request, len(body))),
        ]
    )
    typer.echo(f"\n{escape_body(body)}")


def body_size_note(request: JsonObject, saved: int) -> str:
    size = int(str(request["size"]))
    if saved == size:
        return f"{pluralize(size, 'byte')}, shown below"
    return f"{pluralize(size, 'byte')}; the first {saved:,} are below, {size - saved:,} are missing"
