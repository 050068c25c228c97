"""Alerts: one message for each problem in a workspace's log channel, edited until it is over."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count as counting
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bot.outbox.circuit_breaker import BreakerSettings, OpenCircuit
from bot.sandbox import DemoGuild, Permission, Sandbox, demo_guild
from bot.sandbox.rest.rate_limits import RateLimit
from bot.sources.series import examples as series
from bot.tickets.alerts import DeadLetterSummary
from bot.tickets.outbox import DIRECT_MESSAGES, ChannelBacklog, DeliveryKind, DeliveryState, OutboxEntry
from bot.tickets.workspace import NewWorkspace
from bot.tickets.workspace_changes import update_workspace
from cogs.alerts import backlog
from cogs.alerts.backlog import (
    ChannelProblem,
    dead_letters_embed,
    find_problems,
    find_refusals,
    format_duration,
    problem_embed,
    resolved_embed,
)
from cogs.alerts.log_channel import ACTION_NEEDED, RESOLVED, WARNING
from tests.cogs.core.test_markdown import ALIVE
from tests.storage.samples import NOW, ids, new_ticket
from tests.support.bridge_harness import (
    FAST_BACKOFF,
    LONG_FORBIDDEN_BACKOFF,
    RunningBridge,
    running_bridge,
    running_sandbox,
    wait_for,
)

_numbers = counting(1)
REASON = "Discord refused it (400 50035 in embeds.0.title)"
SLOW = {"POST /channels/{id}/messages": RateLimit(requests=1, per=0.7)}
FAST_ALERTS = {"POLL_SECONDS": 0.05, "EDIT_INTERVAL_SECONDS": 0.3}


@pytest.fixture(autouse=True)
def fast_alerts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in FAST_ALERTS.items():
        monkeypatch.setattr(backlog, name, seconds)


@asynccontextmanager
async def watched(
    database: Path,
    sandbox: Sandbox,
    guild: DemoGuild,
    keys: dict[str, str] | None = None,
    breaker_settings: BreakerSettings = FAST_BACKOFF,
) -> AsyncIterator[RunningBridge]:
    """A bridge whose workspace has a log channel."""
    async with running_bridge(
        database, sandbox, guild, keys=keys, breaker_settings=breaker_settings
    ) as bridge:
        await set_log_channel(bridge, "log")
        yield bridge


@pytest.fixture
async def alerting(tmp_path: Path) -> AsyncIterator[RunningBridge]:
    """A bridge with a log channel, and a Discord that takes messages slowly."""
    async with (
        running_sandbox(rate_limits=SLOW) as (sandbox, guild),
        watched(tmp_path / "tickets.db", sandbox, guild) as bridge,
    ):
        yield bridge


async def set_log_channel(bridge: RunningBridge, channel: str) -> None:
    workspace = await bridge.application.store.workspaces.get_by_name("main")
    channel_id = bridge.guild.channels[channel]
    await bridge.application.store.workspaces.change(
        workspace.id, lambda workspace: update_workspace(workspace, log_channel_id=channel_id)
    )


def shown(bridge: RunningBridge, channel_id: int | None = None) -> list[dict[str, Any]]:
    """The embeds of the log channel, or of another channel, oldest first."""
    messages = bridge.sandbox.messages(channel_id or bridge.guild.channels["log"])
    return [embed for message in messages for embed in message["embeds"]]


def texts(bridge: RunningBridge, channel_id: int | None = None) -> list[str]:
    return [embed["description"] for embed in shown(bridge, channel_id)]


def edit_times(bridge: RunningBridge) -> list[float]:
    path = f"/channels/{bridge.guild.channels['log']}/messages/"
    return [
        request["time"]
        for request in bridge.sandbox.requests
        if request["method"] == "PATCH" and request["path"].startswith(path)
    ]


async def post_reports(bridge: RunningBridge, count: int) -> list[str]:
    """So many game reports, no two alike; their ids."""
    bodies = [dict(series.GAME_REPORT) | {"subject": f"Report {next(_numbers)}"} for _ in range(count)]
    responses = [await bridge.post("/tickets/create-game-report", body, source="series") for body in bodies]
    return [response["data"]["TicketId"] for response in responses]


def bot_role_id(bridge: RunningBridge, guild_id: int) -> int:
    guild = bridge.sandbox.state.world.guilds[guild_id]
    return next(role.id for role in guild.roles.values() if role.managed)


def forbid(bridge: RunningBridge, channel: str, guild: DemoGuild | None = None) -> None:
    """The bot may no longer post in the channel."""
    guild = guild or bridge.guild
    bridge.sandbox.set_overwrite(
        guild.channels[channel],
        bot_role_id(bridge, guild.id),
        allow=Permission.VIEW_CHANNEL,
        deny=Permission.SEND_MESSAGES,
    )


def allow(bridge: RunningBridge, channel: str) -> None:
    bridge.sandbox.set_overwrite(
        bridge.guild.channels[channel],
        bot_role_id(bridge, bridge.guild.id),
        allow=Permission.VIEW_CHANNEL,
    )


class Checks:
    """Lets a test wait until the outbox was checked again: a dead letter of another workspace is reported."""

    def __init__(self, bridge: RunningBridge, workspace_id: str, log_channel_id: int) -> None:
        self._bridge, self._workspace_id, self._log_channel_id = bridge, workspace_id, log_channel_id

    @classmethod
    async def of(cls, bridge: RunningBridge) -> "Checks":
        guild = demo_guild(bridge.sandbox, name=f"Checks {next(_numbers)}")
        forbid(bridge, "reports", guild)
        new = NewWorkspace(
            name=f"checks-{guild.id}",
            guild_id=guild.id,
            tickets_channel_id=guild.channels["tickets"],
            reports_channel_id=guild.channels["reports"],
            staff_role_id=guild.roles["Staff"],
            log_channel_id=guild.channels["log"],
        )
        workspace = await bridge.application.store.workspaces.add(new, NOW)
        return cls(bridge, workspace.id, guild.channels["log"])

    async def again(self, times: int = 2) -> None:
        """Return after a whole check that began after this call."""
        store = self._bridge.application.store
        for _ in range(times):
            ticket = await store.intake.add_ticket(self._workspace_id, new_ticket(view_only=True), ids(), NOW)
            for delivery in await store.outbox.pending_for_ticket(ticket.id):
                await store.outbox.dead_letter([delivery], REASON, datetime.now(UTC))
            await wait_for(partial(self._is_reported, f"`{ticket.public_id}`"))

    def _is_reported(self, name: str) -> bool:
        return any(name in text for text in texts(self._bridge, self._log_channel_id))


@pytest.fixture
async def checks(alerting: RunningBridge) -> Checks:
    return await Checks.of(alerting)


async def test_there_is_no_alert_without_a_problem(alerting: RunningBridge, checks: Checks) -> None:
    await alerting.game_report()
    await alerting.ticket()

    await checks.again()

    assert texts(alerting) == []


async def test_a_late_channel_has_one_alert_that_is_edited_until_it_is_over(
    alerting: RunningBridge, checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "LATE_SECONDS", 0.5)
    monkeypatch.setattr(backlog, "CAUGHT_UP_SECONDS", 0.2)
    await alerting.game_report()
    reports = alerting.guild.channels["reports"]
    public_ids = await post_reports(alerting, 5)

    (first,) = await wait_for(lambda: shown(alerting))
    await alerting.wait_until_posted(public_ids[-1])
    await wait_for(lambda: texts(alerting)[0].startswith("✅"))
    await checks.again()

    assert first["description"].startswith(f"⏳ <#{reports}> is behind: ")
    assert first["color"] == WARNING.value
    (last,) = shown(alerting)
    assert last["description"].startswith(f"✅ <#{reports}> is up to date again. It was behind for ")
    assert last["color"] == RESOLVED.value
    assert edit_times(alerting)
    assert all(later - earlier >= 0.3 for earlier, later in pairwise(edit_times(alerting)))
    assert await alerting.application.store.alerts.list_all() == []


@pytest.fixture
async def slow_to_retry(tmp_path: Path) -> AsyncIterator[RunningBridge]:
    """A bridge that goes on in a forbidden channel only because it notices the repair."""
    async with (
        running_sandbox(rate_limits=SLOW) as (sandbox, guild),
        watched(tmp_path / "tickets.db", sandbox, guild, breaker_settings=LONG_FORBIDDEN_BACKOFF) as bridge,
    ):
        yield bridge


async def test_a_forbidden_channel_has_an_alert_with_what_to_do_and_continues_once_that_is_done(
    slow_to_retry: RunningBridge,
) -> None:
    await slow_to_retry.ticket()
    forbid(slow_to_retry, "reports")
    (public_id,) = await post_reports(slow_to_retry, 1)

    (first,) = await wait_for(lambda: shown(slow_to_retry))
    allow(slow_to_retry, "reports")
    await slow_to_retry.wait_until_posted(public_id)
    await wait_for(lambda: texts(slow_to_retry)[0].startswith("✅"))

    reports = slow_to_retry.guild.channels["reports"]
    text = first["description"].replace("\\", "")
    assert text.startswith(f"⛔ I cannot post in <#{reports}>. Discord refuses (403 50013: Missing Perm")
    assert "\nAllow my role there: Send Messages. I continue by myself" in text
    assert first["color"] == ACTION_NEEDED.value
    assert [embed["color"] for embed in shown(slow_to_retry)] == [RESOLVED.value]


async def test_an_alert_from_before_a_restart_is_resolved_after_it(tmp_path: Path) -> None:
    async with running_sandbox() as (sandbox, guild):
        async with watched(tmp_path / "tickets.db", sandbox, guild) as bridge:
            await bridge.ticket()
            forbid(bridge, "reports")
            (public_id,) = await post_reports(bridge, 1)
            await wait_for(lambda: texts(bridge))
            keys = bridge.keys
            await wait_for(bridge.application.store.alerts.list_all)
        allow(bridge, "reports")
        async with watched(tmp_path / "tickets.db", sandbox, guild, keys) as bridge:
            await bridge.wait_until_posted(public_id)
            await wait_for(lambda: texts(bridge)[0].startswith("✅"))

            assert [embed["color"] for embed in shown(bridge)] == [RESOLVED.value]


def dead_letter_texts(bridge: RunningBridge) -> list[str]:
    return [text for text in texts(bridge) if text.startswith("🗃️")]


async def make_dead_letters(bridge: RunningBridge, count: int) -> list[int]:
    """Deliveries that Discord is said to have refused, by number."""
    forbid(bridge, "reports")
    numbers = []
    for public_id in await post_reports(bridge, count):
        ticket = await bridge.application.store.tickets.find_by_public_id(public_id)
        assert ticket is not None
        (post,) = await bridge.application.store.outbox.pending_for_ticket(ticket.id)
        await bridge.application.store.outbox.dead_letter([post], REASON, datetime.now(UTC))
        numbers.append(post.id)
    return numbers


async def test_each_dead_letter_is_reported_once_also_after_a_restart(tmp_path: Path) -> None:
    async with running_sandbox() as (sandbox, guild):
        async with watched(tmp_path / "tickets.db", sandbox, guild) as bridge:
            await bridge.ticket()
            (first,) = await make_dead_letters(bridge, 1)
            await wait_for(lambda: dead_letter_texts(bridge))
            await wait_for(lambda: all_reported(bridge))
            keys = bridge.keys
        async with watched(tmp_path / "tickets.db", sandbox, guild, keys) as bridge:
            checks = await Checks.of(bridge)
            await checks.again()
            assert len(dead_letter_texts(bridge)) == 1
            (second,) = await make_dead_letters(bridge, 1)
            await wait_for(lambda: len(dead_letter_texts(bridge)) == 2)
            await checks.again()

            before, after = dead_letter_texts(bridge)
    assert before.startswith("🗃️ 1 delivery could not be made. `/setup outbox` retries or drops it.\n")
    assert f"• Delivery {first} (post) of `TICKET-" in before
    assert REASON in before.replace("\\", "")
    assert f"Delivery {second} (post)" in after


async def all_reported(bridge: RunningBridge) -> bool:
    workspace = await bridge.application.store.workspaces.get_by_name("main")
    summary = await bridge.application.store.outbox_admin.unreported_dead_letters(workspace.id, 1)
    return summary.newest_at is None


async def test_many_dead_letters_are_one_message_with_the_first_and_how_many_more(tmp_path: Path) -> None:
    async with (
        running_sandbox() as (sandbox, guild),
        running_bridge(tmp_path / "tickets.db", sandbox, guild) as bridge,
    ):
        numbers = await make_dead_letters(bridge, 13)
        await set_log_channel(bridge, "log")
        (text,) = await wait_for(lambda: dead_letter_texts(bridge))
        await (await Checks.of(bridge)).again()

        assert dead_letter_texts(bridge) == [text]
    assert "13 deliveries could not be made. `/setup outbox` retries or drops them." in text
    assert [f"Delivery {number} " in text for number in numbers] == [True] * 10 + [False] * 3
    assert text.endswith("… and 3 more.")


async def test_a_dead_letter_that_was_retried_and_failed_again_is_reported_again(tmp_path: Path) -> None:
    async with (
        running_sandbox() as (sandbox, guild),
        watched(tmp_path / "tickets.db", sandbox, guild) as bridge,
    ):
        store = bridge.application.store
        (number,) = await make_dead_letters(bridge, 1)
        await wait_for(lambda: dead_letter_texts(bridge))
        await wait_for(lambda: all_reported(bridge))
        await store.outbox_admin.retry(number, datetime.now(UTC))
        (entry,) = await store.outbox_admin.list_undelivered(5)
        (post,) = await store.outbox.pending_for_ticket(entry.ticket_id)
        await store.outbox.dead_letter([post], "again", datetime.now(UTC))

        await wait_for(lambda: len(dead_letter_texts(bridge)) == 2)
        assert "again" in dead_letter_texts(bridge)[1]


async def test_a_workspace_gets_alerts_for_its_own_channels_alone(tmp_path: Path) -> None:
    async with running_sandbox() as (sandbox, guild):
        other = demo_guild(sandbox, name="Elsewhere")
        async with watched(tmp_path / "tickets.db", sandbox, guild) as bridge:
            theirs = NewWorkspace(
                name="theirs",
                guild_id=other.id,
                tickets_channel_id=other.channels["tickets"],
                reports_channel_id=other.channels["reports"],
                staff_role_id=other.roles["Staff"],
                log_channel_id=other.channels["log"],
            )
            await bridge.application.store.workspaces.add(theirs, NOW)
            await make_dead_letters(bridge, 1)
            await post_reports(bridge, 1)
            await wait_for(lambda: len(texts(bridge)) == 2)
            await (await Checks.of(bridge)).again()

            assert texts(bridge, other.channels["log"]) == []


async def test_a_log_channel_that_refuses_an_alert_is_logged_once_and_not_tried_again_soon(
    alerting: RunningBridge, checks: Checks, caplog: pytest.LogCaptureFixture
) -> None:
    await alerting.ticket()
    log_channel_id = alerting.guild.channels["log"]
    forbid(alerting, "log")
    forbid(alerting, "reports")
    await post_reports(alerting, 1)

    await wait_for(lambda: "No alert can be sent to the log channel" in caplog.text)
    await checks.again()

    lines = [one for one in caplog.records if one.message.startswith("No alert can be sent")]
    assert [vars(line)["channel_id"] for line in lines] == [log_channel_id]
    requests = [r for r in alerting.sandbox.requests if r["path"] == f"/channels/{log_channel_id}/messages"]
    assert [request["status"] for request in requests] == [403]


async def test_an_outage_of_all_of_discord_is_logged_when_it_begins_and_when_it_ends(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "cogs.alerts.cog")
    async with (
        running_sandbox() as (sandbox, guild),
        watched(tmp_path / "tickets.db", sandbox, guild) as bridge,
    ):
        await bridge.ticket()
        sandbox.fail("503", path="/channels/", times=None)
        public_ids = await post_reports(bridge, 2)
        await wait_for(lambda: "Discord takes nothing: Discord answered 503. 2 deliveries" in caplog.text)
        failed = failures(sandbox)
        await wait_for(lambda: failures(sandbox) >= failed + 2)  # it lasts
        sandbox.clear_faults()
        for public_id in public_ids:
            await bridge.wait_until_posted(public_id)
        await wait_for(lambda: "Discord takes deliveries again, after " in caplog.text)

        lines = [r.message for r in caplog.records if r.name == "cogs.alerts.cog" and "takes" in r.message]
        assert len(lines) == 2
        assert texts(bridge) == []


def failures(sandbox: Sandbox) -> int:
    return sum(request["status"] == 503 for request in sandbox.requests)


def channel_backlog(seconds: float, *, waiting: int = 1, channel_id: int = 5) -> ChannelBacklog:
    oldest = NOW - timedelta(seconds=seconds)
    return ChannelBacklog(
        workspace_id="w", channel_id=channel_id, waiting=waiting, oldest=oldest, reason=None
    )


def test_a_channel_is_late_once_a_delivery_waits_too_long_and_until_it_has_caught_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backlog, "LATE_SECONDS", 60.0)
    monkeypatch.setattr(backlog, "CAUGHT_UP_SECONDS", 15.0)

    assert find_problems([channel_backlog(59)], {}, set(), NOW) == {}
    assert find_problems([channel_backlog(61)], {}, set(), NOW).keys() == {("w", 5)}
    assert find_problems([channel_backlog(16)], {}, {("w", 5)}, NOW).keys() == {("w", 5)}
    assert find_problems([channel_backlog(14)], {}, {("w", 5)}, NOW) == {}
    forbidden = {5: circuit("posts:5", "403")}
    assert find_problems([channel_backlog(0)], forbidden, set(), NOW)["w", 5].refusal == forbidden[5]
    assert find_problems([], forbidden, set(), NOW) == {}


def circuit(queue: str, reason: str, *, forbidden: bool = True) -> OpenCircuit:
    """An open circuit of channel 5."""
    return OpenCircuit(
        queue=queue,
        channel_id=5,
        reason=reason,
        retry_at=9.0,
        opened_at=1.0,
        last_attempt_at=1.0,
        forbidden=forbidden,
    )


def test_of_several_refusals_in_a_channel_that_of_posts_is_named_first() -> None:
    late = circuit("posts:5", "503", forbidden=False)
    threads, edits, messages = (circuit(f"{one}:5", one) for one in ("threads", "edits", "messages"))

    assert find_refusals([edits, threads, late, messages]) == {5: threads}
    assert find_refusals([circuit("posts:5", "403"), edits]) == {5: circuit("posts:5", "403")}
    assert find_refusals([late]) == {}


@pytest.mark.parametrize(
    ("queue", "sentence"),
    [
        ("posts:5", "I cannot post in <#5>."),
        ("threads:5", "I cannot start threads in <#5>."),
        ("messages:77", "I cannot write in a thread of <#5>."),
        ("edits:5", "I cannot change my posts in <#5>."),
        ("message_edits:5", "I cannot change my messages in a thread of <#5>."),
    ],
)
def test_an_alert_says_what_is_refused(queue: str, sentence: str) -> None:
    problem = ChannelProblem(channel_id=5, waiting=1, oldest=NOW, reason=None, refusal=circuit(queue, "No."))

    assert sentence in str(problem_embed(problem, "Allow it.").description)


def test_the_text_and_colour_of_an_alert_about_a_channel() -> None:
    late = ChannelProblem(channel_id=5, waiting=240, oldest=NOW, reason=None, refusal=None)
    forbidden = replace(late, refusal=circuit("posts:5", "Discord refuses."))

    when = f"<t:{NOW.timestamp():.0f}:R>"
    assert problem_embed(late, "").description == (
        f"⏳ <#5> is behind: 240 deliveries wait; the first came {when}. "
        "It posts as fast as Discord allows; urgent ones go first."
    )
    one = problem_embed(replace(late, waiting=1), "").description or ""
    assert one.startswith(f"⏳ <#5> is behind: 1 delivery waits; it came {when}.")
    resolved = resolved_embed(5, 360)
    assert resolved.description == "✅ <#5> is up to date again. It was behind for 6 minutes."
    direct = problem_embed(replace(late, channel_id=DIRECT_MESSAGES), "").description or ""
    assert direct.startswith("⏳ The queue of direct messages is behind: 240 deliveries wait;")
    embeds = [problem_embed(late, ""), problem_embed(forbidden, "Allow it."), resolved]
    assert [embed.colour for embed in embeds] == [WARNING, ACTION_NEEDED, RESOLVED]


def test_nothing_that_discord_quotes_is_alive_in_an_alert() -> None:
    hostile = "@everyone <@1> [free](https://evil.example/x) **bold** `code`"
    forbidden = ChannelProblem(
        channel_id=5, waiting=1, oldest=NOW, reason=None, refusal=circuit("posts:5", hostile)
    )
    entry = OutboxEntry(
        id=12,
        ticket_id=1,
        guild_id=1,
        kind=DeliveryKind.PRIVATE_THREAD,
        queue="posts:5",
        channel_id=5,
        nonce="n",
        message_id=None,
        attempts=1,
        created_at=NOW,
        ticket="TICKET-1",
        state=DeliveryState.DEAD_LETTER,
        due_at=NOW,
        last_error=hostile,
    )
    letters = DeadLetterSummary(sample=(entry,), count=1, newest_at=NOW)

    for embed in (problem_embed(forbidden, "Allow it."), dead_letters_embed(letters)):
        text = (embed.description or "").replace("<#5>", "").replace("`TICKET-1`", "")
        text = text.replace(f"<t:{NOW.timestamp():.0f}:R>", "").replace("`/setup outbox`", "")
        assert not ALIVE.search(text)
        assert embed.colour == ACTION_NEEDED
    assert "Delivery 12 (private thread) of `TICKET-1`" in (dead_letters_embed(letters).description or "")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 second"),
        (59, "59 seconds"),
        (61, "1 minute 1 second"),
        (7500, "2 hours 5 minutes"),
        (3600, "1 hour"),
        (90_061, "1 day 1 hour"),
    ],
)
def test_durations_are_written_in_words(seconds: float, words: str) -> None:
    assert format_duration(seconds) == words
