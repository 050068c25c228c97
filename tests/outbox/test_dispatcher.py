"""The dispatcher drains the outbox: in order per ticket, one at a time per channel, and never gives up."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

import bot.outbox.circuit_breaker
import bot.outbox.dispatcher
from bot.outbox.dispatcher import (
    BotForbidden,
    ChannelForbidden,
    Dispatcher,
    PermanentFailure,
    RateLimited,
    RetryLater,
    UnknownOutcome,
)
from bot.tickets.outbox import Delivery, DeliveryKind, Destination, Receipt
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import Workspace
from storage import Store
from tests.storage.samples import HUB, NOW, ids, new_ticket, noting, raw, replying

Answer = Callable[[Delivery], Awaitable[None]]


class Town:
    """A far side that writes down what reaches it. It answers as told, and at once if nothing was said."""

    def __init__(self) -> None:
        self.arrived: list[Delivery] = []
        self.news = asyncio.Condition()
        self._answers: dict[int, list[Answer]] = {}
        self._number = 1000

    def will(self, ticket: Ticket, *answers: Answer) -> None:
        """What the next deliveries of a ticket meet, one answer each."""
        self._answers[ticket.id] = list(answers)

    async def deliver(self, deliveries: Sequence[Delivery]) -> Receipt:
        (delivery,) = deliveries
        async with self.news:
            self.arrived.append(delivery)
            self.news.notify_all()
        answers = self._answers.get(delivery.ticket_id)
        if answers:
            await answers.pop(0)(delivery)
        self._number += 1
        return Receipt(channel_id=delivery.channel_id, message_id=self._number)

    async def hears(self, count: int) -> list[Delivery]:
        """The first `count` deliveries, once there are as many."""
        async with asyncio.timeout(8), self.news:
            await self.news.wait_for(lambda: len(self.arrived) >= count)
        return self.arrived[:count]


def raising(error: Exception) -> Answer:
    async def answer(_: Delivery) -> None:
        raise error

    return answer


async def never(_: Delivery) -> None:
    await asyncio.Event().wait()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "tickets.db")
    yield store
    await store.close()


@pytest.fixture
async def workspace(store: Store) -> Workspace:
    return await store.add_workspace(HUB, NOW)


@pytest.fixture
def town() -> Town:
    return Town()


@asynccontextmanager
async def dispatching(
    store: Store, town: Town, lane: Destination = Destination.DISCORD, *, unknown_outcome_delay: float = 0.0
) -> AsyncIterator[Dispatcher]:
    """A dispatcher at work until the block ends."""
    dispatcher = Dispatcher(store, lane, unknown_outcome_delay=unknown_outcome_delay)
    for kind in DeliveryKind:
        dispatcher.register(kind, town.deliver)
    running = asyncio.create_task(dispatcher.run())
    try:
        yield dispatcher
    finally:
        running.cancel()
        await asyncio.wait([running])


async def a_ticket(store: Store, workspace: Workspace) -> Ticket:
    return await store.add_ticket(workspace.id, new_ticket(), ids(), NOW)


async def a_report(store: Store, workspace: Workspace) -> Ticket:
    return await store.add_ticket(workspace.id, new_ticket(view_only=True), ids(), NOW)


async def delivered(store: Store, ticket: Ticket, lane: Destination = Destination.DISCORD) -> None:
    """Returns once nothing waits for a ticket any more."""
    async with asyncio.timeout(8):
        while await store.pending_for_ticket(ticket.id, lane):  # noqa: ASYNC110  # the database is who knows
            await asyncio.sleep(0.01)


async def test_a_tickets_deliveries_arrive_in_the_order_they_were_kept(
    store: Store, workspace: Workspace, town: Town
) -> None:
    ticket = await a_ticket(store, workspace)
    for number in range(3):
        await store.add_message(ticket.id, noting(str(number)), origin=str(number), now=NOW)

    async with dispatching(store, town):
        await delivered(store, ticket)

    assert [delivery.id for delivery in town.arrived] == sorted(delivery.id for delivery in town.arrived)
    assert [delivery.kind for delivery in town.arrived] == [
        DeliveryKind.POST,
        DeliveryKind.THREAD,
        *[DeliveryKind.POST_MESSAGE] * 3,
    ]


async def test_a_delivery_is_settled_with_the_receipt_in_hand(
    store: Store, workspace: Workspace, town: Town
) -> None:
    report = await a_report(store, workspace)

    async with dispatching(store, town):
        await delivered(store, report)

    post = (await store.ticket(report.id)).post
    assert (post.channel_id, post.message_id) == (HUB.reports_channel_id, 1001)


async def test_a_new_row_is_delivered_promptly_without_polling(
    store: Store, workspace: Workspace, town: Town
) -> None:
    async with dispatching(store, town):
        await asyncio.sleep(0.1)
        for count in range(1, 4):
            start = asyncio.get_running_loop().time()
            await a_report(store, workspace)
            await town.hears(count)

            assert asyncio.get_running_loop().time() - start < 0.5


async def test_each_lane_has_a_dispatcher_and_each_hears_of_new_rows(
    store: Store, workspace: Workspace, town: Town
) -> None:
    game = Town()
    async with dispatching(store, town), dispatching(store, game, Destination.GAME):
        ticket = await a_ticket(store, workspace)
        await store.add_message(ticket.id, replying(), origin="a", now=NOW)
        await town.hears(3)
        await game.hears(1)

    assert [delivery.kind for delivery in game.arrived] == [DeliveryKind.SEND_TO_GAME]
    assert DeliveryKind.SEND_TO_GAME not in [delivery.kind for delivery in town.arrived]


async def test_a_channel_has_one_delivery_in_flight(store: Store, workspace: Workspace, town: Town) -> None:
    under_way, most = 0, 0

    async def crowded(_: Delivery) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.02)
        under_way -= 1

    reports = [await a_report(store, workspace) for _ in range(5)]
    for report in reports:
        town.will(report, crowded)

    async with dispatching(store, town):
        await delivered(store, reports[-1])

    assert most == 1
    assert [delivery.ticket_id for delivery in town.arrived] == [report.id for report in reports]


async def test_a_slow_channel_does_not_hold_up_another(
    store: Store, workspace: Workspace, town: Town
) -> None:
    slow = await a_report(store, workspace)
    town.will(slow, never)

    async with dispatching(store, town):
        await town.hears(1)
        ticket = await a_ticket(store, workspace)
        await delivered(store, ticket)

    assert len(await store.pending_for_ticket(slow.id, Destination.DISCORD)) == 1


async def test_a_postponed_head_holds_back_its_ticket_and_no_other(
    store: Store, workspace: Workspace, town: Town
) -> None:
    first, second = await a_ticket(store, workspace), await a_ticket(store, workspace)
    town.will(first, raising(RetryLater("not yet", seconds=0.5)))

    async with dispatching(store, town):
        await delivered(store, second)
        assert len(await store.pending_for_ticket(first.id, Destination.DISCORD)) == 2
        await delivered(store, first)

    kinds = [delivery.kind for delivery in town.arrived if delivery.ticket_id == first.id]
    assert kinds == [DeliveryKind.POST, DeliveryKind.POST, DeliveryKind.THREAD]


async def test_what_is_postponed_waits_as_long_as_it_was_asked_to(
    store: Store, workspace: Workspace, town: Town
) -> None:
    report = await a_report(store, workspace)
    town.will(report, raising(RetryLater("not yet", seconds=0.4)))

    async with dispatching(store, town):
        await town.hears(1)
        start = asyncio.get_running_loop().time()
        _, again = await town.hears(2)

    assert 0.35 < asyncio.get_running_loop().time() - start < 1.5
    assert again.attempts == 1


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not answer is tried again soon."""
    monkeypatch.setattr(bot.outbox.circuit_breaker, "MIN_BACKOFF", 0.1)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("silence", [UnknownOutcome("503"), RateLimited("429", seconds=0.1)])
