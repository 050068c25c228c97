"""After a restore nothing is posted twice: what the backup holds as pending was delivered since."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.sandbox import Sandbox
from storage import DatabaseLock, create_backup, restore_backup
from tests.storage.samples import NOW, WRITER, new_ticket, noting, opened, replying
from tests.support.burst_harness import away, back, new_tickets


def everything_posted(sandbox: Sandbox) -> dict[int, list[Any]]:
    """The ids of all messages, by channel or thread."""
    channels = sandbox.state.world.channels
    return {id: [message["id"] for message in sandbox.messages(id)] for id in channels}


async def test_tickets_posted_in_a_digest_since_the_backup_are_found_in_it(tmp_path: Path) -> None:
    database, backup = tmp_path / "t.db", tmp_path / "backup.db"
    async with away(tmp_path, new_tickets(24, view_only=True), nonce_window=0) as (sandbox, guild, created):
        await asyncio.to_thread(create_backup, database, backup)
        async with back(tmp_path, sandbox, guild, created) as burst:
            await burst.wait_until_delivered()
        posted = everything_posted(sandbox)

        with DatabaseLock(database):
            await asyncio.to_thread(restore_backup, backup, database, datetime.now(UTC))
        async with back(tmp_path, sandbox, guild, created) as burst:
            await burst.wait_until_delivered()

            assert everything_posted(sandbox) == posted
            store = burst.bridge.application.store
            for ticket in created:
                found = (await store.tickets.get(ticket.id)).post.digest_message_id
                assert found == int(burst.digest_of(ticket)["id"])
                assert await store.outbox.digest_lead(found)
            await store.tickets.change(ticket.id, lambda one: one.claim(WRITER), NOW, actor=WRITER)
            await burst.wait_until_delivered()
            assert everything_posted(sandbox) == posted


async def test_posts_threads_and_messages_made_since_the_backup_are_found_and_not_made_again(
    tmp_path: Path,
) -> None:
    database, backup = tmp_path / "t.db", tmp_path / "backup.db"
    tickets = [new_ticket(source="modl"), new_ticket(source="series", view_only=True)]
    # Discord has forgotten the nonces at once, as it has after some minutes.
    async with away(tmp_path, tickets, nonce_window=0) as (sandbox, guild, created):
        async with opened(database) as store:
            for number, (ticket, message) in enumerate(zip(created, (replying(), noting()), strict=True)):
                await store.tickets.add_message(ticket.id, message, origin=str(number), now=NOW)
        await asyncio.to_thread(create_backup, database, backup)
        async with back(tmp_path, sandbox, guild, created) as burst:
            await burst.wait_until_delivered()
        posted = everything_posted(sandbox)

        with DatabaseLock(database):
            await asyncio.to_thread(restore_backup, backup, database, datetime.now(UTC))
        async with back(tmp_path, sandbox, guild, created) as burst:
            await burst.wait_until_delivered()
            found = [await burst.bridge.application.store.tickets.get(ticket.id) for ticket in created]

        assert everything_posted(sandbox) == posted
        assert sum(len(ids) for ids in posted.values()) >= 4
        assert all(ticket.post.message_id for ticket in found)
        assert found[0].post.thread_id
