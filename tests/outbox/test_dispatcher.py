"""Dispatcher: delivers in order per ticket, one attempt at a time per channel, and retries failures."""

import asyncio
import logging
from pathlib import Path

import pytest

import bot.outbox.dispatcher
from bot.clock import utc_now
from bot.outbox.circuit_breaker import CircuitBreaker
from bot.outbox.dispatcher import Dispatcher
from bot.outbox.errors import (
    BotForbidden,
    ChannelForbidden,
    DeliveryError,
    PermanentFailure,
    RateLimited,
    RetryLater,
    UnknownOutcome,
)
from bot.tickets.outbox import Delivery, DeliveryKind
from bot.tickets.workspace import Workspace
from storage import Store
from tests.outbox.test_circuit_breaker import Clock
from tests.storage.samples import HUB, NOW, ids, new_ticket, noting, raw
from tests.support.bridge_harness import wait_for
from tests.support.dispatcher_harness import (
    FAST,
    SLOW,
    RecordingHandler,
    create_report,
    create_ticket,
    hang,
    raising,
    running_dispatcher,
    wait_for_last_error,
    wait_until_delivered,
)


async def test_a_tickets_deliveries_arrive_in_the_order_they_were_saved(
    store: Store, workspace: Workspace, handler: RecordingHandler
) -> None:
    ticket = await create_ticket(store, workspace)
    for number in range(3):
        await store.tickets.add_message(ticket.id, noting(str(number)), origin=str(number), now=NOW)

    async with running_dispatcher(store, handler):
        await wait_until_delivered(store, ticket)

    assert [delivery.id for delivery in handler.received] == sorted(one.id for one in handler.received)
    assert [delivery.kind for delivery in handler.received] == [
        DeliveryKind.POST,
        DeliveryKind.THREAD,
        *[DeliveryKind.POST_MESSAGE] * 3,
    ]


async def test_a_delivery_is_marked_delivered_with_its_receipt(
    store: Store, workspace: Workspace, handler: RecordingHandler
) -> None:
    report = await create_report(store, workspace)

    async with running_dispatcher(store, handler):
        await wait_until_delivered(store, report)

    post = (await store.tickets.get(report.id)).post
    assert (post.channel_id, post.message_id) == (HUB.reports_channel_id, 1001)


async def test_with_an_empty_outbox_the_dispatcher_waits_for_new_rows_without_polling(
    store: Store, workspace: Workspace, handler: RecordingHandler
) -> None:
    async with running_dispatcher(store, handler) as dispatcher:
        for count in range(1, 4):
            assert await dispatcher._seconds_until_next(utc_now(), None) is None
            await wait_until_delivered(store, await create_report(store, workspace))

            assert len(handler.received) == count


async def test_a_channel_has_one_attempt_in_flight_and_delays_no_other(
    store: Store, workspace: Workspace, handler: RecordingHandler
) -> None:
    release = asyncio.Event()

    async def wait_for_release(_: Delivery) -> None:
        await release.wait()

    reports = [await create_report(store, workspace) for _ in range(5)]
    handler.set_behaviours(reports[0], wait_for_release)

    async with running_dispatcher(store, handler):
        await handler.wait_for_attempts(1)
        await wait_until_delivered(store, await create_ticket(store, workspace))
        in_reports = [one for one in handler.received if one.channel_id == HUB.reports_channel_id]
        assert [delivery.ticket_id for delivery in in_reports] == [reports[0].id]

        release.set()
        await wait_until_delivered(store, reports[-1])

    in_reports = [one for one in handler.received if one.channel_id == HUB.reports_channel_id]
    assert [delivery.ticket_id for delivery in in_reports] == [report.id for report in reports]


async def test_a_delivery_to_retry_later_holds_back_its_ticket_and_no_other(
    store: Store, workspace: Workspace, handler: RecordingHandler
) -> None:
    first, second = await create_ticket(store, workspace), await create_ticket(store, workspace)
    handler.set_behaviours(first, raising(RetryLater("not yet", seconds=500)))

    async with running_dispatcher(store, handler):
        await wait_until_delivered(store, second)
        post, _ = await store.outbox.pending_for_ticket(first.id)
        await store.outbox_admin.retry(post.id, utc_now())
        await wait_until_delivered(store, first)

    kinds = [delivery.kind for delivery in handler.received if delivery.ticket_id == first.id]
    assert kinds == [DeliveryKind.POST, DeliveryKind.POST, DeliveryKind.THREAD]


