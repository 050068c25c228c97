"""Outages of Discord of every kind: nothing is lost, doubled or reordered, and requests back off.

The real discord.py against the sandbox, over real HTTP, with short waits. No test here asserts how fast
something is: only what came before what, and that no request came too early.
"""

import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest

from bot.outbox.circuit_breaker import BreakerSettings
from bot.sandbox import Permission
from bot.sources.modl import examples as modl
from bot.sources.series import examples as series
from tests.support.bridge_harness import (
    FAST_BACKOFF,
    LONG_FORBIDDEN_BACKOFF,
    RunningBridge,
    running_bridge,
    running_sandbox,
    wait_for,
)

MESSAGES = r"/channels/\d+/messages$"
REST = r"^/channels/"

_numbers = count(1)


@asynccontextmanager
async def connected(
    database: Path, *, breaker_settings: BreakerSettings = FAST_BACKOFF, **settings: Any
) -> AsyncIterator[RunningBridge]:
    """A bridge that is logged in and has posted: its login is not what is tested."""
    async with (
        running_sandbox(**({"rate_limits": False} | settings)) as (sandbox, guild),
        running_bridge(database, sandbox, guild, breaker_settings=breaker_settings) as bridge,
    ):
        await bridge.game_report()
        await bridge.ticket()
        yield bridge


@pytest.fixture
async def bridge(tmp_path: Path) -> AsyncIterator[RunningBridge]:
    async with connected(tmp_path / "tickets.db") as bridge:
        yield bridge


@pytest.fixture
async def slow_to_retry(tmp_path: Path) -> AsyncIterator[RunningBridge]:
    """A bridge that goes on in a forbidden channel only because it notices the repair."""
    async with connected(tmp_path / "tickets.db", breaker_settings=LONG_FORBIDDEN_BACKOFF) as bridge:
        yield bridge


async def report(bridge: RunningBridge, **changes: object) -> str:
    """Create one more game report; its id."""
    body = dict(series.GAME_REPORT) | {"subject": f"Report {next(_numbers)}"} | changes
    response = await bridge.post("/tickets/create-game-report", body, source="series")
    return str(response["data"]["TicketId"])


async def ticket(bridge: RunningBridge, **changes: object) -> str:
    """Create one more ticket, which gets a thread; its id."""
    body = dict(modl.TICKET) | {"subject": f"Ticket {next(_numbers)}"} | changes
    return str((await bridge.post("/v1/minecraft/tickets", body, source="modl"))["ticketId"])


def posts(bridge: RunningBridge, channel: str) -> list[str]:
    """The ids of the tickets in a channel, in the order of their posts."""
    embeds = [embed for message in bridge.sandbox.messages(channel) for embed in message["embeds"]]
    return [embed["footer"]["text"].partition(" ")[0] for embed in embeds]


async def assert_posted_once_in_order(bridge: RunningBridge, channel: str, public_ids: list[str]) -> None:
    for public_id in public_ids:
        await bridge.wait_until_posted(public_id)
    assert [one for one in posts(bridge, channel) if one in public_ids] == public_ids


def requests(
    bridge: RunningBridge, *, since: float = 0.0, method: str = "", path: str = "/channels/"
) -> list[dict[str, Any]]:
    return [
        one
        for one in bridge.sandbox.requests
        if one["time"] >= since and one["method"].startswith(method) and one["path"].startswith(path)
    ]


def _more_requests(bridge: RunningBridge, since: float, count: int) -> bool:
    return len(requests(bridge, since=since)) > count


def rejected(bridge: RunningBridge, status: int) -> int:
    return sum(one["status"] == status for one in bridge.sandbox.requests)


