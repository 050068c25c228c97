"""The requests of the Series API, and the ticket that a creating one becomes.

Where the pages are silent, this is how they are read, here and in `handlers.py`:

- A subject has 256 characters at most, a category's or department's id 64, a message 10,000, a later reply
  4,000, a name 100, an avatar URL 2048, a server id 128, as they are sent. More is an error that names the
  field.
- Of several problems the first field's is named, in the order of the page. Null is the same as absent.
- Ids of users are whole numbers of 64 bits, as a number or as text of up to 19 digits; place ids too, from 0
  on.
- What was not given is null in the response; so is the claimer of an unclaimed ticket. A name or server id
  that was sent empty, or blank, is "". A person whose id is not a number has the number 0.
- A claimer is named as in the newest ticket with a name that they filed in the workspace, also if that was
  after the claim; `ClaimedByName` is the display name. If one name is known, it is shown as both. Who filed
  none is named by their id, as text; staff in Discord have their name there.
- A transfer of a claimed ticket leaves two system messages: the transfer, by the department's name, and the
  unclaim. A category must be one of the workspace's, if it has any and does not keep unknown ones.
- A game report may be claimed, moved and transferred. It takes no reply, not even from its reporter, and this
  error comes first for every body that can be parsed.
- A closed or resolved ticket takes no claim and no reply, but a new status. The status it has is a success.
- Statuses are the four words and no others. A blank author, department or search does not filter; a page
  beyond the last is empty. Lists are newest first.
- `MaxOpenTickets` counts open and in-progress tickets, and no game reports.
"""
# ruff: noqa: N815 - fields keep the contract's spelling letter for letter

from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field, WithJsonSchema

from bot.sources.contract import ApiError
from bot.sources.series.fields import (
    AvatarUrl,
    Id,
    Name,
    PlaceId,
    ReplyText,
    ServerId,
    Subject,
    TicketText,
    UserId,
    parse_body,
)
from bot.sources.validation import (
    MaxLength,
    Payload,
    Query,
    QueryText,
    choice,
    field_error,
    query_int,
)
from bot.tickets.sentence import Sentence
from bot.tickets.ticket import NewTicket, Player, Priority, Status, TicketField

_GAME_FIELD = TicketField(label=str(Sentence("Game")), value="Roblox")
_PRIORITY_BY_NAME = {
    "low": Priority.LOW,
    "minor": Priority.LOW,
    "medium": Priority.NORMAL,
    "normal": Priority.NORMAL,
    "default": Priority.NORMAL,
    "standard": Priority.NORMAL,
    "high": Priority.HIGH,
    "urgent": Priority.URGENT,
    "critical": Priority.URGENT,
    "highest": Priority.URGENT,
}
# The labels of the facts that say where a game report came from; translated where they are shown.
PLACE_LABEL, SERVER_LABEL = str(Sentence("Place")), str(Sentence("Server"))
_PRIORITY_CHOICE = choice(_PRIORITY_BY_NAME, allowed_text="low, medium, high, urgent", blank=Priority.NORMAL)
_MAX_PAGE = 2**31 - 1
_STATUS_BY_NAME = {
    status.value: status for status in (Status.OPEN, Status.IN_PROGRESS, Status.RESOLVED, Status.CLOSED)
}
_STATUS_NAMES = ", ".join(_STATUS_BY_NAME)
_STATUS_SCHEMA = WithJsonSchema({"type": "string", "enum": [*_STATUS_BY_NAME]})


class TicketBody(Payload):
    """A ticket. Staff may reply to its author."""

    view_only: ClassVar[bool] = False

    subject: Subject = Field(title="Subject")
    category: Id = Field(title="Category")
    message: TicketText = Field(title="Message")
    priority: Annotated[Priority, _PRIORITY_CHOICE] = Field(
        default=Priority.NORMAL, title="Priority", json_schema_extra={"default": "medium"}
    )
    authorUserId: UserId = Field(title="Author user ID")
    authorUsername: Name = Field(default=None, title="Author username")
    authorDisplayName: Name = Field(default=None, title="Author display name")
    authorAvatarUrl: AvatarUrl = Field(title="Author avatar URL")

    @property
    def ticket_fields(self) -> tuple[TicketField, ...]:
        """The ticket's lines that only this source has."""
        return (_GAME_FIELD,)