async def test_what_comes_later_never_overtakes_in_a_channel_that_does_not_answer(
    store: Store, workspace: Workspace, town: Town, silence: Exception
) -> None:
    reports = [await a_report(store, workspace) for _ in range(3)]
    town.will(reports[0], raising(silence), raising(silence))

    async with dispatching(store, town):
        await delivered(store, reports[-1])

    order = [delivery.ticket_id for delivery in town.arrived]
    assert order == [reports[0].id] * 3 + [reports[1].id, reports[2].id]


async def test_a_channel_that_refuses_rests_and_others_do_not(
    store: Store, workspace: Workspace, town: Town
) -> None:
    refused = [await a_report(store, workspace) for _ in range(3)]
    for report in refused:
        town.will(report, raising(ChannelForbidden("403 Missing Permissions")))
    ticket = await a_ticket(store, workspace)

    async with dispatching(store, town) as dispatcher:
        await delivered(store, ticket)
        await asyncio.sleep(0.2)

        assert [delivery.ticket_id for delivery in town.arrived].count(refused[0].id) == 1
        assert dispatcher.breaker.channel_circuits[HUB.reports_channel_id].reason == "403 Missing Permissions"
        assert len(await store.pending_for_ticket(refused[0].id, Destination.DISCORD)) == 1