def waits_between(times: Iterable[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


async def test_in_a_storm_of_429s_everything_is_posted_once_and_no_request_comes_before_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogs.posts.errors.RETRY_DELAY_SECONDS", 0.3)
    async with connected(tmp_path / "tickets.db", seed=4) as bridge:
        started = time.monotonic()
        # As often as discord.py retries by itself; the retries after that are the outbox's.
        bridge.sandbox.fail("429-user", method="POST", path=MESSAGES, times=5, retry_after=0.3)
        for scope, chance in (("user", 0.3), ("shared", 0.3), ("global", 0.1)):
            bridge.sandbox.fail(
                f"429-{scope}", method="POST", path=MESSAGES, times=None, chance=chance, retry_after=0.3
            )
        reports = [await report(bridge) for _ in range(8)]
        tickets = [await ticket(bridge) for _ in range(4)]
        await assert_posted_once_in_order(bridge, "reports", reports)
        await assert_posted_once_in_order(bridge, "tickets", tickets)

        assert rejected(bridge, 429) >= 6
        for channel in ("reports", "tickets"):
            path = f"/channels/{bridge.guild.channels[channel]}/messages"
            sent = requests(bridge, since=started, method="POST", path=path)
            sent = [one for one in sent if one["path"] == path]
            for earlier, later in pairwise(sent):
                assert earlier["status"] != 429 or later["time"] - earlier["time"] >= 0.25


async def test_a_global_rate_limit_holds_for_all_channels(bridge: RunningBridge) -> None:
    """discord.py waits the body's 0.2 s with its own request, the outbox the header's whole second."""
    bridge.sandbox.fail("429-global", method="POST", path=MESSAGES, retry_after=0.2)
    first = await report(bridge)
    await wait_for(lambda: rejected(bridge, 429))
    limited = next(one["time"] for one in bridge.sandbox.requests if one["status"] == 429)
    second = await ticket(bridge)
    await bridge.wait_until_posted(first)
    await bridge.wait_until_posted(second)

    reports, tickets = (
        [one["time"] for one in requests(bridge, since=limited, path=f"/channels/{channel}/messages")]
        for channel in (bridge.guild.channels["reports"], bridge.guild.channels["tickets"])
    )
    assert min(reports[1:]) - limited >= 0.15
    assert min(tickets) - limited >= 0.95


async def test_many_rejections_pause_everything_before_discord_bans_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.discord_client.invalid_requests.SOFT_LIMIT", 3)
    monkeypatch.setattr("bot.discord_client.invalid_requests.WINDOW", 2.5)
    breaker_settings = replace(FAST_BACKOFF, forbidden_backoff=0.2)
    async with connected(tmp_path / "tickets.db", breaker_settings=breaker_settings) as bridge:
        channel_path = f"/channels/{bridge.guild.channels['reports']}/"
        bridge.sandbox.fail("forbidden", path=channel_path, times=3)
        reports = [await report(bridge)]
        await wait_for(lambda: rejected(bridge, 403) == 3)
        rejections = [one["time"] for one in bridge.sandbox.requests if one["status"] == 403]
        await bridge.wait_until_posted(await ticket(bridge))
        await assert_posted_once_in_order(bridge, "reports", reports)

        after = [one["time"] for one in requests(bridge, since=max(rejections))][1:]
        assert min(after) - min(rejections) >= 2.45


async def test_after_a_cloudflare_ban_the_next_request_waits_until_it_may_be_over(
    bridge: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogs.posts.errors.CLOUDFLARE_BAN_BACKOFF", 1.5)
    bridge.sandbox.fail("429-no-via", path=REST, times=2)
    reports = [await report(bridge) for _ in range(3)]
    await assert_posted_once_in_order(bridge, "reports", reports)

    banned = [one["time"] for one in bridge.sandbox.requests if one["status"] == 429]
    sent = [one["time"] for one in requests(bridge, since=banned[0])]
    assert len(banned) == 2
    assert min(waits_between(sent[:3])) >= 1.4


async def test_after_a_cloudflare_ban_the_next_login_waits_as_long(
    bridge: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.discord_client.client.CLOUDFLARE_BAN_BACKOFF", 3.5)
    bridge.sandbox.fail("429-no-via", path="/users/@me$")
    before = time.monotonic()
    await bridge.sandbox.disconnect(code=4004)
    await bridge.wait_until_posted(await report(bridge))

    logins = [one["time"] for one in requests(bridge, since=before, path="/users/@me")]
    assert len(logins) == 2
    assert waits_between(logins)[0] >= 3.4


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_outage_of_every_kind_loses_doubles_and_reorders_nothing_and_requests_back_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.setattr("bot.discord_client.client.REQUEST_SECONDS", 0.3)
    async with connected(tmp_path / "tickets.db", seed=2) as bridge:
        began = time.monotonic()
        bridge.sandbox.fail("hang", path=REST, times=None, chance=0.3, when=when)
        # aiohttp itself repeats a GET whose connection was reset.
        bridge.sandbox.fail("reset", path=REST, method="POST", times=None, chance=0.3, when=when)
        bridge.sandbox.fail("503", path=REST, times=None, when=when)
        reports, tickets = [], []
        during: list[float] = []
        while len(during) < 8:
            reports.append(await report(bridge))
            tickets.append(await ticket(bridge))
            await wait_for(partial(_more_requests, bridge, began, len(during)))
            during = [one["time"] for one in requests(bridge, since=began)]
        bridge.sandbox.clear_faults()

        await assert_posted_once_in_order(bridge, "reports", reports)
        await assert_posted_once_in_order(bridge, "tickets", tickets)
        # Each of the two channels is tried twice at most, then one at a time, 0.4, 0.8 and 1 s apart.
        assert min(waits_between(during[3:])) >= 0.35


async def test_a_server_error_that_discord_py_would_retry_posts_once(bridge: RunningBridge) -> None:
    bridge.sandbox.fail("502", method="POST", path=MESSAGES, when="after", times=2)
    reports = [await report(bridge) for _ in range(2)]

    await assert_posted_once_in_order(bridge, "reports", reports)


async def test_a_request_that_hangs_delays_no_other_channel(bridge: RunningBridge) -> None:
    bridge.sandbox.fail("hang", path=f"/channels/{bridge.guild.channels['reports']}/messages")
    hanging = await report(bridge)
    await wait_for(lambda: not bridge.sandbox.snapshot()["faults"])

    await bridge.wait_until_posted(await ticket(bridge))

    assert hanging not in posts(bridge, "reports")


async def test_a_request_that_hangs_is_abandoned_and_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.discord_client.client.REQUEST_SECONDS", 0.3)
    async with connected(tmp_path / "tickets.db") as bridge:
        bridge.sandbox.fail("hang", path=f"/channels/{bridge.guild.channels['reports']}/messages")

        reports = [await report(bridge) for _ in range(2)]

        await assert_posted_once_in_order(bridge, "reports", reports)


async def test_a_revoked_token_is_shown_to_discord_a_few_times_and_deliveries_resume_with_a_new_login(
    bridge: RunningBridge,
) -> None:
    bridge.sandbox.fail("unauthorized", times=None)
    reports = [await report(bridge) for _ in range(3)]
    await wait_for(lambda: rejected(bridge, 401))
    await wait_for(lambda: unready_reasons(bridge))
    reports.append(await report(bridge))
    await ticket(bridge)
    (reason,) = await unready_reasons(bridge)
    assert "Discord does not accept the token" in reason

    bridge.sandbox.clear_faults()
    await bridge.sandbox.disconnect(code=4004)
    await assert_posted_once_in_order(bridge, "reports", reports)
    assert rejected(bridge, 401) <= 2  # one for each channel with a request in flight at that time


async def unready_reasons(bridge: RunningBridge) -> list[str]:
    async with bridge.session.get(bridge.application.webhook_address + "/readyz") as response:
        reasons: list[str] = (await response.json())["reasons"]
        return reasons


Change = Callable[[RunningBridge], None]


def own_role(bridge: RunningBridge) -> int:
    guild = bridge.sandbox.state.world.guilds[bridge.guild.id]
    return next(role.id for role in guild.roles.values() if role.managed)


def forbid_sending(bridge: RunningBridge) -> None:
    allow, deny = Permission.VIEW_CHANNEL, Permission.SEND_MESSAGES
    bridge.sandbox.set_overwrite("reports", own_role(bridge), allow=allow, deny=deny)


def allow_sending(bridge: RunningBridge) -> None:
    bridge.sandbox.set_overwrite("reports", own_role(bridge), allow=Permission.VIEW_CHANNEL)


def hide_channel(bridge: RunningBridge) -> None:
    bridge.sandbox.delete_overwrite("reports", own_role(bridge))


def give_staff_role(bridge: RunningBridge) -> None:
    """Members of Staff see the channel as well."""
    bridge.sandbox.give_role("ticketbridge", "Staff")


@pytest.mark.parametrize(
    ("forbid", "repair"),
    [(forbid_sending, allow_sending), (hide_channel, allow_sending), (hide_channel, give_staff_role)],
)
async def test_a_forbidden_channel_affects_no_other_and_makes_the_bridge_unready_until_repaired(
    slow_to_retry: RunningBridge, forbid: Change, repair: Change
) -> None:
    bridge = slow_to_retry
    assert await unready_reasons(bridge) == []
    forbid(bridge)
    reports = [await report(bridge) for _ in range(3)]
    await wait_for(lambda: unready_reasons(bridge))

    await bridge.wait_until_posted(await ticket(bridge))
    (reason,) = await unready_reasons(bridge)
    assert f"channel {bridge.guild.channels['reports']} refuses deliveries: " in reason
    assert "(403 " in reason
    assert "`/setup show` names the permissions" in reason
    await wait_for(lambda: last_error(bridge))
    assert "(403 " in await last_error(bridge)

    repair(bridge)
    await assert_posted_once_in_order(bridge, "reports", reports)
    assert rejected(bridge, 403) == 1
    assert await unready_reasons(bridge) == []
    assert await last_error(bridge) == ""


async def last_error(bridge: RunningBridge) -> str:
    """What `outbox list` shows for the first delivery, or nothing."""
    entries = await bridge.application.store.outbox_admin.list_undelivered(1)
    return (entries[0].last_error or "") if entries else ""


async def test_a_bot_kicked_and_invited_again_resumes(slow_to_retry: RunningBridge) -> None:
    bridge = slow_to_retry
    role = own_role(bridge)
    bridge.sandbox.remove_member("ticketbridge")
    reports = [await report(bridge) for _ in range(2)]
    await wait_for(lambda: rejected(bridge, 403))

    bridge.sandbox.add_member("ticketbridge", [role])
    await assert_posted_once_in_order(bridge, "reports", reports)
    assert rejected(bridge, 403) == 1


async def test_editing_roles_retries_no_channel_that_is_forbidden_for_another_reason(tmp_path: Path) -> None:
    breaker_settings = replace(LONG_FORBIDDEN_BACKOFF, min_retry_gap=0.0)
    async with connected(tmp_path / "tickets.db", breaker_settings=breaker_settings) as bridge:
        claimable = await bridge.ticket(subject="Claim this one")
        path = f"/channels/{bridge.guild.channels['reports']}/messages"
        bridge.sandbox.fail("forbidden", path=path, times=None)
        await report(bridge)
        await wait_for(lambda: rejected(bridge, 403))
        bridge.sandbox.create_role("Colours")
        for number in range(10):
            bridge.sandbox.change_role("Colours", Permission.ADD_REACTIONS * (number % 2))

        # The gateway keeps the order of events: once this is answered, the role changes were handled too. A
        # retry would have been rejected by the time that a later ticket is posted.
        await bridge.press("mia", claimable, "Claim")
        await bridge.wait_until_posted(await ticket(bridge))

        assert rejected(bridge, 403) == 1


async def test_a_ticket_that_discord_rejects_is_posted_plainly_and_blocks_no_other(
    bridge: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogs.tickets.embeds.TITLE_LIMIT", 1000)  # more than Discord takes, as two need
    reports = [await report(bridge, subject="*" * 200) if n == 4 else await report(bridge) for n in range(10)]
    tickets = [await ticket(bridge, subject="~" * 180) if n == 2 else await ticket(bridge) for n in range(5)]

    await assert_posted_once_in_order(bridge, "reports", reports)
    await assert_posted_once_in_order(bridge, "tickets", tickets)

    titles = [message["embeds"][0]["title"] for message in bridge.sandbox.messages("reports")]
    assert f"🚨 {reports[4]}" in titles
    assert rejected(bridge, 400) <= 3
