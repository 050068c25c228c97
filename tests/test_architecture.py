"""The signs on the doors: what each room may import, and what it must never hear of."""

import ast
import gc
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1]
TREE = sorted(file for room in ("bot", "cogs", "storage") for file in (HOUSE / room).rglob("*.py"))

# Each room, and what it may import besides the standard library and itself.
SIGNS = {
    "bot": "",
    "bot.tickets": "",
    "bot.clock": "",
    "bot.sources": "bot.tickets pydantic pydantic_core jinja2",
    "storage": "bot.tickets aiosqlite",
    "bot.webhook": "bot.tickets bot.sources storage aiohttp pydantic",
    "bot.outbox": "bot.tickets storage",
    "bot.config": "pydantic pydantic_core pydantic_settings",
    "bot.discord_client": "discord aiohttp yarl bot.config bot.outbox storage",
    "cogs": "discord bot.tickets bot.discord_client bot.outbox storage",
    "bot.sandbox": "aiohttp",
    "bot.observability": "bot.config bot.tickets bot.outbox bot.discord_client bot.webhook storage "
    "prometheus_client pythonjsonlogger rich",
    "bot.jobs": "bot.config storage",
    "bot.admin": "bot.clock bot.tickets storage aiohttp",
    "bot.cli": "bot.clock bot.tickets bot.sources bot.config bot.admin storage typer rich",
    "bot.application": "bot.tickets bot.sources bot.webhook bot.outbox bot.config bot.discord_client "
    "bot.admin bot.jobs bot.observability cogs storage aiohttp discord",
}
EVERY_ROOM = f"{' '.join(SIGNS)} bot.demo"
SIGNS["bot.demo"] = f"{EVERY_ROOM} rich pydantic aiohttp"
SIGNS["bot.cli.run"] = f"{EVERY_ROOM} typer rich"
SIGNS["bot.__main__"] = "bot.cli.run"

GAMES = {"roblox", "minecraft"}
CONTRACTS = {file.parent.name for file in (HOUSE / "bot" / "sources").glob("*/__init__.py")}
SQL = re.compile(r"\b(SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM|CREATE TABLE|PRAGMA)\b")

Sign = Callable[[str, str], Iterator[str]]  # a path and its text -> what is wrong with it


def _tree(text: str) -> ast.Module:
    """CPython 3.11 fails if the garbage is collected while it builds a tree."""
    gc.disable()
    try:
        return ast.parse(text)
    finally:
        gc.enable()


def room_of(module: str) -> str | None:
    """The innermost room a module is in; None if it is none of ours."""
    inside = [room for room in SIGNS if f"{module}.".startswith(f"{room}.")]
    return max(inside, key=len, default=None)


