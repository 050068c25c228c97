"""Alerts about deliveries: which channels are late or forbidden, and embeds that say so. Sends nothing."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import discord

from bot.i18n.translations import gettext as _
from bot.i18n.translations import ngettext, translate
from bot.outbox.circuit_breaker import OpenCircuit
from bot.tickets.alerts import DeadLetterSummary
from bot.tickets.outbox import DIRECT_MESSAGES, ChannelBacklog, DeliveryKind, OutboxEntry
from bot.tickets.sentence import Sentence
from cogs.alerts.log_channel import ACTION_NEEDED, RESOLVED, WARNING, alert_embed
from cogs.core.markdown import escape_markdown
from cogs.posts.errors import translate_reason

POLL_SECONDS = 5.0  # between two checks of the outbox
EDIT_INTERVAL_SECONDS = 30.0  # between two edits of one alert, and two messages about dead letters
LATE_SECONDS = 60.0  # a delivery that waits for longer makes its channel late
CAUGHT_UP_SECONDS = 15.0  # a late channel is late until its oldest delivery waits for less

ChannelKey = tuple[str, int]  # a workspace's id and a channel's

# What a channel refuses, by the first part of the queue's name; what matters most is first.
_REFUSALS = {
    "posts": Sentence("⛔ I cannot post in {channel}."),
    "threads": Sentence("⛔ I cannot start threads in {channel}."),
    "messages": Sentence("⛔ I cannot write in a thread of {channel}."),
    "direct_messages": Sentence("⛔ I cannot send direct messages."),
    "edits": Sentence("⛔ I cannot change my posts in {channel}."),
    "message_edits": Sentence("⛔ I cannot change my messages in a thread of {channel}."),
}
DELIVERY_NAMES = {
    DeliveryKind.POST: Sentence("post"),
    DeliveryKind.THREAD: Sentence("thread"),
    DeliveryKind.PRIVATE_THREAD: Sentence("private thread"),
    DeliveryKind.UPDATE_POST: Sentence("update post"),
    DeliveryKind.POST_MESSAGE: Sentence("post message"),
    DeliveryKind.DIRECT_MESSAGE: Sentence("direct message"),
    DeliveryKind.UPDATE_MESSAGE: Sentence("update message"),
    DeliveryKind.POST_POINTER: Sentence("post pointer"),
}


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
    order = list(_REFUSALS)
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
    waits = ngettext(
        "{number} delivery waits; it came {time}.",
        "{number} deliveries wait; the first came {time}.",
        problem.waiting,
        time=f"<t:{problem.oldest.timestamp():.0f}:R>",
    )
    if problem.refusal is None:
        pace = _("It posts as fast as Discord allows; urgent ones go first.")
        why = (
            f"{escape_markdown(translate_reason(problem.reason), 300).rstrip('.')}."
            if problem.reason
            else pace
        )
        behind = _("⏳ {channel} is behind: {waits}", channel=channel, waits=waits)
        return alert_embed(f"{behind} {why}", WARNING)
    refusal = translate(_REFUSALS[_first_part(problem.refusal.queue)].with_parts(channel=channel))
    text = (
        f"{refusal} {escape_markdown(translate_reason(problem.refusal.reason), 300)}\n{waits}\n"
        f"{hint} {_('I continue by myself once that is done.')}"
    )
    return alert_embed(text, ACTION_NEEDED)


def channel_text(channel_id: int) -> str:
    """A link to a channel, or what the direct messages wait in."""
    return _("The queue of direct messages") if channel_id == DIRECT_MESSAGES else f"<#{channel_id}>"


def resolved_embed(channel_id: int, seconds: float) -> discord.Embed:
    text = _(
        "✅ {channel} is up to date again. It was behind for {duration}.",
        channel=channel_text(channel_id),
        duration=format_duration(seconds),
    )
    return alert_embed(text, RESOLVED)


def dead_letters_embed(dead_letters: DeadLetterSummary) -> discord.Embed:
    """What could not be delivered: the first of it with the reasons, and how many more there are."""
    opening = ngettext(
        "🗃️ {number} delivery could not be made. `/setup outbox` retries or drops it.",
        "🗃️ {number} deliveries could not be made. `/setup outbox` retries or drops them.",
        dead_letters.count,
    )
    lines = [_("• Delivery {entry}", entry=delivery_line(entry)) for entry in dead_letters.sample]
    more = dead_letters.count - len(dead_letters.sample)
    rest = [_("… and {count} more.", count=more)] if more else []
    return alert_embed("\n".join([opening, *lines, *rest]), ACTION_NEEDED)


def delivery_line(entry: OutboxEntry) -> str:
    """`12 (post) of TICKET-1: Discord refused it (400).`"""
    return _(
        "{id} ({kind}) of `{ticket}`: {reason}.",
        id=entry.id,
        kind=translate(DELIVERY_NAMES[entry.kind]),
        ticket=entry.ticket,
        reason=escape_markdown(_reason(entry), 200).rstrip("."),
    )


def _reason(entry: OutboxEntry) -> str:
    return translate_reason(entry.last_error) if entry.last_error else _("no reason is known")


def pluralize(count: int, singular: str, plural: str) -> str:
    """A count and what is counted, in English: for the log."""
    return f"{count} {singular if count == 1 else plural}"


def format_duration(seconds: float) -> str:
    """In the two largest units that are not zero: `2 hours 5 minutes`."""
    days, left = divmod(max(1, round(seconds)), 86_400)
    hours, left = divmod(left, 3600)
    minutes, left = divmod(left, 60)
    parts = (
        (days, ngettext("{number} day", "{number} days", days)),
        (hours, ngettext("{number} hour", "{number} hours", hours)),
        (minutes, ngettext("{number} minute", "{number} minutes", minutes)),
        (left, ngettext("{number} second", "{number} seconds", left)),
    )
    return " ".join([text for count, text in parts if count][:2])
