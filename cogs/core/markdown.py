"""Escape people's text for Discord: it cannot ping, hide a link, or break out of its place.

The database has it as it was written; only what is sent to Discord is escaped.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator

# Discord counts its limits in code points, as Python does.
ELLIPSIS = "…"
MESSAGE_LIMIT = 2000
_MAX_LINK = 300
_MAX_COMBINING = 4  # marks on one letter; more would cover the lines above and below

_LINK_PATTERN = re.compile(
    r"(?:[a-z][a-z0-9+.-]{0,30}://|www\.|discord(?:app)?\.(?:gg|com/invite)/)[^\s<>\[\]\\]+", re.IGNORECASE
)
_INVITE_PATTERN = re.compile(r"(discord(?:app)?)\.(gg|com/invite)", re.IGNORECASE)
_MARKDOWN_CHARACTERS = frozenset("\\*_~|`[]()<>#-")
# Within a line; at its beginning #, - and > have a meaning as well.
_INLINE_MARKDOWN_CHARACTERS = frozenset("\\*_~|`[](<")
# What the bot itself writes in a sentence: a command, or the link to a post.
_SENTENCE_MARKUP_PATTERN = re.compile(r"`(?:/|ticketbridge )[\w' -]+`|https://discord\.com/channels/[\d/]+")
_ZERO_WIDTH = "\u200b"


def plain_line(text: str, limit: int) -> str:
    """Clean and clip one line for places without Markdown: author, footer, thread name."""
    line = " ".join("".join(_visible_characters(text)).split())
    line = line.replace("@", "@" + _ZERO_WIDTH)
    return line if len(line) <= limit else line[: limit - 1] + ELLIPSIS


def escape_markdown(text: str, limit: int) -> str:
    """Escape text for an embed: Markdown as typed, links as code, mentions broken, clipped to `limit`.

    It is clipped between characters of the original, so no escape or code span is cut in half.
    """
    pieces = _escaped_pieces(text, limit)
    return "".join(pieces) if _is_complete(text, limit, pieces) else _clip(pieces, limit)


def escape_sentence(sentence: str, limit: int = MESSAGE_LIMIT) -> str:
    """Escape a sentence of the bot that may hold people's names, as one line for a message's content.

    `/commands` in backticks and links to Discord messages stay as they are.
    """
    line = " ".join("".join(_visible_characters(sentence[: _scan_limit(limit)])).split())
    pieces = list(_sentence_pieces(line))
    return "".join(pieces) if _is_complete(sentence, limit, pieces) else _clip(pieces, limit)


def fits(text: str, limit: int) -> bool:
    """Whether `escape_markdown` shows all of it."""
    return _is_complete(text, limit, _escaped_pieces(text, limit))


def _escaped_pieces(text: str, limit: int) -> list[str]:
    visible = "".join(_visible_characters(text[: _scan_limit(limit)])).strip()
    return list(_split_pieces(visible, _MARKDOWN_CHARACTERS))


def _sentence_pieces(line: str) -> Iterator[str]:
    end = 0
    for markup in _SENTENCE_MARKUP_PATTERN.finditer(line):
        yield from _split_pieces(line[end : markup.start()], _INLINE_MARKDOWN_CHARACTERS)
        yield markup.group()
        end = markup.end()
    yield from _split_pieces(line[end:], _INLINE_MARKDOWN_CHARACTERS)


def _clip(pieces: Iterable[str], limit: int) -> str:
    fitting, room = [], limit - len(ELLIPSIS)
    for piece in pieces:
        if len(piece) > room:
            break
        fitting.append(piece)
        room -= len(piece)
    return "".join(fitting).rstrip() + ELLIPSIS


def _scan_limit(limit: int) -> int:
    """How much of a text is read: escaping a megabyte would take seconds, and it cannot be shown anyway."""
    return 4 * max(limit, 0) + 1000


def _is_complete(text: str, limit: int, pieces: list[str]) -> bool:
    return len(text) <= _scan_limit(limit) and sum(map(len, pieces)) <= limit


def _split_pieces(text: str, special: frozenset[str]) -> Iterator[str]:
    """Escape text, in units that must stay whole: a character, or a link as a code span."""
    end = 0
    for link in _LINK_PATTERN.finditer(text):
        yield from (_escape_character(one, special) for one in text[end : link.start()])
        yield _link_as_code(link.group())
        end = link.end()
    yield from (_escape_character(one, special) for one in text[end:])


def _escape_character(character: str, special: frozenset[str]) -> str:
    if character == "@":
        return "@" + _ZERO_WIDTH
    if character == "<":
        return "\\<" + _ZERO_WIDTH  # begins every kind of mention, custom emoji and timestamp
    return "\\" + character if character in special else character


def _link_as_code(link: str) -> str:
    """Show a link as code, to read and copy: its text is where it leads."""
    link = _INVITE_PATTERN.sub(rf"\1{_ZERO_WIDTH}.\2", link.replace("`", "'"))
    link = link.replace("@", "@" + _ZERO_WIDTH)
    return f"`{link if len(link) <= _MAX_LINK else link[: _MAX_LINK - 1] + ELLIPSIS}`"


def _visible_characters(text: str) -> Iterator[str]:
    """Drop control characters, direction overrides, zero-width characters and piles of combining marks."""
    combining = 0
    for character in text:
        category = unicodedata.category(character)
        combining = combining + 1 if category in ("Mn", "Me") else 0
        if combining > _MAX_COMBINING or (
            category in ("Cc", "Cf", "Cs", "Co", "Cn") and character not in "\n\t"
        ):
            continue
        yield " " if category in ("Zl", "Zp") else character
