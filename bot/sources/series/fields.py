"""The field types of Series requests with their limits, and parsing into a request model."""

import re
from collections.abc import Mapping
from typing import Annotated, TypeVar

from pydantic import AfterValidator

from bot.sources.contract import ApiError, FieldViolation
from bot.sources.validation import (
    InvalidRequest,
    MaxLength,
    NullableText,
    Payload,
    Query,
    RequiredText,
    int64,
    parse_json,
    parse_query,
    strip_control_chars,
)
from bot.tickets.ticket import MESSAGE_LIMIT

# Studio's test players have negative ids. Luau knows only doubles, and some scripts send text.
UserId = Annotated[int, int64()]
# Text on the page; many scripts send the number that game.PlaceId is. 0 is an unpublished place.
PlaceId = Annotated[int, int64(0)]
Subject = Annotated[RequiredText, MaxLength(256)]
Id = Annotated[RequiredText, MaxLength(64)]  # of a category or a department
TicketText = Annotated[RequiredText, MaxLength(10_000)]
ReplyText = Annotated[RequiredText, MaxLength(MESSAGE_LIMIT)]
Name = Annotated[NullableText, MaxLength(100)]
ServerId = Annotated[NullableText, MaxLength(128)]  # game.JobId: empty in Studio
# In a game this is often rbxthumb://..., and may be empty: the contract asks only that it is there.
AvatarUrl = Annotated[str, AfterValidator(strip_control_chars), MaxLength(2048)]

_BodyT = TypeVar("_BodyT", bound=Payload)
_QueryT = TypeVar("_QueryT", bound=Query)


def normalize_user_id(text: str) -> str | None:
    """The id of a user in digits; None for what is no integer of 64 bits."""
    if re.fullmatch(r"\s*-?[0-9]{1,19}\s*", text) is None:
        return None
    return str(int(text)) if -(2**63) <= int(text) < 2**63 else None


def parse_body(model: type[_BodyT], body: bytes) -> _BodyT:
    """Parse a JSON body. Raises ApiError(400) with the first problem."""
    try:
        return parse_json(model, body)
    except InvalidRequest as error:
        raise _validation_error(model, error.violations[0]) from error


def parse_query_params(model: type[_QueryT], query: Mapping[str, str]) -> _QueryT:
    """Parse a query. Raises ApiError(400) with the first problem."""
    try:
        return parse_query(model, query)
    except InvalidRequest as error:
        raise _validation_error(model, error.violations[0]) from error


def _validation_error(model: type[Payload], violation: FieldViolation) -> ApiError:
    """Name a field by its title, as on the contract's page."""
    field = model.model_fields.get(violation.field)
    name = field.title if field else "Body"
    return ApiError(400, f"Validation error: {name} {violation.reason}")
