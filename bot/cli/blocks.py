"""`ticketbridge block`: whose tickets are kept without being posted."""

import typer

from bot.admin.service import AdminService
from bot.cli.context import Config, call_service
from bot.cli.output import print_table

blocks = typer.Typer(help="Blocks: players whose tickets are kept, but not posted.", no_args_is_help=True)


@blocks.command("list")
def list_blocks(config: Config = None) -> None:
    """Show who is blocked in each workspace, newest first. Staff block and unblock players in Discord."""
    print_table(
        call_service(config, AdminService.list_blocks),
        (
            *("workspace", "source", "player_id", "player_name", "reason", "blocked_by"),
            *("blocked_at", "expires_at", "kept_tickets"),
        ),
        empty="Nobody is blocked.",
    )
