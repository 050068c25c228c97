"""What a sync tells modl's plugin: players of replies and of closed tickets, staff of new tickets.

The plugin shows a player the message in chat, then a link, made of the address that it got at its start
and the ticket's id, and acknowledges that. It shows a notification as often as it gets it. The message has
the whole reply, because the page behind the link does not.
"""
# ruff: noqa: N815 - fields keep the contract's spelling letter for letter

import re
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID, uuid5

from bot.sources.modl.vocabulary import REPORT_TYPES
from bot.sources.requests import Notifications
from bot.sources.validation import TypedDict, strip_control_chars
from bot.tickets.events import TicketEvent
from bot.tickets.ticket import Player, Ticket

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_IDS = UUID("cac33e2e-67ba-45b8-b5be-242038e38dbf")  # the namespace of notifications' ids
_PREVIEW = 256  # characters of a description; the plugin shows 200
# The plugin makes a command of it that staff run with a click.
_PLAYER_NAME = re.compile(r"[A-Za-z0-9_.]{1,16}")
# Plugins before 2.3.0 escape nothing but quotes when they put a message into JSON. A section sign begins a
# colour.
_UNSAFE_IN_CHAT = {ord("\\"): "/", ord("§"): ""}


class PlayerNotificationData(TypedDict):
    """About which ticket, and who replied: "" if it was closed."""

    ticketId: str
    ticketUrl: str
    replyAuthor: str


class PlayerNotification(TypedDict):
    """A line for one player. It comes again until its id is acknowledged."""

    id: str
    type: Literal["TICKET_REPLY", "TICKET_CLOSED"]
    message: str
    timestamp: int
    targetPlayerUuid: str
    data: PlayerNotificationData


class StaffNotificationData(TypedDict):
    """A new ticket. `ticketType` is REPORT for reports of players and chat."""

    ticketId: str
    ticketUrl: str
    subject: str
    firstReplyContent: str
    ticketType: str
    category: str
    reportedPlayer: str


class StaffNotification(TypedDict):
    """A line for all staff on the server."""

    id: str
    type: Literal["TICKET_CREATED"]
    message: str
    timestamp: int
    data: StaffNotificationData


def notification_id(event_or_ticket_id: str) -> str:
    """The id of a notification: always the same one for an event's id or a ticket's uid."""
    return str(uuid5(_IDS, event_or_ticket_id))


def player_notifications(news: Notifications) -> list[PlayerNotification]:
    """Of the events, oldest first. None is without a target: the plugin would show it to everybody."""
    return [
        _player_notification(event, player_id, news.public_url)
        for event in news.events
        if (player_id := event.ticket.reporter.id)
    ]


def staff_notifications(news: Notifications) -> list[StaffNotification]:
    """Of new tickets, oldest first."""
    return [_staff_notification(ticket, news.public_url) for ticket in news.tickets]


def _player_notification(event: TicketEvent, player_id: str, public_url: str) -> PlayerNotification:
    ticket, reply = event.ticket, event.message
    return {
        "id": notification_id(event.id),
        "type": "TICKET_REPLY" if reply else "TICKET_CLOSED",
        "message": _chat_line(_player_message(event)),
        "timestamp": _to_millis(event.created_at),
        "targetPlayerUuid": player_id,
        "data": {
            "ticketId": ticket.public_id,
            "ticketUrl": _ticket_url(ticket, public_url),
            "replyAuthor": reply.author.name if reply else "",
        },
    }


def _player_message(event: TicketEvent) -> str:
    public_id, reply = event.ticket.public_id, event.message
    if reply is None:
        return f"Your ticket #{public_id} was {event.status.value}"
    return f"{reply.author.name} replied to your ticket #{public_id}: {reply.text}"


def _staff_notification(ticket: Ticket, public_url: str) -> StaffNotification:
    is_report = ticket.category in REPORT_TYPES
    return {
        "id": notification_id(ticket.uid),
        "type": "TICKET_CREATED",
        "message": _chat_line(
            f"{ticket.reporter.label} created ticket #{ticket.public_id}: {ticket.subject}"
        ),
        "timestamp": _to_millis(ticket.created_at),
        "data": {
            "ticketId": ticket.public_id,
            "ticketUrl": _ticket_url(ticket, public_url),
            "subject": ticket.subject,
            "firstReplyContent": ticket.body[:_PREVIEW],
            "ticketType": "REPORT" if is_report else ticket.category.upper(),
            "category": ticket.category,
            "reportedPlayer": _command_name(ticket.reported_player),
        },
    }


def _ticket_url(ticket: Ticket, public_url: str) -> str:
    return f"{public_url}/ticket/{ticket.public_id}"


def _command_name(player: Player | None) -> str:
    """The name of a player in Minecraft; "" for anything else, such as a name with more words after it."""
    name = player.name if player and player.name else ""
    return name if _PLAYER_NAME.fullmatch(name) else ""


def _chat_line(text: str) -> str:
    return strip_control_chars(" ".join(text.translate(_UNSAFE_IN_CHAT).split()))


def _to_millis(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(milliseconds=1)
