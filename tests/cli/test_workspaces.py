"""`ticketbridge workspace`: create, show and change a workspace; each error is one sentence."""

import pytest

from tests.cli.conftest import RunCommand, create_workspace, error_of, output_of


async def rules(ticketbridge: RunCommand) -> dict[str, str]:
    """The upper part of `workspace show`: a value for each name."""
    shown = await output_of(ticketbridge, "workspace", "show", "main")
    lines = [" ".join(line.split()) for line in shown.split("\n\n")[0].splitlines()]
    return {name: value for name, _, value in (line.rpartition(" ") for line in lines)}


async def row(ticketbridge: RunCommand, rule_id: str) -> str:
    """The line of a department or category, one space between its columns."""
    shown = await output_of(ticketbridge, "workspace", "show", "main")
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    return next((line for line in lines if line.startswith(f"{rule_id} ")), "")


async def test_show_prints_every_rule(ticketbridge: RunCommand) -> None:
    await create_workspace(ticketbridge)

    shown = await rules(ticketbridge)

    shown.pop("id")
    shown.pop("workspace")
    assert {name: value for name, value in shown.items() if not name.startswith("created")} == {
        "guild": "1",
        "tickets channel": "2",
        "reports channel": "3",
        "log channel": "none",
        "staff role": "4",
        "watcher role": "none",
        "admin role": "none",
        "plan": "enterprise",
        "tickets": "on",
        "unknown categories": "refuse",
        "thank reporters": "off",
        "name staff": "off",
        "default department": "general",
        "retention": "none",
        "tags": "none",
    }
    assert await row(ticketbridge, "general") == "general General the workspace's any all staff none"
    assert "No categories of its own." in await output_of(ticketbridge, "workspace", "show", "main")


async def test_set_changes_only_what_is_named(ticketbridge: RunCommand) -> None:
    await create_workspace(ticketbridge)
    await output_of(ticketbridge, "workspace", "department", "main", "helpers")
    before = await rules(ticketbridge)

    output = await output_of(ticketbridge, "workspace", "set", "main", "--plan", "free", "--tickets", "off")
    await output_of(ticketbridge, "workspace", "set", "main", "--unknown-categories", "keep")
    await output_of(ticketbridge, "workspace", "set", "main", "--default-department", "helpers")
    await output_of(ticketbridge, "workspace", "set", "main", "--thank-reporters", "on", "--name-staff", "on")
    await output_of(ticketbridge, "workspace", "set", "main", "--name-staff", "off")
    await output_of(ticketbridge, "workspace", "set", "main", "--tickets-channel", 22, "--staff-role", 44)
    await output_of(ticketbridge, "workspace", "set", "main", "--reports-channel", 33, "--tickets", "on")

    assert output.startswith("Workspace main is changed.")
    assert await rules(ticketbridge) == before | {
        "plan": "free",
        "tickets": "on",
        "unknown categories": "keep",
        "default department": "helpers",
        "thank reporters": "on",
        "tickets channel": "22",
        "reports channel": "33",
        "staff role": "44",
    }


async def test_set_without_options_is_an_error_that_lists_them(ticketbridge: RunCommand) -> None:
    await create_workspace(ticketbridge)

    sentence = await error_of(ticketbridge, "workspace", "set", "main")

    assert sentence == (
        "Say what to change: --plan, --tickets, --unknown-categories, --thank-reporters, --name-staff, "
        "--default-department, --tickets-channel, --reports-channel, --staff-role, --log-channel, "
        "--no-log-channel, --watcher-role, --no-watcher-role, --admin-role, --no-admin-role, "
        "--retention-days or --no-retention-days."
    )


async def test_a_log_channel_is_set_changed_and_cleared(ticketbridge: RunCommand) -> None:
    ids = ("--guild", 1, "--tickets-channel", 2, "--reports-channel", 3, "--staff-role", 4)
    await output_of(ticketbridge, "workspace", "create", "--name", "main", *ids, "--log-channel", 5)
    first = await rules(ticketbridge)
    await output_of(ticketbridge, "workspace", "set", "main", "--log-channel", 55)
    second = await rules(ticketbridge)
    listed = await output_of(ticketbridge, "workspace", "list")
    await output_of(ticketbridge, "workspace", "set", "main", "--no-log-channel")

    assert (first["log channel"], second["log channel"]) == ("5", "55")
    assert "log channel" in listed.splitlines()[0]
    assert " 55 " in listed.splitlines()[1]
    assert await rules(ticketbridge) == first | {"log channel": "none"}


