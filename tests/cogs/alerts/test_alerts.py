"""The watch: one message for each trouble in a workspace's log channel, reworded, ended and not repeated."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count as counting
from pathlib import Path
from typing import Any

import pytest

from bot.outbox.circuit_breaker import BreakerSettings
from bot.sandbox import DemoGuild, Permission, Sandbox, demo_guild
from bot.sandbox.rest.rate_limits import RateLimit
from bot.sources.series import examples as series
from bot.tickets.outbox import ChannelBacklog, Destination
from bot.tickets.workspace import NewWorkspace
from bot.tickets.workspace_changes import update_workspace
from cogs.alerts import backlog as _troubles
from cogs.alerts.backlog import ChannelProblem, find_problems, format_duration, problem_text, resolved_text
from tests.storage.samples import NOW
from tests.support.bridge_harness import (
    FAST_BACKOFF,
    LONG_FORBIDDEN_BACKOFF,
    RunningBridge,
    running_sandbox,
    wait_for,
)
from tests.support.bridge_harness import running_bridge as run_town

_numbers = counting(1)
REASON = "Discord refused it (400 50035 in embeds.0.title)"
_SEES_ONLY = {"allow": Permission.VIEW_CHANNEL, "deny": Permission.SEND_MESSAGES}
SLOW = {"POST /channels/{id}/messages": RateLimit(requests=1, per=0.7)}
HASTY = {"POLL_SECONDS": 0.05, "EDIT_INTERVAL_SECONDS": 0.3}


@pytest.fixture(autouse=True)
def fast_alerts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in HASTY.items():
        monkeypatch.setattr(_troubles, name, seconds)


@asynccontextmanager
async def watched(
    database: Path,
    sandbox: Sandbox,
    guild: DemoGuild,
    keys: dict[str, str] | None = None,
    breaker_settings: BreakerSettings = FAST_BACKOFF,
) -> AsyncIterator[RunningBridge]:
    """A town whose workspace has a log channel."""
    async with run_town(database, sandbox, guild, keys=keys, breaker_settings=breaker_settings) as town:
        await logging_in(town, "log")
        yield town


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[RunningBridge]:
    async with (
        running_sandbox(rate_limits=SLOW) as (sandbox, guild),
        watched(tmp_path / "tickets.db", sandbox, guild) as town,
    ):
        yield town


async def logging_in(town: RunningBridge, channel: str) -> None:
    workspace, channel_id = (
        await town.application.store.workspace_by_name("main"),
        town.guild.channels[channel],
    )
    await town.application.store.change_workspace(
        workspace.id, lambda kept: update_workspace(kept, log_channel_id=channel_id)
    )


def told(town: RunningBridge, channel_id: int | None = None) -> list[str]:
    """What the town's log channel says, or another, oldest message first."""
    place = channel_id or town.guild.channels["log"]
    return [message["embeds"][0]["description"] for message in town.sandbox.messages(place)]


def edits(town: RunningBridge) -> int:
    path = f"/channels/{town.guild.channels['log']}/messages/"
    return sum(r["method"] == "PATCH" and r["path"].startswith(path) for r in town.sandbox.requests)


async def file(town: RunningBridge, count: int) -> list[str]:
    """So many game reports, no two alike; their ids."""
    bodies = [dict(series.GAME_REPORT) | {"subject": f"Report {next(_numbers)}"} for _ in range(count)]
    told = [await town.post("/tickets/create-game-report", body, source="series") for body in bodies]
    return [answer["data"]["TicketId"] for answer in told]


def _bot_of(town: RunningBridge) -> int:
    """Its role in the town's guild."""
    guild = town.sandbox.state.world.guilds[town.guild.id]
    return next(role.id for role in guild.roles.values() if role.managed)


def barred(town: RunningBridge) -> None:
    """The bot may no longer post in #reports."""
    town.sandbox.set_overwrite(
        town.guild.channels["reports"],
        _bot_of(town),
        allow=Permission.VIEW_CHANNEL,
        deny=Permission.SEND_MESSAGES,
    )


def let_in(town: RunningBridge) -> None:
    town.sandbox.set_overwrite(town.guild.channels["reports"], _bot_of(town), allow=Permission.VIEW_CHANNEL)


async def test_nothing_is_said_while_nothing_is_wrong(place: RunningBridge) -> None:
    await place.game_report()
    await place.ticket()
    await asyncio.sleep(0.3)

    assert told(place) == []


async def test_a_channel_that_is_late_is_told_of_in_one_message_that_ends_with_it(
    place: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_troubles, "LATE_SECONDS", 0.5)
    monkeypatch.setattr(_troubles, "CAUGHT_UP_SECONDS", 0.2)
    await place.game_report()
    reports = place.guild.channels["reports"]
    filed = await file(place, 5)

    (first,) = await wait_for(lambda: told(place))
    await place.wait_until_posted(filed[-1])
    await wait_for(lambda: told(place)[0].startswith("✅"))

    assert first.startswith(f"⏳ <#{reports}> is behind: ")
    assert "deliveries wait; the first came <t:" in first
    assert told(place)[0].startswith(f"✅ <#{reports}> is up to date again. It was behind for ")
    assert 1 <= edits(place) <= 12  # 4 s at most, 0.3 s apart
    await asyncio.sleep(0.5)
    assert len(told(place)) == 1
    assert await place.application.store.alert_messages() == []


