"""`ticketbridge key`: API keys, what a game server sends with every request."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from bot.cli.context import Config, ask, fail, given
from bot.cli.output import moment, show
from bot.sources import discover

keys = typer.Typer(help="API keys: what a game server sends with every request.", no_args_is_help=True)


@keys.command("create")
def create_key(
    workspace: Annotated[str, typer.Option(help="The workspace's name.")],
    source: Annotated[str, typer.Option(help=f"Which game's API: {', '.join(sorted(discover()))}.")],
    name: Annotated[str, typer.Option(help="What you call it: the server it is for.")] = "",
    expires: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="Its first day of opening nothing (2027-01-31, UTC), or 90d."),
    ] = None,
    config: Config = None,
) -> None:
    """Make an API key. It is shown this once: only its hash is kept."""
    end = _end_of(expires, datetime.now(UTC)) if expires is not None else None
    parts = given(expires_at=end.isoformat() if end else None)
    (key,) = ask(config, "key-create", workspace=workspace, source=source, name=name, **parts)
    if key["expires_at"]:
        typer.echo(f"From {moment(key['expires_at'])} UTC on it opens nothing.")
    typer.echo(f"A {source} key for workspace {workspace}. Keep it now; it cannot be shown again:")
    typer.echo(key["key"])


@keys.command("list")
def list_keys(config: Config = None) -> None:
    """Show all API keys, by their prefixes; those that open nothing too."""
    columns = ("prefix", "name", "workspace_name", "source", "state")
    show(
        ask(config, "key-list"),
        (*columns, "created_at", "expires_at", "last_used_at", "revoked_at"),
        nothing="There is no API key yet. `ticketbridge key create` makes one.",
    )


@keys.command("revoke")
def revoke_key(
    key: Annotated[str, typer.Argument(help="Its prefix, as `key list` shows it.")], config: Config = None
) -> None:
    """Revoke an API key: from the next request on it opens nothing."""
    (revoked,) = ask(config, "key-revoke", prefix=key)
    typer.echo(f"Key {revoked['prefix']} is revoked.")


def _end_of(expires: str, now: datetime) -> datetime:
    """The beginning of the day that is named, or as many days from now; else the command ends."""
    days = re.fullmatch(r"([0-9]{1,5})d", expires)
    end = now + timedelta(days=int(days[1])) if days else _day(expires)
    if end is None:
        fail(f"{expires} is neither a day, such as 2027-01-31, nor a number of days, such as 90d.")
    return end


def _day(named: str) -> datetime | None:
    try:
        return datetime.strptime(named, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
