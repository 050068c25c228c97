"""Erasing players: their words and names leave the database and its files, and everything else stays."""

import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.tickets.account_links import DiscordMember, GameAccount
from bot.tickets.api_keys import hash_api_key
from bot.tickets.blocks import Block, NewBlock
from bot.tickets.erasure import ERASED_TEXT, Erasure, Requester, hash_player
from bot.tickets.errors import TicketErased, UnknownLink, ViewOnly
from bot.tickets.idempotency import IdempotencyKey
from bot.tickets.message import Actor, DiscordMessage
from bot.tickets.outbox import DeliveryKind
from bot.tickets.queries import Scope, TicketQuery
from bot.tickets.ticket import NewTicket, Player, Status, Ticket, TicketField
from bot.tickets.workspace import NewWorkspace, Workspace
from storage import DatabaseLock, Store, carry_erasures, create_backup, restore_backup
from storage.erasures import MERGED_PAGES
from storage.sqlite.migrate import migrate
from tests.storage.samples import HUB, NOW, WRITER, ids, new_ticket, noting, opened, raw, replying

# Words that are nowhere else, each with letters that no other text has: also no trigram of them is.
SUBJECT, BODY, CHAT, NAME, DISPLAY = "Ƕubject", "Ƣody", "Ʃhat", "Ƨamed", "Ʊisplay"
FOLLOW_UP, REPLY, NOTE, FIELD, AVATAR = "Ʒollow", "Ȣeply", "Ȝote", "Ɣield", "https://ƛvatar.example"
REASON = "Ɖeason"
WORDS = (SUBJECT, BODY, CHAT, NAME, DISPLAY, FOLLOW_UP, REPLY, NOTE, FIELD, AVATAR, REASON)
PLAYER = "7700777"
LATER = NOW + timedelta(days=1)

REY = Player(id=PLAYER, name=NAME, display_name=DISPLAY, avatar_url=AVATAR, profile_url=f"{AVATAR}/7")
BOB = Player(id="8", name="Bob")


def filed(reporter: Player = REY, reported: Player | None = None, *, view_only: bool = False) -> NewTicket:
    return replace(
        new_ticket(subject=SUBJECT, body=BODY, view_only=view_only),
        reporter=reporter,
        reported_player=reported,
        fields=(TicketField(label="Place", value=FIELD),),
        chat_log=(f"12:00:01 {NAME}: {CHAT}", "12:00:02 Bob: hello"),
        raw_request=f'{{"subject": "{SUBJECT}", "body": "{BODY}", "name": "{NAME}", "id": {PLAYER}}}',
    )


async def stored(store: Store, workspace: Workspace, new: NewTicket) -> Ticket:
    return await store.intake.add_ticket(workspace.id, new, ids(), NOW)


async def erase(
    store: Store,
    player: str = PLAYER,
    source: str = "somewhere",
    workspace_id: str | None = None,
    *,
    requested_by: Requester = Requester.OPERATOR,
) -> Erasure:
    erasure_id = await store.erasures.request(
        source, player, workspace_id=workspace_id, requested_by=requested_by, now=LATER
    )
    assert erasure_id is not None
    while await store.erasures.run_batch(erasure_id, LATER, limit=2):
        pass
    return await store.erasures.get(erasure_id)


async def purge(store: Store) -> None:
    pages = -MERGED_PAGES
    while await store.erasures.merge_search_index(pages):
        pages = MERGED_PAGES
    assert await store.erasures.purge_log()


async def index_all(store: Store) -> None:
    while await store.search_index.index_batch():
        pass


def found_in(file: Path, words: tuple[str, ...] = WORDS) -> list[str]:
    """The words that a file has, also folded, and any trigram of them."""
    content = file.read_bytes() if file.exists() else b""
    forms = {part: word for word in words for part in (word, word.casefold())}
    forms |= {word.casefold()[:3]: word for word in words if not word[:3].isascii()}
    return sorted({word for form, word in forms.items() if form.encode() in content})


