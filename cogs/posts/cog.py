"""Carries out the outbox's deliveries in Discord: posts, digests, threads, messages and transfer pointers."""

import logging
from collections.abc import Awaitable, Callable, Sequence

import discord
from discord.ext import commands

from bot.discord_client.client import NETWORK_ERRORS, TicketBot
from bot.discord_client.middlewares import LimitReached
from bot.outbox.errors import PermanentFailure, RetryLater, UnknownOutcome
from bot.tickets.events import ReplyState
from bot.tickets.message import Message
from bot.tickets.outbox import Delivery, DeliveryKind, Receipt
from bot.tickets.ticket import Ticket
from cogs.core.languages import set_guild_language
from cogs.posts.digest import digest_marker, send_digest, update_digest
from cogs.posts.direct_messages import DirectMessages
from cogs.posts.errors import (
    IS_A_THREAD,
    MAKING_ROOM,
    NO_TEXT_CHANNEL,
    NOT_POSTED_YET,
    RETRY_DELAY_SECONDS,
    TARGET_DELETED,
    THREAD_EXISTS,
    THREAD_LIMIT,
    UNKNOWN_CHANNEL,
    UNKNOWN_MESSAGE,
    UNREACHABLE,
    classify_error,
)
from cogs.posts.send import (
    ChannelOrThread,
    edit_message,
    edit_post,
    find_previous_message,
    find_previous_post,
    message_id_or_none,
    post_reference,
    react,
    send_embed,
    with_fallback,
)
from cogs.posts.threads import TicketThreads, find_previous_thread
from cogs.reconcile.deleted import on_post_deleted, resolve_missing_target
from cogs.tickets.buttons import ticket_view
from cogs.tickets.embeds import (
    READ_EMOJI,
    fallback_embed,
    fallback_files,
    fallback_transfer_embed,
    message_embed,
    message_files,
    message_footer,
    ticket_embed,
    ticket_files,
    ticket_footer,
    transfer_embed,
    transfer_footer,
)
from storage import StorageError

log = logging.getLogger(__name__)

Handler = Callable[[Delivery, Ticket], Awaitable[Receipt]]


