"""Posting a ticket again: only where its post is no longer there, for a second one would be a duplicate."""

import discord

from bot.discord_client.client import NETWORK_ERRORS, TicketBot
from bot.tickets.errors import TicketError
from bot.tickets.ticket import Ticket
from cogs.core.checks import utc_now
from cogs.posts.send import UNKNOWN_MESSAGE
from cogs.reconcile.deleted import UNKNOWN_CHANNEL, on_channel_deleted, on_post_deleted, on_thread_deleted

_DISCORD_ERRORS: tuple[type[Exception], ...] = (discord.DiscordException, *NETWORK_ERRORS)


class AlreadyPosted(TicketError):
    """This ticket is on its way to Discord already."""


class PostStateUnknown(TicketError):
    """Discord does not say whether the post is still there, so nothing was done. Try again in a minute."""


async def repost_ticket(bot: TicketBot, ticket: Ticket) -> None:
    """Queue it. Raises AlreadyPosted with where the post is, PostUnseen."""
    lost = await _is_post_deleted(bot, ticket)
    if not await bot.store.repost(ticket.id, utc_now()) and not lost:
        raise AlreadyPosted


async def _is_post_deleted(bot: TicketBot, ticket: Ticket) -> bool:
    """Whether its post was deleted just now, unnoticed. Raises AlreadyPosted if it is there, PostUnseen."""
    message_id = ticket.post.message_id or ticket.post.digest_message_id
    place_id = ticket.post.thread_id if ticket.is_private else ticket.post.channel_id
    if message_id is None or place_id is None:
        return False
    workspace = await bot.store.workspace(ticket.workspace_id)
    place = bot.get_partial_messageable(place_id, guild_id=workspace.guild_id)
    try:
        await place.fetch_message(message_id)
    except discord.NotFound as error:
        if error.code == UNKNOWN_CHANNEL:
            await (on_thread_deleted if ticket.is_private else on_channel_deleted)(bot, place_id)
        elif error.code == UNKNOWN_MESSAGE:
            await on_post_deleted(bot, message_id)
        return True
    except _DISCORD_ERRORS as error:
        raise PostStateUnknown from error
    link = place.get_partial_message(message_id).jump_url
    raise AlreadyPosted(f"The post of {ticket.public_id} is here: {link}")