async def a_whole_ticket(store: Store, workspace: Workspace) -> Ticket:
    """A ticket with everything that a ticket can have."""
    ticket = await stored(store, workspace, filed())
    await store.tickets.add_message(ticket.id, replying(REPLY), origin=f"r{ticket.id}", now=NOW)
    await store.tickets.add_message(ticket.id, noting(NOTE), origin=f"n{ticket.id}", now=NOW)
    await store.tickets.add_message(
        ticket.id, lambda one: one.follow_up(PLAYER, FOLLOW_UP), origin=f"f{ticket.id}", now=NOW
    )
    reporter = Actor(id=PLAYER, name=NAME, source="somewhere")
    await store.tickets.change(ticket.id, lambda one: one.claim(WRITER), NOW, actor=WRITER)
    return await store.tickets.change(
        ticket.id, lambda one: one.end(Status.CLOSED, by=reporter, reason=REASON), NOW, actor=reporter
    )


async def test_a_ticket_stays_without_its_words_and_its_reporter(store: Store, workspace: Workspace) -> None:
    before = await a_whole_ticket(store, workspace)

    erasure = await erase(store)

    after = await store.tickets.get(before.id)
    assert after == replace(
        before,
        subject="",
        body="",
        fields=(),
        chat_log=(),
        reporter=Player(),
        closed_by=None,
        close_reason="",
        revision=before.revision + 1,
        erased_at=LATER,
    )
    assert await store.tickets.raw_request(before.id) == "{}"
    messages = await store.messages.list_of_ticket(before.id)
    assert [(one.kind.value, one.text, one.author.name) for one in messages] == [
        ("reply", ERASED_TEXT, "Alice"),
        ("note", ERASED_TEXT, "Alice"),
        ("follow-up", ERASED_TEXT, ERASED_TEXT),
        ("event", "Alice claimed the ticket", "Alice"),
        ("event", ERASED_TEXT, ERASED_TEXT),
    ]
    assert (erasure.tickets, erasure.messages) == (1, 4)
    assert erasure.player_hash == hash_player("somewhere", PLAYER)
    assert erasure.finished_at == LATER


async def test_why_staff_ended_it_goes_and_what_could_be_undone(
    store: Store, path: Path, workspace: Workspace
) -> None:
    ticket = await stored(store, workspace, filed())
    for _ in range(2):
        await store.tickets.change(
            ticket.id, lambda one: one.end(Status.CLOSED, by=WRITER, reason=REASON), NOW, actor=WRITER
        )
        await store.tickets.change_undoably(ticket.id, lambda one, _: one.reopen(), NOW, actor=WRITER)

    await erase(store)

    with raw(path) as db:
        assert db.execute("SELECT DISTINCT detail FROM messages").fetchall() == [("",)]
        assert db.execute("SELECT count(*) FROM undoable_changes").fetchone() == (0,)


async def test_nothing_of_it_is_in_any_file(path: Path, tmp_path: Path) -> None:
    """Neither in the database, nor in its log, nor in a new backup; not even in the search index."""
    async with opened(path) as store:
        workspace = await store.workspaces.add(HUB, NOW)
        for number in range(60):
            other = replace(new_ticket(subject=f"Other {number}", body="x" * 3000), reporter=BOB)
            await stored(store, workspace, other)
            if number % 3 == 0:
                await a_whole_ticket(store, workspace)
                await index_all(store)
        await purge(store)
        assert found_in(path) == sorted(WORDS)

        await erase(store)
        await purge(store)

        create_backup(path, tmp_path / "backup.db")
        for file in (path, path.with_name(f"{path.name}-wal"), tmp_path / "backup.db"):
            assert found_in(file, (*WORDS, PLAYER)) == [], file.name


async def test_the_search_finds_it_no_more_and_counts_it_all_the_same(
    store: Store, workspace: Workspace
) -> None:
    await a_whole_ticket(store, workspace)
    await index_all(store)
    scope = Scope(workspace_id=workspace.id, source="somewhere")

    await erase(store)

    for _ in range(2):  # before it is indexed again, and after that
        assert (await store.tickets.search(scope, TicketQuery(limit=5, text=SUBJECT))).total == 0
        assert (await store.tickets.search(scope, TicketQuery(limit=5, reporter_id=PLAYER))).total == 0
        assert (await store.tickets.search(scope, TicketQuery(limit=5, statuses=[Status.CLOSED]))).total == 1
        await index_all(store)


