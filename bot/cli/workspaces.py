"""`ticketbridge workspace`: which Discord channels tickets go to, and a workspace's rules and divisions."""

import shlex
from typing import Annotated

import typer

from bot.admin.service import AdminService, JsonObject
from bot.cli.context import (
    Config,
    DiscordId,
    OptionalDiscordId,
    abort,
    call_service,
    changed_fields,
    cleared_fields,
)
from bot.cli.output import OnOff, print_categories, print_departments, print_table, print_workspace
from bot.tickets.workspace import Plan, UnknownCategoryPolicy

workspaces = typer.Typer(
    help="Workspaces: which Discord channels the tickets of a game community go to.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The workspace's name.")]
WorkspaceName = Annotated[str, typer.Argument(metavar="WORKSPACE", help="The workspace's name.")]
DisplayName = Annotated[str | None, typer.Option(help="What people read (default for a new one: its id).")]


@workspaces.command("create")
def create_workspace(
    name: Annotated[str, typer.Option(help="What you call it.")],
    guild: DiscordId,
    tickets_channel: DiscordId,
    reports_channel: DiscordId,
    staff_role: DiscordId,
    log_channel: OptionalDiscordId = None,
    watcher_role: OptionalDiscordId = None,
    admin_role: OptionalDiscordId = None,
    config: Config = None,
) -> None:
    """Create a workspace: a guild, channels for tickets and game reports, and the staff's role.

    Problems with delivery are reported in the log channel, if it has one. While the bridge runs and is
    connected to Discord, the ids are checked.
    """
    (workspace,) = call_service(
        config,
        AdminService.create_workspace,
        name=name,
        guild_id=guild,
        tickets_channel_id=tickets_channel,
        reports_channel_id=reports_channel,
        staff_role_id=staff_role,
        **changed_fields(log_channel_id=log_channel, watcher_role_id=watcher_role, admin_role_id=admin_role),
    )
    state = "saved" if workspace["warning"] else "ready"
    typer.echo(f"Workspace {name} is {state}.")
    _print_warning(workspace)
    typer.echo(f"Next: ticketbridge key create --workspace {shlex.quote(name)} --source ...")


@workspaces.command("list")
def list_workspaces(config: Config = None) -> None:
    """Show all workspaces."""
    print_table(
        call_service(config, AdminService.list_workspaces),
        (
            *("name", "guild_id", "tickets_channel_id", "reports_channel_id", "log_channel_id"),
            *("staff_role_id", "created_at", "id"),
        ),
        empty="There is no workspace yet. `ticketbridge workspace create` creates one.",
    )


@workspaces.command("show")
def show_workspace(name: Name, config: Config = None) -> None:
    """Show everything about a workspace: its channels, rules, departments and categories."""
    (workspace,) = call_service(config, AdminService.show_workspace, workspace=name)
    print_workspace(workspace)


@workspaces.command("set")
def update_workspace(
    name: Name,
    plan: Annotated[Plan | None, typer.Option(help="The plan it is on, for game APIs that ask.")] = None,
    tickets: Annotated[OnOff | None, typer.Option(help="Accept tickets, for game APIs that ask.")] = None,
    unknown_categories: Annotated[
        UnknownCategoryPolicy | None,
        typer.Option(help="What to do with a game's ticket of a category it lacks, once it has any."),
    ] = None,
    thank_reporters: Annotated[
        OnOff | None, typer.Option(help="Tell reporters when their game report was dealt with.")
    ] = None,
    name_staff: Annotated[OnOff | None, typer.Option(help="Show players the names of staff.")] = None,
    default_department: Annotated[
        str | None, typer.Option(metavar="ID", help="Who gets a ticket if no department lists its category.")
    ] = None,
    tickets_channel: OptionalDiscordId = None,
    reports_channel: OptionalDiscordId = None,
    staff_role: OptionalDiscordId = None,
    log_channel: OptionalDiscordId = None,
    no_log_channel: Annotated[
        bool, typer.Option("--no-log-channel", help="Report problems with delivery in no channel.")
    ] = False,
    retention_days: Annotated[
        int | None,
        typer.Option(min=1, max=36_500, help="Erase the texts of tickets that ended so many days ago."),
    ] = None,
    no_retention_days: Annotated[
        bool, typer.Option("--no-retention-days", help="Keep the texts of tickets that ended.")
    ] = False,
    watcher_role: OptionalDiscordId = None,
    no_watcher_role: Annotated[
        bool, typer.Option("--no-watcher-role", help="Nobody is a watcher any more.")
    ] = False,
    admin_role: OptionalDiscordId = None,
    no_admin_role: Annotated[
        bool, typer.Option("--no-admin-role", help="Only Manage Server allows /setup.")
    ] = False,
    config: Config = None,
) -> None:
    """Change a workspace's channels, role or rules; what is not named stays."""
    changes = changed_fields(
        plan=plan,
        tickets_enabled=None if tickets is None else tickets is OnOff.ON,
        unknown_categories=unknown_categories,
        thank_reporters=None if thank_reporters is None else thank_reporters is OnOff.ON,
        name_staff=None if name_staff is None else name_staff is OnOff.ON,
        default_department=default_department,
        tickets_channel_id=tickets_channel,
        reports_channel_id=reports_channel,
        staff_role_id=staff_role,
        log_channel_id=log_channel,
        retention_days=retention_days,
        watcher_role_id=watcher_role,
        admin_role_id=admin_role,
    )
    changes |= cleared_fields(
        changes,
        log_channel_id=no_log_channel,
        retention_days=no_retention_days,
        watcher_role_id=no_watcher_role,
        admin_role_id=no_admin_role,
    )
    if not changes:
        abort(
            "Say what to change: --plan, --tickets, --unknown-categories, --thank-reporters, --name-staff, "
            "--default-department, --tickets-channel, --reports-channel, --staff-role, --log-channel, "
            "--no-log-channel, --watcher-role, --no-watcher-role, --admin-role, --no-admin-role, "
            "--retention-days or --no-retention-days."
        )
    (workspace,) = call_service(config, AdminService.update_workspace, workspace=name, **changes)
    typer.echo(f"Workspace {name} is changed.")
    _print_warning(workspace)
    typer.echo()
    print_workspace(workspace)


