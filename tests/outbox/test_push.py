"""Pushing events to real receivers, which verify them with the standardwebhooks library."""

import asyncio
import json
import random
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks.webhooks
from aiohttp import web
from standardwebhooks import WebhookVerificationError

from bot.outbox.push import PushSender, retry_after
from bot.outbox.push_client import open_push_client
from bot.tickets.events import TicketEvent
from bot.tickets.push_endpoints import EndpointState, PushBacklog, generate_webhook_secret
from bot.tickets.pushes import SCHEDULE, wait_before_next
from bot.tickets.queries import Scope
from bot.tickets.ticket import Status, Ticket
from bot.tickets.workspace import Workspace
from bot.webhook.events import serialize_event
from storage import Store, UnknownEndpoint, open_store
from tests.storage.samples import NOW, WRITER, ids, new_ticket, replying
from tests.support.webhook_receiver import (
    Receiver,
    accept,
    answer_with,
    drop_connection,
    hang,
    running_receiver,
)

LOOPBACK = (IPv4Network("127.0.0.0/8"),)
SECRET = generate_webhook_secret()


@dataclass(kw_only=True)
class Bench:
    """A store with a workspace, a clock that only tests move, and a sender without jitter."""

    store: Store
    workspace: Workspace
    sender: PushSender
    now: datetime = NOW
    outcomes: list[tuple[int, str]] = field(default_factory=list)

    async def ticket(self, **fields: Any) -> Ticket:
        return await self.store.intake.add_ticket(self.workspace.id, new_ticket(**fields), ids(), NOW)

    async def reply(self, ticket: Ticket, text: str) -> None:
        origin = f"{ticket.id} {text}"
        await self.store.tickets.add_message(ticket.id, replying(text), origin=origin, now=self.now)

    async def endpoint(self, receiver: Receiver, name: str = "survival-1", secret: str = SECRET) -> int:
        added = await self.store.pushes.add_endpoint(
            self.workspace.name, new_ticket().source, name=name, url=receiver.url, secret=secret, now=self.now
        )
        return added.id

    async def push(self) -> float | None:
        """Push all that is due now; the seconds until something will be."""
        while await self.store.pushes.due((), self.now):
            async with asyncio.TaskGroup() as tasks:
                await self.sender.start_due(tasks)
        next_due = await self.store.pushes.next_due((), self.now)
        return None if next_due is None else (next_due - self.now).total_seconds()

    async def push_until_settled(self) -> list[float]:
        """Push, and let the time pass to the next attempt, until nothing waits; the waits in between."""
        waits = []
        while (wait := await self.push()) is not None:
            waits.append(wait)
            self.now += timedelta(seconds=wait)
        return waits

    async def events(self, ticket: Ticket) -> tuple[TicketEvent, ...]:
        return await self.store.events.list_of_ticket(ticket.id)

    async def sentence(self, ticket: Ticket) -> str:
        """What staff read about the first reply to a ticket."""
        first, *_ = await self.events(ticket)
        assert first.message is not None
        states = await self.store.events.reply_states(ticket.id, [first.message.id])
        return str(states[first.message.id].sentence)

    async def backlog(self) -> PushBacklog:
        (backlog,) = await self.store.pushes.backlogs()
        return backlog

    async def state(self) -> EndpointState:
        return (await self.backlog()).endpoint.state


@asynccontextmanager
async def running_bench(
    store: Store, workspace: Workspace, *, timeout_seconds: float = 15.0, serialize: Any = serialize_event
) -> AsyncIterator[Bench]:
    async with open_push_client(LOOPBACK, timeout_seconds=timeout_seconds) as client:
        bench: Bench
        sender = PushSender(
            store,
            client,
            serialize,
            observer=lambda endpoint, outcome: bench.outcomes.append((endpoint.id, outcome)),
            now=lambda: bench.now,
            jitter=lambda: 0.0,
        )
        bench = Bench(store=store, workspace=workspace, sender=sender)
        yield bench


@pytest.fixture
async def bench(store: Store, workspace: Workspace) -> AsyncIterator[Bench]:
    async with running_bench(store, workspace) as bench:
        yield bench


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with running_receiver() as receiver:
        yield receiver