async def test_a_reported_player_leaves_a_report_whose_words_stay(store: Store, workspace: Workspace) -> None:
    new = replace(filed(BOB, REY, view_only=True), subject=f"Chat report: {NAME}")
    before = await stored(store, workspace, new)

    erasure = await erase(store)

    after = await store.tickets.get(before.id)
    assert after == replace(
        before,
        subject="Chat report",
        chat_log=("12:00:02 Bob: hello",),
        reported_player=None,
        revision=before.revision + 1,
        reported_erased_at=LATER,
    )
    assert await store.tickets.raw_request(before.id) == "{}"
    assert erasure.tickets == 1
    with pytest.raises(ViewOnly):
        await store.tickets.add_message(before.id, replying(), origin="x", now=NOW)


async def test_a_reporter_leaves_a_report_whose_reported_player_stays(
    store: Store, workspace: Workspace
) -> None:
    report = await stored(store, workspace, filed(REY, BOB, view_only=True))

    await erase(store)

    after = await store.tickets.get(report.id)
    assert (after.reporter, after.reported_player, after.body) == (Player(), BOB, "")
    assert after.view_only


async def test_nobody_else_loses_a_word(store: Store, workspace: Workspace) -> None:
    elsewhere = await store.workspaces.add(
        NewWorkspace(name="two", guild_id=9, tickets_channel_id=2, reports_channel_id=3, staff_role_id=4), NOW
    )
    others = [
        await stored(store, workspace, filed(BOB)),
        await stored(store, workspace, replace(filed(), source="another")),
        await stored(store, elsewhere, filed()),
    ]
    own = [await stored(store, workspace, filed()) for _ in range(5)]
    await index_all(store)

    erasure = await erase(store, workspace_id=workspace.id)

    assert [await store.tickets.get(one.id) for one in others] == others
    assert all([(await store.tickets.get(one.id)).erased_at for one in own])
    assert (erasure.tickets, erasure.workspace_name) == (5, "hub")


async def test_an_erased_ticket_takes_no_reply_and_no_other_reporter(
    store: Store, workspace: Workspace
) -> None:
    ticket = await stored(store, workspace, filed())

    await erase(store)

    with pytest.raises(TicketErased):
        await store.tickets.add_message(ticket.id, replying(), origin="x", now=NOW)
    with pytest.raises(TicketErased):
        await store.tickets.change(ticket.id, lambda one: one.link(REY), NOW, actor=WRITER)


async def test_links_codes_requests_and_responses_that_name_the_player_go(
    store: Store, workspace: Workspace
) -> None:
    await a_whole_ticket(store, workspace)
    await store.api_keys.add("hub", "somewhere", prefix="abc", key_hash=hash_api_key("key"), now=NOW, name="")
    key = await store.api_keys.find(hash_api_key("key"))
    assert key is not None
    for body in (f'{{"id": {PLAYER}}}', f'{{"by": "{NAME}"}}', f'{{"id": 1{PLAYER}}}'):
        await store.rejected_requests.save(key, "/x", "no", body.encode(), NOW)
    repeats = [
        IdempotencyKey(key_prefix="abc", path="/x", header_value=text, body_sha256="0", expires_at=LATER)
        for text in ("named", "other")
    ]
    for repeat, answer in zip(repeats, (f"for {NAME}", "for Bob"), strict=True):
        await store.intake.create_ticket(
            workspace.id,
            new_ticket(),
            ids(),
            NOW,
            idempotency_key=repeat,
            serialize_response=lambda ticket, answer=answer: answer.encode(),  # type: ignore[misc]
        )
    account = GameAccount(source="somewhere", player_id=PLAYER, name=NAME)
    code = await store.account_links.create_code_for_player(workspace.id, account, NOW)
    member = DiscordMember(guild_id=1, discord_id=5, name="Rey")
    link = await store.account_links.redeem_as_member(code.text, member, NOW)

    await erase(store)

    left = [
        (await store.rejected_requests.get(one.id)).body
        for one in await store.rejected_requests.list_newest(9)
    ]
    assert left == [f'{{"id": 1{PLAYER}}}'.encode()]
    answers = [await store.intake.stored_response(repeat, NOW) for repeat in repeats]
    assert [one and one.body for one in answers] == [None, b"for Bob"]
    with pytest.raises(UnknownLink):
        await store.account_links.remove(link.id, [workspace.id])


async def blocked(store: Store, workspace: Workspace, now: datetime, lasts: timedelta | None) -> Block:
    return await store.blocks.add(
        NewBlock(
            workspace_id=workspace.id,
            source="somewhere",
            player_id=PLAYER,
            player_name=NAME,
            reason=NOTE,
            blocked_by=WRITER,
            blocked_at=now,
            expires_at=None if lasts is None else now + lasts,
        )
    )


