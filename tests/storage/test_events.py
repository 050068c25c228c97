"""Events for game servers: which there are, in which order, and what is recorded when one is received."""

import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.tickets.events import Asked, EventBacklog, EventType, Reception, ReplyState, TicketEvent
from bot.tickets.message import DiscordMessage, Message
from bot.tickets.outbox import Delivery, DeliveryKind, Receipt
from bot.tickets.queries import Scope
from bot.tickets.ticket import Player, Status, Ticket
from bot.tickets.workspace import Workspace
from storage import Store, Topic
from storage.events import UPDATES_PER_TICKET
from tests.storage.samples import HUB, NOW, WRITER, ids, new_ticket, noting, raw, replying

LATER = NOW + timedelta(seconds=12)
TICKETS = HUB.tickets_channel_id
RECEIPT = Receipt(channel_id=TICKETS, message_id=50)


@pytest.fixture
def scope(workspace: Workspace) -> Scope:
    return Scope(workspace_id=workspace.id, source=new_ticket().source)


@pytest.fixture
async def ticket(store: Store, workspace: Workspace) -> Ticket:
    return await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)


async def reply(store: Store, ticket: Ticket, text: str) -> Message:
    return await store.tickets.add_message(ticket.id, replying(text), origin=f"{ticket.id} {text}", now=NOW)


async def add_key(store: Store, prefix: str, *, source: str = new_ticket().source) -> None:
    await store.api_keys.add("hub", source, prefix=prefix, key_hash=prefix, now=NOW)


async def pending(store: Store, ticket: Ticket) -> list[Delivery]:
    return await store.outbox.pending_for_ticket(ticket.id)


async def deliver_all(store: Store, ticket: Ticket) -> None:
    for delivery in await pending(store, ticket):
        posted = Receipt(channel_id=TICKETS, message_id=100 + delivery.id)
        await store.outbox.mark_delivered([delivery], posted, NOW)


async def set_status(store: Store, ticket: Ticket, status: Status) -> None:
    await store.tickets.change(ticket.id, lambda one: one.set_status(status), NOW, actor=WRITER)


def said(events: tuple[TicketEvent, ...]) -> list[tuple[int, str]]:
    return [(one.seq, one.message.text if one.message else one.status.value) for one in events]


async def test_replies_and_changes_of_status_are_numbered_in_order(
    store: Store, workspace: Workspace, scope: Scope, ticket: Ticket
) -> None:
    other = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    await reply(store, ticket, "Hello")
    await reply(store, other, "Hi")
    await store.tickets.add_message(ticket.id, noting(), origin="note", now=NOW)
    await set_status(store, ticket, Status.CLOSED)

    page = await store.events.list_after(scope, 0, 10)

    assert said(page.events) == [(1, "Hello"), (2, "Hi"), (3, "closed")]
    assert page.newest == 3
    assert [one.type for one in page.events] == [EventType.REPLY, EventType.REPLY, EventType.STATUS]
    assert page.events[0].id == f"evt_{ticket.uid}_1"
    assert page.events[2].ticket.public_id == ticket.public_id


async def test_a_page_is_bounded_and_goes_on_after_a_number(
    store: Store, scope: Scope, ticket: Ticket
) -> None:
    for text in "abc":
        await reply(store, ticket, text)

    first = await store.events.list_after(scope, 0, 2)
    rest = await store.events.list_after(scope, 2, 2)

    assert (said(first.events), first.newest) == ([(1, "a"), (2, "b")], 3)
    assert said(rest.events) == [(3, "c")]


async def test_each_workspace_and_source_has_numbers_of_its_own(
    store: Store, workspace: Workspace, scope: Scope, ticket: Ticket
) -> None:
    foreign = await store.intake.add_ticket(workspace.id, new_ticket(source="other"), ids(), NOW)
    await reply(store, ticket, "ours")
    await reply(store, foreign, "theirs")

    page = await store.events.list_after(scope, 0, 10)
    others = await store.events.list_after(Scope(workspace_id=workspace.id, source="other"), 0, 10)

    assert said(page.events) == [(1, "ours")]
    assert said(others.events) == [(1, "theirs")]


async def test_a_ticket_whose_reporter_is_in_discord_has_no_events(
    store: Store, workspace: Workspace
) -> None:
    private = await store.intake.add_ticket(workspace.id, new_ticket(is_private=True), ids(), NOW)

    await reply(store, private, "Hello")
    await set_status(store, private, Status.CLOSED)

    assert await store.events.list_of_ticket(private.id) == ()


