"""Find the texts in `cogs/` that people read: those that no catalogue has, and where others are used."""

import ast
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.i18n.extraction import KEYWORDS, ROOT

# Where a single capitalised word is read by people, by the name of the argument.
_SHOWN_ARGUMENTS = {"label", "title", "placeholder", "name", "description", "content", "text", "value"}
_WORDS = re.compile(r"[^\W\d_]{2,}")
_CAPITALISED = re.compile(r"\W*[A-Z][a-z]+\W*")

# Calls whose texts no one reads in Discord, or that read them for the log and the operator alone.
_UNREAD_CALLS = {
    "log": "the log is in English",
    "re": "patterns",
    "strftime": "formats",
    "TypeVar": "names in the code",
    "getattr": "names in the code",
}
# Their reasons are for the log; those that staff see often are among the sentences of cogs/posts/errors.py.
_DELIVERY_ERRORS = {"RetryLater", "PermanentFailure", "UnknownOutcome", "RateLimited", "ChannelForbidden"}

# Texts that are not translated, by file, each with its reason.
UNTRANSLATED = {
    "cogs/core/permissions.py:_find_problem": "read by the operator who runs a command, in English",
    "cogs/core/permissions.py:find_id_problems": "read by the operator who runs a command, in English",
    "cogs/core/permissions.py:_role_problem": "read by the operator who runs a command, in English",
    "cogs/posts/errors.py:error_summary": "codes and fields, as Discord names them",
    "cogs/posts/digest.py:digest_marker": "a digest is found by it",
    "cogs/posts/threads.py:marker": "a notice is found by it",
    "cogs/tickets/embeds.py:transfer_footer": "a link is found by it",
    "cogs/alerts/cog.py:nonce_key": "a message is sent once by it",
    "cogs/tickets/own_embeds.py:conversation_file": "UTC is called so everywhere",
}


@dataclass(frozen=True, slots=True)
class Literal:
    """A text in the code: where it stands, and how it is used there."""

    file: str
    line: int
    text: str
    scope: str  # the names of the functions and variables around it, from the outside
    use: str  # the call and argument that it is given to: `Button.label`; else the innermost of `scope`


def translatable(source: str, file: str) -> Iterator[Literal]:
    """The texts that are in the catalogues, as they are written in calls of `_` and the like."""
    for node, parents in _walk(ast.parse(source), ()):
        if isinstance(node, ast.Call) and _called(node) in KEYWORDS:
            for argument in node.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield Literal(file, node.lineno, argument.value, _scope(parents), _use(node, parents))


def untranslatable(
    source: str, file: str, command_texts: set[str], *, excuses: Collection[str] = UNTRANSLATED
) -> list[Literal]:
    """The texts that people would read, and that are not in the catalogues.

    `command_texts` are those of slash commands, which are translated although they are in no call.
    """
    found = []
    for node, parents in _walk(ast.parse(source), ()):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        use = _use(node, parents)
        is_shown = use.rpartition(".")[2] in _SHOWN_ARGUMENTS and _CAPITALISED.fullmatch(node.value)
        if not is_shown and not (_WORDS.search(node.value) and re.search(r"\s", node.value)):
            continue
        literal = Literal(file, node.lineno, node.value, _scope(parents), use)
        if not _is_translated_or_unread(literal, parents, command_texts) and excuse(literal) not in excuses:
            found.append(literal)
    return found


def python_files() -> Iterator[tuple[str, str]]:
    """The files of `cogs/`, with their text."""
    for path in sorted((ROOT / "cogs").rglob("*.py")):
        yield path.relative_to(ROOT).as_posix(), Path(path).read_text("utf-8")


def excuse(literal: Literal) -> str | None:
    """The entry of UNTRANSLATED that a text belongs to."""
    names = [literal.file, *(f"{literal.file}:{name}" for name in literal.scope.split("."))]
    return next((name for name in names if name in UNTRANSLATED), None)


def _is_translated_or_unread(literal: Literal, parents: tuple[ast.AST, ...], command_texts: set[str]) -> bool:
    if isinstance(parents[-1], ast.Expr):
        return True  # a docstring
    if isinstance(parents[-1], ast.Call) and _called(parents[-1]) in KEYWORDS and literal.use.endswith("."):
        return True
    calls = {_called(one) for one in parents if isinstance(one, ast.Call)}
    if calls & {*_UNREAD_CALLS, *_DELIVERY_ERRORS}:
        return True
    return literal.text in command_texts and _is_of_command(parents)


def _is_of_command(parents: tuple[ast.AST, ...]) -> bool:
    """Whether a text stands in a decorator, in the head of a class, or in a constant of the module."""
    for parent, child in pairwise(parents):
        if isinstance(parent, ast.ClassDef) and isinstance(child, ast.keyword):
            return True
        if isinstance(parent, ast.Module) and isinstance(child, ast.Assign):
            return True
        if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef) and child in parent.decorator_list:
            return True
    return False


def _walk(node: ast.AST, parents: tuple[ast.AST, ...]) -> Iterator[tuple[ast.AST, tuple[ast.AST, ...]]]:
    yield node, parents
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, (*parents, node))


def _called(call: ast.Call) -> str:
    """The name of the function; of a method of `log` or `re`, that name."""
    function = call.func
    if isinstance(function, ast.Attribute):
        owner = function.value
        return owner.id if isinstance(owner, ast.Name) and owner.id in _UNREAD_CALLS else function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _scope(parents: tuple[ast.AST, ...]) -> str:
    return ".".join(name for parent in parents for name in _names(parent))


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return []


def _use(node: ast.AST, parents: tuple[ast.AST, ...]) -> str:
    chain = (*parents, node)
    for position in range(len(parents) - 1, -1, -1):
        parent = parents[position]
        if isinstance(parent, ast.Call):
            child = chain[position + 1]
            return f"{_called(parent)}.{child.arg if isinstance(child, ast.keyword) else ''}"
    return _scope(parents).rpartition(".")[2]