async def test_a_delivery_to_retry_later_is_due_after_the_seconds_of_its_error(
    store: Store, workspace: Workspace, handler: RecordingHandler
) -> None:
    report = await create_report(store, workspace)
    handler.set_behaviours(report, raising(RetryLater("not yet", seconds=400)))

    before = utc_now()
    async with running_dispatcher(store, handler):
        entry = await wait_for_last_error(store, report)

    assert (entry.last_error, entry.attempts) == ("not yet", 1)
    assert 399 < (entry.due_at - before).total_seconds() <= 400 + (utc_now() - before).total_seconds()


async def test_a_delivery_is_not_retried_before_it_is_due(
    store: Store, workspace: Workspace, handler: RecordingHandler
) -> None:
    report = await create_report(store, workspace)
    handler.set_behaviours(report, raising(RetryLater("not yet", seconds=0.4)))

    start = asyncio.get_running_loop().time()
    async with running_dispatcher(store, handler):
        await handler.wait_for_attempts(2)

    assert asyncio.get_running_loop().time() - start > 0.35
    assert handler.attempts_for(report) == [0, 1]


@pytest.mark.parametrize("error", [UnknownOutcome("503"), RateLimited("429", seconds=0.1)])
async def test_later_deliveries_never_overtake_in_a_channel_that_backs_off(
    store: Store, workspace: Workspace, handler: RecordingHandler, error: Exception
) -> None:
    reports = [await create_report(store, workspace) for _ in range(3)]
    handler.set_behaviours(reports[0], raising(error), raising(error))

    async with running_dispatcher(store, handler, breaker=CircuitBreaker(FAST)):
        await wait_until_delivered(store, reports[-1])

    order = [delivery.ticket_id for delivery in handler.received]
    assert order == [reports[0].id] * 3 + [reports[1].id, reports[2].id]


async def test_a_forbidden_channel_is_not_tried_again_and_others_are(
    store: Store, workspace: Workspace, handler: RecordingHandler
) -> None:
    reports = [await create_report(store, workspace) for _ in range(3)]
    for report in reports:
        handler.set_behaviours(report, raising(ChannelForbidden("403 Missing Permissions")))

    async with running_dispatcher(store, handler) as dispatcher:
        await wait_for_last_error(store, reports[0])
        await wait_until_delivered(store, await create_ticket(store, workspace))

        in_reports = [one for one in handler.received if one.channel_id == HUB.reports_channel_id]
        assert [delivery.ticket_id for delivery in in_reports] == [reports[0].id]
        circuit = dispatcher.breaker.circuits[f"posts:{HUB.reports_channel_id}"]
        assert (circuit.reason, circuit.forbidden) == ("403 Missing Permissions", True)


