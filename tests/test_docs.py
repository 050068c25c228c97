"""The documents name everything there is, each thing in one place, and nothing that is not there."""

import importlib
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import discord
import pytest
import typer
from discord import app_commands
from discord.ext import commands
from pydantic import BaseModel

from bot.__main__ import app
from bot.config import Settings
from bot.demo.demo import run_demo
from bot.outbox.errors import DeliveryError
from bot.sources.contract import Source
from bot.sources.registry import load_sources
from bot.webhook.events import EVENT_OPERATIONS
from bot.webhook.links import LINK_OPERATIONS
from cogs import EXTENSIONS

ROOT = Path(__file__).parent.parent
MANUAL = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md")))
}
README = MANUAL["README.md"]
EXAMPLE = (ROOT / "config.example.toml").read_text(encoding="utf-8")
VERBS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)

OWN_PATHS = ("GET /healthz", "GET /readyz", "GET /metrics")
SHARED_PATHS = tuple(f"{one.method} {one.path}" for one in (*EVENT_OPERATIONS, *LINK_OPERATIONS))
DESCRIBED = ("/docs", "/openapi.json", "/sandbox")
ONLY_WITH_BACKUPS = "ticketbridge_backup_age_seconds"

_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?:)([^)\s]+)\)")


def prose(page: str) -> str:
    """A page without its blocks of code."""
    return _FENCE.sub("", MANUAL[page])


def blocks(page: str, *languages: str) -> list[str]:
    return [text for language, text in _FENCE.findall(MANUAL[page]) if language in languages]


@cache
def defined_in(page: str) -> list[str]:
    """What a page is the place for: the code in its headings and in the first cells of its tables."""
    first_cells = re.findall(r"^\|([^|]*)\|", prose(page), re.MULTILINE)
    return [code for text in (*_HEADING.findall(prose(page)), *first_cells) for code in _CODE.findall(text)]


def places_of(name: str) -> list[str]:
    """The pages that define it, each as often as it does."""
    return [page for page in MANUAL for defined in defined_in(page) if defined == name]


def typed_commands(command: Any, path: str = "ticketbridge") -> Iterator[tuple[str, Any]]:
    """Every command of the command line, as it is typed, and itself."""
    inside = getattr(command, "commands", None)
    if inside is None:
        yield path, command
        return
    for name, one in inside.items():
        yield from typed_commands(one, f"{path} {name}")


COMMANDS = dict(typed_commands(typer.main.get_command(app)))


def slash_commands() -> list[str]:
    """Those of every extension, as they are typed."""
    found = [
        one
        for extension in EXTENSIONS
        for part in vars(importlib.import_module(extension)).values()
        for one in _commands_of(part)
    ]
    return list(dict.fromkeys(found))


def _commands_of(part: object) -> list[str]:
    if isinstance(part, app_commands.Command):
        return [f"/{part.qualified_name}"]
    if isinstance(part, type) and issubclass(part, commands.Cog) and part is not commands.GroupCog:
        group = f"{part.__cog_group_name__} " if issubclass(part, commands.GroupCog) else ""
        return [f"/{group}{one.qualified_name}" for one in part.__cog_app_commands__]
    return []


def settings() -> list[tuple[str, str]]:
    return [
        (section, name)
        for section, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        for name in field.annotation.model_fields
    ]


def paths() -> list[str]:
    return [
        f"{route.method} {route.path}" for source in load_sources().values() for route in source.operations
    ]


# Each thing in its place.


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_has_its_section(line: str) -> None:
    assert places_of(line) == ["docs/cli.md"]


@pytest.mark.parametrize("line", COMMANDS)
def test_every_option_is_in_the_section_of_its_command(line: str) -> None:
    section = MANUAL["docs/cli.md"].partition(f"## `{line}`\n")[2].partition("\n## ")[0]
    options = {
        name
        for option in COMMANDS[line].params
        for name in (*option.opts, *option.secondary_opts)
        if name.startswith("--") and name not in ("--config", "--help")
    }

    assert options <= set(re.findall(r"--[a-z-]+", " ".join(_CODE.findall(section))))


@pytest.mark.parametrize("command", slash_commands())
def test_every_slash_command_has_its_row(command: str) -> None:
    assert places_of(command) == ["docs/commands.md"]


