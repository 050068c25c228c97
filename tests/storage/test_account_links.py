"""Account links: made by codes that last, are used once and cannot be guessed."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.tickets.account_links import (
    ALPHABET,
    MAX_ATTEMPTS,
    MAX_ATTEMPTS_OF_KEY,
    MAX_LINKS,
    AccountLink,
    DiscordMember,
    GameAccount,
)
from bot.tickets.errors import (
    AccountLinkedElsewhere,
    LinkCodeForDiscord,
    LinkCodeForGame,
    TooManyLinkAttempts,
    TooManyLinks,
    UnknownLink,
    UnknownLinkCode,
)
from bot.tickets.workspace import Workspace
from storage import Store
from tests.storage.samples import HUB, NOW, opened, raw

PETE = DiscordMember(guild_id=HUB.guild_id, discord_id=70, name="pete")
PAULA = DiscordMember(guild_id=HUB.guild_id, discord_id=71, name="paula")
REY = GameAccount(source="somewhere", player_id="7", name="rey")
FINN = GameAccount(source="somewhere", player_id="8", name="Finn")
LATER = NOW + timedelta(minutes=10)


async def link(
    store: Store, workspace: Workspace, account: GameAccount, member: DiscordMember
) -> AccountLink:
    code = await store.account_links.create_code_for_member(member, NOW)
    return await type_in_game(store, workspace, account, code.text)


async def type_in_game(
    store: Store,
    workspace: Workspace,
    account: GameAccount,
    code: str,
    *,
    key: str = "k",
    now: datetime = NOW,
) -> AccountLink:
    return await store.account_links.redeem_as_player(code, workspace.id, account, key_prefix=key, now=now)


async def test_a_code_from_discord_is_typed_in_the_game(store: Store, workspace: Workspace) -> None:
    code = await store.account_links.create_code_for_member(PETE, NOW)

    linked = await type_in_game(store, workspace, REY, code.text.lower().replace("-", " "))

    assert (linked.discord_id, linked.discord_name, linked.account) == (70, "pete", REY)
    assert (linked.workspace_id, linked.linked_at) == (workspace.id, NOW)
    assert await store.account_links.list_of_member(70) == (linked,)
    assert await store.account_links.find_by_account(workspace.id, "somewhere", "7") == linked


async def test_a_code_from_the_game_is_typed_in_discord(store: Store, workspace: Workspace) -> None:
    code = await store.account_links.create_code_for_player(workspace.id, REY, NOW)

    linked = await store.account_links.redeem_as_member(code.text, PETE, NOW)

    assert (linked.discord_id, linked.workspace_id, linked.account) == (70, workspace.id, REY)


async def test_links_survive_a_restart(path: Path) -> None:
    async with opened(path) as store:
        linked = await link(store, await store.workspaces.add(HUB, NOW), REY, PETE)
    async with opened(path) as store:
        assert await store.account_links.list_of_member(70) == (linked,)


async def test_a_code_is_in_no_table(store: Store, workspace: Workspace, path: Path) -> None:
    for_game = await store.account_links.create_code_for_member(PETE, NOW)
    for_discord = await store.account_links.create_code_for_player(workspace.id, REY, NOW)

    with raw(path) as db:
        dump = "\n".join(
            str(db.execute(f"SELECT * FROM {table}").fetchall())  # noqa: S608  # ours
            for table in ("discord_link_codes", "game_link_codes")
        )
    for code in (for_game, for_discord):
        assert code.text not in dump
        assert code.text.replace("-", "") not in dump


async def test_a_person_has_several_accounts_and_an_account_one_person(
    store: Store, workspace: Workspace
) -> None:
    first, second = await link(store, workspace, REY, PETE), await link(store, workspace, FINN, PETE)
    stolen = await store.account_links.create_code_for_member(PAULA, NOW)

    with pytest.raises(AccountLinkedElsewhere) as refusal:
        await type_in_game(store, workspace, REY, stolen.text)

    assert "pete" not in str(refusal.value)
    assert await store.account_links.list_of_member(70) == (first, second)
    assert await store.account_links.list_of_member(71) == ()


async def test_the_same_account_in_another_source_or_workspace_is_another_account(
    store: Store, workspace: Workspace
) -> None:
    other = await store.workspaces.add(replace(HUB, name="other"), NOW)
    await link(store, workspace, REY, PETE)

    await link(store, workspace, replace(REY, source="elsewhere"), PAULA)
    await link(store, other, REY, PAULA)

    assert len(await store.account_links.list_of_member(71)) == 2


async def test_a_code_is_used_once(store: Store, workspace: Workspace) -> None:
    for_game = await store.account_links.create_code_for_member(PETE, NOW)
    await type_in_game(store, workspace, REY, for_game.text)
    for_discord = await store.account_links.create_code_for_player(workspace.id, FINN, NOW)
    await store.account_links.redeem_as_member(for_discord.text, PETE, NOW)

    with pytest.raises(UnknownLinkCode):
        await type_in_game(store, workspace, replace(REY, player_id="9"), for_game.text)
    with pytest.raises(UnknownLinkCode):
        await store.account_links.redeem_as_member(for_discord.text, PAULA, NOW)


async def test_who_used_a_code_may_say_it_again(store: Store, workspace: Workspace) -> None:
    for_game = await store.account_links.create_code_for_member(PETE, NOW)
    first = await type_in_game(store, workspace, REY, for_game.text)
    for_discord = await store.account_links.create_code_for_player(workspace.id, FINN, NOW)
    second = await store.account_links.redeem_as_member(for_discord.text, PETE, NOW)

    assert await type_in_game(store, workspace, REY, for_game.text) == first
    assert await store.account_links.redeem_as_member(for_discord.text, PETE, NOW) == second


async def test_a_used_code_does_not_bring_back_a_link_that_was_cut(
    store: Store, workspace: Workspace
) -> None:
    code = await store.account_links.create_code_for_member(PETE, NOW)
    linked = await type_in_game(store, workspace, REY, code.text)
    await store.account_links.remove(linked.id, [workspace.id])

    with pytest.raises(UnknownLinkCode):
        await type_in_game(store, workspace, REY, code.text)


async def test_linking_again_keeps_the_link_and_takes_the_new_name(
    store: Store, workspace: Workspace
) -> None:
    first = await link(store, workspace, REY, PETE)

    again = await link(store, workspace, replace(REY, name="Rey2"), PETE)

    assert again == replace(first, account=replace(REY, name="Rey2"))


async def test_a_code_expires(store: Store, workspace: Workspace) -> None:
    for_game = await store.account_links.create_code_for_member(PETE, NOW)
    for_discord = await store.account_links.create_code_for_player(workspace.id, REY, NOW)

    with pytest.raises(UnknownLinkCode):
        await type_in_game(store, workspace, REY, for_game.text, now=LATER)
    with pytest.raises(UnknownLinkCode):
        await store.account_links.redeem_as_member(for_discord.text, PETE, LATER)
    moment_before = LATER - timedelta(milliseconds=1)
    assert await type_in_game(store, workspace, REY, for_game.text, now=moment_before)


async def test_a_new_code_replaces_the_one_before(store: Store, workspace: Workspace) -> None:
    old_for_game = await store.account_links.create_code_for_member(PETE, NOW)
    await store.account_links.create_code_for_member(PETE, NOW)
    old_for_discord = await store.account_links.create_code_for_player(workspace.id, REY, NOW)
    await store.account_links.create_code_for_player(workspace.id, REY, NOW)

    with pytest.raises(UnknownLinkCode):
        await type_in_game(store, workspace, REY, old_for_game.text)
    with pytest.raises(UnknownLinkCode):
        await store.account_links.redeem_as_member(old_for_discord.text, PETE, NOW)


async def test_codes_that_expired_are_deleted(store: Store, workspace: Workspace, path: Path) -> None:
    await store.account_links.create_code_for_member(PETE, NOW)
    await store.account_links.create_code_for_player(workspace.id, REY, NOW)

    await store.account_links.create_code_for_member(PAULA, LATER)

    with raw(path) as db:
        assert db.execute("SELECT discord_id FROM discord_link_codes").fetchall() == [(71,)]
        assert db.execute("SELECT player_id FROM game_link_codes").fetchall() == []


async def test_a_code_of_another_server_is_not_valid(store: Store, workspace: Workspace) -> None:
    elsewhere = await store.workspaces.add(replace(HUB, name="away", guild_id=9), NOW)
    for_game = await store.account_links.create_code_for_member(PETE, NOW)
    for_discord = await store.account_links.create_code_for_player(elsewhere.id, REY, NOW)

    with pytest.raises(UnknownLinkCode):
        await type_in_game(store, elsewhere, REY, for_game.text)
    with pytest.raises(UnknownLinkCode):
        await store.account_links.redeem_as_member(for_discord.text, PETE, NOW)


async def test_whose_own_code_it_is_learns_where_to_type_it(store: Store, workspace: Workspace) -> None:
    for_game = await store.account_links.create_code_for_member(PETE, NOW)
    for_discord = await store.account_links.create_code_for_player(workspace.id, REY, NOW)

    with pytest.raises(LinkCodeForGame):
        await store.account_links.redeem_as_member(for_game.text, PETE, NOW)
    with pytest.raises(LinkCodeForDiscord):
        await type_in_game(store, workspace, REY, for_discord.text)
    with pytest.raises(UnknownLinkCode):
        await store.account_links.redeem_as_member(for_game.text, PAULA, NOW)
    with pytest.raises(UnknownLinkCode):
        await type_in_game(store, workspace, FINN, for_discord.text)


async def test_of_two_people_at_once_with_one_code_one_wins(store: Store, workspace: Workspace) -> None:
    for_game = await store.account_links.create_code_for_member(PETE, NOW)
    for_discord = await store.account_links.create_code_for_player(
        workspace.id, replace(REY, player_id="9"), NOW
    )

    in_game = await at_once(
        type_in_game(store, workspace, REY, for_game.text),
        type_in_game(store, workspace, FINN, for_game.text),
    )
    in_discord = await at_once(
        store.account_links.redeem_as_member(for_discord.text, PETE, NOW),
        store.account_links.redeem_as_member(for_discord.text, PAULA, NOW),
    )

    assert sorted(in_game) == sorted(in_discord) == ["AccountLink", "UnknownLinkCode"]


async def at_once(*tries: Awaitable[AccountLink]) -> list[str]:
    return [type(one).__name__ for one in await asyncio.gather(*tries, return_exceptions=True)]


async def test_a_person_has_so_many_links_in_a_workspace(store: Store, workspace: Workspace) -> None:
    for number in range(MAX_LINKS):
        await link(store, workspace, replace(REY, player_id=str(number)), PETE)

    with pytest.raises(TooManyLinks, match=str(MAX_LINKS)):
        await link(store, workspace, replace(REY, player_id="one more"), PETE)
    assert await link(store, workspace, replace(REY, player_id="0"), PETE)


def guess(seed: int) -> str:
    return "".join(random.Random(seed).choices(ALPHABET, k=8))  # noqa: S311  # a guesser has no better


async def test_ten_thousand_guesses_in_the_game_find_nothing_and_the_owner_links(
    store: Store, workspace: Workspace
) -> None:
    code = await store.account_links.create_code_for_member(PETE, NOW)

    refusals = await outcomes_of_guesses(lambda n: type_in_game(store, workspace, FINN, guess(n)))

    assert refusals == {"UnknownLinkCode": MAX_ATTEMPTS, "TooManyLinkAttempts": 10_000 - MAX_ATTEMPTS}
    with pytest.raises(TooManyLinkAttempts):
        await type_in_game(store, workspace, FINN, code.text)  # though it is right
    assert await type_in_game(store, workspace, REY, code.text)


async def test_ten_thousand_guesses_in_discord_find_nothing_and_the_owner_links(
    store: Store, workspace: Workspace
) -> None:
    code = await store.account_links.create_code_for_player(workspace.id, REY, NOW)

    refusals = await outcomes_of_guesses(lambda n: store.account_links.redeem_as_member(guess(n), PAULA, NOW))

    assert refusals == {"UnknownLinkCode": MAX_ATTEMPTS, "TooManyLinkAttempts": 10_000 - MAX_ATTEMPTS}
    with pytest.raises(TooManyLinkAttempts):
        await store.account_links.redeem_as_member(code.text, PAULA, NOW)
    assert await store.account_links.redeem_as_member(code.text, PETE, NOW)


async def outcomes_of_guesses(try_once: Callable[[int], Awaitable[AccountLink]]) -> Counter[str]:
    """What came of 10,000 tries, 500 at a time."""
    counts: Counter[str] = Counter()
    for start in range(0, 10_000, 500):
        counts.update(await at_once(*map(try_once, range(start, start + 500))))
    return counts


async def test_players_of_one_key_together_guess_only_so_often(store: Store, workspace: Workspace) -> None:
    players = (replace(FINN, player_id=f"guesser {number}") for number in range(MAX_ATTEMPTS_OF_KEY))
    for player in players:
        with pytest.raises(UnknownLinkCode):
            await type_in_game(store, workspace, player, guess(1), key="theirs")
    code = await store.account_links.create_code_for_member(PETE, NOW)

    with pytest.raises(TooManyLinkAttempts):
        await type_in_game(store, workspace, REY, code.text, key="theirs")
    assert await type_in_game(store, workspace, REY, code.text, key="another")


async def test_the_refusal_says_when_the_next_try_is_possible(store: Store, workspace: Workspace) -> None:
    for number in range(MAX_ATTEMPTS):
        with pytest.raises(UnknownLinkCode):
            await store.account_links.redeem_as_member(guess(number), PETE, NOW + timedelta(minutes=number))
    code = await store.account_links.create_code_for_player(workspace.id, REY, NOW + timedelta(minutes=5))

    with pytest.raises(TooManyLinkAttempts, match=r"Try again in 5 min\.") as refusal:
        await store.account_links.redeem_as_member(code.text, PETE, NOW + timedelta(minutes=5))

    at = NOW + timedelta(minutes=5, seconds=refusal.value.seconds)
    assert await store.account_links.redeem_as_member(code.text, PETE, at)


async def test_wrong_codes_out_of_their_time_are_deleted(store: Store, path: Path) -> None:
    for number, now in enumerate([NOW, NOW, LATER]):
        with pytest.raises(UnknownLinkCode):
            await store.account_links.redeem_as_member(guess(number), PETE, now)

    with raw(path) as db:
        assert db.execute("SELECT who FROM link_attempts").fetchall() == [("member:70",)]


async def test_a_link_is_cut_in_its_own_workspaces_alone(store: Store, workspace: Workspace) -> None:
    linked = await link(store, workspace, REY, PETE)

    with pytest.raises(UnknownLink):
        await store.account_links.remove(linked.id, ["another"])
    assert await store.account_links.remove(linked.id, [workspace.id]) == linked
    with pytest.raises(UnknownLink):
        await store.account_links.remove(linked.id, [workspace.id])

    assert await store.account_links.find_by_account(workspace.id, "somewhere", "7") is None
    again = await link(store, workspace, REY, PAULA)  # it is free
    assert again.id > linked.id  # an old list of staff must not cut another link


async def test_links_of_a_workspace_are_listed_newest_first_or_by_player(
    store: Store, workspace: Workspace
) -> None:
    rey, finn = await link(store, workspace, REY, PETE), await link(store, workspace, FINN, PAULA)
    other = await store.workspaces.add(replace(HUB, name="other"), NOW)
    await link(store, other, REY, PETE)

    listed = store.account_links.list_of_workspace
    assert await listed(workspace.id, 10) == (finn, rey)
    assert await listed(workspace.id, 1) == (finn,)
    assert await listed(workspace.id, 10, player="fINN") == (finn,)
    assert await listed(workspace.id, 10, player="7") == (rey,)
    assert await listed(workspace.id, 10, player="nobody") == ()
