"""How blocks look: the list of them, and the notice on a ticket that was not posted."""

from collections.abc import Sequence
from datetime import datetime

import discord

from bot.i18n.translations import gettext as _
from bot.i18n.translations import ngettext
from bot.tickets.blocks import Block
from bot.tickets.ticket import Ticket
from cogs.core.markdown import escape_markdown

MAX_SHOWN = 10
_LINE_LIMIT = 150  # characters of a reason


def blocks_embed(blocks: Sequence[Block], now: datetime) -> discord.Embed:
    """Draw blocks, the newest ten."""
    lines = [_line(one, now) for one in blocks[:MAX_SHOWN]]
    if len(blocks) > MAX_SHOWN:
        more = len(blocks) - MAX_SHOWN
        lines.append(_("… and {count} more: name a `player` to find theirs", count=more))
    return discord.Embed(
        title=_("Blocked players"),
        description="\n".join(lines) or _("Nobody is blocked."),
        colour=discord.Colour.blurple(),
    )


def add_kept_tickets(embed: discord.Embed, tickets: Sequence[Ticket]) -> None:
    """List the newest tickets that came under the blocks shown."""
    if tickets:
        lines = [f"`{one.public_id}` {escape_markdown(one.subject, 60)}" for one in tickets]
        name = _("Their newest tickets that were not posted: `/ticket view` shows one")
        embed.add_field(name=name, value="\n".join(lines), inline=False)


def not_posted_notice(block: Block) -> str:
    """Why a ticket is not posted in Discord; to be escaped."""
    return _(
        "⛔ This ticket is not posted in Discord: {name} had blocked its reporter: {reason} "
        "`/ticket repost` posts it.",
        name=block.blocked_by.name,
        reason=block.reason,
    )


def _line(block: Block, now: datetime) -> str:
    parts = [
        f"• **{escape_markdown(block.label, 120)}**",
        _state(block, now),
        _(
            "by {name} {when}",
            name=escape_markdown(block.blocked_by.name, 60),
            when=f"<t:{block.blocked_at.timestamp():.0f}:d>",
        ),
        escape_markdown(" ".join(block.reason.split()), _LINE_LIMIT),
    ]
    if block.kept_tickets:
        parts.append(ngettext("{number} ticket kept", "{number} tickets kept", block.kept_tickets))
    return " · ".join(parts)


def _state(block: Block, now: datetime) -> str:
    if block.ended_at is not None and block.ended_by is not None:
        when = f"<t:{block.ended_at.timestamp():.0f}:d>"
        return _("ended by {name} {when}", name=escape_markdown(block.ended_by, 60), when=when)
    if block.expires_at is None:
        return _("forever")
    when = f"<t:{block.expires_at.timestamp():.0f}:f>"
    return _("until {when}", when=when) if block.is_active(now) else _("expired {when}", when=when)
