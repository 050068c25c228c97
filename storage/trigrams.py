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

_TRIGRAM = 3  # of the index
_MAX_TRIGRAMS = 24  # threes of one text that are asked for: enough to tell it from others
_PARTITION_SIZE = 1 << 18  # numbers of one mark: as many as can be looked through in some milliseconds
_PRIVATE_USE, _PRIVATE_USE_SIZE = 0xE000, 6400  # Unicode's letters that stand for nothing


def index_text(ticket_id: int, workspace_id: str, source: str, subject: str, reporter: str) -> str:
    """What is indexed of a ticket; `reporter` is its JSON."""
    _, name, display_name, *_ = json.loads(reporter)
    mark = _partition_token(workspace_id, source, ticket_id // _PARTITION_SIZE)
    return "\n".join([mark, *(_casefold(text or "") for text in (subject, name, display_name))])


def match_queries(workspace_id: str, source: str, text: str, newest: int) -> Iterator[str]:
    """What to ask the index for, one after the other, the newest tickets first; none for a short text."""
    plain = _casefold(text)
    threes = list(dict.fromkeys(plain[at : at + _TRIGRAM] for at in range(len(plain) - _TRIGRAM + 1)))
    if threes:
        apart = -(-len(threes) // _MAX_TRIGRAMS)
        for near in range(newest // _PARTITION_SIZE, -1, -1):
            yield " AND ".join(map(_quote, (_partition_token(workspace_id, source, near), *threes[::apart])))


def _casefold(text: str) -> str:
    """In no case, and without the character at which SQLite would stop reading."""
    return text.casefold().replace("\x00", "\x01")


def _quote(three: str) -> str:
    return '"' + three.replace('"', '""') + '"'


@lru_cache(maxsize=1000)
def _partition_token(workspace_id: str, source: str, near: int) -> str:
    """Should two have the same one, more rows are looked at in vain."""
    digest = hashlib.sha256(f"{workspace_id}\n{source}\n{near}".encode()).digest()
    numbers = (int.from_bytes(digest[at : at + 4], "big") for at in (0, 4, 8))
    return "".join(chr(_PRIVATE_USE + number % _PRIVATE_USE_SIZE) for number in numbers)
