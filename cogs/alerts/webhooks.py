"""Alerts about outgoing webhooks: which are disabled or have failed for long, and embeds that say so."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import discord

from bot.i18n.translations import gettext as _
from bot.i18n.translations import ngettext
from bot.tickets.push_endpoints import EndpointState, PushBacklog, PushEndpoint
from cogs.alerts.backlog import format_duration
from cogs.alerts.log_channel import ACTION_NEEDED, RESOLVED, WARNING, alert_embed
from cogs.core.markdown import escape_markdown

FAILS_LONG = timedelta(hours=1)  # without an accepted event


def find_failing(endpoints: Iterable[PushEndpoint], now: datetime) -> list[PushEndpoint]:
    """Those that are disabled, and the active ones that have failed for long. A paused one is meant to be."""
    return [one for one in endpoints if one.state is EndpointState.DISABLED or _fails_long(one, now)]


def _fails_long(endpoint: PushEndpoint, now: datetime) -> bool:
    is_failing = endpoint.state is EndpointState.ACTIVE and endpoint.failing_since is not None
    return is_failing and now - (endpoint.failing_since or now) >= FAILS_LONG


def failing_embed(backlog: PushBacklog, since: datetime) -> discord.Embed:
    """Which webhook it is, why, what waits for it, and what to do. Never the URL, which may hold a secret."""
    endpoint = backlog.endpoint
    parts = {
        "name": _name(endpoint),
        "source": endpoint.source,
        "time": f"<t:{since.timestamp():.0f}:R>",
        "error": escape_markdown(endpoint.reason or backlog.last_error or "", 300),
    }
    if endpoint.state is EndpointState.DISABLED:
        text = _("⛔ The webhook {name} ({source}) is disabled: no events since {time}. {error}", **parts)
        count, colour = backlog.waiting + backlog.dead_letters, ACTION_NEEDED
        hint = _(
            "Once its receiver works, enable it: `/setup webhooks`, or `ticketbridge webhook enable {id}`.",
            id=endpoint.id,
        )
    else:
        text = _("⚠️ The webhook {name} ({source}) has accepted nothing since {time}. {error}", **parts)
        count, colour = backlog.waiting, WARNING
        hint = _("It is tried again by itself; `ticketbridge webhook test {id}` tries now.", id=endpoint.id)
    waiting = ngettext("{number} event waits.", "{number} events wait.", count)
    return alert_embed(f"{text}\n{waiting} {hint}", colour)


def over_embed(
    endpoint: PushEndpoint | None, endpoint_id: int, since: datetime, now: datetime
) -> discord.Embed:
    """How it ended. `endpoint` is None if the webhook was removed."""
    return alert_embed(_over_text(endpoint, endpoint_id, since, now), RESOLVED)


def _over_text(endpoint: PushEndpoint | None, endpoint_id: int, since: datetime, now: datetime) -> str:
    if endpoint is None:
        return _("✅ Webhook {id} is removed.", id=endpoint_id)
    parts = {"name": _name(endpoint), "duration": format_duration((now - since).total_seconds())}
    if endpoint.state is EndpointState.PAUSED:
        return _("⏸️ The webhook {name} is paused. Its events wait.", **parts)
    if endpoint.accepted_at is not None and endpoint.accepted_at > since:
        return _("✅ The webhook {name} accepts events again. It was out for {duration}.", **parts)
    return _("✅ The webhook {name} is enabled again. It was out for {duration}.", **parts)


def _name(endpoint: PushEndpoint) -> str:
    return f"**{escape_markdown(endpoint.label, 100) or endpoint.id}**"
