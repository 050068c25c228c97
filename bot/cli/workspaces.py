"""`ticketbridge workspace`: whose tickets go to which Discord channels, and under which rules."""

from typing import Annotated

import typer

from bot.cli.context import ChangedId, Config, DiscordId, ask, dropped, fail, given
from bot.cli.divisions import change_category, change_department
from bot.cli.output import show
from bot.cli.rules import Switch, show_rules
from bot.tickets import Plan, UnknownCategories

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
    log_channel: ChangedId = None,
    config: Config = None,
) -> None:
    """Make a workspace: a guild, channels for tickets and game reports, and the staff's role.

    What is late or broken is said in the log channel, if it has one.
    """
    ask(
        config,
        "workspace-create",
        name=name,
        guild_id=guild,
        tickets_channel_id=tickets_channel,
        reports_channel_id=reports_channel,
        staff_role_id=staff_role,
        **given(log_channel_id=log_channel),
    )
    typer.echo(f"Workspace {name} is ready. Next: ticketbridge key create --workspace {name} --source ...")


@workspaces.command("list")
def list_workspaces(config: Config = None) -> None:
    """Show all workspaces."""
    show(
        ask(config, "workspace-list"),
        (
            *("name", "guild_id", "tickets_channel_id", "reports_channel_id", "log_channel_id"),
            *("staff_role_id", "created_at", "id"),
        ),
        nothing="There is no workspace yet. `ticketbridge workspace create` makes one.",
    )


@workspaces.command("show")
def show_workspace(name: Name, config: Config = None) -> None:
    """Show everything about a workspace: its channels, rules, departments and categories."""
    (workspace,) = ask(config, "workspace-show", workspace=name)
    show_rules(workspace)


@workspaces.command("set")
def change_workspace(
    name: Name,
    plan: Annotated[Plan | None, typer.Option(help="What it has subscribed to.")] = None,
    tickets: Annotated[
        Switch | None, typer.Option(help="Its tickets module, for contracts that ask.")
    ] = None,
    unknown_categories: Annotated[
        UnknownCategories | None, typer.Option(help="What becomes of a ticket whose category it lacks.")
    ] = None,
    default_department: Annotated[
        str | None, typer.Option(metavar="ID", help="Whose a ticket is if no department names its category.")
    ] = None,
    tickets_channel: ChangedId = None,
    reports_channel: ChangedId = None,
    staff_role: ChangedId = None,
    log_channel: ChangedId = None,
    no_log_channel: Annotated[
        bool, typer.Option("--no-log-channel", help="What is late or broken is said nowhere again.")
    ] = False,
    config: Config = None,
) -> None:
    """Change a workspace's channels, role or rules; what is not named stays."""
    parts = given(
        plan=plan,
        tickets_enabled=None if tickets is None else tickets is Switch.ON,
        unknown_categories=unknown_categories,
        default_department=default_department,
        tickets_channel_id=tickets_channel,
        reports_channel_id=reports_channel,
        staff_role_id=staff_role,
        log_channel_id=log_channel,
    )
    parts |= dropped(parts, log_channel_id=no_log_channel)
    if not parts:
        fail(
            "Say what to change: --plan, --tickets, --unknown-categories, --default-department, "
            "--tickets-channel, --reports-channel, --staff-role, --log-channel or --no-log-channel."
        )
    (workspace,) = ask(config, "workspace-set", workspace=name, **parts)
    typer.echo(f"Workspace {name} is changed.\n")
    show_rules(workspace)
