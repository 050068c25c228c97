"""Posts that share one message, a digest: sent, and drawn anew when one of its tickets changes."""

from collections.abc import Sequence

import discord

from bot.outbox.errors import PermanentFailure
from bot.tickets.outbox import Delivery, Receipt
from cogs.posts.digest import digest_embeds, digest_footer, digest_view
from cogs.posts.send import ChannelOrThread, message_id_or_none
from storage import Store


async def send_digest(
    store: Store, channel: ChannelOrThread, deliveries: Sequence[Delivery], footer: str
) -> int | None:
    """The message's id; None for one that an earlier attempt posted and somebody has deleted since."""
    tickets = [await store.ticket(delivery.ticket_id) for delivery in deliveries]
    return await message_id_or_none(
        channel.send(
            embeds=digest_embeds(tickets, footer),
            view=digest_view(tickets),
            nonce=deliveries[0].nonce,
            allowed_mentions=discord.AllowedMentions.none(),
        )
    )


async def update_digest(store: Store, channel: ChannelOrThread, digest_id: int) -> Receipt:
    """Every ticket of a digest as it is now, under the mark it was posted with."""
    tickets, lead_id = await store.tickets_in_digest(digest_id), await store.digest_lead(digest_id)
    if lead_id is None:
        raise PermanentFailure("its message is no digest")
    await channel.get_partial_message(digest_id).edit(
        embeds=digest_embeds(tickets, digest_footer(lead_id)),
        view=digest_view(tickets),
        allowed_mentions=discord.AllowedMentions.none(),
    )
    return Receipt(channel_id=channel.id, message_id=digest_id)
