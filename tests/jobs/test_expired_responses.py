"""The job that deletes expired responses: while the bridge runs, and in spite of a failing database."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from bot.jobs.expired_responses import run_response_cleanup
from bot.tickets.idempotency import IdempotencyKey
from storage import Store
from tests.storage.samples import HUB, counted, ids, named, new_ticket, opened, raw
from tests.support.bridge_harness import wait_for


async def create(store: Store, workspace_id: str, header_value: str, expires_in: timedelta) -> None:
    now = store.now()
    key = IdempotencyKey(
        key_prefix="prefix",
        path="/tickets",
        body_sha256="d" * 64,
        header_value=header_value,
        expires_at=now + expires_in,
    )
    await store.intake.create_ticket(
        workspace_id, new_ticket(), ids(), now, idempotency_key=key, serialize_response=named
    )


async def test_expired_responses_are_deleted_and_others_are_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "tickets.db"
    async with opened(path) as store:
        workspace = await store.workspaces.add(HUB, store.now())
        await create(store, workspace.id, "old", timedelta(0))
        await create(store, workspace.id, "new", timedelta(hours=1))
        with raw(path) as db:
            db.execute("ALTER TABLE idempotent_responses RENAME TO elsewhere")
            job = asyncio.create_task(run_response_cleanup(store, interval=0.01))
            await wait_for(lambda: "Expired responses cannot be deleted now" in caplog.text)
            db.execute("ALTER TABLE elsewhere RENAME TO idempotent_responses")

        await wait_for(lambda: counted(path, "idempotent_responses") == 1)
        job.cancel()
        await asyncio.wait([job])
