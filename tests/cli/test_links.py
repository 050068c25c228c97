"""`ticketbridge link`: list the links of game accounts, and cut one."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.tickets.account_links import AccountLink, DiscordMember, GameAccount
from storage import Store
from tests.cli.conftest import RunCommand, create_workspace, error_of, opened_store, output_of
from tests.storage.samples import NOW

PETE = DiscordMember(guild_id=1, discord_id=70, name="pete\x1b[31m")
REY = GameAccount(source="somewhere", player_id="7", name="Rey")


async def _link(store: Store) -> list[AccountLink]:
    (workspace,) = await store.workspaces.list_all()
    links = []
    for account in (REY, replace(REY, player_id="8", name=None)):
        code = await store.account_links.create_code_for_player(workspace.id, account, NOW)
        links.append(await store.account_links.redeem_as_member(code.text, PETE, NOW))
    return links


@pytest.fixture
async def links(ticketbridge: RunCommand, store: Store | None, database: Path) -> list[AccountLink]:
    await create_workspace(ticketbridge)
    if store is not None:
        return await _link(store)
    async with opened_store(database) as alone:
        return await _link(alone)


async def test_links_are_listed_newest_first(ticketbridge: RunCommand, links: list[AccountLink]) -> None:
    lines = (await output_of(ticketbridge, "link", "list")).splitlines()

    rey, nameless = links
    assert [line.split()[:4] for line in lines[1:]] == [
        [str(nameless.id), "main", "somewhere", "8"],
        [str(rey.id), "main", "somewhere", "7"],
    ]
    assert lines[2].split()[4:] == ["Rey", "70", r"pete\x1b[31m", "2025-01-15", "10:30"]


async def test_links_are_found_by_player_and_workspace(
    ticketbridge: RunCommand, links: list[AccountLink]
) -> None:
    by_name = await output_of(ticketbridge, "link", "list", "--player", "rey", "--workspace", "main")
    nobody = await output_of(ticketbridge, "link", "list", "--player", "nobody")
    newest = await output_of(ticketbridge, "link", "list", "--limit", 1)

    assert len(by_name.splitlines()) == len(newest.splitlines()) == 2
    assert nobody == "No game account is linked.\n"
    assert "Did you mean main?" in await error_of(ticketbridge, "link", "list", "--workspace", "mian")


async def test_a_link_is_cut(ticketbridge: RunCommand, links: list[AccountLink]) -> None:
    printed = await output_of(ticketbridge, "link", "remove", links[0].id)

    assert printed == "Player 7 is not linked to the Discord account 70 any more.\n"
    assert len((await output_of(ticketbridge, "link", "list")).splitlines()) == 2
    again = await error_of(ticketbridge, "link", "remove", links[0].id)
    assert again == "There is no such link any more; nothing was changed."
