"""The response bodies of the Series API."""
# ruff: noqa: N815 - the contract's spelling letter for letter

from typing import Annotated, Literal, NotRequired

from pydantic import Field, WithJsonSchema

from bot.sources.validation import TypedDict

# UTC, with Z; of tickets and messages with milliseconds.
Timestamp = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
MessageId = Annotated[str, Field(pattern="^msj_[0-9]{10}_[0-9a-z]{6}$")]
StatusValue = Literal["open", "in-progress", "resolved", "closed"]
MessageType = Literal["author_message", "staff_message", "system_message"]
PriorityValue = Literal["low", "medium", "high", "urgent"]


class Author(TypedDict):
    UserId: int
    Username: str | None
    DisplayName: str | None
    AvatarUrl: str


class GameData(TypedDict):
    PlaceId: int
    ServerId: str | None


class GameDataField(TypedDict):
    """Where a game report came from; of no other ticket."""

    GameData: NotRequired[GameData]


class TicketOut(TypedDict):
    """A ticket, in every response."""

    TicketId: str
    _id: str
    WorkspaceId: str
    Subject: str
    Category: str
    Department: str
    Status: StatusValue
    Priority: PriorityValue
    Author: Author
    GameReport: bool
    GameData: NotRequired[GameData]  # of a game report
    CreatedAt: Timestamp
    UpdatedAt: Timestamp


class TicketSummary(TicketOut):
    """A ticket in a list. 0 stands for a claimer whose id is not a number."""

    ClaimedBy: int | None
    ClaimedByName: str | None


class MessageOut(TypedDict):
    """One message. 0 stands for an author whose id is not a number."""

    Content: str
    Author: int
    Type: MessageType
    Timestamp: Timestamp


class Claimer(TypedDict):
    UserId: int
    DisplayName: str
    Username: str


class TicketWithMessages(TicketOut):
    """A ticket with its messages, oldest first."""

    Content: dict[MessageId, MessageOut]
    ClaimedBy: int | None
    ClaimedByUser: Claimer | None


class Pagination(TypedDict):
    CurrentPage: int
    TotalPages: int
    TotalCount: int
    TicketsPerPage: int
    HasNextPage: bool
    HasPreviousPage: bool


class TicketListData(TypedDict):
    Tickets: list[TicketSummary]
    Pagination: Pagination


class TicketData(TypedDict):
    Ticket: TicketWithMessages


class CategoryOut(TypedDict):
    Name: str
    WorkspaceMembershipRequired: bool
    MinAccessRank: int
    MaxOpenTickets: int | None


class RankRange(TypedDict):
    FromRank: int
    ToRank: int


class DepartmentOut(TypedDict):
    Name: str
    Members: list[int]
    Categories: list[str]
    RankRange: RankRange


class ConfigData(TypedDict):
    Enabled: bool
    PublicUrl: bool
    Categories: dict[str, CategoryOut]
    Departments: dict[str, DepartmentOut]
    DiscordNotificationWebhookEnabled: bool
    DiscordNotificationWebhookPing: str


class MessageData(TypedDict):
    message: str


class ActiveApiKey(TypedDict):
    """A key that is accepted. Its last use is the one before this check, to the minute; null for none."""

    valid: Literal[True]
    workspaceId: str
    workspaceName: str
    status: Literal["active"]
    createdAt: Timestamp
    lastUsed: Timestamp | None
    rateLimitRemaining: int
    rateLimitReset: Timestamp


class InactiveApiKey(TypedDict):
    valid: Literal[False]
    status: Literal["inactive"]
    message: str


class TicketCreated(TypedDict):
    success: Literal[True]
    data: TicketOut


class TicketList(TypedDict):
    success: Literal[True]
    data: TicketListData


class TicketResponse(TypedDict):
    success: Literal[True]
    data: TicketData


class ConfigResponse(TypedDict):
    success: Literal[True]
    data: ConfigData


class MessageResponse(TypedDict):
    success: Literal[True]
    data: MessageData


class ApiKeyStatus(TypedDict):
    success: Literal[True]
    data: ActiveApiKey | InactiveApiKey
