"""Deliveries: what still has to reach Discord or a game server, and the receipt that says it did."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class DeliveryKind(StrEnum):
    """What a delivery does. Each kind is one effect that may safely be tried again."""

    POST = "post"  # the message that shows a ticket
    THREAD = "thread"  # the thread that starts from the post
    PRIVATE_THREAD = "private_thread"  # a reporter's own thread, in which the post then stands
    UPDATE_POST = "update_post"  # the post, drawn anew after the ticket changed
    POST_MESSAGE = "post_message"  # a reply, a note or a follow-up, shown in the thread
    POST_POINTER = (
        "post_pointer"  # a pointer to the post, in the channel of the department it was transferred to
    )
    SEND_TO_GAME = "send_to_game"  # a reply on its way to the game server

    @property
    def destination(self) -> "Destination":
        """Which queue this kind waits in."""
        return Destination.GAME if self is DeliveryKind.SEND_TO_GAME else Destination.DISCORD


class Destination(StrEnum):
    """Two queues a ticket waits in; first in, first out in each, neither holding up the other."""

    DISCORD = "discord"
    GAME = "game"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One row of the outbox."""

    id: int
    ticket_id: int
    kind: DeliveryKind
    channel_id: int  # the Discord channel it is bound for: one in flight per channel
    nonce: str  # made when the row was made, never again: Discord knows a repeat by it
    message_id: int | None  # the kept reply or note to show or return
    attempts: int  # how often it was begun; above 0 at hand-over means an earlier try is of unknown outcome
    created_at: datetime
    first_attempt_at: datetime | None = None  # the first time it was begun
    last_attempt_at: datetime | None = None
    digest_lead_id: int | None = (
        None  # of posts that leave in one message, the first; `nonce` is then that one's
    )


class DeliveryState(StrEnum):
    """How far a delivery is."""

    PENDING = "pending"
    DONE = "done"
    DEAD_LETTER = "dead_letter"  # it cannot be delivered as it stands, and others pass it
    DROPPED = "dropped"  # somebody has decided that it never will be


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxEntry(Delivery):
    """One row of the outbox that is not done, as an operator looks at it."""

    ticket: str  # its public id
    state: DeliveryState
    due_at: datetime
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelBacklog:
    """What waits for one channel, of one workspace."""

    workspace_id: str
    channel_id: int
    waiting: int  # deliveries
    oldest: datetime  # when the one that waits longest was put there


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the far side confirmed. Discord ids; None where a kind has no such thing."""

    channel_id: int | None = None
    message_id: int | None = None
    thread_id: int | None = None


def make_nonce(ticket_uid: str, kind: DeliveryKind, discriminator: str, channel_id: int) -> str:
    """24 hex characters (Discord takes 25 at most), one per logical message.

    The first eight are the ticket's second, so that in an index what is new stands together.
    The channel is in it because Discord knows a nonce by its author alone: the same nonce in another channel
    would be answered with the message in the first.
    """
    logical = f"{ticket_uid}|{kind.value}|{discriminator}|{channel_id}"
    return ticket_uid[:8] + hashlib.blake2b(logical.encode(), digest_size=8).hexdigest()
