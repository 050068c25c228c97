"""Searching tickets: each condition alone and all together, newest first, with the total on every page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations, product

import pytest

from bot.tickets.queries import Scope, TicketQuery
from bot.tickets.ticket import Player, Status, Ticket
from bot.tickets.workspace import Workspace
from storage import Store
from tests.storage.samples import NOW, WRITER, ids, new_ticket

SORTS = list(
    product(("bug", "tea"), ("7", "8"), (None, "7", "9"), (Status.OPEN, Status.CLOSED), ("general", "lab"))
)
NAMES = {"7": ("rey", "Ärger"), "8": ("FINN_100%", None)}
PAIRS = list(combinations(("status", "category", "department", "reporter"), 2))
EVERYTHING = TicketQuery(limit=100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tickets:
    """A store with a ticket of every kind."""

    store: Store
    scope: Scope
    tickets: Sequence[Ticket]  # newest first

    async def found(self, search: TicketQuery) -> list[Ticket]:
        page = await self.store.tickets.search(self.scope, search)
        assert page.query == search
        return [case.ticket for case in page.items]


@pytest.fixture
async def tickets(store: Store, workspace: Workspace) -> Tickets:
    stored = []
    for category, reporter, reported, status, department in SORTS:
        name, display_name = NAMES[reporter]
        new = replace(
            new_ticket(category=category, subject=f"About {category}"),
            reporter=Player(id=reporter, name=name, display_name=display_name),
            reported_player=Player(id=reported, name="kylo") if reported else None,
        )
        ticket = await store.intake.add_ticket(workspace.id, new, ids(), NOW)
        expected = replace(ticket, status=status, department=department)
        stored.append(await store.tickets.change(ticket.id, partial(_becoming, expected), NOW, actor=WRITER))
    scope = Scope(workspace_id=workspace.id, source="somewhere")
    return Tickets(store=store, scope=scope, tickets=stored[::-1])


def _becoming(expected: Ticket, _: Ticket) -> Ticket:
    return expected


def _reported(ticket: Ticket) -> str | None:
    return ticket.reported_player.id if ticket.reported_player else None


CONDITIONS: dict[str, tuple[TicketQuery, Callable[[Ticket], bool]]] = {
    "nothing": (EVERYTHING, lambda _: True),
    "status": (replace(EVERYTHING, statuses=[Status.CLOSED]), lambda one: one.status is Status.CLOSED),
    "statuses": (replace(EVERYTHING, statuses=list(Status)), lambda _: True),
    "no status": (replace(EVERYTHING, statuses=[]), lambda _: False),
    "category": (replace(EVERYTHING, categories=["tea"]), lambda one: one.category == "tea"),
    "categories": (replace(EVERYTHING, categories=("tea", "bug", "x")), lambda _: True),
    "no category": (replace(EVERYTHING, categories=()), lambda _: False),
    "department": (replace(EVERYTHING, departments=["lab"]), lambda one: one.department == "lab"),
    "no department": (replace(EVERYTHING, departments=[]), lambda _: False),
    "reporter": (replace(EVERYTHING, reporter_id="7"), lambda one: one.reporter.id == "7"),
    "unknown reporter": (replace(EVERYTHING, reporter_id=""), lambda _: False),
    "reported": (replace(EVERYTHING, reported_id="9"), lambda one: _reported(one) == "9"),
    "unknown reported": (replace(EVERYTHING, reported_id="404"), lambda _: False),
    "text of a subject": (replace(EVERYTHING, text="UT TE"), lambda one: one.category == "tea"),
    "text of a name": (replace(EVERYTHING, text="finn_100%"), lambda one: one.reporter.id == "8"),
    "text of a display name": (replace(EVERYTHING, text="ärGER"), lambda one: one.reporter.id == "7"),
    "no text": (replace(EVERYTHING, text=""), lambda _: True),
    "text of nobody": (replace(EVERYTHING, text="kylo"), lambda _: False),
    "all": (
        TicketQuery(
            limit=100,
            statuses=[Status.CLOSED, Status.RESOLVED],
            categories=["tea"],
            departments=["lab"],
            reporter_id="7",
            reported_id="9",
            text="äRGER",
        ),
        lambda one: (
            (one.status, one.category, one.department, one.reporter.id, _reported(one))
            == (Status.CLOSED, "tea", "lab", "7", "9")
        ),
    ),
}


@pytest.mark.parametrize("name", CONDITIONS)
async def test_a_search_finds_exactly_the_matching_tickets_newest_first(tickets: Tickets, name: str) -> None:
    search, fits = CONDITIONS[name]

    assert await tickets.found(search) == [ticket for ticket in tickets.tickets if fits(ticket)]


@pytest.mark.parametrize(("one", "other"), PAIRS)
async def test_two_conditions_must_both_match(tickets: Tickets, one: str, other: str) -> None:
    (first, fits_first), (second, fits_second) = CONDITIONS[one], CONDITIONS[other]
    both = replace(
        EVERYTHING,
        statuses=first.statuses or second.statuses,
        categories=first.categories or second.categories,
        departments=first.departments or second.departments,
        reporter_id=first.reporter_id or second.reporter_id,
    )

    assert await tickets.found(both) == [
        each for each in tickets.tickets if fits_first(each) and fits_second(each)
    ]


@pytest.mark.parametrize("text", ["%", "_", "\\", "'", "\x00", "Ä", "ä"])
async def test_a_wildcard_in_a_search_text_is_literal(tickets: Tickets, text: str) -> None:
    found = await tickets.found(replace(EVERYTHING, text=text))

    assert found == [
        one
        for one in tickets.tickets
        if text.casefold() in f"{one.subject}|{one.reporter.name}|{one.reporter.display_name}".casefold()
    ]


async def test_text_after_a_null_character_is_found(store: Store, workspace: Workspace) -> None:
    hidden = await store.intake.add_ticket(workspace.id, new_ticket(subject="a\x00Straße"), ids(), NOW)
    scope = Scope(workspace_id=workspace.id, source="somewhere")

    page = await store.tickets.search(scope, TicketQuery(limit=10, text="STRASSE"))

    assert [case.ticket for case in page.items] == [hidden]
    assert await store.tickets.autocomplete("STRASSE", [workspace.id]) == [hidden]


async def test_every_page_has_the_total_of_all_pages(tickets: Tickets) -> None:
    search = TicketQuery(limit=7, categories=["tea"])
    expected = [ticket for ticket in tickets.tickets if ticket.category == "tea"]
    assert len(expected) == 24

    seen = []
    for offset in (0, 7, 14, 21, 28, 1000):
        page = await tickets.store.tickets.search(tickets.scope, replace(search, offset=offset))
        assert page.total == 24
        seen.append([case.ticket for case in page.items])

    assert seen == [expected[:7], expected[7:14], expected[14:21], expected[21:], [], []]


async def test_a_search_that_finds_nothing_has_a_total_of_none(tickets: Tickets) -> None:
    page = await tickets.store.tickets.search(Scope(workspace_id="nowhere", source="somewhere"), EVERYTHING)

    assert (page.items, page.total) == ((), 0)
