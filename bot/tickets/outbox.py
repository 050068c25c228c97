"""The outbox: deliveries to Discord or a game server, and the receipts that confirm them."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class DeliveryKind(StrEnum):
    """What a delivery does. Each kind is one effect that can safely be retried."""

    POST = "post"  # the message that shows a ticket
    THREAD = "thread"  # the thread that starts from the post
    PRIVATE_THREAD = "private_thread"  # a thread for the reporter and staff, which then holds the post
    UPDATE_POST = "update_post"  # edits the post after the ticket changed
    POST_MESSAGE = "post_message"  # a reply, a note or a follow-up, shown in the thread
    POST_POINTER = "post_pointer"  # a link to the post, in the channel of the ticket's new department
    SEND_TO_GAME = "send_to_game"  # a reply, to the game server

    @property
    def destination(self) -> "Destination":
        """The queue that this kind waits in."""
        return Destination.GAME if self is DeliveryKind.SEND_TO_GAME else Destination.DISCORD


class Destination(StrEnum):
    """The two queues of a ticket: each is first in, first out, and neither holds up the other."""

    DISCORD = "discord"
    GAME = "game"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One row of the outbox."""

    id: int
    ticket_id: int
    kind: DeliveryKind
    channel_id: int  # the Discord channel it goes to: one in flight per channel
    nonce: str  # made once with the row, so that Discord recognises a repeat
    message_id: int | None  # of the message to show or to send
    attempts: int  # above 0 when it is attempted: an earlier attempt is of unknown outcome
    created_at: datetime
    first_attempt_at: datetime | None = None
    last_attempt_at: datetime | None = None
    digest_lead_id: int | None = None  # the first post of its digest, whose nonce all of them have


class DeliveryState(StrEnum):
    """The state of a delivery."""

    PENDING = "pending"
    DONE = "done"
    DEAD_LETTER = "dead_letter"  # it cannot be delivered, and no longer holds up others
    DROPPED = "dropped"  # by an operator: it never will be delivered


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxEntry(Delivery):
    """One row of the outbox that is not done, for an operator."""

    ticket: str  # its public id
    state: DeliveryState
    due_at: datetime
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelBacklog:
    """The deliveries of one workspace that wait for one channel."""

    workspace_id: str
    channel_id: int
    waiting: int  # deliveries
    oldest: datetime  # when the first of them was created


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What Discord confirmed: ids, None where a kind has no such thing."""

    channel_id: int | None = None
    message_id: int | None = None
    thread_id: int | None = None


def make_nonce(ticket_uid: str, kind: DeliveryKind, discriminator: str, channel_id: int) -> str:
    """Return 24 hex characters (Discord takes 25 at most), one nonce per logical message.

    The first eight are the ticket's second, so that new ones stand together in an index.
    The channel is part of it because Discord compares nonces per author: the same nonce in another channel
    would be answered with the message in the first.
    """
    logical = f"{ticket_uid}|{kind.value}|{discriminator}|{channel_id}"
    return ticket_uid[:8] + hashlib.blake2b(logical.encode(), digest_size=8).hexdigest()