@workspaces.command("department")
def set_department(
    workspace: WorkspaceName,
    department: Annotated[str, typer.Argument(metavar="ID", help="The department's id.")],
    name: DisplayName = None,
    channel: OptionalDiscordId = None,
    no_channel: Annotated[
        bool, typer.Option("--no-channel", help="Post its tickets in the workspace's channels.")
    ] = False,
    category: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="A category it handles; no other one.")
    ] = None,
    no_category: Annotated[bool, typer.Option("--no-category", help="It handles any category.")] = False,
    member: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Who sees its tickets, by their id in the game.")
    ] = None,
    no_member: Annotated[bool, typer.Option("--no-member", help="All staff see its tickets.")] = False,
    staff_role: OptionalDiscordId = None,
    no_staff_role: Annotated[
        bool, typer.Option("--no-staff-role", help="It has no staff of its own in Discord.")
    ] = False,
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove it; its tickets stay where they are.")
    ] = False,
    config: Config = None,
) -> None:
    """Add a department or change one; what is not named stays. Repeat --category and --member for more."""
    changes = changed_fields(
        name=name,
        channel_id=channel,
        categories=category or None,
        members=member or None,
        staff_role_id=staff_role,
    )
    changes |= cleared_fields(
        changes,
        channel_id=no_channel,
        categories=no_category,
        members=no_member,
        staff_role_id=no_staff_role,
    )
    if remove:
        _require_no_changes(changes)
        (saved,) = call_service(
            config, AdminService.remove_department, workspace=workspace, department=department
        )
    else:
        (saved,) = call_service(
            config, AdminService.set_department, workspace=workspace, department=department, **changes
        )
    _print_change("Department", department, workspace, remove)
    _print_warning(saved)
    typer.echo()
    print_departments(saved)


@workspaces.command("category")
def set_category(
    workspace: WorkspaceName,
    category: Annotated[str, typer.Argument(metavar="ID", help="The category's id.")],
    name: DisplayName = None,
    department: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="A department that handles it; no other one does.")
    ] = None,
    no_department: Annotated[
        bool, typer.Option("--no-department", help="The default department handles it.")
    ] = False,
    max_open: Annotated[
        int | None, typer.Option(min=1, max=1000, help="How many open tickets a player may have in it.")
    ] = None,
    no_max_open: Annotated[bool, typer.Option("--no-max-open", help="Any number.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Remove it; its tickets keep its name.")] = False,
    config: Config = None,
) -> None:
    """Add a category or change one; what is not named stays. Repeat --department for more."""
    changes = changed_fields(name=name, departments=department or None, max_open=max_open)
    changes |= cleared_fields(changes, departments=no_department, max_open=no_max_open)
    if remove:
        _require_no_changes(changes)
        (saved,) = call_service(config, AdminService.remove_category, workspace=workspace, category=category)
    else:
        (saved,) = call_service(
            config, AdminService.set_category, workspace=workspace, category=category, **changes
        )
    _print_change("Category", category, workspace, remove)
    typer.echo()
    print_categories(saved)


def _require_no_changes(changes: dict[str, object]) -> None:
    if changes:
        abort("--remove takes nothing else with it.")


def _print_change(kind: str, id: str, workspace: str, removed: bool) -> None:
    typer.echo(f"{kind} {id} of workspace {workspace} is {'removed' if removed else 'saved'}.")


def _print_warning(workspace: JsonObject) -> None:
    if workspace["warning"]:
        typer.echo(f"{workspace['warning']} Make sure yourself that they are right.")
