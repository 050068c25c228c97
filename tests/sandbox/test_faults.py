"""Fault injection: discord.py waits, retries or gives up as it does with Discord."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
import discord
import pytest
from discord.http import Route

from bot.sandbox import ControlError, Sandbox, demo_guild
from bot.sandbox.rest.rate_limits import RateLimit
from tests.sandbox.bot_harness import eventually, limit_until_a_429

SEND = "POST /channels/{id}/messages"
MESSAGES = r"/channels/\d+/messages$"
LogIn = Callable[..., AbstractAsyncContextManager[tuple[Sandbox, discord.TextChannel]]]


@pytest.fixture
def log_in(monkeypatch: pytest.MonkeyPatch) -> LogIn:
    """A sandbox and its tickets channel, seen by a client that is logged in without a gateway."""

    @asynccontextmanager
    async def log_in_client(**settings: Any) -> AsyncIterator[tuple[Sandbox, discord.TextChannel]]:
        sandbox = Sandbox(**settings)
        guild = demo_guild(sandbox)
        async with sandbox.serve(), discord.Client(intents=discord.Intents.default()) as client:
            monkeypatch.setattr(Route, "BASE", sandbox.api_base)
            await client.login(sandbox.token)
            channel = await client.fetch_channel(guild.channels["tickets"])
            assert isinstance(channel, discord.TextChannel)
            yield sandbox, channel

    return log_in_client


def sends(sandbox: Sandbox) -> list[int | None]:
    """The statuses of all attempts to send a message."""
    return [
        r["status"] for r in sandbox.requests if r["method"] == "POST" and r["path"].endswith("/messages")
    ]


async def test_discord_py_reads_the_bucket_headers_and_never_runs_into_a_429(log_in: LogIn) -> None:
    async with log_in(rate_limits={SEND: RateLimit(requests=2, per=0.4)}) as (sandbox, channel):
        started = time.monotonic()
        for number in range(5):
            await channel.send(str(number))

        assert sends(sandbox) == [200] * 5
        assert time.monotonic() - started >= 0.75
        assert [m["content"] for m in sandbox.messages("tickets")] == list("01234")


async def test_two_clients_on_one_token_get_429s_and_send_everything(log_in: LogIn) -> None:
    async with log_in() as (sandbox, channel), discord.Client(intents=discord.Intents.default()) as other:
        await other.login(sandbox.token)
        limit_until_a_429(sandbox, SEND, RateLimit(requests=2, per=0.3))
        same = other.get_partial_messageable(channel.id)
        await asyncio.gather(*[place.send("x") for place in (channel, same) for _ in range(3)])

        counted = Counter(sends(sandbox))
        assert counted[200] == len(sandbox.messages("tickets")) == 6
        assert counted[429] >= 1


@pytest.mark.parametrize("kind", ["429-user", "429-global", "429-shared"])
async def test_a_429_with_via_is_waited_out(log_in: LogIn, kind: str) -> None:
    async with log_in() as (sandbox, channel):
        sandbox.fail(kind, method="POST", path=MESSAGES, retry_after=0.2)
        started = time.monotonic()
        await channel.send("hello")

        assert sends(sandbox) == [429, 200]
        assert time.monotonic() - started >= 0.2


@pytest.mark.parametrize(
    ("kind", "status", "error"),
    [
        ("429-no-via", 429, discord.HTTPException),
        ("503", 503, discord.DiscordServerError),
        ("unauthorized", 401, discord.HTTPException),
        ("forbidden", 403, discord.Forbidden),
    ],
)
async def test_errors_discord_py_does_not_retry_are_raised(
    log_in: LogIn, kind: str, status: int, error: type[discord.HTTPException]
) -> None:
    async with log_in() as (sandbox, channel):
        sandbox.fail(kind, path=MESSAGES)
        with pytest.raises(error) as no:
            await channel.send("hello")

        assert no.value.status == status
        assert sends(sandbox) == [status]
        assert sandbox.messages("tickets") == []


@pytest.mark.parametrize(("kind", "when"), [("500", "before"), ("502", "after"), ("504", "after")])
async def test_a_post_retried_after_a_server_error_is_one_message(
    log_in: LogIn, kind: str, when: str
) -> None:
    async with log_in() as (sandbox, channel):
        sandbox.fail(kind, method="POST", path=MESSAGES, when=when)
        sent = await channel.send("hello")

        assert sends(sandbox) == [int(kind), 200]
        assert [m["id"] for m in sandbox.messages("tickets")] == [str(sent.id)]


async def test_outside_the_nonce_window_the_same_retry_is_two_messages(log_in: LogIn) -> None:
    async with log_in(nonce_window=0.0) as (sandbox, channel):
        sandbox.fail("500", method="POST", path=MESSAGES, when="after")
        await channel.send("hello")

        assert len(sandbox.messages("tickets")) == 2


@pytest.mark.parametrize(("when", "kept"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize("kind", ["reset", "hang"])
async def test_a_lost_response_can_mean_either_outcome(
    log_in: LogIn, kind: str, when: str, kept: int
) -> None:
    async with log_in() as (sandbox, channel):
        sandbox.fail(kind, method="POST", path=MESSAGES, when=when)
        sending = asyncio.create_task(channel.send("hello"))
        await eventually(lambda: sandbox.state.faults.planned == [])
        await eventually(lambda: len(sandbox.messages("tickets")) == kept)
        if kind == "hang":
            sending.cancel()
        with pytest.raises((aiohttp.ClientError, OSError, asyncio.CancelledError)):
            await sending

        assert len(sandbox.messages("tickets")) == kept


async def test_a_hang_ends_in_a_connection_error(log_in: LogIn) -> None:
    async with log_in() as (sandbox, channel):
        sandbox.fail("hang", path=MESSAGES, hang_for=0.1)
        started = time.monotonic()
        with pytest.raises((aiohttp.ClientError, OSError)):
            await channel.send("hello")

        assert time.monotonic() - started >= 0.1


async def test_faults_never_affect_the_control_api(log_in: LogIn) -> None:
    async with log_in() as (sandbox, _), aiohttp.ClientSession() as session:
        sandbox.fail("500", times=None)
        async with session.get(f"{sandbox.address}/sandbox/snapshot") as response:
            assert response.status == 200


async def test_a_fault_counts_down_and_affects_only_matching_requests(log_in: LogIn) -> None:
    async with log_in() as (sandbox, channel):
        sandbox.fail("forbidden", method="POST", path=MESSAGES, times=2)
        assert [message async for message in channel.history()] == []
        for _ in range(2):
            with pytest.raises(discord.Forbidden):
                await channel.send("x")
        await channel.send("x")

        sandbox.fail("forbidden", times=None)
        assert [fault["times"] for fault in sandbox.snapshot()["faults"]] == [None]
        sandbox.clear_faults()
        await channel.send("x")


def test_a_fault_with_a_chance_is_repeatable_by_seed() -> None:
    def hits(seed: int) -> list[bool]:
        sandbox = Sandbox(seed=seed)
        sandbox.fail("reset", times=200, chance=0.25)
        return [sandbox.state.faults.take("POST", "/x") is not None for _ in range(1000)]

    first = hits(1)

    assert 60 < sum(first[:400]) < 140
    assert sum(first) == 200  # those that are spared do not count
    assert first == hits(1)
    assert first != hits(2)


@pytest.mark.parametrize(("window", "messages"), [(300.0, 1), (0.0, 2)])
async def test_a_failed_request_can_take_effect_later(log_in: LogIn, window: float, messages: int) -> None:
    async with log_in(nonce_window=window) as (sandbox, channel):
        sandbox.fail("reset", method="POST", path=MESSAGES, when="early", effect_delay=0.5)
        with pytest.raises((aiohttp.ClientError, OSError)):
            await channel.send("hello", nonce="same")

        await channel.send("hello", nonce="same")
        await eventually(lambda: not sandbox.state.scheduled)

        assert len(sandbox.messages("tickets")) == messages


async def test_the_third_rename_is_limited_without_announcement_in_headers(log_in: LogIn) -> None:
    async with log_in() as (sandbox, channel):
        thread = await channel.create_thread(name="zero", type=discord.ChannelType.public_thread)
        limit_until_a_429(sandbox, "rename", RateLimit(requests=2, per=0.5))
        started = time.monotonic()
        for name in ("one", "two", "three"):
            await thread.edit(name=name)

        assert [r["status"] for r in sandbox.requests if r["method"] == "PATCH"] == [200, 200, 429, 200]
        assert time.monotonic() - started >= 0.4


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "508"},
        {"kind": "500", "when": "during"},
        {"kind": "500", "times": 0},
        {"kind": "500", "chance": 0},
        {"kind": "500", "chance": 1.5},
    ],
)
def test_an_invalid_fault_is_rejected_with_a_sentence(wrong: dict[str, Any]) -> None:
    with pytest.raises(ControlError, match=r"\.$"):
        Sandbox().fail(**wrong)


@pytest.mark.parametrize("scope", ["user", "global", "shared"])
async def test_a_429_states_its_scope(log_in: LogIn, scope: str) -> None:
    async with log_in() as (sandbox, _), aiohttp.ClientSession() as session:
        sandbox.fail(f"429-{scope}", retry_after=1.5)
        async with session.get(f"{sandbox.api_base}/users/@me") as response:
            answer = await response.json()

            assert (response.status, response.headers["X-RateLimit-Scope"]) == (429, scope)
            assert {"Via", "Retry-After"} <= response.headers.keys()
            assert answer == {
                "message": "You are being rate limited.",
                "code": 0,
                "retry_after": 1.5,
                "global": scope == "global",
            }
