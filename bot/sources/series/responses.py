"""The shapes of what the Series API says. Described here; filled in elsewhere."""
# ruff: noqa: N815 - the contract's spelling letter for letter

from typing import Annotated, Literal, NotRequired

from pydantic import Field, WithJsonSchema

from bot.sources.validation import TypedDict

# UTC, with milliseconds and Z.
Moment = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
MessageId = Annotated[str, Field(pattern="^msj_[0-9]{10}_[0-9a-z]{6}$")]
StatusWord = Literal["open", "in-progress", "resolved", "closed"]
MessageType = Literal["author_message", "staff_message", "system_message"]
PriorityWord = Literal["low", "medium", "high", "urgent"]


class Author(TypedDict):
    UserId: int
    Username: str | None
    DisplayName: str | None
    AvatarUrl: str


class Place(TypedDict):
    PlaceId: int
    ServerId: str | None


class Whereabout(TypedDict):
    """Of a game report: where it came from."""

    GameData: NotRequired[Place]


class TicketShown(TypedDict):
    """A ticket, as every answer shows it."""

    TicketId: str
    _id: str
    WorkspaceId: str
    Subject: str
    Category: str
    Department: str
    Status: StatusWord
    Priority: PriorityWord
    Author: Author
    GameReport: bool
    GameData: NotRequired[Place]  # of a game report
    CreatedAt: Moment
    UpdatedAt: Moment


class TicketListed(TicketShown):
    """A ticket in a list. 0 stands for a claimer whose id is no number."""

    ClaimedBy: int | None
    ClaimedByName: str | None


class Said(TypedDict):
    """One message. 0 stands for an author whose id is no number."""

    Content: str
    Author: int
    Type: MessageType
    Timestamp: Moment


class Claimer(TypedDict):
    UserId: int
    DisplayName: str
    Username: str


class TicketOpened(TicketShown):
    """A ticket with what was said on it, oldest first."""

    Content: dict[MessageId, Said]
    ClaimedBy: int | None
    ClaimedByUser: Claimer | None


class Pages(TypedDict):
    CurrentPage: int
    TotalPages: int
    TotalCount: int
    TicketsPerPage: int
    HasNextPage: bool
    HasPreviousPage: bool


class ListData(TypedDict):
    Tickets: list[TicketListed]
    Pagination: Pages


class GetData(TypedDict):
    Ticket: TicketOpened


class CategoryShown(TypedDict):
    Name: str
    WorkspaceMembershipRequired: bool
    MinAccessRank: int
    MaxOpenTickets: int | None


class Ranks(TypedDict):
    FromRank: int
    ToRank: int


class DepartmentShown(TypedDict):
    Name: str
    Members: list[int]
    Categories: list[str]
    RankRange: Ranks


class ConfigData(TypedDict):
    Enabled: bool
    PublicUrl: bool
    Categories: dict[str, CategoryShown]
    Departments: dict[str, DepartmentShown]
    DiscordNotificationWebhookEnabled: bool
    DiscordNotificationWebhookPing: str


class DoneData(TypedDict):
    message: str


class GoodKey(TypedDict):
    valid: Literal[True]
    status: Literal["active"]
    workspaceId: str
    rateLimitRemaining: int
    rateLimitReset: Moment


class BadKey(TypedDict):
    valid: Literal[False]
    status: Literal["inactive"]
    message: str


class TicketKept(TypedDict):
    success: Literal[True]
    data: TicketShown


class TicketList(TypedDict):
    success: Literal[True]
    data: ListData


class TicketFound(TypedDict):
    success: Literal[True]
    data: GetData


class Config(TypedDict):
    success: Literal[True]
    data: ConfigData


class WorkDone(TypedDict):
    success: Literal[True]
    data: DoneData


class KeyChecked(TypedDict):
    success: Literal[True]
    data: GoodKey | BadKey
