"""Channels in trouble: what counts as one, and how it is said. Nothing is sent or remembered here."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from bot.tickets import Backlog, Undelivered
from bot.tickets.alerts import SetAside
from cogs.core.markdown import drawn

LOOK_SECONDS = 5.0  # between two looks
EDIT_SECONDS = 30.0  # between two changes of one message, and two messages about what is set aside
LATE_SECONDS = 60.0  # for which something waits before its channel counts as late
CAUGHT_UP_SECONDS = 15.0  # for which something may wait in a channel that was late and is so no more

Key = tuple[str, int]  # a workspace's id and a channel's

_UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A channel in which a workspace's deliveries wait for too long, or that refuses them."""

    channel_id: int
    waiting: int
    oldest: datetime
    refusal: str | None  # why it takes nothing; None if it is only late


def troubles_of(
    backlogs: Iterable[Backlog], refusals: dict[int, str], known: Collection[Key], now: datetime
) -> dict[Key, Trouble]:
    """What is in trouble; what is `known` to be late stays so until it has caught up."""
    found = {}
    for backlog in backlogs:
        key = (backlog.workspace_id, backlog.channel_id)
        refusal = refusals.get(backlog.channel_id)
        age = (now - backlog.oldest).total_seconds()
        if refusal is not None or age > (CAUGHT_UP_SECONDS if key in known else LATE_SECONDS):
            found[key] = Trouble(
                channel_id=backlog.channel_id, waiting=backlog.waiting, oldest=backlog.oldest, refusal=refusal
            )
    return found


def said_of(trouble: Trouble, cure: str) -> str:
    """How it stands. `cure` is what to do about a refusal."""
    place = f"<#{trouble.channel_id}>"
    wait = "1 delivery waits; it" if trouble.waiting == 1 else f"{trouble.waiting} deliveries wait; the first"
    waits = f"{wait} came <t:{trouble.oldest.timestamp():.0f}:R>."
    if trouble.refusal is None:
        return f"⏳ {place} is behind: {waits} It posts as fast as Discord allows; urgent ones go first."
    return (
        f"⛔ I cannot post in {place}. {drawn(trouble.refusal, 300)}\n{waits}\n"
        f"{cure} I go on by myself once that is repaired."
    )


def over(channel_id: int, seconds: float) -> str:
    return f"✅ <#{channel_id}> is up to date again. It was behind for {lasting(seconds)}."


def said_of_set_aside(found: SetAside) -> str:
    """What Discord does not take: each delivery with its reason, and how many more there are."""
    if found.count == 1:
        (one,) = found.first
        return f"🗃️ Set aside: delivery {line_of(one)} `/setup outbox` retries or drops it."
    lines = "\n".join(f"• Delivery {line_of(one)}" for one in found.first)
    rest = found.count - len(found.first)
    more = f"\n… and {rest} more." if rest else ""
    return f"🗃️ Set aside: {found.count} deliveries. `/setup outbox` retries or drops them.\n{lines}{more}"


def line_of(one: Undelivered) -> str:
    """`12 (post) of TICKET-1: Discord refused it (400).`"""
    reason = drawn(one.last_error or "no reason is known", 200).rstrip(".")
    return f"{one.id} ({one.kind.value}) of `{one.ticket}`: {reason}."


def counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def lasting(seconds: float) -> str:
    """In the two largest units that are not zero: `2 hours 5 minutes`."""
    left, parts = max(1, round(seconds)), []
    for name, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(counted(count, name, f"{name}s"))
    return " ".join(parts[:2])
