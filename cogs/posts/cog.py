"""The feed: takes deliveries from the dispatcher and makes Discord show them."""

import logging
from collections.abc import Awaitable, Callable, Sequence

import discord
from discord.ext import commands

from bot.discord_client.client import UNREACHABLE, TicketBot
from bot.outbox.dispatcher import NoAnswer, Postponed, Undeliverable
from bot.tickets import Delivery, Kind, Receipt, Ticket
from cogs.core.checks import now
from cogs.posts.digest import digest_mark
from cogs.posts.recovery import left_behind, thread_left_behind
from cogs.posts.send import (
    REPAIR_SECONDS,
    THREAD_EXISTS,
    UNKNOWN_MESSAGE,
    Place,
    edit,
    named,
    sent,
    sent_alone,
    under_the_post,
    verdict,
)
from cogs.posts.together import redraw_digest, send_digest
from cogs.reconcile.deleted import UNKNOWN_CHANNEL, places_healed, post_gone
from cogs.tickets.attachments import message_files, plain_files, ticket_files
from cogs.tickets.buttons import ticket_view
from cogs.tickets.embeds import (
    footer_of,
    message_embed,
    message_footer,
    plain_embed,
    plain_pointer_embed,
    pointer_embed,
    pointer_footer,
    ticket_embed,
)
from storage import StorageError

log = logging.getLogger(__name__)

Step = Callable[[Delivery, Ticket], Awaitable[Receipt]]


