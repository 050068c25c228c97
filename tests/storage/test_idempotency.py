"""A repeated request: carried out once, and answered the same to the byte whenever it is repeated."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.tickets.errors import IdempotencyKeyReused, OpenTicketLimitReached
from bot.tickets.idempotency import IdempotencyKey, StoredResponse
from bot.tickets.queries import Scope
from bot.tickets.ticket import NewTicket, Status, Ticket
from bot.tickets.workspace import Category, Workspace
from storage import StorageError, Store
from tests.storage.samples import (
    NOW,
    WRITER,
    counted,
    ids,
    named,
    new_ticket,
    opened,
    raw,
    replying,
    update_response,
)
from tests.support.crash_worker import crash_worker

WINDOW = timedelta(hours=1)
TICK = timedelta(milliseconds=1)
ONCE = IdempotencyKey(
    key_prefix="prefix", path="/tickets", body_sha256="d" * 64, header_value="t", expires_at=NOW + WINDOW
)
WITHOUT = replace(ONCE, header_value=None)
BOTH = pytest.mark.parametrize("once", [ONCE, WITHOUT], ids=["token", "digest"])

TakeIn = Callable[..., Awaitable[StoredResponse]]


@pytest.fixture
def create(store: Store, workspace: Workspace) -> TakeIn:
    async def create(
        once: IdempotencyKey | None, new: NewTicket | None = None, now: datetime = NOW
    ) -> StoredResponse:
        return await store.intake.create_ticket(
            workspace.id, new or new_ticket(), ids(), now, idempotency_key=once, serialize_response=named
        )

    return create


@BOTH
async def test_of_64_identical_requests_one_ticket_is_stored_and_all_get_the_same_response(
    create: TakeIn, path: Path, once: IdempotencyKey
) -> None:
    answers = await asyncio.gather(*(create(once) for _ in range(64)))

    assert counted(path, "tickets") == 1
    assert counted(path, "outbox") == 2
    assert len({answer.body for answer in answers}) == 1
    assert sorted(answer.replayed for answer in answers) == [False] + [True] * 63


async def test_another_body_with_the_same_idempotency_key_is_refused_and_stores_nothing(
    create: TakeIn, path: Path
) -> None:
    first = await create(ONCE)

    with pytest.raises(IdempotencyKeyReused, match=r"used before, with another body"):
        await create(replace(ONCE, body_sha256="e" * 64))

    assert counted(path, "tickets") == 1
    assert (await create(ONCE)).body == first.body


@pytest.mark.parametrize(
    "other",
    [
        replace(ONCE, header_value="u"),
        replace(ONCE, header_value="T"),
        replace(ONCE, header_value=""),
        replace(ONCE, key_prefix="another"),
        replace(ONCE, path="/tickets/unfinished"),
        WITHOUT,
        replace(WITHOUT, key_prefix="another"),
        None,
    ],
)
async def test_another_idempotency_key_sender_or_path_is_another_request(
    create: TakeIn, path: Path, other: IdempotencyKey | None
) -> None:
    first = await create(ONCE)
    second = await create(other)

    assert (second.replayed, counted(path, "tickets")) == (False, 2)
    assert second.body != first.body


@pytest.mark.parametrize(
    "other",
    [
        replace(WITHOUT, body_sha256="e" * 64),
        replace(WITHOUT, key_prefix="another"),
        replace(WITHOUT, path="/tickets/unfinished"),
        ONCE,
        None,
    ],
)
async def test_without_an_idempotency_key_another_body_sender_or_path_is_another_request(
    create: TakeIn, path: Path, other: IdempotencyKey | None
) -> None:
    await create(WITHOUT)

    assert not (await create(other)).replayed
    assert counted(path, "tickets") == 2


@BOTH
async def test_a_request_is_a_repeat_exactly_until_its_response_expires(
    create: TakeIn, path: Path, once: IdempotencyKey
) -> None:
    first = await create(once)

    last = await create(once, now=once.expires_at - TICK)
    after = await create(replace(once, expires_at=once.expires_at + WINDOW), now=once.expires_at)

    assert (last.replayed, last.body) == (True, first.body)
    assert not after.replayed
    assert counted(path, "tickets") == 2
    repeated = await create(once, now=once.expires_at + TICK)
    assert (repeated.replayed, repeated.body) == (True, after.body)


async def test_an_idempotency_key_can_be_reused_once_its_response_expired(create: TakeIn) -> None:
    await create(ONCE)
    later = replace(ONCE, body_sha256="e" * 64, expires_at=ONCE.expires_at + WINDOW)

    assert not (await create(later, now=ONCE.expires_at)).replayed


async def test_expired_responses_are_deleted(
    store: Store, create: TakeIn, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.intake._PAGE", 7)
    for number in range(20):
        await create(replace(ONCE, header_value=str(number), expires_at=NOW + number * TICK))

    assert await store.intake.delete_expired_responses(NOW + 15 * TICK) == 16

    assert counted(path, "idempotent_responses") == 4
    assert await store.intake.delete_expired_responses(NOW + 15 * TICK) == 0


@BOTH
async def test_a_repeat_is_recognized_after_closing_and_opening(
    store: Store, workspace: Workspace, create: TakeIn, path: Path, once: IdempotencyKey
) -> None:
    first = await create(once)
    await store.close()

    async with opened(path) as repeated:
        repeat = await repeated.intake.create_ticket(
            workspace.id, new_ticket(), ids(), NOW, idempotency_key=once, serialize_response=named
        )

    assert repeat == StoredResponse(body=first.body, replayed=True)
    assert counted(path, "tickets") == 1


async def test_a_repeat_is_recognized_after_kill_9(store: Store, workspace: Workspace, path: Path) -> None:
    await store.close()
    async with crash_worker("create", path, "") as process:
        assert process.stdout is not None
        for _ in range(5):
            await process.stdout.readline()
        process.kill()
        output = 5 + len([line for line in (await process.stdout.read()).splitlines() if line])
    stored = counted(path, "tickets")

    async with opened(path) as repeated:
        for number in range(output):
            once = replace(ONCE, header_value=str(number))
            repeat = await repeated.intake.create_ticket(
                workspace.id, new_ticket(), ids(), NOW, idempotency_key=once, serialize_response=named
            )

            assert repeat == StoredResponse(body=f"T-{number}".encode(), replayed=True)
    assert counted(path, "tickets") == stored == counted(path, "idempotent_responses")


@BOTH
async def test_a_failed_request_has_no_stored_response_and_can_be_retried(
    store: Store, workspace: Workspace, create: TakeIn, path: Path, once: IdempotencyKey
) -> None:
    category = Category(id="bug", name="Bugs", max_open=1)
    await store.workspaces.change(workspace.id, lambda found: found.with_category(category))
    first = await create(None)
    with pytest.raises(OpenTicketLimitReached):
        await create(once)
    assert counted(path, "idempotent_responses") == 0

    ticket = await store.tickets.find_by_public_id(first.body.decode())
    assert ticket is not None
    await store.tickets.change(ticket.id, lambda found: found.set_status(Status.CLOSED), NOW, actor=WRITER)

    assert not (await create(once)).replayed


async def test_a_ticket_whose_response_cannot_be_stored_is_not_stored(create: TakeIn, path: Path) -> None:
    with raw(path) as db:
        db.execute(
            "CREATE TRIGGER trouble BEFORE INSERT ON idempotent_responses "
            "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )

    with pytest.raises(StorageError, match="the disk is full"):
        await create(ONCE)

    assert (counted(path, "tickets"), counted(path, "outbox")) == (0, 0)


@BOTH
async def test_a_cancelled_request_stores_all_or_nothing_and_blocks_no_other(
    create: TakeIn, path: Path, once: IdempotencyKey
) -> None:
    for steps in range(40):
        same = replace(once, body_sha256=f"{steps:064d}", header_value=once.header_value and str(steps))
        cut = asyncio.ensure_future(create(same))
        for _ in range(steps):
            await asyncio.sleep(0)
        await asyncio.sleep(steps / 30_000)
        cut.cancel()
        await asyncio.wait([cut])

        # In one statement, because a cancelled write still ends in the writer's thread.
        with raw(path) as db:
            tickets, response = db.execute(
                "SELECT (SELECT count(*) FROM tickets), (SELECT count(*) FROM idempotent_responses)"
            ).fetchone()
        assert tickets == response
        await create(same)
        assert counted(path, "tickets") == counted(path, "idempotent_responses") == steps + 1


async def test_a_repeated_update_is_done_once(store: Store, workspace: Workspace, path: Path) -> None:
    ticket = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)

    async def work() -> StoredResponse:
        return await store.intake.update_ticket(
            Scope(workspace_id=workspace.id, source="somewhere"),
            ticket.public_id,
            actor=WRITER,
            messages=lambda found: [replying()(found)],
            change=_claiming,
            idempotency_key=ONCE,
            now=NOW,
            serialize_response=update_response,
        )

    answers = await asyncio.gather(*(work() for _ in range(16)))

    assert {answer.body for answer in answers} == {f"{ticket.public_id} in hub: in-progress".encode()}
    assert sum(answer.replayed for answer in answers) == 15
    assert counted(path, "messages") == 2  # the reply and the claim


def _claiming(ticket: Ticket, _: Workspace) -> Ticket:
    return ticket.claim(WRITER)
