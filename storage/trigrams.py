"""A ticket's words as the search index holds them, and a text as it is asked for. Knows nothing of tables.

The index holds every three letters in a row. Whatever holds a text holds all threes of that text; what holds
them may still not hold the text, so whoever asks looks at the rows themselves.

Each ticket also has a mark, three letters of nobody's, which it shares with those of its scope whose numbers
are near its own. A search names a mark, for the index would look through all numbers for a match, however
far away the next one is.
"""

import hashlib
import json
from collections.abc import Iterator
from functools import lru_cache

_LETTERS = 3  # of the index
_MOST = 24  # threes of one text that are asked for: enough to tell it from others
_NEAR = 1 << 18  # numbers of one mark: as many as can be looked through in some milliseconds
_PRIVATE, _SIZE = 0xE000, 6400  # Unicode's letters that stand for nothing


def words_of(ticket_id: int, workspace_id: str, source: str, subject: str, reporter: str) -> str:
    """What is indexed of a ticket; `reporter` is its JSON."""
    _, name, display_name, *_ = json.loads(reporter)
    mark = _mark(workspace_id, source, ticket_id // _NEAR)
    return "\n".join([mark, *(_plain(text or "") for text in (subject, name, display_name))])


def questions(workspace_id: str, source: str, text: str, newest: int) -> Iterator[str]:
    """What to ask the index for, one after the other, the newest tickets first; none for a short text."""
    plain = _plain(text)
    threes = list(dict.fromkeys(plain[at : at + _LETTERS] for at in range(len(plain) - _LETTERS + 1)))
    if threes:
        apart = -(-len(threes) // _MOST)
        for near in range(newest // _NEAR, -1, -1):
            yield " AND ".join(map(_quoted, (_mark(workspace_id, source, near), *threes[::apart])))


def _plain(text: str) -> str:
    """In no case, and without the character at which SQLite would stop reading."""
    return text.casefold().replace("\x00", "\x01")


def _quoted(three: str) -> str:
    return '"' + three.replace('"', '""') + '"'


@lru_cache(maxsize=1000)
def _mark(workspace_id: str, source: str, near: int) -> str:
    """Should two have the same one, more rows are looked at in vain."""
    digest = hashlib.sha256(f"{workspace_id}\n{source}\n{near}".encode()).digest()
    return "".join(chr(_PRIVATE + int.from_bytes(digest[at : at + 4], "big") % _SIZE) for at in (0, 4, 8))
