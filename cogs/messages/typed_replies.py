"""Messages that answer a ticket: deleted under a view-only game report, saved as a reply in other threads."""

import logging
from datetime import timedelta

import discord

from bot.clock import utc_now
from bot.discord_client.client import TicketBot
from bot.i18n.translations import gettext as _
from bot.i18n.translations import translate
from bot.tickets.errors import TicketClosed, TicketError, ViewOnly
from bot.tickets.message import Actor, DiscordMessage, Message
from bot.tickets.ticket import Ticket
from cogs.core.checks import is_staff_on
from cogs.core.languages import set_guild_language
from cogs.core.markdown import escape_sentence
from storage import Store

log = logging.getLogger(__name__)

INTERNAL_PREFIX = "//"  # a message that begins so is not for the reporter
_SAVED_EMOJI, _NOT_SAVED_EMOJI = "✅", "⚠️"
_NOTICE_SECONDS = 120.0  # until a notice is deleted
_NOTICE_MAX_AGE = timedelta(minutes=10)  # the author of an older message has left, and gets no notice

# What people type; every other type is Discord's own: pins, renamed threads, new members.
_USER_MESSAGE_TYPES = (discord.MessageType.default, discord.MessageType.reply)


class TypedReplies:
    """Message -> does it reply to a post, or is it in a thread on one? -> what may it do there?

    Under a game report it is deleted, with a notice. In the thread of any other ticket, from its staff and
    where typed replies are on, it is saved as a reply and confirmed by a reaction. A message that is
    processed again is saved once: its id is the reply's origin.
    """

    def __init__(self, bot: TicketBot) -> None:
        self._bot = bot
        self._warned: set[int] = set()  # threads
        self._member_cache: dict[tuple[int, int], discord.Member | None] = {}

    def clear_member_cache(self) -> None:
        """Fetch members again: their roles may have changed."""
        self._member_cache.clear()

    async def process(self, message: discord.Message) -> None:
        """Delete, save or ignore a message. Raises StorageError, and discord.py's errors."""
        if message.type not in _USER_MESSAGE_TYPES or message.guild is None:
            return
        set_guild_language(self._bot, message.guild.id)
        ticket = await ticket_being_answered(self._bot.store, message)
        if ticket is None:
            return
        try:
            ticket.ensure_replies_allowed()
        except ViewOnly as error:
            await delete_with_reason(message, ticket, error)
            return
        except TicketClosed:
            pass  # staff may talk there; a reply is refused below
        if self._bot.typed_replies:
            await self._store_reply(message, ticket)

    async def _store_reply(self, message: discord.Message, ticket: Ticket) -> None:
        text = message.content.strip()
        is_in_thread = message.channel.id == ticket.post.thread_id and not ticket.is_private
        if not is_in_thread or text.startswith(INTERNAL_PREFIX):
            return
        author = await self._staff_author(message, ticket)
        if author is None:
            return
        actor = Actor(id=str(author.id), name=author.display_name)
        try:
            reply = await self._bot.store.tickets.add_message(
                ticket.id,
                lambda ticket: ticket.reply(actor, text),
                origin=f"message:{message.id}",
                now=self._bot.store.now(),
                typed_as=DiscordMessage(channel_id=message.channel.id, message_id=message.id, is_typed=True),
            )
        except TicketError as error:
            await _react(message, _NOT_SAVED_EMOJI)
            reason, outcome = translate(error.sentence), _("What you typed was not saved as a reply.")
            await send_temporary_notice(message, f"{_NOT_SAVED_EMOJI} {reason} {outcome}")
        else:
            await _react(message, _SAVED_EMOJI)
            if message.attachments:
                text = _("⚠️ Your text is saved; files do not reach the reporter.")
                await send_temporary_notice(message, text)
            await self._warn_without_readers(message, reply)

    async def _warn_without_readers(self, message: discord.Message, reply: Message) -> None:
        """Say once in a thread that no game server asks for replies: ✅ says only that one is saved."""
        if message.channel.id in self._warned:
            return
        state = (await self._bot.store.events.reply_states(reply.ticket_id, [reply.id])).get(reply.id)
        if state is not None and state.received_at is None and not state.is_awaited:
            self._warned.add(message.channel.id)
            saved = _("⚠️ Your reply is saved.")
            await send_temporary_notice(message, f"{saved} {translate(state.sentence)}")

    async def _staff_author(self, message: discord.Message, ticket: Ticket) -> discord.Member | None:
        """The author; None if they are not staff of the ticket."""
        author = await self._author_member(message)
        if author is None:
            return None
        workspace = await self._bot.store.workspaces.get(ticket.workspace_id)
        return author if is_staff_on(ticket, author, [workspace]) else None

    async def _author_member(self, message: discord.Message) -> discord.Member | None:
        """The author with roles: a message from the gateway has them, one from the history has not."""
        author, guild = message.author, message.guild
        if author.bot or message.webhook_id or guild is None:
            return None
        if isinstance(author, discord.Member):
            return author
        key = (guild.id, author.id)
        if key not in self._member_cache:
            try:
                self._member_cache[key] = await guild.fetch_member(author.id)
            except discord.NotFound:
                self._member_cache[key] = None
        return self._member_cache[key]


