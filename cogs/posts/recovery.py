"""What an earlier attempt of unknown outcome left behind in Discord, so that nothing is made twice."""

from datetime import timedelta

import discord

from bot.outbox.dispatcher import ATTEMPT_SECONDS
from bot.tickets.outbox import Delivery
from bot.tickets.ticket import Ticket
from cogs.core.checks import utc_now
from cogs.posts.send import ChannelOrThread

CLOCK_SKEW = timedelta(minutes=5)  # how far ours and Discord's may differ
_MAX_ATTEMPT = timedelta(seconds=ATTEMPT_SECONDS)


async def find_previous_message(
    bot_user: discord.ClientUser | None, delivery: Delivery, channel: ChannelOrThread, footer: str
) -> int | None:
    """The id of the message it may have posted, known by its mark: the footer of the last embed.

    Not of any: in a digest the tickets before the last bear the footers of posts of their own.
    """
    if not delivery.attempts or bot_user is None:
        return None
    begun = delivery.first_attempt_at or delivery.created_at
    ended = (delivery.last_attempt_at or utc_now()) + _MAX_ATTEMPT
    window = {"after": begun - CLOCK_SKEW, "before": ended + CLOCK_SKEW}
    async for message in channel.history(limit=None, oldest_first=True, **window):
        if message.author.id == bot_user.id and message.embeds and message.embeds[-1].footer.text == footer:
            return message.id
    return None


async def find_previous_thread(
    bot_user: discord.ClientUser | None, channel: discord.TextChannel, ticket: Ticket
) -> discord.Thread | None:
    """The thread it may have made, known by its name and maker."""
    made_by = (channel.id, bot_user.id if bot_user else None)
    for thread in await channel.guild.active_threads():
        if (thread.parent_id, thread.owner_id) == made_by and ticket.public_id in thread.name:
            return thread
    return None
