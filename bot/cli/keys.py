"""`ticketbridge key`: create, import, list and revoke the API keys that game servers send."""

import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from bot.admin.service import AdminService, JsonObject
from bot.cli.context import Config, abort, call_service, changed_fields
from bot.cli.output import format_time, print_table
from bot.clock import utc_now
from bot.sources.registry import load_sources
from bot.tickets.api_keys import MAX_IMPORTED_LENGTH

WorkspaceName = Annotated[str, typer.Option("--workspace", help="The workspace's name.")]
SourceName = Annotated[
    str, typer.Option("--source", help=f"Which game API: {', '.join(sorted(load_sources()))}.")
]
KeyName = Annotated[str, typer.Option("--name", help="What you call it, such as the game server it is for.")]
Expires = Annotated[
    str | None,
    typer.Option(
        "--expires",
        metavar="WHEN",
        help="The first day on which it is not valid (2027-01-31, UTC), or 90d.",
    ),
]

keys = typer.Typer(help="API keys, which a game server sends with every request.", no_args_is_help=True)


@keys.command("create")
def create_key(
    workspace: WorkspaceName,
    source: SourceName,
    name: KeyName = "",
    expires: Expires = None,
    config: Config = None,
) -> None:
    """Create an API key. It is shown this once: only its hash is saved."""
    fields = changed_fields(expires_at=_expires_at(expires))
    (key,) = call_service(
        config, AdminService.create_key, workspace=workspace, source=source, name=name, **fields
    )
    _echo_expiry(key)
    typer.echo(f"A {source} key for workspace {workspace}. Copy it now; it cannot be shown again:")
    typer.echo(key["key"])


@keys.command("import")
def import_key(
    workspace: WorkspaceName,
    source: SourceName,
    name: KeyName = "",
    expires: Expires = None,
    file: Annotated[
        Path | None,
        typer.Option(help="A file that holds the key alone; without it, it is read from stdin."),
    ] = None,
    config: Config = None,
) -> None:
    """Accept an API key that was made elsewhere: only its hash is saved.

    The key is never an argument, which other users could see. In a terminal it is asked for and not shown.
    """
    fields = changed_fields(expires_at=_expires_at(expires))
    key = _read_key(file)
    (saved,) = call_service(
        config, AdminService.import_key, key=key, workspace=workspace, source=source, name=name, **fields
    )
    _echo_expiry(saved)
    typer.echo(
        f"The key is accepted for workspace {workspace}, source {source}. "
        f"Its prefix here, for `key list` and `key revoke`: {saved['prefix']}"
    )


@keys.command("list")
def list_keys(config: Config = None) -> None:
    """Show all API keys by their prefixes, revoked and expired ones too."""
    columns = ("prefix", "name", "workspace_name", "source", "state")
    print_table(
        call_service(config, AdminService.list_keys),
        (*columns, "created_at", "expires_at", "last_used_at", "revoked_at"),
        empty="There is no API key yet. `ticketbridge key create` creates one.",
    )


@keys.command("revoke")
def revoke_key(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Its prefix, as `key list` shows it.")],
    config: Config = None,
) -> None:
    """Revoke an API key: from the next request on it is not valid."""
    (revoked,) = call_service(config, AdminService.revoke_key, prefix=key)
    typer.echo(f"Key {revoked['prefix']} is revoked.")


def parse_expiry(expires: str, now: datetime) -> datetime:
    """The beginning of the named day, or as many days from now; for anything else the command ends."""
    days = re.fullmatch(r"([0-9]{1,5})d", expires)
    expiry = now + timedelta(days=int(days[1])) if days else _day(expires)
    if expiry is None:
        abort(f"{expires} is neither a day, such as 2027-01-31, nor a number of days, such as 90d.")
    return expiry


def _expires_at(expires: str | None) -> str | None:
    return parse_expiry(expires, utc_now()).isoformat() if expires is not None else None


def _echo_expiry(key: JsonObject) -> None:
    if key["expires_at"]:
        typer.echo(f"It is valid until {format_time(key['expires_at'])} UTC.")


def _read_key(file: Path | None) -> str:
    """The key in a file, typed at a hidden prompt, or from stdin. It may end with one line break."""
    if file is not None:
        try:
            with file.open("rb") as opened:
                return _read_line(opened)
        except OSError as error:
            abort(f"The key cannot be read from {file}: {error.strerror}.")
    if sys.stdin.isatty():
        prompted: str = typer.prompt("The key (it is not shown)", hide_input=True, err=True)
        return prompted
    return _read_line(typer.get_binary_stream("stdin"))


def _read_line(stream: BinaryIO) -> str:
    """More than a key may have is left unread; bytes that are not ASCII become characters no key has."""
    text = stream.read(MAX_IMPORTED_LENGTH + 3).decode("ascii", "replace")
    return text.removesuffix("\n").removesuffix("\r")


def _day(name: str) -> datetime | None:
    try:
        return datetime.strptime(name, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