@pytest.fixture
async def slow_to_retry(tmp_path: Path) -> AsyncIterator[RunningBridge]:
    """A bridge that goes on in a forbidden channel only because it notices the repair."""
    async with (
        running_sandbox(rate_limits=SLOW) as (sandbox, guild),
        watched(tmp_path / "tickets.db", sandbox, guild, breaker_settings=LONG_FORBIDDEN_BACKOFF) as bridge,
    ):
        yield bridge


async def test_a_channel_that_refuses_is_told_of_with_its_cure_and_goes_on_once_repaired(
    slow_to_retry: RunningBridge,
) -> None:
    place = slow_to_retry
    await place.ticket()
    barred(place)
    (public_id,) = await file(place, 1)

    (said,) = await wait_for(lambda: told(place))
    let_in(place)
    await place.wait_until_posted(public_id)
    await wait_for(lambda: told(place)[0].startswith("✅"))

    reports = place.guild.channels["reports"]
    plain = said.replace("\\", "")
    assert plain.startswith(f"⛔ I cannot post in <#{reports}>. Discord refuses (403 50013: Missing Perm")
    assert "\nAllow my role there: Send Messages. I go on by myself" in said
    assert len(told(place)) == 1


async def test_what_was_said_before_a_restart_is_ended_after_it(tmp_path: Path) -> None:
    async with running_sandbox() as (sandbox, guild):
        async with watched(tmp_path / "tickets.db", sandbox, guild) as town:
            await town.ticket()
            barred(town)
            (public_id,) = await file(town, 1)
            await wait_for(lambda: told(town))
            keys = town.keys
            await wait_for(lambda: _kept(town))
        let_in(town)
        async with watched(tmp_path / "tickets.db", sandbox, guild, keys) as town:
            await town.wait_until_posted(public_id)
            await wait_for(lambda: told(town)[0].startswith("✅"))

            assert len(told(town)) == 1


async def _kept(town: RunningBridge) -> Any:
    return await town.application.store.alert_messages()


def aside(town: RunningBridge) -> list[str]:
    return [text for text in told(town) if text.startswith("🗃️")]


async def set_aside(town: RunningBridge, count: int) -> list[int]:
    """Deliveries that Discord is said to have refused, by number."""
    barred(town)
    numbers = []
    for public_id in await file(town, count):
        ticket = await town.application.store.ticket_by_public_id(public_id)
        assert ticket is not None
        (post,) = await town.application.store.pending_for_ticket(ticket.id, Destination.DISCORD)
        await town.application.store.dead_letter(post, REASON, datetime.now(UTC))
        numbers.append(post.id)
    return numbers


async def test_each_delivery_that_is_set_aside_is_told_of_once_also_over_a_restart(tmp_path: Path) -> None:
    async with running_sandbox() as (sandbox, guild):
        async with watched(tmp_path / "tickets.db", sandbox, guild) as town:
            await town.ticket()
            (first,) = await set_aside(town, 1)
            await wait_for(lambda: aside(town))
            keys = town.keys
        async with watched(tmp_path / "tickets.db", sandbox, guild, keys) as town:
            await asyncio.sleep(0.5)
            assert len(aside(town)) == 1
            (second,) = await set_aside(town, 1)
            await wait_for(lambda: len(aside(town)) == 2)
            await asyncio.sleep(0.5)

            before, after = aside(town)
    assert f"Set aside: delivery {first} (post) of `TICKET-" in before
    assert REASON in before.replace("\\", "")
    assert "`/setup outbox` retries or drops it." in before
    assert f"delivery {second} (post)" in after


async def test_many_that_were_set_aside_are_one_message_with_the_first_and_how_many_more(
    tmp_path: Path,
) -> None:
    async with (
        running_sandbox() as (sandbox, guild),
        run_town(tmp_path / "tickets.db", sandbox, guild) as town,
    ):
        numbers = await set_aside(town, 13)
        await logging_in(town, "log")
        (said,) = await wait_for(lambda: aside(town))
        await asyncio.sleep(0.5)

        assert aside(town) == [said]
    assert "Set aside: 13 deliveries." in said
    assert [f"Delivery {number} " in said for number in numbers] == [True] * 10 + [False] * 3
    assert said.endswith("… and 3 more.")


