"""`ticketbridge player` and `retention`: what is stored about a player is exported, and erased."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.clock import utc_now
from bot.tickets.erasure import hash_player
from bot.tickets.ticket import Status, Ticket
from storage import Store
from tests.cli.conftest import RunCommand, opened_store
from tests.storage.samples import WRITER, ids
from tests.storage.test_erasures import BODY, PLAYER, filed

CREATE = [
    *("workspace", "create", "--name", "hub", "--guild", "1", "--tickets-channel", "2"),
    *("--reports-channel", "3", "--staff-role", "4"),
]


@pytest.fixture
async def tickets(ticketbridge: RunCommand, store: Store | None, database: Path) -> list[Ticket]:
    """Two tickets of one player, one of which ended 40 days ago."""
    assert (await ticketbridge(*CREATE)).exit_code == 0

    async def fill(store: Store) -> list[Ticket]:
        (workspace,) = await store.workspaces.list_all()
        now = utc_now() - timedelta(days=40)
        found = [
            await store.intake.add_ticket(workspace.id, replace(filed(), source="series"), ids(), now)
            for _ in range(2)
        ]
        await store.tickets.change(found[0].id, lambda one: one.set_status(Status.CLOSED), now, actor=WRITER)
        return found

    if store is not None:
        return await fill(store)
    async with opened_store(database) as own:
        return await fill(own)


async def bodies(store: Store | None, database: Path, tickets: list[Ticket]) -> list[str]:
    async def read(store: Store) -> list[str]:
        return [(await store.tickets.get(one.id)).body for one in tickets]

    if store is not None:
        return await read(store)
    async with opened_store(database) as own:
        return await read(own)


async def test_a_player_is_erased_once_it_is_confirmed(
    ticketbridge: RunCommand, store: Store | None, database: Path, tickets: list[Ticket]
) -> None:
    refused = await ticketbridge("player", "erase", PLAYER, "--source", "series", stdin=b"n\n")
    assert refused.exit_code == 1
    assert await bodies(store, database, tickets) == [BODY, BODY]

    erased = await ticketbridge("player", "erase", f" {PLAYER} ", "--source", "series", "--yes")

    assert "Erased: 2 tickets, 0 messages on them." in erased.output
    assert await bodies(store, database, tickets) == ["", ""]
    listed = (await ticketbridge("player", "erasures")).output
    assert "operator" in listed
    assert hash_player("series", PLAYER)[:12] in listed
    assert PLAYER not in listed


async def test_the_export_is_json_on_the_screen_or_in_a_new_file(
    ticketbridge: RunCommand, tickets: list[Ticket], tmp_path: Path
) -> None:
    file = tmp_path / "player.json"

    printed = json.loads((await ticketbridge("player", "export", PLAYER, "--source", "series")).stdout)
    await ticketbridge("player", "export", PLAYER, "--source", "series", "--output", str(file))

    assert [one["body"] for one in printed["tickets"]] == [BODY, BODY]
    assert json.loads(file.read_text(encoding="utf-8")) == printed
    assert file.stat().st_mode & 0o777 == 0o600
    again = await ticketbridge("player", "export", PLAYER, "--source", "series", "--output", str(file))
    assert again.exit_code == 1
    assert "cannot be written" in again.output


@pytest.mark.parametrize(
    ("player", "source", "reason"),
    [
        ("7", "nowhere", "There is no source nowhere. Choose one of: discord, modl, series."),
        ("rey", "series", "rey is not the id of a player of series."),
        ("rey", "discord", "rey is not the id of a player of discord."),
    ],
)
async def test_what_cannot_be_a_player_is_refused(
    ticketbridge: RunCommand, tickets: list[Ticket], player: str, source: str, reason: str
) -> None:
    result = await ticketbridge("player", "erase", player, "--source", source, "--yes")

    assert result.exit_code == 1
    assert reason in result.output


async def test_retention_erases_what_ended_long_ago_after_a_dry_run(
    ticketbridge: RunCommand, store: Store | None, database: Path, tickets: list[Ticket]
) -> None:
    assert "No workspace has a period" in (await ticketbridge("retention", "run")).output
    changed = await ticketbridge("workspace", "set", "hub", "--retention-days", "30")
    assert "30 days" in changed.output

    dry = await ticketbridge("retention", "run", "--dry-run")
    assert dry.output.split()[-3:] == ["hub", "30", "1"]
    assert await bodies(store, database, tickets) == [BODY, BODY]
    run = await ticketbridge("retention", "run")

    assert "Erased: 1 ticket." in run.output
    assert await bodies(store, database, tickets) == ["", BODY]
    assert "retention" in (await ticketbridge("player", "erasures")).output
    off = await ticketbridge("workspace", "set", "hub", "--no-retention-days")
    assert "30 days" not in off.output


async def test_a_platforms_requests_are_signed_with_a_secret_that_is_shown_once(
    ticketbridge: RunCommand, tickets: list[Ticket]
) -> None:
    one = (await ticketbridge("player", "webhook", "--workspace", "hub", "--source", "series")).output
    two = (await ticketbridge("player", "webhook", "--workspace", "hub", "--source", "series")).output
    gone = await ticketbridge("player", "webhook", "--workspace", "hub", "--source", "series", "--remove")
    none = await ticketbridge("player", "webhook", "--workspace", "hub", "--source", "modl")

    (path, secret, _), (same_path, another, _) = one.splitlines(), two.splitlines()
    assert path == same_path
    assert path.startswith("Path: /roblox/webhook/")
    assert secret.startswith("Secret: ")
    assert secret != another
    assert "not taken any more" in gone.output
    assert none.exit_code == 1
    assert "modl has no platform that asks to erase players. Choose: series." in none.output
