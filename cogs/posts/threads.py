"""Threads of tickets: started, opened to their reporter, and archived while their ticket is closed."""

import logging
import time
from collections.abc import Awaitable, Callable
from operator import attrgetter

import discord

from bot.discord_client.client import TicketBot
from bot.i18n.translations import format_number, ngettext
from bot.i18n.translations import gettext as _
from bot.tickets.outbox import Delivery
from bot.tickets.ticket import Ticket
from cogs.alerts.log_channel import ACTION_NEEDED, WARNING, alert_embed, notify
from cogs.posts.errors import (
    MISSING_ACCESS,
    UNKNOWN_CHANNEL,
    UNKNOWN_MEMBER,
    UNKNOWN_USER,
    error_summary,
    is_temporary,
)
from cogs.posts.send import find_previous_message, send_embed, with_fallback
from cogs.tickets.embeds import thread_name

log = logging.getLogger(__name__)

THREAD_LIMIT_OF_SERVER = 1000  # active threads; Discord's limit
NEAR_THREAD_LIMIT = 950  # active threads that the bot sees, from which on old ones make room
LOOK_AGAIN_SECONDS = 60.0  # between two searches of a server for threads to archive
TELL_AGAIN_SECONDS = 86_400.0  # between two notices of that to a workspace
_MAX_ARCHIVED = 25  # threads at once

CreateThread = Callable[[str], Awaitable[discord.Thread]]  # called with the name


class TicketThreads:
    """Starts threads and keeps the server below Discord's limit of active ones."""

    def __init__(self, bot: TicketBot) -> None:
        self._bot = bot
        self._looked_at: dict[int, float] = {}  # monotonic seconds, by guild
        self._told_at: dict[tuple[str, bool], float] = {}  # monotonic seconds, by workspace and notice

    async def start(self, ticket: Ticket, guild: discord.Guild, create: CreateThread) -> discord.Thread:
        """Start a thread named after its ticket; by the id alone if Discord rejects the subject."""
        if len(guild.threads) >= NEAR_THREAD_LIMIT:
            await self.make_room(ticket)
        return await with_fallback(
            ticket, lambda: create(thread_name(ticket)), lambda: create(ticket.public_id)
        )

    async def match_status(self, ticket: Ticket) -> None:
        """Archive the thread of a closed ticket, and open that of any other.

        It is never locked: buttons in a locked thread cannot be clicked.
        """
        if ticket.post.thread_id is None:
            return
        thread = self._bot.get_channel(ticket.post.thread_id)  # active, if it is remembered
        thread = thread or await self._bot.fetch_channel(ticket.post.thread_id)
        if isinstance(thread, discord.Thread) and thread.archived != ticket.status.is_closed:
            await self.set_archived(ticket, thread, ticket.status.is_closed)

    async def set_archived(self, ticket: Ticket, thread: discord.Thread, archived: bool) -> bool:
        """Archive a thread or open it. Returns False if Discord refuses, which nothing else waits for."""
        try:
            await thread.edit(archived=archived)
        except discord.HTTPException as error:
            if error.code == UNKNOWN_CHANNEL or is_temporary(error):
                raise
            log.warning(
                "A thread could not be %s: %s",
                "archived" if archived else "opened again",
                error_summary(error),
                extra={"ticket_id": ticket.id, "thread_id": thread.id},
            )
            return False
        return True

    async def add_reporter(self, thread: discord.Thread, delivery: Delivery, ticket: Ticket) -> None:
        """Add the reporter to their thread. If Discord refuses, staff read why, and the thread goes on."""
        try:
            await thread.add_user(discord.Object(int(ticket.reporter.id or 0)))
        except discord.HTTPException as error:
            if error.code == UNKNOWN_CHANNEL or is_temporary(error):
                raise
            await self._report_absence(thread, delivery, ticket, error)

    async def _report_absence(
        self, thread: discord.Thread, delivery: Delivery, ticket: Ticket, error: discord.HTTPException
    ) -> None:
        log.warning(
            "The reporter could not be added to the thread: %s",
            error_summary(error),
            extra={"ticket_id": ticket.id, "thread_id": thread.id},
        )
        reporter, reason = f"<@{ticket.reporter.id}>", _absence_reason(error, delivery.channel_id)
        text = _(
            "⚠️ {reporter}, who opened this ticket, is not here: {reason}", reporter=reporter, reason=reason
        )
        embed = alert_embed(text, WARNING)
        marker = f"{ticket.public_id} · reporter not added"  # never translated: the notice is found by it
        embed.set_footer(text=marker)
        if await find_previous_message(self._bot.user, delivery, thread, marker) is None:
            await send_embed(thread, delivery, embed)
        text = _(
            "⚠️ {reporter}, who opened `{ticket}`, is not in {thread}: {reason}",
            reporter=reporter,
            ticket=ticket.public_id,
            thread=f"<#{thread.id}>",
            reason=reason,
        )
        workspace = await self._bot.store.workspaces.get(ticket.workspace_id)
        await notify(self._bot, workspace, lambda: alert_embed(text, WARNING))

    async def make_room(self, ticket: Ticket) -> bool:
        """Archive the oldest threads of closed tickets in the ticket's server, and say so.

        Returns whether there were any. Looks once in LOOK_AGAIN_SECONDS.
        """
        workspace = await self._bot.store.workspaces.get(ticket.workspace_id)
        guild, now = self._bot.get_guild(workspace.guild_id), time.monotonic()
        if guild is None or now < self._looked_at.get(guild.id, float("-inf")) + LOOK_AGAIN_SECONDS:
            return False
        self._looked_at[guild.id] = now
        archived = await self._archive_closed(guild)
        key = (workspace.id, bool(archived))
        if now >= self._told_at.get(key, float("-inf")) + TELL_AGAIN_SECONDS:
            self._told_at[key] = now
            await notify(self._bot, workspace, lambda: _limit_embed(archived))
        return archived > 0

    async def _archive_closed(self, guild: discord.Guild) -> int:
        archived = 0
        for thread in sorted(guild.threads, key=attrgetter("id")):
            ticket = await self._bot.store.tickets.find_by_discord_id(thread.id)
            if ticket is not None and ticket.status.is_closed and not thread.archived:
                archived += await self.set_archived(ticket, thread, archived=True)
            if archived == _MAX_ARCHIVED:
                break
        return archived


