"""What is stored about a player, in parts: as JSON values. SQL within a transaction of the caller."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from bot.tickets.account_links import AccountLink
from bot.tickets.erasure import PlayerExport
from bot.tickets.message import Message, MessageKind
from bot.tickets.ticket import Player, Ticket
from storage import messages
from storage.account_links import links_of_player
from storage.db import Db
from storage.engine import SearchIndex
from storage.tickets import select_tickets

BY_IDS = """
    SELECT tickets.* FROM each_number(:ids) AS one
    JOIN FIRST tickets_without_body AS tickets ON tickets.id = one.value
    ORDER BY tickets.id
"""
_RAW_REQUESTS = """
    SELECT tickets.id, raw_request FROM each_number(:ids) AS one
    JOIN FIRST tickets ON tickets.id = one.value
"""


def export_part(
    db: Db,
    search: SearchIndex,
    source: str,
    player_id: str,
    *,
    workspace_id: str | None,
    after: int,
    limit: int,
) -> PlayerExport:
    """The first tickets with a greater id than `after` that a player reported or is reported in.

    With the first part, also all links.
    """
    ids = search.of_player(db, source, player_id, after=after, limit=limit)
    found = [
        ticket
        for ticket in select_tickets(db, BY_IDS, {"ids": ids})
        if workspace_id is None or ticket.workspace_id == workspace_id
    ]
    own = [ticket for ticket in found if ticket.reporter.id == player_id]
    others = [ticket for ticket in found if ticket.reporter.id != player_id]
    links = links_of_player(db, workspace_id, source, player_id) if after == 0 else ()
    return PlayerExport(
        tickets=tuple(_own_tickets(db, own)),
        reported_in=tuple(map(_reported_in, others)),
        links=tuple(map(_link, links)),
        next_after=ids[-1] if len(ids) == limit else None,
    )


def _own_tickets(db: Db, tickets: Sequence[Ticket]) -> Iterable[dict[str, object]]:
    ids = [ticket.id for ticket in tickets]
    said = messages.messages_of_tickets(db, ids)
    raw = {row["id"]: row["raw_request"] for row in db.all(_RAW_REQUESTS, {"ids": ids})}
    for ticket in tickets:
        yield {
            **_header(ticket),
            "subject": ticket.subject,
            "body": ticket.body,
            "reporter": _player(ticket.reporter),
            "reported_player": _player(ticket.reported_player),
            "fields": [{"label": one.label, "value": one.value, "url": one.url} for one in ticket.fields],
            "chat_log": list(ticket.chat_log),
            "request": raw[ticket.id],
            "messages": [_message(one) for one in said if one.ticket_id == ticket.id and _is_shown(one)],
        }


def _is_shown(message: Message) -> bool:
    """Notes are from staff to staff; the history has names of staff."""
    return message.kind in (MessageKind.REPLY, MessageKind.FOLLOW_UP, MessageKind.FEEDBACK)


def _message(message: Message) -> dict[str, object]:
    author = "staff" if message.kind is MessageKind.REPLY else "player"
    return {"from": author, "text": message.text, "sent_at": _iso(message.created_at)}


def _reported_in(ticket: Ticket) -> dict[str, object]:
    """A ticket of somebody else: what it has of the reported player, and nothing that its reporter wrote."""
    return {**_header(ticket), "reported_player": _player(ticket.reported_player)}


def _header(ticket: Ticket) -> dict[str, object]:
    return {
        "id": ticket.public_id,
        "source": ticket.source,
        "category": ticket.category,
        "status": ticket.status.value,
        "created_at": _iso(ticket.created_at),
        "updated_at": _iso(ticket.updated_at),
    }


def _player(player: Player | None) -> dict[str, object] | None:
    if player is None:
        return None
    return {
        "id": player.id,
        "name": player.name,
        "display_name": player.display_name,
        "avatar_url": player.avatar_url,
        "profile_url": player.profile_url,
    }


def _link(link: AccountLink) -> dict[str, object]:
    return {
        "player_name": link.account.name,
        "discord_id": str(link.discord_id),
        "discord_name": link.discord_name,
        "linked_at": _iso(link.linked_at),
    }


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="seconds")
