"""Linking accounts over HTTP: codes typed in the game, and codes to type in Discord."""

import json
from typing import Any

import aiohttp
import pytest

from bot.sources.registry import load_sources
from bot.tickets.account_links import MAX_ATTEMPTS, MAX_ATTEMPTS_OF_KEY, DiscordMember, LinkCode
from bot.webhook import WebhookServer
from bot.webhook.links import LINK_OPERATIONS
from storage import Store
from tests.webhook.conftest import NOW, Gate, Reply

PETE = DiscordMember(guild_id=1, discord_id=70, name="pete")
PAULA = DiscordMember(guild_id=1, discord_id=71, name="paula")


async def post(gate: Gate, path: str, source: str = "south", **body: Any) -> Reply:
    return await gate.send(path, json.dumps(body).encode(), key=gate.keys[source])


async def made_in_discord(gate: Gate, member: DiscordMember = PETE) -> LinkCode:
    return await gate.store.account_links.create_code_for_member(member, NOW)


async def test_a_code_from_discord_links_the_player_who_typed_it(gate: Gate) -> None:
    code = await made_in_discord(gate)

    got = await post(gate, "/v1/links", code=code.text, playerId="p1", playerName="Rey")

    assert got.status == 200
    assert got.headers["cache-control"] == "no-store"
    assert got.headers["ratelimit-limit"] == "20"
    assert got.json == {
        "playerId": "p1",
        "playerName": "Rey",
        "discordName": "pete",
        "linkedAt": "2026-05-01T12:00:00.000Z",
    }
    (link,) = await gate.store.account_links.list_of_member(70)
    assert (link.account.source, link.account.player_id) == ("south", "p1")


async def test_a_code_from_the_game_is_redeemed_in_discord(gate: Gate) -> None:
    got = await post(gate, "/v1/link-codes", playerId=7, playerName="Rey")

    assert (got.status, got.headers["cache-control"]) == (200, "no-store")
    assert (got.json["expiresAt"], got.json["expiresInSeconds"]) == ("2026-05-01T12:10:00.000Z", 600)
    link = await gate.store.account_links.redeem_as_member(str(got.json["code"]), PETE, NOW)
    assert (link.account.source, link.account.player_id, link.account.name) == ("south", "7", "Rey")


async def test_a_repeated_request_is_answered_the_same(gate: Gate) -> None:
    code = await made_in_discord(gate)

    first = await post(gate, "/v1/links", code=code.text, playerId="p1")
    again = await post(gate, "/v1/links", code=code.text.lower(), playerId="p1")

    assert first.json == again.json
    assert len(await gate.store.account_links.list_of_member(70)) == 1


async def test_400_says_what_to_do_about_a_code_that_is_wrong_used_or_expired(gate: Gate) -> None:
    used, expired = await made_in_discord(gate), await made_in_discord(gate, PAULA)
    await post(gate, "/v1/links", code=used.text, playerId="p1")
    wrong = [
        await post(gate, "/v1/links", code="BCDF-2345", playerId="p2"),
        await post(gate, "/v1/links", code="no code at all", playerId="p2"),
        await post(gate, "/v1/links", code=used.text, playerId="p2"),
    ]
    gate.time[0] += 600
    wrong.append(await post(gate, "/v1/links", code=expired.text, playerId="p2"))

    assert {one.status for one in wrong} == {400}
    assert {one.refuses(None) for one in wrong} == {
        "This code is not valid: a code is used once, within 10 minutes. Check it, or get a new one."
    }


async def test_400_says_where_a_code_made_in_the_game_belongs(gate: Gate) -> None:
    code = (await post(gate, "/v1/link-codes", playerId="p1")).json["code"]

    got = await post(gate, "/v1/links", code=code, playerId="p1")

    assert got.status == 400
    assert got.refuses(None).startswith("This code is for Discord: use /link there with it.")


async def test_409_for_an_account_of_another_discord_account_does_not_say_whose(gate: Gate) -> None:
    code = await made_in_discord(gate)
    await post(gate, "/v1/links", code=code.text, playerId="p1")

    got = await post(gate, "/v1/links", code=(await made_in_discord(gate, PAULA)).text, playerId="p1")

    assert got.status == 409
    assert got.refuses(None) == (
        "This game account is linked to another Discord account. Use /unlink there, or ask staff."
    )


