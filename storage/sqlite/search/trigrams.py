"""Text of tickets as the trigram index stores it, and full-text queries for a search text. No SQL.

The index holds every three letters in a row. A ticket that contains a text contains all trigrams of it; the
reverse is not sure, so the caller checks the rows.

Tickets are indexed in partitions of one workspace and source with nearby ids. Each partition has a token of
three private-use letters, which its tickets contain and a query names: without it the index would scan all
ids for a match, however far apart the matches are.
"""

import hashlib
import json
from collections.abc import Iterator
from functools import lru_cache

_TRIGRAM = 3  # letters
_MAX_TRIGRAMS = 24  # per query, evenly spread over the text: enough to be selective
_PARTITION_SIZE = 1 << 18  # ids; the index scans as many in some milliseconds
_PRIVATE_USE, _PRIVATE_USE_SIZE = 0xE000, 6400  # Unicode's private-use area


def index_text(ticket_id: int, workspace_id: str, source: str, subject: str, reporter: str) -> str:
    """The text to index for a ticket; `reporter` is its JSON."""
    _, name, display_name, *_ = json.loads(reporter)
    token = _partition_token(workspace_id, source, ticket_id // _PARTITION_SIZE)
    return "\n".join([token, *(_casefold(text or "") for text in (subject, name, display_name))])


def match_queries(workspace_id: str, source: str, text: str, newest: int) -> Iterator[str]:
    """Full-text queries to run in order, newest partition first; none for a text under three letters."""
    folded = _casefold(text)
    trigrams = list(dict.fromkeys(folded[at : at + _TRIGRAM] for at in range(len(folded) - _TRIGRAM + 1)))
    if trigrams:
        step = -(-len(trigrams) // _MAX_TRIGRAMS)
        for partition in range(newest // _PARTITION_SIZE, -1, -1):
            yield " AND ".join(
                map(_quote, (_partition_token(workspace_id, source, partition), *trigrams[::step]))
            )


def _casefold(text: str) -> str:
    """Fold case, and replace NUL, at which SQLite would stop reading."""
    return text.casefold().replace("\x00", "\x01")


def _quote(trigram: str) -> str:
    return '"' + trigram.replace('"', '""') + '"'


@lru_cache(maxsize=1000)
def _partition_token(workspace_id: str, source: str, partition: int) -> str:
    """The three letters of a partition; a collision only costs time."""
    digest = hashlib.sha256(f"{workspace_id}\n{source}\n{partition}".encode()).digest()
    numbers = (int.from_bytes(digest[at : at + 4], "big") for at in (0, 4, 8))
    return "".join(chr(_PRIVATE_USE + number % _PRIVATE_USE_SIZE) for number in numbers)