@pytest.mark.parametrize(("section", "name"), settings())
def test_every_setting_has_its_row_and_is_in_the_example(section: str, name: str) -> None:
    variable = f"TICKETBRIDGE_{section}_{name}".upper()

    assert places_of(f"[{section}] {name}") == ["docs/configuration.md"]
    assert f"| `[{section}] {name}` | `{variable}` |" in MANUAL["docs/configuration.md"]
    assert f"[{section}]" in EXAMPLE
    assert f"\n{name} = " in EXAMPLE or f"\n# {name} = " in EXAMPLE
    assert variable in EXAMPLE


@pytest.mark.parametrize("source", load_sources().values(), ids=lambda source: str(source.name))
def test_every_path_of_a_source_has_its_row(source: Source) -> None:
    """In the page of the API, or beside the source: a new game touches its own folder alone."""
    own = ROOT / "bot" / "sources" / source.name / "README.md"
    beside = own.read_text(encoding="utf-8") if own.exists() else ""

    for route in source.operations:
        path = f"{route.method} {route.path}"
        assert places_of(path) == ([] if f"`{path}`" in beside else ["docs/api.md"]), path
    assert f"--source {source.name}" in beside + MANUAL["docs/api.md"]


@pytest.mark.parametrize("path", OWN_PATHS)
def test_every_path_without_a_source_has_its_row(path: str) -> None:
    assert places_of(path) == ["docs/monitoring.md"]


@pytest.mark.parametrize("path", SHARED_PATHS)
def test_every_path_for_all_sources_has_its_row(path: str) -> None:
    assert places_of(path) == ["docs/api.md"]


@pytest.mark.parametrize("outcome", [error.outcome for error in DeliveryError.__subclasses__()])
def test_every_outcome_of_a_delivery_has_its_row(outcome: str) -> None:
    assert places_of(outcome) == ["docs/monitoring.md"]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_of_make_has_its_row(verb: str) -> None:
    assert places_of(f"make {verb}") == ["CONTRIBUTING.md"]


async def test_every_metric_has_its_row_and_no_other_is_there() -> None:
    async with (
        run_demo(webhook_port=0, discord_port=0, database=None) as demo,
        aiohttp.ClientSession() as session,
        session.get(f"{demo.application.webhook_address}/metrics") as answer,
    ):
        scraped = set(re.findall(r"^# HELP (ticketbridge_\w+)", await answer.text(), re.MULTILINE))

    documented = [name for name in defined_in("docs/monitoring.md") if name.startswith("ticketbridge_")]
    assert sorted(documented) == sorted(scraped | {ONLY_WITH_BACKUPS})


# Nothing that is not there.


def test_no_command_is_documented_that_is_not_there() -> None:
    assert {name for name in defined_in("docs/cli.md") if name.startswith("ticketbridge ")} == set(COMMANDS)


def test_no_slash_command_is_documented_that_is_not_there() -> None:
    assert {name for name in defined_in("docs/commands.md") if name[0] == "/"} == set(slash_commands())


def test_no_setting_is_documented_that_is_not_there() -> None:
    documented = {name for name in defined_in("docs/configuration.md") if name[0] == "["}
    assert documented == {f"[{section}] {name}" for section, name in settings()}


def test_no_path_is_documented_that_is_not_there() -> None:
    assert set(defined_in("docs/api.md")) <= {*paths(), *SHARED_PATHS}


@pytest.mark.parametrize("page", sorted(MANUAL.keys() - {"CHANGELOG.md"}))  # which is about the past
def test_what_a_page_mentions_is_there(page: str) -> None:
    """Commands, settings and verbs, in the text and in code to paste."""
    lines = [line.strip() for block in blocks(page, "sh") for line in block.splitlines()]
    named = [*_CODE.findall(prose(page)), *lines]

    groups = {line.split()[1] for line in COMMANDS}
    for code in named:
        words = code.split("#")[0].split()
        if words[:1] == ["ticketbridge"] and words[1:] and words[1].isalpha():
            assert words[1] in groups, code
            assert f"ticketbridge {words[1]}" in COMMANDS or not words[2:] or _is_command(words), code
        if words[:1] == ["make"] and words[1:]:
            assert words[1].startswith(".") or words[1] in VERBS, code
        if re.match(r"/(ticket|setup) [a-z-]+", code) and page != "docs/architecture.md":  # it adds one
            assert " ".join(words[:2]) in slash_commands(), code
        for section, name in re.findall(r"^\[([a-z]+)\] ([a-z_]+)", code):
            assert (section, name) in settings(), code


