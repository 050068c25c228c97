"""Converts rows to domain objects and back: times, JSON, tickets, deliveries."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.tickets.message import Actor
from bot.tickets.outbox import Delivery, DeliveryKind
from bot.tickets.ticket import DiscordPost, Player, Priority, Status, Ticket, TicketField
from storage.db import Row

_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(time: datetime) -> int:
    """Whole milliseconds since 1970, UTC; raises TypeError for a datetime without a time zone."""
    return (time - _EPOCH) // _MILLISECOND


def from_ms(ms: int) -> datetime:
    """The aware datetime of stored milliseconds."""
    return _EPOCH + timedelta(milliseconds=ms)


def optional_from_ms(ms: int | None) -> datetime | None:
    """The same for a time that may be missing."""
    return None if ms is None else from_ms(ms)


to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def fields_to_json(fields: Iterable[TicketField]) -> str:
    return to_json([(field.label, field.value, field.url) for field in fields]) if fields else "[]"


def ticket_from_row(row: Row) -> Ticket:
    return Ticket(
        id=row["id"],
        uid=row["uid"],
        public_id=row["public_id"],
        workspace_id=row["workspace_id"],
        source=row["source"],
        view_only=bool(row["view_only"]),
        is_private=bool(row["is_private"]),
        subject=row["subject"],
        body=row["body"],
        category=row["category"],
        department=row["department"],
        priority=Priority(row["priority"]),
        status=Status(row["status"]),
        reporter=reporter_from_row(row),
        reported_player=_reported_from_row(row),
        fields=tuple(
            TicketField(label=label, value=value, url=url) for label, value, url in json.loads(row["fields"])
        ),
        chat_log=tuple(json.loads(row["chat_log"])),
        claimed_by=_actor_from_row(row, "claimed_by"),
        closed_by=_actor_from_row(row, "closed_by"),
        close_reason=row["close_reason"],
        tags=tuple(json.loads(row["tags"])),
        revision=row["revision"],
        post=DiscordPost(
            channel_id=row["post_channel_id"],
            message_id=row["post_message_id"],
            thread_id=row["thread_id"],
            digest_message_id=row["digest_message_id"],
        ),
        created_at=from_ms(row["created_at"]),
        updated_at=from_ms(row["updated_at"]),
        erased_at=optional_from_ms(row["erased_at"]),
        reported_erased_at=optional_from_ms(row["reported_erased_at"]),
    )


def reporter_from_row(row: Row) -> Player:
    return Player(
        id=row["reporter_id"],
        name=row["reporter_name"],
        display_name=row["reporter_display_name"],
        avatar_url=row["reporter_avatar_url"],
        profile_url=row["reporter_profile_url"],
    )


def _reported_from_row(row: Row) -> Player | None:
    player = Player(
        id=row["reported_id"],
        name=row["reported_name"],
        display_name=row["reported_display_name"],
        avatar_url=row["reported_avatar_url"],
        profile_url=row["reported_profile_url"],
    )
    return None if player == _NOBODY else player


_NOBODY = Player()


def _actor_from_row(row: Row, column: str) -> Actor | None:
    """The person of the columns that begin with this name; None if there is none."""
    if row[f"{column}_id"] is None:
        return None
    return Actor(id=row[f"{column}_id"], name=row[f"{column}_name"], source=row[f"{column}_source"])


def actor_params(column: str, actor: Actor | None) -> dict[str, str | None]:
    """The parameters for the columns that begin with this name."""
    return {
        f"{column}_id": actor.id if actor else None,
        f"{column}_name": actor.name if actor else None,
        f"{column}_source": actor.source if actor else None,
    }


def delivery_from_row(row: Row) -> Delivery:
    return Delivery(**delivery_fields(row))


def delivery_fields(row: Row) -> dict[str, Any]:
    """The fields that every delivery has."""
    return {
        "id": row["id"],
        "ticket_id": row["ticket_id"],
        "guild_id": row["guild_id"],
        "kind": DeliveryKind(row["kind"]),
        "queue": row["queue"],
        "channel_id": row["channel_id"],
        "nonce": row["nonce"],
        "message_id": row["message_id"],
        "attempts": row["attempts"],
        "created_at": from_ms(row["created_at"]),
        "first_attempt_at": optional_from_ms(row["first_attempt_at"]),
        "last_attempt_at": optional_from_ms(row["last_attempt_at"]),
        "digest_lead_id": row["digest_lead_id"],
    }
