"""`/link`, `/unlink` and `/links`: who links, who sees what, and who cuts."""

import logging
import re
from typing import Any

import pytest

from bot.sandbox import demo_guild
from bot.tickets.account_links import MAX_ATTEMPTS, AccountLink
from bot.tickets.workspace_changes import update_workspace
from tests.support.bridge_harness import RunningBridge, reply_text

REY = "550e8400-e29b-41d4-a716-446655440000"


async def run(bridge: RunningBridge, user: str, command: str, **options: object) -> dict[str, Any]:
    record = await bridge.sandbox.command(user, "general", command, options)
    assert record["error"] is None, record
    assert all(message["flags"] & 64 for message in record["messages"])  # seen by the user alone
    return record


async def code_for(bridge: RunningBridge, user: str) -> str:
    """A code from `/link`."""
    text = reply_text(await run(bridge, user, "link"))
    (code,) = {found.group() for found in re.finditer(r"\b[A-Z0-9]{4}-[A-Z0-9]{4}\b", text)}
    return code


async def link(bridge: RunningBridge, user: str, player: object, name: str, source: str = "modl") -> None:
    body = {"code": await code_for(bridge, user), "playerId": player, "playerName": name}
    await bridge.post("/v1/links", body, source=source)


async def links_of(bridge: RunningBridge, user: str) -> list[AccountLink]:
    return list(await bridge.application.store.account_links.list_of_member(bridge.guild.members[user]))


def listed(record: dict[str, Any]) -> str:
    """The list that staff see."""
    (embed,) = record["messages"][-1]["embeds"]
    return str(embed["description"]).replace("\\", "")


def select(record: dict[str, Any]) -> dict[str, Any]:
    (row,) = record["messages"][-1]["components"]
    (component,) = row["components"]
    return dict(component)


async def cut(bridge: RunningBridge, user: str, record: dict[str, Any], label: str) -> dict[str, Any]:
    """Choose a link under the list."""
    (value,) = [one["value"] for one in select(record)["options"] if label in one["label"]]
    return await bridge.sandbox.press(
        user, record["messages"][-1]["id"], select(record)["custom_id"], [value], forge=user != "mia"
    )


async def test_a_code_from_discord_links_accounts_of_both_games(bridge: RunningBridge) -> None:
    await link(bridge, "pete", REY.upper(), "Rey")
    await link(bridge, "pete", 123, "rey_rbx", source="series")

    assert [(one.account.source, one.account.player_id) for one in await links_of(bridge, "pete")] == [
        ("modl", REY),
        ("series", "123"),
    ]


async def test_the_code_says_what_to_do_with_it(bridge: RunningBridge) -> None:
    text = reply_text(await run(bridge, "pete", "link"))

    assert "Type it in the game within 10 minutes" in text
    assert "Do not give it to anyone" in text


async def test_a_code_from_the_game_is_typed_in_discord(bridge: RunningBridge) -> None:
    made = await bridge.post("/v1/link-codes", {"playerId": REY, "playerName": "Rey_1"}, source="modl")

    record = await run(bridge, "pete", "link", code=made["code"].lower().replace("-", ""))

    assert reply_text(record) == "✅ Your game account Rey\\_1 · modl is linked. `/unlink` cuts the link."
    (linked,) = await links_of(bridge, "pete")
    assert (linked.account.player_id, linked.discord_name) == (REY, "pete")


async def test_a_code_that_is_wrong_or_for_the_game_says_so(bridge: RunningBridge) -> None:
    own = await code_for(bridge, "pete")

    wrong = await run(bridge, "pete", "link", code="hello")
    misplaced = await run(bridge, "pete", "link", code=own)

    assert reply_text(wrong).startswith("⛔ This code is not valid")
    assert reply_text(misplaced).startswith("⛔ This code is for the game: type it there.")


async def test_a_guesser_is_stopped_and_the_owner_still_links(bridge: RunningBridge) -> None:
    made = await bridge.post("/v1/link-codes", {"playerId": REY}, source="modl")

    for _ in range(MAX_ATTEMPTS):
        await run(bridge, "paula", "link", code="BCDF-2345")
    guessed = await run(bridge, "paula", "link", code=made["code"])
    owned = await run(bridge, "pete", "link", code=made["code"])

    assert "There were too many wrong codes. Try again in 10 min." in reply_text(guessed)
    assert "is linked" in reply_text(owned)


