"""Sentences that people read: in English with placeholders, to be translated where they are shown."""

import re
from collections.abc import Iterable, Mapping
from functools import cache


class Sentence:
    """An English sentence and what its placeholders stand for: `Sentence("{id} is closed.", id="TICKET-1")`.

    The template is the sentence's key in the catalogues, so it is written out and never composed. A part may
    be a sentence of its own. `str()` is the English text.
    """

    __slots__ = ("parts", "template")

    def __init__(self, template: str, /, **parts: object) -> None:
        self.template = template
        self.parts: Mapping[str, object] = parts

    def with_parts(self, **parts: object) -> "Sentence":
        """The same sentence with other parts: for one that is kept in a constant."""
        return Sentence(self.template, **parts)

    def __str__(self) -> str:
        return self.template.format(**self.parts) if self.parts else self.template

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sentence) and (self.template, self.parts) == (other.template, other.parts)

    def __hash__(self) -> int:
        return hash(self.template)

    def __repr__(self) -> str:
        return f"Sentence({str(self)!r})"


def read_sentence(text: str, sentences: Iterable[Sentence]) -> Sentence | None:
    """The sentence that an English text was made of, with its parts; None if it is none of these."""
    for sentence in sentences:
        found = _pattern(sentence.template).fullmatch(text)
        if found:
            return sentence.with_parts(**found.groupdict())
    return None


@cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.*)", re.escape(template)), re.DOTALL)