class Feed(commands.Cog):
    """Delivery -> draw -> send -> receipt. One method per kind.

    Each may be called again for the same delivery and does no more then: its nonce was made with it,
    and after an attempt of unknown outcome the channel's history is looked through first.
    """

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot

    async def cog_load(self) -> None:
        steps: dict[Kind, Step] = {
            Kind.POST: self._post,
            Kind.THREAD: self._start_thread,
            Kind.PRIVATE_THREAD: self._start_private_thread,
            Kind.REDRAW: self._redraw,
            Kind.SHOW: self._show,
            Kind.POINT: self._point,
        }
        for kind, step in steps.items():
            self.bot.dispatcher.take(kind, self._delivering(step))

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Ours is seen here at once; its sender is told only when the library's bucket has room again."""
        own = self.bot.user is not None and message.author.id == self.bot.user.id
        if own and message.nonce is not None:
            try:
                await self.bot.store.settle_seen(str(message.nonce), message.id, now())
            except StorageError as error:  # whoever sent it will try again
                log.warning("Message %d was seen, and that could not be kept: %s", message.id, error)

    def _delivering(self, step: Step) -> Callable[[Sequence[Delivery]], Awaitable[Receipt]]:
        async def deliver(deliveries: Sequence[Delivery]) -> Receipt:
            delivery = deliveries[0]
            ticket = await self.bot.store.ticket(delivery.ticket_id)
            try:
                try:
                    if delivery.lead_id is not None:
                        return await self._post_together(deliveries, delivery.lead_id)
                    return await step(delivery, ticket)
                except discord.NotFound as missing:
                    return await self._healed(missing, delivery, ticket)
            except (discord.HTTPException, discord.RateLimited) as error:
                raise verdict(error) from error
            except UNREACHABLE as error:
                raise NoAnswer(f"Discord cannot be reached: {type(error).__name__} {error}") from error

        return deliver

    async def _healed(self, missing: discord.NotFound, delivery: Delivery, ticket: Ticket) -> Receipt:
        """Without its post there is nothing to draw; without its place it may go to another.

        Raises Postponed for what can, and what was raised for anything else.
        """
        if missing.code == UNKNOWN_MESSAGE and delivery.kind in (Kind.REDRAW, Kind.THREAD):
            await post_gone(self.bot, ticket.post.message_id or ticket.post.digest_id or 0)
            return Receipt(channel_id=delivery.channel_id)
        if missing.code == UNKNOWN_CHANNEL and await places_healed(self.bot, delivery, ticket):
            raise Postponed("what it was bound for was deleted", seconds=1.0) from missing
        raise missing

    async def _post_together(self, deliveries: Sequence[Delivery], lead_id: int) -> Receipt:
        first, mark = deliveries[0], digest_mark(lead_id)
        place = await self._place(first.channel_id)
        message_id = await self._left_behind(first, place, mark)
        if message_id is None:
            message_id = await send_digest(self.bot.store, place, deliveries, mark)
        return Receipt(channel_id=first.channel_id, message_id=message_id)

    async def _post(self, delivery: Delivery, ticket: Ticket) -> Receipt:
        place = await self._place(ticket.post.thread_id if ticket.private else delivery.channel_id)
        message_id = await self._left_behind(delivery, place, footer_of(ticket))
        if message_id is None:
            try:
                embed = ticket_embed(ticket)
                message_id = await self._send(place, delivery, ticket, embed, ticket_files(ticket, embed))
            except discord.HTTPException as error:
                if error.status != 400:
                    raise
                log.warning("Ticket %d is posted plainly; Discord refused its text: %s", ticket.id, error)
                embed = plain_embed(ticket)
                message_id = await self._send(place, delivery, ticket, embed, plain_files(ticket))
        return Receipt(channel_id=delivery.channel_id, message_id=message_id)

    async def _send(
        self,
        place: Place,
        delivery: Delivery,
        ticket: Ticket,
        embed: discord.Embed,
        files: list[discord.File],
    ) -> int | None:
        content, mentions = await self._call(ticket)
        return await sent(
            place.send(
                content=content,
                embed=embed,
                files=files,
                view=ticket_view(ticket),
                nonce=delivery.nonce,
                allowed_mentions=mentions,
            )
        )

    async def _call(self, ticket: Ticket) -> tuple[str | None, discord.AllowedMentions]:
        """Who is called by a post: in a private thread its reporter and staff, which also lets them in."""
        if not ticket.private:
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
        message = (await self._channel(delivery.channel_id)).get_partial_message(post)
        try:
            await named(ticket, lambda name: message.create_thread(name=name))
        except discord.HTTPException as error:
            if error.code != THREAD_EXISTS:
                raise
        return Receipt(channel_id=delivery.channel_id, thread_id=post)  # Discord gives it the post's id

    async def _start_private_thread(self, delivery: Delivery, ticket: Ticket) -> Receipt:
        channel = await self._channel(delivery.channel_id)
        thread = await thread_left_behind(self.bot.user, channel, ticket) if delivery.attempts else None
        if thread is None:
            private = discord.ChannelType.private_thread
            thread = await named(
                ticket, lambda name: channel.create_thread(name=name, type=private, invitable=False)
            )
        await thread.add_user(discord.Object(int(ticket.reporter.id or 0)))
        return Receipt(channel_id=delivery.channel_id, thread_id=thread.id)

    async def _redraw(self, delivery: Delivery, ticket: Ticket) -> Receipt:
        if ticket.post.digest_id is not None:
            place = await self._place(ticket.post.channel_id)
            return await redraw_digest(self.bot.store, place, ticket.post.digest_id)
        post = ticket.post.message_id
        if post is None:
            return Receipt()  # it was deleted
        place = await self._place(ticket.post.thread_id if ticket.private else ticket.post.channel_id)
        if isinstance(place, discord.Thread) and place.archived:
            await place.edit(archived=False)  # nothing can be edited in an archived thread
        message = place.get_partial_message(post)
        try:
            await edit(message, ticket, ticket_embed(ticket))
        except discord.HTTPException as error:
            if error.status != 400:
                raise
            await edit(message, ticket, plain_embed(ticket))  # as it was posted, for the same reason
        return Receipt(channel_id=delivery.channel_id, message_id=post)

    async def _show(self, delivery: Delivery, ticket: Ticket) -> Receipt:
        message = await self.bot.store.message(delivery.message_id or 0)
        if message is None:
            raise Undeliverable("what was said is no longer kept")
        in_the_open = None if ticket.private else ticket.post.channel_id
        place = await self._place(ticket.post.thread_id or in_the_open)
        shown = await self._left_behind(delivery, place, message_footer(ticket, message))
        if shown is None:
            shown = await sent(
                place.send(
                    embed=message_embed(ticket, message),
                    files=message_files(ticket, message),
                    nonce=delivery.nonce,
                    reference=under_the_post(ticket),  # type: ignore[arg-type]  # None is its default
                    allowed_mentions=discord.AllowedMentions.none(),
                )
            )
        return Receipt(channel_id=place.id, message_id=shown)

    async def _point(self, delivery: Delivery, ticket: Ticket) -> Receipt:
        post = await self._post_of(ticket)
        place = await self._place(delivery.channel_id)
        mark = pointer_footer(ticket, delivery.id)
        pointer = await self._left_behind(delivery, place, mark)
        if pointer is None:
            try:
                embed = pointer_embed(ticket, post.jump_url, mark)
                pointer = await sent_alone(place, delivery, embed)
            except discord.HTTPException as error:
                if error.status != 400:
                    raise
                embed = plain_pointer_embed(ticket, post.jump_url, mark)
                pointer = await sent_alone(place, delivery, embed)
        return Receipt(channel_id=place.id, message_id=pointer)

    async def _post_of(self, ticket: Ticket) -> discord.Message:
        """As it is in Discord now: a pointer to a deleted one would lead nowhere."""
        shown_in = ticket.post.message_id or ticket.post.digest_id
        if shown_in is None:
            raise Undeliverable("there is no post to point to")
        place = await self._place(ticket.post.channel_id)
        return await place.fetch_message(shown_in)

    async def _left_behind(self, delivery: Delivery, place: Place, mark: str) -> int | None:
        return await left_behind(self.bot.user, delivery, place, mark)

    async def _place(self, discord_id: int | None) -> Place:
        """The text channel or thread of that id; Postponed, with the cure, while there is none."""
        if discord_id is None:
            raise Postponed("its post or thread is not in Discord yet", seconds=REPAIR_SECONDS)
        place = self.bot.get_channel(discord_id) or await self.bot.fetch_channel(discord_id)
        if not isinstance(place, Place):
            raise Postponed(
                f"channel {discord_id} is not a text channel; give the workspace one", seconds=REPAIR_SECONDS
            )
        return place

    async def _channel(self, discord_id: int) -> discord.TextChannel:
        place = await self._place(discord_id)
        if isinstance(place, discord.Thread):
            raise Postponed(
                f"channel {discord_id} is a thread; give the workspace a text channel",
                seconds=REPAIR_SECONDS,
            )
        return place


async def setup(bot: TicketBot) -> None:
    await bot.add_cog(Feed(bot))
