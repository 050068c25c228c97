"""Discord fails in every way it can for a while: nothing is lost or doubled, nor made worse by us.

The real discord.py against the stand-in, over real HTTP. Waits are made short; everything else is as it runs.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox import Permission
from bot.sources.modl import examples as modl
from bot.sources.series import examples as series
from tests.support.bridge_harness import RunningBridge, running_sandbox, wait_for
from tests.support.bridge_harness import running_bridge as run_town

MESSAGES = r"/channels/\d+/messages$"
REST = r"^/channels/"

_numbers = count(1)


@asynccontextmanager
async def connected(database: Path, **settings: Any) -> AsyncIterator[RunningBridge]:
    """A town whose bot is ready: its login is not what is tested."""
    async with (
        running_sandbox(**({"rate_limits": False} | settings)) as (sandbox, guild),
        run_town(database, sandbox, guild) as town,
    ):
        await town.game_report()
        await town.ticket()
        yield town


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[RunningBridge]:
    async with connected(tmp_path / "tickets.db") as town:
        yield town


async def report(town: RunningBridge, **changes: object) -> str:
    """One more game report, accepted; its id."""
    body = dict(series.GAME_REPORT) | {"subject": f"Report {next(_numbers)}"} | changes
    told = await town.post("/tickets/create-game-report", body, source="series")
    return str(told["data"]["TicketId"])


async def ticket(town: RunningBridge, **changes: object) -> str:
    """The same of a ticket, which gets a thread."""
    body = dict(modl.TICKET) | {"subject": f"Ticket {next(_numbers)}"} | changes
    return str((await town.post("/v1/minecraft/tickets", body, source="modl"))["ticketId"])


def posts(town: RunningBridge, channel: str) -> list[str]:
    """The ids of the tickets a channel shows, first posted first."""
    embeds = [embed for message in town.sandbox.messages(channel) for embed in message["embeds"]]
    return [embed["footer"]["text"].partition(" ")[0] for embed in embeds]


async def once_and_in_order(town: RunningBridge, channel: str, filed: list[str]) -> None:
    """All of it is shown, nothing twice, in the order it was accepted."""
    for public_id in filed:
        await town.wait_until_posted(public_id)
    assert [one for one in posts(town, channel) if one in filed] == filed


def requests(
    town: RunningBridge, *, since: float = 0.0, method: str = "", path: str = "/channels/"
) -> list[dict[str, Any]]:
    return [
        one
        for one in town.sandbox.requests
        if one["time"] >= since and one["method"].startswith(method) and one["path"].startswith(path)
    ]


def refused(town: RunningBridge, status: int) -> int:
    return sum(one["status"] == status for one in town.sandbox.requests)


def waits_between(times: Iterable[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


async def test_in_a_storm_of_429s_everything_is_posted_once_and_nobody_asks_before_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogs.posts.send.RETRY_DELAY_SECONDS", 0.3)
    async with connected(tmp_path / "tickets.db", seed=4) as town:
        started = time.monotonic()
        # As often as the library tries again by itself: the rest is ours.
        town.sandbox.fail("429-user", method="POST", path=MESSAGES, times=5, retry_after=0.3)
        for scope, chance in (("user", 0.3), ("shared", 0.3), ("global", 0.1)):
            town.sandbox.fail(
                f"429-{scope}", method="POST", path=MESSAGES, times=None, chance=chance, retry_after=0.3
            )
        reports = [await report(town) for _ in range(8)]
        tickets = [await ticket(town) for _ in range(4)]
        await once_and_in_order(town, "reports", reports)
        await once_and_in_order(town, "tickets", tickets)

        assert refused(town, 429) >= 6
        for channel in ("reports", "tickets"):
            path = f"/channels/{town.guild.channels[channel]}/messages"
            sent = requests(town, since=started, method="POST", path=path)
            sent = [one for one in sent if one["path"] == path]
            for earlier, later in pairwise(sent):
                assert earlier["status"] != 429 or later["time"] - earlier["time"] >= 0.25


async def test_a_limit_of_everything_is_kept_by_all_channels(place: RunningBridge) -> None:
    """The library keeps to the body's 0.2 s with what it has begun; the header's whole second is ours."""
    place.sandbox.fail("429-global", method="POST", path=MESSAGES, retry_after=0.2)
    first = await report(place)
    await wait_for(lambda: refused(place, 429))
    limited = next(one["time"] for one in place.sandbox.requests if one["status"] == 429)
    second = await ticket(place)
    await place.wait_until_posted(first)
    await place.wait_until_posted(second)

    reports, tickets = (
        [one["time"] for one in requests(place, since=limited, path=f"/channels/{channel}/messages")]
        for channel in (place.guild.channels["reports"], place.guild.channels["tickets"])
    )
    assert min(reports[1:]) - limited >= 0.15
    assert min(tickets) - limited >= 0.95


async def test_many_refusals_stop_everything_before_discord_bars_us(
    place: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.discord_client.invalid_requests.SOFT_LIMIT", 3)
    monkeypatch.setattr("bot.discord_client.invalid_requests.WINDOW", 2.5)
    monkeypatch.setattr("bot.outbox.circuit_breaker.FORBIDDEN_BACKOFF", 0.2)
    place.sandbox.fail("forbidden", path=f"/channels/{place.guild.channels['reports']}/", times=3)
    filed = [await report(place)]
    await wait_for(lambda: refused(place, 403) == 3)
    last = max(one["time"] for one in place.sandbox.requests if one["status"] == 403)
    first = min(one["time"] for one in place.sandbox.requests if one["status"] == 403)
    await place.wait_until_posted(await ticket(place))
    await once_and_in_order(place, "reports", filed)

    after = [one["time"] for one in requests(place, since=last)][1:]
    assert min(after) - first >= 2.45


async def test_a_front_that_bars_the_address_is_asked_again_only_when_the_bar_may_be_lifted(
    place: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogs.posts.send.CLOUDFLARE_BAN_BACKOFF", 1.5)
    place.sandbox.fail("429-no-via", path=REST, times=2)
    filed = [await report(place) for _ in range(3)]
    await once_and_in_order(place, "reports", filed)

    barred = [one["time"] for one in place.sandbox.requests if one["status"] == 429]
    asked = [one["time"] for one in requests(place, since=barred[0])]
    assert len(barred) == 2
    assert min(waits_between(asked[:3])) >= 1.4


async def test_a_login_that_the_front_bars_waits_as_long(
    place: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.application.CLOUDFLARE_BAN_BACKOFF", 3.5)
    place.sandbox.fail("429-no-via", path="/users/@me$")
    before = time.monotonic()
    await place.sandbox.disconnect(code=4004)
    await place.wait_until_posted(await report(place))

    logins = [one["time"] for one in requests(place, since=before, path="/users/@me")]
    assert len(logins) == 2
    assert waits_between(logins)[0] >= 3.4


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_outage_of_every_kind_loses_doubles_and_reorders_nothing_and_is_not_beaten_against(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.setattr("bot.discord_client.client.REQUEST_SECONDS", 0.3)
    async with connected(tmp_path / "tickets.db", seed=2) as town:
        began = time.monotonic()
        for kind in ("hang", "reset"):
            town.sandbox.fail(kind, path=REST, times=None, chance=0.3, when=when)
        town.sandbox.fail("503", path=REST, times=None, when=when)
        reports, tickets = [], []
        while time.monotonic() < began + 3.5:
            reports.append(await report(town))
            tickets.append(await ticket(town))
            await asyncio.sleep(0.4)
        ended = time.monotonic()
        town.sandbox.clear_faults()

        during = [one for one in requests(town, since=began) if one["time"] < ended]
        await once_and_in_order(town, "reports", reports)
        await once_and_in_order(town, "tickets", tickets)
        # Two channels ask twice at most, then one request a rest: 0.2, 0.4, 0.8, 1 s and so on.
        assert 3 <= len(during) <= 10


async def test_a_server_error_that_the_library_tries_again_posts_once(place: RunningBridge) -> None:
    place.sandbox.fail("502", method="POST", path=MESSAGES, when="after", times=2)
    filed = [await report(place) for _ in range(2)]

    await once_and_in_order(place, "reports", filed)


async def test_a_request_that_hangs_lets_go_of_its_channel_and_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.discord_client.client.REQUEST_SECONDS", 1.0)
    async with connected(tmp_path / "tickets.db") as town:
        path = f"/channels/{town.guild.channels['reports']}/messages"
        town.sandbox.fail("hang", path=path)
        hanging = [await report(town) for _ in range(2)]
        await wait_for(lambda: not town.sandbox.snapshot()["faults"])
        started = time.monotonic()

        await town.wait_until_posted(await ticket(town))
        assert time.monotonic() - started < 0.9
        await once_and_in_order(town, "reports", hanging)
        assert time.monotonic() - started < 4


async def test_a_revoked_token_is_shown_to_discord_a_few_times_and_all_goes_on_with_a_new_login(
    place: RunningBridge,
) -> None:
    place.sandbox.fail("unauthorized", times=None)
    filed = [await report(place) for _ in range(3)]
    await ticket(place)
    await wait_for(lambda: refused(place, 401))
    await asyncio.sleep(1.5)
    assert refused(place, 401) <= 2  # one for each channel that asked at the same time

    place.sandbox.clear_faults()
    await place.sandbox.disconnect(code=4004)
    await once_and_in_order(place, "reports", filed)


Change = Callable[[RunningBridge], None]


def own_role(town: RunningBridge) -> int:
    guild = town.sandbox.state.world.guilds[town.guild.id]
    return next(role.id for role in guild.roles.values() if role.managed)


def bar_in_channel(town: RunningBridge) -> None:
    allow, deny = Permission.VIEW_CHANNEL, Permission.SEND_MESSAGES
    town.sandbox.set_overwrite("reports", own_role(town), allow=allow, deny=deny)


def let_in_channel(town: RunningBridge) -> None:
    town.sandbox.set_overwrite("reports", own_role(town), allow=Permission.VIEW_CHANNEL)


def hide_channel(town: RunningBridge) -> None:
    town.sandbox.delete_overwrite("reports", own_role(town))


def give_the_role(town: RunningBridge) -> None:
    """Members of Staff see the channel as well."""
    town.sandbox.give_role("ticketbridge", "Staff")


@pytest.mark.parametrize(
    ("bar", "repair"),
    [(bar_in_channel, let_in_channel), (hide_channel, let_in_channel), (hide_channel, give_the_role)],
)
async def test_a_channel_taken_away_affects_no_other_and_goes_on_soon_once_given_back(
    place: RunningBridge, monkeypatch: pytest.MonkeyPatch, bar: Change, repair: Change
) -> None:
    monkeypatch.setattr("bot.outbox.circuit_breaker.FORBIDDEN_BACKOFF", 125.0)
    bar(place)
    barred = [await report(place) for _ in range(3)]
    await wait_for(lambda: refused(place, 403))
    started = time.monotonic()
    await place.wait_until_posted(await ticket(place))
    assert time.monotonic() - started < 2
    await asyncio.sleep(0.5)
    assert refused(place, 403) == 1

    repair(place)
    await once_and_in_order(place, "reports", barred)
    assert time.monotonic() - started < 10
    assert refused(place, 403) == 1


async def test_a_bot_thrown_out_and_invited_again_goes_on(
    place: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.outbox.circuit_breaker.FORBIDDEN_BACKOFF", 125.0)
    role = own_role(place)
    place.sandbox.remove_member("ticketbridge")
    filed = [await report(place) for _ in range(2)]
    await wait_for(lambda: refused(place, 403))

    place.sandbox.add_member("ticketbridge", [role])
    await once_and_in_order(place, "reports", filed)
    assert refused(place, 403) == 1


async def test_editing_roles_asks_no_channel_again_that_refuses_for_another_reason(
    place: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.outbox.circuit_breaker.FORBIDDEN_BACKOFF", 125.0)
    path = f"/channels/{place.guild.channels['reports']}/messages"
    place.sandbox.fail("forbidden", path=path, times=None)
    await report(place)
    await wait_for(lambda: refused(place, 403))
    place.sandbox.create_role("Colours")
    for number in range(10):
        place.sandbox.change_role("Colours", Permission.ADD_REACTIONS * (number % 2))
        await asyncio.sleep(0.1)

    assert refused(place, 403) == 1


async def test_a_poisoned_ticket_is_posted_plainly_and_delays_no_other(
    place: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogs.tickets.embeds.TITLE_LIMIT", 1000)  # more than Discord takes, as two need
    reports = [await report(place, subject="*" * 200) if n == 4 else await report(place) for n in range(10)]
    tickets = [await ticket(place, subject="~" * 180) if n == 2 else await ticket(place) for n in range(5)]
    started = time.monotonic()

    await once_and_in_order(place, "reports", reports)
    await once_and_in_order(place, "tickets", tickets)

    assert time.monotonic() - started < 5
    titles = [message["embeds"][0]["title"] for message in place.sandbox.messages("reports")]
    assert reports[4] in titles
    assert refused(place, 400) <= 3
