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
PRIORITY_WORDS = {
    "low": Sentence("low"),
    "normal": Sentence("normal"),
    "high": Sentence("high"),
    "urgent": Sentence("urgent"),
}
TRANSFERRED = Sentence("{name} transferred the ticket to {department}")
UNCLAIMED = Sentence("{name} unclaimed the ticket")
CLAIMED = Sentence("{name} claimed the ticket")
ASSIGNED = Sentence("{name} was assigned the ticket")
NO_LONGER_ASSIGNED = Sentence("{name} is no longer assigned the ticket")
CHANGED_BY_REPORTER = Sentence("{name}, the reporter, changed the status to {status}")
CHANGED = Sentence("{name} changed the status to {status}")
TAKEN_OVER = Sentence("{name} took the ticket over from {colleague}")
PRIORITY_CHANGED = Sentence("{name} changed the priority to {priority}")
CATEGORY_CHANGED = Sentence("{name} changed the category to {category}")
TAGS_CHANGED = Sentence("{name} changed the tags")
LINKED = Sentence("{name} was linked to the ticket")


_ALL = (
    TRANSFERRED,
    UNCLAIMED,
    CLAIMED,
    ASSIGNED,
    NO_LONGER_ASSIGNED,
    CHANGED_BY_REPORTER,
    CHANGED,
    TAKEN_OVER,
    PRIORITY_CHANGED,
    CATEGORY_CHANGED,
    TAGS_CHANGED,
    LINKED,
)


def event_sentence(text: str) -> Sentence | None:
    """The sentence that an event's English text was made of; None for any other text."""
    sentence = read_sentence(text, _ALL)
    for part, words in (("status", STATUS_WORDS), ("priority", PRIORITY_WORDS)):
        if sentence is not None and part in sentence.parts:
            word = words.get(str(sentence.parts[part]))
            sentence = sentence.with_parts(**{**sentence.parts, part: word}) if word else None
    return sentence
