"""What becomes of tickets whose place in Discord is gone, within a transaction that somebody else began."""

from datetime import datetime

import aiosqlite

from bot.tickets.outbox import DeliveryKind, Destination, make_nonce
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import Workspace
from storage import healing_rows, outbox_rows


async def post_anew(db: aiosqlite.Connection, workspace: Workspace, ticket: Ticket, now: datetime) -> None:
    """Queue what shows a ticket once more, as far as it is missing, each under a nonce of its own.

    What waits for a place that is no longer there goes behind it; what has a place keeps its turn, for it
    may be on its way. A private ticket stays in the channel its reporter can see.
    """
    waiting = await outbox_rows.pending(db, ticket.id, Destination.DISCORD)
    await healing_rows.drop_openings(db, ticket.id, now)
    nowhere = ticket.post.thread_id is None and (ticket.is_private or ticket.post.channel_id is None)
    if nowhere:
        await healing_rows.drop_waiting(db, ticket.id, Destination.DISCORD, now)
    channel = (ticket.post.channel_id if ticket.is_private else None) or _home(workspace, ticket)
    part = f"again {await healing_rows.newest_delivery(db)}"
    for kind in ticket.initial_deliveries:
        if kind is DeliveryKind.POST or ticket.post.thread_id is None:
            await outbox_rows.insert(db, ticket, kind, channel, now, part=part)
    for one in waiting if nowhere else ():
        if one.kind in (DeliveryKind.POST_MESSAGE, DeliveryKind.POST_POINTER):
            again, said = f"{part} {one.id}", one.message_id
            await outbox_rows.insert(db, ticket, one.kind, channel, now, message_id=said, part=again)


async def move_what_is_stranded(db: aiosqlite.Connection, workspace: Workspace) -> int:
    """Bind what waits for a deleted channel for the one the workspace names now; how much stays stranded.

    Only a channel known to be deleted counts: a delivery that was tried in a living one may be there, and
    must not be sent to a second. Where the workspace still names a deleted channel, what waits goes on
    waiting, and is moved by the next change that names another.
    """
    left = 0
    for delivery_id, kind, ticket in await healing_rows.stranded(db, workspace.id):
        channel = _home(workspace, ticket)
        if await healing_rows.is_gone(db, channel):
            left += 1
            continue
        nonce = make_nonce(ticket.uid, kind, f"moved {delivery_id}", channel)
        await healing_rows.move(db, delivery_id, channel, nonce)
    return left


def _home(workspace: Workspace, ticket: Ticket) -> int:
    return workspace.channel_for(ticket, ticket.department)