async def ticket_being_answered(store: Store, message: discord.Message) -> Ticket | None:
    """The ticket that a message answers: as a reply to its post, in its thread or in a thread on its post.

    For a digest, a game report in it; a message about several other tickets answers none of them.
    """
    for discord_id in _answered_ids(message):
        ticket = await store.tickets.find_by_discord_id(discord_id)
        if ticket is not None:
            return ticket
        reports = [ticket for ticket in await store.tickets.list_of_digest(discord_id) if ticket.view_only]
        if reports:
            return reports[0]
    return None


def _answered_ids(message: discord.Message) -> list[int]:
    reference = message.reference
    ids = [message.channel.id]  # a thread on a post has the post's id
    if reference and reference.message_id and reference.type is discord.MessageReferenceType.reply:
        ids.insert(0, reference.message_id)
    return ids


async def delete_with_reason(message: discord.Message, ticket: Ticket, error: TicketError) -> None:
    """Delete a message and tell its author why; neither if it is deleted already."""
    reason = f"⛔ {translate(error.sentence)}"
    try:
        await message.delete()
    except discord.NotFound:
        return
    except discord.Forbidden:
        log.warning(
            "A message under a game report stays: the Manage Messages permission is missing",
            extra={"ticket_id": ticket.id, "message_id": message.id, "channel_id": message.channel.id},
        )
        stays = _("(It stays: I need the Manage Messages permission here.)")
        await send_temporary_notice(message, f"{reason} {stays}")
    else:
        await send_temporary_notice(message, f"{reason} {_('Your message was removed.')}")


async def send_temporary_notice(message: discord.Message, text: str) -> None:
    """Mention the author of a recent message in its channel; the notice is deleted after a while."""
    if utc_now() - message.created_at > _NOTICE_MAX_AGE:
        return
    notice = f"<@{message.author.id}> {escape_sentence(text)}"
    try:
        await message.channel.send(notice, delete_after=_NOTICE_SECONDS, silent=True)
    except (discord.Forbidden, discord.NotFound) as error:
        log.warning("A notice to an author could not be sent: %s", error, extra={"message_id": message.id})


async def _react(message: discord.Message, emoji: str) -> None:
    """Add a reaction. If Discord refuses it, the reply is saved all the same."""
    if any(reaction.me and str(reaction.emoji) == emoji for reaction in message.reactions):
        return
    try:
        await message.add_reaction(emoji)
    except discord.HTTPException as error:
        if error.status >= 500:
            raise
        log.warning("A message got no reaction: %s", error, extra={"message_id": message.id})
