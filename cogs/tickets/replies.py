"""A reply of staff's, kept: by whichever way it was written."""

from cogs.core.checks import now, origin_of, person_of
from cogs.core.interactions import Asked, say


async def keep_reply(asked: Asked, ticket_id: int, text: str) -> None:
    """Keep staff's reply, then say so. Raises what the ticket raises."""
    store, author = asked.client.store, person_of(asked)
    await store.add_message(
        ticket_id, lambda ticket: ticket.reply(author, text), origin=origin_of(asked), now=now()
    )
    ticket = await store.ticket(ticket_id)
    way = "It is shown in the thread." if ticket.private else "It waits to be sent to the game."
    await say(asked, f"✅ Your reply to {ticket.public_id} is kept. {way}")
