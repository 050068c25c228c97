"""Tickets: what a player sent, and the rules of what may be done to it."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar, dataclass_transform

from bot.tickets.errors import (
    AlreadyClaimed,
    AlreadyLinked,
    ClosedForReporter,
    EmptyMessage,
    MessageTooLong,
    NotClaimed,
    NotClaimedByYou,
    NotEnded,
    NothingChanged,
    NotReporter,
    ReasonTooLong,
    StatusUnchanged,
    TicketClosed,
    TicketErased,
    ViewOnly,
    ViewOnlyForReporter,
    ViewOnlyNotRated,
)
from bot.tickets.feedback import NewFeedback, feedback_text, validate_feedback
from bot.tickets.history import (
    ASSIGNED,
    CATEGORY_CHANGED,
    CHANGED,
    CHANGED_BY_REPORTER,
    CLAIMED,
    LINKED,
    NO_LONGER_ASSIGNED,
    PRIORITY_CHANGED,
    PRIORITY_WORDS,
    STATUS_WORDS,
    TAGS_CHANGED,
    TAKEN_OVER,
    TRANSFERRED,
    UNCLAIMED,
)
from bot.tickets.message import Actor, MessageKind, NewMessage
from bot.tickets.outbox import DeliveryKind
from bot.tickets.sentence import Sentence

MESSAGE_LIMIT = 4000  # characters in a reply or note; what a Discord modal can hold
REASON_LIMIT = 500  # characters in a reason for closing
UNDO_TIME = timedelta(seconds=30)  # in which who changed a ticket in Discord can undo that


class Priority(StrEnum):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class Status(StrEnum):
    UNFINISHED = "unfinished"  # its reporter has not filled in the form yet
    OPEN = "open"
    IN_PROGRESS = "in-progress"
    RESOLVED = "resolved"
    CLOSED = "closed"

    @property
    def is_closed(self) -> bool:
        """Whether work on a ticket in this status has ended."""
        return self in (Status.RESOLVED, Status.CLOSED)


_ClassT = TypeVar("_ClassT")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def value_object(cls: type[_ClassT]) -> type[_ClassT]:
    """Make a slotted, keyword-only dataclass that the type checker holds frozen.

    It is not frozen at run time: that would make it two and a half times as expensive to build, and some
    are built for each request and for each row of a list.
    """
    return dataclass(slots=True, kw_only=True, unsafe_hash=True)(cls)


@value_object
class Player:
    """A person as the source names them: reporter or reported player. Every text is untrusted.

    A name may be empty: so it was sent. It is no name.
    """

    id: str | None = None  # the source's own id: a number, a UUID, a Discord id
    name: str | None = None
    display_name: str | None = None
    avatar_url: str | None = None
    profile_url: str | None = None  # built by the source from the id, never taken from a player

    @property
    def label(self) -> str:
        """The best name there is: display name and name, else one of them, else the id."""
        if self.display_name and self.name and self.display_name != self.name:
            return f"{self.display_name} (@{self.name})"
        return self.display_name or self.name or self.id or "unknown"


@value_object
class TicketField:
    """A labelled line that only one source has: Place, Server, Tags. `url` is built by the source.

    An empty value was sent as it is; people are not shown it.
    """

    label: str
    value: str
    url: str | None = None


@value_object
class NewTicket:
    """A ticket that is not saved yet, as a source parsed it from a request."""

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
    raw_request: str = "{}"  # the JSON body as it came; saved, and not read again with the ticket
    is_private: bool = False  # its reporter is in Discord, and reads it in a private thread
    initial_status: Status = Status.OPEN  # not read again with the ticket

    @property
    def initial_deliveries(self) -> tuple[DeliveryKind, ...]:
        """The deliveries that show a new ticket in Discord, in this order."""
        if self.is_private:
            return (DeliveryKind.PRIVATE_THREAD, DeliveryKind.POST)
        return (DeliveryKind.POST,) if self.view_only else (DeliveryKind.POST, DeliveryKind.THREAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscordPost:
    """Where Discord shows a ticket. A value is None until Discord has confirmed it."""

    channel_id: int | None = None
    message_id: int | None = None  # a message of its own
    thread_id: int | None = None
    digest_message_id: int | None = None  # else the digest, which shows several tickets


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketState:
    """What staff change of a ticket."""

    status: Status
    priority: Priority
    category: str
    department: str
    claimed_by: Actor | None
    closed_by: Actor | None
    close_reason: str
    tags: tuple[str, ...]


_STATE_FIELDS = tuple(field.name for field in fields(TicketState))


@value_object
class Ticket(NewTicket):
    """A saved ticket. Its methods are the rules: each returns the changed ticket or raises a TicketError."""

    id: int  # in the order of arrival
    uid: str  # 24 hex digits, unique: for contracts that show a database id
    public_id: str  # what people see, in the source's form: unique
    workspace_id: str
    department: str
    status: Status
    created_at: datetime
    updated_at: datetime
    claimed_by: Actor | None = None
    closed_by: Actor | None = None  # who closed or resolved it, if that is known
    close_reason: str = ""  # for staff; it leaves Discord in no response and no event
    tags: tuple[str, ...] = ()  # of the workspace's tags, in alphabetical order
    revision: int = 0  # how often it was changed
    post: DiscordPost = DiscordPost()
    erased_at: datetime | None = None  # when its texts and its reporter were erased
    reported_erased_at: datetime | None = None  # the same for its reported player

    @property
    def is_report(self) -> bool:
        """Whether it is about a player: of reports, staff say whether they are resolved or dismissed."""
        return self.view_only or self.reported_player is not None

    @property
    def state(self) -> TicketState:
        return TicketState(**{name: getattr(self, name) for name in _STATE_FIELDS})

    def with_state(self, state: TicketState) -> "Ticket":
        """Set all that staff change to what it was at another time."""
        return replace(self, **{name: getattr(state, name) for name in _STATE_FIELDS})

    def ensure_replies_allowed(self) -> None:
        """Raises ViewOnly for a game report, TicketErased, TicketClosed for a closed or resolved ticket."""
        if self.view_only:
            raise ViewOnly
        if self.erased_at is not None:
            raise TicketErased
        self._ensure_not_closed()

    def _ensure_not_closed(self) -> None:
        """Raises TicketClosed, which says who closed it."""
        if self.status.is_closed and self.closed_by is not None:
            raise TicketClosed(_CLOSED_BY[self.status].with_parts(name=self.closed_by.name))
        if self.status.is_closed:
            raise TicketClosed

    def reply(self, author: Actor, text: str) -> NewMessage:
        """Compose a reply to the reporter. Raises what `ensure_replies_allowed` raises."""
        self.ensure_replies_allowed()
        return self._new_message(MessageKind.REPLY, author, text)

    def reply_as_claimer(self, author: Actor, text: str) -> NewMessage:
        """Compose a reply, for contracts that want the ticket claimed first.

        Raises NotClaimedByYou, after what `ensure_replies_allowed` raises.
        """
        self.ensure_replies_allowed()
        if self.claimed_by is None or not self.claimed_by.same_as(author):
            raise NotClaimedByYou
        return self.reply(author, text)

    def follow_up(self, reporter_id: str, text: str) -> NewMessage:
        """Compose what the reporter adds. Raises ViewOnly for a game report, NotReporter, TicketClosed."""
        if self.view_only:
            raise ViewOnly
        if not self.is_reported_by(self.source, reporter_id):
            raise NotReporter
        if self.status.is_closed:
            raise TicketClosed
        author = Actor(id=reporter_id, name=self.reporter.label, source=self.source)
        return self._new_message(MessageKind.FOLLOW_UP, author, text)

    def ensure_open_to_reporter(self, reporter: Actor) -> None:
        """Raises NotReporter, ViewOnlyForReporter for a game report, ClosedForReporter."""
        if not self.is_reported_by(reporter.source, reporter.id):
            raise NotReporter
        if self.view_only:
            raise ViewOnlyForReporter
        if self.status.is_closed:
            raise ClosedForReporter

    def rate(self, reporter: Actor, rating: int, comment: str) -> NewFeedback:
        """Compose the reporter's feedback on a ticket that has ended.

        Raises NotReporter, ViewOnlyNotRated for a game report, NotEnded, InvalidRating, CommentTooLong.
        """
        if not self.is_reported_by(reporter.source, reporter.id):
            raise NotReporter
        if self.view_only:
            raise ViewOnlyNotRated
        if not self.status.is_closed:
            raise NotEnded
        comment = validate_feedback(rating, comment)
        message = self._new_message(MessageKind.FEEDBACK, reporter, feedback_text(rating, comment))
        return NewFeedback(rating=rating, comment=comment, message=message)

    def note(self, author: Actor, text: str) -> NewMessage:
        """Compose a note from staff to staff: allowed on every ticket in any status."""
        return self._new_message(MessageKind.NOTE, author, text)

    def _new_message(self, kind: MessageKind, author: Actor, text: str) -> NewMessage:
        return NewMessage(kind=kind, ticket_id=self.id, author=author, text=validate_text(text))

    def claim(self, staff: Actor) -> "Ticket":
        """Claim it for a staff member; its status becomes in-progress.

        Raises AlreadyClaimed if it is claimed, also by the same person, and TicketClosed.
        """
        self._ensure_not_closed()
        if self.claimed_by and self.claimed_by.same_as(staff):
            raise AlreadyClaimed(Sentence("You have already claimed this ticket."))
        if self.claimed_by:
            raise AlreadyClaimed(
                Sentence("{name} has already claimed this ticket.", name=self.claimed_by.name)
            )
        return replace(self, claimed_by=staff, status=Status.IN_PROGRESS)

    def take_over(self, staff: Actor, *, revision: int) -> "Ticket":
        """Claim it in place of the colleague who had claimed it at that revision.

        Raises AlreadyClaimed if it was changed since and somebody has claimed it, and TicketClosed.
        """
        if self.revision != revision:
            return self.claim(staff)
        self._ensure_not_closed()
        return self.assign(staff)

    def unclaim(self) -> "Ticket":
        """Give up the claim; the status stays. Raises NotClaimed."""
        if self.claimed_by is None:
            raise NotClaimed
        return replace(self, claimed_by=None)

    def assign(self, staff: Actor) -> "Ticket":
        """Claim it for another person, in place of any earlier claim; a closed ticket stays closed."""
        status = self.status if self.status.is_closed else Status.IN_PROGRESS
        return replace(self, claimed_by=staff, status=status)

    def assign_open(self, staff: Actor) -> "Ticket":
        """The same for a ticket that is not closed. Raises AlreadyClaimed by that person, TicketClosed."""
        self._ensure_not_closed()
        if self.claimed_by and self.claimed_by.same_as(staff):
            raise AlreadyClaimed(Sentence("{name} has already claimed this ticket.", name=staff.name))
        return self.assign(staff)

    def set_priority(self, priority: Priority) -> "Ticket":
        """Raises NothingChanged if it is that already."""
        if priority is self.priority:
            raise NothingChanged(
                Sentence("The priority is already {priority}.", priority=PRIORITY_WORDS[priority])
            )
        return replace(self, priority=priority)

    def set_tags(self, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> "Ticket":
        """Raises NothingChanged if it has all of the one and none of the other already."""
        tags = tuple(sorted({*self.tags, *add} - set(remove)))
        if tags == self.tags:
            raise NothingChanged(Sentence("The tags of this ticket are that already."))
        return replace(self, tags=tags)

    def transfer(self, department: str) -> "Ticket":
        """Move it to another department; the claim is given up."""
        return replace(self, department=department, claimed_by=None)

    def link(self, player: Player) -> "Ticket":
        """Set its reporter, once. The same player again changes nothing; another raises AlreadyLinked.

        Nobody becomes the reporter of an erased ticket: raises TicketErased.
        """
        if self.erased_at is not None:
            raise TicketErased
        if self.reporter.id is None:
            return replace(self, reporter=player)
        if self.reporter.id != player.id:
            raise AlreadyLinked
        return self

    def set_status(self, status: Status, *, by: Actor | None = None, reason: str = "") -> "Ticket":
        """Change any status to any other; a closed ticket remembers who closed it and why.

        Raises StatusUnchanged if it is that already, ReasonTooLong.
        """
        if status is self.status:
            raise StatusUnchanged(self._already(by))
        if not status.is_closed:
            return replace(self, status=status, closed_by=None, close_reason="")
        return replace(self, status=status, closed_by=by, close_reason=_validate_reason(reason))

    def end(self, status: Status, *, by: Actor, reason: str = "") -> "Ticket":
        """Close or resolve a ticket that is neither. Raises StatusUnchanged, which says who did it before."""
        if self.status.is_closed:
            raise StatusUnchanged(self._already(by))
        return self.set_status(status, by=by, reason=reason)

    def _already(self, actor: Actor | None) -> Sentence:
        """Say that the ticket has its status already, and who closed it, unless `actor` did."""
        if self.closed_by is not None and not (actor and self.closed_by.same_as(actor)):
            return _ALREADY_CLOSED_BY[self.status].with_parts(name=self.closed_by.name)
        return Sentence("This ticket is already {status}.", status=STATUS_WORDS[self.status])

    def reopen(self) -> "Ticket":
        """Open a closed or resolved ticket again. Raises StatusUnchanged if it is neither."""
        if not self.status.is_closed:
            raise StatusUnchanged(Sentence("This ticket is not closed."))
        return self.set_status(Status.OPEN)

    def history_events(
        self, before: "Ticket", actor: Actor, *, department: str, category: str
    ) -> tuple[NewMessage, ...]:
        """Describe each thing that `actor` changed since `before` in one line; empty if history has none.

        `department` and `category` are the names of the ticket's. A claim says that it is in progress. Why
        it was closed, and its tags, are the detail of their line, which only staff read.
        """
        is_claimed = self.claimed_by is not None and self.claimed_by != before.claimed_by
        texts = []
        details: dict[Sentence, str] = {}
        if self.department != before.department:
            texts.append(TRANSFERRED.with_parts(name=actor.name, department=department))
        if before.claimed_by and not self.claimed_by:
            texts.append(UNCLAIMED.with_parts(name=actor.name))
        if self.claimed_by and is_claimed:
            texts.append(_claim_sentence(self.claimed_by, before.claimed_by, actor))
        if self.status is not before.status and not is_claimed:
            change = CHANGED_BY_REPORTER if self.is_reported_by(actor.source, actor.id) else CHANGED
            texts.append(change.with_parts(name=actor.name, status=self.status.value))
            details[texts[-1]] = self.close_reason
        if self.priority is not before.priority:
            texts.append(PRIORITY_CHANGED.with_parts(name=actor.name, priority=self.priority.value))
        if self.category != before.category:
            texts.append(CATEGORY_CHANGED.with_parts(name=actor.name, category=category))
        if self.tags != before.tags:
            texts.append(TAGS_CHANGED.with_parts(name=actor.name))
            details[texts[-1]] = _tags_detail(before.tags, self.tags)
        if self.reporter != before.reporter:
            texts.append(LINKED.with_parts(name=self.reporter.label))
        return tuple(self._new_event(actor, text, details.get(text, "")) for text in texts)

    def assignment_events(
        self, before: Sequence[Actor], after: Sequence[Actor], actor: Actor
    ) -> list[NewMessage]:
        """Describe whom `actor` assigned besides the claimer, and who no longer is, in one line each."""
        texts = [ASSIGNED.with_parts(name=one.name) for one in after if one not in before]
        texts += [NO_LONGER_ASSIGNED.with_parts(name=one.name) for one in before if one not in after]
        return [self._new_event(actor, text) for text in texts]

    def _new_event(self, actor: Actor, sentence: Sentence, detail: str = "") -> NewMessage:
        return NewMessage(
            kind=MessageKind.EVENT, ticket_id=self.id, author=actor, text=str(sentence), detail=detail
        )

    def deliveries_for(self, kind: MessageKind, *, typed_in: int | None = None) -> tuple[DeliveryKind, ...]:
        """Return the deliveries that follow a message of this kind.

        A note is not shown in a thread that the reporter reads. An event is a line in the ticket's thread; a
        ticket without one shows it on its post.
        `typed_in` is the channel where the message was typed: the ticket's own thread shows it already.
        """
        if typed_in is not None and typed_in == self.post.thread_id:
            return tuple(one for one in self.deliveries_for(kind) if one is not DeliveryKind.POST_MESSAGE)
        if kind is MessageKind.NOTE and self.is_private:
            return ()
        if kind is MessageKind.EVENT:
            has_no_thread = self.view_only or self.post.digest_message_id is not None
            return () if has_no_thread else (DeliveryKind.POST_EVENT,)
        return (DeliveryKind.POST_MESSAGE,)

    def is_reported_by(self, source: str, reporter_id: str) -> bool:
        """Whether `reporter_id` filed it through `source`."""
        return self.source == source and self.reporter.id == reporter_id


def _claim_sentence(claimer: Actor, before: Actor | None, actor: Actor) -> Sentence:
    if not claimer.same_as(actor):
        return ASSIGNED.with_parts(name=claimer.name)
    if before is not None and not before.same_as(claimer):
        return TAKEN_OVER.with_parts(name=actor.name, colleague=before.name)
    return CLAIMED.with_parts(name=actor.name)


_CLOSED_BY = {
    Status.RESOLVED: Sentence("{name} has resolved this ticket. Reopen it first."),
    Status.CLOSED: Sentence("{name} has closed this ticket. Reopen it first."),
}
_ALREADY_CLOSED_BY = {
    Status.RESOLVED: Sentence("{name} has already resolved this ticket."),
    Status.CLOSED: Sentence("{name} has already closed this ticket."),
}


def _tags_detail(before: Sequence[str], after: Sequence[str]) -> str:
    """In no language: `+vip, −duped`."""
    added = [f"+{tag}" for tag in after if tag not in before]
    return ", ".join([*added, *(f"−{tag}" for tag in before if tag not in after)])


def _validate_reason(reason: str) -> str:
    """Strip a reason. Raises ReasonTooLong."""
    reason = reason.strip()
    if len(reason) > REASON_LIMIT:
        raise ReasonTooLong
    return reason


def validate_text(text: str) -> str:
    """Strip a message's text. Raises EmptyMessage, MessageTooLong."""
    text = text.strip()
    if not text:
        raise EmptyMessage
    if len(text) > MESSAGE_LIMIT:
        raise MessageTooLong
    return text
