"""The words of the modl API for types, priorities and statuses, and what they mean here."""

from bot.tickets.sentence import Sentence
from bot.tickets.ticket import Priority, Status

TYPES = {  # without separators and in lower case, as they are looked up
    "bug": "bug",
    "bugreport": "bug",
    "player": "player",
    "playerreport": "player",
    "report": "player",
    "chat": "chat",
    "chatreport": "chat",
    "appeal": "appeal",
    "banappeal": "appeal",
    "staff": "application",
    "staffapplication": "application",
    "application": "application",
    "apply": "application",
    "support": "support",
    "generalsupport": "support",
}
TYPE_LABELS = {  # for people; the subject of a ticket without one
    "bug": Sentence("Bug report"),
    "player": Sentence("Player report"),
    "chat": Sentence("Chat report"),
    "appeal": Sentence("Appeal"),
    "application": Sentence("Staff application"),
    "support": Sentence("Support request"),
}
REPORT_TYPES = ("player", "chat")  # tickets of these types are reports
PRIORITIES = {  # three levels: our "urgent" is "high"
    "low": Priority.LOW,
    "minor": Priority.LOW,
    "normal": Priority.NORMAL,
    "medium": Priority.NORMAL,
    "default": Priority.NORMAL,
    "standard": Priority.NORMAL,
    "high": Priority.HIGH,
    "urgent": Priority.HIGH,
    "critical": Priority.HIGH,
    "highest": Priority.HIGH,
}
PRIORITY_OUT = {
    Priority.LOW: "low",
    Priority.NORMAL: "normal",
    Priority.HIGH: "high",
    Priority.URGENT: "high",
}
OPEN = (Status.OPEN, Status.IN_PROGRESS)
CLOSED = (Status.RESOLVED, Status.CLOSED)
UNFINISHED = (Status.UNFINISHED,)
ALL = (*UNFINISHED, *OPEN, *CLOSED)
STATUS_FILTERS = {  # three groups
    "all": ALL,
    "open": OPEN,
    "new": OPEN,
    "active": OPEN,
    "pending": OPEN,
    "inprogress": OPEN,
    "closed": CLOSED,
    "resolved": CLOSED,
    "complete": CLOSED,
    "completed": CLOSED,
    "done": CLOSED,
    "unfinished": UNFINISHED,
    "draft": UNFINISHED,
}
DEFAULT_TYPES = ("support", "bug", "appeal")  # of a list of tickets: what a player asks for
TYPE_FILTERS = {word: (meaning,) for word, meaning in TYPES.items()} | {
    "report": REPORT_TYPES,
    "all": tuple(TYPE_LABELS),
}
