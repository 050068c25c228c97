"""The outbox: deliveries to Discord, and the receipts that confirm them."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache

MAX_WAIT = timedelta(minutes=10)  # between two attempts at one delivery
MAX_HELD = timedelta(hours=26)  # longer than any quiet hours, also on the day on which clocks are set back
DIRECT_MESSAGES = 0  # in the place of a channel's id: the direct messages to all members together


class DeliveryKind(StrEnum):
    """What a delivery does. Each kind is one effect that can safely be retried."""

    POST = "post"  # the message that shows a ticket
    THREAD = "thread"  # the thread that starts from the post
    PRIVATE_THREAD = "private_thread"  # a thread for the reporter and staff, which then holds the post
    UPDATE_POST = "update_post"  # edits the post after the ticket changed
    POST_MESSAGE = "post_message"  # a reply, a note or a follow-up, shown in the thread
    UPDATE_MESSAGE = "update_message"  # edits a shown reply after a game server has read it
    POST_EVENT = "post_event"  # a line about what was done to the ticket, in its thread if it has one
    POST_POINTER = "post_pointer"  # a link to the post, in the channel of the ticket's new department
    DIRECT_MESSAGE = "direct_message"  # tells a reporter in a game of a reply, or that the ticket is closed


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One row of the outbox."""

    id: int
    ticket_id: int
    guild_id: int
    kind: DeliveryKind
    queue: str  # as `queue_key` makes it: one attempt at a time
    channel_id: int  # the Discord channel it goes to; of a direct message, the member
    nonce: str  # made once with the row, so that Discord recognises a repeat
    message_id: int | None  # of the message to show
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
    HELD = "held"  # a direct message in its reader's quiet hours: it waits for their end


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxEntry(Delivery):
    """One row of the outbox that is not done, for an operator."""

    ticket: str  # its public id
    state: DeliveryState
    due_at: datetime
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelBacklog:
    """The deliveries of one workspace that wait for one channel, or its direct messages to all members."""

    workspace_id: str
    channel_id: int  # or DIRECT_MESSAGES
    waiting: int  # deliveries
    oldest: datetime  # when the first of them was created
    reason: str | None  # why the first of them waits, if that is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What Discord confirmed: ids, None where a kind has no such thing."""

    channel_id: int | None = None
    message_id: int | None = None
    thread_id: int | None = None
    digest_message_id: int | None = None  # a digest that was found with the ticket in it


@dataclass(frozen=True, slots=True, kw_only=True)
class SentPointer:
    """A message in Discord that links to a ticket's post."""

    delivery_id: int
    channel_id: int
    message_id: int


def queue_key(kind: DeliveryKind, channel_id: int, ticket_id: int) -> str:
    """Return the queue of a delivery: those of one queue are attempted one at a time, in order.

    Discord limits posts, new threads, edits and the messages of each thread apart from each other, so none
    of them waits for the others. Edits of messages are one at a time in a channel with all its threads: a
    game server may read a thousand replies at once. Each member's direct messages have their own queue.
    """
    name = _QUEUE_NAMES[kind]
    is_in_thread = kind in (DeliveryKind.POST_MESSAGE, DeliveryKind.POST_EVENT)
    return f"{name}:{ticket_id if is_in_thread else channel_id}"


_QUEUE_NAMES = {
    DeliveryKind.POST: "posts",
    DeliveryKind.PRIVATE_THREAD: "posts",
    DeliveryKind.POST_POINTER: "posts",
    DeliveryKind.THREAD: "threads",
    DeliveryKind.UPDATE_POST: "edits",
    DeliveryKind.POST_MESSAGE: "messages",
    DeliveryKind.POST_EVENT: "messages",
    DeliveryKind.UPDATE_MESSAGE: "message_edits",
    DeliveryKind.DIRECT_MESSAGE: "direct_messages",
}


def make_nonce(delivery_id: int, ticket_uid: str, channel_id: int) -> str:
    """Return 24 hex characters (Discord takes 25 at most): the delivery's id, and a hash.

    The channel is part of the hash because Discord compares nonces per author: the same nonce in another
    channel would be answered with the message in the first.
    """
    return f"{delivery_id:010x}{_nonce_digest(ticket_uid, channel_id)}"


@lru_cache(maxsize=1000)
def _nonce_digest(ticket_uid: str, channel_id: int) -> str:
    """Cached: a new ticket has several deliveries to one channel."""
    return hashlib.blake2b(f"{ticket_uid}|{channel_id}".encode(), digest_size=7).hexdigest()


def delivery_id_of(nonce: str) -> int | None:
    """The id of the delivery that `make_nonce` made this for; None for any other text."""
    try:
        return int(nonce[:10], 16) if len(nonce) == 24 else None
    except ValueError:
        return None
