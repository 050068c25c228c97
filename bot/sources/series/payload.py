"""What a Roblox game server sends, and the ticket it becomes. Models live here and die here."""
# ruff: noqa: N815 - fields keep the contract's spelling letter for letter

from typing import Annotated, ClassVar, TypeVar

from pydantic import BeforeValidator, Field

from bot.sources import Refused
from bot.sources.reading import Filled, Given, Payload, Unfit, clean, one_of, read, whole_number
from bot.tickets import Fact, NewTicket, Player, Priority

_PRIORITIES = {
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
_PRIORITY = one_of(_PRIORITIES, shown="low, medium, high, urgent", blank=Priority.NORMAL)


class TicketBody(Payload):
    """The body of `POST /tickets/create`; the titles are what a refusal calls the fields."""

    view_only: ClassVar[bool] = False

    subject: Filled = Field(title="Subject")
    category: Filled = Field(title="Category")
    message: Filled = Field(title="Message")
    priority: Annotated[Priority, _PRIORITY] = Field(default=Priority.NORMAL, title="Priority")
    # Studio's test players have negative ids. Luau knows only doubles, and some scripts send text.
    authorUserId: Annotated[int, BeforeValidator(whole_number())] = Field(title="Author user ID")
    authorUsername: Given = Field(default=None, title="Author username")
    authorDisplayName: Given = Field(default=None, title="Author display name")
    # In a game this is often rbxthumb://..., and may be empty: only its presence is the contract's business.
    authorAvatarUrl: str = Field(title="Author avatar URL")

    @property
    def facts(self) -> tuple[Fact, ...]:
        """The lines only this source has."""
        return (Fact(label="Game", value="Roblox"),)


class GameReportBody(TicketBody):
    """The body of `POST /tickets/create-game-report`. Its page: "game reports are view-only"."""

    view_only: ClassVar[bool] = True

    # Text on the page; many scripts send the number that game.PlaceId is. 0 is an unpublished place.
    placeId: Annotated[int, BeforeValidator(whole_number(0))] = Field(title="Place ID")
    serverId: Given = Field(default=None, title="Server ID")  # game.JobId: empty in Studio

    @property
    def facts(self) -> tuple[Fact, ...]:
        url = f"https://www.roblox.com/games/{self.placeId}" if self.placeId else None
        place = Fact(label="Place", value=str(self.placeId), url=url)
        server = (Fact(label="Server", value=self.serverId),) if self.serverId else ()
        return (*super().facts, place, *server)


_AnyBody = TypeVar("_AnyBody", bound=TicketBody)


def parse_ticket(body: bytes) -> NewTicket:
    """Raises Refused(400, ...) with the first problem."""
    return _ticket(_read(TicketBody, body), raw=body.decode())


def parse_game_report(body: bytes) -> NewTicket:
    """Raises Refused(400, ...) with the first problem."""
    return _ticket(_read(GameReportBody, body), raw=body.decode())


def _read(model: type[_AnyBody], body: bytes) -> _AnyBody:
    try:
        return read(model, body)
    except Unfit as problem:
        field = model.model_fields.get(problem.field)
        name = field.title if field else "Body"
        raise Refused(400, f"Validation error: {name} {problem.what}") from problem


def _ticket(body: TicketBody, *, raw: str) -> NewTicket:
    return NewTicket(
        source="series",
        view_only=body.view_only,
        subject=body.subject,
        body=body.message,
        category=body.category,
        priority=body.priority,
        reporter=_reporter(body),
        facts=body.facts,
        raw=raw,
    )


def _reporter(body: TicketBody) -> Player:
    number = body.authorUserId
    return Player(
        id=str(number),
        name=body.authorUsername,
        display_name=body.authorDisplayName,
        avatar_url=clean(body.authorAvatarUrl),
        profile_url=f"https://www.roblox.com/users/{number}/profile" if number > 0 else None,
    )
