"""What a Minecraft server sends, and the ticket it becomes. Models live here and die here."""
# ruff: noqa: N815 - fields keep the contract's spelling letter for letter

import re
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BeforeValidator

from bot.sources import Refused
from bot.sources.modl.chat import chat_lines
from bot.sources.reading import Filled, Given, Payload, Unfit, given, items, one_of, read, unfit
from bot.tickets import Fact, NewTicket, Player, Priority

_VIEW_ONLY = False  # staff may reply to every ticket of this source
_TYPES = {
    "bug": "bug",
    "bugreport": "bug",
    "player": "player",
    "playerreport": "player",
    "report": "player",
    "chat": "chat",
    "chatreport": "chat",
    "appeal": "appeal",
    "banappeal": "appeal",
    "staff": "staff",
    "staffapplication": "staff",
    "application": "staff",
    "apply": "staff",
    "support": "support",
    "generalsupport": "support",
}
_SUBJECTS = {  # for a ticket that comes without one
    "bug": "Bug report",
    "player": "Player report",
    "chat": "Chat report",
    "appeal": "Appeal",
    "staff": "Staff application",
    "support": "Support request",
}
_PRIORITIES = {  # three levels: this source has no word of its own for our "urgent"
    "low": Priority.LOW,
    "minor": Priority.LOW,
    "normal": Priority.NORMAL,
    "medium": Priority.NORMAL,
    "default": Priority.NORMAL,
    "standard": Priority.NORMAL,
    "high": Priority.HIGH,
    "urgent": Priority.HIGH,
    "critical": Priority.HIGH,
    "highest": Priority.HIGH,
}
_TYPE_WORDS = "player, chat, staff, bug, support, appeal"
_TYPE = one_of(_TYPES, shown=_TYPE_WORDS)
_DRAFT_TYPE = one_of(_TYPES, shown=_TYPE_WORDS, blank="support")
_PRIORITY = one_of(_PRIORITIES, shown="low, normal, high", blank=Priority.NORMAL)
_UUID = re.compile(r"([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})")
_NO_ACCOUNT = "00000000-0000-0000-"  # the console's nil UUID, and Bedrock players, whom Java knows nothing of


def _dashed(text: str) -> str:
    """The UUID in the one form we keep: players without a version digit are real (Bedrock)."""
    match = _UUID.fullmatch(text.strip().lower().removeprefix("urn:uuid:").strip("{}"))
    if match is None:
        raise unfit("must be a UUID")
    return "-".join(match.groups())


def _dashed_if_given(text: str | None) -> str | None:
    return _dashed(text) if text else None


def _tags(value: object) -> tuple[str, ...]:
    return tuple(tag for entry in items(value, str, named="text") if (tag := given(entry)))


def _chat_log(value: object) -> tuple[str, ...]:
    return chat_lines(items(value, str, dict, named="text or objects"))


class TicketBody(Payload):
    """The body of `POST /v1/minecraft/tickets`, as wide as the plugins in use send it."""

    creatorUuid: Annotated[Filled, AfterValidator(_dashed)]
    creatorName: Given = None
    type: Annotated[str, _TYPE]
    subject: Given = None
    description: Given = None
    reportedPlayerUuid: Annotated[Given, AfterValidator(_dashed_if_given)] = None
    reportedPlayerName: Given = None
    chatMessages: Annotated[tuple[str, ...], BeforeValidator(_chat_log)] = ()
    tags: Annotated[tuple[str, ...], BeforeValidator(_tags)] = ()
    priority: Annotated[Priority, _PRIORITY] = Priority.NORMAL
    createdServer: Given = None
    replayUrl: Given = None

    @property
    def is_from_an_anticheat(self) -> bool:
        """Whether a plugin filed it, not a player: it names itself, but gives the UUID of the accused."""
        creator, reported = self.creatorName, self.reportedPlayerName
        return (
            self.creatorUuid == self.reportedPlayerUuid
            and creator is not None
            and reported is not None
            and creator.casefold() != reported.casefold()
        )

    @property
    def facts(self) -> tuple[Fact, ...]:
        """The lines only this source has. A replay is named, never linked: mostly it is a bare id."""
        lines = {
            "Game": "Minecraft",
            "Server": self.createdServer,
            "Tags": ", ".join(self.tags),
            "Replay": self.replayUrl,
        }
        return tuple(Fact(label=label, value=value) for label, value in lines.items() if value)


class DraftBody(TicketBody):
    """The body of `POST /v1/minecraft/tickets/unfinished`: the player is to fill in a form later."""

    type: Annotated[str, _DRAFT_TYPE] = "support"

    @property
    def facts(self) -> tuple[Fact, ...]:
        return (*super().facts, Fact(label="Form", value="not filled in yet"))


_AnyBody = TypeVar("_AnyBody", bound=TicketBody)


def parse(body: bytes) -> NewTicket:
    """Raises Refused(400, ...) with the first problem."""
    return _ticket(_read(TicketBody, body), raw=body.decode())


def parse_draft(body: bytes) -> NewTicket:
    """Raises Refused(400, ...) with the first problem."""
    return _ticket(_read(DraftBody, body), raw=body.decode())


def _read(model: type[_AnyBody], body: bytes) -> _AnyBody:
    try:
        return read(model, body)
    except Unfit as problem:
        raise Refused(400, f"Invalid data provided: {problem.field} {problem.what}.") from problem


def _ticket(body: TicketBody, *, raw: str) -> NewTicket:
    return NewTicket(
        source="modl",
        view_only=_VIEW_ONLY,
        subject=body.subject or _subject(body),
        body=body.description or "",
        category=body.type,
        priority=body.priority,
        reporter=_reporter(body),
        reported_player=_player(body.reportedPlayerUuid, body.reportedPlayerName),
        facts=body.facts,
        chat_log=body.chatMessages,
        raw=raw,
    )


def _subject(body: TicketBody) -> str:
    subject = _SUBJECTS[body.type]
    return f"{subject}: {body.reportedPlayerName}" if body.reportedPlayerName else subject


def _reporter(body: TicketBody) -> Player:
    if body.is_from_an_anticheat:
        return Player(name=body.creatorName)
    return _player(body.creatorUuid, body.creatorName) or Player()


def _player(uuid: str | None, name: str | None) -> Player | None:
    if uuid is None and name is None:
        return None
    has_profile = uuid is not None and not uuid.startswith(_NO_ACCOUNT)
    return Player(
        id=uuid,
        name=name,
        avatar_url=f"https://mc-heads.net/avatar/{uuid}" if has_profile else None,
        profile_url=f"https://namemc.com/profile/{uuid}" if has_profile else None,
    )
