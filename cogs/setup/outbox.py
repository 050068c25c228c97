"""`/setup outbox`: the waiting deliveries and dead letters of a server, and retrying or dropping one."""

from collections.abc import Sequence

import discord

from bot.discord_client.client import TicketBot
from bot.i18n.translations import gettext as _
from bot.i18n.translations import ngettext, translate
from bot.tickets.alerts import DeadLetterSummary
from bot.tickets.errors import TicketError
from bot.tickets.outbox import ChannelBacklog
from bot.tickets.push_endpoints import EndpointState, PushBacklog
from bot.tickets.sentence import Sentence
from bot.tickets.workspace import Workspace
from cogs.alerts.backlog import delivery_line
from cogs.core.markdown import escape_markdown
from cogs.core.permissions import permission_hint
from cogs.posts.errors import translate_reason
from storage import Store, UnknownDelivery

_ENDPOINT_STATES = {
    EndpointState.ACTIVE: Sentence("active"),
    EndpointState.PAUSED: Sentence("paused"),
    EndpointState.DISABLED: Sentence("disabled"),
}
_MAX_CHANNELS, _MAX_DEAD_LETTERS, _MAX_WEBHOOKS = 10, 10, 4  # lines; a field has 1,024 characters


class NoSuchDelivery(TicketError):
    """No delivery of that number waits or is a dead letter here. `/setup outbox` shows those that do."""


async def retry_delivery(store: Store, workspaces: Sequence[Workspace], delivery_id: int) -> str:
    """Retry a delivery now, and say so. Raises NoSuchDelivery, also for one of another Discord server."""
    try:
        await store.outbox_admin.retry(delivery_id, store.now(), workspace_ids=_workspace_ids(workspaces))
    except UnknownDelivery as error:
        raise NoSuchDelivery from error
    return _("✅ Delivery {id} is retried.", id=delivery_id)


async def drop_delivery(store: Store, workspaces: Sequence[Workspace], delivery_id: int) -> str:
    """Drop a delivery, and say so. Raises NoSuchDelivery, also for one of another Discord server."""
    try:
        await store.outbox_admin.drop(delivery_id, store.now(), workspace_ids=_workspace_ids(workspaces))
    except UnknownDelivery as error:
        raise NoSuchDelivery from error
    return _("✅ Delivery {id} is dropped.", id=delivery_id)


async def outbox_embed(bot: TicketBot, workspaces: Sequence[Workspace]) -> discord.Embed:
    """Draw counts, waits and reasons; never text that people wrote."""
    ids = _workspace_ids(workspaces)
    by_id = {one.id: one for one in workspaces}
    backlogs = [one for one in await bot.store.outbox.backlogs() if one.workspace_id in by_id]
    lines = [_backlog_line(bot, by_id[one.workspace_id], one) for one in backlogs[:_MAX_CHANNELS]]
    others = sum(one.waiting for one in backlogs[_MAX_CHANNELS:])
    if others:
        lines.append(
            ngettext(
                "… and {number} delivery for other channels",
                "… and {number} deliveries for other channels",
                others,
            )
        )
    waiting = "\n".join(lines) or _("Nothing waits: everything is in Discord.")
    embed = discord.Embed(title=_("Outbox"), colour=discord.Colour.blurple())
    embed.description = _global_circuit_text(bot) + waiting
    _add_webhooks(
        embed, [one for one in await bot.store.pushes.backlogs() if one.endpoint.workspace_id in by_id]
    )
    _add_dead_letters(embed, await bot.store.outbox_admin.dead_letters(ids, _MAX_DEAD_LETTERS))
    return embed


def _global_circuit_text(bot: TicketBot) -> str:
    circuit = bot.dispatcher.breaker.global_circuit
    if circuit is None:
        return ""
    return f"{_('⛔ Nothing is sent now.')} {escape_markdown(translate_reason(circuit.reason), 200)}\n\n"


def _backlog_line(bot: TicketBot, workspace: Workspace, backlog: ChannelBacklog) -> str:
    line = ngettext(
        "• {channel}: {number} delivery waits, the first since {time}",
        "• {channel}: {number} deliveries wait, the first since {time}",
        backlog.waiting,
        channel=f"<#{backlog.channel_id}>",
        time=f"<t:{backlog.oldest.timestamp():.0f}:R>",
    )
    circuits = bot.dispatcher.breaker.circuits_of(backlog.channel_id)
    if not circuits:
        return line
    is_forbidden = any(circuit.forbidden for circuit in circuits)
    hint = f" {permission_hint(bot, workspace, backlog.channel_id)}" if is_forbidden else ""
    reasons = " ".join(dict.fromkeys(escape_markdown(translate_reason(one.reason), 200) for one in circuits))
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
        more = dead_letters.count - len(lines)
        lines.append(_("… and {count} more, which `ticketbridge outbox list` shows", count=more))
    lines.append(_("`/setup outbox` with `retry` or `drop` and a number does either."))
    name = _("Dead letters: {count}", count=dead_letters.count)
    embed.add_field(name=name, value="\n".join(lines), inline=False)


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
        more = len(behind) - _MAX_WEBHOOKS
        lines.append(_("… and {count} more, which `ticketbridge webhook list` shows", count=more))
    embed.add_field(name=_("Webhooks to game servers"), value="\n".join(lines), inline=False)


def _webhook_line(backlog: PushBacklog) -> str:
    endpoint = backlog.endpoint
    facts = [ngettext("{number} event waits", "{number} events wait", backlog.waiting)]
    if backlog.oldest:
        facts.append(_("the first since {time}", time=f"<t:{backlog.oldest.timestamp():.0f}:R>"))
    if backlog.dead_letters:
        facts.append(_("{count} given up", count=backlog.dead_letters))
    problem = endpoint.reason or backlog.last_error
    why = f": {escape_markdown(problem, 100)}" if problem else ""
    label, state = escape_markdown(endpoint.label, 40), translate(_ENDPOINT_STATES[endpoint.state])
    return f"• {label} ({state}): {', '.join(facts)}{why}"


def _workspace_ids(workspaces: Sequence[Workspace]) -> list[str]:
    return [one.id for one in workspaces]
