"""`/setup outbox`: the waiting deliveries and dead letters of a server, and retrying or dropping one."""

from collections.abc import Sequence

import discord

from bot.discord_client.client import TicketBot
from bot.tickets.alerts import DeadLetterSummary
from bot.tickets.errors import TicketError
from bot.tickets.outbox import ChannelBacklog
from bot.tickets.push_endpoints import EndpointState, PushBacklog
from bot.tickets.workspace import Workspace
from cogs.alerts.backlog import channel_text, delivery_line, pluralize
from cogs.core.markdown import escape_markdown
from cogs.core.permissions import permission_hint
from storage import Store, UnknownDelivery

_MAX_CHANNELS, _MAX_DEAD_LETTERS, _MAX_WEBHOOKS = 10, 10, 4  # lines; a field has 1,024 characters


class NoSuchDelivery(TicketError):
    """No delivery of that number waits or is a dead letter here. `/setup outbox` shows those that do."""


async def retry_delivery(store: Store, workspaces: Sequence[Workspace], delivery_id: int) -> str:
    """Retry a delivery now, and say so. Raises NoSuchDelivery, also for one of another Discord server."""
    try:
        await store.outbox_admin.retry(delivery_id, store.now(), workspace_ids=_workspace_ids(workspaces))
    except UnknownDelivery as error:
        raise NoSuchDelivery from error
    return f"✅ Delivery {delivery_id} is retried."


async def drop_delivery(store: Store, workspaces: Sequence[Workspace], delivery_id: int) -> str:
    """Drop a delivery, and say so. Raises NoSuchDelivery, also for one of another Discord server."""
    try:
        await store.outbox_admin.drop(delivery_id, store.now(), workspace_ids=_workspace_ids(workspaces))
    except UnknownDelivery as error:
        raise NoSuchDelivery from error
    return f"✅ Delivery {delivery_id} is dropped."


async def outbox_embed(bot: TicketBot, workspaces: Sequence[Workspace]) -> discord.Embed:
    """Draw counts, waits and reasons; never text that people wrote."""
    ids = _workspace_ids(workspaces)
    by_id = {one.id: one for one in workspaces}
    backlogs = [one for one in await bot.store.outbox.backlogs() if one.workspace_id in by_id]
    lines = [_backlog_line(bot, by_id[one.workspace_id], one) for one in backlogs[:_MAX_CHANNELS]]
    waiting = "\n".join(lines)
    others = sum(one.waiting for one in backlogs[_MAX_CHANNELS:])
    more = f"\n… and {pluralize(others, 'delivery', 'deliveries')} for other channels" if others else ""
    embed = discord.Embed(title="Outbox", colour=discord.Colour.blurple())
    embed.description = _global_circuit_text(bot) + (
        waiting + more or "Nothing waits: everything is in Discord."
    )
    _add_webhooks(
        embed, [one for one in await bot.store.pushes.backlogs() if one.endpoint.workspace_id in by_id]
    )
    _add_dead_letters(embed, await bot.store.outbox_admin.dead_letters(ids, _MAX_DEAD_LETTERS))
    return embed


def _global_circuit_text(bot: TicketBot) -> str:
    circuit = bot.dispatcher.breaker.global_circuit
    return f"⛔ Nothing is sent now. {escape_markdown(circuit.reason, 200)}\n\n" if circuit else ""


def _backlog_line(bot: TicketBot, workspace: Workspace, backlog: ChannelBacklog) -> str:
    waiting = pluralize(backlog.waiting, "delivery waits", "deliveries wait")
    since = f"<t:{backlog.oldest.timestamp():.0f}:R>"
    line = f"• {channel_text(backlog.channel_id)}: {waiting}, the first since {since}"
    circuits = bot.dispatcher.breaker.circuits_of(backlog.channel_id)
    if not circuits:
        return line
    is_forbidden = any(circuit.forbidden for circuit in circuits)
    hint = f" {permission_hint(bot, workspace, backlog.channel_id)}" if is_forbidden else ""
    reasons = " ".join(dict.fromkeys(escape_markdown(circuit.reason, 200) for circuit in circuits))
    return f"{line}\n  ⏸️ {reasons}{hint}"


def _add_dead_letters(embed: discord.Embed, dead_letters: DeadLetterSummary) -> None:
    if not dead_letters.count:
        return
    lines, room = [], 950  # of the 1,024 characters that a field has
    for one in dead_letters.sample:
        line = f"• {delivery_line(one)}"
        if len(line) >= room:
            break
        room -= len(line) + 1
        lines.append(line)
    if dead_letters.count > len(lines):
        lines.append(f"… and {dead_letters.count - len(lines)} more, which `ticketbridge outbox list` shows")
    lines.append("`/setup outbox` with `retry` or `drop` and a number does either.")
    embed.add_field(name=f"Dead letters: {dead_letters.count}", value="\n".join(lines), inline=False)


def _add_webhooks(embed: discord.Embed, backlogs: Sequence[PushBacklog]) -> None:
    """What waits for game servers. Never a URL, which may hold a secret."""
    behind = [
        one
        for one in backlogs
        if one.waiting or one.dead_letters or one.endpoint.state is not EndpointState.ACTIVE
    ]
    if not behind:
        return
    lines = [_webhook_line(one) for one in behind[:_MAX_WEBHOOKS]]
    if len(behind) > _MAX_WEBHOOKS:
        lines.append(f"… and {len(behind) - _MAX_WEBHOOKS} more, which `ticketbridge webhook list` shows")
    embed.add_field(name="Webhooks to game servers", value="\n".join(lines), inline=False)


def _webhook_line(backlog: PushBacklog) -> str:
    endpoint = backlog.endpoint
    waiting = pluralize(backlog.waiting, "event waits", "events wait")
    since = f", the first since <t:{backlog.oldest.timestamp():.0f}:R>" if backlog.oldest else ""
    dead = f", {backlog.dead_letters} given up" if backlog.dead_letters else ""
    problem = endpoint.reason or backlog.last_error
    why = f": {escape_markdown(problem, 100)}" if problem else ""
    return f"• {escape_markdown(endpoint.label, 40)} ({endpoint.state.value}): {waiting}{since}{dead}{why}"


def _workspace_ids(workspaces: Sequence[Workspace]) -> list[str]:
    return [one.id for one in workspaces]
