"""`ticketbridge rejected`: requests that made no sense, kept so that whoever sends them can be helped."""

import base64
from typing import Annotated

import typer

from bot.admin.service import JsonObject
from bot.cli.context import Config, call_service
from bot.cli.output import escape_body, format_time, print_details, print_table

rejected = typer.Typer(
    help="Requests that were refused for what is in them: what their senders got wrong.", no_args_is_help=True
)


@rejected.command("list")
def list_rejected(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, at most.")] = 20,
    config: Config = None,
) -> None:
    """Show the newest refused requests, newest first."""
    print_table(
        call_service(config, "rejected-list", limit=limit),
        ("id", "created_at", "workspace_name", "source", "key_prefix", "path", "reason", "size"),
        empty="No request was refused for what is in it. Those with a wrong key are not kept.",
    )


@rejected.command("show")
def show_rejected(
    number: Annotated[
        int, typer.Argument(metavar="ID", min=1, max=2**63 - 1, help="As `rejected list` shows it.")
    ],
    config: Config = None,
) -> None:
    """Show one refused request with its body. What could act on the terminal is shown escaped."""
    (request,) = call_service(config, "rejected-show", rejected_id=number)
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


def body_size_note(request: JsonObject, kept: int) -> str:
    size = int(str(request["size"]))
    if kept == size:
        return f"{size:,} bytes, all of them below"
    return f"{size:,} bytes; the first {kept:,} are below, {size - kept:,} are missing"