def _is_command(words: list[str]) -> bool:
    return any(f"{words[0]} {words[1]} {word}" in COMMANDS for word in words[2].split("|"))


@pytest.mark.parametrize("page", sorted(MANUAL.keys() - {"CHANGELOG.md"}))
def test_every_file_that_a_page_names_is_there(page: str) -> None:
    for code in _CODE.findall(prose(page)):
        if re.fullmatch(r"(bot|cogs|storage|tests|docs)/[\w./-]*", code):
            assert (ROOT / code).exists(), code


@pytest.mark.parametrize("page", MANUAL)
def test_every_link_leads_somewhere(page: str) -> None:
    for link in _LINK.findall(prose(page)):
        file, _, anchor = link.partition("#")
        target = (ROOT / page).parent / file if file else ROOT / page
        assert target.resolve().is_relative_to(ROOT), link
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.resolve().relative_to(ROOT).as_posix()), link


def anchors(page: str) -> set[str]:
    """What a code host makes of a page's headings."""
    names = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(prose(page)))
    return {name.strip().replace(" ", "-") for name in names}


@pytest.mark.parametrize("page", MANUAL)
def test_every_curl_asks_for_a_path_that_is_served(page: str) -> None:
    served = {path.split()[1] for path in (*paths(), *OWN_PATHS, *SHARED_PATHS)} | set(DESCRIBED)
    patterns = [re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))) for path in served]

    for block in blocks(page, "sh"):
        for path in re.findall(r"(?:http://127\.0\.0\.1:\d+|\$url)(/[^\s\"'?]*)", block):
            assert any(pattern.fullmatch(path) for pattern in patterns), path


# The first page.


def test_the_readme_is_short() -> None:
    assert len(README.split()) <= 1000
    assert len(README.splitlines()) <= 160


def test_the_readme_begins_with_a_picture() -> None:
    assert "![" in "\n".join(README.splitlines()[:10])


def test_the_figures_of_the_readme_are_those_that_were_measured() -> None:
    """A new run of the benchmark or of the proofs changes the pages; the first page follows."""
    section = README.partition("## How fast, how reliable")[2].partition("\n## ")[0]
    measured = set(re.findall(r"[\d,]*\d", MANUAL["docs/performance.md"] + MANUAL["docs/reliability.md"]))

    figures = re.findall(r"[\d,]*\d", _LINK.sub("", section))
    assert figures
    assert [figure for figure in figures if figure not in measured] == []


async def test_the_curl_commands_of_the_readme_work_in_the_demo() -> None:
    (requests,) = (block for block in blocks("README.md", "sh") if "curl " in block)
    async with (
        run_demo(webhook_port=0, discord_port=0, database=None) as demo,
        aiohttp.ClientSession() as session,
    ):
        for request in requests.split("\n\n"):
            _, _, method, address, *rest = shlex.split(request.replace("\\\n", " "))
            headers = dict(rest[at + 1].split(": ", 1) for at, word in enumerate(rest) if word == "-H")
            for name, key in demo.keys.items():
                headers = {
                    at: value.replace(f"YOUR_{name.upper()}_KEY", key) for at, value in headers.items()
                }
            url = address.replace("http://127.0.0.1:8080", demo.application.webhook_address)
            async with session.request(method, url, headers=headers, data=rest[-1].encode()) as answer:
                assert answer.status == 200, await answer.text()


def test_the_invite_link_asks_for_the_permissions_that_the_page_names() -> None:
    page = MANUAL["docs/install.md"]
    (number,) = re.findall(r"permissions=(\d+)", page)
    table = page.partition("| permission | for |")[2].partition("\n\n")[0]
    named = {name for row in re.findall(r"^\|([^|]*)\|", table, re.MULTILINE) for name in row.split(",")}
    usual = {name.strip().lower().replace(" ", "_") for name in named} - {"---", ""}
    renamed = {"view_channels": "view_channel", "mention_all_roles": "mention_everyone"}

    requested = {name for name, granted in discord.Permissions(int(number)) if granted}
    requested = {"view_channel" if name == "read_messages" else name for name in requested}
    assert requested == {renamed.get(name, name) for name in usual}


def test_there_is_something_to_document() -> None:
    assert len(COMMANDS) >= 18
    assert len(slash_commands()) >= 14
    assert len(settings()) >= 14
    assert len(VERBS) >= 10
