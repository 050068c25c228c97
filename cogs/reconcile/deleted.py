"""What is done about deleted posts, threads, channels and roles: healed where it can be, else told."""

import logging
from collections import defaultdict
from collections.abc import Sequence

import discord

from bot.discord_client.client import NETWORK_ERRORS, TicketBot
from bot.tickets.errors import TicketError
from bot.tickets.outbox import Delivery
from bot.tickets.ticket import Ticket
from cogs.alerts.log_channel import notify
from cogs.core.checks import utc_now
from cogs.posts.send import UNKNOWN_MESSAGE
from storage import ChannelDeletion

log = logging.getLogger(__name__)

UNKNOWN_CHANNEL = 10003  # also for a thread
_MAX_LISTED = 10  # tickets


async def is_deleted(bot: TicketBot, channel_id: int) -> bool:
    """Whether Discord says that there is no such channel or thread; what it merely hides is there."""
    try:
        await bot.fetch_channel(channel_id)
    except discord.NotFound as error:
        return error.code == UNKNOWN_CHANNEL
    except (discord.Forbidden, discord.InvalidData):
        return False
    return False


async def resolve_missing_target(bot: TicketBot, delivery: Delivery, ticket: Ticket) -> bool:
    """Discord does not know the place of a delivery: find out which, and do what can be done.

    Whether the delivery can go elsewhere now; False while its workspace still names a deleted channel.
    """
    healed = False
    for channel_id in {delivery.channel_id, ticket.post.channel_id}:
        if channel_id is not None and await is_deleted(bot, channel_id):
            stranded = await on_channel_deleted(bot, channel_id)
            healed |= channel_id != delivery.channel_id or not stranded
    thread_id = ticket.post.thread_id
    if thread_id is not None and await is_deleted(bot, thread_id):
        healed |= await on_thread_deleted(bot, thread_id)
    return healed


async def on_post_deleted(bot: TicketBot, message_id: int) -> None:
    """A message was deleted. If it was a ticket's post, or several tickets', staff are told."""
    by_workspace: defaultdict[str, list[Ticket]] = defaultdict(list)
    for ticket in await bot.store.record_post_deleted(message_id):
        by_workspace[ticket.workspace_id].append(ticket)
    for workspace_id, tickets in by_workspace.items():
        await notify(bot, await bot.store.workspace(workspace_id), _deleted_posts_text(tickets))


async def on_thread_deleted(bot: TicketBot, thread_id: int) -> bool:
    """A thread was deleted. Whether it was a ticket's."""
    ticket = await bot.store.record_thread_deleted(thread_id, utc_now())
    if ticket is not None:
        log.warning("Ticket %d: its thread %d was deleted", ticket.id, thread_id)
    return ticket is not None


async def on_channel_deleted(bot: TicketBot, channel_id: int) -> bool:
    """A channel was deleted; told once. Whether something still waits for it."""
    losses = await bot.store.record_channel_deleted(channel_id, utc_now())
    for loss in losses:
        if loss.is_new:
            await notify(bot, loss.workspace, _deleted_channel_text(loss, channel_id))
    return any(loss.stranded for loss in losses)


async def on_role_deleted(bot: TicketBot, role_id: int) -> None:
    """A role was deleted; told once, if it was the staff of a workspace."""
    for workspace in await bot.store.workspaces():
        if workspace.staff_role_id == role_id and await bot.store.mark_deleted(role_id, utc_now()):
            await notify(
                bot,
                workspace,
                f"⚠️ The staff role {role_id} was deleted, so nobody is staff any more. "
                "`/setup workspace` names another role.",
            )


def _deleted_posts_text(tickets: Sequence[Ticket]) -> str:
    first = tickets[0].public_id
    cure = "`/ticket view` shows such a ticket, and `/ticket repost` posts it again."
    if len(tickets) == 1:
        return f"🗑️ The post of {first} was deleted. {cure}"
    named = ", ".join(ticket.public_id for ticket in tickets[:_MAX_LISTED])
    more = ", …" if len(tickets) > _MAX_LISTED else ""
    return f"🗑️ The post of {len(tickets)} tickets was deleted: {named}{more}. {cure}"


def _deleted_channel_text(deletion: ChannelDeletion, channel_id: int) -> str:
    told = [f"🗑️ The channel {channel_id} was deleted. {deletion.posts} tickets were shown in it."]
    if deletion.reposted:
        told.append(f"{deletion.reposted} of them, not closed yet, are posted again.")
    if deletion.stranded:
        told.append(f"{deletion.stranded} deliveries wait until another channel is named.")
    if channel_id in deletion.workspace.channel_ids:
        told.append("The workspace still names it: `/setup workspace` or `/setup department` names another.")
    return " ".join(told)


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