def imports_what_its_sign_allows(path: str, text: str) -> Iterator[str]:
    room = room_of(path.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    if room is None or (room == "bot" and path != "bot/__init__.py"):
        yield "is in no room: name it in SIGNS"
        return
    for target in _imported(_tree(text)):
        top = target.partition(".")[0]
        wanted = room_of(target) or top
        if top not in sys.stdlib_module_names and wanted not in (room, *SIGNS[room].split()):
            yield f"{room} must not import {wanted}"


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports_by_whole_names(path: str, text: str) -> Iterator[str]:
    for node in ast.walk(_tree(text)):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield f"line {node.lineno}: a relative import hides one end of it"


def speaks_sql_only_in_storage(path: str, text: str) -> Iterator[str]:
    if path.startswith("storage/"):
        return
    tree = _tree(text)
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in said and SQL.search(str(node.value)):
            yield f"line {node.lineno}: SQL outside storage/"


def names_no_game(path: str, text: str) -> Iterator[str]:
    own = re.match(r"bot/sources/(\w+)/", path)
    if own:
        return
    for number, line in enumerate(text.splitlines(), 1):
        words = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", line)}
        for word in words & (GAMES | CONTRACTS):
            yield f"line {number}: {word} is known in its own folder alone"


def leaves_making_replies_to_the_ticket(path: str, text: str) -> Iterator[str]:
    if path == "bot/tickets/ticket.py":
        return
    for node in ast.walk(_tree(text)):
        if not isinstance(node, ast.Call) or ast.unparse(node.func) == "asyncio.Event":
            continue
        if _name(node.func) in ("Reply", "Note", "FollowUp", "Event"):
            yield f"line {node.lineno}: only a method of Ticket makes one"


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def is_named_for_what_it_is(path: str, text: str) -> Iterator[str]:
    for part in Path(path).with_suffix("").parts:
        if part.strip("_") in ("utils", "util", "helpers", "helper", "common", "manager"):
            yield f"{part} says nothing"


EVERY_SIGN: tuple[Sign, ...] = (
    imports_what_its_sign_allows,
    imports_by_whole_names,
    speaks_sql_only_in_storage,
    names_no_game,
    leaves_making_replies_to_the_ticket,
    is_named_for_what_it_is,
)


@pytest.mark.parametrize("sign", EVERY_SIGN)
def test_the_house_keeps_its_signs(sign: Sign) -> None:
    broken = [
        f"{path}: {wrong}"
        for path, text in ((str(file.relative_to(HOUSE)), file.read_text(encoding="utf-8")) for file in TREE)
        for wrong in sign(path, text)
    ]

    assert len(TREE) > 30
    assert broken == []


@pytest.mark.parametrize(
    ("sign", "path", "text"),
    [
        (imports_what_its_sign_allows, "bot/tickets/ticket.py", "import aiohttp"),
        (imports_what_its_sign_allows, "bot/tickets/ticket.py", "from storage import Store"),
        (imports_what_its_sign_allows, "bot/sources/__init__.py", "import aiohttp.web"),
        (
            imports_what_its_sign_allows,
            "bot/sources/x/requests.py",
            "def f():\n    import sqlite3, aiosqlite",
        ),
        (imports_what_its_sign_allows, "storage/store.py", "import pydantic"),
        (imports_what_its_sign_allows, "bot/webhook/app.py", "import discord"),
        (
            imports_what_its_sign_allows,
            "bot/webhook/app.py",
            "from bot.discord_client.client import TicketBot",
        ),
        (imports_what_its_sign_allows, "bot/outbox/dispatcher.py", "from bot.sources import Source"),
        (imports_what_its_sign_allows, "bot/outbox/push.py", "import discord"),
        (imports_what_its_sign_allows, "bot/config.py", "from bot import tickets"),
        (imports_what_its_sign_allows, "bot/discord_client/client.py", "import bot.webhook"),
        (imports_what_its_sign_allows, "cogs/tickets/buttons.py", "from bot.sources import discover"),
        (
            imports_what_its_sign_allows,
            "cogs/tickets/buttons.py",
            "from bot.sandbox.model.guilds import World",
        ),
        (imports_what_its_sign_allows, "cogs/core/markdown.py", "from pydantic import BaseModel"),
        (imports_what_its_sign_allows, "bot/sandbox/model/guilds.py", "from bot.tickets import Ticket"),
        (imports_what_its_sign_allows, "bot/admin/service.py", "from bot.sources import discover"),
        (imports_what_its_sign_allows, "bot/cli/keys.py", "from bot.webhook import Webhook"),
        (imports_what_its_sign_allows, "bot/cli/output.py", "import discord"),
        (imports_what_its_sign_allows, "bot/application.py", "from bot import sandbox"),
        (imports_what_its_sign_allows, "bot/__main__.py", "import requests"),
        (imports_what_its_sign_allows, "bot/attic.py", ""),
        (imports_by_whole_names, "cogs/tickets/buttons.py", "from . import cog"),
        (imports_by_whole_names, "cogs/tickets/buttons.py", "from .cog import PostsCog"),
        (speaks_sql_only_in_storage, "cogs/tickets/buttons.py", "rows = 'SELECT * FROM tickets'"),
        (speaks_sql_only_in_storage, "bot/webhook/app.py", "f(f'UPDATE tickets SET {x}')"),
        (names_no_game, "cogs/tickets/buttons.py", "if ticket.source == 'roblox': pass"),
        (names_no_game, "bot/webhook/app.py", "def from_minecraft(): pass"),
        (names_no_game, "bot/tickets/ticket.py", "isRoblox = True"),
        (names_no_game, "storage/store.py", "x = 1  # as Modl does"),
        (names_no_game, "bot/sources/validation.py", "SERIES = 1"),
        (
            leaves_making_replies_to_the_ticket,
            "cogs/tickets/buttons.py",
            "Reply(ticket_id=1, text=t)",
        ),
        (leaves_making_replies_to_the_ticket, "storage/store.py", "tickets.Note(ticket_id=1)"),
        (leaves_making_replies_to_the_ticket, "bot/sources/x/words.py", "FollowUp(ticket_id=1)"),
        (leaves_making_replies_to_the_ticket, "storage/tickets.py", "tickets.Event(ticket_id=1)"),
        (is_named_for_what_it_is, "bot/utils.py", ""),
        (is_named_for_what_it_is, "cogs/helpers.py", ""),
        (is_named_for_what_it_is, "bot/common/x.py", ""),
    ],
)
def test_a_broken_sign_is_seen(sign: Sign, path: str, text: str) -> None:
    assert list(sign(path, text))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("bot/__main__.py", "from bot.cli.run import app"),
        ("bot/cli/run.py", "from bot.demo.demo import run_demo\nimport typer, asyncio"),
        ("bot/demo/demo.py", "from bot.sandbox import Sandbox"),
        ("bot/sources/series/requests.py", "from bot.sources.validation import Text\nroblox = 'Series API'"),
        ("storage/store.py", "x = 'SELECT 1'"),
        ("cogs/tickets/buttons.py", '"""SELECT what you like."""\nx = "select a ticket"'),
        ("bot/tickets/ticket.py", "Reply(ticket_id=1)"),
        ("storage/database.py", "import asyncio\nwatcher = asyncio.Event()"),
    ],
)
def test_what_a_sign_allows_passes(path: str, text: str) -> None:
    assert [wrong for sign in EVERY_SIGN for wrong in sign(path, text)] == []
