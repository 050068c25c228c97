"""A reply of staff's, kept: by whichever way it was written."""

from cogs.core.checks import actor_from, message_origin, utc_now
from cogs.core.interactions import BotInteraction, reply_ephemeral


async def store_reply(interaction: BotInteraction, ticket_id: int, text: str) -> None:
    """Keep staff's reply, then say so. Raises what the ticket raises."""
    store, author = interaction.client.store, actor_from(interaction)
    await store.add_message(
        ticket_id,
        lambda ticket: ticket.reply(author, text),
        origin=message_origin(interaction),
        now=utc_now(),
    )
    ticket = await store.ticket(ticket_id)
    way = "It is shown in the thread." if ticket.is_private else "It waits to be sent to the game."
    await reply_ephemeral(interaction, f"✅ Your reply to {ticket.public_id} is kept. {way}")
