"""The requests of the modl API, and the ticket that a creating one becomes.

Where the page and the plugins in use leave it open, this is how they are read:
- Types and priorities come in all the words that plugins have sent, in any case and with any separators.
- UUIDs may come without dashes, in braces or as a URN, and need no version: Bedrock players have none.
- A name has 64 characters at most instead of 16: an anticheat gives its own.
- Chat is up to 1,000 entries of up to 2,000 characters instead of 50 of 512: plugins send whole logs. An
  entry is a line, an object, or an object as JSON text; blank ones are skipped. Any ticket may have chat.
- A player or chat report may come without a reported player, and without chat.
- A ticket that names an anticheat as its creator, with the UUID of the accused, has a reporter without UUID.
- A draft may come without a type, and is then a support request. Its description is kept. It stays unfinished
  until staff claim, close or reopen it: there is no form in which it could be finished.
- A ticket without a subject has one in Discord, which says its type. Over HTTP it has none.
- A replay is most often an id, and is never linked.
- A status filter knows three groups: our open and in-progress are "open", our resolved and closed "closed",
  and drafts are neither. Any other status is refused.
- A list of tickets without a type has those for support, bugs and appeals. The type "report" finds player and
  chat reports there, and an unknown one nothing.
- Applications are of the type "application", also where "staff" was sent.
- Who resolves or dismisses a report without a name is called "Staff". The reason, the resolution and the
  punishment's id are a note for staff: its reporter reads the same sentence whatever they are.
"""
# ruff: noqa: N815 - fields keep the contract's spelling letter for letter

from typing import Annotated

from pydantic import Field

from bot.sources.modl.fields import (
    Assignees,
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
from bot.sources.modl.vocabulary import (
    ALL,
    DEFAULT_TYPES,
    OPEN,
    PRIORITIES,
    STATUS_FILTERS,
    TYPE_FILTERS,
    TYPE_LABELS,
    TYPES,
)
from bot.sources.validation import OptionalText, Payload, Query, choice, query_int
from bot.tickets.sentence import Sentence
from bot.tickets.ticket import NewTicket, Player, Priority, Status, TicketField

# Labels are translated where they are shown.
_GAME_FIELD = TicketField(label=str(Sentence("Game")), value="Minecraft")
_VIEW_ONLY = False  # staff may reply to every ticket of this source
_TYPE_NAMES = "player, chat, staff, bug, support, appeal"
_TYPE_ALIASES = ", or an alias such as bug_report or application"
_TYPE_CHOICE = choice(TYPES, allowed_text=_TYPE_NAMES, aliases_text=_TYPE_ALIASES)
_DRAFT_TYPE_CHOICE = choice(TYPES, allowed_text=_TYPE_NAMES, aliases_text=_TYPE_ALIASES, blank="support")
_PRIORITY_CHOICE = choice(PRIORITIES, allowed_text="low, normal, high", blank=Priority.NORMAL)
_NO_JAVA_PROFILE_PREFIX = (
    "00000000-0000-0000-"  # of the console and of Bedrock players, who have no Java profile
)
_SERVER_LABEL, _TAGS_LABEL = str(Sentence("Server")), str(Sentence("Tags"))
REPLAY_LABEL = str(Sentence("Replay"))
DEFAULT_LIMIT = 50  # tickets in a list
_STATUS_NAMES = "open, closed, unfinished, all"
_STATUS_FILTER = choice(STATUS_FILTERS, allowed_text=_STATUS_NAMES, blank=ALL)
_OPEN_STATUS_FILTER = choice(STATUS_FILTERS, allowed_text=_STATUS_NAMES, blank=OPEN)
_TYPE_FILTER = choice(
    TYPE_FILTERS, allowed_text=f"{_TYPE_NAMES}, report, all", blank=DEFAULT_TYPES, unknown=()
)
RESOLVED_REPLY = "Thank you for your report. Staff have looked into it and resolved it."
DISMISSED_REPLY = "Thank you for your report. Staff have looked into it and closed it without further action."


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
            (_SERVER_LABEL, self.createdServer),
            (_TAGS_LABEL, ", ".join(self.tags)),
            (REPLAY_LABEL, self.replayUrl),
        )
        return (_GAME_FIELD, *[TicketField(label=label, value=value) for label, value in lines if value])


class DraftBody(TicketBody):
    """The body of `POST /v1/minecraft/tickets/unfinished`: the player fills in a form later."""

    type: Annotated[str, _DRAFT_TYPE_CHOICE] = "support"


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
        default=DEFAULT_TYPES,
        description="Empty: support, bug and appeal.",
        json_schema_extra={"default": ""},
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

    assignee: Assignees


class ResolveBody(Payload):
    """The body of `POST /v1/minecraft/reports/{id}/resolve`."""

    resolvedBy: OptionalName = None
    resolution: Annotated[OptionalText, Within(500)] = None
    punishmentId: Annotated[OptionalText, Within(32)] = None

    @property
    def note_text(self) -> str:
        """What only staff read; "" for nothing."""
        lines = (("Resolution", self.resolution), ("Punishment", self.punishmentId))
        return "\n".join(f"{label}: {value}" for label, value in lines if value)


class DismissBody(Payload):
    """The body of `POST /v1/minecraft/reports/{id}/dismiss`."""

    dismissedBy: OptionalName = None
    reason: Annotated[OptionalText, Within(500)] = None

    @property
    def note_text(self) -> str:
        """What only staff read; "" for nothing."""
        return f"Reason for dismissal: {self.reason}" if self.reason else ""


def parse_ticket(body: bytes) -> NewTicket:
    """`POST /v1/minecraft/tickets`. Raises ApiError(400) with every problem."""
    return _new_ticket(parse_body(TicketBody, body), Status.OPEN, raw=body.decode())


def parse_draft(body: bytes) -> NewTicket:
    """`POST /v1/minecraft/tickets/unfinished`. Raises ApiError(400) with every problem."""
    return _new_ticket(parse_body(DraftBody, body), Status.UNFINISHED, raw=body.decode())


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


def _new_ticket(body: TicketBody, status: Status, *, raw: str) -> NewTicket:
    reported_player = build_player(body.reportedPlayerUuid, body.reportedPlayerName)
    return NewTicket(
        source="modl",
        view_only=_VIEW_ONLY,
        subject=body.subject or default_subject(body.type, reported_player),
        body=body.description or "",
        category=body.type,
        priority=body.priority,
        reporter=_reporter(body),
        reported_player=reported_player,
        fields=body.ticket_fields,
        chat_log=body.chatMessages,
        raw_request=raw,
        initial_status=status,
    )


def default_subject(category: str, reported_player: Player | None) -> str:
    """The subject in Discord of a ticket that was sent without one."""
    subject = TYPE_LABELS.get(category, "Ticket")
    return f"{subject}: {reported_player.name}" if reported_player and reported_player.name else subject


def _reporter(body: TicketBody) -> Player:
    if body.is_from_anticheat:
        return Player(name=body.creatorName)
    return build_player(body.creatorUuid, body.creatorName) or Player()