async def test_an_account_of_somebody_else_is_refused_without_saying_whose(bridge: RunningBridge) -> None:
    await link(bridge, "pete", REY, "Rey")
    made = await bridge.post("/v1/link-codes", {"playerId": REY}, source="modl")

    record = await run(bridge, "paula", "link", code=made["code"])

    assert reply_text(record).startswith("⛔ This game account is linked to another Discord account.")
    assert "pete" not in reply_text(record)


async def test_linked_accounts_are_offered_to_unlink(bridge: RunningBridge) -> None:
    await link(bridge, "pete", REY, "Rey")

    choices = await bridge.sandbox.autocomplete("pete", "general", "unlink", {"account": ""}, "account")

    assert [one["name"] for one in choices["choices"]] == ["Rey · modl"]


async def test_a_member_cuts_their_own_link_and_is_offered_no_other(bridge: RunningBridge) -> None:
    await link(bridge, "pete", REY, "Rey")
    await link(bridge, "paula", 123, "Finn", source="series")
    (theirs,) = await links_of(bridge, "paula")

    offered = await bridge.sandbox.autocomplete("pete", "general", "unlink", {"account": "r"}, "account")
    forged = await run(bridge, "pete", "unlink", account=str(theirs.id))
    record = await run(bridge, "pete", "unlink", account=offered["choices"][0]["value"])

    assert [one["name"] for one in offered["choices"]] == ["Rey · modl"]
    assert reply_text(forged).startswith("⛔ That is not one of your linked accounts.")
    assert reply_text(record) == "✅ Your game account Rey · modl is not linked any more."
    assert (await links_of(bridge, "pete"), await links_of(bridge, "paula")) == ([], [theirs])


async def test_a_typed_name_or_id_cuts_a_link_too(bridge: RunningBridge) -> None:
    await link(bridge, "pete", REY, "Rey")
    await link(bridge, "pete", 123, "Finn", source="series")

    await run(bridge, "pete", "unlink", account="rey")
    await run(bridge, "pete", "unlink", account="123")

    assert await links_of(bridge, "pete") == []


async def test_without_a_link_unlink_says_how_to_make_one(bridge: RunningBridge) -> None:
    record = await run(bridge, "pete", "unlink", account="Rey")

    assert "`/link` gives you a code" in reply_text(record)


async def test_in_a_guild_without_a_workspace_nobody_gets_a_code(bridge: RunningBridge) -> None:
    other = demo_guild(bridge.sandbox, name="Elsewhere")

    record = await bridge.sandbox.command(str(other.members["pete"]), str(other.channels["general"]), "link")

    assert "no workspace" in reply_text(record)


async def test_only_staff_see_the_links_of_others(bridge: RunningBridge) -> None:
    await link(bridge, "pete", REY, "Rey_1")

    by_player = await run(bridge, "paula", "links")
    by_staff = await run(bridge, "mia", "links")

    assert reply_text(by_player) == "⛔ Only staff can do that."
    pete = bridge.guild.members["pete"]
    assert listed(by_staff).startswith(f"• Rey_1 · modl · {REY} · <@{pete}> (pete) · since <t:")


async def test_staff_find_links_by_player_and_by_member(bridge: RunningBridge) -> None:
    await link(bridge, "pete", REY, "Rey")
    await link(bridge, "paula", 123, "Finn", source="series")

    finds = [
        listed(await run(bridge, "mia", "links", **options))
        for options in (
            {"player": "rEY"},
            {"player": REY},
            {"member": "pete"},
            {"player": "Rey", "member": "pete"},
        )
    ]
    nothing = await run(bridge, "mia", "links", player="Rey", member="paula")

    for found in finds:
        assert "Rey · modl" in found
        assert "Finn" not in found
    assert listed(nothing) == "There is no such link."
    assert nothing["messages"][-1]["components"] == []


