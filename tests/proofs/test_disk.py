"""Short forms of `tests.proofs.disk`."""

from pathlib import Path

import pytest

from tests.proofs.disk import Findings, can_inject, faults, full, locked, small_disk
from tests.proofs.isolated_bridge import create_workspace_and_key, isolated_bridge
from tests.support.bridge_harness import wait_for

pytestmark = pytest.mark.timeout(600)  # each starts the whole bridge, some of them under strace


@pytest.mark.skipif(not can_inject(), reason="strace is missing or may not make calls fail")
async def test_whichever_write_fails_on_the_disk_what_was_answered_is_stored() -> None:
    findings = await faults(3, seed=2)

    assert findings.wrong == []
    assert findings.met >= 2
    assert findings.kept >= 10


async def test_a_full_disk_refuses_tickets_loses_none_and_recovers_once_there_is_space() -> None:
    with small_disk(8) as disk:
        if disk is None:
            pytest.skip("no file system may be mounted here")

        findings = await full(disk)

        assert findings.wrong == []
        assert findings.met >= 5


async def test_a_short_lock_of_another_program_fails_no_request() -> None:
    findings = Findings()

    answers = await locked(0.5, 1, findings)

    assert findings.wrong == []
    assert [status for status, _ in answers] == [200] * 10
    assert max(seconds for _, seconds in answers) >= 0.5  # they did wait for the lock


async def test_a_bridge_that_finds_its_file_damaged_exits_and_says_what_to_do(tmp_path: Path) -> None:
    database = tmp_path / "tickets.db"
    async with isolated_bridge(database, await create_workspace_and_key(database)) as bridge:
        assert await bridge.create_ticket("before") == 200
        wal = database.with_name("tickets.db-wal")
        wal.write_bytes(b"\xff" * wal.stat().st_size)

        async def fails() -> bool:
            return await bridge.list_tickets() != 200

        await wait_for(fails)
        status = await bridge.process.wait()

    (last,) = [line for line in bridge.log if "CRITICAL" in line]
    assert status == 1
    assert "malformed" in last
    assert "check the disk, and put a backup in the database's place: `ticketbridge restore PATH`" in last