async def test_a_block_ends_and_says_no_more_of_whom_and_why(
    store: Store, path: Path, workspace: Workspace
) -> None:
    await blocked(store, workspace, NOW, timedelta(minutes=1))
    await blocked(store, workspace, NOW + timedelta(hours=1), None)
    kept = await stored(store, workspace, filed())

    await erase(store)

    assert await store.blocks.list_active([workspace.id], LATER) == []
    with raw(path) as db:
        query = "SELECT player_id, player_name, reason, ended_at IS NULL FROM blocks"
        assert db.execute(query).fetchall() == [("", None, ERASED_TEXT, 0)] * 2
    assert await store.outbox.pending_for_ticket(kept.id) == []
    assert await store.blocks.find_of_ticket(kept.id) is not None


async def test_a_player_who_erases_themselves_stays_blocked(store: Store, workspace: Workspace) -> None:
    in_force = await blocked(store, workspace, NOW, None)

    await erase(store, requested_by=Requester.PLAYER)

    assert await store.blocks.list_active([workspace.id], LATER) == [in_force]


async def test_discord_accounts_can_be_erased_too(store: Store, workspace: Workspace) -> None:
    account = GameAccount(source="somewhere", player_id="1", name="x")
    code = await store.account_links.create_code_for_player(workspace.id, account, NOW)
    await store.account_links.redeem_as_member(
        code.text, DiscordMember(guild_id=1, discord_id=5, name="R"), NOW
    )

    await erase(store, "5", "discord")

    assert await store.account_links.list_of_member(5) == ()


async def test_posts_and_the_bots_own_messages_are_edited(
    store: Store, path: Path, workspace: Workspace
) -> None:
    """Not a message that a person typed, and not one that is not sent yet: it is sent without the text."""
    ticket = await stored(store, workspace, filed())
    typed = DiscordMessage(channel_id=2, message_id=9, is_typed=True)
    await store.tickets.add_message(ticket.id, replying(), origin="typed", now=NOW, typed_as=typed)
    await store.tickets.add_message(ticket.id, replying(), origin="unsent", now=NOW)
    sent = await store.tickets.add_message(ticket.id, replying(), origin="sent", now=NOW)
    with raw(path) as db:
        db.execute("UPDATE messages SET shown_channel = 2, shown_message = 8 WHERE id = ?", (sent.id,))
        db.execute("UPDATE outbox SET state = 'done' WHERE message_id = ?", (sent.id,))
    before = {one.id for one in await store.outbox.pending_for_ticket(ticket.id)}

    await erase(store)

    new = [one for one in await store.outbox.pending_for_ticket(ticket.id) if one.id not in before]
    assert [(one.kind, one.message_id) for one in new] == [
        (DeliveryKind.UPDATE_POST, None),
        (DeliveryKind.UPDATE_MESSAGE, sent.id),
    ]


async def test_what_waits_to_be_pushed_says_only_the_status(
    store: Store, path: Path, workspace: Workspace
) -> None:
    endpoint = await store.pushes.add_endpoint(
        "hub", "somewhere", name="", url="https://game.example", secret="s", now=NOW
    )
    await a_whole_ticket(store, workspace)

    await erase(store)

    with raw(path) as db:
        kinds = db.execute(
            "SELECT type, reporter_id FROM pushes JOIN ticket_events USING (seq) WHERE endpoint_id = ?",
            (endpoint.id,),
        ).fetchall()
    assert set(kinds) == {("ticket.status", None)}


async def test_direct_messages_about_it_are_not_sent_and_say_no_more_to_whom(
    store: Store, path: Path, workspace: Workspace
) -> None:
    account = GameAccount(source="somewhere", player_id=PLAYER, name=NAME)
    code = await store.account_links.create_code_for_player(workspace.id, account, NOW)
    await store.account_links.redeem_as_member(
        code.text, DiscordMember(guild_id=1, discord_id=987654321, name="Rey"), NOW
    )
    ticket = await stored(store, workspace, filed())
    await store.tickets.add_message(ticket.id, replying(), origin="x", now=NOW)
    with raw(path) as db:
        query = "SELECT channel_id, queue, state FROM outbox WHERE kind = 'direct_message'"
        assert db.execute(query).fetchall() == [(987654321, "direct_messages:987654321", "pending")]

        await erase(store)

        assert db.execute(query).fetchall() == [(0, "erased", "dropped")]


