"""Errors of the domain: what a ticket or workspace does not allow. Each docstring is what people read."""

import inspect

from bot.tickets.sentence import Sentence


class TicketError(Exception):
    """The ticket does not allow that."""

    # A sentence may hold people's names: it is escaped where it is sent to Discord, and raw elsewhere.
    def __init__(self, sentence: Sentence | None = None) -> None:
        self.sentence = sentence or Sentence(inspect.cleandoc(self.__doc__ or ""))
        super().__init__(str(self.sentence))


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


class TicketErased(TicketError):
    """This ticket was erased, with its reporter, so there is no one to reply to."""


class NothingChanged(TicketError):
    """The ticket is that already, so nothing was changed."""


class UnknownTag(TicketError):
    """This workspace has no such tag. A member with Manage Server adds one with `/setup tag`."""


class ReasonTooLong(TicketError):
    """That reason is too long: 500 characters at most."""


class NotUndone(TicketError):
    """This can no longer be undone: the ticket was changed since."""


class UndoTimeOver(TicketError):
    """This can no longer be undone: that takes 30 seconds at most. Change the ticket as it should be."""


class ViewOnlyForReporter(ViewOnly):
    """This is a game report and view-only: you can follow it here, but not reply to it or close it."""


class ClosedForReporter(TicketClosed):
    """This ticket is closed, so nothing was done. `/ticket open` opens a new one."""


class ViewOnlyNotRated(ViewOnly):
    """This is a game report and view-only: you can follow it here, but not rate it."""


class NotEnded(TicketError):
    """This ticket has not ended yet. Rate it once it is closed or resolved."""


class InvalidRating(TicketError):
    """A rating is a whole number from 1 to 5."""


class CommentTooLong(TicketError):
    """That comment is too long: 1,000 characters at most."""


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


class UnknownLinkCode(TicketError):
    """This code is not valid: a code is used once, within 10 minutes. Check it, or get a new one."""


class LinkCodeForGame(TicketError):
    """This code is for the game: type it there. Here, type a code that you got in the game."""


class LinkCodeForDiscord(TicketError):
    """This code is for Discord: use /link there with it. In the game, use a code that /link gave you."""


class InvalidPlayerId(TicketError):
    """The playerId must be the id of a player, as in the tickets that are created with this API key."""


class AccountLinkedElsewhere(TicketError):
    """This game account is linked to another Discord account. Use /unlink there, or ask staff."""


class TooManyLinks(TicketError):
    """This Discord account already has 25 linked game accounts. Use /unlink to cut one first."""


class UnknownLink(TicketError):
    """There is no such link any more; nothing was changed."""


class TooManyLinkAttempts(TicketError):
    """There were too many wrong codes. Wait before the next try."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds  # until the next try
        minutes = max(1, -(-seconds // 60))
        super().__init__(
            Sentence("There were too many wrong codes. Try again in {count} min.", count=minutes)
        )


class InvalidTimeOfDay(TicketError):
    """That is no time of day. Write it as `22:00`, or `off` for no quiet hours."""


class QuietHoursIncomplete(TicketError):
    """Quiet hours need two different times: when they begin, and when they end."""


class UnknownTimeZone(TicketError):
    """There is no such time zone. Choose one from the list, like `Europe/Berlin`; type a city to find it."""


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


class UnknownSource(TicketError):
    """There is no such source of tickets."""


class InvalidWebhookName(TicketError):
    """A webhook's name has 100 characters at most, all of them visible."""


class InvalidWebhookUrl(TicketError):
    """Events cannot be pushed to this URL."""


class InvalidApiKey(TicketError):
    """This API key cannot be imported."""


class InvalidWorkspaceRule(TicketError):
    """The workspace cannot have that rule."""
