"""Alerts about deliveries: which channels are late or forbidden, and embeds that say so. Sends nothing."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import discord

from bot.outbox.circuit_breaker import OpenCircuit
from bot.tickets.alerts import DeadLetterSummary
from bot.tickets.outbox import DIRECT_MESSAGES, ChannelBacklog, OutboxEntry
from cogs.alerts.log_channel import ACTION_NEEDED, RESOLVED, WARNING, alert_embed
from cogs.core.markdown import escape_markdown

POLL_SECONDS = 5.0  # between two checks of the outbox
EDIT_INTERVAL_SECONDS = 30.0  # between two edits of one alert, and two messages about dead letters
LATE_SECONDS = 60.0  # a delivery that waits for longer makes its channel late
CAUGHT_UP_SECONDS = 15.0  # a late channel is late until its oldest delivery waits for less

ChannelKey = tuple[str, int]  # a workspace's id and a channel's

# What the deliveries of a queue do, by the first part of its name.
_DOINGS = {
    "posts": "post in {}",
    "threads": "start threads in {}",
    "messages": "write in a thread of {}",
    "direct_messages": "send {}",
    "edits": "change my posts in {}",
    "message_edits": "change my messages in a thread of {}",
}

_UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelProblem:
    """A channel in which a workspace's deliveries wait for too long, or some are refused."""

    channel_id: int
    waiting: int  # deliveries
    oldest: datetime
    reason: str | None  # why the first of them waits, if that is known
    refusal: OpenCircuit | None  # None if the channel is only late


def find_refusals(circuits: Iterable[OpenCircuit]) -> dict[int, OpenCircuit]:
    """The circuits that rejections opened, one for each channel: that of what matters most."""
    order = list(_DOINGS)
    forbidden = [circuit for circuit in circuits if circuit.forbidden]
    forbidden.sort(key=lambda circuit: order.index(_first_part(circuit.queue)), reverse=True)
    return {circuit.channel_id: circuit for circuit in forbidden}


def _first_part(queue: str) -> str:
    return queue.partition(":")[0]


def find_problems(
    backlogs: Iterable[ChannelBacklog],
    refusals: Mapping[int, OpenCircuit],
    known: Collection[ChannelKey],
    now: datetime,
) -> dict[ChannelKey, ChannelProblem]:
    """The channels that are late or refuse something; one `known` to be late is so until it has caught up."""
    problems = {}
    for backlog in backlogs:
        key = (backlog.workspace_id, backlog.channel_id)
        refusal = refusals.get(backlog.channel_id)
        age = (now - backlog.oldest).total_seconds()
        if refusal is not None or age > (CAUGHT_UP_SECONDS if key in known else LATE_SECONDS):
            problems[key] = ChannelProblem(
                channel_id=backlog.channel_id,
                waiting=backlog.waiting,
                oldest=backlog.oldest,
                reason=backlog.reason,
                refusal=refusal,
            )
    return problems


def problem_embed(problem: ChannelProblem, hint: str) -> discord.Embed:
    """The state of a channel. `hint` says what to do if it refuses something."""
    channel = channel_text(problem.channel_id)
    waiting = pluralize(problem.waiting, "delivery waits; it", "deliveries wait; the first")
    waits = f"{waiting} came <t:{problem.oldest.timestamp():.0f}:R>."
    if problem.refusal is None:
        pace = "It posts as fast as Discord allows; urgent ones go first."
        why = f"{escape_markdown(problem.reason, 300).rstrip('.')}." if problem.reason else pace
        return alert_embed(f"⏳ {channel} is behind: {waits} {why}", WARNING)
    doing = _DOINGS[_first_part(problem.refusal.queue)].format(channel)
    text = (
        f"⛔ I cannot {doing}. {escape_markdown(problem.refusal.reason, 300)}\n{waits}\n"
        f"{hint} I continue by myself once that is done."
    )
    return alert_embed(text, ACTION_NEEDED)


def channel_text(channel_id: int) -> str:
    """A link to a channel, or what the direct messages wait in."""
    return "The queue of direct messages" if channel_id == DIRECT_MESSAGES else f"<#{channel_id}>"


def resolved_embed(channel_id: int, seconds: float) -> discord.Embed:
    behind = format_duration(seconds)
    text = f"✅ {channel_text(channel_id)} is up to date again. It was behind for {behind}."
    return alert_embed(text, RESOLVED)


def dead_letters_embed(dead_letters: DeadLetterSummary) -> discord.Embed:
    """What could not be delivered: the first of it with the reasons, and how many more there are."""
    lines = [f"• Delivery {delivery_line(entry)}" for entry in dead_letters.sample]
    more = dead_letters.count - len(dead_letters.sample)
    count = pluralize(dead_letters.count, "delivery", "deliveries")
    text = "\n".join(
        [
            f"🗃️ {count} could not be made. `/setup outbox` retries or drops {_them(dead_letters.count)}.",
            *lines,
            *([f"… and {more} more."] if more else []),
        ]
    )
    return alert_embed(text, ACTION_NEEDED)


def _them(count: int) -> str:
    return "it" if count == 1 else "them"


def delivery_line(entry: OutboxEntry) -> str:
    """`12 (post) of TICKET-1: Discord refused it (400).`"""
    reason = escape_markdown(entry.last_error or "no reason is known", 200).rstrip(".")
    return f"{entry.id} ({entry.kind.value.replace('_', ' ')}) of `{entry.ticket}`: {reason}."


def pluralize(count: int, singular: str, plural: str) -> str:
    return f"{count} {singular if count == 1 else plural}"


def format_duration(seconds: float) -> str:
    """In the two largest units that are not zero: `2 hours 5 minutes`."""
    left, parts = max(1, round(seconds)), []
    for name, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(pluralize(count, name, f"{name}s"))
    return " ".join(parts[:2])
