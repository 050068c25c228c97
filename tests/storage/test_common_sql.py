"""The statements of the repositories: in the subset of SQL that every engine has, and valid."""

import ast
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storage.sqlite.dialect import translate
from storage.sqlite.migrate import migrate

STORAGE = Path(__file__).parents[2] / "storage"
FILES = sorted(STORAGE.glob("*.py"))

_IS_SQL = re.compile(r"\s*(SELECT|INSERT INTO|UPDATE \w+\s+SET|DELETE FROM|WITH)\b")
# What only one engine has, or understands in its own way.
_OF_ONE_ENGINE = re.compile(
    r"\b(json_\w+|rowid|oid|pragma|iif|match|glob|zeroblob|strftime|unixepoch|total|ilike|xmin|jsonb?\b|now\(\))"
    r"|insert or|update or|replace into|cross join|sqlite|postgres|::|\$\d|\?"
    r"|\bmax\([^()]*,|\bmin\([^()]*,|\bsum\([^()]*[=<>]|\bis not [:\w]+\.|IS NOT :",
    re.IGNORECASE,
)
_ALLOWED = re.compile(r"AS total\b")  # a column of ours


def statements(text: str) -> Iterator[str]:
    """The SQL statements among the strings of a module."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _IS_SQL.match(node.value):
            yield node.value


def problems(text: str) -> list[str]:
    """What of the statements of a module belongs to one engine."""
    return [
        found.group()
        for statement in statements(text)
        for found in [_OF_ONE_ENGINE.search(_ALLOWED.sub("", statement))]
        if found
    ]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_statement_of_a_repository_names_an_engine(file: Path) -> None:
    assert problems(file.read_text()) == []


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT value FROM json_each(:ids)",
        "SELECT rowid FROM tickets",
        "INSERT INTO a SELECT iif(b, 1, 2)",
        "SELECT sum(kind = 'reply') FROM messages",
        "SELECT max(a, b) FROM messages",
        "SELECT 1 FROM outbox WHERE reported_at IS NOT outbox.settled_at",
        "SELECT a FROM b CROSS JOIN c",
        "SELECT a::text FROM b",
        "SELECT a FROM b WHERE c = ?",
    ],
)
def test_a_statement_of_one_engine_is_noticed(statement: str) -> None:
    assert problems(f'SQL = """{statement}"""') != []


class AnyValue(dict[str, None]):
    """A value for every parameter."""

    def __missing__(self, name: str) -> None:
        return None


@pytest.fixture(scope="module")
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        migrate(db)
        yield db


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_sqlite_can_prepare_every_statement(database: sqlite3.Connection, file: Path) -> None:
    for statement in statements(file.read_text()):
        translated, _ = translate(statement)
        database.execute(f"EXPLAIN {translated}", AnyValue())


def test_there_are_statements() -> None:
    assert sum(len(list(statements(file.read_text()))) for file in FILES) > 70
