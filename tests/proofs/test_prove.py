"""The short forms of `tests.proofs.prove`: the promises hold, and a planted bug is noticed."""

import asyncio
from pathlib import Path

import pytest

from tests.proofs.audit import audit, can_trace
from tests.proofs.foreign_writer import BESIDE
from tests.proofs.injected_bugs import PLANTS
from tests.proofs.kills import kills
from tests.proofs.outcome import Outcome
from tests.proofs.prove import LONG, SHORT, noticed
from tests.proofs.report_table import DOCUMENT, write_figures
from tests.proofs.tracing import Audit

pytestmark = pytest.mark.timeout(180)

KILLS = [plant for plant, (proof, _) in SHORT.items() if proof.of is kills]
AUDITS = [plant for plant, (proof, _) in SHORT.items() if proof.of is audit]
OTHERS = [plant for plant in SHORT if plant not in (*KILLS, *AUDITS)]
needs_strace = pytest.mark.skipif(not can_trace(), reason="strace is not there, or may not look")


async def test_killed_under_load_it_loses_nothing_and_repeats_nothing() -> None:
    """At once, for they mostly wait: with answers lost, requests lost, and effects that come late."""
    found = await asyncio.gather(*(SHORT[plant][0].run() for plant in KILLS))

    assert [outcome.wrong for outcome in found] == [[], [], []]


async def test_what_would_lose_or_repeat_a_ticket_is_noticed() -> None:
    found = await asyncio.gather(*(noticed(plant) for plant in KILLS))

    assert [outcome.wrong for outcome in found] == [[], [], []]


@needs_strace
async def test_no_answer_leaves_before_its_ticket_is_on_the_disk() -> None:
    outcome = await SHORT[AUDITS[0]][0].run()

    assert outcome.wrong == []


@needs_strace
async def test_an_answer_that_leaves_too_early_is_noticed() -> None:
    found = await asyncio.gather(*(noticed(plant) for plant in AUDITS))

    assert [outcome.wrong for outcome in found] == [[], []]


@pytest.mark.parametrize("plant", OTHERS)
async def test_the_promise_a_bug_would_break_holds_without_it(plant: str) -> None:
    """A foreign writer fails nobody, a raw reply to a report is refused, an outage stops nothing."""
    outcome = await SHORT[plant][0].run()

    assert outcome.wrong == []


@pytest.mark.parametrize("plant", OTHERS)
async def test_a_planted_bug_is_noticed(plant: str) -> None:
    outcome = await noticed(plant)

    assert outcome.wrong == []


def test_every_bug_that_can_be_planted_has_its_proof() -> None:
    assert SHORT.keys() == PLANTS.keys()


WRITE = '7 1.0 pwrite64(9</x/tickets.db-wal>, "\\0BUG-123456\\0", 4096, 32) = 4096'
SYNC = "7 1.1 fdatasync(9</x/tickets.db-wal>) = 0"
ANSWER = (
    '5 1.2 sendto(12<socket:[1]>, "HTTP/1.1 200 OK\\r\\n\\r\\n{\\"ticketId\\":\\"BUG-123456\\"}", 99, 0) = 99'
)
BEGUN = "7 1.1 fdatasync(9</x/tickets.db-wal> <unfinished ...>"
RETURNED = "7 1.3 <... fdatasync resumed>) = 0"


@pytest.mark.parametrize(
    ("lines", "early"),
    [
        ([WRITE, SYNC, ANSWER], []),
        ([WRITE, BEGUN, RETURNED, ANSWER], []),
        ([WRITE, ANSWER, SYNC], ["BUG-123456"]),
        ([SYNC, WRITE, ANSWER], ["BUG-123456"]),
        ([WRITE, BEGUN, ANSWER, RETURNED], ["BUG-123456"]),
        ([BEGUN, WRITE.replace("7 ", "8 ", 1), RETURNED, ANSWER], ["BUG-123456"]),
        ([WRITE, SYNC.replace("= 0", "= -1 EIO"), ANSWER], ["BUG-123456"]),
        ([WRITE, SYNC.replace("-wal", ""), ANSWER], ["BUG-123456"]),
    ],
)
def test_only_a_sync_of_the_log_that_came_back_after_the_write_makes_an_answer_timely(
    lines: list[str], early: list[str]
) -> None:
    seen = Audit()
    seen.read(lines)

    assert seen.answered == ["BUG-123456"]
    assert seen.early == early


@pytest.mark.parametrize("run", [*LONG, *BESIDE, "controls"])
def test_every_run_has_its_place_in_the_document(run: str, tmp_path: Path) -> None:
    copy = tmp_path / "reliability.md"
    copy.write_text(DOCUMENT.read_text(encoding="utf-8"), encoding="utf-8")

    write_figures(run, Outcome(name="x", figures={"lost": "0"}), command="make prove", document=copy)
    write_figures(run, Outcome(name="x", figures={"lost": "1"}, wrong=["No."]), command="y", document=copy)

    written = copy.read_text(encoding="utf-8")
    assert "| lost | 1 |" in written
    assert "| lost | 0 |" not in written.partition(f"<!-- {run} -->")[2].partition("<!-- end")[0]
    assert "**NOT AS PROMISED**" in written
