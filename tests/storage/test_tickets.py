"""Storing tickets: a ticket and its deliveries in one transaction; and finding it again."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain, repeat
from pathlib import Path

import pytest

from bot.tickets.errors import AlreadyClaimed, UnknownTicket
from bot.tickets.message import Actor
from bot.tickets.outbox import DeliveryKind, Receipt
from bot.tickets.public_ids import timestamp_ids
from bot.tickets.ticket import DiscordPost, NewTicket, Player, Priority, Status, Ticket, TicketField
from bot.tickets.workspace import Workspace
from storage import StorageError, Store
from tests.storage.samples import HUB, NOW, counted, ids, new_ticket, raw

ALICE = Actor(id="11", name="Alice")


async def kinds_waiting(store: Store, ticket: Ticket) -> list[DeliveryKind]:
    return [delivery.kind for delivery in await store.outbox.pending_for_ticket(ticket.id)]


async def test_a_ticket_comes_back_as_it_was_stored(store: Store, workspace: Workspace) -> None:
    new = NewTicket(
        source="somewhere",
        view_only=True,
        subject="',;--\x00 😀 \u202e",
        body="' OR 1=1; DROP TABLE tickets; --",
        category="player",
        priority=Priority.URGENT,
        reporter=Player(
            id="7", name="rey", display_name="Rey", avatar_url="https://a/b", profile_url="https://c"
        ),
        reported_player=Player(name="kylo"),
        fields=(
            TicketField(label="Place", value="1", url="https://d"),
            TicketField(label="Tags", value="a, b"),
        ),
        chat_log=("<rey> hi", "<kylo> no"),
        raw_request='{"é": "\\u0000"}',
    )

    stored = await store.intake.add_ticket(workspace.id, new, ids(), NOW)

    assert (
        stored
        == await store.tickets.get(stored.id)
        == await store.tickets.find_by_public_id(stored.public_id)
    )
    assert await store.tickets.raw_request(stored.id) == new.raw_request
    assert {name: getattr(stored, name) for name in NewTicket.__dataclass_fields__} == {
        name: getattr(new, name) for name in NewTicket.__dataclass_fields__
    } | {"raw_request": "{}"}
    assert (stored.workspace_id, stored.status, stored.created_at) == (workspace.id, Status.OPEN, NOW)
    assert len(stored.uid) == 24


@pytest.mark.parametrize(
    ("new", "kinds", "channel"),
    [
        (new_ticket(), [DeliveryKind.POST, DeliveryKind.THREAD], HUB.tickets_channel_id),
        (new_ticket(view_only=True), [DeliveryKind.POST], HUB.reports_channel_id),
        (
            new_ticket(is_private=True),
            [DeliveryKind.PRIVATE_THREAD, DeliveryKind.POST],
            HUB.tickets_channel_id,
        ),
    ],
)
async def test_a_ticket_is_stored_together_with_its_deliveries(
    store: Store, workspace: Workspace, new: NewTicket, kinds: list[DeliveryKind], channel: int
) -> None:
    ticket = await store.intake.add_ticket(workspace.id, new, ids(), NOW)

    waiting = await store.outbox.pending_for_ticket(ticket.id)
    assert [delivery.kind for delivery in waiting] == kinds
    assert {delivery.channel_id for delivery in waiting} == {channel}


async def test_a_private_ticket_is_opened_in_the_channel_of_its_command(
    store: Store, workspace: Workspace
) -> None:
    ticket = await store.intake.add_ticket(
        workspace.id, new_ticket(is_private=True), ids(), NOW, channel_id=99
    )

    assert {row.channel_id for row in await store.outbox.pending_for_ticket(ticket.id)} == {99}


async def test_nothing_is_half_stored_when_the_second_insert_fails(
    store: Store, workspace: Workspace, path: Path
) -> None:
    with raw(path) as db:
        db.execute(
            "CREATE TRIGGER trouble BEFORE INSERT ON outbox WHEN NEW.kind = 'thread' "
            "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )

    with pytest.raises(StorageError, match="the disk is full"):
        await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)

    assert (counted(path, "tickets"), counted(path, "outbox")) == (0, 0)


@pytest.mark.parametrize("hostile", [{"body": "\ud800"}, {"reporter_id": "\udfff"}])
async def test_invalid_text_is_not_stored_and_the_store_goes_on(
    store: Store, workspace: Workspace, path: Path, hostile: dict[str, str]
) -> None:
    with pytest.raises(UnicodeEncodeError):
        await store.intake.add_ticket(workspace.id, new_ticket(**hostile), ids(), NOW)  # type: ignore[arg-type]  # texts

    assert counted(path, "tickets") == 0
    assert await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)


async def test_an_id_that_is_in_use_leads_to_the_next_candidate(store: Store, workspace: Workspace) -> None:
    candidates = chain(repeat("BUG-1", 5), ["BUG-2"])
    await store.intake.add_ticket(workspace.id, new_ticket(), iter(["BUG-1"]), NOW)

    second = await store.intake.add_ticket(workspace.id, new_ticket(), candidates, NOW)

    assert second.public_id == "BUG-2"


async def test_a_source_without_further_ids_gets_an_error(
    store: Store, workspace: Workspace, path: Path
) -> None:
    await store.intake.add_ticket(workspace.id, new_ticket(), iter(["BUG-1"]), NOW)

    with pytest.raises(ValueError, match="endless"):
        await store.intake.add_ticket(workspace.id, new_ticket(), iter(["BUG-1"]), NOW)

    assert counted(path, "tickets") == 1


async def test_a_thousand_tickets_in_one_frozen_second_have_a_thousand_ids(
    store: Store, workspace: Workspace
) -> None:
    stored = await asyncio.gather(
        *(
            store.intake.add_ticket(workspace.id, new_ticket(), timestamp_ids("TICKET", NOW), NOW)
            for _ in range(1000)
        )
    )

    assert len({ticket.public_id for ticket in stored}) == 1000
    assert len({ticket.uid for ticket in stored}) == 1000


async def test_a_ticket_for_an_unknown_workspace_is_not_stored(store: Store, path: Path) -> None:
    with pytest.raises(StorageError, match="workspace"):
        await store.intake.add_ticket("nowhere", new_ticket(), ids(), NOW)

    assert counted(path, "tickets") == 0


async def test_a_ticket_is_found_right_after_it_was_stored_among_many_reads(
    store: Store, workspace: Workspace
) -> None:
    for _ in range(30):
        await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    done = asyncio.Event()

    async def read_on() -> None:
        while not done.is_set():
            await store.tickets.autocomplete("broke", [workspace.id])

    readers = [asyncio.create_task(read_on()) for _ in range(8)]
    for _ in range(20):
        stored = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)

        assert await store.tickets.get(stored.id) == stored

    done.set()
    await asyncio.gather(*readers)


async def test_an_unknown_ticket_raises_unknown_ticket(store: Store) -> None:
    with pytest.raises(UnknownTicket):
        await store.tickets.get(404)
    with pytest.raises(UnknownTicket):
        await store.tickets.change(404, lambda ticket: ticket.claim(ALICE), NOW, actor=ALICE)
    assert await store.tickets.find_by_public_id("BUG-404") is None
    assert await store.tickets.find_by_discord_id(404) is None


async def test_a_ticket_is_found_by_its_post_and_by_its_thread(store: Store, workspace: Workspace) -> None:
    ticket = await store.intake.add_ticket(workspace.id, new_ticket(is_private=True), ids(), NOW)
    thread, post = await store.outbox.pending_for_ticket(ticket.id)

    await store.outbox.mark_delivered([thread], Receipt(channel_id=2, thread_id=70), NOW)
    await store.outbox.mark_delivered([post], Receipt(channel_id=2, message_id=80), NOW)

    for discord_id in (70, 80):
        shown = await store.tickets.find_by_discord_id(discord_id)
        assert shown is not None
        assert shown.post == DiscordPost(channel_id=2, message_id=80, thread_id=70)


async def test_tickets_of_a_reporter_stay_within_source_and_workspaces_newest_first(
    store: Store, workspace: Workspace
) -> None:
    other = await store.workspaces.add(replace(HUB, name="other"), NOW)
    first = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    second = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    await store.intake.add_ticket(workspace.id, new_ticket(reporter_id="8"), ids(), NOW)
    await store.intake.add_ticket(workspace.id, new_ticket(source="elsewhere"), ids(), NOW)
    await store.intake.add_ticket(other.id, new_ticket(), ids(), NOW)

    assert await store.tickets.list_of_reporter("somewhere", "7", [workspace.id]) == [second, first]
    assert await store.tickets.list_of_reporter("somewhere", "7", [workspace.id], limit=1) == [second]
    assert await store.tickets.list_of_reporter("somewhere", "7", []) == []


async def test_tickets_are_found_by_a_part_of_their_id_or_subject(store: Store, workspace: Workspace) -> None:
    fly = await store.intake.add_ticket(workspace.id, new_ticket(subject="Fly hack 100%"), iter(["A-1"]), NOW)
    bug = await store.intake.add_ticket(workspace.id, new_ticket(subject="A bug"), iter(["B-2"]), NOW)

    async def found(text: str) -> list[Ticket]:
        return await store.tickets.autocomplete(text, [workspace.id])

    assert await found("") == [bug, fly]
    assert await found("FLY") == await found("a-1") == [fly]
    assert await found("b-2") == [bug]
    assert await found("%") == [fly]  # literal, not a wildcard
    assert await found("_") == []
    assert await store.tickets.autocomplete("", ["nowhere"]) == []


async def test_tickets_are_found_by_their_players_and_open_ones_come_first(
    store: Store, workspace: Workspace
) -> None:
    reporter, reported = Player(name="Notch", display_name="The Builder"), Player(name="Griefer2")
    new = replace(new_ticket(), reporter=reporter, reported_player=reported)
    old, middle, newest = [await store.intake.add_ticket(workspace.id, new, ids(), NOW) for _ in range(3)]
    await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    newest = await store.tickets.change(
        newest.id, lambda found: found.set_status(Status.CLOSED), NOW, actor=ALICE
    )

    for text in ("notch", "builder", "griefer2"):
        found = await store.tickets.autocomplete(text, [workspace.id])
        assert found == [middle, old, newest]
    assert await store.tickets.autocomplete("notch", [workspace.id], 1) == [middle]


async def test_a_change_is_stored_and_the_post_updated(store: Store, workspace: Workspace) -> None:
    ticket = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    later = NOW + timedelta(hours=1)

    changed = await store.tickets.change(ticket.id, lambda found: found.claim(ALICE), later, actor=ALICE)

    assert changed == await store.tickets.get(ticket.id)
    assert (changed.claimed_by, changed.status, changed.updated_at) == (ALICE, Status.IN_PROGRESS, later)
    assert await kinds_waiting(store, ticket) == [
        DeliveryKind.POST,
        DeliveryKind.THREAD,
        DeliveryKind.UPDATE_POST,
        DeliveryKind.POST_EVENT,
    ]


async def test_a_change_the_ticket_refuses_changes_nothing(store: Store, workspace: Workspace) -> None:
    ticket = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    claimed = await store.tickets.change(ticket.id, lambda found: found.claim(ALICE), NOW, actor=ALICE)

    with pytest.raises(AlreadyClaimed):
        await store.tickets.change(
            ticket.id, lambda found: found.claim(Actor(id="12", name="Bob")), NOW, actor=ALICE
        )

    assert await store.tickets.get(ticket.id) == claimed


async def test_of_two_concurrent_claims_one_wins(store: Store, workspace: Workspace) -> None:
    ticket = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    rivals = [Actor(id=str(number), name=f"Staff {number}") for number in range(10)]

    def claiming(staff: Actor) -> asyncio.Task[Ticket]:
        return asyncio.create_task(
            store.tickets.change(ticket.id, lambda found: found.claim(staff), NOW, actor=staff)
        )

    outcomes = await asyncio.gather(*map(claiming, rivals), return_exceptions=True)

    (winner,) = [outcome for outcome in outcomes if isinstance(outcome, Ticket)]
    assert sum(isinstance(outcome, AlreadyClaimed) for outcome in outcomes) == 9
    assert (await store.tickets.get(ticket.id)).claimed_by == winner.claimed_by


async def test_post_updates_that_were_not_started_become_one(store: Store, workspace: Workspace) -> None:
    ticket = await store.intake.add_ticket(workspace.id, new_ticket(view_only=True), ids(), NOW)

    await store.tickets.change(ticket.id, lambda found: found.claim(ALICE), NOW, actor=ALICE)
    await store.tickets.change(ticket.id, lambda found: found.set_status(Status.CLOSED), NOW, actor=ALICE)

    assert await kinds_waiting(store, ticket) == [DeliveryKind.POST, DeliveryKind.UPDATE_POST]


async def test_a_change_during_a_post_update_leads_to_another_with_another_nonce(
    store: Store, workspace: Workspace
) -> None:
    ticket = await store.intake.add_ticket(workspace.id, new_ticket(view_only=True), ids(), NOW)
    await store.tickets.change(ticket.id, lambda found: found.claim(ALICE), NOW, actor=ALICE)
    post, redraw = await store.outbox.pending_for_ticket(ticket.id)
    await store.outbox.start_attempt([redraw], NOW)

    await store.tickets.change(ticket.id, lambda found: found.set_status(Status.CLOSED), NOW, actor=ALICE)

    nonces = [row.nonce for row in await store.outbox.pending_for_ticket(ticket.id)]
    assert len(set(nonces)) == 3
    assert nonces[:2] == [post.nonce, redraw.nonce]


async def test_a_time_without_a_time_zone_is_never_stored(
    store: Store, workspace: Workspace, path: Path
) -> None:
    with pytest.raises(TypeError):
        await store.intake.add_ticket(workspace.id, new_ticket(), ids(), datetime(2025, 1, 15))  # noqa: DTZ001, RUF100

    assert counted(path, "tickets") == 0


async def test_when_the_newest_ticket_was_created_is_known(store: Store, workspace: Workspace) -> None:
    assert await store.tickets.newest_created_at() is None

    await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)

    assert await store.tickets.newest_created_at() == NOW
