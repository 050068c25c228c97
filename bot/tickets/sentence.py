"""Sentences that people read: in English with placeholders, to be translated where they are shown."""

from collections.abc import Mapping


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