async def test_an_event_is_received_once(store: Store, scope: Scope, ticket: Ticket) -> None:
    for text in "abc":
        await reply(store, ticket, text)

    await store.events.confirm_to(scope, 2, "survival-1", LATER)
    await store.events.confirm_to(scope, 3, "survival-2", LATER + timedelta(minutes=1))

    received = [(one.received_by, one.received_at) for one in await store.events.list_of_ticket(ticket.id)]
    assert received == [
        ("survival-1", LATER),
        ("survival-1", LATER),
        ("survival-2", LATER + timedelta(minutes=1)),
    ]


async def test_unread_events_are_replies_and_closings_of_these_reporters_oldest_first(
    store: Store, workspace: Workspace, scope: Scope, ticket: Ticket
) -> None:
    others = [
        await store.intake.add_ticket(workspace.id, new_ticket(reporter_id=reporter), ids(), NOW)
        for reporter in ("8", "9")
    ]
    await set_status(store, ticket, Status.IN_PROGRESS)
    for one in (others[0], ticket, others[1]):
        await reply(store, one, f"to {one.reporter.id}")
    await set_status(store, ticket, Status.CLOSED)
    await set_status(store, others[0], Status.RESOLVED)

    found = await store.events.list_unread(scope, ["7", "8", "nobody"], without=[3], limit=3)
    rest = await store.events.list_unread(scope, ["7", "8"], without=[2, 5, 6], limit=3)

    assert said(found) == [(2, "to 8"), (6, "resolved")]  # the closing waits for the reply before it
    assert said(rest) == [(3, "to 7")]
    await store.events.confirm(scope, [3], "survival-1", LATER)
    after = await store.events.list_unread(scope, ["7", "8", "nobody"], without=[3], limit=3)
    assert said(after) == [(2, "to 8"), (5, "closed"), (6, "resolved")]
    assert await store.events.list_unread(scope, [], without=[], limit=3) == ()


async def test_some_events_are_confirmed_by_number_once(store: Store, scope: Scope, ticket: Ticket) -> None:
    for text in "abc":
        await reply(store, ticket, text)
    waiting = await store.events.unread_ids(scope, "7")

    await store.events.confirm(scope, [2], "survival-1", LATER)
    await store.events.confirm(scope, [2, 3, 99], "survival-2", LATER)

    assert waiting == {f"evt_{ticket.uid}_{seq}": seq for seq in (1, 2, 3)}
    assert await store.events.unread_ids(scope, "7") == {f"evt_{ticket.uid}_1": 1}
    received = [one.received_by for one in await store.events.list_of_ticket(ticket.id)]
    assert received == [None, "survival-1", "survival-2"]


async def test_events_go_with_a_ticket_to_its_new_reporter(
    store: Store, scope: Scope, ticket: Ticket
) -> None:
    await reply(store, ticket, "Hello")

    await store.tickets.change(
        ticket.id, lambda one: replace(one, reporter=Player(id="8")), NOW, actor=WRITER
    )

    assert await store.events.list_unread(scope, ["7"], without=[], limit=3) == ()
    assert said(await store.events.list_unread(scope, ["8"], without=[], limit=3)) == [(1, "Hello")]


async def test_new_tickets_are_those_of_game_servers_within_a_time(
    store: Store, workspace: Workspace, scope: Scope
) -> None:
    created = [
        await store.intake.add_ticket(
            workspace.id, new_ticket(subject=f"{second}"), ids(), NOW + timedelta(seconds=second)
        )
        for second in range(5)
    ]
    for other in (new_ticket(source="other"), new_ticket(is_private=True)):
        await store.intake.add_ticket(workspace.id, other, ids(), NOW + timedelta(seconds=2))

    found = await store.tickets.list_created(scope, created[0].created_at, created[3].created_at, 2)

    assert [one.subject for one in found] == ["2", "3"]


async def test_single_events_can_be_received(store: Store, scope: Scope, ticket: Ticket) -> None:
    for text in "abc":
        await reply(store, ticket, text)

    await store.events.confirm(scope, [1, 3], "survival-1", LATER)

    received = [one.received_by for one in await store.events.list_of_ticket(ticket.id)]
    assert received == ["survival-1", None, "survival-1"]


