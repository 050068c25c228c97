"""The fields of Series requests, each with its limit, and how one that is wrong is refused."""

from collections.abc import Mapping
from typing import Annotated, TypeVar

from bot.sources import Refused
from bot.sources.validation import (
    AtMost,
    Filled,
    Given,
    Payload,
    Query,
    Unfit,
    read,
    read_query,
    whole_number,
)
from bot.tickets import MESSAGE_LIMIT

# Studio's test players have negative ids. Luau knows only doubles, and some scripts send text.
UserId = Annotated[int, whole_number()]
# Text on the page; many scripts send the number that game.PlaceId is. 0 is an unpublished place.
PlaceId = Annotated[int, whole_number(0)]
Subject = Annotated[Filled, AtMost(256)]
Id = Annotated[Filled, AtMost(64)]  # of a category or a department
Opening = Annotated[Filled, AtMost(10_000)]
Content = Annotated[Filled, AtMost(MESSAGE_LIMIT)]
Name = Annotated[Given, AtMost(100)]
ServerId = Annotated[Given, AtMost(128)]  # game.JobId: empty in Studio
# In a game this is often rbxthumb://..., and may be empty: only its presence is the contract's business.
AvatarUrl = Annotated[str, AtMost(2048)]

_Body = TypeVar("_Body", bound=Payload)
_Query = TypeVar("_Query", bound=Query)


def body_as(model: type[_Body], body: bytes) -> _Body:
    """Raises Refused(400, ...) with the first problem."""
    try:
        return read(model, body)
    except Unfit as problem:
        raise _refused(model, problem) from problem


def query_as(model: type[_Query], query: Mapping[str, str]) -> _Query:
    """Raises Refused(400, ...) with the first problem."""
    try:
        return read_query(model, query)
    except Unfit as problem:
        raise _refused(model, problem) from problem


def _refused(model: type[Payload], problem: Unfit) -> Refused:
    """The titles of a model's fields are what a refusal calls them."""
    field = model.model_fields.get(problem.field)
    name = field.title if field else "Body"
    return Refused(400, f"Validation error: {name} {problem.what}")