async def test_a_channel_said_to_be_repaired_is_tried_soon(
    store: Store, workspace: Workspace, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot.outbox.circuit_breaker, "MIN_RETRY_GAP", 0.1)
    report = await a_report(store, workspace)
    town.will(report, raising(ChannelForbidden("403 Missing Permissions")))

    async with dispatching(store, town) as dispatcher:
        await town.hears(1)
        await asyncio.sleep(0)
        dispatcher.wake(HUB.reports_channel_id)
        await delivered(store, report)

    assert [delivery.attempts for delivery in town.arrived] == [0, 1]


@pytest.mark.usefixtures("hasty")
async def test_when_nothing_answers_one_delivery_at_a_time_finds_out_whether_anything_does(
    store: Store, workspace: Workspace, town: Town
) -> None:
    silent = raising(UnknownOutcome("Discord cannot be reached"))
    reports = [await a_report(store, workspace) for _ in range(2)]
    ticket = await a_ticket(store, workspace)
    for one in (*reports, ticket):
        town.will(one, *[silent] * 4)

    async with dispatching(store, town) as dispatcher:
        await town.hears(3)
        await asyncio.sleep(0.02)
        assert dispatcher.breaker.is_open
        told = len(town.arrived)
        await asyncio.sleep(0.05)
        assert len(town.arrived) == told  # nobody is tried meanwhile
        await delivered(store, ticket)
        await delivered(store, reports[-1])

    assert not dispatcher.breaker.is_open
    assert not dispatcher.breaker.channel_circuits


async def test_a_refusal_of_everything_stops_everything(
    store: Store, workspace: Workspace, town: Town
) -> None:
    report, ticket = await a_report(store, workspace), await a_ticket(store, workspace)
    town.will(report, raising(BotForbidden("401", seconds=400)))
    town.will(ticket, raising(BotForbidden("401", seconds=400)))

    async with dispatching(store, town) as dispatcher:
        await town.hears(1)
        await asyncio.sleep(0.3)
        asked = len(town.arrived)
        later = await a_report(store, workspace)
        await asyncio.sleep(0.2)
        assert asked <= 2  # both channels may have asked at once
        assert len(town.arrived) == asked

        dispatcher.wake()
        await delivered(store, later)
        await delivered(store, ticket)


async def test_what_a_killed_process_began_is_left_alone_until_it_has_settled(
    store: Store, workspace: Workspace, town: Town
) -> None:
    reports = [await a_report(store, workspace) for _ in range(2)]
    ((first,),) = await store.due_deliveries(Destination.DISCORD, (), NOW)
    await store.start_attempt([first], datetime.now(UTC))
    start = asyncio.get_running_loop().time()

    async with dispatching(store, town, unknown_outcome_delay=0.5):
        await delivered(store, reports[-1])

    assert 0.4 < asyncio.get_running_loop().time() - start < 3
    assert [delivery.ticket_id for delivery in town.arrived] == [report.id for report in reports]
    assert town.arrived[0].attempts == 1


