"""The sentences of a ticket's history: composed when something is done, and read back to be translated.

An event is saved as its English text alone, which game servers are sent too. So a person's name stands in one
place of the database, and events that were saved before a sentence was translated are translated as well.
"""

from bot.tickets.sentence import Sentence, read_sentence

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


_ALL = (
    TRANSFERRED,
    UNCLAIMED,
    CLAIMED,
    ASSIGNED,
    NO_LONGER_ASSIGNED,
    CHANGED_BY_REPORTER,
    CHANGED,
    LINKED,
)


def event_sentence(text: str) -> Sentence | None:
    """The sentence that an event's English text was made of; None for any other text."""
    sentence = read_sentence(text, _ALL)
    if sentence is None or "status" not in sentence.parts:
        return sentence
    status = STATUS_WORDS.get(str(sentence.parts["status"]))
    return sentence.with_parts(**{**sentence.parts, "status": status}) if status else None
