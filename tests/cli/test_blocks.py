"""`ticketbridge block`: list who is blocked."""

from datetime import timedelta
from pathlib import Path

from bot.tickets.blocks import NewBlock
from storage import Store
from tests.cli.conftest import RunCommand, create_workspace, opened_store, output_of
from tests.storage.samples import NOW, WRITER


async def _block(store: Store) -> None:
    (workspace,) = await store.workspaces.list_all()
    now = store.now()
    for player, expires_at in (("7", None), ("8", now + timedelta(days=1)), ("9", now - timedelta(days=1))):
        await store.blocks.add(
            NewBlock(
                workspace_id=workspace.id,
                source="somewhere",
                player_id=player,
                player_name=f"rey{player}\x1b[31m",
                reason="Spam",
                blocked_by=WRITER,
                blocked_at=NOW,
                expires_at=expires_at,
            )
        )


async def test_active_blocks_are_listed_newest_first(
    ticketbridge: RunCommand, store: Store | None, database: Path
) -> None:
    await create_workspace(ticketbridge)
    assert await output_of(ticketbridge, "block", "list") == "Nobody is blocked.\n"
    if store is not None:
        await _block(store)
    else:
        async with opened_store(database) as alone:
            await _block(alone)

    lines = (await output_of(ticketbridge, "block", "list")).splitlines()

    assert [line.split()[:6] for line in lines[1:]] == [
        ["main", "somewhere", "8", r"rey8\x1b[31m", "Spam", "Alice"],
        ["main", "somewhere", "7", r"rey7\x1b[31m", "Spam", "Alice"],
    ]
    assert lines[2].split()[6:] == ["2025-01-15", "10:30", "0"]