async def test_the_undeliverable_is_set_aside_and_the_next_goes(
    store: Store, workspace: Workspace, town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    ticket, behind = await a_ticket(store, workspace), await a_ticket(store, workspace)
    town.will(ticket, raising(PermanentFailure("Discord refused it")))

    async with dispatching(store, town):
        await delivered(store, behind)
        await delivered(store, ticket)

    kinds = [delivery.kind for delivery in town.arrived if delivery.ticket_id == ticket.id]
    assert kinds == [DeliveryKind.POST, DeliveryKind.THREAD]
    assert f"ticket {ticket.id} is set aside: Discord refused it" in caplog.text


async def test_an_error_nobody_foresaw_is_tried_again_knowing_of_the_first_attempt(
    store: Store, workspace: Workspace, town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    report = await a_report(store, workspace)
    town.will(report, raising(RuntimeError("what is this?")), raising(RetryLater("now this", seconds=0)))

    async with dispatching(store, town):
        first, second, third = await town.hears(3)
        await delivered(store, report)

    assert [first.attempts, second.attempts, third.attempts] == [0, 1, 2]
    assert first.nonce == second.nonce == third.nonce
    assert "RuntimeError: what is this?" in caplog.text


async def test_waits_grow_with_each_attempt_up_to_a_minute(
    store: Store, workspace: Workspace, town: Town, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "bot.outbox.dispatcher")
    waits = {0: 1, 3: 8, 40: 60}
    for attempts in waits:
        report = await a_report(store, workspace)
        town.will(report, raising(RetryLater("Discord is away")))
        with raw(tmp_path / "tickets.db") as db:
            db.execute("UPDATE outbox SET attempts = ? WHERE ticket_id = ?", (attempts, report.id))

    async with dispatching(store, town):
        await town.hears(3)
        await asyncio.sleep(0.1)

    for seconds in waits.values():
        assert f"waits {seconds} s: Discord is away" in caplog.text


async def test_an_attempt_without_an_answer_is_abandoned_and_tried_again(
    store: Store, workspace: Workspace, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot.outbox.dispatcher, "ATTEMPT_SECONDS", 0.1)
    monkeypatch.setattr(bot.outbox.circuit_breaker, "MIN_BACKOFF", 0.1)
    report = await a_report(store, workspace)
    town.will(report, never)

    async with dispatching(store, town):
        _, again = await town.hears(2)
        await delivered(store, report)

    assert again.attempts == 1


async def test_what_is_cut_short_stays_pending_and_is_known_to_have_begun(
    store: Store, workspace: Workspace, town: Town
) -> None:
    report = await a_report(store, workspace)
    town.will(report, never)

    async with dispatching(store, town):
        (first,) = await town.hears(1)

    (waiting,) = await store.pending_for_ticket(report.id, Destination.DISCORD)
    assert (waiting.id, waiting.nonce, waiting.attempts) == (first.id, first.nonce, 1)


async def test_a_dispatcher_can_be_stopped_and_started_again(
    store: Store, workspace: Workspace, town: Town
) -> None:
    report = await a_report(store, workspace)
    town.will(report, never)

    async with dispatching(store, town) as dispatcher:
        await town.hears(1)
    running = asyncio.create_task(dispatcher.run())
    await delivered(store, report)
    running.cancel()
    await asyncio.wait([running])

    assert [delivery.attempts for delivery in town.arrived] == [0, 1]


async def test_a_database_that_fails_for_a_while_stops_nothing_for_good(
    store: Store, workspace: Workspace, town: Town, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with dispatching(store, town):
        with raw(tmp_path / "tickets.db") as db:
            view = db.execute("SELECT sql FROM sqlite_schema WHERE name = 'outbox_heads'").fetchone()[0]
            db.execute("DROP VIEW outbox_heads")
            report = await a_report(store, workspace)
            await asyncio.sleep(0.2)
            db.execute(view)
        await delivered(store, report)

    assert "The outbox cannot be read" in caplog.text


async def test_an_outcome_that_cannot_be_kept_is_tried_again_as_unknown(
    store: Store, workspace: Workspace, town: Town, tmp_path: Path
) -> None:
    report = await a_report(store, workspace)
    with raw(tmp_path / "tickets.db") as db:
        db.execute(
            "CREATE TRIGGER trouble BEFORE UPDATE OF state ON outbox "
            "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
        async with dispatching(store, town):
            await town.hears(1)
            await asyncio.sleep(0.2)
            db.execute("DROP TRIGGER trouble")
            await delivered(store, report)

    assert [delivery.attempts for delivery in town.arrived] == [0, 1]


async def test_the_logs_hold_no_words_of_a_player(
    store: Store, workspace: Workspace, town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "bot")
    secret = new_ticket(view_only=True, subject="my-subject", body="my-body")
    report = await store.add_ticket(workspace.id, secret, ids(), NOW)
    town.will(report, raising(RetryLater("away", seconds=0)), raising(PermanentFailure("refused")))

    async with dispatching(store, town):
        await delivered(store, report)

    assert "is set aside" in caplog.text
    assert "my-subject" not in caplog.text
    assert "my-body" not in caplog.text
