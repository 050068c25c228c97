"""Posting a ticket again: only where its post is no longer there, for a second one would be a duplicate."""

import discord

from bot.discord_client.client import UNREACHABLE, TicketBot
from bot.tickets import Refusal, Ticket
from cogs.core.checks import now
from cogs.posts.send import UNKNOWN_MESSAGE
from cogs.reconcile.deleted import UNKNOWN_CHANNEL, channel_gone, post_gone, thread_gone

_NO_ANSWER: tuple[type[Exception], ...] = (discord.DiscordException, *UNREACHABLE)


class AlreadyPosted(Refusal):
    """This ticket is on its way to Discord already."""


class PostUnseen(Refusal):
    """Discord does not say whether the post is still there, so nothing was done. Try again in a minute."""


async def post_again(bot: TicketBot, ticket: Ticket) -> None:
    """Queue it. Raises AlreadyPosted with where the post is, PostUnseen."""
    lost = await _check_lost(bot, ticket)
    if not await bot.store.post_again(ticket.id, now()) and not lost:
        raise AlreadyPosted


async def _check_lost(bot: TicketBot, ticket: Ticket) -> bool:
    """Whether its post was deleted just now, unnoticed. Raises AlreadyPosted if it is there, PostUnseen."""
    message_id = ticket.post.message_id or ticket.post.digest_id
    place_id = ticket.post.thread_id if ticket.private else ticket.post.channel_id
    if message_id is None or place_id is None:
        return False
    workspace = await bot.store.workspace(ticket.workspace_id)
    place = bot.get_partial_messageable(place_id, guild_id=workspace.guild_id)
    try:
        await place.fetch_message(message_id)
    except discord.NotFound as error:
        if error.code == UNKNOWN_CHANNEL:
            await (thread_gone if ticket.private else channel_gone)(bot, place_id)
        elif error.code == UNKNOWN_MESSAGE:
            await post_gone(bot, message_id)
        return True
    except _NO_ANSWER as error:
        raise PostUnseen from error
    link = place.get_partial_message(message_id).jump_url
    raise AlreadyPosted(f"The post of {ticket.public_id} is here: {link}")
