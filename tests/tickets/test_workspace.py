"""The rules of a workspace: where tickets go, limits of open tickets, and which rules are invalid."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.tickets.errors import (
    InvalidWorkspaceRule,
    NothingChanged,
    UnknownCategory,
    UnknownDepartment,
    UnknownTag,
    WrongDepartment,
)
from bot.tickets.ticket import Status, Ticket
from bot.tickets.workspace import THANKS, Category, Department, UnknownCategoryPolicy, Workspace
from tests.tickets.samples import ALICE, GAME_REPORT, TICKET, WORKSPACE

BUG = Category(id="bug", name="Bugs", max_open=2)
BANS = Category(id="bans", name="Bans")
QA = Department(id="qa", name="Quality", channel_id=20, categories=("bug",))
COURT = Department(id="court", name="Court", categories=("bans",), members=("11", "12"))
RULED = WORKSPACE.with_category(BUG).with_category(BANS).with_department(QA).with_department(COURT)


def test_a_new_workspace_has_one_department_for_everything() -> None:
    assert WORKSPACE.department_for("whatever") == Department(id="general", name="General")
    assert WORKSPACE.categories == ()


@pytest.mark.parametrize("status", Status)
def test_reporters_are_thanked_for_game_reports_that_have_ended_once_that_is_on(status: Status) -> None:
    thankful = replace(WORKSPACE, thank_reporters=True)
    report, ticket = replace(GAME_REPORT, status=status), replace(TICKET, status=status)

    assert thankful.thanks_for(report) == (THANKS if status.is_closed else None)
    assert thankful.thanks_for(ticket) is None
    assert WORKSPACE.thanks_for(report) is None


def test_staff_are_named_to_reporters_only_once_that_is_on() -> None:
    assert WORKSPACE.name_for_reporters(ALICE) is None
    assert replace(WORKSPACE, name_staff=True).name_for_reporters(ALICE) == "Alice"
    assert replace(WORKSPACE, name_staff=True).name_for_reporters(replace(ALICE, name=" ")) is None


@pytest.mark.parametrize(
    ("category", "department"), [("bug", "qa"), ("bans", "court"), ("Bug", "general"), ("", "general")]
)
def test_a_ticket_goes_to_the_department_of_its_category(category: str, department: str) -> None:
    assert RULED.department_for(category).id == department


def test_the_first_department_of_a_category_gets_its_tickets() -> None:
    both = RULED.with_department(Department(id="more", name="More", categories=("bug", "bans")))

    assert both.department_for("bug").id == "qa"
    assert both.without_department("qa").department_for("bug").id == "more"


@pytest.mark.parametrize(
    ("ticket", "department", "channel"),
    [
        (TICKET, "qa", 20),
        (GAME_REPORT, "qa", 20),
        (TICKET, "court", 2),
        (GAME_REPORT, "court", 3),
        (TICKET, "general", 2),
        (GAME_REPORT, "no longer there", 3),
    ],
)
def test_a_ticket_is_posted_in_its_department_s_channel_else_in_the_workspace_s(
    ticket: Ticket, department: str, channel: int
) -> None:
    assert RULED.channel_for(ticket, department) == channel


def test_a_rule_with_the_same_id_replaces_the_old_one() -> None:
    renamed = RULED.with_department(replace(QA, name="Testers")).with_category(replace(BUG, max_open=None))

    assert [one.name for one in renamed.departments] == ["General", "Testers", "Court"]
    assert [one.max_open for one in renamed.categories] == [None, None]


def test_a_category_is_given_to_all_departments_named_and_taken_from_the_others() -> None:
    given = RULED.with_category(BUG, departments=["court", "general"])

    assert {one.id: one.categories for one in given.departments} == {
        "general": ("bug",),
        "qa": (),
        "court": ("bans", "bug"),
    }
    assert RULED.with_category(BUG, departments=[]).department_for("bug").id == "general"


def test_a_category_given_to_an_unknown_department_is_not_made() -> None:
    with pytest.raises(UnknownDepartment):
        WORKSPACE.with_category(BUG, departments=["general", "nowhere"])


def test_a_removed_department_leaves_its_categories_to_the_default_one() -> None:
    assert RULED.without_department("qa").department_for("bug").id == "general"


def test_a_removed_category_is_handled_by_no_department() -> None:
    without = RULED.without_category("bug")

    assert without.category("bug") is None
    assert all("bug" not in one.categories for one in without.departments)


def test_another_default_department_lets_the_old_one_be_removed() -> None:
    changed = RULED.with_default_department("court").without_department("general")

    assert changed.department_for("whatever").id == "court"


@pytest.mark.parametrize(
    "change",
    [
        lambda workspace: workspace.department("nowhere"),
        lambda workspace: workspace.without_department("nowhere"),
        lambda workspace: workspace.with_default_department("nowhere"),
        lambda workspace: workspace.transfer(TICKET, "nowhere"),
    ],
)
def test_an_unknown_department_is_refused(change: Callable[[Workspace], object]) -> None:
    with pytest.raises(UnknownDepartment, match=r"^There is no such department in this workspace\.$"):
        change(RULED)


def test_an_unknown_category_cannot_be_removed() -> None:
    with pytest.raises(UnknownCategory):
        RULED.without_category("nothing")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda ruled: ruled.without_department("general"), "default department. Make another one the"),
        (lambda ruled: ruled.with_department(replace(QA, id="")), "An id has 1 to 64 characters"),
        (lambda ruled: ruled.with_department(replace(QA, id="x" * 65)), "An id has 1 to 64 characters"),
        (lambda ruled: ruled.with_department(replace(QA, id="a\nb")), "all of them visible"),
        (lambda ruled: ruled.with_department(replace(QA, id="\ud800")), "all of them visible"),
        (lambda ruled: ruled.with_department(replace(QA, name="  ")), "A name has 1 to 100 characters"),
        (lambda ruled: ruled.with_category(replace(BUG, name="x" * 101)), "A name has 1 to 100 characters"),
        (lambda ruled: ruled.with_category(replace(BUG, id="\u202e")), "all of them visible"),
        (lambda ruled: ruled.with_category(replace(BUG, max_open=0)), "1 to 1,000 open tickets"),
        (lambda ruled: ruled.with_category(replace(BUG, max_open=1001)), "1 to 1,000 open tickets"),
        (lambda ruled: ruled.with_department(replace(QA, categories=("tea",))), "There is no category tea."),
        (lambda ruled: ruled.with_department(replace(QA, members=("1",) * 101)), "at most 100 members"),
        (lambda ruled: ruled.with_department(replace(QA, categories=("bug",) * 101)), "100 categories"),
    ],
)
def test_an_invalid_rule_is_refused_with_the_reason(
    change: Callable[[Workspace], Workspace], sentence: str
) -> None:
    with pytest.raises(InvalidWorkspaceRule, match=sentence):
        change(RULED)


def test_a_workspace_has_100_departments_and_100_categories_at_most() -> None:
    full = WORKSPACE
    for number in range(100):
        full = full.with_category(Category(id=f"c{number}", name="C"))
    for number in range(99):
        full = full.with_department(Department(id=f"d{number}", name="D"))

    with pytest.raises(InvalidWorkspaceRule, match=r"at most 100 of them\. Remove one first\."):
        full.with_category(BUG)
    with pytest.raises(InvalidWorkspaceRule, match=r"at most 100 of them\. Remove one first\."):
        full.with_department(replace(QA, categories=()))
    assert full.with_category(Category(id="c7", name="changed")).category("c7")


def test_values_at_their_limits_are_valid() -> None:
    longest = Category(id="ä" * 64, name="😀" * 100, max_open=1000)

    assert WORKSPACE.with_category(longest).categories == (longest,)


def test_a_ticket_is_transferred_only_to_a_department_of_its_category() -> None:
    with pytest.raises(WrongDepartment, match=r"^That department does not handle this ticket's category\.$"):
        RULED.transfer(TICKET, "court")
    assert RULED.transfer(TICKET.claim(ALICE), "qa") == TICKET.claim(ALICE).transfer("qa")


def test_a_department_without_categories_takes_any_ticket() -> None:
    assert RULED.transfer(TICKET, "general").department == "general"


def test_a_ticket_may_go_back_to_where_it_would_be_filed() -> None:
    picky = RULED.with_category(BANS, departments=["general"]).without_category("bug")

    assert picky.department_for(TICKET.category).id == "general"
    assert picky.transfer(TICKET.transfer("qa"), "general").department == "general"


def test_an_unknown_category_is_refused_unless_the_workspace_keeps_those() -> None:
    lenient = replace(RULED, unknown_categories=UnknownCategoryPolicy.KEEP)

    lenient.ensure_category_allowed("tea")
    RULED.ensure_category_allowed("bug")
    with pytest.raises(UnknownCategory):
        RULED.ensure_category_allowed("tea")


@pytest.mark.parametrize("policy", UnknownCategoryPolicy)
def test_a_workspace_without_categories_accepts_any(policy: UnknownCategoryPolicy) -> None:
    replace(RULED, categories=(), unknown_categories=policy).ensure_category_allowed("tea")


def test_game_reports_have_no_limit_of_open_tickets() -> None:
    assert RULED.open_ticket_limit(TICKET) == 2
    assert RULED.open_ticket_limit(GAME_REPORT) is None
    assert RULED.open_ticket_limit(replace(TICKET, category="bans")) is None
    assert RULED.open_ticket_limit(replace(TICKET, category="tea")) is None


def test_a_department_is_open_to_its_members_or_to_all_without_any() -> None:
    assert RULED.departments_hidden_from("11") == ()
    assert RULED.departments_hidden_from("99") == ("court",)


def test_a_department_or_category_that_the_workspace_lacks_is_named_by_its_id() -> None:
    assert (RULED.department_name("qa"), RULED.department_name("gone")) == ("Quality", "gone")
    assert (RULED.category_name("bug"), RULED.category_name("gone")) == ("Bugs", "gone")


def test_a_ticket_moves_to_a_category_and_to_where_such_tickets_are_filed() -> None:
    house = (
        WORKSPACE.with_category(Category(id="bug", name="Bugs"))
        .with_category(Category(id="appeal", name="Appeals"))
        .with_department(Department(id="court", name="The Court", categories=("appeal",)))
        .with_department(Department(id="lab", name="The Lab", categories=("bug",)))
    )
    claimed = replace(TICKET, department="lab").claim(ALICE)

    appeal = house.move(claimed, category_id="appeal")
    assert (appeal.category, appeal.department, appeal.claimed_by) == ("appeal", "court", None)
    stays = house.move(TICKET.claim(ALICE), category_id="appeal")  # the general one handles any
    assert (stays.department, stays.claimed_by) == ("general", ALICE)
    both = house.move(TICKET, category_id="appeal", department_id="court")
    assert (both.category, both.department) == ("appeal", "court")
    with pytest.raises(WrongDepartment):
        house.move(TICKET, category_id="appeal", department_id="lab")
    with pytest.raises(UnknownCategory):
        house.move(TICKET, category_id="made up")
    with pytest.raises(UnknownDepartment):
        house.move(TICKET, department_id="made up")
    for nothing in ({}, {"category_id": "bug"}, {"department_id": "general", "category_id": "bug"}):
        with pytest.raises(NothingChanged):
            house.move(TICKET, **nothing)


def test_tags_are_few_short_and_in_alphabetical_order() -> None:
    house = WORKSPACE.with_tag(" vip ").with_tag("duped").with_tag("vip")

    assert house.tags == ("duped", "vip")
    assert house.without_tag("vip").tags == ("duped",)
    with pytest.raises(UnknownTag):
        house.without_tag("made up")
    for refused in ("", " ", "x" * 33, "two\nlines"):
        with pytest.raises(InvalidWorkspaceRule):
            house.with_tag(refused)
    full = replace(WORKSPACE, tags=tuple(f"tag {number:02}" for number in range(25)))
    with pytest.raises(InvalidWorkspaceRule, match="at most 25"):
        full.with_tag("one more")
