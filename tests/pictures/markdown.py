"""Discord's Markdown as styled runs, their width in pixels, and their wrapping into lines."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby

_TOKEN = re.compile(
    r"\\(?P<escaped>[^\w\s])|\[(?P<label>(?:\\.|[^\]\\])+)\]\((?P<url>https://[^\s)]+)\)"
    r"|`(?P<code>[^`]+)`|\*\*(?P<bold>(?:\\.|[^*\\])+)\*\*|\*(?P<italic>(?:\\.|[^*\\])+)\*|(?P<emoji>[\u2300-\U0001faff]+)|(?P<plain>.)",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\([^\w\s])")
_WORD = re.compile(r"\n|[^\S\n]+|[^\s-]*-+|[^\s-]+")

# Shares of the font size, close to Arial and Helvetica; other fonts differ by a few percent.
_WIDTHS = {
    width: frozenset(characters)
    for width, characters in (
        (0.24, "ijlI'|"),
        (0.30, " .,:;!/\\tf()[]`-r·"),
        (0.50, 'czsvxykJ"*'),
        (0.68, "ABEKPSVXYCDHNRUTwG&"),
        (0.83, "mMWOQ@%—"),
    )
}
_OTHER, _EMOJI, _BOLD = 0.56, 1.3, 1.07


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A piece of text in one style."""

    text: str
    bold: bool = False
    italic: bool = False
    code: bool = False
    link: bool = False
    emoji: bool = False


def runs(markdown: str) -> list[Run]:
    """The text as its reader sees it, without the marks."""
    return _joined([_run(token) for token in _TOKEN.finditer(printable(markdown))])


def _joined(pieces: list[Run]) -> list[Run]:
    """Neighbours of one style as one run."""
    groups = (list(same) for _, same in groupby(pieces, key=lambda run: replace(run, text="")))
    return [replace(group[0], text="".join(run.text for run in group)) for group in groups]


def printable(text: str) -> str:
    """Without what XML does not take and what has no width; line breaks stay."""
    return "".join(character for character in text if character.isprintable() or character == "\n")


def _run(token: re.Match[str]) -> Run:
    kind = token.lastgroup or ""
    text = token["label"] if kind == "url" else token[kind]
    if kind in ("url", "bold", "italic"):
        text = _ESCAPE.sub(r"\1", text)
    if kind in ("plain", "escaped"):
        return Run(text=text)
    return Run(text=text, **{"link" if kind == "url" else kind: True})


def width(run: Run, size: float) -> float:
    """About how wide it is drawn, in pixels."""
    shares = sum(_share(character) for character in run.text)
    return shares * size * (_BOLD if run.bold else 1)


def _share(character: str) -> float:
    if ord(character) >= 0x2300:
        return _EMOJI
    return next((share for share, characters in _WIDTHS.items() if character in characters), _OTHER)


def wrap(text: list[Run], size: float, room: float) -> list[list[Run]]:
    """The runs in lines no wider than `room`; a word that is wider alone is cut."""
    lines: list[list[Run]] = [[]]
    left = room
    for piece in _pieces(text, size, room):
        needed = width(piece, size)
        if piece.text == "\n" or (needed > left and lines[-1]):
            lines.append([])
            left = room
        if piece.text == "\n" or (piece.text.isspace() and not lines[-1]):
            continue
        lines[-1].append(piece)
        left -= needed
    return [_joined(line) for line in lines]


def _pieces(text: list[Run], size: float, room: float) -> Iterator[Run]:
    for run in text:
        for word in _WORD.findall(run.text):
            yield from _cut(replace(run, text=word), size, room)


def _cut(word: Run, size: float, room: float) -> Iterator[Run]:
    """A word in pieces that each fit into a line."""
    while width(word, size) > room and len(word.text) > 1:
        end = next(
            n for n in range(len(word.text) - 1, 0, -1) if n == 1 or width(_start(word, n), size) <= room
        )
        yield _start(word, end)
        word = replace(word, text=word.text[end:])
    yield word


def _start(word: Run, length: int) -> Run:
    return replace(word, text=word.text[:length])
