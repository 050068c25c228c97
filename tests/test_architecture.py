"""The architecture's rules: what each package may import, what it must not know, and where things stand."""

import ast
import gc
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE_FILES = sorted(file for top in ("bot", "cogs", "storage") for file in (ROOT / top).rglob("*.py"))

# Each package or module, and what it may import besides the standard library and itself.
ALLOWED_IMPORTS = {
    "bot": "",
    "bot.clock": "",
    "bot.tickets": "",
    "bot.i18n": "bot.tickets babel",
    "bot.config": "pydantic pydantic_core pydantic_settings",
    "bot.sources": "bot.i18n bot.tickets bot.sources.modl.protobuf pydantic pydantic_core jinja2",
    "bot.sources.modl.protobuf": "bot.tickets bot.sources pydantic_core google",
    "storage": "bot.tickets storage.sqlite",
    "storage.sqlite": "bot.clock bot.tickets storage aiosqlite",
    "bot.webhook": "bot.clock bot.i18n bot.tickets bot.sources storage aiohttp pydantic pydantic_core",
    "bot.outbox": "bot.clock bot.tickets storage aiohttp standardwebhooks",
    "bot.discord_client": "discord aiohttp yarl bot.clock bot.config bot.i18n bot.outbox storage",
    "cogs": "discord bot.clock bot.i18n bot.tickets bot.discord_client bot.outbox storage",
    "bot.sandbox": "aiohttp",
    "bot.observability": "bot.clock bot.config bot.tickets bot.outbox bot.discord_client storage "
    "prometheus_client pythonjsonlogger rich",
    "bot.jobs": "bot.clock bot.config storage",
    "bot.admin": "bot.clock bot.tickets bot.outbox storage",
    "bot.cli": "bot.clock bot.config bot.tickets bot.sources bot.admin bot.application bot.demo "
    "bot.observability bot.webhook storage typer rich",
    "bot.application": "bot.clock bot.config bot.tickets bot.sources bot.webhook bot.outbox "
    "bot.discord_client bot.admin bot.jobs bot.observability cogs storage aiohttp discord",
}
EVERYTHING_OF_OURS = " ".join((*ALLOWED_IMPORTS, "bot.demo"))
ALLOWED_IMPORTS["bot.demo"] = f"{EVERYTHING_OF_OURS} rich pydantic aiohttp"
ALLOWED_IMPORTS["bot.__main__"] = "bot.cli"

GAMES = {"roblox", "minecraft"}
CONTRACTS = {file.parent.name for file in (ROOT / "bot" / "sources").glob("*/__init__.py")}
SQL = re.compile(r"\b(SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM|CREATE TABLE|PRAGMA)\b")

# Private names of libraries: in one file each, which names them in its docstring.
PRIVATE_NAMES = {
    "bot/webhook/server/aiohttp_private.py": {"_waiter", "_prepare_headers"},
    "bot/discord_client/client.py": {"_HTTPClient__session", "_timeout", "_middlewares"},
    "storage/sqlite/connection.py": {"_execute", "_conn"},
}

Rule = Callable[[str, str], Iterator[str]]  # a path and its text -> what breaks the rule


def _parse(text: str) -> ast.Module:
    """CPython 3.11 fails if it collects garbage while it builds a tree."""
    gc.disable()
    try:
        return ast.parse(text)
    finally:
        gc.enable()


def package_of(module: str) -> str | None:
    """The innermost entry of ALLOWED_IMPORTS that a module belongs to; None for another's module."""
    inside = [name for name in ALLOWED_IMPORTS if f"{module}.".startswith(f"{name}.")]
    return max(inside, key=len, default=None)