async def test_what_was_retried_and_set_aside_again_is_told_of_again(tmp_path: Path) -> None:
    async with (
        running_sandbox() as (sandbox, guild),
        watched(tmp_path / "tickets.db", sandbox, guild) as town,
    ):
        (number,) = await set_aside(town, 1)
        await wait_for(lambda: aside(town))
        await town.application.store.retry(number, datetime.now(UTC))
        ((post,),) = [
            await town.application.store.pending_for_ticket(one.ticket_id, Destination.DISCORD)
            for one in await town.application.store.list_undelivered(5)
        ]
        await town.application.store.dead_letter(post, "again", datetime.now(UTC))

        await wait_for(lambda: len(aside(town)) == 2)
        assert "again" in aside(town)[1]


async def test_a_workspace_hears_of_its_own_channels_alone(tmp_path: Path) -> None:
    async with running_sandbox() as (sandbox, guild):
        other = demo_guild(sandbox, name="Elsewhere")
        async with watched(tmp_path / "tickets.db", sandbox, guild) as town:
            theirs = NewWorkspace(
                name="theirs",
                guild_id=other.id,
                tickets_channel_id=other.channels["tickets"],
                reports_channel_id=other.channels["reports"],
                staff_role_id=other.roles["Staff"],
                log_channel_id=other.channels["log"],
            )
            await town.application.store.add_workspace(theirs, NOW)
            await set_aside(town, 1)
            await file(town, 1)
            await wait_for(lambda: len(told(town)) == 2)
            await asyncio.sleep(0.3)

            assert told(town, other.channels["log"]) == []


async def test_a_log_channel_that_takes_nothing_is_noted_once_and_left_alone(
    place: RunningBridge, caplog: pytest.LogCaptureFixture
) -> None:
    await place.ticket()
    log_channel = place.guild.channels["log"]
    place.sandbox.set_overwrite(
        "log", _bot_of(place), allow=Permission.VIEW_CHANNEL, deny=Permission.SEND_MESSAGES
    )
    barred(place)
    await file(place, 1)

    await wait_for(lambda: "takes nothing" in caplog.text)
    await asyncio.sleep(0.5)
    assert caplog.text.count(f"The log channel {log_channel} takes nothing") == 1
    tried = [r for r in place.sandbox.requests if r["path"] == f"/channels/{log_channel}/messages"]
    assert [r["status"] for r in tried] == [403]


async def test_that_all_of_discord_is_away_is_in_the_log_at_the_change_and_at_its_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "cogs.alerts.cog")
    async with (
        running_sandbox() as (sandbox, guild),
        watched(tmp_path / "tickets.db", sandbox, guild) as town,
    ):
        await town.ticket()
        sandbox.fail("503", path="/channels/", times=None)
        filed = await file(town, 2)
        await wait_for(lambda: "Discord takes nothing: Discord answered 503." in caplog.text)
        await asyncio.sleep(0.5)
        sandbox.clear_faults()
        for public_id in filed:
            await town.wait_until_posted(public_id)
        await wait_for(lambda: "Discord takes deliveries again, after " in caplog.text)

        lines = [r.message for r in caplog.records if r.name == "cogs.alerts.cog" and "takes" in r.message]
        assert len(lines) == 2
        assert told(town) == []


def backlog(seconds: float, *, waiting: int = 1, channel_id: int = 5) -> ChannelBacklog:
    oldest = NOW - timedelta(seconds=seconds)
    return ChannelBacklog(workspace_id="w", channel_id=channel_id, waiting=waiting, oldest=oldest)


def test_a_channel_is_late_once_something_waits_too_long_and_until_it_has_caught_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_troubles, "LATE_SECONDS", 60.0)
    monkeypatch.setattr(_troubles, "CAUGHT_UP_SECONDS", 15.0)

    assert find_problems([backlog(59)], {}, set(), NOW) == {}
    assert find_problems([backlog(61)], {}, set(), NOW).keys() == {("w", 5)}
    assert find_problems([backlog(16)], {}, {("w", 5)}, NOW).keys() == {("w", 5)}
    assert find_problems([backlog(14)], {}, {("w", 5)}, NOW) == {}
    assert find_problems([backlog(0)], {5: "403"}, set(), NOW)["w", 5].forbidden_reason == "403"
    assert find_problems([], {5: "403"}, set(), NOW) == {}


def test_what_is_said_of_a_channel() -> None:
    late = ChannelProblem(channel_id=5, waiting=240, oldest=NOW, forbidden_reason=None)

    when = f"<t:{NOW.timestamp():.0f}:R>"
    assert problem_text(late, "") == (
        f"⏳ <#5> is behind: 240 deliveries wait; the first came {when}. "
        "It posts as fast as Discord allows; urgent ones go first."
    )
    assert problem_text(replace(late, waiting=1), "").startswith(
        f"⏳ <#5> is behind: 1 delivery waits; it came {when}."
    )
    assert resolved_text(5, 360) == "✅ <#5> is up to date again. It was behind for 6 minutes."


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
def test_durations_are_said_in_plain_words(seconds: float, words: str) -> None:
    assert format_duration(seconds) == words