class GameReportBody(TicketBody):
    """A report from within a game. Its page: "game reports are view-only"."""

    view_only: ClassVar[bool] = True

    placeId: PlaceId = Field(title="Place ID")
    serverId: ServerId = Field(default=None, title="Server ID")

    @property
    def ticket_fields(self) -> tuple[TicketField, ...]:
        place_id, server_id = str(self.placeId), self.serverId
        url = f"https://www.roblox.com/games/{place_id}" if self.placeId else None
        place = TicketField(label=PLACE_LABEL, value=place_id, url=url)
        if server_id is None:
            return (_GAME_FIELD, place)
        return (_GAME_FIELD, place, TicketField(label=SERVER_LABEL, value=server_id))


def parse_ticket(body: bytes) -> NewTicket:
    """`POST /tickets/create`. Raises ApiError(400) with the first problem."""
    return _new_ticket(parse_body(TicketBody, body), raw=body.decode())


def parse_game_report(body: bytes) -> NewTicket:
    """`POST /tickets/create-game-report`. Raises ApiError(400) with the first problem."""
    return _new_ticket(parse_body(GameReportBody, body), raw=body.decode())


def _new_ticket(body: TicketBody, *, raw: str) -> NewTicket:
    return NewTicket(
        source="series",
        view_only=body.view_only,
        subject=body.subject,
        body=body.message,
        category=body.category,
        priority=body.priority,
        reporter=_reporter(body),
        fields=body.ticket_fields,
        raw_request=raw,
    )


def _reporter(body: TicketBody) -> Player:
    user_id = str(body.authorUserId)
    return Player(
        id=user_id,
        name=body.authorUsername,
        display_name=body.authorDisplayName,
        avatar_url=body.authorAvatarUrl,
        profile_url=f"https://www.roblox.com/users/{user_id}/profile" if body.authorUserId > 0 else None,
    )


def _parse_status(value: object) -> Status:
    if value is None:
        raise field_error("is required")
    if not isinstance(value, str):
        raise field_error("must be text")
    if value not in _STATUS_BY_NAME:
        raise ApiError(400, f"Invalid status. Must be one of: {_STATUS_NAMES}")
    return _STATUS_BY_NAME[value]


def _parse_query_status(name: str) -> Status:
    if name not in _STATUS_BY_NAME:
        raise field_error(f"must be one of: {_STATUS_NAMES}")
    return _STATUS_BY_NAME[name]


class StaffBody(Payload):
    """The member of staff who does it."""

    staffUserId: UserId = Field(title="Staff user ID")


class ReplyBody(Payload):
    """A reply to the ticket's author, by the member of staff who has claimed it."""

    content: ReplyText = Field(title="Content")
    staffUserId: UserId = Field(title="Staff user ID")


class FollowUpBody(Payload):
    """A message by the ticket's author."""

    content: ReplyText = Field(title="Content")
    authorUserId: UserId = Field(title="Author user ID")


class StatusBody(Payload):
    """The ticket's new status."""

    status: Annotated[Status, BeforeValidator(_parse_status), _STATUS_SCHEMA] = Field(title="Status")
    staffUserId: UserId = Field(title="Staff user ID")


class TransferBody(Payload):
    """The ticket's new department."""

    departmentId: Id = Field(title="Department ID")
    staffUserId: UserId = Field(title="Staff user ID")


class ListQuery(Query):
    """Filters of the ticket list; a ticket must match all of them."""

    page: Annotated[int, query_int(1, _MAX_PAGE)] = Field(default=1, title="Page")
    status: Annotated[Status | None, BeforeValidator(_parse_query_status), _STATUS_SCHEMA] = Field(
        default=None, title="Status"
    )
    author: Annotated[QueryText, MaxLength(64)] = Field(
        default=None, title="Author", description="The UserId of the ticket's author"
    )
    department: Annotated[QueryText, MaxLength(64)] = Field(default=None, title="Department")
    search: Annotated[QueryText, MaxLength(256)] = Field(
        default=None, title="Search", description="Part of the subject or of the author's names"
    )
    staffUserId: Annotated[int | None, query_int()] = Field(
        default=None, title="Staff user ID", description="Only departments this member of staff may see"
    )
