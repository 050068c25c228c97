"""`ticketbridge key`: create, list and revoke API keys, which a game server sends with every request."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from bot.admin.service import AdminService
from bot.cli.context import Config, abort, call_service, changed_fields
from bot.cli.output import format_time, print_table
from bot.clock import utc_now
from bot.sources.registry import load_sources

keys = typer.Typer(help="API keys, which a game server sends with every request.", no_args_is_help=True)


@keys.command("create")
def create_key(
    workspace: Annotated[str, typer.Option(help="The workspace's name.")],
    source: Annotated[str, typer.Option(help=f"Which game API: {', '.join(sorted(load_sources()))}.")],
    name: Annotated[str, typer.Option(help="What you call it, such as the game server it is for.")] = "",
    expires: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN", help="The first day on which it is not valid (2027-01-31, UTC), or 90d."
        ),
    ] = None,
    config: Config = None,
) -> None:
    """Create an API key. It is shown this once: only its hash is saved."""
    expiry = parse_expiry(expires, utc_now()) if expires is not None else None
    (key,) = call_service(
        config,
        AdminService.create_key,
        workspace=workspace,
        source=source,
        name=name,
        **changed_fields(expires_at=expiry.isoformat() if expiry else None),
    )
    if key["expires_at"]:
        typer.echo(f"It is valid until {format_time(key['expires_at'])} UTC.")
    typer.echo(f"A {source} key for workspace {workspace}. Copy it now; it cannot be shown again:")
    typer.echo(key["key"])


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


def _day(name: str) -> datetime | None:
    try:
        return datetime.strptime(name, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
