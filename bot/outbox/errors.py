"""Why a delivery attempt failed. The dispatcher decides by the type what happens next."""

from datetime import datetime


class DeliveryError(Exception):
    """A delivery attempt failed; the message says why. `outcome` is a metric label and never changes."""

    outcome = "error"

    def __init__(self, reason: str = "", *, seconds: float | None = None) -> None:
        super().__init__(reason)
        self.seconds = seconds  # until the next attempt; None: the dispatcher chooses


class RetryLater(DeliveryError):
    """This delivery must wait; others for its channel go first. It did not happen, or its outcome is unknown.

    Without `seconds`, the wait grows with each attempt.
    """

    outcome = "retry_later"


class HeldBack(DeliveryError):
    """It was not attempted, and is not to be before `until`: its reader has quiet hours."""

    outcome = "held"

    def __init__(self, until: datetime) -> None:
        super().__init__(f"held until {until.isoformat()}")
        self.until = until


class QueueLimited(RetryLater):
    """A limit that the next deliveries of the queue meet too: this one waits, and they are tried less often.

    Discord counts what it refuses.
    """


class RateLimited(DeliveryError):
    """The channel accepts nothing for `seconds`."""

    outcome = "rate_limited"


class UnknownOutcome(DeliveryError):
    """No response says what was done: the delivery may have happened."""

    outcome = "unknown_outcome"


class ChannelForbidden(DeliveryError):
    """The channel rejects everything until a person repairs it, for example its permissions."""

    outcome = "channel_forbidden"


class BotForbidden(DeliveryError):
    """All requests of this bot are rejected; another one before `seconds` are over makes it worse."""

    outcome = "bot_forbidden"


class PermanentFailure(DeliveryError):
    """This delivery was understood and rejected, and always will be. A digest is then split."""

    outcome = "permanent_failure"
