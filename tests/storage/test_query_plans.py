"""Query plans: every frequent query uses an index and never scans a growing table."""

import re
import sqlite3
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from bot.tickets.account_links import DiscordMember
from bot.tickets.direct_messages import MemberPreferences
from bot.tickets.erasure import Requester
from bot.tickets.errors import UnknownLinkCode
from bot.tickets.events import Asked
from bot.tickets.message import Actor
from bot.tickets.outbox import Receipt
from bot.tickets.queries import ReporterIdentity, Scope, TicketQuery
from bot.tickets.ticket import Priority, Status, Ticket
from bot.tickets.workspace import Workspace
from storage import Store
from storage.sqlite.connection import run_in_thread
from tests.storage.samples import NOW, WRITER, ids, new_ticket, noting, replying
from tests.support.connections import engine_of, reader_of, writer_of

_GROWS = (  # with every ticket
    r"(tickets|ticket_tags|ticket_assignees|ticket_bitmaps|player_tickets"
    r"|messages|undoable_changes|ticket_events|outbox|pushes|idempotent_responses|leads|newest|account_links"
    r"|link_attempts|feedback|blocked_tickets)\b"
)
# The indexes of what is not done.
_SHORT = r"(?! USING (COVERING )?INDEX outbox_(by_ticket|by_queue|dead_letters|held)\b)"
_EACH = "for each row: "
# A scan of a growing table, or of all rows of one source, workspace or sender; or a scan of a short table
# for each row of another one.
_WHOLE = re.compile(
    rf"SCAN {_GROWS}{_SHORT}"
    rf"|SEARCH {_GROWS}{_SHORT}.*\((source|workspace_id|key_prefix|facet)=\?\)"
    rf"|^{_EACH}SCAN {_GROWS}"
)
_READ_OR_WRITE = re.compile(r"\s*(SELECT|WITH|INSERT|UPDATE|DELETE)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Queries:
    """A store, a ticket in it, and every frequent query."""

    store: Store
    ticket: Ticket

    @property
    def here(self) -> list[str]:
        return [self.ticket.workspace_id]

    @property
    def scope(self) -> Scope:
        return Scope(workspace_id=self.ticket.workspace_id, source=self.ticket.source)

    async def search(self, **conditions: Any) -> None:
        await self.store.tickets.search(self.scope, TicketQuery(limit=25, **conditions))


_REY = Actor(id="7", name="rey", source="somewhere")
Query = Callable[[Queries], Coroutine[Any, Any, object]]

QUERIES: dict[str, Query] = {
    "a list": lambda desk: desk.search(),
    "a filtered list": lambda desk: desk.search(statuses=[Status.OPEN], categories=["bug"]),
    "a list of staff's": lambda desk: desk.search(assignee=WRITER, tags=["later"], created_before=NOW),
    "what nobody claimed": lambda desk: desk.search(unclaimed=True, priorities=[Priority.URGENT]),
    "what a player filed": lambda desk: desk.search(reporter_id="7"),
    "what a player is reported in": lambda desk: desk.search(reported_id="7"),
    "a text": lambda desk: desk.search(text="broke"),
    "a short text": lambda desk: desk.search(text="it", hidden_departments=["lab"]),
    "a player's newest": lambda desk: desk.store.tickets.list_of_reporter("somewhere", "7", desk.here),
    "a player's name": lambda desk: desk.store.tickets.last_known_name(desk.scope, "7"),
    "an autocompletion": lambda desk: desk.store.tickets.autocomplete("bro", desk.here),
    "a ticket by its id": lambda desk: desk.store.tickets.find_by_public_id(desk.ticket.public_id),
    "a ticket by its post": lambda desk: desk.store.tickets.find_by_discord_id(5),
    "a digest": lambda desk: desk.store.tickets.list_of_digest(5),
    "tickets by their names": lambda desk: desk.store.tickets.list_details(
        desk.scope, [desk.ticket.public_id]
    ),
    "a game's ticket": lambda desk: desk.store.tickets.get_details(desk.scope, desk.ticket.uid),
    "what was said": lambda desk: desk.store.messages.list_of_ticket(desk.ticket.id),
    "a ticket filed": lambda desk: desk.store.intake.add_ticket(desk.here[0], new_ticket(), ids(), NOW),
    "a note": lambda desk: desk.store.tickets.add_message(desk.ticket.id, noting(), origin="a", now=NOW),
    "a claim": lambda desk: desk.store.tickets.change(desk.ticket.id, _claimed, NOW, actor=WRITER),
    "a claim in Discord": lambda desk: change_and_undo(desk),
    "what players are to be told": lambda desk: desk.store.events.list_unread(
        desk.scope, ["7", "8"], without=[9], limit=100
    ),
    "what a player may have been told": lambda desk: desk.store.events.unread_ids(desk.scope, "7"),
    "that some events were read": lambda desk: desk.store.events.confirm(desk.scope, [1], "a server", NOW),
    "what was just filed": lambda desk: desk.store.tickets.list_created(
        desk.scope, NOW - timedelta(seconds=2), NOW, 20
    ),
    "a batch of the index": lambda desk: desk.store.search_index.index_batch(),
    "what leaves next": lambda desk: desk.store.outbox.due((), NOW),
    "when it leaves": lambda desk: desk.store.outbox.next_due((), NOW),
    "what waits for a ticket": lambda desk: desk.store.outbox.pending_for_ticket(desk.ticket.id),
    "what waits for each channel": lambda desk: desk.store.outbox.backlogs(),
    "what is not delivered": lambda desk: desk.store.outbox_admin.list_undelivered(25),
    "what is set aside": lambda desk: desk.store.outbox_admin.dead_letters(desk.here, 25),
    "what nobody was told of": lambda desk: desk.store.outbox_admin.unreported_dead_letters(desk.here[0], 25),
    "that somebody was told": lambda desk: desk.store.outbox_admin.mark_reported(desk.here[0], NOW),
    "a deleted post": lambda desk: desk.store.deleted_channels.record_post_deleted(5),
    "a deleted thread": lambda desk: desk.store.deleted_channels.record_thread_deleted(5, NOW),
    "a deleted channel": lambda desk: desk.store.deleted_channels.record_channel_deleted(5, NOW),
    "the channels in use": lambda desk: desk.store.deleted_channels.channels_in_use(),
    "the outbox's depths": lambda desk: desk.store.outbox_admin.depths(),
    "what is pushed next": lambda desk: desk.store.pushes.due((), NOW),
    "when it is pushed": lambda desk: desk.store.pushes.next_due((), NOW),
    "what waits for each webhook": lambda desk: desk.store.pushes.backlogs(),
    "a reply": lambda desk: desk.store.tickets.add_message(desk.ticket.id, replying(), origin="b", now=NOW),
    "an ask for events": lambda desk: desk.store.events.record_ask(desk.scope, "a", Asked.ALL, NOW),
    "a wrong code": lambda desk: type_wrong_code(desk),
    "a ticket's block": lambda desk: desk.store.blocks.find_of_ticket(desk.ticket.id),
    "what was not posted": lambda desk: desk.store.blocks.list_kept_tickets([1], 10),
    "a member's links": lambda desk: desk.store.account_links.list_of_member(7),
    "whose account it is": lambda desk: desk.store.account_links.find_by_account(desk.here[0], "a", "7"),
    "a player's links": lambda desk: desk.store.account_links.list_of_workspace(
        desk.here[0], 25, player="rey"
    ),
    "a member's choices": lambda desk: desk.store.members.get_preferences(7),
    "that a member was here": lambda desk: desk.store.members.record_use(7, "de"),
    "what a member chooses": lambda desk: desk.store.members.save_choices(
        MemberPreferences(discord_id=7), NOW
    ),
    "whether to write to a member": lambda desk: about_to_write(desk),
    "a person's own tickets": lambda desk: desk.store.own_tickets.list_page(_own(desk), 7, page=0, size=10),
    "an autocompletion of own tickets": lambda desk: desk.store.own_tickets.autocomplete(_own(desk), "bro"),
    "an autocompletion of own ended tickets": lambda desk: desk.store.own_tickets.autocomplete_ended(
        _own(desk), "bro"
    ),
    "feedback on a ticket": lambda desk: desk.store.feedback.save(
        desk.ticket.id, lambda one: _closed(one).rate(_REY, 5, ""), NOW
    ),
    "that a reply was seen": lambda desk: mark_reply_seen(desk),
    "what happened": lambda desk: desk.store.events.list_after(desk.scope, 0, 100),
    "what happened to a ticket": lambda desk: desk.store.events.list_of_ticket(desk.ticket.id),
    "what a server has read": lambda desk: desk.store.events.confirm_to(desk.scope, 9, "a server", NOW),
    "what a server was sent": lambda desk: desk.store.events.confirm_fetched(
        desk.scope, desk.ticket.id, [1], "a server", NOW
    ),
    "what became of replies": lambda desk: desk.store.events.reply_states(desk.ticket.id, [1]),
    "what waits for servers": lambda desk: desk.store.events.backlogs(NOW),
    "an erasure": lambda desk: erase_player(desk),
    "what ended long ago": lambda desk: desk.store.erasures.erase_ended(desk.here[0], NOW, NOW),
    "how many ended long ago": lambda desk: desk.store.erasures.count_ended(desk.here[0], NOW),
    "what is to be erased": lambda desk: desk.store.erasures.pending_ids(),
    "what is erased": lambda desk: desk.store.erasures.unpurged_ids(),
    "all about a player": lambda desk: desk.store.erasures.export(
        "somewhere", "7", workspace_id=None, after=0
    ),
    "the links to a post": lambda desk: desk.store.outbox.sent_pointers(desk.ticket.id),
    "how many came": lambda desk: desk.store.tickets.count_by_source(1, 2),
    "how many are not indexed": lambda desk: desk.store.search_index.lag(),
}


def _own(desk: Queries) -> list[ReporterIdentity]:
    return [ReporterIdentity(workspace_id=desk.here[0], source="somewhere", player_id="7")]


async def about_to_write(desk: Queries) -> None:
    (delivery, *_) = await desk.store.outbox.pending_for_ticket(desk.ticket.id)
    await desk.store.members.direct_message_state(delivery, desk.ticket)
    await desk.store.members.direct_message_state(replace(delivery, message_id=1), desk.ticket)


async def mark_reply_seen(desk: Queries) -> None:
    message = await desk.store.tickets.add_message(desk.ticket.id, noting(), origin="seen", now=NOW)
    await desk.store.own_tickets.mark_seen(desk.ticket.id, 7, message.id)


async def erase_player(desk: Queries) -> None:
    erasure_id = await desk.store.erasures.request(
        "somewhere",
        "7",
        workspace_id=desk.here[0],
        requested_by=Requester.PLATFORM,
        now=NOW,
        notification_id="1",
    )
    await desk.store.erasures.run_batch(erasure_id or 0, NOW)


async def type_wrong_code(desk: Queries) -> None:
    with pytest.raises(UnknownLinkCode):
        await desk.store.account_links.redeem_as_member(
            "BCDF-2345", DiscordMember(guild_id=1, discord_id=7, name="pete"), NOW
        )


def _closed(ticket: Ticket) -> Ticket:
    return replace(ticket, status=Status.CLOSED)


async def change_and_undo(desk: Queries) -> None:
    tagged = await desk.store.tickets.change_undoably(
        desk.ticket.id, lambda ticket, _: ticket.claim(WRITER).set_tags(add=["vip"]), NOW, actor=WRITER
    )
    await desk.store.tickets.undo(tagged.id, tagged.revision, NOW, actor=WRITER)


def _claimed(ticket: Ticket) -> Ticket:
    return ticket.claim(WRITER)


async def plans_of(store: Store, query: Callable[[], Coroutine[Any, Any, object]]) -> list[str]:
    """Each step of SQLite's plan for each executed statement, including those of triggers."""
    statements: list[str] = []
    connections = [writer_of(store), reader_of(store)]
    for db in connections:
        await run_in_thread(db, lambda thread: thread.set_trace_callback(statements.append))
    await query()
    for db in connections:
        await run_in_thread(db, lambda thread: thread.set_trace_callback(None))
    reads_and_writes = [one for one in statements if _READ_OR_WRITE.match(one)]
    assert reads_and_writes
    return await run_in_thread(
        reader_of(store),
        lambda thread: [step for one in reads_and_writes for step in _steps(thread, one)],
    )


def _steps(db: sqlite3.Connection, statement: str) -> list[str]:
    # The plan of an insert has the search for rows that refer to it, which is skipped while there are none.
    db.execute("PRAGMA foreign_keys = OFF")
    steps = db.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
    above = {step["id"]: step["parent"] for step in steps}
    repeated = {step["id"] for step in steps if step["detail"].startswith("CORRELATED")}
    return [_EACH * _is_below(repeated, step["parent"], above) + step["detail"] for step in steps]


def _is_below(some: Collection[int], step: int, above: Mapping[int, int]) -> bool:
    while step and step not in some:
        step = above[step]
    return bool(step)


@pytest.mark.parametrize("name", QUERIES)
async def test_no_query_scans_a_whole_table(store: Store, workspace: Workspace, name: str) -> None:
    await store.pushes.add_endpoint(
        workspace.name, new_ticket().source, name="", url="https://example.com", secret="x", now=NOW
    )
    for _ in range(3):
        ticket = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
        await store.tickets.add_message(ticket.id, replying(), origin=ticket.public_id, now=NOW)
    (post, *_) = await store.outbox.pending_for_ticket(ticket.id)
    await store.outbox.mark_delivered([post], Receipt(channel_id=5, message_id=5), NOW)
    await store.tickets.add_message(ticket.id, replying(), origin="reply", now=NOW)
    await store.search_index.index_batch(2)  # of three
    desk = Queries(store=store, ticket=ticket)

    plans = await plans_of(store, lambda: QUERIES[name](desk))

    assert [step for step in plans if _WHOLE.search(step)] == []


@pytest.mark.parametrize("name", ["what players are to be told", "what a player may have been told"])
async def test_what_waits_for_players_is_found_by_player(
    store: Store, workspace: Workspace, name: str
) -> None:
    """The events of players who never come back are not read with each sync."""
    ticket = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)

    plans = await plans_of(store, lambda: QUERIES[name](Queries(store=store, ticket=ticket)))

    index = "INDEX ticket_events_unread_by_reporter (reporter_id=? AND workspace_id=? AND source=?)"
    assert f"SEARCH ticket_events USING {index}" in plans


@pytest.mark.parametrize(
    ("statement", "step"),
    [
        ("SELECT count(*) FROM tickets WHERE subject = 'x'", "SCAN tickets"),
        (
            "SELECT subject FROM tickets WHERE source = 'x' AND view_only = 0 "
            "AND (status = 'open' OR status = 'in-progress' OR status = 'unfinished')",
            "SEARCH tickets USING INDEX tickets_open_by_reporter (source=?)",
        ),
        (
            "SELECT id FROM tickets WHERE id = 1 AND EXISTS "
            "(SELECT 1 FROM outbox WHERE last_error = tickets.subject)",
            "for each row: SCAN outbox",
        ),
        (
            "SELECT block FROM ticket_bitmaps WHERE facet = 'status'",
            "SEARCH ticket_bitmaps USING COVERING INDEX sqlite_autoindex_ticket_bitmaps_1 (facet=?)",
        ),
    ],
)
async def test_a_full_table_scan_is_noticed(store: Store, statement: str, step: str) -> None:
    async def look() -> None:
        await engine_of(store).read(lambda db: db.all(statement))

    (found,) = [one for one in await plans_of(store, look) if _WHOLE.search(one)]
    assert found.startswith(step)
