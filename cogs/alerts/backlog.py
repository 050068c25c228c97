"""Channels in trouble: what counts as one, and how it is said. Nothing is sent or remembered here."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from bot.tickets.alerts import DeadLetterSummary
from bot.tickets.outbox import ChannelBacklog, OutboxEntry
from cogs.core.markdown import escape_markdown

POLL_SECONDS = 5.0  # between two looks
EDIT_INTERVAL_SECONDS = 30.0  # between two changes of one message, and two messages about what is set aside
LATE_SECONDS = 60.0  # for which something waits before its channel counts as late
CAUGHT_UP_SECONDS = 15.0  # for which something may wait in a channel that was late and is so no more

ChannelKey = tuple[str, int]  # a workspace's id and a channel's

_UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelProblem:
    """A channel in which a workspace's deliveries wait for too long, or that refuses them."""

    channel_id: int
    waiting: int
    oldest: datetime
    forbidden_reason: str | None  # why it takes nothing; None if it is only late


def find_problems(
    backlogs: Iterable[ChannelBacklog],
    forbidden_reasons: dict[int, str],
    known: Collection[ChannelKey],
    now: datetime,
) -> dict[ChannelKey, ChannelProblem]:
    """What is in trouble; what is `known` to be late stays so until it has caught up."""
    found = {}
    for backlog in backlogs:
        key = (backlog.workspace_id, backlog.channel_id)
        refusal = forbidden_reasons.get(backlog.channel_id)
        age = (now - backlog.oldest).total_seconds()
        if refusal is not None or age > (CAUGHT_UP_SECONDS if key in known else LATE_SECONDS):
            found[key] = ChannelProblem(
                channel_id=backlog.channel_id,
                waiting=backlog.waiting,
                oldest=backlog.oldest,
                forbidden_reason=refusal,
            )
    return found


def problem_text(problem: ChannelProblem, hint: str) -> str:
    """How it stands. `cure` is what to do about a refusal."""
    place = f"<#{problem.channel_id}>"
    wait = "1 delivery waits; it" if problem.waiting == 1 else f"{problem.waiting} deliveries wait; the first"
    waits = f"{wait} came <t:{problem.oldest.timestamp():.0f}:R>."
    if problem.forbidden_reason is None:
        return f"⏳ {place} is behind: {waits} It posts as fast as Discord allows; urgent ones go first."
    return (
        f"⛔ I cannot post in {place}. {escape_markdown(problem.forbidden_reason, 300)}\n{waits}\n"
        f"{hint} I go on by myself once that is repaired."
    )


def resolved_text(channel_id: int, seconds: float) -> str:
    return f"✅ <#{channel_id}> is up to date again. It was behind for {format_duration(seconds)}."


def dead_letters_text(dead_letters: DeadLetterSummary) -> str:
    """What Discord does not take: each delivery with its reason, and how many more there are."""
    if dead_letters.count == 1:
        (one,) = dead_letters.sample
        return f"🗃️ Set aside: delivery {delivery_line(one)} `/setup outbox` retries or drops it."
    lines = "\n".join(f"• Delivery {delivery_line(one)}" for one in dead_letters.sample)
    rest = dead_letters.count - len(dead_letters.sample)
    more = f"\n… and {rest} more." if rest else ""
    return (
        f"🗃️ Set aside: {dead_letters.count} deliveries. `/setup outbox` retries or drops them.\n{lines}{more}"
    )


def delivery_line(entry: OutboxEntry) -> str:
    """`12 (post) of TICKET-1: Discord refused it (400).`"""
    reason = escape_markdown(entry.last_error or "no reason is known", 200).rstrip(".")
    return f"{entry.id} ({entry.kind.value}) of `{entry.ticket}`: {reason}."


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
