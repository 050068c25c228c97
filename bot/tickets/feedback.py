"""Feedback: how the reporter of a ticket rates it once it has ended, from 1 to 5 with a comment."""

from dataclasses import dataclass
from datetime import datetime

from bot.tickets.errors import CommentTooLong, InvalidRating
from bot.tickets.message import NewMessage

MAX_RATING = 5
COMMENT_LIMIT = 1000  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFeedback:
    """Feedback that is not saved yet. Only `Ticket.rate` makes one."""

    rating: int  # 1 to 5
    comment: str  # may be empty
    message: NewMessage  # shows it to staff


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """Saved feedback: one for each ticket."""

    ticket_id: int
    rating: int
    comment: str
    given_at: datetime  # or changed


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackSummary:
    """The feedback on all tickets of a workspace."""

    workspace: str  # its name
    count: int
    average: float


def stars(rating: int) -> str:
    """A rating as people see it: `★★★★☆`."""
    return "★" * rating + "☆" * (MAX_RATING - rating)


def feedback_text(rating: int, comment: str) -> str:
    """The text of the message: the rating, and the comment in the lines below."""
    return f"{stars(rating)}\n{comment}"


def comment_in(text: str) -> str:
    """The comment in the text of a message; empty if there is none."""
    return text.partition("\n")[2]


def validate_feedback(rating: int, comment: str) -> str:
    """Return the comment, stripped. Raises InvalidRating, CommentTooLong."""
    if not 1 <= rating <= MAX_RATING:
        raise InvalidRating
    comment = comment.strip()
    if len(comment) > COMMENT_LIMIT:
        raise CommentTooLong
    return comment