async def test_staff_cut_a_link_and_the_log_and_its_channel_say_who_did(
    bridge: RunningBridge, caplog: pytest.LogCaptureFixture
) -> None:
    (workspace,) = await bridge.application.store.workspaces.list_all()
    log_channel = bridge.guild.channels["log"]
    await bridge.application.store.workspaces.change(
        workspace.id, lambda before: update_workspace(before, log_channel_id=log_channel)
    )
    await link(bridge, "pete", REY, "Rey")
    shown = await run(bridge, "mia", "links")

    with caplog.at_level(logging.INFO):
        record = await cut(bridge, "mia", shown, "Rey")
    again = await cut(bridge, "mia", shown, "Rey")

    assert reply_text(record) == "✅ The link of Rey · modl with pete is cut."
    assert reply_text(again) == "⛔ There is no such link any more; nothing was changed."
    assert await links_of(bridge, "pete") == []
    mia, pete = bridge.guild.members["mia"], bridge.guild.members["pete"]
    (notice,) = bridge.sandbox.messages("log")[-1]["embeds"]
    assert notice["description"] == (
        f"✂️ <@{mia}> cut the link of the game account Rey · modl with the Discord account <@{pete}>: "
        f"player {REY}.".replace("-", "\\-")
    )
    (line,) = [one for one in caplog.records if one.message.startswith("Staff cut the link")]
    assert vars(line)["actor_id"] == mia
    assert (vars(line)["player_id"], vars(line)["discord_id"]) == (REY, pete)


async def test_without_a_log_channel_a_link_is_cut_all_the_same(bridge: RunningBridge) -> None:
    await link(bridge, "pete", REY, "Rey")

    await cut(bridge, "mia", await run(bridge, "mia", "links"), "Rey")

    assert await links_of(bridge, "pete") == []


async def test_nobody_but_staff_cuts_a_link_of_another(bridge: RunningBridge) -> None:
    await link(bridge, "pete", REY, "Rey")
    own = await run(bridge, "mia", "links")
    post = bridge.sandbox.say("paula", "general", "hello")
    (value,) = [one["value"] for one in select(own)["options"]]

    record = await bridge.sandbox.press("paula", post["id"], "links:cut", [value], forge=True)

    assert reply_text(record) == "⛔ Only staff can do that."
    assert len(await links_of(bridge, "pete")) == 1


@pytest.mark.parametrize("value", ["", "-1", "1.5", "9" * 30, "٣"])
async def test_a_forged_choice_changes_nothing(bridge: RunningBridge, value: str) -> None:
    await link(bridge, "pete", REY, "Rey")
    post = bridge.sandbox.say("mia", "general", "hello")

    record = await bridge.sandbox.press("mia", post["id"], "links:cut", [value], forge=True)

    assert reply_text(record) == "⛔ There is no such link any more; nothing was changed."
    assert len(await links_of(bridge, "pete")) == 1


async def test_a_link_of_somebody_who_left_is_shown_only_to_who_looks_for_it(bridge: RunningBridge) -> None:
    await link(bridge, "pete", REY, "Rey")
    await link(bridge, "paula", 123, "Finn", source="series")
    guild = bridge.sandbox.state.world.guilds[bridge.guild.id]
    del guild.members[bridge.guild.members["pete"]]

    shown = await run(bridge, "mia", "links")
    searched = await run(bridge, "mia", "links", player="Rey")

    assert "Rey" not in listed(shown)
    assert "Finn" in listed(shown)
    assert "1 link of somebody who left this server: name the `player` to see and cut it" in listed(shown)
    assert [one["label"] for one in select(shown)["options"]] == ["Finn · series · paula"]
    assert "Rey · modl" in listed(searched)
    assert "who left this server" in listed(searched)
    assert "is cut" in reply_text(await cut(bridge, "mia", searched, "Rey"))


async def test_ten_links_are_shown_and_more_are_mentioned(bridge: RunningBridge) -> None:
    for number in range(11):
        await link(bridge, "pete", number, f"player{number}", source="series")

    record = await run(bridge, "mia", "links")

    assert len(select(record)["options"]) == 10
    assert "player10" in listed(record)
    assert "player0 " not in listed(record)
    assert "… and more" in listed(record)
