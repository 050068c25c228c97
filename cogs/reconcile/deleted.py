"""What is done about deleted posts, threads, channels and roles: healed where it can be, else told."""

import logging
from collections import defaultdict
from collections.abc import Sequence

import discord

from bot.discord_client.client import TicketBot
from bot.tickets import Delivery, Ticket
from cogs.alerts.notices import report
from cogs.core.checks import now
from storage import Loss

log = logging.getLogger(__name__)

UNKNOWN_CHANNEL = 10003  # also for a thread
_MOST_NAMED = 10  # tickets


async def is_gone(bot: TicketBot, place_id: int) -> bool:
    """Whether Discord says that there is no such channel or thread; what it merely hides is there."""
    try:
        await bot.fetch_channel(place_id)
    except discord.NotFound as error:
        return error.code == UNKNOWN_CHANNEL
    except (discord.Forbidden, discord.InvalidData):
        return False
    return False


async def places_healed(bot: TicketBot, delivery: Delivery, ticket: Ticket) -> bool:
    """Discord does not know the place of a delivery: find out which, and do what can be done.

    Whether the delivery can go elsewhere now; False while its workspace still names a deleted channel.
    """
    healed = False
    for channel_id in {delivery.channel_id, ticket.post.channel_id}:
        if channel_id is not None and await is_gone(bot, channel_id):
            stranded = await channel_gone(bot, channel_id)
            healed |= channel_id != delivery.channel_id or not stranded
    thread_id = ticket.post.thread_id
    if thread_id is not None and await is_gone(bot, thread_id):
        healed |= await thread_gone(bot, thread_id)
    return healed


async def post_gone(bot: TicketBot, message_id: int) -> None:
    """A message was deleted. If it was a ticket's post, or several tickets', staff are told."""
    by_workspace: defaultdict[str, list[Ticket]] = defaultdict(list)
    for ticket in await bot.store.forget_post(message_id):
        by_workspace[ticket.workspace_id].append(ticket)
    for workspace_id, tickets in by_workspace.items():
        await report(bot, await bot.store.workspace(workspace_id), _posts_lost(tickets))


async def thread_gone(bot: TicketBot, thread_id: int) -> bool:
    """A thread was deleted. Whether it was a ticket's."""
    ticket = await bot.store.forget_thread(thread_id, now())
    if ticket is not None:
        log.warning("Ticket %d: its thread %d was deleted", ticket.id, thread_id)
    return ticket is not None


async def channel_gone(bot: TicketBot, channel_id: int) -> bool:
    """A channel was deleted; told once. Whether something still waits for it."""
    losses = await bot.store.forget_channel(channel_id, now())
    for loss in losses:
        if loss.is_news:
            await report(bot, loss.workspace, _channel_lost(loss, channel_id))
    return any(loss.stranded for loss in losses)


async def role_gone(bot: TicketBot, role_id: int) -> None:
    """A role was deleted; told once, if it was the staff of a workspace."""
    for workspace in await bot.store.workspaces():
        if workspace.staff_role_id == role_id and await bot.store.note_gone(role_id, now()):
            await report(
                bot,
                workspace,
                f"⚠️ The staff role {role_id} was deleted, so nobody is staff any more. "
                "`/setup workspace` names another role.",
            )


def _posts_lost(tickets: Sequence[Ticket]) -> str:
    first = tickets[0].public_id
    cure = "`/ticket view` shows such a ticket, and `/ticket repost` posts it again."
    if len(tickets) == 1:
        return f"🗑️ The post of {first} was deleted. {cure}"
    named = ", ".join(ticket.public_id for ticket in tickets[:_MOST_NAMED])
    more = ", …" if len(tickets) > _MOST_NAMED else ""
    return f"🗑️ The post of {len(tickets)} tickets was deleted: {named}{more}. {cure}"


def _channel_lost(loss: Loss, channel_id: int) -> str:
    told = [f"🗑️ The channel {channel_id} was deleted. {loss.posts} tickets were shown in it."]
    if loss.posted_again:
        told.append(f"{loss.posted_again} of them, not closed yet, are posted again.")
    if loss.stranded:
        told.append(f"{loss.stranded} deliveries wait until another channel is named.")
    if channel_id in loss.workspace.channel_ids:
        told.append("The workspace still names it: `/setup workspace` or `/setup department` names another.")
    return " ".join(told)
