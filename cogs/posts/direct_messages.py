"""Direct messages to players: of a reply from staff, or that their ticket is closed."""

import logging
import time

import discord

from bot.discord_client.client import NETWORK_ERRORS, TicketBot
from bot.discord_client.middlewares import LimitReached
from bot.i18n.translations import gettext as _
from bot.i18n.translations import set_language, translate
from bot.outbox.errors import (
    ChannelForbidden,
    DeliveryError,
    HeldBack,
    PermanentFailure,
    RetryLater,
    UnknownOutcome,
)
from bot.tickets.actions import FOLLOW_UP
from bot.tickets.direct_messages import Reachability
from bot.tickets.history import STATUS_WORDS
from bot.tickets.message import Message
from bot.tickets.outbox import Delivery, Receipt
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import Workspace
from cogs.core.markdown import escape_markdown, fits, plain_line
from cogs.posts.errors import RequestError, classify_error
from cogs.posts.send import find_previous_message, message_id_or_none, with_fallback
from cogs.tickets.buttons import TicketButton
from cogs.tickets.embeds import AUTHOR_LIMIT, TITLE_LIMIT

log = logging.getLogger(__name__)

SETTINGS_BUTTON_ID = "messages:show"
_TEXT_LIMIT = 3000  # characters of a reply; `/ticket view` shows all of a longer one
_FIRST_REST, _LONGEST_REST = 30.0, 600.0  # seconds without direct messages, after Discord limited them

# They take no messages, share no server with the bot, or are no one to write to (any more).
_REFUSED_BY_MEMBER = {50007, 50278, 50033, 10013}
_LIMITED = {40003, 20026}  # too many new conversations; or the bot is flagged for spam


class DirectMessages:
    """Sends direct messages. What is not wanted any more when it is sent is done without being sent."""

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot
        self._rest_seconds = 0.0  # since a limit, which is one for all members
        self._rests_until = 0.0  # monotonic
        self._rest_reason = ""

    async def deliver(self, delivery: Delivery, ticket: Ticket) -> Receipt:
        """Send a direct message, unless it is not wanted. Raises DeliveryError."""
        store = self.bot.store
        state = await store.members.direct_message_state(delivery, ticket)
        workspace = await store.workspaces.get(ticket.workspace_id)
        is_wanted = state.is_wanted(ticket, workspace, is_reply=delivery.message_id is not None)
        if not self.bot.direct_messages or not is_wanted:
            log.info("A direct message is no longer wanted, and not sent", extra=_log_fields(delivery))
            return Receipt()
        until = state.preferences.quiet_until(store.now())
        if until is not None:
            raise HeldBack(until)
        if state.preferences.locale:
            set_language(state.preferences.locale)
        try:
            receipt = await self._send(delivery, ticket, workspace)
        except (discord.HTTPException, discord.RateLimited, LimitReached) as error:
            return await self._refused(error, delivery)
        except NETWORK_ERRORS as error:
            raise UnknownOutcome(f"Discord cannot be reached: {type(error).__name__} {error}") from error
        self._rest_seconds = 0.0
        await store.members.record_reachable(delivery.channel_id, Reachability.YES)
        return receipt

    async def _send(self, delivery: Delivery, ticket: Ticket, workspace: Workspace) -> Receipt:
        if time.monotonic() < self._rests_until:
            raise RetryLater(self._rest_reason, seconds=self._rests_until - time.monotonic())
        message = await self._reply(delivery)
        channel = await self.bot.create_dm(discord.Object(delivery.channel_id))
        marker = direct_message_footer(ticket, delivery.id)
        message_id = await find_previous_message(self.bot.user, delivery, channel, marker)
        if message_id is None:
            guild = self.bot.get_guild(delivery.guild_id)
            server = guild.name if guild else ""
            embed = direct_message_embed(ticket, message, server, marker, workspace)
            fallback = fallback_direct_message_embed(ticket, message, server, marker, workspace)
            message_id = await with_fallback(
                ticket,
                lambda: self._send_embed(channel, delivery, ticket, embed),
                lambda: self._send_embed(channel, delivery, ticket, fallback),
            )
        return Receipt(channel_id=channel.id, message_id=message_id)

    async def _reply(self, delivery: Delivery) -> Message | None:
        """The reply that is told; None if the ticket was closed."""
        if delivery.message_id is None:
            return None
        message = await self.bot.store.messages.find(delivery.message_id)
        if message is None:
            raise PermanentFailure("the message is no longer in the database")
        return message

    async def _send_embed(
        self, channel: discord.DMChannel, delivery: Delivery, ticket: Ticket, embed: discord.Embed
    ) -> int | None:
        return await message_id_or_none(
            channel.send(
                embed=embed,
                view=direct_message_view(ticket),
                nonce=delivery.nonce,
                allowed_mentions=discord.AllowedMentions.none(),
            )
        )

    async def _refused(self, error: RequestError, delivery: Delivery) -> Receipt:
        """Finish a message that its member does not take, and remember that; else raise DeliveryError."""
        code = getattr(error, "code", 0)
        if code in _REFUSED_BY_MEMBER:
            await self.bot.store.members.record_reachable(delivery.channel_id, Reachability.NO)
            log.info("A member takes no direct messages: %d", code, extra=_log_fields(delivery))
            return Receipt()
        meaning: DeliveryError = classify_error(error, delivery)
        if code in _LIMITED:
            self._rest(str(meaning))
            meaning = RetryLater(str(meaning), seconds=self._rest_seconds)
        elif isinstance(meaning, ChannelForbidden):  # it says nothing of a channel that staff could repair
            meaning = RetryLater(str(meaning))
        raise meaning from error

    def _rest(self, reason: str) -> None:
        """Send nothing to anyone for a while, longer each time."""
        self._rest_seconds = min(_LONGEST_REST, max(_FIRST_REST, self._rest_seconds * 2))
        self._rests_until, self._rest_reason = time.monotonic() + self._rest_seconds, reason


