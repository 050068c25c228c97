"""The Roblox client, in a Lua runtime whose HttpService really sends."""

import json
import re
from itertools import pairwise

import pytest

from bot.tickets.ticket import Priority, TicketField
from tests.clients.conftest import CLIENTS, Bridge, CannedAnswer, ScriptedServer
from tests.clients.roblox_server import LuaError, RobloxServer

HOSTILE = 'He said "don\'t" \\o/\n\ttwo lines, 😀 wörse, ```@everyone```'
REPORT = {"subject": "Speed hacks", "category": "reports", "message": HOSTILE, "priority": "high"}
BUSY = CannedAnswer(status=503, body="upstream is away")


@pytest.fixture
def roblox() -> RobloxServer:
    return RobloxServer(CLIENTS / "roblox" / "TicketBridge.luau")


async def test_a_report_is_saved_as_a_game_report_with_every_character(
    roblox: RobloxServer, bridge: Bridge
) -> None:
    client = roblox.client(url=bridge.url + "/", apiKey=bridge.keys["series"])

    saved, ticket = await roblox.file(client, "reportPlayer", roblox.player(), **REPORT)

    (found,) = await bridge.tickets()
    assert (saved, ticket["TicketId"]) == (True, found.public_id)
    assert (found.view_only, found.subject, found.body) == (True, "Speed hacks", HOSTILE)
    assert (found.category, found.priority) == ("reports", Priority.HIGH)
    assert (found.reporter.id, found.reporter.label) == ("123456789", "Reporter Name (@reporter123)")
    assert found.reporter.avatar_url == "rbxthumb://type=AvatarHeadShot&id=123456789&w=150&h=150"
    assert (await bridge.request_body(found))["placeId"] == "126591263956758"
    assert TicketField(label="Server", value="8f5a1d5e-2b1f") in found.fields


async def test_a_ticket_is_saved_as_one_that_staff_can_reply_to(roblox: RobloxServer, bridge: Bridge) -> None:
    client = roblox.client(url=bridge.url, apiKey=bridge.keys["series"])
    fields = {"subject": "Stuck", "category": "support", "message": "I'm in a wall."}

    saved, _ = await roblox.file(
        client, "openTicket", roblox.player(8000000001), **fields, avatarUrl="https://example.com/a.png"
    )

    (found,) = await bridge.tickets()
    assert saved
    assert (found.view_only, found.body, found.priority) == (False, "I'm in a wall.", Priority.NORMAL)
    assert (found.reporter.id, found.reporter.avatar_url) == ("8000000001", "https://example.com/a.png")
    assert "placeId" not in (await bridge.request_body(found))


async def test_a_test_player_in_studio_can_report(bridge: Bridge) -> None:
    studio = RobloxServer(CLIENTS / "roblox" / "TicketBridge.luau", place=0, job="")
    client = studio.client(url=bridge.url, apiKey=bridge.keys["series"])

    saved, _ = await studio.file(client, "reportPlayer", studio.player(-1), **REPORT)

    assert saved
    assert [ticket.reporter.id for ticket in await bridge.tickets()] == ["-1"]


async def test_a_rejection_is_reported_in_the_servers_words_and_not_retried(
    roblox: RobloxServer, bridge: Bridge
) -> None:
    stranger = roblox.client(url=bridge.url, apiKey="not-a-key")
    client = roblox.client(url=bridge.url, apiKey=bridge.keys["series"])

    unknown = await roblox.file(stranger, "reportPlayer", roblox.player(), **REPORT)
    wrong = await roblox.file(client, "reportPlayer", roblox.player(), category="reports", message="m")

    assert unknown == (False, "The API key is missing or not valid.")
    assert wrong == (False, "Validation error: Subject is required")
    assert (roblox.waits, await bridge.tickets()) == ([], [])


async def test_it_is_sent_as_json_with_its_key(roblox: RobloxServer, server: ScriptedServer) -> None:
    client = roblox.client(url=server.url + "/", apiKey="the key")

    await roblox.file(client, "reportPlayer", roblox.player(), **REPORT)

    ((headers, body),) = server.requests
    assert server.paths == ["/tickets/create-game-report"]
    assert (headers["apikey"], headers["Content-Type"]) == ("the key", "application/json")
    assert re.fullmatch(r"[0-9a-f-]{36}", headers["Idempotency-Key"])
    assert json.loads(body)["message"] == HOSTILE


async def test_every_attempt_of_a_ticket_has_the_same_idempotency_key_and_each_ticket_another(
    roblox: RobloxServer, server: ScriptedServer
) -> None:
    server.answers = [BUSY, CannedAnswer(status=0), CannedAnswer(status=500, body={"error": None})]
    client = roblox.client(url=server.url, apiKey="k")

    first = await roblox.file(client, "reportPlayer", roblox.player(1), **REPORT)
    second = await roblox.file(client, "reportPlayer", roblox.player(2), **REPORT)

    assert (first, second) == ((True, {"TicketId": "TICKET-1"}),) * 2
    assert len(server.requests) == 5
    assert [len(set(keys)) for keys in (server.idempotency_keys[:4], server.idempotency_keys)] == [1, 2]
    assert len({body for _, body in server.requests[:4]}) == 1


async def test_it_waits_longer_from_attempt_to_attempt(roblox: RobloxServer, server: ScriptedServer) -> None:
    server.answers = [BUSY] * 9
    client = roblox.client(url=server.url, apiKey="k")

    outcome = await roblox.file(client, "reportPlayer", roblox.player(), **REPORT)

    assert outcome == (False, "The ticket server answered with status 503.")
    assert len(server.requests) == 5
    assert 0.5 <= roblox.waits[0] <= 0.75
    assert all(longer > shorter for shorter, longer in pairwise(roblox.waits))
    assert sum(roblox.waits) <= 7.5 * 1.5


