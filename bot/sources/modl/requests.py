"""The requests of the modl API, and the ticket that a creating one becomes.

Where the page and the plugins in use leave it open, this is how they are read:
- Types and priorities come in all the words that plugins have sent, in any case and with any separators.
- UUIDs may come without dashes, in braces or as a URN, and need no version: Bedrock players have none.
- A name has 64 characters at most instead of 16: an anticheat gives its own.
- Chat is up to 1,000 entries of up to 2,000 characters instead of 50 of 512: plugins send whole logs. An
  entry is a line, an object, or an object as JSON text; blank ones are skipped. Any ticket may have chat.
- A player or chat report may come without a reported player, and without chat.
- A ticket that names an anticheat as its creator, with the UUID of the accused, has a reporter without UUID.
- A draft may come without a type, and is then a support request. It is stored and shown as an open ticket:
  there is no form in which it could be finished.
- A replay is most often an id, and is never linked.
- A status filter knows two groups: our open and in-progress are "open", our resolved and closed "closed". A
  filter for drafts finds nothing, since a draft is an open ticket here.
- Who resolves or dismisses a report without a name is called "Staff". The reason, the resolution and the
  punishment's id are part of the reply to the reporter.
"""
# ruff: noqa: N815 - fields keep the contract's spelling letter for letter

from typing import Annotated

from pydantic import Field

from bot.sources.modl.fields import (
    ChatLog,
    Ids,
    Name,
    NotNull,
    OptionalName,
    OptionalUuid,
    Tags,
    Uuid,
    Within,
    parse_body,
)
from bot.sources.modl.vocabulary import ALL, OPEN, PRIORITIES, STATUS_FILTERS, TYPE_LABELS, TYPES
from bot.sources.validation import OptionalText, Payload, Query, choice, query_int
from bot.tickets.ticket import NewTicket, Player, Priority, Status, TicketField

_GAME_FIELD = TicketField(label="Game", value="Minecraft")
_FORM_FIELD = TicketField(label="Form", value="not filled in yet")
_VIEW_ONLY = False  # staff may reply to every ticket of this source
_TYPE_NAMES = "player, chat, staff, bug, support, appeal"
_TYPE_CHOICE = choice(TYPES, allowed_text=_TYPE_NAMES)
_DRAFT_TYPE_CHOICE = choice(TYPES, allowed_text=_TYPE_NAMES, blank="support")
_PRIORITY_CHOICE = choice(PRIORITIES, allowed_text="low, normal, high", blank=Priority.NORMAL)
_NO_JAVA_PROFILE_PREFIX = (
    "00000000-0000-0000-"  # of the console and of Bedrock players, who have no Java profile
)
REPLAY_LABEL = "Replay"  # the label of the ticket field for it
DEFAULT_LIMIT = 50  # tickets in a list
_TYPES_BY_FILTER = {word: (meaning,) for word, meaning in TYPES.items()} | {"all": tuple(TYPE_LABELS)}
_STATUS_NAMES = "open, closed, all"
_STATUS_FILTER = choice(STATUS_FILTERS, allowed_text=_STATUS_NAMES, blank=ALL)
_OPEN_STATUS_FILTER = choice(STATUS_FILTERS, allowed_text=_STATUS_NAMES, blank=OPEN)
_TYPE_FILTER = choice(_TYPES_BY_FILTER, allowed_text=f"{_TYPE_NAMES}, all", blank=_TYPES_BY_FILTER["all"])
_RESOLVED_REPLY = "Thank you for your report. Staff have looked into it and resolved it."
_DISMISSED_REPLY = (
    "Thank you for your report. Staff have looked into it and closed it without further action."
)


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
        """Whether a plugin created it, not a player: it names itself, but gives the UUID of the accused."""
        if self.creatorUuid != self.reportedPlayerUuid:
            return False
        creator, reported = self.creatorName, self.reportedPlayerName
        return creator is not None and reported is not None and creator.casefold() != reported.casefold()

    @property
    def ticket_fields(self) -> tuple[TicketField, ...]:
        """The ticket's lines that only this source has."""
        lines = (
            ("Server", self.createdServer),
            ("Tags", ", ".join(self.tags)),
            (REPLAY_LABEL, self.replayUrl),
        )
        return (_GAME_FIELD, *[TicketField(label=label, value=value) for label, value in lines if value])