@pytest.fixture(autouse=True)
def library_clock(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The receiver's clock is the bench's: the library refuses what was signed more than 5 minutes ago."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return bench.now

    monkeypatch.setattr(standardwebhooks.webhooks, "datetime", Clock)


def texts(receiver: Receiver) -> list[str]:
    """What the replies say that arrived, each event once."""
    bodies = {one.id: json.loads(one.body) for one in receiver.received}
    return [bodies[id]["reply"]["text"] for id in receiver.known_once()]


# What is pushed.


async def test_an_event_is_pushed_as_the_feed_has_it_and_confirmed(bench: Bench, receiver: Receiver) -> None:
    await bench.endpoint(receiver)
    ticket = await bench.ticket()
    await bench.reply(ticket, "We are on it. ✅ 日本")

    await bench.push()

    (request,) = receiver.received
    (event,) = await bench.events(ticket)
    assert request.verify(SECRET) == serialize_event(event)
    assert request.id == event.id
    assert request.headers["content-type"] == "application/json"
    assert (event.received_at, event.received_by) == (bench.now, "survival-1")
    assert await bench.sentence(ticket) == "Pushed to survival-1 within a second."
    backlog = await bench.backlog()
    assert (backlog.waiting, backlog.dead_letters, backlog.oldest) == (0, 0, None)
    assert backlog.endpoint.accepted_at == bench.now
    assert bench.outcomes == [(1, "accepted")]


async def test_a_reply_that_was_pushed_is_still_told_to_the_player(bench: Bench, receiver: Receiver) -> None:
    """A webhook may be another program than the server that shows replies; what that reads counts more."""
    await bench.endpoint(receiver)
    ticket = await bench.ticket()
    await bench.reply(ticket, "Hello")
    await bench.push()
    scope = Scope(workspace_id=bench.workspace.id, source=ticket.source)
    reporters = [ticket.reporter.id or ""]

    (unread,) = await bench.store.events.list_unread(scope, reporters, without=[], limit=10)
    await bench.store.events.confirm(scope, [unread.seq], "survival-2", bench.now)

    assert await bench.store.events.list_unread(scope, reporters, without=[], limit=10) == ()
    assert await bench.sentence(ticket) == "Read by survival-2 within a second."


async def test_what_a_game_server_read_before_stays_read_by_it(bench: Bench, receiver: Receiver) -> None:
    await bench.endpoint(receiver)
    ticket = await bench.ticket()
    await bench.reply(ticket, "Hello")
    scope = Scope(workspace_id=bench.workspace.id, source=ticket.source)
    await bench.store.events.confirm_to(scope, 1, "survival-2", bench.now)

    await bench.push()

    assert texts(receiver) == ["Hello"]
    assert await bench.sentence(ticket) == "Read by survival-2 within a second."


async def test_a_new_endpoint_begins_with_what_happens_from_then_on(bench: Bench, receiver: Receiver) -> None:
    ticket = await bench.ticket()
    await bench.reply(ticket, "before")
    await bench.endpoint(receiver)
    await bench.reply(ticket, "after")

    await bench.push()

    assert texts(receiver) == ["after"]


async def test_an_endpoint_has_the_events_of_its_workspace_and_source_alone(
    bench: Bench, receiver: Receiver
) -> None:
    await bench.endpoint(receiver)
    await bench.reply(await bench.ticket(source="another"), "theirs")
    await bench.reply(await bench.ticket(), "ours")

    await bench.push()

    assert texts(receiver) == ["ours"]


async def test_a_game_report_pushes_its_status_and_no_words(bench: Bench, receiver: Receiver) -> None:
    await bench.endpoint(receiver)
    report = await bench.ticket(view_only=True)
    await bench.store.tickets.change(report.id, lambda one: one.set_status(Status.CLOSED), NOW, actor=WRITER)

    await bench.push()

    event = receiver.received[0].verify(SECRET)
    assert (event["type"], event["status"], event["gameReport"]) == ("ticket.status", "closed", True)
    assert event["reply"] is None


# Signatures.


async def pushed(bench: Bench, receiver: Receiver) -> None:
    await bench.endpoint(receiver)
    await bench.reply(await bench.ticket(), "Hello")
    await bench.push()


async def test_another_body_id_time_or_secret_does_not_verify(bench: Bench, receiver: Receiver) -> None:
    await pushed(bench, receiver)
    (sent,) = receiver.received

    sent.verify(SECRET)
    for changed in (
        {"body": sent.body.replace("Hello", "Hullo")},
        {"headers": {**sent.headers, "webhook-id": "evt_other_1"}},
        {"headers": {**sent.headers, "webhook-timestamp": str(int(NOW.timestamp()) + 1)}},
    ):
        request = type(sent)(**{"body": sent.body, "headers": sent.headers, **changed})  # type: ignore[arg-type]  # either
        with pytest.raises(WebhookVerificationError, match="No matching signature"):
            request.verify(SECRET)
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        sent.verify(generate_webhook_secret())


async def test_an_event_that_is_replayed_is_known_by_its_id_and_soon_too_old(
    bench: Bench, receiver: Receiver
) -> None:
    await pushed(bench, receiver)
    (sent,) = receiver.received
    receiver.received.append(sent)

    sent.verify(SECRET)
    assert len(receiver.known_once()) == 1
    bench.now += timedelta(minutes=5, seconds=1)
    with pytest.raises(WebhookVerificationError, match="too old"):
        sent.verify(SECRET)


async def test_every_attempt_is_signed_anew(bench: Bench, receiver: Receiver) -> None:
    receiver.answer = answer_with(500)
    await pushed(bench, receiver)
    bench.now += timedelta(minutes=10)
    await bench.push()

    first, second = receiver.received

    assert (first.id, first.body) == (second.id, second.body)
    second.verify(SECRET)
    with pytest.raises(WebhookVerificationError, match="too old"):
        first.verify(SECRET)


async def test_two_secrets_sign_during_a_rotation_and_then_the_new_one_alone(
    bench: Bench, receiver: Receiver
) -> None:
    endpoint_id = await bench.endpoint(receiver)
    new = generate_webhook_secret()
    await bench.store.pushes.rotate_secret(endpoint_id, new, NOW + timedelta(hours=24))
    ticket = await bench.ticket()

    await bench.reply(ticket, "during")
    await bench.push()
    receiver.received[0].verify(SECRET)
    receiver.received[0].verify(new)

    bench.now += timedelta(hours=24)
    await bench.reply(ticket, "after")
    await bench.push()
    receiver.received[1].verify(new)
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        receiver.received[1].verify(SECRET)


# When an endpoint accepts nothing.


async def test_an_event_is_tried_by_the_schedule_and_then_the_endpoint_is_disabled(
    bench: Bench, receiver: Receiver
) -> None:
    receiver.answer = answer_with(503)
    await bench.endpoint(receiver)
    ticket = await bench.ticket()
    await bench.reply(ticket, "first")
    await bench.reply(ticket, "second")

    waits = await bench.push_until_settled()

    assert waits == [wait.total_seconds() for wait in SCHEDULE[1:]]
    assert len(receiver.received) == len(SCHEDULE)
    backlog = await bench.backlog()
    assert backlog.endpoint.state is EndpointState.DISABLED
    assert backlog.endpoint.reason == f"It accepted nothing since {NOW:%Y-%m-%d %H:%M} UTC. It answered 503."
    assert (backlog.waiting, backlog.dead_letters) == (1, 1)
    assert [one.received_at for one in await bench.events(ticket)] == [None, None]
    assert await bench.sentence(ticket) == (
        "survival-1 did not accept it, and it is not tried again. It answered 503."
    )


async def test_what_waited_for_a_disabled_endpoint_is_sent_in_order_once_it_is_enabled(
    bench: Bench, receiver: Receiver
) -> None:
    receiver.answer = answer_with(500)
    endpoint_id = await bench.endpoint(receiver)
    ticket = await bench.ticket()
    await bench.reply(ticket, "first")
    await bench.push_until_settled()
    await bench.reply(ticket, "second")
    receiver.answer = accept
    receiver.received.clear()

    assert await bench.push() is None
    assert receiver.received == []
    await bench.store.pushes.enable(endpoint_id, bench.now)
    await bench.push()

    assert texts(receiver) == ["first", "second"]
    assert await bench.state() is EndpointState.ACTIVE


async def test_an_event_that_alone_is_refused_is_given_up_alone(bench: Bench, receiver: Receiver) -> None:
    async def refuse_one(request: web.Request) -> web.Response:
        return web.Response(status=500 if "poison" in await request.text() else 200)

    receiver.answer = refuse_one
    await bench.endpoint(receiver)
    ticket, other = await bench.ticket(), await bench.ticket()
    await bench.reply(ticket, "poison")
    await bench.reply(ticket, "behind it")
    await bench.push()
    await bench.reply(other, "of another ticket")
    await bench.push()

    assert texts(receiver) == ["poison", "of another ticket"]
    await bench.push_until_settled()

    assert texts(receiver) == ["poison", "of another ticket", "behind it"]
    backlog = await bench.backlog()
    assert backlog.endpoint.state is EndpointState.ACTIVE
    assert (backlog.waiting, backlog.dead_letters, backlog.last_error) == (0, 1, "It answered 500.")


async def test_a_receiver_that_crashes_after_it_saved_an_event_gets_it_again(
    bench: Bench, receiver: Receiver
) -> None:
    receiver.answer = drop_connection
    await bench.endpoint(receiver)
    ticket = await bench.ticket()
    for text in ("one", "two", "three"):
        await bench.reply(ticket, text)
    wait = await bench.push()
    assert (await bench.backlog()).last_error == "It closed the connection without an answer."

    receiver.answer = accept
    bench.now += timedelta(seconds=wait or 0)
    await bench.push()

    assert [one.verify(SECRET)["reply"]["text"] for one in receiver.received[1:]] == ["one", "two", "three"]
    assert texts(receiver) == ["one", "two", "three"]
    assert len(receiver.received) == 4


async def test_a_receiver_that_is_down_gets_the_events_when_it_is_back(bench: Bench) -> None:
    async with running_receiver() as gone:
        await bench.endpoint(gone)
    ticket = await bench.ticket()
    await bench.reply(ticket, "Hello")
    assert await bench.sentence(ticket) == "Waiting to be pushed to survival-1."

    wait = await bench.push()

    assert wait == 5
    assert await bench.sentence(ticket) == (
        "Waiting for survival-1, tries so far: 1. It refused the connection."
    )
    assert bench.outcomes == [(1, "no_answer")]


async def test_order_per_ticket_holds_and_nothing_is_missed_while_answers_fail(
    bench: Bench, receiver: Receiver
) -> None:
    chance = random.Random(7)  # noqa: S311 - not for a secret

    async def sometimes(request: web.Request) -> web.StreamResponse:
        answer = chance.choice((accept, accept, accept, drop_connection, answer_with(500), answer_with(429)))
        return await answer(request)

    receiver.answer = sometimes
    await bench.endpoint(receiver)
    tickets = [await bench.ticket() for _ in range(5)]
    for number in range(8):
        for ticket in tickets:
            await bench.reply(ticket, f"{ticket.public_id} {number}")
        bench.now += timedelta(seconds=1)
        await bench.push()

    await bench.push_until_settled()

    for ticket in tickets:
        mine = [text for text in texts(receiver) if text.startswith(f"{ticket.public_id} ")]
        assert mine == [f"{ticket.public_id} {number}" for number in range(8)]
    assert len(receiver.received) > len(receiver.known_once()) == 40
    assert (await bench.backlog()).dead_letters == 0


async def test_a_slow_receiver_has_a_limited_time(
    store: Store, workspace: Workspace, receiver: Receiver
) -> None:
    receiver.answer = hang
    async with running_bench(store, workspace, timeout_seconds=0.2) as bench:
        await bench.endpoint(receiver)
        await bench.reply(await bench.ticket(), "Hello")

        wait = await bench.push()

        assert wait == 5
        assert (await bench.backlog()).last_error == "It did not answer in time."


async def test_a_hanging_endpoint_delays_no_other(bench: Bench, receiver: Receiver) -> None:
    async with running_receiver(hang) as stuck:
        await bench.endpoint(stuck, "stuck")
        await bench.endpoint(receiver, "well")
        running = asyncio.create_task(bench.sender.run())
        ticket = await bench.ticket()
        async with asyncio.timeout(60):
            for number in range(3):
                receiver.arrived.clear()
                await bench.reply(ticket, str(number))
                await receiver.arrived.wait()
            await stuck.arrived.wait()
        running.cancel()
        await asyncio.wait([running])

        assert texts(receiver) == ["0", "1", "2"]
        assert texts(stuck) == ["0"]
        assert [one for one in bench.outcomes if one[0] == 1] == []


async def test_names_that_get_no_answer_delay_no_other_endpoint(
    bench: Bench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More of them than the process has threads in its pool."""
    look_up, stuck, released = socket.getaddrinfo, threading.Semaphore(0), threading.Event()

    def slow(host: str, *more: Any) -> Any:
        if host != "stuck.example":
            return look_up(host, *more)
        stuck.release()
        released.wait()
        raise OSError("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    for number in range(40):
        await bench.endpoint(replace(receiver, url="http://stuck.example/"), f"stuck {number}")
    await bench.endpoint(replace(receiver, url=receiver.url.replace("127.0.0.1", "localhost")), "well")
    running = asyncio.create_task(bench.sender.run())
    await bench.reply(await bench.ticket(), "Hello")
    try:
        async with asyncio.timeout(60):
            await receiver.arrived.wait()
            for _ in range(40):
                await asyncio.to_thread(stuck.acquire)
    finally:
        released.set()
        running.cancel()
        await asyncio.wait([running])

    assert texts(receiver) == ["Hello"]


async def test_a_name_that_is_not_known_says_so(bench: Bench, receiver: Receiver) -> None:
    await bench.endpoint(replace(receiver, url="http://no-such-name.invalid/"))
    await bench.reply(await bench.ticket(), "Hello")

    await bench.push()

    assert (await bench.backlog()).last_error == "Its name cannot be resolved."


async def test_an_endless_answer_is_not_read(bench: Bench, receiver: Receiver) -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65536)
            sent += 65536

    receiver.answer = endless
    await bench.endpoint(receiver)
    await bench.reply(await bench.ticket(), "Hello")

    await bench.push()

    assert bench.outcomes == [(1, "accepted")]
    assert sent < 16 * 2**20  # what fits into the buffers of both sockets


# Answers with a meaning of their own.


async def test_410_disables_at_once(bench: Bench, receiver: Receiver) -> None:
    receiver.answer = answer_with(410)
    await bench.endpoint(receiver)
    ticket = await bench.ticket()
    await bench.reply(ticket, "Hello")
    await bench.reply(ticket, "Hello again")

    assert await bench.push() is None

    backlog = await bench.backlog()
    assert len(receiver.received) == 1
    assert (backlog.endpoint.state, backlog.waiting) == (EndpointState.DISABLED, 2)
    assert backlog.endpoint.reason == "It answered 410: it wants no more events."


@pytest.mark.parametrize(
    "asked", [lambda now: "600", lambda now: format_datetime(now + timedelta(seconds=600), usegmt=True)]
)
async def test_nothing_is_sent_before_the_time_that_an_endpoint_asked_for(
    bench: Bench, receiver: Receiver, asked: Callable[[datetime], str]
) -> None:
    receiver.answer = answer_with(429, Retry_After=asked(bench.now))
    await bench.endpoint(receiver)
    await bench.reply(await bench.ticket(), "one")
    assert await bench.push() == 600

    receiver.answer = accept
    bench.now += timedelta(seconds=599)
    await bench.reply(await bench.ticket(), "of another ticket")
    assert await bench.push() == 1
    assert len(receiver.received) == 1

    bench.now += timedelta(seconds=1)
    await bench.push()
    assert sorted(texts(receiver)) == ["of another ticket", "one"]


async def test_a_retry_after_shorter_than_the_schedule_changes_nothing(
    bench: Bench, receiver: Receiver
) -> None:
    receiver.answer = answer_with(503, Retry_After="1")
    await bench.endpoint(receiver)
    await bench.reply(await bench.ticket(), "one")

    assert await bench.push() == 5


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("٣", None),
        ("1.5", None),
        ("9" * 5000, None),
        ("0", 0),
        ("120", 120),
        ("999999999", 24 * 3600),
        ("9" * 30, None),
        (format_datetime(NOW - timedelta(hours=1), usegmt=True), 0),
        (format_datetime(NOW + timedelta(minutes=2), usegmt=True), 120),
    ],
)
def test_a_retry_after_is_seconds_or_a_date_and_a_day_at_most(
    header: str | None, seconds: int | None
) -> None:
    found = retry_after(header, NOW.replace(microsecond=0))

    assert (None if found is None else found.total_seconds()) == seconds


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(bench: Bench, receiver: Receiver, status: int) -> None:
    async with running_receiver() as elsewhere:
        receiver.answer = answer_with(status, Location=elsewhere.url)
        await bench.endpoint(receiver)
        await bench.reply(await bench.ticket(), "Hello")

        await bench.push()

        assert elsewhere.received == []
        assert (await bench.backlog()).last_error == (
            f"It answered {status}, a redirect, which is not followed: the URL has to be the last one."
        )


async def test_no_proxy_of_the_environment_is_used(
    bench: Bench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_receiver() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        await bench.endpoint(receiver)
        await bench.reply(await bench.ticket(), "Hello")

        await bench.push()

        assert (len(receiver.received), proxy.received) == (1, [])


# What an operator does.


async def test_the_events_of_a_paused_endpoint_wait(bench: Bench, receiver: Receiver) -> None:
    endpoint_id = await bench.endpoint(receiver)
    await bench.store.pushes.stop(endpoint_id, EndpointState.PAUSED, None)
    ticket = await bench.ticket()
    await bench.reply(ticket, "Hello")
    assert await bench.push() is None
    assert (await bench.backlog()).waiting == 1
    assert await bench.sentence(ticket) == "Waiting: the webhook survival-1 is paused."

    await bench.store.pushes.enable(endpoint_id, bench.now)
    await bench.push()

    assert texts(receiver) == ["Hello"]


async def test_what_waits_for_a_removed_endpoint_is_never_sent(bench: Bench, receiver: Receiver) -> None:
    endpoint_id = await bench.endpoint(receiver)
    ticket = await bench.ticket()
    await bench.reply(ticket, "Hello")

    await bench.store.pushes.remove_endpoint(endpoint_id)

    assert await bench.push() is None
    assert receiver.received == []
    assert len(await bench.events(ticket)) == 1
    for again in (
        bench.store.pushes.remove_endpoint(endpoint_id),
        bench.store.pushes.enable(endpoint_id, NOW),
        bench.store.pushes.rotate_secret(endpoint_id, SECRET, NOW),
        bench.store.pushes.stop(endpoint_id, EndpointState.PAUSED, None),
    ):
        with pytest.raises(UnknownEndpoint):
            await again


async def test_what_was_forgotten_is_not_sent(bench: Bench, receiver: Receiver) -> None:
    endpoint_id = await bench.endpoint(receiver)
    ticket = await bench.ticket()
    await bench.reply(ticket, "old")

    await bench.store.pushes.forget_waiting(endpoint_id)
    await bench.reply(ticket, "new")
    await bench.push()

    assert texts(receiver) == ["new"]


# The bridge itself.


async def test_what_waits_is_sent_after_a_restart(tmp_path: Path, workspace: Workspace, bench: Bench) -> None:
    async with running_receiver() as receiver:
        await bench.endpoint(receiver)
        await bench.reply(await bench.ticket(), "Hello")
        await bench.store.close()

        store = await open_store(tmp_path / "tickets.db")
        async with running_bench(store, workspace) as after:
            await after.push()
        await store.close()

        assert texts(receiver) == ["Hello"]


async def test_a_clock_that_was_set_back_delays_nothing(bench: Bench, receiver: Receiver) -> None:
    receiver.answer = answer_with(500)
    await bench.endpoint(receiver)
    await bench.reply(await bench.ticket(), "Hello")
    await bench.push()
    receiver.answer = accept

    bench.now -= timedelta(days=30)
    await bench.push()

    assert len(receiver.received) == 2


async def test_a_bug_in_the_bridge_stops_no_other_endpoint(
    store: Store, workspace: Workspace, receiver: Receiver
) -> None:
    def serialize(event: TicketEvent) -> Any:
        if event.message and event.message.text == "bug":
            raise KeyError("x")
        return serialize_event(event)

    async with running_bench(store, workspace, serialize=serialize) as bench:
        await bench.endpoint(receiver)
        await bench.reply(await bench.ticket(), "bug")
        await bench.reply(await bench.ticket(), "Hello")

        await bench.push()

        assert texts(receiver) == ["Hello"]
        assert (await bench.backlog()).last_error == "KeyError in the bridge; its log says more."


def test_the_wait_grows_by_a_tenth_at_most() -> None:
    for attempts, wait in enumerate(SCHEDULE):
        assert wait_before_next(attempts, 0.0) == wait
        assert wait_before_next(attempts, 1.0) == wait * 1.1
    assert wait_before_next(len(SCHEDULE), 0.5) is None
    assert [wait.total_seconds() for wait in SCHEDULE] == [
        *(0, 5, 5 * 60, 30 * 60),
        *(hours * 3600 for hours in (2, 5, 10, 14, 20, 24)),
    ]
