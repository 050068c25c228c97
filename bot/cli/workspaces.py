"""`ticketbridge workspace`: whose tickets go to which Discord channels, and under which rules."""

from typing import Annotated

import typer

from bot.cli.context import (
    Config,
    DiscordId,
    OptionalDiscordId,
    abort,
    call_service,
    changed_fields,
    cleared_fields,
)
from bot.cli.divisions import change_category, change_department
from bot.cli.output import print_table
from bot.cli.rules import OnOff, print_workspace
from bot.tickets.workspace import Plan, UnknownCategoryPolicy

workspaces = typer.Typer(help="Workspaces: whose tickets go to which Discord channels.", no_args_is_help=True)
workspaces.command("department")(change_department)
workspaces.command("category")(change_category)

Name = Annotated[str, typer.Argument(help="The workspace's name.")]


@workspaces.command("create")
def create_workspace(
    name: Annotated[str, typer.Option()],
    guild: DiscordId,
    tickets_channel: DiscordId,
    reports_channel: DiscordId,
    staff_role: DiscordId,
    log_channel: OptionalDiscordId = None,
    config: Config = None,
) -> None:
    """Make a workspace: a guild, channels for tickets and game reports, and the staff's role.

    What is late or broken is said in the log channel, if it has one.
    """
    call_service(
        config,
        "workspace-create",
        name=name,
        guild_id=guild,
        tickets_channel_id=tickets_channel,
        reports_channel_id=reports_channel,
        staff_role_id=staff_role,
        **changed_fields(log_channel_id=log_channel),
    )
    typer.echo(f"Workspace {name} is ready. Next: ticketbridge key create --workspace {name} --source ...")


@workspaces.command("list")
def list_workspaces(config: Config = None) -> None:
    """Show all workspaces."""
    print_table(
        call_service(config, "workspace-list"),
        (
            *("name", "guild_id", "tickets_channel_id", "reports_channel_id", "log_channel_id"),
            *("staff_role_id", "created_at", "id"),
        ),
        empty="There is no workspace yet. `ticketbridge workspace create` makes one.",
    )


@workspaces.command("show")
def show_workspace(name: Name, config: Config = None) -> None:
    """Show everything about a workspace: its channels, rules, departments and categories."""
    (workspace,) = call_service(config, "workspace-show", workspace=name)
    print_workspace(workspace)


@workspaces.command("set")
def change_workspace(
    name: Name,
    plan: Annotated[Plan | None, typer.Option(help="What it has subscribed to.")] = None,
    tickets: Annotated[OnOff | None, typer.Option(help="Its tickets module, for contracts that ask.")] = None,
    unknown_categories: Annotated[
        UnknownCategoryPolicy | None, typer.Option(help="What becomes of a ticket whose category it lacks.")
    ] = None,
    default_department: Annotated[
        str | None, typer.Option(metavar="ID", help="Whose a ticket is if no department names its category.")
    ] = None,
    tickets_channel: OptionalDiscordId = None,
    reports_channel: OptionalDiscordId = None,
    staff_role: OptionalDiscordId = None,
    log_channel: OptionalDiscordId = None,
    no_log_channel: Annotated[
        bool, typer.Option("--no-log-channel", help="What is late or broken is said nowhere again.")
    ] = False,
    config: Config = None,
) -> None:
    """Change a workspace's channels, role or rules; what is not named stays."""
    parts = changed_fields(
        plan=plan,
        tickets_enabled=None if tickets is None else tickets is OnOff.ON,
        unknown_categories=unknown_categories,
        default_department=default_department,
        tickets_channel_id=tickets_channel,
        reports_channel_id=reports_channel,
        staff_role_id=staff_role,
        log_channel_id=log_channel,
    )
    parts |= cleared_fields(parts, log_channel_id=no_log_channel)
    if not parts:
        abort(
            "Say what to change: --plan, --tickets, --unknown-categories, --default-department, "
            "--tickets-channel, --reports-channel, --staff-role, --log-channel or --no-log-channel."
        )
    (workspace,) = call_service(config, "workspace-set", workspace=name, **parts)
    typer.echo(f"Workspace {name} is changed.\n")
    print_workspace(workspace)
