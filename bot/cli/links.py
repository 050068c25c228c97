"""`ticketbridge link`: which game account is linked to which Discord account."""

from typing import Annotated

import typer

from bot.admin.service import AdminService
from bot.cli.context import Config, RowId, call_service
from bot.cli.output import print_table

links = typer.Typer(help="Links: which game account belongs to which Discord account.", no_args_is_help=True)


@links.command("list")
def list_links(
    workspace: Annotated[str | None, typer.Option(help="Those of one workspace.")] = None,
    player: Annotated[str | None, typer.Option(help="Those of a player's name or id in the game.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many of a workspace, at most.")] = 50,
    config: Config = None,
) -> None:
    """Show the links of each workspace, newest first, also of people who left the server."""
    print_table(
        call_service(config, AdminService.list_links, limit=limit, workspace=workspace, player=player),
        ("id", "workspace", "source", "player_id", "player_name", "discord_id", "discord_name", "linked_at"),
        empty="No game account is linked.",
    )


@links.command("remove")
def remove(link_id: RowId, config: Config = None) -> None:
    """Cut a link. The player can link the account again, to any Discord account."""
    (link,) = call_service(config, AdminService.remove_link, link_id=link_id)
    typer.echo(
        f"Player {link['player_id']} is not linked to the Discord account {link['discord_id']} any more."
    )
