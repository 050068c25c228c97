"""`ticketbridge workspace department` and `category`: what a workspace is divided into."""

from typing import Annotated

import typer

from bot.cli.context import Config, OptionalDiscordId, abort, call_service, changed_fields, cleared_fields
from bot.cli.rules import print_categories, print_departments

Workspace = Annotated[str, typer.Argument(metavar="WORKSPACE", help="The workspace's name.")]
Ids = Annotated[list[str] | None, typer.Option(metavar="ID")]


def change_department(
    workspace: Workspace,
    department: Annotated[str, typer.Argument(metavar="ID", help="The department's id.")],
    name: Annotated[str | None, typer.Option(help="What people read; a new one is named by its id.")] = None,
    channel: OptionalDiscordId = None,
    no_channel: Annotated[bool, typer.Option("--no-channel", help="The workspace's channels again.")] = False,
    category: Ids = None,
    no_category: Annotated[bool, typer.Option("--no-category", help="It handles any again.")] = False,
    member: Ids = None,
    no_member: Annotated[bool, typer.Option("--no-member", help="All staff see its tickets again.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Its tickets stay where they are.")] = False,
    config: Config = None,
) -> None:
    """Add a department or change one; what is not named stays. Repeat --category and --member for more."""
    parts = changed_fields(name=name, channel_id=channel, categories=category or None, members=member or None)
    parts |= cleared_fields(parts, channel_id=no_channel, categories=no_category, members=no_member)
    if remove and parts:
        abort("--remove takes nothing else with it.")
    verb = "department-remove" if remove else "department-set"
    (kept,) = call_service(config, verb, workspace=workspace, department=department, **parts)
    typer.echo(f"Department {department} of workspace {workspace} is {'removed' if remove else 'kept'}.\n")
    print_departments(kept)


def change_category(
    workspace: Workspace,
    category: Annotated[str, typer.Argument(metavar="ID", help="The category's id.")],
    name: Annotated[str | None, typer.Option(help="What people read; a new one is named by its id.")] = None,
    department: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Who handles it; those that are not named do not.")
    ] = None,
    no_department: Annotated[bool, typer.Option("--no-department", help="None names it any more.")] = False,
    max_open: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Open tickets that a player may have in it.")
    ] = None,
    no_max_open: Annotated[bool, typer.Option("--no-max-open", help="Any number again.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Its tickets keep its name.")] = False,
    config: Config = None,
) -> None:
    """Add a category or change one; what is not named stays. Repeat --department for more."""
    parts = changed_fields(name=name, departments=department or None, max_open=max_open)
    parts |= cleared_fields(parts, departments=no_department, max_open=no_max_open)
    if remove and parts:
        abort("--remove takes nothing else with it.")
    verb = "category-remove" if remove else "category-set"
    (kept,) = call_service(config, verb, workspace=workspace, category=category, **parts)
    typer.echo(f"Category {category} of workspace {workspace} is {'removed' if remove else 'kept'}.\n")
    print_categories(kept)