async def test_a_repeated_notification_erases_nothing_again(store: Store, workspace: Workspace) -> None:
    async def notified(notification_id: str) -> int | None:
        return await store.erasures.request(
            "somewhere",
            PLAYER,
            workspace_id=workspace.id,
            requested_by=Requester.PLATFORM,
            now=NOW,
            notification_id=notification_id,
        )

    first = await notified("a")

    assert first is not None
    assert await notified("a") is None
    assert await notified("b") is not None


async def test_an_erasure_goes_on_after_a_restart(path: Path) -> None:
    async with opened(path) as store:
        workspace = await store.workspaces.add(HUB, NOW)
        own = [await stored(store, workspace, filed()) for _ in range(5)]
        erasure_id = await store.erasures.request(
            "somewhere", PLAYER, workspace_id=None, requested_by=Requester.OPERATOR, now=NOW
        )
        assert erasure_id is not None
        assert await store.erasures.run_batch(erasure_id, NOW, limit=2)

    async with opened(path) as store:
        assert await store.erasures.pending_ids() == [erasure_id]
        while await store.erasures.run_batch(erasure_id, NOW, limit=2):
            pass

        assert all([(await store.tickets.get(one.id)).erased_at for one in own])
        assert await store.erasures.pending_ids() == []
        assert (await store.erasures.get(erasure_id)).tickets == 5
        assert await store.erasures.unpurged_ids() == [erasure_id]
        await store.erasures.mark_purged([erasure_id], NOW)
        assert await store.erasures.unpurged_ids() == []


async def test_retention_erases_what_ended_long_ago(store: Store, workspace: Workspace) -> None:
    ended = [await a_whole_ticket(store, workspace) for _ in range(3)]
    recent = await stored(store, workspace, filed())
    still_open = await stored(store, workspace, filed(REY, BOB))
    await store.tickets.change(recent.id, lambda one: one.set_status(Status.RESOLVED), LATER, actor=WRITER)
    before = NOW + timedelta(hours=1)
    assert await store.erasures.count_ended(workspace.id, before) == 3

    counts = [await store.erasures.erase_ended(workspace.id, before, LATER, limit=2) for _ in range(3)]

    assert counts == [2, 1, 0]
    assert all([(await store.tickets.get(one.id)).erased_at == LATER for one in ended])
    assert [(await store.tickets.get(one.id)).body for one in (recent, still_open)] == [BODY, BODY]
    (record,) = await store.erasures.list_newest(5)
    assert (record.requested_by, record.tickets, record.player_hash) == (Requester.RETENTION, 3, None)


async def test_the_export_has_all_that_is_stored_about_a_player(store: Store, workspace: Workspace) -> None:
    ticket = await a_whole_ticket(store, workspace)
    report = await stored(store, workspace, filed(BOB, REY, view_only=True))

    part = await store.erasures.export("somewhere", PLAYER, workspace_id=None, after=0, limit=1)
    assert part.next_after == ticket.id
    rest = await store.erasures.export("somewhere", PLAYER, workspace_id=None, after=ticket.id, limit=2)

    (own,) = part.tickets
    assert re.sub(r"\W", "", str(own["request"])) == f"subject{SUBJECT}body{BODY}name{NAME}id{PLAYER}"
    assert own["messages"] == [
        {"from": "staff", "text": REPLY, "sent_at": NOW.isoformat()},
        {"from": "player", "text": FOLLOW_UP, "sent_at": NOW.isoformat()},
    ]
    (reported,) = rest.reported_in
    assert reported["id"] == report.public_id
    assert BODY not in str(reported)
    assert (rest.tickets, rest.next_after) == ((), None)


