"""`ticketbridge retention`: erases tickets that ended longer ago than their workspace keeps them."""

from typing import Annotated

import typer

from bot.admin.service import AdminService
from bot.cli.backups import progress_bar
from bot.cli.context import Config, call_service
from bot.cli.output import pluralize, print_table
from bot.cli.players import purge_files

retention = typer.Typer(
    help="Retention: erase the texts of tickets that ended long ago.", no_args_is_help=True
)


@retention.command("run")
def run(
    workspace: Annotated[str | None, typer.Option(help="Only one workspace.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how many tickets would be erased.")
    ] = False,
    config: Config = None,
) -> None:
    """Erase now what the running bridge erases once a day, in workspaces with `--retention-days`."""
    counts = call_service(config, AdminService.count_ended, workspace=workspace)
    if dry_run or not counts:
        empty = "No workspace has a period: `ticketbridge workspace set NAME --retention-days N`."
        print_table(counts, ("workspace", "retention_days", "tickets"), empty=empty)
        return
    total, erased = sum(int(str(one["tickets"])) for one in counts), 0
    with progress_bar("Erasing") as on_progress:
        for one in counts:
            while True:
                (step,) = call_service(config, AdminService.erase_ended, workspace=str(one["workspace"]))
                if not step["tickets"]:
                    break
                erased += int(str(step["tickets"]))
                on_progress(erased, max(total, erased))
    if erased:
        purge_files(config)
    typer.echo(f"Erased: {pluralize(erased, 'ticket')}.")
