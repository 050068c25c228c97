"""What a Minecraft server files, and the ticket it becomes. Models live here and die here.

Where the page and the plugins in use leave it open, this is how they are read:
- Types and priorities come in all the words that plugins have sent, in any case and with any separators.
- UUIDs may come without dashes, in braces or as a URN, and need no version: Bedrock players have none.
- A name is no longer than 64 characters instead of 16: an anticheat gives its own.
- Chat is up to 1,000 entries of up to 2,000 characters instead of 50 of 512: plugins send whole logs. An
  entry is a line, an object, or an object as JSON text; blank ones are skipped. Any ticket may have chat.
- A player or chat report may come without a reported player, and without chat.
- What names an anticheat as its creator but carries the UUID of the accused has a reporter without a UUID.
- A draft may come without a type, and is then a support request. It is kept and shown as an open ticket, for
  there is no form in which it could be finished.
- A replay is most often a bare id, and is never linked.
"""
# ruff: noqa: N815 - fields keep the contract's spelling letter for letter

from typing import Annotated, TypeVar

from bot.sources.contract import ApiError
from bot.sources.modl.fields import ChatLog, OptionalName, OptionalUuid, Tags, Uuid, Within
from bot.sources.modl.vocabulary import PRIORITIES, TYPE_LABELS, TYPES
from bot.sources.validation import FieldError, OptionalText, Payload, choice, parse_json
from bot.tickets.ticket import NewTicket, Player, Priority, TicketField

_VIEW_ONLY = False  # staff may reply to every ticket of this source
TYPE_NAMES = "player, chat, staff, bug, support, appeal"
_TYPE_CHOICE = choice(TYPES, allowed_text=TYPE_NAMES)
_DRAFT_TYPE_CHOICE = choice(TYPES, allowed_text=TYPE_NAMES, blank="support")
_PRIORITY_CHOICE = choice(PRIORITIES, allowed_text="low, normal, high", blank=Priority.NORMAL)
_NO_JAVA_PROFILE_PREFIX = (
    "00000000-0000-0000-"  # the console's nil UUID, and Bedrock players, whom Java knows nothing of
)
REPLAY_LABEL = "Replay"  # the label of the fact that names one


class TicketBody(Payload):
    """The body of `POST /v1/minecraft/tickets`, as wide as the plugins in use send it."""

    creatorUuid: Uuid
    creatorName: OptionalName = None
    type: Annotated[str, _TYPE_CHOICE]
    subject: Annotated[OptionalText, Within(256)] = None
    description: Annotated[OptionalText, Within(10_000)] = None
    reportedPlayerUuid: OptionalUuid = None
    reportedPlayerName: OptionalName = None
    chatMessages: ChatLog = ()
    tags: Tags = ()
    priority: Annotated[Priority, _PRIORITY_CHOICE] = Priority.NORMAL
    createdServer: Annotated[OptionalText, Within(64)] = None
    replayUrl: Annotated[OptionalText, Within(2048)] = None

    @property
    def is_from_anticheat(self) -> bool:
        """Whether a plugin filed it, not a player: it names itself, but gives the UUID of the accused."""
        creator, reported = self.creatorName, self.reportedPlayerName
        return (
            self.creatorUuid == self.reportedPlayerUuid
            and creator is not None
            and reported is not None
            and creator.casefold() != reported.casefold()
        )

    @property
    def ticket_fields(self) -> tuple[TicketField, ...]:
        """The lines only this source has."""
        lines = {
            "Game": "Minecraft",
            "Server": self.createdServer,
            "Tags": ", ".join(self.tags),
            REPLAY_LABEL: self.replayUrl,
        }
        return tuple(TicketField(label=label, value=value) for label, value in lines.items() if value)


class DraftBody(TicketBody):
    """The body of `POST /v1/minecraft/tickets/unfinished`: the player is to fill in a form later."""

    type: Annotated[str, _DRAFT_TYPE_CHOICE] = "support"

    @property
    def ticket_fields(self) -> tuple[TicketField, ...]:
        return (*super().ticket_fields, TicketField(label="Form", value="not filled in yet"))


_BodyT = TypeVar("_BodyT", bound=Payload)


def parse_ticket(body: bytes) -> NewTicket:
    """Raises Refused(400, ...) with the first problem."""
    return _new_ticket(parse_body(TicketBody, body), raw=body.decode())


def parse_draft(body: bytes) -> NewTicket:
    """Raises Refused(400, ...) with the first problem."""
    return _new_ticket(parse_body(DraftBody, body), raw=body.decode())


def parse_body(model: type[_BodyT], body: bytes) -> _BodyT:
    """Raises Refused(400, ...) with the first problem."""
    try:
        return parse_json(model, body)
    except FieldError as problem:
        raise validation_error(problem) from problem


def validation_error(error: FieldError) -> ApiError:
    """The refusal of what cannot be understood, as this contract puts it."""
    return ApiError(400, f"Invalid data provided: {error.field} {error.reason}.")


def build_player(uuid: str | None, name: str | None) -> Player | None:
    """The player of that UUID, that name, or both; None without either."""
    if uuid is None and name is None:
        return None
    has_profile = uuid is not None and not uuid.startswith(_NO_JAVA_PROFILE_PREFIX)
    return Player(
        id=uuid,
        name=name,
        avatar_url=f"https://mc-heads.net/avatar/{uuid}" if has_profile else None,
        profile_url=f"https://namemc.com/profile/{uuid}" if has_profile else None,
    )


def _new_ticket(body: TicketBody, *, raw: str) -> NewTicket:
    return NewTicket(
        source="modl",
        view_only=_VIEW_ONLY,
        subject=body.subject or _default_subject(body),
        body=body.description or "",
        category=body.type,
        priority=body.priority,
        reporter=_reporter(body),
        reported_player=build_player(body.reportedPlayerUuid, body.reportedPlayerName),
        fields=body.ticket_fields,
        chat_log=body.chatMessages,
        raw_request=raw,
    )


def _default_subject(body: TicketBody) -> str:
    subject = TYPE_LABELS[body.type]
    return f"{subject}: {body.reportedPlayerName}" if body.reportedPlayerName else subject


def _reporter(body: TicketBody) -> Player:
    if body.is_from_anticheat:
        return Player(name=body.creatorName)
    return build_player(body.creatorUuid, body.creatorName) or Player()