class DraftBody(TicketBody):
    """The body of `POST /v1/minecraft/tickets/unfinished`: the player fills in a form later."""

    type: Annotated[str, _DRAFT_TYPE_CHOICE] = "support"

    @property
    def ticket_fields(self) -> tuple[TicketField, ...]:
        return (*super().ticket_fields, _FORM_FIELD)


class ReportsQuery(Query):
    """The query of `GET /v1/minecraft/reports/player/{uuid}`: of any status by default."""

    status: Annotated[tuple[Status, ...], _STATUS_FILTER, NotNull()] = Field(
        default=ALL, json_schema_extra={"default": "all"}
    )
    limit: Annotated[int, query_int(1, 100)] = DEFAULT_LIMIT


class OpenReportsQuery(ReportsQuery):
    """The query of `GET /v1/minecraft/reports`: open ones by default."""

    status: Annotated[tuple[Status, ...], _OPEN_STATUS_FILTER, NotNull()] = Field(
        default=OPEN, json_schema_extra={"default": "open"}
    )


class TicketListQuery(ReportsQuery):
    """The query of `GET /v1/minecraft/tickets`."""

    type: Annotated[tuple[str, ...], _TYPE_FILTER, NotNull()] = Field(
        default=_TYPES_BY_FILTER["all"], json_schema_extra={"default": "all"}
    )


class IdsBody(Payload):
    """The body of `POST /v1/minecraft/tickets/by-ids`."""

    ids: Ids = ()


class LinkBody(Payload):
    """The body of `POST /v1/minecraft/tickets/{id}/claim`."""

    playerUuid: Uuid
    playerName: Name


class AssignBody(Payload):
    """The body of `POST /v1/minecraft/reports/{id}/assign`."""

    assignee: Name


class ResolveBody(Payload):
    """The body of `POST /v1/minecraft/reports/{id}/resolve`."""

    resolvedBy: OptionalName = None
    resolution: Annotated[OptionalText, Within(1000)] = None
    punishmentId: Annotated[OptionalText, Within(64)] = None

    @property
    def reply_text(self) -> str:
        """The reply to the reporter."""
        punishment = self.punishmentId and f"Punishment: {self.punishmentId}"
        return "\n".join(line for line in (_RESOLVED_REPLY, self.resolution, punishment) if line)


class DismissBody(Payload):
    """The body of `POST /v1/minecraft/reports/{id}/dismiss`."""

    dismissedBy: OptionalName = None
    reason: Annotated[OptionalText, Within(1000)] = None

    @property
    def reply_text(self) -> str:
        """The reply to the reporter."""
        return f"{_DISMISSED_REPLY}\n{self.reason}" if self.reason else _DISMISSED_REPLY


def parse_ticket(body: bytes) -> NewTicket:
    """`POST /v1/minecraft/tickets`. Raises ApiError(400) with every problem."""
    return _new_ticket(parse_body(TicketBody, body), raw=body.decode())


def parse_draft(body: bytes) -> NewTicket:
    """`POST /v1/minecraft/tickets/unfinished`. Raises ApiError(400) with every problem."""
    return _new_ticket(parse_body(DraftBody, body), raw=body.decode())


def build_player(uuid: str | None, name: str | None) -> Player | None:
    """The player of that UUID, that name, or both; None without either."""
    if uuid is None and name is None:
        return None
    if uuid is None or uuid.startswith(_NO_JAVA_PROFILE_PREFIX):
        return Player(id=uuid, name=name)
    return Player(
        id=uuid,
        name=name,
        avatar_url=f"https://mc-heads.net/avatar/{uuid}",
        profile_url=f"https://namemc.com/profile/{uuid}",
    )


def _new_ticket(body: TicketBody, *, raw: str) -> NewTicket:
    reported_name = body.reportedPlayerName
    return NewTicket(
        source="modl",
        view_only=_VIEW_ONLY,
        subject=body.subject or _default_subject(body.type, reported_name),
        body=body.description or "",
        category=body.type,
        priority=body.priority,
        reporter=_reporter(body),
        reported_player=build_player(body.reportedPlayerUuid, reported_name),
        fields=body.ticket_fields,
        chat_log=body.chatMessages,
        raw_request=raw,
    )


def _default_subject(category: str, reported_name: str | None) -> str:
    subject = TYPE_LABELS[category]
    return f"{subject}: {reported_name}" if reported_name else subject


def _reporter(body: TicketBody) -> Player:
    if body.is_from_anticheat:
        return Player(name=body.creatorName)
    return build_player(body.creatorUuid, body.creatorName) or Player()