async def find_previous_thread(
    bot_user: discord.ClientUser | None, channel: discord.TextChannel, ticket: Ticket
) -> discord.Thread | None:
    """The thread that an earlier attempt may have created, by its name and owner."""
    parent_and_owner = (channel.id, bot_user.id if bot_user else None)
    for thread in await channel.guild.active_threads():
        is_ours = (thread.parent_id, thread.owner_id) == parent_and_owner
        if is_ours and thread.name.split(" ")[0] == ticket.public_id:
            return thread
    return None


def _absence_reason(error: discord.HTTPException, channel_id: int) -> str:
    """Why a reporter is not in their thread, and what staff can do."""
    if error.code in (UNKNOWN_MEMBER, UNKNOWN_USER):
        return _("they are no longer in this server. Once they are back, mention them here.")
    if error.code == MISSING_ACCESS:
        channel = f"<#{channel_id}>"
        return _("they cannot see {channel}. Let them see it and mention them here.", channel=channel)
    return _("Discord refuses to add them ({error}).", error=error_summary(error))


def _limit_embed(archived: int) -> discord.Embed:
    limit = format_number(THREAD_LIMIT_OF_SERVER)
    if not archived:
        text = _(
            "🧵 Discord allows {limit} active threads in a server, and this one is near that; no thread left "
            "is of a closed ticket. Archive threads that nobody needs. Without room, tickets are posted "
            "without their threads, and `/ticket open` waits.",
            limit=limit,
        )
        return alert_embed(text, ACTION_NEEDED)
    near = _("🧵 Discord allows {limit} active threads in a server, and this one is near that.", limit=limit)
    done = ngettext(
        "I archived {number} thread of a closed ticket, the oldest first.",
        "I archived {number} threads of closed tickets, the oldest first.",
        archived,
    )
    return alert_embed(f"{near} {done}", WARNING)
