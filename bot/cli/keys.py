"""`ticketbridge key`: API keys, what a game server sends with every request."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from bot.cli.context import Config, abort, call_service, changed_fields
from bot.cli.output import format_time, print_table
from bot.sources.registry import load_sources

keys = typer.Typer(help="API keys: what a game server sends with every request.", no_args_is_help=True)


@keys.command("create")
def create_key(
    workspace: Annotated[str, typer.Option(help="The workspace's name.")],
    source: Annotated[str, typer.Option(help=f"Which game's API: {', '.join(sorted(load_sources()))}.")],
    name: Annotated[str, typer.Option(help="What you call it: the server it is for.")] = "",
    expires: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="Its first day of opening nothing (2027-01-31, UTC), or 90d."),
    ] = None,
    config: Config = None,
) -> None:
    """Make an API key. It is shown this once: only its hash is kept."""
    end = parse_expiry(expires, datetime.now(UTC)) if expires is not None else None
    parts = changed_fields(expires_at=end.isoformat() if end else None)
    (key,) = call_service(config, "key-create", workspace=workspace, source=source, name=name, **parts)
    if key["expires_at"]:
        typer.echo(f"From {format_time(key['expires_at'])} UTC on it opens nothing.")
    typer.echo(f"A {source} key for workspace {workspace}. Keep it now; it cannot be shown again:")
    typer.echo(key["key"])


@keys.command("list")
def list_keys(config: Config = None) -> None:
    """Show all API keys, by their prefixes; those that open nothing too."""
    columns = ("prefix", "name", "workspace_name", "source", "state")
    print_table(
        call_service(config, "key-list"),
        (*columns, "created_at", "expires_at", "last_used_at", "revoked_at"),
        empty="There is no API key yet. `ticketbridge key create` makes one.",
    )


@keys.command("revoke")
def revoke_key(
    key: Annotated[str, typer.Argument(help="Its prefix, as `key list` shows it.")], config: Config = None
) -> None:
    """Revoke an API key: from the next request on it opens nothing."""
    (revoked,) = call_service(config, "key-revoke", prefix=key)
    typer.echo(f"Key {revoked['prefix']} is revoked.")


def parse_expiry(expires: str, now: datetime) -> datetime:
    """The beginning of the day that is named, or as many days from now; else the command ends."""
    days = re.fullmatch(r"([0-9]{1,5})d", expires)
    end = now + timedelta(days=int(days[1])) if days else _day(expires)
    if end is None:
        abort(f"{expires} is neither a day, such as 2027-01-31, nor a number of days, such as 90d.")
    return end


def _day(named: str) -> datetime | None:
    try:
        return datetime.strptime(named, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
