"""What a Series client sends besides what it files: the models of its bodies and of its query."""
# ruff: noqa: N815 - fields keep the contract's spelling letter for letter

from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from bot.sources.contract import ApiError
from bot.sources.series.fields import Id, ReplyText, UserId
from bot.sources.validation import MaxLength, Payload, Query, QueryText, field_error, query_int
from bot.tickets.ticket import Status

_MAX_PAGE = 2**31 - 1
_STATUS_BY_NAME = {status.value: status for status in Status}
_STATUS_NAMES = ", ".join(_STATUS_BY_NAME)
_STATUS_SCHEMA = WithJsonSchema({"type": "string", "enum": [*_STATUS_BY_NAME]})


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
    """Who of the staff does it."""

    staffUserId: UserId = Field(title="Staff user ID")


class ReplyBody(Payload):
    """What the member of staff who has claimed the ticket says to its author."""

    content: ReplyText = Field(title="Content")
    staffUserId: UserId = Field(title="Staff user ID")


class FollowUpBody(Payload):
    """What the ticket's author adds to it."""

    content: ReplyText = Field(title="Content")
    authorUserId: UserId = Field(title="Author user ID")


class StatusBody(Payload):
    """The ticket's new status."""

    status: Annotated[Status, BeforeValidator(_parse_status), _STATUS_SCHEMA] = Field(title="Status")
    staffUserId: UserId = Field(title="Staff user ID")


class TransferBody(Payload):
    """The department that is to work on the ticket."""

    departmentId: Id = Field(title="Department ID")
    staffUserId: UserId = Field(title="Staff user ID")


class ListQuery(Query):
    """Which tickets: those that meet every condition."""

    page: Annotated[int, query_int(1, _MAX_PAGE)] = Field(default=1, title="Page")
    status: Annotated[Status | None, BeforeValidator(_parse_query_status), _STATUS_SCHEMA] = Field(
        default=None, title="Status"
    )
    author: Annotated[QueryText, MaxLength(64)] = Field(
        default=None, title="Author", description="The UserId of who filed it"
    )
    department: Annotated[QueryText, MaxLength(64)] = Field(default=None, title="Department")
    search: Annotated[QueryText, MaxLength(256)] = Field(
        default=None, title="Search", description="Part of the subject or of the author's names"
    )
    staffUserId: Annotated[int | None, query_int()] = Field(
        default=None, title="Staff user ID", description="Only departments this member of staff may see"
    )
