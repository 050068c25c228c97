"""The feed: takes deliveries from the dispatcher and makes Discord show them."""

import logging
from collections.abc import Awaitable, Callable, Sequence

import discord
from discord.ext import commands

from bot.discord_client.client import NETWORK_ERRORS, TicketBot
from bot.outbox.errors import PermanentFailure, RetryLater, UnknownOutcome
from bot.tickets.outbox import Delivery, DeliveryKind, Receipt
from bot.tickets.ticket import Ticket
from cogs.core.checks import utc_now
from cogs.posts.digest import digest_footer
from cogs.posts.recovery import find_previous_message, find_previous_thread
from cogs.posts.send import (
    RETRY_DELAY_SECONDS,
    THREAD_EXISTS,
    UNKNOWN_MESSAGE,
    ChannelOrThread,
    classify_error,
    create_thread,
    edit_post,
    message_id_or_none,
    post_reference,
    send_embed,
)
from cogs.posts.together import send_digest, update_digest
from cogs.reconcile.deleted import UNKNOWN_CHANNEL, on_post_deleted, resolve_missing_target
from cogs.tickets.attachments import fallback_files, message_files, ticket_files
from cogs.tickets.buttons import ticket_view
from cogs.tickets.embeds import (
    fallback_embed,
    fallback_transfer_embed,
    message_embed,
    message_footer,
    ticket_embed,
    ticket_footer,
    transfer_embed,
    transfer_footer,
)
from storage import StorageError

log = logging.getLogger(__name__)

Handler = Callable[[Delivery, Ticket], Awaitable[Receipt]]