async def test_what_was_fetched_stays_fetched(store: Store, scope: Scope, ticket: Ticket) -> None:
    message = await reply(store, ticket, "a")
    await store.events.confirm_fetched(scope, ticket.id, [message.id], "survival-1", LATER)
    await store.events.confirm_to(scope, 1, "survival-2", LATER + timedelta(minutes=1))

    (event,) = await store.events.list_of_ticket(ticket.id)

    assert (event.received_as, event.received_by, event.received_at) == (
        Reception.FETCHED,
        "survival-1",
        LATER,
    )


async def test_the_state_of_a_reply_knows_whether_a_server_ever_asked(
    store: Store, workspace: Workspace, scope: Scope, ticket: Ticket
) -> None:
    message = await reply(store, ticket, "a")
    await add_key(store, "other", source="other")
    await store.events.record_ask(Scope(workspace_id=workspace.id, source="other"), "other", Asked.ALL, NOW)
    before = await store.events.reply_states(ticket.id, [message.id])
    await add_key(store, "key")
    await store.events.record_ask(scope, "key", Asked.ALL, NOW)

    after = await store.events.reply_states(ticket.id, [message.id])

    waiting = ReplyState(source=scope.source, created_at=NOW, has_readers=False)
    assert before == {message.id: waiting}
    assert after == {message.id: replace(waiting, has_readers=True)}


async def test_when_a_key_asked_is_stored_once_a_minute(store: Store, scope: Scope, path: Path) -> None:
    async def stored_after(seconds: int) -> int:
        await store.events.record_ask(scope, "key", Asked.ALL, NOW + timedelta(seconds=seconds))
        with raw(path) as db:
            (asked,) = db.execute("SELECT events_asked_at FROM api_keys").fetchone()
        return int(asked / 1000 - NOW.timestamp())

    await add_key(store, "key")

    assert [await stored_after(seconds) for seconds in (0, 59, 60, 61, 10)] == [0, 0, 60, 60, 10]


async def test_a_shown_reply_is_edited_once_it_is_received(
    store: Store, scope: Scope, ticket: Ticket
) -> None:
    message = await reply(store, ticket, "a")
    await deliver_all(store, ticket)
    await store.events.confirm_to(scope, 1, "survival-1", LATER)
    await store.events.confirm_to(scope, 1, "survival-1", LATER)

    (update,) = await pending(store, ticket)

    assert (update.kind, update.message_id) == (DeliveryKind.UPDATE_MESSAGE, message.id)
    assert update.queue == f"message_edits:{TICKETS}"


async def test_a_reply_that_is_not_shown_yet_is_not_edited_unless_it_may_have_been_sent(
    store: Store, scope: Scope, ticket: Ticket
) -> None:
    await reply(store, ticket, "a")
    await store.events.confirm_to(scope, 1, "survival-1", LATER)
    not_sent = [one.kind for one in await pending(store, ticket)]
    await reply(store, ticket, "b")
    await store.outbox.start_attempt((await pending(store, ticket))[-1:], NOW)

    await store.events.confirm_to(scope, 2, "survival-1", LATER)

    assert DeliveryKind.UPDATE_MESSAGE not in not_sent
    *_, sent, update = await pending(store, ticket)
    assert (sent.kind, update.kind) == (DeliveryKind.POST_MESSAGE, DeliveryKind.UPDATE_MESSAGE)


async def test_an_edit_follows_the_message_it_edits(store: Store, scope: Scope, ticket: Ticket) -> None:
    await deliver_all(store, ticket)
    await reply(store, ticket, "a")
    await store.outbox.start_attempt(await pending(store, ticket), NOW)
    await store.outbox.retry_later(await pending(store, ticket), LATER, "Discord is away")
    await store.events.confirm_to(scope, 1, "survival-1", LATER)

    assert await store.outbox.due((), NOW) == []
    await store.outbox.mark_delivered((await pending(store, ticket))[:1], RECEIPT, LATER)
    ((update,),) = await store.outbox.due((), LATER)
    assert update.kind is DeliveryKind.UPDATE_MESSAGE


async def test_the_first_ask_and_what_it_confirms_are_one_edit_of_each_reply(
    store: Store, scope: Scope, ticket: Ticket
) -> None:
    await add_key(store, "key")
    for text in "ab":
        await reply(store, ticket, text)
    await deliver_all(store, ticket)
    await store.events.record_ask(scope, "key", Asked.ALL, LATER)
    asked = await pending(store, ticket)
    await store.events.confirm_to(scope, 2, "survival-1", LATER)

    assert len(asked) == 2
    assert await pending(store, ticket) == asked


