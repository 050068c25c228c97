"""Errors of the domain: what a ticket or workspace does not allow. Each docstring is what people read."""

import inspect


class TicketError(Exception):
    """The ticket does not allow that."""

    # A sentence may hold people's names: it is escaped where it is sent to Discord, and raw elsewhere.
    def __init__(self, sentence: str | None = None) -> None:
        super().__init__(sentence or inspect.cleandoc(self.__doc__ or ""))


class ViewOnly(TicketError):
    """This is a game report and view-only: nobody can reply to its reporter. For other staff, use a note."""


class UnknownTicket(TicketError):
    """There is no such ticket here. Check the ticket id; `/tickets` lists yours."""


class AlreadyClaimed(TicketError):
    """Someone else has already claimed this ticket."""


class NotClaimed(TicketError):
    """This ticket is not claimed."""


class StatusUnchanged(TicketError):
    """This ticket already has that status."""


class TicketClosed(TicketError):
    """This ticket is closed. Reopen it first."""


class EmptyMessage(TicketError):
    """There is no text in that message. Write what you want to say."""


class MessageTooLong(TicketError):
    """That message is too long: 4,000 characters at most. Send it in parts."""


class NotClaimedByYou(TicketError):
    """You must claim this ticket before replying."""


class NotReporter(TicketError):
    """This is not your ticket: only its reporter can add to it."""


class AlreadyLinked(TicketError):
    """This ticket already belongs to another player."""


class UnknownDepartment(TicketError):
    """There is no such department in this workspace."""


class WrongDepartment(TicketError):
    """That department does not handle this ticket's category."""


class UnknownCategory(TicketError):
    """There is no such category in this workspace."""


class OpenTicketLimitReached(TicketError):
    """This player already has as many open tickets in this category as the workspace allows."""


class IdempotencyKeyReused(TicketError):
    """This Idempotency-Key was used before, with another body. Use a new key for a new request."""


class InvalidWebhookUrl(TicketError):
    """Events cannot be pushed to this URL."""


class InvalidApiKey(TicketError):
    """This API key cannot be imported."""


class InvalidWorkspaceRule(TicketError):
    """The workspace cannot have that rule."""
