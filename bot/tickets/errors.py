"""What a ticket answers when it says no. Each docstring is the sentence a person will read."""

import inspect


class Refusal(Exception):
    """The ticket does not allow that."""

    def __init__(self, sentence: str | None = None) -> None:
        super().__init__(sentence or inspect.cleandoc(self.__doc__ or ""))


class ViewOnly(Refusal):
    """This is a game report and view-only: nobody can reply to its reporter. For other staff, use a note."""


class UnknownTicket(Refusal):
    """There is no such ticket here. Check the ticket id; `/tickets` lists yours."""


class AlreadyClaimed(Refusal):
    """Somebody else has already claimed this ticket."""


class NotClaimed(Refusal):
    """This ticket is not claimed."""


class AlreadyInStatus(Refusal):
    """This ticket already has that status."""


class TicketClosed(Refusal):
    """This ticket is closed. Reopen it first."""


class EmptyMessage(Refusal):
    """There is no text in that message. Write what you want to say."""


class MessageTooLong(Refusal):
    """That message is too long: 4,000 characters at most. Send it in parts."""


class ClaimFirst(Refusal):
    """You must claim this ticket before replying."""


class NotYours(Refusal):
    """This is not your ticket: only its reporter can add to it."""


class AlreadyLinked(Refusal):
    """This ticket already belongs to another player."""


class UnknownDepartment(Refusal):
    """There is no such department in this workspace."""


class WrongDepartment(Refusal):
    """That department does not handle this ticket's category."""


class UnknownCategory(Refusal):
    """There is no such category in this workspace."""


class TooManyOpen(Refusal):
    """This player already has as many open tickets in this category as the workspace allows."""


class DifferentRequest(Refusal):
    """This Idempotency-Key was used before, with another body. Use a new key for a new request."""


class BadRule(Refusal):
    """The workspace cannot have that rule."""
