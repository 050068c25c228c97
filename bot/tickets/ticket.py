"""A ticket: anything a player sent, once kept; and the rules of what may happen to it."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from bot.tickets.errors import (
    AlreadyClaimed,
    AlreadyLinked,
    EmptyMessage,
    MessageTooLong,
    NotClaimed,
    NotClaimedByYou,
    NotReporter,
    StatusUnchanged,
    TicketClosed,
    ViewOnly,
)
from bot.tickets.message import Actor, Event, FollowUp, MessageKind, Note, Reply
from bot.tickets.outbox import DeliveryKind

MESSAGE_LIMIT = 4000  # characters in a reply or note; what a Discord modal can hold


class Priority(StrEnum):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class Status(StrEnum):
    OPEN = "open"
    IN_PROGRESS = "in-progress"
    RESOLVED = "resolved"
    CLOSED = "closed"

    @property
    def is_closed(self) -> bool:
        """Whether work on a ticket in this status has ended."""
        return self in (Status.RESOLVED, Status.CLOSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """A person as the source names them: reporter or reported player. Every text is hostile until drawn."""

    id: str | None = None  # the source's own id: a number, a UUID, a Discord id
    name: str | None = None
    display_name: str | None = None
    avatar_url: str | None = None
    profile_url: str | None = None  # made by the source from the id, never taken from a player

    @property
    def label(self) -> str:
        """The best name known: display name with the name behind it, else what there is."""
        if self.display_name and self.name and self.display_name != self.name:
            return f"{self.display_name} (@{self.name})"
        return self.display_name or self.name or self.id or "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketField:
    """A labelled line only this source has: Place, Server, Tags. The source makes `url`, never a player."""

    label: str
    value: str
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTicket:
    """What a source made of one accepted request, before it is kept."""

    source: str
    view_only: bool
    subject: str
    body: str
    category: str
    priority: Priority
    reporter: Player
    reported_player: Player | None = None
    fields: tuple[TicketField, ...] = ()
    chat_log: tuple[str, ...] = ()  # one line of chat each, oldest first
    raw_request: str = "{}"  # the JSON body as it came; kept, and not read again with the ticket
    is_private: bool = False  # its reporter is in Discord, and reads it in a thread of their own

    @property
    def initial_deliveries(self) -> tuple[DeliveryKind, ...]:
        """What must happen in Discord, in this order, for the ticket to be shown."""
        if self.is_private:
            return (DeliveryKind.PRIVATE_THREAD, DeliveryKind.POST)
        return (DeliveryKind.POST,) if self.view_only else (DeliveryKind.POST, DeliveryKind.THREAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscordPost:
    """Where Discord shows a ticket. A value is None until Discord has confirmed it."""

    channel_id: int | None = None
    message_id: int | None = None  # its own
    thread_id: int | None = None
    digest_message_id: int | None = (
        None  # the message it is shown in together with others, having none of its own
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket(NewTicket):
    """A kept ticket. Its methods are the rules; each returns the changed ticket or raises a `Refusal`."""

    id: int  # ours, in the order of arrival
    uid: str  # 24 hex digits, unique: for contracts that show a database id
    public_id: str  # what people see, in the source's form: unique
    workspace_id: str
    department: str
    status: Status
    created_at: datetime
    updated_at: datetime
    claimed_by: Actor | None = None
    post: DiscordPost = DiscordPost()

    def ensure_replies_allowed(self) -> None:
        """Raises ViewOnly for a game report, TicketClosed once work has ended."""
        if self.view_only:
            raise ViewOnly
        if self.status.is_closed:
            raise TicketClosed

    def reply(self, author: Actor, text: str) -> Reply:
        """The only maker of a reply. Raises what `accept_replies` raises."""
        self.ensure_replies_allowed()
        return Reply(ticket_id=self.id, author=author, text=validate_text(text))

    def reply_as_claimer(self, author: Actor, text: str) -> Reply:
        """As `reply`, for a contract that wants a ticket claimed first: else ClaimFirst, after ViewOnly."""
        self.ensure_replies_allowed()
        if self.claimed_by is None or not self.claimed_by.same_as(author):
            raise NotClaimedByYou
        return self.reply(author, text)

    def follow_up(self, reporter_id: str, text: str) -> FollowUp:
        """What its reporter adds. Raises ViewOnly for a game report, NotYours, TicketClosed."""
        if self.view_only:
            raise ViewOnly
        if not self.is_reported_by(self.source, reporter_id):
            raise NotReporter
        self.ensure_replies_allowed()
        author = Actor(id=reporter_id, name=self.reporter.label, source=self.source)
        return FollowUp(ticket_id=self.id, author=author, text=validate_text(text))

    def note(self, author: Actor, text: str) -> Note:
        """Staff's words to staff: allowed on every ticket, whatever its status."""
        return Note(ticket_id=self.id, author=author, text=validate_text(text))

    def claim(self, staff: Actor) -> "Ticket":
        """Claiming sets in-progress. One claimer at a time: a second claim raises AlreadyClaimed."""
        if self.status.is_closed:
            raise TicketClosed
        if self.claimed_by and self.claimed_by.same_as(staff):
            raise AlreadyClaimed("You have already claimed this ticket.")
        if self.claimed_by:
            raise AlreadyClaimed(f"{self.claimed_by.name} has already claimed this ticket.")
        return replace(self, claimed_by=staff, status=Status.IN_PROGRESS)

    def unclaim(self) -> "Ticket":
        """Gives up a claim; the status stays as it is."""
        if self.claimed_by is None:
            raise NotClaimed
        return replace(self, claimed_by=None)

    def assign(self, staff: Actor) -> "Ticket":
        """Somebody else says who is to work on it: a claim that takes the place of any other."""
        if self.status.is_closed:
            raise TicketClosed
        return replace(self, claimed_by=staff, status=Status.IN_PROGRESS)

    def transfer(self, department: str) -> "Ticket":
        """To another department, whose staff have not claimed it yet."""
        return replace(self, department=department, claimed_by=None)

    def link(self, player: Player) -> "Ticket":
        """Name its reporter, once. The same player again changes nothing; another raises AlreadyLinked."""
        if self.reporter.id is None:
            return replace(self, reporter=player)
        if self.reporter.id != player.id:
            raise AlreadyLinked
        return self

    def set_status(self, status: Status) -> "Ticket":
        """Any status to any other; raises AlreadyInStatus for a second click."""
        if status is self.status:
            raise StatusUnchanged(f"This ticket is already {status.value}.")
        return replace(self, status=status)

    def history_event(self, before: "Ticket", actor: Actor) -> Event | None:
        """What `by` has changed, as one line of its history; None if nothing that people follow."""
        if self.department != before.department:
            text = f"{actor.name} transferred the ticket to {self.department}"
        elif self.claimed_by and self.claimed_by != before.claimed_by:
            own = self.claimed_by.same_as(actor)
            text = (
                f"{actor.name} claimed the ticket"
                if own
                else f"{self.claimed_by.name} was assigned the ticket"
            )
        elif before.claimed_by and not self.claimed_by:
            text = f"{actor.name} unclaimed the ticket"
        elif self.status is not before.status:
            text = f"{actor.name} changed the status to {self.status.value}"
        elif self.reporter != before.reporter:
            text = f"{self.reporter.label} was linked to the ticket"
        else:
            return None
        return Event(ticket_id=self.id, author=actor, text=text)

    def deliveries_for(self, kind: MessageKind, *, typed_in: int | None = None) -> tuple[DeliveryKind, ...]:
        """What must happen after a message of this kind is kept.

        A reply to somebody in Discord has arrived once it is shown; any other goes on to the game.
        A note stays out of a thread its reporter reads. What happened to a ticket is seen on its post.
        What was typed in the ticket's own thread stands there, and is not shown in it again.
        """
        if typed_in is not None and typed_in == self.post.thread_id:
            return tuple(one for one in self.deliveries_for(kind) if one is not DeliveryKind.POST_MESSAGE)
        if kind is MessageKind.EVENT or (kind is MessageKind.NOTE and self.is_private):
            return ()
        if kind is MessageKind.REPLY and not self.is_private:
            return (DeliveryKind.POST_MESSAGE, DeliveryKind.SEND_TO_GAME)
        return (DeliveryKind.POST_MESSAGE,)

    def is_reported_by(self, source: str, reporter_id: str) -> bool:
        """Whether this is a ticket that `reporter_id` filed through `source`."""
        return self.source == source and self.reporter.id == reporter_id


def validate_text(text: str) -> str:
    text = text.strip()
    if not text:
        raise EmptyMessage
    if len(text) > MESSAGE_LIMIT:
        raise MessageTooLong
    return text
