"""The same request again: carried out once, answered the same to the byte, however and whenever it comes."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.tickets import (
    Answered,
    Category,
    DifferentRequest,
    NewTicket,
    Once,
    Scope,
    Status,
    Ticket,
    TooManyOpen,
    Workspace,
)
from storage import StorageError, Store
from tests.storage.samples import NOW, WRITER, counted, ids, named, new_ticket, opened, raw, replying, worked
from tests.support.crash_worker import victim

WINDOW = timedelta(hours=1)
TICK = timedelta(milliseconds=1)
ONCE = Once(sender="prefix", path="/tickets", digest="d" * 64, token="t", until=NOW + WINDOW)
WITHOUT = replace(ONCE, token=None)
BOTH = pytest.mark.parametrize("once", [ONCE, WITHOUT], ids=["token", "digest"])

TakeIn = Callable[..., Awaitable[Answered]]


@pytest.fixture
def take_in(store: Store, workspace: Workspace) -> TakeIn:
    async def take_in(once: Once | None, new: NewTicket | None = None, now: datetime = NOW) -> Answered:
        return await store.take_in(workspace.id, new or new_ticket(), ids(), now, once=once, answer=named)

    return take_in


@BOTH
async def test_of_64_at_once_one_ticket_is_kept_and_all_are_answered_alike(
    take_in: TakeIn, path: Path, once: Once
) -> None:
    answers = await asyncio.gather(*(take_in(once) for _ in range(64)))

    assert counted(path, "tickets") == 1
    assert counted(path, "outbox") == 2
    assert len({answer.body for answer in answers}) == 1
    assert sorted(answer.repeated for answer in answers) == [False] + [True] * 63


async def test_another_body_under_the_same_token_is_refused_and_keeps_nothing(
    take_in: TakeIn, path: Path
) -> None:
    first = await take_in(ONCE)

    with pytest.raises(DifferentRequest, match=r"used before, with another body"):
        await take_in(replace(ONCE, digest="e" * 64))

    assert counted(path, "tickets") == 1
    assert (await take_in(ONCE)).body == first.body


@pytest.mark.parametrize(
    "other",
    [
        replace(ONCE, token="u"),
        replace(ONCE, token="T"),
        replace(ONCE, token=""),
        replace(ONCE, sender="another"),
        replace(ONCE, path="/tickets/unfinished"),
        WITHOUT,
        replace(WITHOUT, sender="another"),
        None,
    ],
)
async def test_another_token_sender_or_path_is_another_request(
    take_in: TakeIn, path: Path, other: Once | None
) -> None:
    first = await take_in(ONCE)
    second = await take_in(other)

    assert (second.repeated, counted(path, "tickets")) == (False, 2)
    assert second.body != first.body


@pytest.mark.parametrize(
    "other",
    [
        replace(WITHOUT, digest="e" * 64),
        replace(WITHOUT, sender="another"),
        replace(WITHOUT, path="/tickets/unfinished"),
        ONCE,
        None,
    ],
)
async def test_without_a_token_another_body_sender_or_path_is_another_request(
    take_in: TakeIn, path: Path, other: Once | None
) -> None:
    await take_in(WITHOUT)

    assert not (await take_in(other)).repeated
    assert counted(path, "tickets") == 2


@BOTH
async def test_a_repeat_is_one_exactly_until_the_window_ends(take_in: TakeIn, path: Path, once: Once) -> None:
    first = await take_in(once)

    last = await take_in(once, now=once.until - TICK)
    after = await take_in(replace(once, until=once.until + WINDOW), now=once.until)

    assert (last.repeated, last.body) == (True, first.body)
    assert not after.repeated
    assert counted(path, "tickets") == 2
    again = await take_in(once, now=once.until + TICK)
    assert (again.repeated, again.body) == (True, after.body)


async def test_a_token_is_free_for_another_body_once_its_window_has_ended(take_in: TakeIn) -> None:
    await take_in(ONCE)
    later = replace(ONCE, digest="e" * 64, until=ONCE.until + WINDOW)

    assert not (await take_in(later, now=ONCE.until)).repeated


async def test_answers_whose_window_has_ended_are_let_go(take_in: TakeIn, path: Path) -> None:
    for number in range(20):
        await take_in(replace(ONCE, token=str(number), until=NOW + number * TICK))
    assert counted(path, "answered") == 20 - 1  # the first was over as soon as it was kept

    await take_in(replace(ONCE, until=NOW + WINDOW), now=NOW + 15 * TICK)

    assert counted(path, "answered") == 4 + 1


@BOTH
async def test_a_repeat_is_known_after_closing_and_opening(
    store: Store, workspace: Workspace, take_in: TakeIn, path: Path, once: Once
) -> None:
    first = await take_in(once)
    await store.close()

    async with opened(path) as again:
        repeat = await again.take_in(workspace.id, new_ticket(), ids(), NOW, once=once, answer=named)

    assert repeat == Answered(body=first.body, repeated=True)
    assert counted(path, "tickets") == 1


async def test_a_repeat_is_known_after_kill_9(store: Store, workspace: Workspace, path: Path) -> None:
    await store.close()
    async with victim("take_in", path, "") as process:
        assert process.stdout is not None
        for _ in range(5):
            await process.stdout.readline()
        process.kill()
        said = 5 + len([line for line in (await process.stdout.read()).splitlines() if line])
    kept = counted(path, "tickets")

    async with opened(path) as again:
        for number in range(said):
            once = replace(ONCE, token=str(number))
            repeat = await again.take_in(workspace.id, new_ticket(), ids(), NOW, once=once, answer=named)

            assert repeat == Answered(body=f"T-{number}".encode(), repeated=True)
    assert counted(path, "tickets") == kept == counted(path, "answered")


@BOTH
async def test_what_failed_is_no_answer_and_may_be_tried_again(
    store: Store, workspace: Workspace, take_in: TakeIn, path: Path, once: Once
) -> None:
    category = Category(id="bug", name="Bugs", max_open=1)
    await store.change_workspace(workspace.id, lambda found: found.with_category(category))
    first = await take_in(None)
    with pytest.raises(TooManyOpen):
        await take_in(once)
    assert counted(path, "answered") == 0

    ticket = await store.ticket_named(first.body.decode())
    assert ticket is not None
    await store.change_ticket(ticket.id, lambda found: found.move_to(Status.CLOSED), NOW, by=WRITER)

    assert not (await take_in(once)).repeated


async def test_a_ticket_whose_answer_cannot_be_kept_is_not_kept(take_in: TakeIn, path: Path) -> None:
    with raw(path) as db:
        db.execute(
            "CREATE TRIGGER trouble BEFORE INSERT ON answered "
            "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )

    with pytest.raises(StorageError, match="the disk is full"):
        await take_in(ONCE)

    assert (counted(path, "tickets"), counted(path, "outbox")) == (0, 0)


@BOTH
async def test_a_request_cut_short_keeps_all_or_nothing_and_blocks_nobody(
    take_in: TakeIn, path: Path, once: Once
) -> None:
    for patience in range(40):
        same = replace(once, digest=f"{patience:064d}", token=once.token and str(patience))
        cut = asyncio.ensure_future(take_in(same))
        for _ in range(patience):
            await asyncio.sleep(0)
        await asyncio.sleep(patience / 30_000)
        cut.cancel()
        await asyncio.wait([cut])

        # In one statement: what is cut short goes on in the writer's thread.
        with raw(path) as db:
            tickets, answered = db.execute(
                "SELECT (SELECT count(*) FROM tickets), (SELECT count(*) FROM answered)"
            ).fetchone()
        assert tickets == answered
        await take_in(same)
        assert counted(path, "tickets") == counted(path, "answered") == patience + 1


async def test_work_is_done_once_too(store: Store, workspace: Workspace, path: Path) -> None:
    ticket = await store.add_ticket(workspace.id, new_ticket(), ids(), NOW)

    async def work() -> Answered:
        return await store.work_on(
            Scope(workspace_id=workspace.id, source="somewhere"),
            ticket.public_id,
            by=WRITER,
            say_first=replying(),
            rule=_claiming,
            once=ONCE,
            now=NOW,
            answer=worked,
        )

    answers = await asyncio.gather(*(work() for _ in range(16)))

    assert {answer.body for answer in answers} == {f"{ticket.public_id} in hub: in-progress".encode()}
    assert sum(answer.repeated for answer in answers) == 15
    assert counted(path, "messages") == 2  # the reply and the claim


def _claiming(ticket: Ticket, _: Workspace) -> Ticket:
    return ticket.claim(WRITER)
