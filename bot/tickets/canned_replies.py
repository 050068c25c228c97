"""Canned replies: texts that staff save under a name, with placeholders filled in when one is used."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.tickets.errors import TicketError
from bot.tickets.message import Actor
from bot.tickets.sentence import Sentence
from bot.tickets.ticket import Ticket, validate_text

MAX_CANNED_REPLIES = 100  # in one workspace
NAME_LIMIT = 50  # characters
_VALUE_LIMIT = 100  # characters of a name that is filled in
_PLACEHOLDER = re.compile(r"\{(\w+)\}")

_VALUES: Mapping[str, Callable[[Ticket, Actor, str], str]] = {
    "player": lambda ticket, staff, server: (
        ticket.reporter.display_name or ticket.reporter.name or ticket.reporter.label
    ),
    "ticket": lambda ticket, staff, server: ticket.public_id,
    "staff": lambda ticket, staff, server: staff.name,
    "server": lambda ticket, staff, server: server,
}
KNOWN_PLACEHOLDERS = ", ".join(f"{{{name}}}" for name in _VALUES)


class UnknownCannedReply(TicketError):
    """There is no such canned reply here. `/canned list` shows those there are."""


class CannedReplyExists(TicketError):
    """There is already a canned reply of that name. `/canned edit` changes it."""


class CannedReplyChanged(TicketError):
    """This canned reply was changed meanwhile, so yours was not saved."""


class TooManyCannedReplies(TicketError):
    """This workspace has 100 canned replies already. `/canned remove` removes one."""


class InvalidCannedReplyName(TicketError):
    """The name of a canned reply has 1 to 50 characters, all of them visible."""


class UnknownPlaceholder(TicketError):
    """This text has an unknown placeholder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCannedReply:
    """A canned reply that is not saved yet."""

    workspace_id: str
    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CannedReply(NewCannedReply):
    """A saved canned reply. In one workspace a name is used once, whatever its case."""

    id: int
    revision: int  # how often it was changed
    saved_by: str  # the name of who saved it last
    saved_at: datetime

    def fill_in(self, ticket: Ticket, staff: Actor, server: str) -> str:
        """Fill in the placeholders, once: what a player's name looks like is no placeholder.

        `server` is the name of the Discord server.
        """

        def value_of(placeholder: re.Match[str]) -> str:
            get_value = _VALUES.get(placeholder[1].lower())
            return _one_line(get_value(ticket, staff, server)) if get_value else placeholder[0]

        return _PLACEHOLDER.sub(value_of, self.text)


def validate_canned_reply(workspace_id: str, name: str, text: str) -> NewCannedReply:
    """Strip and check what was typed.

    Raises InvalidCannedReplyName, UnknownPlaceholder, EmptyMessage, MessageTooLong.
    """
    name = name.strip()
    if not name or len(name) > NAME_LIMIT or not name.isprintable():
        raise InvalidCannedReplyName
    unknown = [found[0] for found in _PLACEHOLDER.finditer(text) if found[1].lower() not in _VALUES]
    if unknown:
        raise UnknownPlaceholder(
            Sentence(
                "{unknown} is no placeholder. Those that can be filled in are {known}.",
                unknown=unknown[0],
                known=KNOWN_PLACEHOLDERS,
            )
        )
    return NewCannedReply(workspace_id=workspace_id, name=name, text=validate_text(text))


def changed_by(reply: CannedReply) -> CannedReplyChanged:
    """The error for an edit that began before another one was saved."""
    return CannedReplyChanged(
        Sentence(
            "{name} changed this canned reply meanwhile, so yours was not saved. "
            "`/canned edit` begins with the new text.",
            name=reply.saved_by,
        )
    )


def _one_line(value: str) -> str:
    return " ".join(value.split())[:_VALUE_LIMIT]