async def test_it_waits_for_retry_after(roblox: RobloxServer, server: ScriptedServer) -> None:
    server.answers = [
        CannedAnswer(status=429, headers={"Retry-After": "7"}),
        CannedAnswer(status=500, headers={"Retry-After": "0"}),
        CannedAnswer(status=429, headers={"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}),
    ]
    client = roblox.client(url=server.url, apiKey="k")

    saved, _ = await roblox.file(client, "reportPlayer", roblox.player(), **REPORT)

    assert saved
    assert roblox.waits[:2] == [7, 0]
    assert 2 <= roblox.waits[2] <= 3  # a date is not read: the third wait of its own


async def test_it_gives_up_rather_than_ignore_a_long_retry_after(
    roblox: RobloxServer, server: ScriptedServer
) -> None:
    told = {"success": False, "error": {"code": 429, "message": "Too many requests. Try again in 31 s."}}
    server.answers = [CannedAnswer(status=429, headers={"Retry-After": "31"}, body=told)]
    client = roblox.client(url=server.url, apiKey="k")

    outcome = await roblox.file(client, "reportPlayer", roblox.player(), **REPORT)

    assert outcome == (False, "Too many requests. Try again in 31 s.")
    assert (len(server.requests), roblox.waits) == (1, [])


async def test_an_exception_is_retried_and_its_text_goes_to_the_developer(
    roblox: RobloxServer, bridge: Bridge
) -> None:
    roblox.throws = ["Number of requests exceeded limit"] * 2
    client = roblox.client(url=bridge.url, apiKey=bridge.keys["series"])

    saved, _ = await roblox.file(client, "reportPlayer", roblox.player(), **REPORT)
    roblox.throws = ["Http requests are not enabled"] * 9
    unreachable = await roblox.file(client, "reportPlayer", roblox.player(2), **REPORT)

    assert saved
    assert len(await bridge.tickets()) == 1
    assert unreachable == (False, "The ticket server cannot be reached. Try again later.")
    assert len(roblox.throws) == 4
    assert "Number of requests exceeded limit" in roblox.warnings[0]


async def test_an_answer_without_a_ticket_is_no_success(roblox: RobloxServer, server: ScriptedServer) -> None:
    server.answers = [
        CannedAnswer(body="<html>Welcome to our proxy"),
        CannedAnswer(body={"success": False}),
        CannedAnswer(body="[]"),
        CannedAnswer(status=404, body=""),
    ]
    client = roblox.client(url=server.url, apiKey="k")

    outcomes = [await roblox.file(client, "openTicket", roblox.player(), **REPORT) for _ in range(4)]

    assert outcomes[:3] == [(False, "The ticket server answered with status 200.")] * 3
    assert outcomes[3] == (False, "The ticket server answered with status 404.")
    assert len(server.requests) == 4


async def test_the_cooldown_is_per_player_and_starts_with_a_success(
    roblox: RobloxServer, server: ScriptedServer
) -> None:
    server.answers = [CannedAnswer(status=400, body={"error": {"message": "no"}})]
    client = roblox.client(url=server.url, apiKey="k", cooldown=30)

    failed = await roblox.file(client, "reportPlayer", roblox.player(1), **REPORT)
    saved, _ = await roblox.file(client, "reportPlayer", roblox.player(1), **REPORT)
    too_soon = await roblox.file(client, "openTicket", roblox.player(1), **REPORT)
    other, _ = await roblox.file(client, "reportPlayer", roblox.player(2), **REPORT)
    roblox.now += 30
    later, _ = await roblox.file(client, "reportPlayer", roblox.player(1), **REPORT)

    assert (failed, saved, other, later) == ((False, "no"), True, True, True)
    assert too_soon == (False, "Wait 30 s before you send another message.")
    assert len(server.requests) == 4


async def test_a_second_click_during_the_first_request_sends_nothing(
    roblox: RobloxServer, server: ScriptedServer
) -> None:
    server.answers = [BUSY]
    client = roblox.client(url=server.url, apiKey="k")
    second: list[tuple[bool, object]] = []
    roblox.while_waiting = lambda: second.append(
        roblox.call(client, "reportPlayer", roblox.player(), **REPORT)
    )

    saved, _ = await roblox.file(client, "reportPlayer", roblox.player(), **REPORT)

    assert saved
    assert second == [(False, "Your last message is still on its way.")]
    assert len(server.requests) == 2


async def test_text_that_is_not_utf_8_is_not_sent(roblox: RobloxServer, server: ScriptedServer) -> None:
    client = roblox.client(url=server.url, apiKey="k")

    outcome = await roblox.file(client, "reportPlayer", roblox.player(), **REPORT | {"message": b"\xff\xfe"})

    assert outcome == (False, "This text cannot be sent.")
    assert server.requests == []


@pytest.mark.parametrize(
    ("settings", "cure"),
    [
        ({"url": "tickets.example.com", "apiKey": "k"}, r'url = "https://\.\.\."'),
        ({"apiKey": "k"}, r'url = "https://\.\.\."'),
        ({"url": "https://tickets.example.com"}, "ticketbridge key create --source series"),
    ],
)
def test_wrong_settings_raise_at_the_start(roblox: RobloxServer, settings: dict[str, str], cure: str) -> None:
    with pytest.raises(LuaError, match=cure):
        roblox.client(**settings)


def test_the_readme_s_script_is_lua(roblox: RobloxServer) -> None:
    readme = (CLIENTS / "README.md").read_text("utf-8")
    scripts = re.findall(r"^ *```lua\n(.*?)^ *```", readme, re.DOTALL | re.MULTILINE)

    assert scripts
    assert all(roblox.compiles(script) for script in scripts)
