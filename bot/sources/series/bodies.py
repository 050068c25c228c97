"""What a Series client sends besides what it files: the models of its bodies and of its query."""
# ruff: noqa: N815 - fields keep the contract's spelling letter for letter

from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from bot.sources import Refused
from bot.sources.series.fields import Content, Id, UserId
from bot.sources.validation import Asked, AtMost, Payload, Query, asked_number, unfit
from bot.tickets import Status

_LAST_PAGE = 2**31 - 1
_WORDS = {status.value: status for status in Status}
_SHOWN = ", ".join(_WORDS)
_A_WORD = WithJsonSchema({"type": "string", "enum": [*_WORDS]})


def _status(value: object) -> Status:
    if value is None:
        raise unfit("is required")
    if not isinstance(value, str):
        raise unfit("must be text")
    if value not in _WORDS:
        raise Refused(400, f"Invalid status. Must be one of: {_SHOWN}")
    return _WORDS[value]


def _asked_status(word: str) -> Status:
    if word not in _WORDS:
        raise unfit(f"must be one of: {_SHOWN}")
    return _WORDS[word]


class StaffBody(Payload):
    """Who of the staff does it."""

    staffUserId: UserId = Field(title="Staff user ID")


class ReplyBody(Payload):
    """What the member of staff who has claimed the ticket says to its author."""

    content: Content = Field(title="Content")
    staffUserId: UserId = Field(title="Staff user ID")


class FollowUpBody(Payload):
    """What the ticket's author adds to it."""

    content: Content = Field(title="Content")
    authorUserId: UserId = Field(title="Author user ID")


class StatusBody(Payload):
    """The ticket's new status."""

    status: Annotated[Status, BeforeValidator(_status), _A_WORD] = Field(title="Status")
    staffUserId: UserId = Field(title="Staff user ID")


class TransferBody(Payload):
    """The department that is to work on the ticket."""

    departmentId: Id = Field(title="Department ID")
    staffUserId: UserId = Field(title="Staff user ID")


class ListQuery(Query):
    """Which tickets: those that meet every condition."""

    page: Annotated[int, asked_number(1, _LAST_PAGE)] = Field(default=1, title="Page")
    status: Annotated[Status | None, BeforeValidator(_asked_status), _A_WORD] = Field(
        default=None, title="Status"
    )
    author: Annotated[Asked, AtMost(64)] = Field(
        default=None, title="Author", description="The UserId of who filed it"
    )
    department: Annotated[Asked, AtMost(64)] = Field(default=None, title="Department")
    search: Annotated[Asked, AtMost(256)] = Field(
        default=None, title="Search", description="Part of the subject or of the author's names"
    )
    staffUserId: Annotated[int | None, asked_number()] = Field(
        default=None, title="Staff user ID", description="Only departments this member of staff may see"
    )