@pytest.mark.parametrize(
    "error",
    [
        ChannelForbidden("the reason"),
        BotForbidden("the reason", seconds=400),
        RateLimited("the reason", seconds=400),
        UnknownOutcome("the reason"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_delivery_that_waits_for_a_circuit_is_due_and_shows_its_error_until_it_is_delivered(
    store: Store, workspace: Workspace, handler: RecordingHandler, error: DeliveryError
) -> None:
    report = await create_report(store, workspace)
    handler.set_behaviours(report, raising(error))

    async with running_dispatcher(store, handler, breaker=CircuitBreaker(SLOW)):
        entry = await wait_for_last_error(store, report)
    assert (entry.last_error, entry.due_at, entry.attempts) == ("the reason", NOW, 1)

    async with running_dispatcher(store, handler):
        await wait_until_delivered(store, report)
    assert await store.outbox_admin.list_undelivered(1) == []


async def test_a_channel_that_may_be_repaired_is_tried_soon(
    store: Store, workspace: Workspace, handler: RecordingHandler
) -> None:
    report = await create_report(store, workspace)
    handler.set_behaviours(report, raising(ChannelForbidden("403 Missing Permissions")))

    async with running_dispatcher(store, handler, breaker=CircuitBreaker(FAST)) as dispatcher:
        await wait_for_last_error(store, report)
        dispatcher.wake(HUB.reports_channel_id)
        await wait_until_delivered(store, report)

    assert handler.attempts_for(report) == [0, 1]


async def test_while_the_global_circuit_is_open_nothing_is_tried_and_while_half_open_one_delivery(
    store: Store, workspace: Workspace, handler: RecordingHandler
) -> None:
    clock, release = Clock(), asyncio.Event()

    async def wait_for_release(_: Delivery) -> None:
        await release.wait()

    report, ticket = await create_report(store, workspace), await create_ticket(store, workspace)
    for one in (report, ticket):
        handler.set_behaviours(one, wait_for_release)
    breaker = CircuitBreaker(clock=clock)
    for channel_id in (91, 92, 93):
        breaker.record_timeout(f"posts:{channel_id}", channel_id, "503")

    async with running_dispatcher(store, handler, breaker=breaker) as dispatcher:
        await give_turns(store, dispatcher)
        assert breaker.is_open
        assert handler.received == []

        clock.advance(5)
        dispatcher.wake(channel_id=0)
        await handler.wait_for_attempts(1)
        await give_turns(store, dispatcher)
        assert breaker.is_half_open
        assert len(handler.received) == 1

        release.set()
        await wait_until_delivered(store, report)
        await wait_until_delivered(store, ticket)
    assert breaker.global_circuit is None


async def give_turns(store: Store, dispatcher: Dispatcher) -> None:
    """Wake the dispatcher, and wait until it would have started all it may: reads and writes are queued."""
    dispatcher.wake(channel_id=0)
    for _ in range(10):
        await store.outbox_admin.list_undelivered(1)
        await store.outbox_admin.mark_reported("none", NOW)


async def test_a_global_rejection_stops_all_deliveries_until_reset(
    store: Store, workspace: Workspace, handler: RecordingHandler
) -> None:
    report, ticket = await create_report(store, workspace), await create_ticket(store, workspace)
    handler.set_behaviours(report, raising(BotForbidden("401", seconds=400)))
    handler.set_behaviours(ticket, raising(BotForbidden("401", seconds=400)))

    async with running_dispatcher(store, handler) as dispatcher:
        await wait_for(lambda: dispatcher.breaker.is_open)
        await wait_for(lambda: not dispatcher._in_flight)
        attempts = len(handler.received)
        later = await create_report(store, workspace)
        await give_turns(store, dispatcher)
        assert len(handler.received) == attempts <= 2  # both channels may have been tried at once

        dispatcher.wake()
        await wait_until_delivered(store, later)
        await wait_until_delivered(store, ticket)


async def test_an_attempt_of_a_killed_process_may_still_arrive_and_is_waited_for(
    store: Store, workspace: Workspace, handler: RecordingHandler
) -> None:
    reports = [await create_report(store, workspace) for _ in range(2)]
    ((first,),) = await store.outbox.due((), NOW)
    await store.outbox.start_attempt([first], utc_now())
    start = asyncio.get_running_loop().time()

    async with running_dispatcher(store, handler, unknown_outcome_delay=0.5):
        await wait_until_delivered(store, reports[-1])

    assert asyncio.get_running_loop().time() - start > 0.4
    assert [delivery.ticket_id for delivery in handler.received] == [report.id for report in reports]
    assert handler.received[0].attempts == 1


async def test_a_permanent_failure_becomes_a_dead_letter_and_the_next_delivery_goes(
    store: Store, workspace: Workspace, handler: RecordingHandler, caplog: pytest.LogCaptureFixture
) -> None:
    ticket, behind = await create_ticket(store, workspace), await create_ticket(store, workspace)
    handler.set_behaviours(ticket, raising(PermanentFailure("Discord refused it")))

    async with running_dispatcher(store, handler):
        await wait_until_delivered(store, behind)
        await wait_until_delivered(store, ticket)

    kinds = [delivery.kind for delivery in handler.received if delivery.ticket_id == ticket.id]
    assert kinds == [DeliveryKind.POST, DeliveryKind.THREAD]
    (record,) = (record for record in caplog.records if record.levelno == logging.ERROR)
    assert record.getMessage() == "Delivery moved to the dead letters: Discord refused it"
    fields = vars(record)
    assert (fields["ticket_id"], fields["delivery_id"]) == (ticket.id, handler.received[0].id)
    assert (fields["attempt"], fields["channel_id"]) == (1, HUB.tickets_channel_id)


async def test_an_unexpected_error_is_retried_as_of_unknown_outcome(
    store: Store, workspace: Workspace, handler: RecordingHandler, caplog: pytest.LogCaptureFixture
) -> None:
    report = await create_report(store, workspace)
    handler.set_behaviours(
        report, raising(RuntimeError("what is this?")), raising(RetryLater("now this", seconds=0))
    )

    async with running_dispatcher(store, handler):
        first, second, third = await handler.wait_for_attempts(3)
        await wait_until_delivered(store, report)

    assert [first.attempts, second.attempts, third.attempts] == [0, 1, 2]
    assert first.nonce == second.nonce == third.nonce
    assert "RuntimeError: what is this?" in caplog.text


async def test_waits_double_with_each_attempt_up_to_a_minute(
    store: Store, workspace: Workspace, handler: RecordingHandler, tmp_path: Path
) -> None:
    waits = {4: 16, 5: 32, 6: 60, 40: 60}
    reports = {}
    for attempts in waits:
        reports[attempts] = await create_report(store, workspace)
        handler.set_behaviours(reports[attempts], raising(RetryLater("Discord is away")))
        with raw(tmp_path / "tickets.db") as db:
            db.execute("UPDATE outbox SET attempts = ? WHERE ticket_id = ?", (attempts, reports[attempts].id))

    before = utc_now()
    async with running_dispatcher(store, handler):
        entries = {attempts: await wait_for_last_error(store, one) for attempts, one in reports.items()}
    elapsed = (utc_now() - before).total_seconds()

    for attempts, wait in waits.items():
        assert wait - 0.1 < (entries[attempts].due_at - before).total_seconds() <= wait + elapsed + 1


async def test_an_attempt_without_a_response_is_abandoned_and_retried(
    store: Store,
    workspace: Workspace,
    handler: RecordingHandler,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(bot.outbox.dispatcher, "ATTEMPT_SECONDS", 0.1)
    report = await create_report(store, workspace)
    handler.set_behaviours(report, hang)

    async with running_dispatcher(store, handler, breaker=CircuitBreaker(FAST)):
        await wait_until_delivered(store, report)

    assert "no response within 0 s" in caplog.text
    assert handler.attempts_for(report) == [0, 1]


async def test_a_cancelled_attempt_stays_pending_and_counts_as_started(
    store: Store, workspace: Workspace, handler: RecordingHandler
) -> None:
    report = await create_report(store, workspace)
    handler.set_behaviours(report, hang)

    async with running_dispatcher(store, handler):
        (first,) = await handler.wait_for_attempts(1)

    (pending,) = await store.outbox.pending_for_ticket(report.id)
    assert (pending.id, pending.nonce, pending.attempts) == (first.id, first.nonce, 1)


async def test_a_dispatcher_can_be_stopped_and_started_again(
    store: Store, workspace: Workspace, handler: RecordingHandler
) -> None:
    report = await create_report(store, workspace)
    handler.set_behaviours(report, hang)

    async with running_dispatcher(store, handler) as dispatcher:
        await handler.wait_for_attempts(1)
    running = asyncio.create_task(dispatcher.run())
    await wait_until_delivered(store, report)
    running.cancel()
    await asyncio.wait([running])

    assert handler.attempts_for(report) == [0, 1]


async def test_a_database_that_cannot_be_read_for_a_while_ends_nothing(
    store: Store,
    workspace: Workspace,
    handler: RecordingHandler,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with running_dispatcher(store, handler):
        with raw(tmp_path / "tickets.db") as db:
            view = db.execute("SELECT sql FROM sqlite_schema WHERE name = 'outbox_next'").fetchone()[0]
            db.execute("DROP VIEW outbox_next")
            report = await create_report(store, workspace)
            await wait_for(lambda: "The outbox cannot be read" in caplog.text)
            db.execute(view)
        await wait_until_delivered(store, report)


async def test_an_outcome_that_cannot_be_saved_is_retried_as_unknown(
    store: Store,
    workspace: Workspace,
    handler: RecordingHandler,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    report = await create_report(store, workspace)
    with raw(tmp_path / "tickets.db") as db:
        db.execute(
            "CREATE TRIGGER trouble BEFORE UPDATE OF state ON outbox "
            "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
        async with running_dispatcher(store, handler):
            await wait_for(lambda: "The outbox cannot be written" in caplog.text)
            db.execute("DROP TRIGGER trouble")
            await wait_until_delivered(store, report)

    assert handler.attempts_for(report) == [0, 1]


async def test_the_log_has_no_text_of_a_player(
    store: Store, workspace: Workspace, handler: RecordingHandler, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "bot")
    secret = new_ticket(view_only=True, subject="my-subject", body="my-body")
    report = await store.intake.add_ticket(workspace.id, secret, ids(), NOW)
    handler.set_behaviours(
        report, raising(RetryLater("away", seconds=0)), raising(PermanentFailure("refused"))
    )

    async with running_dispatcher(store, handler):
        await wait_until_delivered(store, report)

    assert "Delivery moved to the dead letters" in caplog.text
    assert "my-subject" not in caplog.text
    assert "my-body" not in caplog.text
