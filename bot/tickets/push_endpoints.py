"""Outgoing webhooks: the endpoints of game servers, their URLs and secrets, and what waits for them."""

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit

from bot.tickets.errors import InvalidWebhookName, InvalidWebhookUrl
from bot.tickets.sentence import Sentence

_MAX_URL_LENGTH, _MAX_NAME_LENGTH = 2048, 100


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
        return endpoint_label(self.id, self.name)


def endpoint_label(endpoint_id: int, name: str) -> str:
    """What people read of an endpoint."""
    return name or f"webhook {endpoint_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushBacklog:
    """What is not pushed to an endpoint yet."""

    endpoint: PushEndpoint
    waiting: int  # events
    dead_letters: int  # events that were given up
    oldest: datetime | None  # when the first of those that wait happened
    last_error: str | None  # of the event that waits or was given up first


@dataclass(frozen=True, slots=True, kw_only=True)
class PushProgress:
    """How far an event is that an outgoing webhook has not accepted."""

    receiver: str  # what people call the webhook
    state: EndpointState
    attempts: int
    error: str | None  # a sentence, of the last attempt
    is_given_up: bool

    @property
    def sentence(self) -> Sentence:
        """What staff read about it."""
        if self.is_given_up:
            return Sentence(
                "{receiver} did not accept it, and it is not tried again. {error}",
                receiver=self.receiver,
                error=self.error,
            )
        if self.state is EndpointState.PAUSED:
            return Sentence("Waiting: the webhook {receiver} is paused.", receiver=self.receiver)
        if self.state is EndpointState.DISABLED:
            return Sentence("Waiting: the webhook {receiver} is disabled.", receiver=self.receiver)
        if self.error is not None:
            return Sentence(
                "Waiting for {receiver}, tries so far: {count}. {error}",
                receiver=self.receiver,
                count=self.attempts,
                error=self.error,
            )
        return Sentence("Waiting to be pushed to {receiver}.", receiver=self.receiver)


def generate_webhook_secret() -> str:
    """Return a new secret of 32 random bytes, `whsec_` and base64, as Standard Webhooks writes it."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def check_webhook_name(name: str) -> None:
    """Raises InvalidWebhookName. A name may be empty."""
    if len(name) > _MAX_NAME_LENGTH or not name.isprintable():
        raise InvalidWebhookName


def check_webhook_url(url: str) -> None:
    """Raises InvalidWebhookUrl. What its name stands for is checked at each connection."""
    if len(url) > _MAX_URL_LENGTH or not all("!" <= character <= "~" for character in url):
        raise InvalidWebhookUrl(
            Sentence(
                "A URL has {limit:,} characters at most, all of them visible ASCII without blanks.",
                limit=_MAX_URL_LENGTH,
            )
        )
    try:
        parts = urlsplit(url)
        is_complete = bool(parts.hostname) and parts.port != 0 and "\\" not in url
    except ValueError:
        is_complete = False
    if not is_complete or parts.scheme not in ("https", "http"):
        raise InvalidWebhookUrl(Sentence("The URL must begin with https:// and name a host."))
    if "@" in parts.netloc or parts.fragment:
        raise InvalidWebhookUrl(Sentence("The URL must have no user, no password and no #fragment in it."))
