"""Deleted posts, threads, channels and roles: posted again where possible, else reported to staff."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from functools import partial

import discord

from bot.discord_client.client import TicketBot
from bot.i18n.translations import gettext as _
from bot.i18n.translations import ngettext
from bot.tickets.errors import TicketError
from bot.tickets.outbox import Delivery, DeliveryKind
from bot.tickets.sentence import Sentence
from bot.tickets.ticket import Ticket
from cogs.alerts.backlog import pluralize
from cogs.alerts.log_channel import ACTION_NEEDED, WARNING, alert_embed, notify
from cogs.core.errors import DISCORD_ERRORS
from cogs.posts.errors import UNKNOWN_CHANNEL, UNKNOWN_MESSAGE
from storage import ChannelDeletion

log = logging.getLogger(__name__)

_MAX_LISTED = 10  # tickets


async def is_deleted(bot: TicketBot, channel_id: int) -> bool:
    """Whether Discord says that there is no such channel or thread; one that the bot may not see exists."""
    try:
        await bot.fetch_channel(channel_id)
    except discord.NotFound as error:
        return error.code == UNKNOWN_CHANNEL
    except (discord.Forbidden, discord.InvalidData):
        return False
    return False


async def resolve_missing_target(bot: TicketBot, delivery: Delivery, ticket: Ticket) -> bool:
    """Find out which channel or thread of a delivery was deleted, and record it.

    Returns whether the delivery has another target now; False while its workspace still names a deleted
    channel.
    """
    resolved = False
    for channel_id in {delivery.channel_id, ticket.post.channel_id}:
        if channel_id is not None and await is_deleted(bot, channel_id):
            stranded = await on_channel_deleted(bot, channel_id)
            resolved |= channel_id != delivery.channel_id or not stranded
    thread_id = ticket.post.thread_id
    if thread_id is not None and await is_deleted(bot, thread_id):
        resolved |= await on_thread_deleted(bot, thread_id)
    return resolved


async def on_post_deleted(bot: TicketBot, message_id: int) -> None:
    """Record a deleted message. If it was a post or a digest, staff are notified."""
    by_workspace: defaultdict[str, list[Ticket]] = defaultdict(list)
    for ticket in await bot.store.deleted_channels.record_post_deleted(message_id):
        by_workspace[ticket.workspace_id].append(ticket)
        log.warning("Its post was deleted", extra={"ticket_id": ticket.id, "message_id": message_id})
    for workspace_id, tickets in by_workspace.items():
        workspace = await bot.store.workspaces.get(workspace_id)
        await notify(bot, workspace, partial(_deleted_posts_embed, tickets))


async def on_thread_deleted(bot: TicketBot, thread_id: int) -> bool:
    """Record a deleted thread. Returns whether it was a ticket's."""
    ticket = await bot.store.deleted_channels.record_thread_deleted(thread_id, bot.store.now())
    if ticket is not None:
        log.warning("Its thread was deleted", extra={"ticket_id": ticket.id, "thread_id": thread_id})
    return ticket is not None


async def on_channel_deleted(bot: TicketBot, channel_id: int) -> bool:
    """Record a deleted channel and notify staff once. Returns whether deliveries still wait for it."""
    deletions = await bot.store.deleted_channels.record_channel_deleted(channel_id, bot.store.now())
    for deletion in deletions:
        if deletion.is_new:
            log.warning(
                "A channel was deleted: %s",
                f"{pluralize(deletion.stranded, 'delivery waits', 'deliveries wait')} for another one",
                extra={"workspace_id": deletion.workspace.id, "channel_id": channel_id},
            )
            await notify(bot, deletion.workspace, partial(_deleted_channel_embed, deletion, channel_id))
    return any(deletion.stranded for deletion in deletions)


async def on_role_deleted(bot: TicketBot, role_id: int) -> None:
    """Notify staff once of a deleted role, if a workspace or a department names it."""
    for workspace in await bot.store.workspaces.list_all():
        if workspace.staff_role_id == role_id and await bot.store.deleted_channels.mark_deleted(
            role_id, bot.store.now()
        ):
            log.warning("The staff role was deleted", extra={"workspace_id": workspace.id})
            await notify(bot, workspace, partial(_deleted_role_embed, role_id))
        elif role_id in workspace.role_ids and await bot.store.deleted_channels.mark_deleted(
            role_id, bot.store.now()
        ):
            log.warning("A role was deleted", extra={"workspace_id": workspace.id})
            await notify(bot, workspace, partial(_other_role_deleted_embed, role_id))


