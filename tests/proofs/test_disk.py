"""The short forms of `tests.proofs.disk`."""

import asyncio
from pathlib import Path

import pytest

from tests.proofs.disk import END, Findings, can_inject, faults, full, locked, small_disk
from tests.proofs.isolated_run import furnished, served
from tests.support.bridge_harness import wait_for

pytestmark = pytest.mark.timeout(300)


@pytest.mark.skipif(not can_inject(), reason="strace is not there, or may not make calls fail")
async def test_what_was_answered_is_kept_whichever_write_the_disk_fails() -> None:
    findings = await faults(3, seed=2)

    assert findings.wrong == []
    assert findings.met >= 2
    assert findings.kept >= 10


async def test_a_full_disk_refuses_loses_nothing_and_is_over_once_there_is_room() -> None:
    with small_disk(8) as disk:
        if disk is None:
            pytest.skip("no file system may be mounted here")

        findings = await full(disk)

        assert findings.wrong == []
        assert findings.met >= 5


async def test_a_lock_of_another_program_that_is_soon_gone_fails_nobody() -> None:
    findings = Findings()

    answers = await locked(1.0, 2, findings)

    assert findings.wrong == []
    assert {status for status, _ in answers} == {200}
    assert max(seconds for _, seconds in answers) < 2


async def test_damage_that_a_running_bridge_meets_ends_it_with_what_to_do(tmp_path: Path) -> None:
    database = tmp_path / "tickets.db"
    async with served(database, await furnished(database)) as bridge:
        assert await bridge.file("before") == 200
        beside = database.with_name("tickets.db-wal")
        beside.write_bytes(b"\xff" * beside.stat().st_size)

        async def is_over() -> bool:
            return await bridge.list_tickets() != 200

        await wait_for(is_over)
        status = await asyncio.wait_for(bridge.process.wait(), END)

    (last,) = [line for line in bridge.log if "CRITICAL" in line]
    assert status == 1
    assert "malformed" in last
    assert "check the disk, and put a backup in the database's place: `ticketbridge restore PATH`" in last
