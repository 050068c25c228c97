"""Text of tickets as the trigram index stores it, and full-text queries for a search text. No SQL.

The index holds every three letters in a row. A ticket that contains a text contains all trigrams of it; the
reverse is not sure, so the caller checks the rows.
"""

_TRIGRAM = 3  # letters
_MAX_TRIGRAMS = 24  # per query, evenly spread over the text: enough to be selective


def index_text(*texts: str | None) -> str:
    """The text to index for a ticket with these texts."""
    return "\n".join(_casefold(text or "") for text in texts)


def match_query(text: str) -> str | None:
    """The full-text query for tickets that contain all trigrams of a text; None if it has none."""
    folded = _casefold(text)
    trigrams = list(dict.fromkeys(folded[at : at + _TRIGRAM] for at in range(len(folded) - _TRIGRAM + 1)))
    step = -(-len(trigrams) // _MAX_TRIGRAMS)
    return " AND ".join(map(_quote, trigrams[::step])) if trigrams else None


def contains(text: str | None, part: str) -> bool:
    """Whether a text contains a part, ignoring case. (SQLite's own `lower` only knows A to Z.)"""
    return text is not None and part.casefold() in text.casefold()


def _casefold(text: str) -> str:
    """Fold case, and replace NUL, at which SQLite would stop reading."""
    return text.casefold().replace("\x00", "\x01")


def _quote(trigram: str) -> str:
    return '"' + trigram.replace('"', '""') + '"'
