"""Player text, made harmless to draw: it can ping nobody, hide no link and break out of nothing.

What is kept in the database is untouched; only what Discord is shown passes through here.
"""

import re
import unicodedata
from collections.abc import Iterator

# Discord counts what it limits in code points, and so do we.
ELLIPSIS = "…"
_LONGEST_LINK = 300
_MOST_COMBINING = 4  # marks on one letter; more is a scrawl over the lines above and below

_LINK = re.compile(
    r"(?:[a-z][a-z0-9+.-]{0,30}://|www\.|discord(?:app)?\.(?:gg|com/invite)/)[^\s<>\[\]\\]+", re.IGNORECASE
)
_INVITE = re.compile(r"(discord(?:app)?)\.(gg|com/invite)", re.IGNORECASE)
_MARKDOWN = frozenset("\\*_~|`[]()<>#-")
_ZERO_WIDTH = "\u200b"


def bare(text: str, limit: int) -> str:
    """One line for places that know no Markdown (author, footer, thread name): cleaned and clipped."""
    line = " ".join("".join(_visible(text)).split())
    line = line.replace("@", "@" + _ZERO_WIDTH)
    return line if len(line) <= limit else line[: limit - 1] + ELLIPSIS


def drawn(text: str, limit: int) -> str:
    """Text for an embed: Markdown shown as typed, links as code, mentions broken, clipped to `limit`.

    Clipped between characters of the original, so no escape or code span is ever cut in half.
    """
    pieces = _pieces_of(text, limit)
    if _whole(text, limit, pieces):
        return "".join(pieces)
    kept, room = [], limit - len(ELLIPSIS)
    for piece in pieces:
        if len(piece) > room:
            break
        kept.append(piece)
        room -= len(piece)
    return "".join(kept).rstrip() + ELLIPSIS


def fits(text: str, limit: int) -> bool:
    """Whether `drawn` shows all of it."""
    return _whole(text, limit, _pieces_of(text, limit))


def _pieces_of(text: str, limit: int) -> list[str]:
    return list(_pieces("".join(_visible(text[: _reach(limit)])).strip()))


def _reach(limit: int) -> int:
    """How much of a text is looked at: a megabyte would take seconds, and cannot be shown anyway."""
    return 4 * max(limit, 0) + 1000


def _whole(text: str, limit: int, pieces: list[str]) -> bool:
    return len(text) <= _reach(limit) and sum(map(len, pieces)) <= limit


def _pieces(text: str) -> Iterator[str]:
    """The text in units that must stay whole: an escaped character, or a link as a code span."""
    end = 0
    for link in _LINK.finditer(text):
        yield from map(_escaped, text[end : link.start()])
        yield _as_code(link.group())
        end = link.end()
    yield from map(_escaped, text[end:])


def _escaped(character: str) -> str:
    if character == "@":
        return "@" + _ZERO_WIDTH
    if character == "<":
        return "\\<" + _ZERO_WIDTH  # begins every kind of mention, custom emoji and timestamp
    return "\\" + character if character in _MARKDOWN else character


def _as_code(link: str) -> str:
    """A link to read and copy, not to click: what it says is where it leads."""
    link = _INVITE.sub(rf"\1{_ZERO_WIDTH}.\2", link.replace("`", "'"))
    link = link.replace("@", "@" + _ZERO_WIDTH)
    return f"`{link if len(link) <= _LONGEST_LINK else link[: _LONGEST_LINK - 1] + ELLIPSIS}`"


def _visible(text: str) -> Iterator[str]:
    """Without controls, direction overrides, zero-width characters and heaps of combining marks."""
    combining = 0
    for character in text:
        category = unicodedata.category(character)
        combining = combining + 1 if category in ("Mn", "Me") else 0
        if combining > _MOST_COMBINING or (
            category in ("Cc", "Cf", "Cs", "Co", "Cn") and character not in "\n\t"
        ):
            continue
        yield " " if category in ("Zl", "Zp") else character
