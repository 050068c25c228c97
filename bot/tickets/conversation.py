"""The conversation on a ticket in pages: its own text, staff's replies, and what its reporter added."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bot.tickets.message import Message
from bot.tickets.ticket import Ticket

# Characters: about a phone's screen. Escaped, a text is at most thrice as long, and still fits in an embed.
_PART_LENGTH, _PAGE_LENGTH = 1100, 1200
_PART_OVERHEAD = 100  # of the line above each text: author and time
_WORD_LENGTH = 100  # a text is cut between words, if none is longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A text of the conversation, or one of the parts of a long one."""

    message: Message | None  # None: the ticket's own text
    text: str
    number: int = 1
    count: int = 1


Page = tuple[Part, ...]


def conversation_pages(ticket: Ticket, messages: Iterable[Message]) -> list[Page]:
    """Divide the ticket's text and its messages into pages, in order; there is at least one."""
    parts = [*_parts(None, ticket.body)]
    for message in messages:
        parts += _parts(message, message.text)
    return list(_pages(parts))


def page_of_newest(pages: list[Page]) -> int:
    """The number, from 0, of the page on which the newest message begins."""
    return max(number for number, page in enumerate(pages) if any(part.number == 1 for part in page))


def _parts(message: Message | None, text: str) -> Iterator[Part]:
    texts = list(_split(text.strip()))
    for number, one in enumerate(texts, 1):
        yield Part(message=message, text=one, number=number, count=len(texts))


def _split(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > _PART_LENGTH:
        longest = start + _PART_LENGTH
        blank = max(text.rfind(one, longest - _WORD_LENGTH, longest) for one in " \n")
        end = longest if blank == -1 else blank + 1
        yield text[start:end]
        start = end
    yield text[start:]


def _pages(parts: Iterable[Part]) -> Iterator[Page]:
    page: list[Part] = []
    room = _PAGE_LENGTH
    for part in parts:
        length = len(part.text) + _PART_OVERHEAD
        if page and length > room:
            yield tuple(page)
            page, room = [], _PAGE_LENGTH
        page.append(part)
        room -= length
    yield tuple(page)
