"""Outgoing webhooks: the endpoints of game servers, the events pushed to them, and when to try again."""

import base64
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from bot.tickets.errors import InvalidWebhookUrl
from bot.tickets.events import TicketEvent

# The wait before each attempt at one event, as Standard Webhooks recommends it: 75 hours in all.
SCHEDULE = tuple(
    timedelta(seconds=seconds)
    for seconds in (0, 5, 300, 1800, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
)
MAX_RETRY_AFTER = timedelta(hours=24)  # what a receiver may ask for
MAX_PUSH_WAIT = timedelta(hours=27)  # longer than any wait: one that is due later was made by another clock
_MAX_URL_LENGTH = 2048


class EndpointState(StrEnum):
    """Whether events are pushed to an endpoint. Those of one that is not active wait."""

    ACTIVE = "active"
    PAUSED = "paused"  # by an operator
    DISABLED = "disabled"  # by its answer 410 Gone, or because it accepted nothing for too long


@dataclass(frozen=True, slots=True, kw_only=True)
class PushEndpoint:
    """A URL that the events of a workspace and source are pushed to. Its secrets are read apart."""

    id: int
    workspace_id: str
    workspace_name: str
    source: str
    name: str  # what its operator calls it
    url: str
    state: EndpointState
    reason: str | None  # why it is disabled
    created_at: datetime
    accepted_at: datetime | None  # when it last accepted an event
    failing_since: datetime | None  # the first attempt that failed since then
    rotated_until: datetime | None  # while its previous secret signs as well

    @property
    def label(self) -> str:
        """What people read of it; never the URL, which may hold a secret of its own."""
        return self.name or f"webhook {self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """An event that is due at an endpoint."""

    endpoint: PushEndpoint
    event: TicketEvent
    attempts: int  # so far
    first_attempt_at: datetime | None
    secrets: tuple[str, ...] = field(repr=False)  # each signs it


@dataclass(frozen=True, slots=True, kw_only=True)
class PushBacklog:
    """What is not pushed to an endpoint yet."""

    endpoint: PushEndpoint
    waiting: int  # events
    dead_letters: int  # events that were given up
    oldest: datetime | None  # when the first of those that wait happened
    last_error: str | None  # of the event that waits or was given up first


def wait_before_next(attempts: int, jitter: float) -> timedelta | None:
    """How long to wait after so many failed attempts, longer by a tenth of `jitter` (0 to 1).

    None: the event is given up.
    """
    return SCHEDULE[attempts] * (1 + jitter / 10) if attempts < len(SCHEDULE) else None


def generate_webhook_secret() -> str:
    """Return a new secret of 32 random bytes, `whsec_` and base64, as Standard Webhooks writes it."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def check_webhook_url(url: str) -> None:
    """Raises InvalidWebhookUrl. What its name stands for is checked at each connection."""
    if len(url) > _MAX_URL_LENGTH or not all("!" <= character <= "~" for character in url):
        raise InvalidWebhookUrl(
            f"A URL has {_MAX_URL_LENGTH:,} characters at most, all of them visible ASCII without blanks."
        )
    try:
        parts = urlsplit(url)
        is_complete = bool(parts.hostname) and parts.port != 0 and "\\" not in url
    except ValueError:
        is_complete = False
    if not is_complete or parts.scheme not in ("https", "http"):
        raise InvalidWebhookUrl("The URL must begin with https:// and name a host.")
    if "@" in parts.netloc or parts.fragment:
        raise InvalidWebhookUrl("The URL must have no user, no password and no #fragment in it.")
