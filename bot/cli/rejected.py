"""`ticketbridge rejected`: requests that made no sense, kept so that whoever sends them can be helped."""

import base64
from typing import Annotated

import typer

from bot.admin.service import Record
from bot.cli.context import Config, ask
from bot.cli.output import moment, show, show_one, visible_lines

rejected = typer.Typer(
    help="Requests that were refused for what is in them: what their senders got wrong.", no_args_is_help=True
)


@rejected.command("list")
def list_rejected(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, at most.")] = 20,
    config: Config = None,
) -> None:
    """Show the newest refused requests, newest first."""
    show(
        ask(config, "rejected-list", limit=limit),
        ("id", "created_at", "workspace_name", "source", "key_prefix", "path", "reason", "size"),
        nothing="No request was refused for what is in it. Those with a wrong key are not kept.",
    )


@rejected.command("show")
def show_rejected(
    number: Annotated[
        int, typer.Argument(metavar="ID", min=1, max=2**63 - 1, help="As `rejected list` shows it.")
    ],
    config: Config = None,
) -> None:
    """Show one refused request with its body. What could act on the terminal is shown escaped."""
    (request,) = ask(config, "rejected-show", rejected_id=number)
    body = base64.b64decode(str(request["body"]))
    show_one(
        [
            ("id", request["id"]),
            ("received (UTC)", moment(request["created_at"])),
            ("workspace", request["workspace_name"]),
            ("source", request["source"]),
            ("key prefix", request["key_prefix"]),
            ("path", request["path"]),
            ("reason", request["reason"]),
            ("body", _extent(request, len(body))),
        ]
    )
    typer.echo(f"\n{visible_lines(body)}")


def _extent(request: Record, kept: int) -> str:
    size = int(str(request["size"]))
    if kept == size:
        return f"{size:,} bytes, all of them below"
    return f"{size:,} bytes; the first {kept:,} are below, {size - kept:,} are missing"
