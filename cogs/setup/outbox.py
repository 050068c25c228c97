"""`/setup outbox`: what of some workspaces waits, rests or is set aside, and what becomes of one delivery."""

from collections.abc import Sequence

import discord

from bot.discord_client.client import TicketBot
from bot.tickets import Backlog, Lane, Refusal, Workspace
from bot.tickets.alerts import SetAside
from cogs.alerts.backlog import counted, line_of
from cogs.core.checks import now
from cogs.core.markdown import drawn
from cogs.core.permissions import cure_for
from storage import Store, UnknownDelivery

_MOST_CHANNELS, _MOST_SET_ASIDE = 10, 10  # lines


class NoSuchDelivery(Refusal):
    """No delivery of that number waits or is set aside here. `/setup outbox` shows those that do."""


async def retried_of(store: Store, here: Sequence[Workspace], delivery_id: int) -> str:
    """Raises NoSuchDelivery, also for one of another Discord server."""
    try:
        await store.retry(delivery_id, now(), of=_ids(here))
    except UnknownDelivery as error:
        raise NoSuchDelivery from error
    return f"✅ Delivery {delivery_id} is tried again."


async def dropped_of(store: Store, here: Sequence[Workspace], delivery_id: int) -> str:
    """The same of one that is never to be made."""
    try:
        await store.drop(delivery_id, now(), of=_ids(here))
    except UnknownDelivery as error:
        raise NoSuchDelivery from error
    return f"✅ Delivery {delivery_id} is dropped."


async def outbox_embed(bot: TicketBot, here: Sequence[Workspace]) -> discord.Embed:
    """Counts, waits and reasons; never a word that somebody wrote."""
    ids = _ids(here)
    backlogs = [one for one in await bot.store.backlogs(Lane.DISCORD) if one.workspace_id in ids]
    waiting = "\n".join(_backlog_line(bot, one) for one in backlogs[:_MOST_CHANNELS])
    rest = sum(one.waiting for one in backlogs[_MOST_CHANNELS:])
    more = f"\n… and {counted(rest, 'delivery', 'deliveries')} for other channels" if rest else ""
    embed = discord.Embed(title="Outbox", colour=discord.Colour.blurple())
    embed.description = _trouble_with_all(bot) + (waiting + more or "Nothing waits: all of it is in Discord.")
    _add_set_aside(embed, await bot.store.set_aside(ids, _MOST_SET_ASIDE))
    return embed


def _trouble_with_all(bot: TicketBot) -> str:
    rest = bot.dispatcher.breaker.everywhere
    return f"⛔ Nothing goes out now. {drawn(rest.reason, 200)}\n\n" if rest else ""


def _backlog_line(bot: TicketBot, backlog: Backlog) -> str:
    line = (
        f"• <#{backlog.channel_id}>: {counted(backlog.waiting, 'delivery waits', 'deliveries wait')}, "
        f"the first came <t:{backlog.oldest.timestamp():.0f}:R>"
    )
    rest = bot.dispatcher.breaker.channels.get(backlog.channel_id)
    if rest is None:
        return line
    cure = f" {cure_for(bot, backlog.channel_id)}" if rest.refused else ""
    return f"{line}\n  ⏸️ {drawn(rest.reason, 200)}{cure}"


def _add_set_aside(embed: discord.Embed, found: SetAside) -> None:
    if not found.count:
        return
    lines, room = [], 950  # of the 1,024 characters that a field has
    for one in found.first:
        line = f"• {line_of(one)}"
        if len(line) >= room:
            break
        room -= len(line) + 1
        lines.append(line)
    if found.count > len(lines):
        lines.append(f"… and {found.count - len(lines)} more, which `ticketbridge outbox list` shows")
    lines.append("`/setup outbox` with `retry` or `drop` and the number does either.")
    embed.add_field(name=f"Set aside: {found.count}", value="\n".join(lines), inline=False)


def _ids(workspaces: Sequence[Workspace]) -> list[str]:
    return [one.id for one in workspaces]