class PostsCog(commands.Cog):
    """Delivery -> draw -> send -> receipt. One method per kind.

    Each may be called again for the same delivery and does no more then: its nonce was made with it,
    and after an attempt of unknown outcome the channel's history is looked through first.
    """

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot

    async def cog_load(self) -> None:
        steps: dict[DeliveryKind, Handler] = {
            DeliveryKind.POST: self._post_ticket,
            DeliveryKind.THREAD: self._start_thread,
            DeliveryKind.PRIVATE_THREAD: self._start_private_thread,
            DeliveryKind.UPDATE_POST: self._update_post,
            DeliveryKind.POST_MESSAGE: self._post_message,
            DeliveryKind.POST_POINTER: self._post_pointer,
        }
        for kind, step in steps.items():
            self.bot.dispatcher.register(kind, self._handler_for(step))

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Ours is seen here at once; its sender is told only when the library's bucket has room again."""
        own = self.bot.user is not None and message.author.id == self.bot.user.id
        if own and message.nonce is not None:
            try:
                await self.bot.store.confirm_by_nonce(str(message.nonce), message.id, utc_now())
            except StorageError as error:  # whoever sent it will try again
                log.warning("Message %d was seen, and that could not be kept: %s", message.id, error)

    def _handler_for(self, handler: Handler) -> Callable[[Sequence[Delivery]], Awaitable[Receipt]]:
        async def deliver(deliveries: Sequence[Delivery]) -> Receipt:
            delivery = deliveries[0]
            ticket = await self.bot.store.ticket(delivery.ticket_id)
            try:
                try:
                    if delivery.digest_lead_id is not None:
                        return await self._post_digest(deliveries, delivery.digest_lead_id)
                    return await handler(delivery, ticket)
                except discord.NotFound as missing:
                    return await self._resolve_not_found(missing, delivery, ticket)
            except (discord.HTTPException, discord.RateLimited) as error:
                raise classify_error(error) from error
            except NETWORK_ERRORS as error:
                raise UnknownOutcome(f"Discord cannot be reached: {type(error).__name__} {error}") from error

        return deliver

    async def _resolve_not_found(
        self, error: discord.NotFound, delivery: Delivery, ticket: Ticket
    ) -> Receipt:
        """Without its post there is nothing to draw; without its place it may go to another.

        Raises Postponed for what can, and what was raised for anything else.
        """
        if error.code == UNKNOWN_MESSAGE and delivery.kind in (DeliveryKind.UPDATE_POST, DeliveryKind.THREAD):
            await on_post_deleted(self.bot, ticket.post.message_id or ticket.post.digest_message_id or 0)
            return Receipt(channel_id=delivery.channel_id)
        if error.code == UNKNOWN_CHANNEL and await resolve_missing_target(self.bot, delivery, ticket):
            raise RetryLater("what it was bound for was deleted", seconds=1.0) from error
        raise error

    async def _post_digest(self, deliveries: Sequence[Delivery], lead_id: int) -> Receipt:
        first, mark = deliveries[0], digest_footer(lead_id)
        place = await self._get_channel(first.channel_id)
        message_id = await self._find_previous_message(first, place, mark)
        if message_id is None:
            message_id = await send_digest(self.bot.store, place, deliveries, mark)
        return Receipt(channel_id=first.channel_id, message_id=message_id)

    async def _post_ticket(self, delivery: Delivery, ticket: Ticket) -> Receipt:
        place = await self._get_channel(ticket.post.thread_id if ticket.is_private else delivery.channel_id)
        message_id = await self._find_previous_message(delivery, place, ticket_footer(ticket))
        if message_id is None:
            try:
                embed = ticket_embed(ticket)
                message_id = await self._send_post(
                    place, delivery, ticket, embed, ticket_files(ticket, embed)
                )
            except discord.HTTPException as error:
                if error.status != 400:
                    raise
                log.warning("Ticket %d is posted plainly; Discord refused its text: %s", ticket.id, error)
                embed = fallback_embed(ticket)
                message_id = await self._send_post(place, delivery, ticket, embed, fallback_files(ticket))
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
        """Who is called by a post: in a private thread its reporter and staff, which also lets them in."""
        if not ticket.is_private:
            return None, discord.AllowedMentions.none()
        workspace = await self.bot.store.workspace(ticket.workspace_id)
        reporter, staff = int(ticket.reporter.id or 0), workspace.staff_role_id
        mentions = discord.AllowedMentions(
            everyone=False, users=[discord.Object(reporter)], roles=[discord.Object(staff)]
        )
        return f"<@{reporter}> <@&{staff}>", mentions

    async def _start_thread(self, delivery: Delivery, ticket: Ticket) -> Receipt:
        post = ticket.post.message_id
        if post is None:
            return Receipt()  # it was deleted, or is in a digest: a thread starts from a message of its own
        message = (await self._get_text_channel(delivery.channel_id)).get_partial_message(post)
        try:
            await create_thread(ticket, lambda name: message.create_thread(name=name))
        except discord.HTTPException as error:
            if error.code != THREAD_EXISTS:
                raise
        return Receipt(channel_id=delivery.channel_id, thread_id=post)  # Discord gives it the post's id

    async def _start_private_thread(self, delivery: Delivery, ticket: Ticket) -> Receipt:
        channel = await self._get_text_channel(delivery.channel_id)
        thread = await find_previous_thread(self.bot.user, channel, ticket) if delivery.attempts else None
        if thread is None:
            private = discord.ChannelType.private_thread
            thread = await create_thread(
                ticket, lambda name: channel.create_thread(name=name, type=private, invitable=False)
            )
        await thread.add_user(discord.Object(int(ticket.reporter.id or 0)))
        return Receipt(channel_id=delivery.channel_id, thread_id=thread.id)

    async def _update_post(self, delivery: Delivery, ticket: Ticket) -> Receipt:
        if ticket.post.digest_message_id is not None:
            place = await self._get_channel(ticket.post.channel_id)
            return await update_digest(self.bot.store, place, ticket.post.digest_message_id)
        post = ticket.post.message_id
        if post is None:
            return Receipt()  # it was deleted
        place = await self._get_channel(
            ticket.post.thread_id if ticket.is_private else ticket.post.channel_id
        )
        if isinstance(place, discord.Thread) and place.archived:
            await place.edit(archived=False)  # nothing can be edited in an archived thread
        message = place.get_partial_message(post)
        try:
            await edit_post(message, ticket, ticket_embed(ticket))
        except discord.HTTPException as error:
            if error.status != 400:
                raise
            await edit_post(message, ticket, fallback_embed(ticket))  # as it was posted, for the same reason
        return Receipt(channel_id=delivery.channel_id, message_id=post)

    async def _post_message(self, delivery: Delivery, ticket: Ticket) -> Receipt:
        message = await self.bot.store.message(delivery.message_id or 0)
        if message is None:
            raise PermanentFailure("what was said is no longer kept")
        in_the_open = None if ticket.is_private else ticket.post.channel_id
        place = await self._get_channel(ticket.post.thread_id or in_the_open)
        shown = await self._find_previous_message(delivery, place, message_footer(ticket, message))
        if shown is None:
            shown = await message_id_or_none(
                place.send(
                    embed=message_embed(ticket, message),
                    files=message_files(ticket, message),
                    nonce=delivery.nonce,
                    reference=post_reference(ticket),  # type: ignore[arg-type]  # None is its default
                    allowed_mentions=discord.AllowedMentions.none(),
                )
            )
        return Receipt(channel_id=place.id, message_id=shown)

    async def _post_pointer(self, delivery: Delivery, ticket: Ticket) -> Receipt:
        post = await self._fetch_post(ticket)
        place = await self._get_channel(delivery.channel_id)
        mark = transfer_footer(ticket, delivery.id)
        pointer = await self._find_previous_message(delivery, place, mark)
        if pointer is None:
            try:
                embed = transfer_embed(ticket, post.jump_url, mark)
                pointer = await send_embed(place, delivery, embed)
            except discord.HTTPException as error:
                if error.status != 400:
                    raise
                embed = fallback_transfer_embed(ticket, post.jump_url, mark)
                pointer = await send_embed(place, delivery, embed)
        return Receipt(channel_id=place.id, message_id=pointer)

    async def _fetch_post(self, ticket: Ticket) -> discord.Message:
        """As it is in Discord now: a pointer to a deleted one would lead nowhere."""
        shown_in = ticket.post.message_id or ticket.post.digest_message_id
        if shown_in is None:
            raise PermanentFailure("there is no post to point to")
        place = await self._get_channel(ticket.post.channel_id)
        return await place.fetch_message(shown_in)

    async def _find_previous_message(
        self, delivery: Delivery, channel: ChannelOrThread, footer: str
    ) -> int | None:
        return await find_previous_message(self.bot.user, delivery, channel, footer)

    async def _get_channel(self, channel_id: int | None) -> ChannelOrThread:
        """The text channel or thread of that id; Postponed, with the cure, while there is none."""
        if channel_id is None:
            raise RetryLater("its post or thread is not in Discord yet", seconds=RETRY_DELAY_SECONDS)
        place = self.bot.get_channel(channel_id) or await self.bot.fetch_channel(channel_id)
        if not isinstance(place, ChannelOrThread):
            raise RetryLater(
                f"channel {channel_id} is not a text channel; give the workspace one",
                seconds=RETRY_DELAY_SECONDS,
            )
        return place

    async def _get_text_channel(self, channel_id: int) -> discord.TextChannel:
        place = await self._get_channel(channel_id)
        if isinstance(place, discord.Thread):
            raise RetryLater(
                f"channel {channel_id} is a thread; give the workspace a text channel",
                seconds=RETRY_DELAY_SECONDS,
            )
        return place


async def setup(bot: TicketBot) -> None:
    await bot.add_cog(PostsCog(bot))
