"""Short forms of `tests.proofs.prove`: the promises hold, and each injected bug is noticed."""

import asyncio
from pathlib import Path

import pytest

from bot.outbox.circuit_breaker import CircuitBreaker
from tests.proofs.audit import audit, can_trace
from tests.proofs.external_proofs import EXTERNAL
from tests.proofs.injected_bugs import INJECTED_BUGS, replace_attribute
from tests.proofs.kills import kills
from tests.proofs.outcome import Outcome
from tests.proofs.prove import LONG, SHORT, run_with_bug
from tests.proofs.report_table import DOCUMENT, write_figures
from tests.proofs.tracing import TraceAudit

pytestmark = pytest.mark.timeout(600)  # each starts the whole bridge several times

KILLS = [bug for bug, (proof, _) in SHORT.items() if proof.check is kills]
AUDITS = [bug for bug, (proof, _) in SHORT.items() if proof.check is audit]
OTHERS = [bug for bug in SHORT if bug not in (*KILLS, *AUDITS)]
needs_strace = pytest.mark.skipif(not can_trace(), reason="strace is missing or not permitted")


async def test_killed_under_load_the_bridge_loses_nothing_and_repeats_nothing() -> None:
    """Run together because they mostly wait: with answers lost, requests lost, and effects that come late."""
    outcomes = await asyncio.gather(*(SHORT[bug][0].run() for bug in KILLS))

    assert [outcome.wrong for outcome in outcomes] == [[], [], []]


async def test_a_bug_that_loses_or_repeats_a_ticket_is_noticed() -> None:
    outcomes = await asyncio.gather(*map(run_with_bug, KILLS))

    assert [outcome.wrong for outcome in outcomes] == [[], [], []]


@needs_strace
async def test_no_answer_leaves_before_its_ticket_is_on_the_disk() -> None:
    outcome = await SHORT[AUDITS[0]][0].run()

    assert outcome.wrong == []


@needs_strace
async def test_an_answer_that_leaves_too_early_is_noticed() -> None:
    outcomes = await asyncio.gather(*map(run_with_bug, AUDITS))

    assert [outcome.wrong for outcome in outcomes] == [[], []]


@pytest.mark.parametrize("bug", OTHERS)
async def test_without_the_bug_the_promise_holds(bug: str) -> None:
    outcome = await SHORT[bug][0].run()

    assert outcome.wrong == []


# The other bugs take up to a minute each to do harm: `make prove-controls` injects them all.
@pytest.mark.parametrize("bug", ["deferred-begin", "missing-trigger"])
async def test_an_injected_bug_is_noticed(bug: str) -> None:
    outcome = await run_with_bug(bug)

    assert outcome.wrong == []


def test_every_injected_bug_has_its_proof() -> None:
    assert SHORT.keys() == INJECTED_BUGS.keys()


def test_a_bug_for_a_name_that_no_longer_exists_is_refused() -> None:
    with pytest.raises(AttributeError, match="defines no renamed_since"):
        replace_attribute(CircuitBreaker, "renamed_since", None)


WRITE = '7 1.0 pwrite64(9</x/tickets.db-wal>, "\\0BUG-123456\\0", 4096, 32) = 4096'
SYNC = "7 1.1 fdatasync(9</x/tickets.db-wal>) = 0"
ANSWER = (
    '5 1.2 sendto(12<socket:[1]>, "HTTP/1.1 200 OK\\r\\n\\r\\n{\\"ticketId\\":\\"BUG-123456\\"}", 99, 0) = 99'
)
SYNC_STARTED = "7 1.1 fdatasync(9</x/tickets.db-wal> <unfinished ...>"
SYNC_RETURNED = "7 1.3 <... fdatasync resumed>) = 0"


@pytest.mark.parametrize(
    ("lines", "early"),
    [
        ([WRITE, SYNC, ANSWER], []),
        ([WRITE, SYNC_STARTED, SYNC_RETURNED, ANSWER], []),
        ([WRITE, ANSWER, SYNC], ["BUG-123456"]),
        ([SYNC, WRITE, ANSWER], ["BUG-123456"]),
        ([WRITE, SYNC_STARTED, ANSWER, SYNC_RETURNED], ["BUG-123456"]),
        ([SYNC_STARTED, WRITE.replace("7 ", "8 ", 1), SYNC_RETURNED, ANSWER], ["BUG-123456"]),
        ([WRITE, SYNC.replace("= 0", "= -1 EIO"), ANSWER], ["BUG-123456"]),
        ([WRITE, SYNC.replace("-wal", ""), ANSWER], ["BUG-123456"]),
    ],
)
def test_an_answer_is_early_unless_a_sync_of_the_log_returned_after_the_write(
    lines: list[str], early: list[str]
) -> None:
    trace = TraceAudit()
    trace.read(lines)

    assert trace.answered == ["BUG-123456"]
    assert trace.early == early


@pytest.mark.parametrize("run", [*LONG, *EXTERNAL, "controls"])
def test_every_run_has_its_place_in_the_document(run: str, tmp_path: Path) -> None:
    copy = tmp_path / "reliability.md"
    copy.write_text(DOCUMENT.read_text(encoding="utf-8"), encoding="utf-8")

    write_figures(run, Outcome(name="x", figures={"lost": "0"}), command="make prove", document=copy)
    write_figures(run, Outcome(name="x", figures={"lost": "1"}, wrong=["No."]), command="y", document=copy)

    written = copy.read_text(encoding="utf-8")
    assert "| lost | 1 |" in written
    assert "| lost | 0 |" not in written.partition(f"<!-- {run} -->")[2].partition("<!-- end")[0]
    assert "**NOT AS PROMISED**" in written