class PostsCog(commands.Cog):
    """One handler per kind of delivery, called by the dispatcher: delivery -> embed -> request -> receipt.

    A handler may be called again for the same delivery without a second effect: the nonce is stored with the
    delivery, and after an attempt of unknown outcome the channel's history is searched first.
    """

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot
        self._threads = TicketThreads(bot)

    async def cog_load(self) -> None:
        handlers: dict[DeliveryKind, Handler] = {
            DeliveryKind.POST: self._post_ticket,
            DeliveryKind.THREAD: self._start_thread,
            DeliveryKind.PRIVATE_THREAD: self._start_private_thread,
            DeliveryKind.UPDATE_POST: self._update_post,
            DeliveryKind.POST_MESSAGE: self._post_message,
            DeliveryKind.POST_EVENT: self._post_event,
            DeliveryKind.UPDATE_MESSAGE: self._update_message,
            DeliveryKind.POST_POINTER: self._post_pointer,
            DeliveryKind.DIRECT_MESSAGE: DirectMessages(self.bot).deliver,
        }
        for kind, handler in handlers.items():
            self.bot.dispatcher.register(kind, self._delivery_handler(handler))

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Confirm a delivery as soon as the gateway shows its message: the response may be lost or late."""
        is_own = self.bot.user is not None and message.author.id == self.bot.user.id
        if is_own and message.nonce is not None:
            try:
                await self.bot.store.outbox.confirm_by_nonce(
                    str(message.nonce), message.id, self.bot.store.now(), channel_id=message.channel.id
                )
            except StorageError as error:  # the delivery is tried again, and finds its message
                log.warning(
                    "A sent message could not be confirmed: %s", error, extra={"message_id": message.id}
                )

    def _delivery_handler(self, handler: Handler) -> Callable[[Sequence[Delivery]], Awaitable[Receipt]]:
        """Load the ticket, send digests as one message, and translate errors for the dispatcher."""

        async def deliver(deliveries: Sequence[Delivery]) -> Receipt:
            delivery = deliveries[0]
            set_guild_language(self.bot, delivery.guild_id)
            ticket = await self.bot.store.tickets.get(delivery.ticket_id)
            try:
                try:
                    if delivery.digest_lead_id is not None:
                        return await self._post_digest(deliveries, delivery.digest_lead_id)
                    return await handler(delivery, ticket)
                except discord.NotFound as error:
                    return await self._resolve_not_found(error, delivery, ticket)
                except discord.HTTPException as error:
                    if error.code == THREAD_LIMIT and await self._threads.make_room(ticket):
                        raise RetryLater(str(MAKING_ROOM), seconds=1.0) from error
                    raise
            except (discord.HTTPException, discord.RateLimited, LimitReached) as error:
                raise classify_error(error, delivery) from error
            except NETWORK_ERRORS as error:
                reason = UNREACHABLE.with_parts(error=f"{type(error).__name__} {error}")
                raise UnknownOutcome(str(reason)) from error

        return deliver

    async def _resolve_not_found(
        self, error: discord.NotFound, delivery: Delivery, ticket: Ticket
    ) -> Receipt:
        """Finish a delivery whose post was deleted; raise RetryLater if its channel was and there is another.

        An edit of a message that was deleted is done. Raises `error` again in any other case.
        """
        if delivery.kind is DeliveryKind.UPDATE_MESSAGE:
            return Receipt()
        if error.code == UNKNOWN_MESSAGE and delivery.kind in (DeliveryKind.UPDATE_POST, DeliveryKind.THREAD):
            await on_post_deleted(self.bot, ticket.post.message_id or ticket.post.digest_message_id or 0)
            return Receipt(channel_id=delivery.channel_id)
        if error.code == UNKNOWN_CHANNEL and await resolve_missing_target(self.bot, delivery, ticket):
            raise RetryLater(str(TARGET_DELETED), seconds=1.0) from error
        raise error

    async def _post_digest(self, deliveries: Sequence[Delivery], lead_id: int) -> Receipt:
        first, marker = deliveries[0], digest_marker(lead_id)
        channel = await self._get_channel(first.channel_id)
        message_id = await find_previous_message(self.bot.user, first, channel, marker)
        if message_id is None:
            message_id = await send_digest(self.bot.store, channel, deliveries, marker)
        return Receipt(channel_id=first.channel_id, message_id=message_id)

    async def _post_ticket(self, delivery: Delivery, ticket: Ticket) -> Receipt:
        channel = await self._get_channel(ticket.post.thread_id if ticket.is_private else delivery.channel_id)
        previous = await find_previous_post(self.bot.user, delivery, channel, ticket_footer(ticket))
        if previous is not None:
            return previous
        workspace = await self.bot.store.workspaces.get(ticket.workspace_id)
        embed, fallback = ticket_embed(ticket, workspace), fallback_embed(ticket)
        message_id = await with_fallback(
            ticket,
            lambda: self._send_post(channel, delivery, ticket, embed, ticket_files(ticket, embed)),
            lambda: self._send_post(channel, delivery, ticket, fallback, fallback_files(ticket)),
        )
        return Receipt(channel_id=delivery.channel_id, message_id=message_id)

    async def _send_post(
        self,
        channel: ChannelOrThread,
        delivery: Delivery,
        ticket: Ticket,
        embed: discord.Embed,
        files: list[discord.File],
    ) -> int | None:
        content, mentions = await self._mentions(ticket)
        return await message_id_or_none(
            channel.send(
                content=content,
                embed=embed,
                files=files,
                view=ticket_view(ticket),
                nonce=delivery.nonce,
                allowed_mentions=mentions,
            )
        )

    async def _mentions(self, ticket: Ticket) -> tuple[str | None, discord.AllowedMentions]:
        """Who a post mentions: in a private thread its reporter and the staff, which also adds them to it."""
        if not ticket.is_private:
            return None, discord.AllowedMentions.none()
        workspace = await self.bot.store.workspaces.get(ticket.workspace_id)
        staff = workspace.staff_role_ids(ticket.department)
        people = [] if ticket.reporter.id is None else [discord.Object(int(ticket.reporter.id))]
        mentions = discord.AllowedMentions(
            everyone=False, users=people, roles=[discord.Object(one) for one in staff]
        )
        return " ".join([*(f"<@{one.id}>" for one in people), *(f"<@&{one}>" for one in staff)]), mentions

    async def _start_thread(self, delivery: Delivery, ticket: Ticket) -> Receipt:
        post_id = ticket.post.message_id
        if post_id is None:
            return Receipt()  # it was deleted, or is in a digest: a thread starts from a message of its own
        channel = await self._get_text_channel(delivery.channel_id)
        message = channel.get_partial_message(post_id)
        try:
            thread = await self._threads.start(
                ticket, channel.guild, lambda name: message.create_thread(name=name)
            )
            await self._archive_if_closed(thread, ticket.id)
        except discord.HTTPException as error:
            if error.code != THREAD_EXISTS:
                raise
        # A thread on a message has that message's id.
        return Receipt(channel_id=delivery.channel_id, thread_id=post_id)

    async def _start_private_thread(self, delivery: Delivery, ticket: Ticket) -> Receipt:
        channel = await self._get_text_channel(delivery.channel_id)
        thread = await find_previous_thread(self.bot.user, channel, ticket) if delivery.attempts else None
        if thread is None:
            private = discord.ChannelType.private_thread
            thread = await self._threads.start(
                ticket,
                channel.guild,
                lambda name: channel.create_thread(name=name, type=private, invitable=False),
            )
        await self._threads.add_reporter(thread, delivery, ticket)
        return Receipt(channel_id=delivery.channel_id, thread_id=thread.id)

    async def _update_post(self, delivery: Delivery, ticket: Ticket) -> Receipt:
        if ticket.post.digest_message_id is not None:
            channel = await self._get_channel(ticket.post.channel_id)
            if ticket.erased_at is not None:
                await self._edit_pointers(ticket)
            return await update_digest(self.bot.store, channel, ticket.post.digest_message_id)
        if ticket.post.message_id is not None:
            await self._edit_post(ticket, ticket.post.message_id)
        if ticket.erased_at is not None:
            await self._threads.remove_subject(ticket)
            await self._edit_pointers(ticket)
        await self._threads.match_status(ticket)
        return Receipt(channel_id=delivery.channel_id, message_id=ticket.post.message_id)

    async def _edit_post(self, ticket: Ticket, post_id: int) -> None:
        channel = await self._get_channel(
            ticket.post.thread_id if ticket.is_private else ticket.post.channel_id
        )
        await _open_if_archived(channel)
        workspace = await self.bot.store.workspaces.get(ticket.workspace_id)
        await edit_post(channel.get_partial_message(post_id), ticket, workspace)

    async def _edit_pointers(self, ticket: Ticket) -> None:
        """Take the subject of an erased ticket out of the links to its post in other channels."""
        workspace = await self.bot.store.workspaces.get(ticket.workspace_id)
        post_id = ticket.post.message_id or ticket.post.digest_message_id or 0
        for pointer in await self.bot.store.outbox.sent_pointers(ticket.id):
            try:
                channel = await self._get_channel(pointer.channel_id)
                url = f"https://discord.com/channels/{channel.guild.id}/{ticket.post.channel_id}/{post_id}"
                footer = transfer_footer(ticket, pointer.delivery_id)
                embed = fallback_transfer_embed(ticket, url, footer, workspace)
                await edit_message(channel.get_partial_message(pointer.message_id), embed)
            except discord.NotFound:
                continue

    async def _post_event(self, delivery: Delivery, ticket: Ticket) -> Receipt:
        """Show what was done to a ticket as a line in its thread; without one, its post shows it."""
        return Receipt() if ticket.post.thread_id is None else await self._post_message(delivery, ticket)

    async def _post_message(self, delivery: Delivery, ticket: Ticket) -> Receipt:
        message = await self.bot.store.messages.find(delivery.message_id or 0)
        if message is None:
            raise PermanentFailure("the message is no longer in the database")
        public_channel_id = None if ticket.is_private else ticket.post.channel_id
        channel = await self._get_channel(ticket.post.thread_id or public_channel_id)
        marker = message_footer(ticket, message)
        message_id = await find_previous_message(self.bot.user, delivery, channel, marker)
        if message_id is None:
            message_id = await message_id_or_none(
                channel.send(
                    embed=message_embed(ticket, message, await self._reply_state(ticket, message)),
                    files=message_files(ticket, message),
                    nonce=delivery.nonce,
                    reference=post_reference(ticket),  # type: ignore[arg-type]  # None is its default
                    allowed_mentions=discord.AllowedMentions.none(),
                )
            )
        if isinstance(channel, discord.Thread):
            await self._archive_if_closed(channel, ticket.id)  # the message has opened it
        return Receipt(channel_id=channel.id, message_id=message_id)

    async def _reply_state(self, ticket: Ticket, message: Message) -> ReplyState | None:
        if ticket.erased_at is not None:
            return None
        states = await self.bot.store.events.reply_states(message.ticket_id, [message.id])
        return states.get(message.id)

    async def _update_message(self, delivery: Delivery, ticket: Ticket) -> Receipt:
        """Show on a reply what became of it; on one that was typed, by a reaction once it is read."""
        message = await self.bot.store.messages.find(delivery.message_id or 0)
        if message is None or message.shown_as is None:
            return Receipt()
        is_erased = ticket.erased_at is not None
        state = await self._reply_state(ticket, message)
        channel = await self._get_channel(message.shown_as.channel_id)
        await _open_if_archived(channel)
        shown = channel.get_partial_message(message.shown_as.message_id)
        if not message.shown_as.is_typed:
            files = message_files(ticket, message) if is_erased else None
            await edit_message(shown, message_embed(ticket, message, state), files)
        elif state is not None and state.received_at is not None:
            await react(shown, READ_EMOJI)
        if isinstance(channel, discord.Thread):
            await self._archive_if_closed(channel, ticket.id)
        return Receipt(channel_id=channel.id, message_id=shown.id)

    async def _archive_if_closed(self, thread: discord.Thread, ticket_id: int) -> None:
        """Archive an active thread whose ticket is closed, perhaps only since this delivery began."""
        ticket = await self.bot.store.tickets.get(ticket_id)
        if ticket.status.is_closed:
            await self._threads.set_archived(ticket, thread, archived=True)

    async def _post_pointer(self, delivery: Delivery, ticket: Ticket) -> Receipt:
        post = await self._fetch_post(ticket)
        workspace = await self.bot.store.workspaces.get(ticket.workspace_id)
        channel = await self._get_channel(delivery.channel_id)
        marker = transfer_footer(ticket, delivery.id)
        message_id = await find_previous_message(self.bot.user, delivery, channel, marker)
        if message_id is None:
            embed = transfer_embed(ticket, post.jump_url, marker, workspace)
            fallback = fallback_transfer_embed(ticket, post.jump_url, marker, workspace)
            message_id = await with_fallback(
                ticket,
                lambda: send_embed(channel, delivery, embed),
                lambda: send_embed(channel, delivery, fallback),
            )
        return Receipt(channel_id=channel.id, message_id=message_id)

    async def _fetch_post(self, ticket: Ticket) -> discord.Message:
        """Fetch the post from Discord, so that no pointer leads to a deleted one. Raises discord.NotFound."""
        message_id = ticket.post.message_id or ticket.post.digest_message_id
        if message_id is None:
            raise PermanentFailure("there is no post to point to")
        channel = await self._get_channel(ticket.post.channel_id)
        return await channel.fetch_message(message_id)

    async def _get_channel(self, channel_id: int | None) -> ChannelOrThread:
        """The text channel or thread of that id. Raises RetryLater, with what to do, if there is none."""
        if channel_id is None:
            raise RetryLater(str(NOT_POSTED_YET), seconds=RETRY_DELAY_SECONDS)
        channel = self.bot.get_channel(channel_id) or await self.bot.fetch_channel(channel_id)
        if not isinstance(channel, ChannelOrThread):
            raise RetryLater(
                str(NO_TEXT_CHANNEL.with_parts(channel_id=channel_id)),
                seconds=RETRY_DELAY_SECONDS,
            )
        return channel

    async def _get_text_channel(self, channel_id: int) -> discord.TextChannel:
        channel = await self._get_channel(channel_id)
        if isinstance(channel, discord.Thread):
            raise RetryLater(
                str(IS_A_THREAD.with_parts(channel_id=channel_id)),
                seconds=RETRY_DELAY_SECONDS,
            )
        return channel


async def _open_if_archived(channel: ChannelOrThread) -> None:
    """Nothing can be edited in an archived thread."""
    if isinstance(channel, discord.Thread) and channel.archived:
        await channel.edit(archived=False)


async def setup(bot: TicketBot) -> None:
    await bot.add_cog(PostsCog(bot))
