"""Posts that share one message, a digest: sent, and drawn anew when one of its tickets changes."""

from collections.abc import Sequence

import discord

from bot.outbox.dispatcher import Undeliverable
from bot.tickets import Delivery, Receipt
from cogs.posts.digest import digest_embeds, digest_mark, digest_view
from cogs.posts.send import Place, sent
from storage import Store


async def send_digest(store: Store, place: Place, deliveries: Sequence[Delivery], mark: str) -> int | None:
    """The message's id; None for one that an earlier attempt posted and somebody has deleted since."""
    tickets = [await store.ticket(delivery.ticket_id) for delivery in deliveries]
    return await sent(
        place.send(
            embeds=digest_embeds(tickets, mark),
            view=digest_view(tickets),
            nonce=deliveries[0].nonce,
            allowed_mentions=discord.AllowedMentions.none(),
        )
    )


async def redraw_digest(store: Store, place: Place, digest_id: int) -> Receipt:
    """Every ticket of a digest as it is now, under the mark it was posted with."""
    tickets, lead_id = await store.tickets_in_digest(digest_id), await store.lead_of_digest(digest_id)
    if lead_id is None:
        raise Undeliverable("its message is no digest")
    await place.get_partial_message(digest_id).edit(
        embeds=digest_embeds(tickets, digest_mark(lead_id)),
        view=digest_view(tickets),
        allowed_mentions=discord.AllowedMentions.none(),
    )
    return Receipt(channel_id=place.id, message_id=digest_id)
