"""Player text, made harmless to draw: it can ping nobody, hide no link and break out of nothing.

What is kept in the database is untouched; only what Discord is shown passes through here.
"""

import re
import unicodedata
from collections.abc import Iterator

# Discord counts what it limits in code points, and so do we.
ELLIPSIS = "…"
_MAX_LINK = 300
_MAX_COMBINING = 4  # marks on one letter; more is a scrawl over the lines above and below

_LINK_PATTERN = re.compile(
    r"(?:[a-z][a-z0-9+.-]{0,30}://|www\.|discord(?:app)?\.(?:gg|com/invite)/)[^\s<>\[\]\\]+", re.IGNORECASE
)
_INVITE_PATTERN = re.compile(r"(discord(?:app)?)\.(gg|com/invite)", re.IGNORECASE)
_MARKDOWN_CHARACTERS = frozenset("\\*_~|`[]()<>#-")
_ZERO_WIDTH = "\u200b"


def plain_line(text: str, limit: int) -> str:
    """One line for places that know no Markdown (author, footer, thread name): cleaned and clipped."""
    line = " ".join("".join(_visible_characters(text)).split())
    line = line.replace("@", "@" + _ZERO_WIDTH)
    return line if len(line) <= limit else line[: limit - 1] + ELLIPSIS


def escape_markdown(text: str, limit: int) -> str:
    """Text for an embed: Markdown shown as typed, links as code, mentions broken, clipped to `limit`.

    Clipped between characters of the original, so no escape or code span is ever cut in half.
    """
    pieces = _escaped_pieces(text, limit)
    if _is_complete(text, limit, pieces):
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
    return _is_complete(text, limit, _escaped_pieces(text, limit))


def _escaped_pieces(text: str, limit: int) -> list[str]:
    return list(_split_pieces("".join(_visible_characters(text[: _scan_limit(limit)])).strip()))


def _scan_limit(limit: int) -> int:
    """How much of a text is looked at: a megabyte would take seconds, and cannot be shown anyway."""
    return 4 * max(limit, 0) + 1000


def _is_complete(text: str, limit: int, pieces: list[str]) -> bool:
    return len(text) <= _scan_limit(limit) and sum(map(len, pieces)) <= limit


def _split_pieces(text: str) -> Iterator[str]:
    """The text in units that must stay whole: an escaped character, or a link as a code span."""
    end = 0
    for link in _LINK_PATTERN.finditer(text):
        yield from map(_escape_character, text[end : link.start()])
        yield _link_as_code(link.group())
        end = link.end()
    yield from map(_escape_character, text[end:])


def _escape_character(character: str) -> str:
    if character == "@":
        return "@" + _ZERO_WIDTH
    if character == "<":
        return "\\<" + _ZERO_WIDTH  # begins every kind of mention, custom emoji and timestamp
    return "\\" + character if character in _MARKDOWN_CHARACTERS else character


def _link_as_code(link: str) -> str:
    """A link to read and copy, not to click: what it says is where it leads."""
    link = _INVITE_PATTERN.sub(rf"\1{_ZERO_WIDTH}.\2", link.replace("`", "'"))
    link = link.replace("@", "@" + _ZERO_WIDTH)
    return f"`{link if len(link) <= _MAX_LINK else link[: _MAX_LINK - 1] + ELLIPSIS}`"


def _visible_characters(text: str) -> Iterator[str]:
    """Without controls, direction overrides, zero-width characters and heaps of combining marks."""
    combining = 0
    for character in text:
        category = unicodedata.category(character)
        combining = combining + 1 if category in ("Mn", "Me") else 0
        if combining > _MAX_COMBINING or (
            category in ("Cc", "Cf", "Cs", "Co", "Cn") and character not in "\n\t"
        ):
            continue
        yield " " if category in ("Zl", "Zp") else character