async def test_of_many_replies_received_at_once_the_newest_of_each_ticket_are_edited(
    store: Store, workspace: Workspace, scope: Scope, ticket: Ticket
) -> None:
    other = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    written = [await reply(store, ticket, str(number)) for number in range(UPDATES_PER_TICKET + 5)]
    await reply(store, other, "a")
    for one in (ticket, other):
        await deliver_all(store, one)

    await store.events.confirm_to(scope, len(written) + 1, "survival-1", LATER)

    edited = [one.message_id for one in await pending(store, ticket)]
    assert edited == [one.id for one in written[5:]]
    assert len(await pending(store, other)) == 1


async def test_many_replies_are_edited_one_at_a_time_after_everything_else(
    store: Store, workspace: Workspace, scope: Scope
) -> None:
    tickets = [await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW) for _ in range(20)]
    for one in tickets:
        await deliver_all(store, one)
        await reply(store, one, "a")
        await deliver_all(store, one)
    await store.events.confirm_to(scope, len(tickets), "survival-1", LATER)
    await reply(store, tickets[0], "b")

    due = await store.outbox.due((), NOW)

    assert [[one.kind for one in deliveries] for deliveries in due] == [
        [DeliveryKind.POST_MESSAGE],
        [DeliveryKind.UPDATE_MESSAGE],
    ]


async def test_a_message_knows_where_it_is_shown(store: Store, ticket: Ticket) -> None:
    message = await reply(store, ticket, "a")
    *before, post = await pending(store, ticket)
    for one in before:
        await store.outbox.mark_delivered([one], RECEIPT, NOW)
    await store.outbox.start_attempt([post], NOW)
    await store.outbox.confirm_by_nonce(post.nonce, 900, NOW, channel_id=51)

    found = await store.messages.find(message.id)

    assert found is not None
    assert found.shown_as == DiscordMessage(channel_id=51, message_id=900)


async def test_only_what_waits_for_servers_that_ask_is_counted(
    store: Store, workspace: Workspace, scope: Scope, ticket: Ticket
) -> None:
    unasked = await store.intake.add_ticket(workspace.id, new_ticket(source="unasked"), ids(), NOW)
    await reply(store, unasked, "a")
    await reply(store, ticket, "b")
    await add_key(store, "unused", source="unasked")
    assert await store.events.backlogs(NOW) == []

    await add_key(store, "key")
    await store.events.record_ask(scope, "key", Asked.OF_PLAYERS, NOW)
    assert await store.events.backlogs(NOW) == []

    await store.events.record_ask(scope, "key", Asked.ALL, NOW)
    await set_status(store, ticket, Status.CLOSED)
    waiting = await store.events.backlogs(NOW)
    await store.events.confirm_to(scope, 2, "survival-1", LATER)
    read = await store.events.backlogs(NOW)
    await store.api_keys.revoke("key", NOW)

    assert waiting == [EventBacklog(source=scope.source, waiting=2, oldest=NOW)]
    assert read == [EventBacklog(source=scope.source, waiting=0, oldest=None)]
    assert await store.events.backlogs(NOW) == []


async def test_a_game_report_has_events_of_its_status_and_never_one_of_a_reply(
    store: Store, workspace: Workspace, scope: Scope, path: Path
) -> None:
    report = await store.intake.add_ticket(workspace.id, new_ticket(view_only=True), ids(), NOW)
    await set_status(store, report, Status.RESOLVED)

    with raw(path) as db, pytest.raises(sqlite3.IntegrityError, match="view-only"):
        db.execute(
            "INSERT INTO ticket_events (workspace_id, source, seq, type, ticket_id, status, created_at) "
            "SELECT workspace_id, source, 2, 'ticket.reply', id, status, 0 FROM tickets"
        )

    assert said((await store.events.list_after(scope, 0, 10)).events) == [(1, "resolved")]


async def test_a_subscription_is_notified_until_it_ends(store: Store, ticket: Ticket) -> None:
    with store.subscription(Topic.EVENTS) as changed:
        await reply(store, ticket, "a")
        assert changed.is_set()
        changed.clear()

    await reply(store, ticket, "b")

    assert not changed.is_set()
