"""The search index: it changes how fast tickets are found, never which."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from bot.tickets.message import Actor
from bot.tickets.queries import Scope, TicketQuery
from bot.tickets.ticket import Player, Priority, Status, Ticket
from bot.tickets.workspace import Workspace
from storage import StorageError, Store
from tests.storage.samples import HUB, NOW, WRITER, counted, ids, new_ticket, opened, raw

CATEGORIES, DEPARTMENTS = ("bug", "tea", "Größe"), ("general", "lab", "vault")
SOURCES = ("somewhere", "elsewhere")
WORDS = (
    "Straße",
    "STRASSE",
    "İzmir",
    "100%",
    'say "hi"',
    "a\x00b",
    "\ufffe\uffff",
    "😀😀😀",
    "AND",
    "x*",
    "1234",
    "",
)
BOB = Actor(id="12", name="Bob")
NAMESAKE = Actor(id="11", name="Alice", source="elsewhere")  # has the same id as WRITER
CLAIMERS = (None, None, WRITER, BOB, NAMESAKE)
NAMES = ("Rey", "rey_2", "Ärger", "FINN", "\ue000\ue001\ue002", None)
PLAYERS = ("7", "8", "9", None)
TEXTS = (
    *(None, None, "", "r", "re", "REY", "strass", "SSE", "i̇z", "izm", "0%", '"hi', "b", "a\x00b", "\x00"),
    *("😀", "😀😀😀", "\ufffe\uffff", "NOT", "and", "x*", "1234", "34", "34 1", "ärg", "words:", "\n"),
    *("\ue000\ue001\ue002", "z" * 256),
)


def search_of(rng: random.Random, texts: Sequence[str | None]) -> TicketQuery:
    def some(values: Sequence[str]) -> list[str] | None:
        return rng.choice([None, None, rng.sample(values, rng.randrange(3))])

    statuses = some([status.value for status in Status])
    return TicketQuery(
        limit=rng.choice([1, 5, 1000]),
        offset=rng.choice([0, 0, 0, 3, 50]),
        statuses=None if statuses is None else [Status(one) for one in statuses],
        categories=some(CATEGORIES),
        departments=some(DEPARTMENTS),
        hidden_departments=some(DEPARTMENTS) or (),
        priorities=rng.choice([None, None, [Priority.HIGH], [Priority.LOW, Priority.URGENT]]),
        assignee=rng.choice([None, None, None, WRITER, NAMESAKE]),
        unclaimed=rng.randrange(5) == 0,
        created_before=rng.choice([None, None, NOW + timedelta(minutes=rng.randrange(200))]),
        reporter_id=rng.choice([None, None, None, "7", "8"]),
        reported_id=rng.choice([None, None, None, "7", "9"]),
        text=rng.choice(texts),
    )


def matches(ticket: Ticket, scope: Scope, search: TicketQuery) -> bool:
    """Whether a ticket matches a search, without the index."""
    names = (ticket.subject, ticket.reporter.name, ticket.reporter.display_name)
    reported = ticket.reported_player.id if ticket.reported_player else None
    return (
        (ticket.workspace_id, ticket.source) == (scope.workspace_id, scope.source)
        and (search.statuses is None or ticket.status in search.statuses)
        and (search.categories is None or ticket.category in search.categories)
        and (search.departments is None or ticket.department in search.departments)
        and ticket.department not in search.hidden_departments
        and (search.priorities is None or ticket.priority in search.priorities)
        and (search.assignee is None or (ticket.claimed_by or BOB).same_as(search.assignee))
        and (not search.unclaimed or ticket.claimed_by is None)
        and (search.created_before is None or ticket.created_at < search.created_before)
        and search.reporter_id in (None, ticket.reporter.id)
        and search.reported_id in (None, reported)
        and (search.text is None or any(search.text.casefold() in (name or "").casefold() for name in names))
    )


class Archive:
    """A store, and a copy of every ticket that it should have."""

    def __init__(self, store: Store, workspaces: Sequence[Workspace], rng: random.Random) -> None:
        self.store = store
        self.tickets: dict[int, Ticket] = {}
        self._workspaces = workspaces
        self.rng = rng

    def player(self) -> Player:
        one = self.rng.choice
        return Player(id=one(PLAYERS), name=one(NAMES), display_name=one(NAMES))

    async def file(self) -> None:
        one = self.rng.choice
        new = replace(
            new_ticket(source=one(SOURCES), category=one(CATEGORIES), subject=f"{one(WORDS)} {one(WORDS)}"),
            reporter=self.player(),
            reported_player=one([None, Player(id=one(PLAYERS), name="kylo")]),
            priority=one(list(Priority)),
        )
        now = NOW + timedelta(minutes=len(self.tickets))
        ticket = await self.store.intake.add_ticket(one(self._workspaces).id, new, ids(), now)
        self.tickets[ticket.id] = ticket

    async def change(self) -> None:
        one = self.rng.choice
        expected = replace(
            one(list(self.tickets.values())), status=one(list(Status)), department=one(DEPARTMENTS)
        )
        reporter = one([expected.reporter, self.player()])
        expected = replace(expected, reporter=reporter, claimed_by=one(CLAIMERS))
        self.tickets[expected.id] = await self.store.tickets.change(
            expected.id, lambda before: replace(expected, post=before.post), NOW, actor=WRITER
        )

    async def check(self, texts: Sequence[str | None] = TEXTS) -> None:
        """Assert that a search finds exactly the matching tickets, and counts them."""
        scope = Scope(workspace_id=self.rng.choice(self._workspaces).id, source=self.rng.choice(SOURCES))
        search = search_of(self.rng, texts)
        expected = [
            one for _, one in sorted(self.tickets.items(), reverse=True) if matches(one, scope, search)
        ]

        found = await self.store.tickets.search(scope, search)

        page = expected[search.offset : search.offset + search.limit]
        assert ([case.ticket for case in found.items], found.total) == (page, len(expected)), search


@pytest.fixture
async def archive(store: Store, workspace: Workspace, seed: int) -> Archive:
    """An archive with older tickets that are not indexed yet."""
    other = await store.workspaces.add(replace(HUB, name="other"), NOW)
    archive = Archive(store, [workspace, other], random.Random(seed))  # noqa: S311  # no secret
    for _ in range(8):
        for _ in range(20):
            await archive.file()
        for _ in range(8):
            await archive.change()
        await store.search_index.index_batch(archive.rng.randrange(30))
    return archive


@pytest.fixture
def scope(workspace: Workspace) -> Scope:
    return Scope(workspace_id=workspace.id, source="somewhere")


async def indexed(store: Store) -> None:
    while await store.search_index.index_batch():
        pass


async def found_by(store: Store, scope: Scope, **conditions: object) -> list[int]:
    page = await store.tickets.search(scope, TicketQuery(limit=10_000, **conditions))  # type: ignore[arg-type]  # as named
    assert page.total == len(page.items)
    return [case.ticket.id for case in page.items]


@pytest.fixture
def block_size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.sqlite.search.bitmap.BLOCK_SIZE", request.param)


@pytest.mark.parametrize("block_size", [1 << 16, 16], indirect=True)
@pytest.mark.parametrize("seed", range(4))
async def test_a_search_finds_what_a_scan_of_every_ticket_finds(block_size: None, archive: Archive) -> None:
    for _ in range(150):
        await archive.check()
    await indexed(archive.store)
    for _ in range(150):
        await archive.check()
        await archive.change()


@pytest.mark.parametrize("seed", range(4))
async def test_an_old_ticket_is_found_through_the_index(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.sqlite.search.query._NEWEST_SCANNED", 3)
    await indexed(archive.store)

    for _ in range(150):
        await archive.check([text for text in TEXTS if text is None or len(text.casefold()) > 2])
        await archive.change()


@pytest.mark.parametrize("text", ["rey", "ey", "BROKE"])
async def test_a_ticket_is_found_before_and_after_it_is_indexed(
    store: Store, workspace: Workspace, scope: Scope, text: str
) -> None:
    ticket = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)

    before = await found_by(store, scope, text=text)
    assert await store.search_index.lag() == 1
    await indexed(store)

    assert await store.search_index.lag() == 0
    assert before == await found_by(store, scope, text=text) == [ticket.id]


async def test_a_text_is_searched_among_the_newest_tickets_and_in_the_index(
    store: Store, workspace: Workspace, scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.sqlite.search.query._NEWEST_SCANNED", 4)
    monkeypatch.setattr("storage.sqlite.search.query._INDEXED_SCANNED", 2)
    for number in range(20):
        await store.intake.add_ticket(workspace.id, new_ticket(subject="abc"[: 2 + number % 2]), ids(), NOW)
    await indexed(store)

    assert await found_by(store, scope, text="abc") == [20, 18]
    assert await found_by(store, scope, text="ab") == [20, 19, 18, 17]
    assert await found_by(store, scope, text="abd") == []
    assert len(await found_by(store, scope)) == 20


@pytest.mark.parametrize("window", [1 << 18, 3])
async def test_texts_of_another_game_hide_none_in_the_index(
    store: Store, workspace: Workspace, scope: Scope, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    monkeypatch.setattr("storage.sqlite.search.query._NEWEST_SCANNED", 1)
    monkeypatch.setattr("storage.sqlite.search.query._INDEXED_SCANNED", 2)
    monkeypatch.setattr("storage.sqlite.search.query._WINDOW", window)
    for subject, source in (("abc", "somewhere"),) * 4 + (("abc", "elsewhere"),) * 7 + (("x", "somewhere"),):
        await store.intake.add_ticket(workspace.id, new_ticket(subject=subject, source=source), ids(), NOW)
    await indexed(store)

    assert await found_by(store, scope, text="abc") == [4, 3]


async def test_a_linked_reporter_is_found_by_the_new_name_and_not_by_the_old(
    store: Store, workspace: Workspace, scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.sqlite.search.query._NEWEST_SCANNED", 1)
    ticket = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    for _ in range(5):
        await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    await indexed(store)

    for name in ("Poe Dameron", "Maz Kanata", "rey"):
        await store.tickets.change(ticket.id, partial(_called, name), NOW, actor=WRITER)
        assert ticket.id in await found_by(store, scope, text=name)
        assert await store.search_index.lag() == 1
        await indexed(store)
        assert ticket.id in await found_by(store, scope, text=name)

    assert await found_by(store, scope, text="Dameron") == await found_by(store, scope, text="Kanata") == []
    assert await store.search_index.lag() == 0


def _called(name: str, ticket: Ticket) -> Ticket:
    return replace(ticket, reporter=Player(id="7", name=name))


@pytest.mark.parametrize("moment", ["before it is indexed", "after it is indexed", "after a restart"])
async def test_a_total_is_exact_after_each_change(path: Path, moment: str) -> None:
    async with opened(path) as store:
        workspace = await store.workspaces.add(HUB, NOW)
        scope = Scope(workspace_id=workspace.id, source="somewhere")
        for _ in range(5):
            ticket = await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
        if moment != "before it is indexed":
            await indexed(store)
    async with opened(path) as store:
        await store.tickets.change(ticket.id, lambda one: one.set_status(Status.CLOSED), NOW, actor=WRITER)
        await store.tickets.change(1, lambda one: replace(one, department="lab"), NOW, actor=WRITER)
        for _ in range(2):
            assert len(await found_by(store, scope)) == 5
            assert await found_by(store, scope, statuses=[Status.CLOSED]) == [ticket.id]
            assert await found_by(store, scope, departments=["lab"]) == [1]
            assert await found_by(store, scope, hidden_departments=["lab"]) == [5, 4, 3, 2]
            await indexed(store)


async def test_tickets_are_found_by_tag_and_by_assignee_as_soon_as_they_have_them(
    store: Store, workspace: Workspace, scope: Scope, path: Path
) -> None:
    for _ in range(4):
        await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    await indexed(store)
    await store.tickets.change(4, lambda ticket: ticket.claim(WRITER), NOW, actor=WRITER)
    with raw(path) as db:
        db.execute("INSERT INTO ticket_tags VALUES (1, 'duplicate'), (1, 'later'), (2, 'later')")
        db.execute("INSERT INTO ticket_assignees VALUES (2, 'discord', '11', 'Alice', 0, 0)")

    for _ in range(2):
        assert await found_by(store, scope, tags=["later"]) == [2, 1]
        assert await found_by(store, scope, tags=["duplicate", "unused"]) == [1]
        assert await found_by(store, scope, tags=[]) == []
        assert await found_by(store, scope, assignee=WRITER) == [4, 2]
        assert await found_by(store, scope, assignee=WRITER, unclaimed=True) == [2]
        assert await found_by(store, scope, unclaimed=True, tags=["later"]) == [2, 1]
        await indexed(store)
    with raw(path) as db:
        db.execute("DELETE FROM ticket_tags WHERE ticket_id = 1 AND tag = 'later'")
        db.execute("DELETE FROM ticket_assignees")

    for _ in range(2):
        assert await found_by(store, scope, tags=["later"]) == [2]
        assert await found_by(store, scope, tags=["duplicate"]) == [1]
        assert await found_by(store, scope, assignee=WRITER) == [4]
        await indexed(store)


async def test_a_new_name_leaves_the_bitmaps_as_they_were(
    store: Store, workspace: Workspace, scope: Scope, path: Path
) -> None:
    await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    await indexed(store)
    before = bitmaps_of(path)

    await store.tickets.change(1, partial(_called, "Poe"), NOW, actor=WRITER)
    await indexed(store)

    assert bitmaps_of(path) == before
    assert await found_by(store, scope, text="Poe") == [1]


def bitmaps_of(path: Path) -> list[object]:
    with raw(path) as db:
        return db.execute("SELECT * FROM ticket_bitmaps ORDER BY id").fetchall()


async def test_a_failed_batch_is_rolled_back_whole(
    store: Store, workspace: Workspace, scope: Scope, path: Path
) -> None:
    for _ in range(10):
        await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)
    await store.search_index.index_batch(4)
    with raw(path) as db:
        db.execute(
            "CREATE TRIGGER no BEFORE UPDATE ON search_progress BEGIN SELECT RAISE(ABORT, 'planted'); END"
        )
        with pytest.raises(StorageError, match="planted"):
            await store.search_index.index_batch(4)
        db.execute("DROP TRIGGER no")

    assert counted(path, "search_text") == counted(path, "player_tickets") == 4
    await indexed(store)

    assert (
        await found_by(store, scope) == await found_by(store, scope, text="broke") == list(range(10, 0, -1))
    )
    with raw(path) as db:
        words = db.execute("SELECT rowid FROM search_text WHERE search_text MATCH 'bro'").fetchall()
    assert sorted(words) == [(number,) for number in range(1, 11)]


async def test_after_a_cancelled_batch_the_next_one_succeeds(
    store: Store, workspace: Workspace, scope: Scope
) -> None:
    for _ in range(50):
        await store.intake.add_ticket(workspace.id, new_ticket(), ids(), NOW)

    for _ in range(20):
        batch = asyncio.create_task(store.search_index.index_batch(5))
        await asyncio.sleep(0.0005)  # any moment to cancel at will do
        batch.cancel()
        await asyncio.wait([batch])
    await indexed(store)

    assert len(await found_by(store, scope)) == len(await found_by(store, scope, text="broke")) == 50
