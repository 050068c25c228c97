"""Converts rows to domain objects and back: times, JSON, tickets, deliveries."""

import json
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

from bot.tickets.message import Actor
from bot.tickets.outbox import Delivery, DeliveryKind
from bot.tickets.ticket import DiscordPost, Player, Priority, Status, Ticket, TicketField

_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(time: datetime) -> int:
    """Whole milliseconds since 1970, UTC; raises TypeError for a datetime without a time zone."""
    return (time - _EPOCH) // _MILLISECOND


def from_ms(ms: int) -> datetime:
    """The aware datetime of stored milliseconds."""
    return _EPOCH + timedelta(milliseconds=ms)


_PLAYER_FIELDS = attrgetter("id", "name", "display_name", "avatar_url", "profile_url")
_encode_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def to_json(value: Iterable[object]) -> str:
    return _encode_json(value)


def ticket_from_row(row: sqlite3.Row) -> Ticket:
    return Ticket(
        id=row["id"],
        uid=row["uid"],
        public_id=row["public_id"],
        workspace_id=row["workspace_id"],
        source=row["source"],
        view_only=bool(row["view_only"]),
        is_private=bool(row["private"]),
        subject=row["subject"],
        body=row["body"],
        category=row["category"],
        department=row["department"],
        priority=Priority(row["priority"]),
        status=Status(row["status"]),
        reporter=_player_from_json(row["reporter"]) or Player(),
        reported_player=_player_from_json(row["reported_player"]),
        fields=tuple(
            TicketField(label=label, value=value, url=url) for label, value, url in json.loads(row["facts"])
        ),
        chat_log=tuple(json.loads(row["chat_log"])),
        claimed_by=_claimer_from_row(row),
        post=DiscordPost(
            channel_id=row["post_channel_id"],
            message_id=row["post_message_id"],
            thread_id=row["thread_id"],
            digest_message_id=row["digest_message_id"],
        ),
        created_at=from_ms(row["created_at"]),
        updated_at=from_ms(row["updated_at"]),
    )


def player_to_json(player: Player) -> str:
    return _encode_json(_PLAYER_FIELDS(player))


def _player_from_json(text: str | None) -> Player | None:
    if text is None:
        return None
    identity, name, display_name, avatar_url, profile_url = json.loads(text)
    return Player(
        id=identity, name=name, display_name=display_name, avatar_url=avatar_url, profile_url=profile_url
    )


def _claimer_from_row(row: sqlite3.Row) -> Actor | None:
    if row["claimed_by_id"] is None:
        return None
    return Actor(id=row["claimed_by_id"], name=row["claimed_by_name"], source=row["claimed_by_source"])


def delivery_from_row(row: sqlite3.Row) -> Delivery:
    return Delivery(**delivery_fields(row))


def delivery_fields(row: sqlite3.Row) -> dict[str, Any]:
    """The fields that every delivery has."""
    return {
        "id": row["id"],
        "ticket_id": row["ticket_id"],
        "kind": DeliveryKind(row["kind"]),
        "channel_id": row["channel_id"],
        "nonce": row["nonce"],
        "message_id": row["message_id"],
        "attempts": row["attempts"],
        "created_at": from_ms(row["created_at"]),
        "first_attempt_at": None if row["begun_at"] is None else from_ms(row["begun_at"]),
        "last_attempt_at": None if row["last_begun_at"] is None else from_ms(row["last_begun_at"]),
        "digest_lead_id": row["lead_id"],
    }