def direct_message_footer(ticket: Ticket, delivery_id: int) -> str:
    """Ticket id and delivery. A direct message is found by it among those to its member."""
    return f"{ticket.public_id} · message {delivery_id}"


def direct_message_embed(
    ticket: Ticket, message: Message | None, server: str, footer: str, workspace: Workspace
) -> discord.Embed:
    """Draw a reply, or without one that the ticket is closed."""
    embed = fallback_direct_message_embed(ticket, message, server, footer, workspace)
    name = workspace.name_for_reporters(message.author) if message else None
    if name:
        embed.set_author(name=plain_line(name, AUTHOR_LIMIT) or _("Staff"))
    embed.title = escape_markdown(ticket.subject, TITLE_LIMIT) or _("(no subject)")
    if message is not None:
        embed.description = escape_markdown(message.text, _TEXT_LIMIT) or "—"
        if not fits(message.text, _TEXT_LIMIT):
            embed.description += "\n\n" + _("There is more: `/ticket view` in the server shows all of it.")
    return embed


def fallback_direct_message_embed(
    ticket: Ticket, message: Message | None, server: str, footer: str, workspace: Workspace
) -> discord.Embed:
    """Draw the same without any text of people, for one that Discord refuses."""
    embed = discord.Embed(
        title=ticket.public_id,
        colour=discord.Colour.light_grey() if message is None else discord.Colour.green(),
        timestamp=ticket.updated_at if message is None else message.created_at,
    )
    if message is None:
        thanks = workspace.thanks_for(ticket)
        embed.description = translate(thanks) if thanks else _("Work on your ticket has ended.")
    else:
        embed.description = _("You have a reply: `/ticket view` in the server shows it.")
    embed.set_author(name=_("Staff"))
    embed.add_field(name=_("Ticket"), value=f"`{ticket.public_id}`")
    if message is None:
        status = translate(STATUS_WORDS[ticket.status])
        embed.add_field(name=_("Status"), value=status[:1].upper() + status[1:])
    embed.add_field(name=_("Server"), value=escape_markdown(plain_line(server, 100), 200) or "—")
    embed.set_footer(text=footer)
    return embed


def direct_message_view(ticket: Ticket) -> discord.ui.View:
    """Build the buttons: to reply, if the ticket takes that from its reporter, and to stop messages."""
    view = discord.ui.View(timeout=None)
    if FOLLOW_UP.applies_to(ticket):
        view.add_item(TicketButton(FOLLOW_UP.name, ticket.id))
    view.add_item(discord.ui.Button(label=_("Message settings"), custom_id=SETTINGS_BUTTON_ID))
    view.stop()  # presses are matched by custom id; discord.py need not remember this object
    return view


def _log_fields(delivery: Delivery) -> dict[str, object]:
    return {
        "ticket_id": delivery.ticket_id,
        "delivery_id": delivery.id,
        "discord_id": delivery.channel_id,
    }