def _other_role_deleted_embed(role_id: int) -> discord.Embed:
    text = _(
        "⚠️ The role {role_id} was deleted, so no one has the rights that it gave. `/setup show` says what it "
        "was for; name another role, or none.",
        role_id=role_id,
    )
    return alert_embed(text, WARNING)


def _deleted_role_embed(role_id: int) -> discord.Embed:
    text = _(
        "⚠️ The staff role {role_id} was deleted, so no one is staff any more. "
        "`/setup workspace` names another role.",
        role_id=role_id,
    )
    return alert_embed(text, ACTION_NEEDED)


def _deleted_posts_embed(tickets: Sequence[Ticket]) -> discord.Embed:
    ids = ", ".join(f"`{ticket.public_id}`" for ticket in tickets[:_MAX_LISTED])
    what = ngettext(
        "🗑️ The post of {ids} was deleted.",
        "🗑️ The post of {number} tickets was deleted: {ids}.",
        len(tickets),
        ids=f"{ids}, …" if len(tickets) > _MAX_LISTED else ids,
    )
    cure = _("`/ticket view` shows such a ticket, and `/ticket repost` posts it again.")
    return alert_embed(f"{what} {cure}", WARNING)


def _deleted_channel_embed(deletion: ChannelDeletion, channel_id: int) -> discord.Embed:
    sentences = [
        _("🗑️ The channel {channel_id} was deleted.", channel_id=channel_id),
        ngettext("{number} ticket was shown in it.", "{number} tickets were shown in it.", deletion.posts),
    ]
    if deletion.reposted:
        sentences.append(
            ngettext(
                "Of these, {number} is not closed yet and posted again.",
                "Of these, {number} are not closed yet and posted again.",
                deletion.reposted,
            )
        )
    if deletion.stranded:
        sentences.append(
            ngettext(
                "{number} delivery waits until the workspace names another channel.",
                "{number} deliveries wait until the workspace names another channel.",
                deletion.stranded,
            )
        )
    is_still_named = channel_id in deletion.workspace.channel_ids
    if is_still_named:
        sentences.append(
            _("The workspace still names it: `/setup workspace` or `/setup department` names another.")
        )
    return alert_embed(" ".join(sentences), ACTION_NEEDED if is_still_named else WARNING)


class AlreadyPosted(TicketError):
    """This ticket is on its way to Discord already."""


class PostStateUnknown(TicketError):
    """Discord does not say whether the post is still there, so nothing was done. Try again in a minute."""


async def repost_ticket(bot: TicketBot, ticket: Ticket) -> int:
    """Queue a ticket's post again if it was deleted; a second post would be a duplicate.

    Returns the channel it goes to: that of its department now. Raises AlreadyPosted, with a link to the post
    if there is one, and PostStateUnknown.
    """
    was_deleted = await _is_post_deleted(bot, ticket)
    if not await bot.store.deleted_channels.repost(ticket.id, bot.store.now()) and not was_deleted:
        raise AlreadyPosted
    pending = await bot.store.outbox.pending_for_ticket(ticket.id)
    posts = (delivery.channel_id for delivery in pending if delivery.kind is DeliveryKind.POST)
    posted = (await bot.store.tickets.get(ticket.id)).post  # if it was sent meanwhile
    return next(posts, None) or posted.channel_id or ticket.post.channel_id or 0


async def _is_post_deleted(bot: TicketBot, ticket: Ticket) -> bool:
    """Whether Discord no longer has the post, which is then recorded; False if it is not posted at all.

    Raises AlreadyPosted if the post is there, and PostStateUnknown.
    """
    message_id = ticket.post.message_id or ticket.post.digest_message_id
    channel_id = ticket.post.thread_id if ticket.is_private else ticket.post.channel_id
    if message_id is None or channel_id is None:
        return False
    workspace = await bot.store.workspaces.get(ticket.workspace_id)
    channel = bot.get_partial_messageable(channel_id, guild_id=workspace.guild_id)
    try:
        await channel.fetch_message(message_id)
    except discord.NotFound as error:
        if error.code == UNKNOWN_CHANNEL:
            await (on_thread_deleted if ticket.is_private else on_channel_deleted)(bot, channel_id)
        elif error.code == UNKNOWN_MESSAGE:
            await on_post_deleted(bot, message_id)
        return True
    except DISCORD_ERRORS as error:
        raise PostStateUnknown from error
    link = channel.get_partial_message(message_id).jump_url
    raise AlreadyPosted(Sentence("The post of {id} is here: {link}", id=ticket.public_id, link=link))