async def test_a_restored_backup_loses_again_who_was_erased_since(path: Path, tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    async with opened(path) as store:
        workspace = await store.workspaces.add(HUB, NOW)
        await erase(store, "never seen")
        ticket = await stored(store, workspace, filed())
        other = await stored(store, workspace, filed(BOB))
        create_backup(path, backup)
        await erase(store)
        await erase(store, "in no backup")

    with DatabaseLock(path):
        before = restore_backup(backup, path, NOW)
        assert before is not None
        assert carry_erasures(before, path) == 2
        assert carry_erasures(before, path) == 0  # they are in it by now

    async with opened(path) as store:
        (pending,) = await store.erasures.pending_ids()
        while await store.erasures.run_batch(pending, LATER):
            pass
        assert (await store.tickets.get(ticket.id)).body == ""
        assert (await store.tickets.get(other.id)).body == BODY
        assert (await store.erasures.get(pending)).player_hash == hash_player("somewhere", PLAYER)


def test_the_erasures_of_a_damaged_database_are_not_known(tmp_path: Path) -> None:
    (tmp_path / "before.db").write_bytes(b"no database")

    assert carry_erasures(tmp_path / "before.db", tmp_path / "tickets.db") is None


# Every text and blob of the database: what an erasure takes out or overwrites, and what it leaves and why.
ERASED = {
    *("account_links.player_id", "account_links.player_name", "account_links.discord_name"),
    *("blocks.player_id", "blocks.player_name", "blocks.reason"),
    *("discord_link_codes.discord_name", "game_link_codes.player_id", "game_link_codes.player_name"),
    *("erasures.player_id", "idempotent_responses.response", "link_attempts.who"),
    *("member_preferences.locale", "member_preferences.time_zone", "member_preferences.reachable"),
    *("messages.author_id", "messages.author_name", "messages.text", "player_tickets.player_id"),
    *("rejected_requests.body", "rejected_requests.reason", "ticket_events.reporter_id"),
    *("tickets.subject", "tickets.body"),
    *("messages.detail", "tickets.close_reason", "tickets.closed_by_id", "tickets.closed_by_name"),
    *("undoable_changes.actor_id", "undoable_changes.state"),
    *("tickets.fields", "tickets.chat_log", "tickets.raw_request"),
    *("tickets.reporter_id", "tickets.reporter_name", "tickets.reporter_display_name"),
    *("tickets.reporter_avatar_url", "tickets.reporter_profile_url"),
    *("tickets.reported_id", "tickets.reported_name", "tickets.reported_display_name"),
    *("tickets.reported_avatar_url", "tickets.reported_profile_url"),
    *("search_text_content.c0", "search_text_data.block", "search_text_idx.term"),
}
ABOUT_STAFF = {
    *("department_members.member_id", "department_members.department_id"),
    *("blocks.blocked_by", "blocks.blocked_by_id", "blocks.blocked_by_source"),
    *("blocks.ended_by", "blocks.ended_by_id"),
    *("ticket_assignees.member_id", "ticket_assignees.name"),
    *("tickets.claimed_by_id", "tickets.claimed_by_name", "tickets.claimed_by_source"),
    "tickets.closed_by_source",
    *("ticket_bitmaps.facet", "ticket_bitmaps.value", "ticket_bitmaps.members"),
}
OF_WORKSPACES = (
    "canned_replies",
    *("workspaces", "categories", "departments", "department_categories", "priorities", "tags"),
    *("api_keys", "push_endpoints", "platform_secrets", "ticket_tags", "secret_keys", "alert_messages"),
)
# Of every table: workspace and source, states and kinds, random values and hashes, errors of the network.
NO_PERSON = {
    *("workspace_id", "source", "author_source", "kind", "type", "status", "priority", "category"),
    *("department", "uid", "public_id", "origin", "queue", "nonce", "last_error", "code_hash", "path"),
    *("key_prefix", "idempotency_key", "body_sha256", "received_by", "received_as"),
    *("player_hash", "requested_by", "notification_id"),
}
OF_THE_BRIDGE = {
    "outbox.state",
    "pushes.state",
    "reserved_space.filler",
    "search_text_idx.segid",
    "search_text_idx.pgno",
}


def test_whether_an_erasure_reaches_a_column_is_decided_for_each() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        migrate(db)
        names = [row[0] for row in db.execute(_TABLES)]
        columns = {
            f"{name}.{row[1]}"
            for name in names
            for row in db.execute(f'PRAGMA table_info("{name}")')
            if row[2] not in ("INTEGER", "REAL")
        }

    own = {one for one in columns if not one.startswith(tuple(f"{table}." for table in OF_WORKSPACES))}
    left = own - ABOUT_STAFF - OF_THE_BRIDGE - {one for one in own if one.partition(".")[2] in NO_PERSON}
    assert left == ERASED


_TABLES = """
    SELECT name FROM sqlite_schema
    WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' AND name NOT LIKE 'sqlite_%'
      AND name <> 'search_text_config'
"""
