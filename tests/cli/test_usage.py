"""`--version`, `-h` on every command, exit codes, plurals, and commands in a folder without a database."""

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from bot.cli.app import app
from bot.cli.output import pluralize

ENVIRONMENT = {"COLUMNS": "200", "TICKETBRIDGE_STORAGE_PATH": "tickets.db"}


def every_command(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command and command group."""
    yield path
    for name, inner in getattr(command, "commands", {}).items():
        yield from every_command(inner, (*path, name))


COMMANDS = list(every_command(typer.main.get_command(app)))
GROUPS = list(dict.fromkeys(words[:-1] for words in COMMANDS if words))


def test_the_version_is_that_of_the_package() -> None:
    result = CliRunner().invoke(app, ["--version"])

    assert (result.exit_code, result.stdout) == (0, f"ticketbridge {version('ticketbridge')}\n")


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_a_short_help_option(words: tuple[str, ...]) -> None:
    short, long = (CliRunner().invoke(app, [*words, option], env=ENVIRONMENT) for option in ("-h", "--help"))

    assert short.exit_code == long.exit_code == 0
    assert short.stdout == long.stdout
    assert f"ticketbridge {' '.join(words)}".strip() in short.stdout.replace("root", "ticketbridge")


@pytest.mark.parametrize("words", GROUPS, ids=" ".join)
def test_the_help_of_a_group_has_whole_sentences_in_any_width(words: tuple[str, ...]) -> None:
    narrow, wide = (
        CliRunner()
        .invoke(app, [*words, "--help"], env=ENVIRONMENT | {"COLUMNS": columns})
        .stdout.partition("Commands:")[2]
        for columns in ("60", "120")
    )

    assert "..." not in narrow
    assert narrow.split() == wide.split()


CREATE = [
    *("workspace", "create", "--name", "main", "--guild", "1", "--tickets-channel", "2"),
    *("--reports-channel", "3", "--staff-role", "4"),
]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("--version", 0),
        ("run -h", 0),
        ("workspace show main", 0),
        ("workspace show nowhere", 1),
        (" ".join(CREATE), 1),  # the name is taken
        ("key revoke nokey", 1),
        ("outbox retry", 1),
        ("workspace", 2),
        ("workspace shw", 2),
        ("workspace show", 2),
        ("workspace create --guild x", 2),
        ("outbox drop 0", 2),
        ("run --colour", 2),
    ],
)
def test_exit_codes_are_0_for_success_1_for_an_error_and_2_for_wrong_usage(
    line: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, CREATE, env=ENVIRONMENT).exit_code == 0

    result = CliRunner().invoke(app, line.split(), env=ENVIRONMENT)

    assert result.exit_code == code, result.output
    is_one_sentence = result.stderr.startswith("ticketbridge: ") and result.stderr.count("\n") == 1
    assert is_one_sentence == (code == 1)


@pytest.mark.parametrize(
    "line",
    [
        "workspace list",
        "workspace show main",
        "workspace set main --plan free",
        "workspace department main mods",
        "workspace category main bugs",
        "key create --workspace main --source series",
        "key list",
        "key revoke abc",
        "outbox list",
        "outbox retry --all",
        "outbox drop 1",
        "rejected list",
        "rejected show 1",
        "backup copy.db",
        "restore copy.db",
    ],
)
def test_a_command_in_a_folder_without_a_database_creates_nothing(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(app, line.split(), env=ENVIRONMENT)

    assert result.exit_code == 1
    missing = (
        "backup at copy.db." if line.startswith("restore") else f"database at {tmp_path / 'tickets.db'}. "
    )
    assert result.stderr.startswith(f"ticketbridge: There is no {missing}")
    assert list(tmp_path.iterdir()) == []


def test_creating_a_workspace_creates_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["my hub" if word == "main" else word for word in CREATE]

    created = CliRunner().invoke(app, words, env=ENVIRONMENT)
    listed = CliRunner().invoke(app, ["key", "list"], env=ENVIRONMENT)

    assert created.stdout == (
        "Workspace my hub is saved.\n"
        "The Discord ids were not checked, because ticketbridge is not running. "
        "Make sure yourself that they are right.\n"
        "Next: ticketbridge key create --workspace 'my hub' --source ...\n"
    )
    assert listed.stdout == "There is no API key yet. `ticketbridge key create` creates one.\n"


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 tickets"), (1, "1 ticket"), (2, "2 tickets"), (1234, "1,234 tickets")]
)
def test_a_noun_follows_its_number(count: int, text: str) -> None:
    assert pluralize(count, "ticket") == text


def test_run_is_loaded_without_what_it_needs_later_or_never() -> None:
    code = "import sys; from bot.cli.app import app, LazyCommands; LazyCommands()['run']; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603

    modules = set(loaded.stdout.split())

    assert "bot.application" in modules
    assert not modules & {"discord", "rich", "bot.sandbox", "bot.demo", "bot.cli.workspaces", "cogs.posts"}