async def test_roles_are_set_changed_and_cleared(ticketbridge: RunCommand) -> None:
    ids = ("--guild", 1, "--tickets-channel", 2, "--reports-channel", 3, "--staff-role", 4)
    roles = ("--watcher-role", 5, "--admin-role", 6)
    await output_of(ticketbridge, "workspace", "create", "--name", "main", *ids, *roles)
    first = await rules(ticketbridge)
    await output_of(ticketbridge, "workspace", "set", "main", "--watcher-role", 55, "--no-admin-role")
    second = await rules(ticketbridge)
    await output_of(ticketbridge, "workspace", "set", "main", "--no-watcher-role", "--admin-role", 66)
    department = ("workspace", "department", "main", "builders")
    await output_of(ticketbridge, *department, "--staff-role", 7)
    own_staff = await row(ticketbridge, "builders")
    await output_of(ticketbridge, *department, "--no-staff-role")

    assert (first["watcher role"], first["admin role"]) == ("5", "6")
    assert second == first | {"watcher role": "55", "admin role": "none"}
    assert await rules(ticketbridge) == first | {"watcher role": "none", "admin role": "66"}
    assert own_staff == "builders builders the workspace's any all staff 7"
    assert await row(ticketbridge, "builders") == "builders builders the workspace's any all staff none"


async def test_a_department_changes_only_what_is_named(ticketbridge: RunCommand) -> None:
    await create_workspace(ticketbridge)
    department = ("workspace", "department", "main", "builders")
    for category in ("bugs", "shop"):
        await output_of(ticketbridge, "workspace", "category", "main", category)
    await output_of(ticketbridge, *department)
    assert await row(ticketbridge, "builders") == "builders builders the workspace's any all staff none"
    lists = ("--category", "bugs", "--category", "shop", "--member", 7, "--member", 8)
    await output_of(ticketbridge, *department, "--name", "Builders", "--channel", 9, *lists)
    assert await row(ticketbridge, "builders") == "builders Builders 9 bugs, shop 7, 8 none"

    await output_of(ticketbridge, *department, "--no-channel")
    assert await row(ticketbridge, "builders") == "builders Builders the workspace's bugs, shop 7, 8 none"
    await output_of(ticketbridge, *department, "--no-category", "--no-member")
    assert await row(ticketbridge, "builders") == "builders Builders the workspace's any all staff none"
    output = await output_of(ticketbridge, *department, "--remove")
    assert output.startswith("Department builders of workspace main is removed.")
    assert await row(ticketbridge, "builders") == ""


async def test_a_category_changes_only_what_is_named(ticketbridge: RunCommand) -> None:
    await create_workspace(ticketbridge)
    category = ("workspace", "category", "main", "bugs")
    await output_of(ticketbridge, *category, "--name", "Bugs", "--department", "general", "--max-open", 3)
    assert await row(ticketbridge, "bugs") == "bugs Bugs general 3"
    assert await row(ticketbridge, "A game's") == (
        "A game's ticket of any other category is refused, unless its API has a fixed list of them."
    )

    await output_of(ticketbridge, *category, "--name", "Errors")
    assert await row(ticketbridge, "bugs") == "bugs Errors general 3"
    await output_of(ticketbridge, *category, "--no-max-open", "--no-department")
    assert await row(ticketbridge, "bugs") == "bugs Errors the default one any number"
    await output_of(ticketbridge, *category, "--remove")
    assert await row(ticketbridge, "bugs") == ""


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("show nowhere", "There is no workspace named nowhere."),
        ("set nowhere --plan free", "There is no workspace named nowhere."),
        ("set main --default-department nobody", "There is no such department in this workspace."),
        ("set main --log-channel 1 --no-log-channel", "Give --log-channel or --no-log-channel, not both."),
        ("set main --admin-role 1 --no-admin-role", "Give --admin-role or --no-admin-role, not both."),
        ("department main general --remove", "That is the default department."),
        ("department main nobody --remove", "There is no such department in this workspace."),
        ("department main builders --category none", "There is no category none. Make it first"),
        ("department main builders --channel 1 --no-channel", "Give --channel or --no-channel, not both."),
        ("department main builders --remove --name x", "--remove takes nothing else with it."),
        ("category main bugs --remove", "There is no such category in this workspace."),
        ("category main bugs --department nobody", "There is no such department in this workspace."),
        ("category main bugs --max-open 1 --no-max-open", "Give --max-open or --no-max-open, not both."),
        ("category main bugs --remove --no-max-open", "--remove takes nothing else with it."),
        (f"category main {'x' * 65}", "An id has 1 to 64 characters, all of them visible."),
        ("category main \x1b[31m", "An id has 1 to 64 characters, all of them visible."),
    ],
)
async def test_an_invalid_change_is_one_sentence_and_changes_nothing(
    ticketbridge: RunCommand, line: str, sentence: str
) -> None:
    await create_workspace(ticketbridge)
    before = await output_of(ticketbridge, "workspace", "show", "main")

    assert (await error_of(ticketbridge, "workspace", *line.split(" "))).startswith(sentence)

    assert await output_of(ticketbridge, "workspace", "show", "main") == before


async def test_names_are_shown_without_markup_and_escaped(ticketbridge: RunCommand) -> None:
    await create_workspace(ticketbridge)

    await output_of(ticketbridge, "workspace", "category", "main", "[red]bugs[/red]")

    assert (await row(ticketbridge, "[red]bugs[/red]")).startswith("[red]bugs[/red] [red]bugs[/red]")
    assert "\\x1b[2J" in await error_of(ticketbridge, "workspace", "show", "\x1b[2J")
