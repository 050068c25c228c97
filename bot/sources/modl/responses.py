"""The response bodies of the modl API.

A key that is not required is left out where it has no value: nothing is ever null. Times are whole
milliseconds since 1970, UTC.
"""
# ruff: noqa: N815 - fields keep the contract's spelling letter for letter

from typing import Literal, NotRequired

from bot.sources.validation import TypedDict

TicketType = Literal["bug", "player", "chat", "appeal", "application", "support"]
ReportType = Literal["player", "chat"]
Status = Literal["unfinished", "open", "closed"]
Priority = Literal["low", "normal", "high"]


class TicketCreated(TypedDict):
    """A ticket was created.

    `ticketUrl` is the page on which its player, and whoever else has the address, reads staff's replies and
    answers them. It is nowhere else: show it to the player alone.
    """

    status: Literal[200]
    success: Literal[True]
    ticketId: str
    message: str
    ticketUrl: str


class ChatMessage(TypedDict):
    """One line of chat."""

    content: str
    timestamp: int
    sender: NotRequired[str]


class TicketReply(TypedDict):
    """A message on a ticket; the first is its description."""

    id: str
    content: str
    authorName: str
    authorId: NotRequired[str]  # of the player; staff have none
    isStaff: bool
    createdAt: int


class PlayerTicket(TypedDict):
    """A ticket in the list of its own player."""

    id: str
    type: TicketType
    category: TicketType
    subject: NotRequired[str]
    status: Status
    createdAt: int


class TicketLookup(TypedDict):
    """A ticket found by its id, among others."""

    id: str
    type: TicketType
    category: TicketType
    subject: NotRequired[str]
    status: Status
    playerName: NotRequired[str]
    playerUuid: NotRequired[str]
    createdAt: int
    firstReplyContent: NotRequired[str]


class TicketSummary(TypedDict):
    """A ticket in a list."""

    id: str
    type: TicketType
    category: TicketType
    subject: NotRequired[str]
    status: Status
    playerName: NotRequired[str]
    playerUuid: NotRequired[str]
    priority: Priority
    assignedTo: list[str]
    createdAt: int
    updatedAt: int
    hasStaffResponse: bool
    replyCount: int
    locked: bool


class TicketDetail(TypedDict):
    """A ticket with its messages."""

    id: str
    type: TicketType
    category: TicketType
    subject: NotRequired[str]
    status: Status
    playerName: NotRequired[str]
    playerUuid: NotRequired[str]
    priority: Priority
    assignedTo: list[str]
    createdAt: int
    updatedAt: int
    locked: bool
    replies: list[TicketReply]
    chatMessages: list[ChatMessage]
    replayUrl: NotRequired[str]


class Report(TypedDict):
    """A ticket about another player."""

    id: str
    type: ReportType
    reporterName: str
    reporterUuid: NotRequired[str]
    reportedPlayerUuid: NotRequired[str]
    reportedPlayerName: NotRequired[str]
    subject: NotRequired[str]
    content: NotRequired[str]
    status: Status
    priority: Priority
    createdAt: int
    assignedTo: list[str]
    chatMessages: list[ChatMessage]
    replayUrl: NotRequired[str]


class PlayerReport(TypedDict):
    """A ticket about one player."""

    id: str
    type: ReportType
    reporterName: str
    reporterUuid: NotRequired[str]
    subject: NotRequired[str]
    status: Status
    priority: Priority
    createdAt: int


class TicketList(TypedDict):
    """Newest first."""

    status: Literal[200]
    tickets: list[TicketSummary]


class PlayerTicketList(TypedDict):
    """Newest first."""

    status: Literal[200]
    tickets: list[PlayerTicket]


class TicketLookupList(TypedDict):
    """In the order of the ids; those that do not exist are left out."""

    status: Literal[200]
    tickets: list[TicketLookup]


class TicketDetailResponse(TypedDict):
    """One ticket."""

    status: Literal[200]
    ticket: TicketDetail


class ReportList(TypedDict):
    """Newest first."""

    status: Literal[200]
    reports: list[Report]


class PlayerReportList(TypedDict):
    """Newest first."""

    status: Literal[200]
    reports: list[PlayerReport]


class PlayerLinked(TypedDict):
    """A ticket was linked to its player."""

    status: Literal[200]
    success: Literal[True]
    message: Literal["Ticket successfully linked to your account"]
    ticketId: str
    subject: NotRequired[str]


class ReportUpdated(TypedDict):
    """A report was updated."""

    status: Literal[200]
    success: Literal[True]
    message: Literal["Report assigned", "Report resolved", "Report dismissed"]