def imports_only_what_is_allowed(path: str, text: str) -> Iterator[str]:
    package = package_of(path.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    if package is None or (package == "bot" and path != "bot/__init__.py"):
        yield "is in no package: add it to ALLOWED_IMPORTS"
        return
    for target in _imported(_parse(text)):
        top = target.partition(".")[0]
        imported = package_of(target) or top
        if top not in sys.stdlib_module_names and imported not in (
            package,
            *ALLOWED_IMPORTS[package].split(),
        ):
            yield f"{package} must not import {imported}"


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports_absolutely(path: str, text: str) -> Iterator[str]:
    for node in ast.walk(_parse(text)):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield f"line {node.lineno}: a relative import"


def has_sql_in_storage_alone(path: str, text: str) -> Iterator[str]:
    if path.startswith("storage/"):
        return
    tree = _parse(text)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docstrings and SQL.search(str(node.value)):
            yield f"line {node.lineno}: SQL outside storage/"


def names_games_and_contracts_in_their_folder_alone(path: str, text: str) -> Iterator[str]:
    if re.match(r"bot/sources/\w+/", path):
        return
    for number, line in enumerate(text.splitlines(), 1):
        words = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", line)}
        for word in words & (GAMES | CONTRACTS):
            yield f"line {number}: {word} outside its own folder"


def makes_messages_in_ticket_alone(path: str, text: str) -> Iterator[str]:
    if path == "bot/tickets/ticket.py":
        return
    for node in ast.walk(_parse(text)):
        if isinstance(node, ast.Call) and _called(node.func) == "NewMessage":
            yield f"line {node.lineno}: only a method of Ticket makes one"


def _called(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def has_a_telling_file_name(path: str, text: str) -> Iterator[str]:
    for part in Path(path).with_suffix("").parts:
        if part in ("utils", "util", "helpers", "helper", "common", "misc", "manager"):
            yield f"{part} says nothing"
        if part.startswith("_") and not part.startswith("__"):
            yield f"{part} is an underscore module"


def uses_private_names_of_libraries_in_their_file_alone(path: str, text: str) -> Iterator[str]:
    tree = _parse(text)
    for owner, names in PRIVATE_NAMES.items():
        if path == owner:
            continue
        for node in ast.walk(tree):
            if not isinstance(node, ast.Attribute) or getattr(node.value, "id", "") == "self":
                continue
            if node.attr in names:
                yield f"line {node.lineno}: {node.attr} belongs to {owner}"


RULES: tuple[Rule, ...] = (
    imports_only_what_is_allowed,
    imports_absolutely,
    has_sql_in_storage_alone,
    names_games_and_contracts_in_their_folder_alone,
    makes_messages_in_ticket_alone,
    has_a_telling_file_name,
    uses_private_names_of_libraries_in_their_file_alone,
)


@pytest.mark.parametrize("rule", RULES)
def test_every_file_keeps_the_rule(rule: Rule) -> None:
    broken = [
        f"{path}: {what}"
        for path, text in (
            (file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")) for file in SOURCE_FILES
        )
        for what in rule(path, text)
    ]

    assert len(SOURCE_FILES) > 30
    assert broken == []


def test_the_files_and_packages_that_rules_name_exist() -> None:
    modules = (name.replace(".", "/") for name in ALLOWED_IMPORTS)
    assert [name for name in modules if not ((ROOT / name).is_dir() or (ROOT / f"{name}.py").exists())] == []
    for path, names in PRIVATE_NAMES.items():
        text = (ROOT / path).read_text(encoding="utf-8")
        assert [name for name in names if name not in text] == [], path


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (imports_only_what_is_allowed, "bot/tickets/ticket.py", "import aiohttp"),
        (imports_only_what_is_allowed, "bot/tickets/ticket.py", "from storage import Store"),
        (imports_only_what_is_allowed, "bot/tickets/actions.py", "import discord"),
        (imports_only_what_is_allowed, "bot/clock.py", "from bot.tickets.ticket import Ticket"),
        (imports_only_what_is_allowed, "bot/sources/contract.py", "import aiohttp.web"),
        (imports_only_what_is_allowed, "bot/sources/x/requests.py", "def f():\n    import aiosqlite"),
        (imports_only_what_is_allowed, "storage/store.py", "import pydantic"),
        (imports_only_what_is_allowed, "bot/webhook/app.py", "import discord"),
        (
            imports_only_what_is_allowed,
            "bot/webhook/app.py",
            "from bot.discord_client.client import TicketBot",
        ),
        (imports_only_what_is_allowed, "bot/outbox/dispatcher.py", "from bot.sources.contract import Source"),
        (imports_only_what_is_allowed, "bot/outbox/push.py", "import discord"),
        (imports_only_what_is_allowed, "bot/config.py", "from bot import tickets"),
        (imports_only_what_is_allowed, "bot/discord_client/client.py", "import bot.webhook"),
        (imports_only_what_is_allowed, "cogs/posts/cog.py", "from bot.sources.registry import load_sources"),
        (imports_only_what_is_allowed, "cogs/posts/cog.py", "from bot.sandbox.model.guilds import World"),
        (imports_only_what_is_allowed, "cogs/core/markdown.py", "from pydantic import BaseModel"),
        (imports_only_what_is_allowed, "bot/sandbox/server.py", "from bot.tickets.ticket import Ticket"),
        (imports_only_what_is_allowed, "bot/observability/metrics.py", "import discord"),
        (imports_only_what_is_allowed, "bot/jobs/backups.py", "from bot.tickets.ticket import Ticket"),
        (imports_only_what_is_allowed, "bot/admin/service.py", "from bot.sources import registry"),
        (imports_only_what_is_allowed, "bot/cli/output.py", "import discord"),
        (imports_only_what_is_allowed, "bot/application.py", "from bot import sandbox"),
        (imports_only_what_is_allowed, "bot/__main__.py", "import requests"),
        (imports_only_what_is_allowed, "bot/attic.py", ""),
        (imports_absolutely, "cogs/posts/cog.py", "from . import send"),
        (imports_absolutely, "cogs/posts/cog.py", "from .send import send_embed"),
        (has_sql_in_storage_alone, "cogs/posts/cog.py", "rows = 'SELECT * FROM tickets'"),
        (has_sql_in_storage_alone, "bot/webhook/app.py", "f(f'UPDATE tickets SET {x}')"),
        (names_games_and_contracts_in_their_folder_alone, "cogs/posts/cog.py", "if source == 'roblox': pass"),
        (names_games_and_contracts_in_their_folder_alone, "bot/webhook/app.py", "def from_minecraft(): pass"),
        (names_games_and_contracts_in_their_folder_alone, "bot/tickets/ticket.py", "isRoblox = True"),
        (names_games_and_contracts_in_their_folder_alone, "storage/store.py", "x = 1  # as Modl does"),
        (names_games_and_contracts_in_their_folder_alone, "bot/sources/validation.py", "SERIES = 1"),
        (makes_messages_in_ticket_alone, "cogs/tickets/buttons.py", "NewMessage(ticket_id=1, text=t)"),
        (makes_messages_in_ticket_alone, "storage/store.py", "message.NewMessage(kind=MessageKind.EVENT)"),
        (has_a_telling_file_name, "bot/utils.py", ""),
        (has_a_telling_file_name, "cogs/helpers.py", ""),
        (has_a_telling_file_name, "bot/common/x.py", ""),
        (has_a_telling_file_name, "cogs/_embeds.py", ""),
        (uses_private_names_of_libraries_in_their_file_alone, "bot/webhook/app.py", "x = protocol._waiter"),
        (uses_private_names_of_libraries_in_their_file_alone, "cogs/posts/cog.py", "s._timeout = 1"),
        (uses_private_names_of_libraries_in_their_file_alone, "storage/store.py", "db._execute(f)"),
    ],
)
def test_a_broken_rule_is_noticed(rule: Rule, path: str, text: str) -> None:
    assert list(rule(path, text))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("bot/__main__.py", "from bot.cli import app\nimport asyncio"),
        ("bot/demo/demo.py", "from bot.sandbox import Sandbox"),
        ("bot/sources/series/requests.py", "from bot.sources.validation import Text\nroblox = 'Series API'"),
        ("storage/store.py", "x = 'SELECT 1'"),
        ("cogs/tickets/buttons.py", '"""SELECT what you like."""\nx = "select a ticket"'),
        ("bot/tickets/ticket.py", "NewMessage(ticket_id=1)"),
        ("bot/sources/requests.py", "from bot.tickets.message import NewMessage\nMade = NewMessage | None"),
        ("bot/webhook/server/aiohttp_private.py", "x = connection._waiter"),
    ],
)
def test_what_the_rules_allow_passes(path: str, text: str) -> None:
    assert [what for rule in RULES for what in rule(path, text)] == []
