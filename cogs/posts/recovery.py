"""What an earlier attempt of unknown outcome left behind in Discord, so that nothing is made twice."""

from datetime import timedelta

import discord

from bot.outbox.dispatcher import ATTEMPT_SECONDS
from bot.tickets import Delivery, Ticket
from cogs.core.checks import now
from cogs.posts.send import Place

_CLOCKS_APART = timedelta(minutes=5)  # how far ours and Discord's may differ
_LONGEST_ATTEMPT = timedelta(seconds=ATTEMPT_SECONDS)


async def left_behind(
    own: discord.ClientUser | None, delivery: Delivery, place: Place, mark: str
) -> int | None:
    """The id of the message it may have posted, known by its mark: the footer of the last embed.

    Not of any: in a digest the tickets before the last bear the footers of posts of their own.
    """
    if not delivery.attempts or own is None:
        return None
    begun = delivery.begun_at or delivery.created_at
    ended = (delivery.last_begun_at or now()) + _LONGEST_ATTEMPT
    window = {"after": begun - _CLOCKS_APART, "before": ended + _CLOCKS_APART}
    async for message in place.history(limit=None, oldest_first=True, **window):
        if message.author.id == own.id and message.embeds and message.embeds[-1].footer.text == mark:
            return message.id
    return None


async def thread_left_behind(
    own: discord.ClientUser | None, channel: discord.TextChannel, ticket: Ticket
) -> discord.Thread | None:
    """The thread it may have made, known by its name and maker."""
    made_by = (channel.id, own.id if own else None)
    for thread in await channel.guild.active_threads():
        if (thread.parent_id, thread.owner_id) == made_by and ticket.public_id in thread.name:
            return thread
    return None