async def test_429_after_wrong_codes_of_one_player_and_no_other(gate: Gate) -> None:
    code = await made_in_discord(gate)
    for _ in range(MAX_ATTEMPTS):
        assert (await post(gate, "/v1/links", code="BCDF-2345", playerId="p2")).status == 400

    guessed = await post(gate, "/v1/links", code=code.text, playerId="p2")
    owned = await post(gate, "/v1/links", code=code.text, playerId="p1")

    assert (guessed.status, guessed.headers["retry-after"]) == (429, "600")
    assert guessed.refuses(None) == "There were too many wrong codes. Try again in 10 min."
    assert owned.status == 200


async def test_429_after_wrong_codes_of_one_api_key_and_no_other(gate: Gate) -> None:
    code = await made_in_discord(gate)
    for number in range(MAX_ATTEMPTS_OF_KEY):
        gate.time[0] += 3  # within the rate limit of the address
        await post(gate, "/v1/links", code="BCDF-2345", playerId=f"guesser {number}")

    assert (await post(gate, "/v1/links", code=code.text, playerId="p1")).status == 429
    assert (await post(gate, "/v1/links", "north", code=code.text, playerId="p1")).status == 200


@pytest.mark.parametrize(
    ("path", "body", "problem"),
    [
        ("/v1/links", b"{", "body must be valid JSON in UTF-8"),
        ("/v1/links", b"[]", "body must be a JSON object"),
        ("/v1/links", b"{}", "playerId is required; code is required"),
        ("/v1/links", b'{"code": 5, "playerId": true}', "playerId must be a whole number; code must be text"),
        ("/v1/link-codes", b'{"playerId": "  "}', "playerId is required"),
        ("/v1/link-codes", b'{"playerId": 1.5}', "playerId must be a whole number"),
        ("/v1/link-codes", b'{"playerId": "1", "playerName": 5}', "playerName must be text"),
    ],
)
async def test_400_names_what_is_wrong_with_the_body(
    gate: Gate, path: str, body: bytes, problem: str
) -> None:
    got = await gate.send(path, body, key=gate.keys["south"])

    assert got.status == 400
    assert got.refuses(None) == f"The body is not valid: {problem}."


async def test_a_player_cuts_the_link_in_the_game_once(gate: Gate) -> None:
    code = await made_in_discord(gate)
    await post(gate, "/v1/links", code=code.text, playerId="p1")

    elsewhere = await post(gate, "/v1/links/remove", "north", playerId="p1")
    first = await post(gate, "/v1/links/remove", playerId=" p1 ")
    again = await post(gate, "/v1/links/remove", playerId="p1")

    assert [one.json["unlinked"] for one in (elsewhere, first, again)] == [False, True, False]
    assert first.json["playerId"] == "p1"
    assert await gate.store.account_links.list_of_member(70) == ()


async def test_400_for_an_id_that_the_source_does_not_know(gate: Gate) -> None:
    for path in ("/v1/links", "/v1/links/remove", "/v1/link-codes"):
        got = await post(gate, path, "north", code="BCDF-2345", playerId="nobody")

        assert got.status == 400
        assert got.refuses(None).startswith("playerId must be the id of a player")


@pytest.mark.parametrize("path", ["/v1/links", "/v1/links/remove", "/v1/link-codes"])
async def test_401_without_a_valid_key_and_405_for_another_method(gate: Gate, path: str) -> None:
    wrong = await gate.send(path, b"{}", key="nonsense")
    got = await gate.send(path, None, method="GET", key=gate.keys["south"])

    assert (wrong.status, got.status, got.headers["allow"]) == (401, 405, "POST")
    assert wrong.refuses(None)
    assert got.refuses(None)


@pytest.mark.parametrize("path", [one.path for one in LINK_OPERATIONS])
async def test_errors_have_the_default_format_below_the_prefix_of_a_source(store: Store, path: str) -> None:
    async with (
        WebhookServer(store, load_sources()).serve("127.0.0.1", 0) as at,
        aiohttp.ClientSession() as session,
        session.post(f"{at.address}{path}") as got,
    ):
        body = await got.json()

    assert (got.status, body) == (
        401,
        {"success": False, "error": {"code": 401, "message": "The API key is missing or not valid."}},
    )


async def test_a_link_body_is_not_kept_with_the_rejected_requests(gate: Gate) -> None:
    code = await made_in_discord(gate)

    await post(gate, "/v1/links", code=code.text, playerId=True)

    assert await gate.store.rejected_requests.list_newest(5) == []
