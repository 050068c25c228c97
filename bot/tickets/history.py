"""The sentences of a ticket's history: composed when something is done, and read back to be translated.

An event is saved as its English text alone, which game servers are sent too. So a person's name stands in one
place of the database, and events that were saved before a sentence was translated are translated as well.
"""

import re

from bot.tickets.sentence import Sentence

STATUS_WORDS = {
    "unfinished": Sentence("unfinished"),
    "open": Sentence("open"),
    "in-progress": Sentence("in progress"),
    "resolved": Sentence("resolved"),
    "closed": Sentence("closed"),
}
TRANSFERRED = Sentence("{name} transferred the ticket to {department}")
UNCLAIMED = Sentence("{name} unclaimed the ticket")
CLAIMED = Sentence("{name} claimed the ticket")
ASSIGNED = Sentence("{name} was assigned the ticket")
NO_LONGER_ASSIGNED = Sentence("{name} is no longer assigned the ticket")
CHANGED_BY_REPORTER = Sentence("{name}, the reporter, changed the status to {status}")
CHANGED = Sentence("{name} changed the status to {status}")
LINKED = Sentence("{name} was linked to the ticket")


def event_sentence(text: str) -> Sentence | None:
    """The sentence that an event's English text was made of; None for any other text."""
    for sentence, pattern in _PATTERNS:
        found = pattern.fullmatch(text)
        if found:
            return sentence.with_parts(
                **{name: _part(name, part) for name, part in found.groupdict().items()}
            )
    return None


def _part(name: str, text: str) -> object:
    return STATUS_WORDS[text] if name == "status" else text


def _pattern(sentence: Sentence) -> re.Pattern[str]:
    text = re.escape(sentence.template).replace(r"\{status\}", f"(?P<status>{'|'.join(STATUS_WORDS)})")
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.*)", text), re.DOTALL)


_PATTERNS = [
    (one, _pattern(one))
    for one in (
        TRANSFERRED,
        UNCLAIMED,
        CLAIMED,
        NO_LONGER_ASSIGNED,
        ASSIGNED,
        CHANGED_BY_REPORTER,
        CHANGED,
        LINKED,
    )
]
