"""The Roblox client, in a Lua runtime whose HttpService really sends."""

import asyncio
import json
import re
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from bot.tickets.account_links import DiscordMember
from bot.tickets.events import Reception
from bot.tickets.message import Actor
from bot.tickets.ticket import Priority, Status, Ticket, TicketField
from tests.clients.conftest import CLIENTS, Bridge, CannedAnswer, ScriptedServer
from tests.clients.roblox_server import LuaError, RobloxServer, Secret

HOSTILE = 'He said "don\'t" \\o/\n\ttwo lines, 😀 wörse, ```@everyone```'
REPORT = {"subject": "Speed hacks", "category": "reports", "message": HOSTILE, "priority": "high"}
MIA = Actor(id="7", name="Mia")
PETE = DiscordMember(guild_id=1, discord_id=70, name="pete")
BUSY = CannedAnswer(status=503, body="upstream is away")
CLOSED = (False, "Messages cannot be sent right now. Try again later.")
BUSY_GAME = (False, "Too many messages are being sent right now. Try again in a minute.")


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
    client = roblox.client(url=bridge.url, apiKey=bridge.keys["series"])

    wrong = await roblox.file(client, "reportPlayer", roblox.player(), **REPORT | {"priority": "extreme"})

    saved, sentence = wrong
    assert not saved
    assert sentence.startswith("Validation error: Priority ")
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


async def test_a_network_failure_is_retried_and_its_text_goes_to_the_developer(
    roblox: RobloxServer, bridge: Bridge
) -> None:
    roblox.throws = ["HttpError: ConnectFail"] * 2
    client = roblox.client(url=bridge.url, apiKey=bridge.keys["series"])

    saved, _ = await roblox.file(client, "reportPlayer", roblox.player(), **REPORT)
    roblox.throws = ["HttpError: DnsResolve"] * 9
    unreachable = await roblox.file(client, "reportPlayer", roblox.player(2), **REPORT)

    assert saved
    assert len(await bridge.tickets()) == 1
    assert unreachable == (False, "The ticket server cannot be reached. Try again later.")
    assert len(roblox.throws) == 4
    assert "HttpError: ConnectFail" in roblox.warnings[0]


@pytest.mark.parametrize(
    ("thrown", "cure"),
    [
        ("Http requests are not enabled. Enable via game settings", "Allow HTTP requests: in Studio"),
        ("Http requests can only be executed by game server", "Move TicketBridge and the script"),
        ("HttpError: InvalidUrl", "Put right `url`"),
        ("HttpError: SslVerificationFail", "certificate at `url` is not valid"),
    ],
)
async def test_what_the_developer_has_to_put_right_is_tried_once_and_told_to_them_alone(
    roblox: RobloxServer, server: ScriptedServer, thrown: str, cure: str
) -> None:
    roblox.throws = [thrown] * 9
    client = roblox.client(url=server.url, apiKey="k")

    outcomes = [
        await roblox.file(client, "reportPlayer", roblox.player(player), **REPORT) for player in (1, 2, 3)
    ]

    assert outcomes == [CLOSED] * 3
    assert (len(roblox.throws), roblox.waits, server.requests) == (6, [], [])
    (warning,) = roblox.warnings  # each cause once a minute
    assert thrown in warning
    assert cure in warning


async def test_the_key_can_be_a_secret_of_the_bridges_domain(roblox: RobloxServer, bridge: Bridge) -> None:
    key = bridge.keys["series"]
    roblox.secrets = {
        "ticketbridge": Secret(value=key, domain="127.0.0.1"),
        "another": Secret(value=key, domain="example.com"),
    }
    clients = [roblox.client(url=bridge.url, secret=name) for name in ("ticketbridge", "another", "none")]

    (saved, _), *refused = [
        await roblox.file(client, "reportPlayer", roblox.player(), **REPORT) for client in clients
    ]

    assert saved
    assert refused == [CLOSED] * 2
    assert "Allow the secret for the domain of `url`" in roblox.warnings[0]
    assert "Make the secret: Creator Dashboard" in roblox.warnings[1]
    assert (len(await bridge.tickets()), roblox.waits) == (1, [])


@pytest.mark.parametrize(
    ("key", "path", "status", "cure"),
    [
        ("not-a-key", "", 401, "ticketbridge key create --source series"),
        (None, "/api", 404, "without a path?"),
    ],
)
async def test_a_wrong_key_or_address_is_no_business_of_the_player(
    roblox: RobloxServer, bridge: Bridge, key: str | None, path: str, status: int, cure: str
) -> None:
    client = roblox.client(url=bridge.url + path, apiKey=key or bridge.keys["series"])

    outcome = await roblox.file(client, "reportPlayer", roblox.player(), **REPORT)

    assert outcome == CLOSED
    (warning,) = roblox.warnings
    assert f"answered {status}: " in warning
    assert cure in warning
    assert (roblox.waits, await bridge.tickets()) == ([], [])


async def test_a_workspace_without_tickets_is_told_to_the_developer(
    roblox: RobloxServer, server: ScriptedServer
) -> None:
    told = {"error": {"code": 403, "message": "Tickets module is not enabled for this workspace"}}
    server.answers = [CannedAnswer(status=403, body=told)]
    client = roblox.client(url=server.url, apiKey="k")

    outcome = await roblox.file(client, "reportPlayer", roblox.player(), **REPORT)

    assert outcome == CLOSED
    assert "Tickets module is not enabled" in roblox.warnings[0]
    assert "ticketbridge workspace show" in roblox.warnings[0]


NO_TICKET: list[str | dict[str, object]] = [
    "<html>Welcome to our proxy",
    "[]",
    {"success": False},
    {"success": True, "data": []},
    {"success": True, "data": {"TicketId": ""}},
    {"success": True, "data": {"TicketId": 7}},
]


@pytest.mark.parametrize("body", NO_TICKET, ids=str)
async def test_an_answer_without_a_ticket_is_no_success(
    roblox: RobloxServer, server: ScriptedServer, body: str | dict[str, object]
) -> None:
    server.answers = [CannedAnswer(body=body)]
    client = roblox.client(url=server.url, apiKey="k")

    outcome = await roblox.file(client, "openTicket", roblox.player(), **REPORT)

    assert outcome == CLOSED
    assert len(server.requests) == 1
    assert "answered 200" in roblox.warnings[0]


async def test_a_success_starts_the_cooldown_and_any_other_outcome_the_pause(
    roblox: RobloxServer, server: ScriptedServer
) -> None:
    server.answers = [CannedAnswer(status=400, body={"error": {"message": "no"}})]
    client = roblox.client(url=server.url, apiKey="k", cooldown=30)

    async def after(seconds: float, method: str, player: int) -> tuple[bool, object]:
        roblox.now += seconds
        return await roblox.file(client, method, roblox.player(player), **REPORT)

    assert await after(0, "reportPlayer", 1) == (False, "no")
    assert await after(0, "openTicket", 1) == (False, "Wait 5 s before you send another message.")
    assert await after(0, "reportPlayer", 2) == (True, {"TicketId": "TICKET-1"})
    assert await after(5, "reportPlayer", 1) == (True, {"TicketId": "TICKET-1"})
    assert await after(5, "openTicket", 1) == (False, "Wait 25 s before you send another message.")
    assert await after(25, "openTicket", 1) == (True, {"TicketId": "TICKET-1"})
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("changes", "requests"),
    [({"message": "   "}, 0), ({"message": "m" * 10_001}, 0), ({"priority": "extreme"}, 6), ({}, 1)],
    ids=["blank", "too long", "refused", "saved"],
)
async def test_a_loop_of_one_player_costs_a_handful_of_requests(
    roblox: RobloxServer, bridge: Bridge, changes: dict[str, str], requests: int
) -> None:
    client = roblox.client(url=bridge.url, apiKey=bridge.keys["series"])

    def loop() -> None:
        for _ in range(481):
            roblox.call(client, "reportPlayer", roblox.player(1), **REPORT | changes)
            roblox.now += 27 / 481

    await asyncio.to_thread(loop)
    in_the_loop = len(roblox.sent)
    honest, _ = await roblox.file(client, "reportPlayer", roblox.player(2), **REPORT)

    assert in_the_loop <= requests
    assert honest
    assert roblox.waits == []
    assert len(roblox.warnings) <= 1


LIMITS = {"subject": 256, "category": 64, "message": 10_000}


@pytest.mark.parametrize("field", LIMITS)
async def test_blank_and_long_texts_are_refused_without_a_request_and_the_longest_are_saved(
    roblox: RobloxServer, bridge: Bridge, field: str
) -> None:
    client = roblox.client(url=bridge.url, apiKey=bridge.keys["series"])
    most = LIMITS[field]

    async def filed_with(value: object) -> tuple[bool, object]:
        return await roblox.file(client, "reportPlayer", roblox.player(), **REPORT | {field: value})

    assert [await filed_with(value) for value in ("", " \t\r\n\x01")] == [
        (False, f"The {field} is empty.")
    ] * 2
    assert [await filed_with(value) for value in (None, 7)] == [(False, f"The {field} is missing.")] * 2
    too_long = (False, f"The {field} is too long: {most} characters at most.")
    assert [await filed_with(value) for value in ("ö" * (most + 1), "😀" * 50_000)] == [too_long] * 2
    assert roblox.sent == []
    saved, _ = await filed_with("😀" * most)
    assert saved


async def test_many_players_stay_within_the_clients_share_of_requests(
    roblox: RobloxServer, server: ScriptedServer
) -> None:
    roblox.time_stands_still = True
    server.answers = [BUSY] * 200
    client = roblox.client(url=server.url, apiKey="k")

    def all_players() -> list[tuple[bool, object]]:
        return [
            roblox.call(client, "reportPlayer", roblox.player(player), **REPORT) for player in range(1, 301)
        ]

    outcomes = await asyncio.to_thread(all_players)
    roblox.now += 60
    saved, _ = await roblox.file(client, "reportPlayer", roblox.player(301), **REPORT)

    senders = {json.loads(body)["authorUserId"] for _, body in server.requests[:-1]}
    assert len(server.requests) == 201
    assert len(senders) == 120  # 20 with all their retries, which end with half of the requests, and 100
    assert outcomes[120:] == [BUSY_GAME] * 180
    assert saved


async def test_at_most_ten_requests_are_under_way_at_the_same_time(
    roblox: RobloxServer, server: ScriptedServer
) -> None:
    client = roblox.client(url=server.url, apiKey="k")
    outcomes: list[tuple[bool, object]] = []
    players = iter(range(2, 12))

    def another() -> None:  # while the others' requests are under way
        outcomes.append(roblox.call(client, "reportPlayer", roblox.player(next(players)), **REPORT))

    roblox.while_sending = another
    saved, _ = await roblox.file(client, "reportPlayer", roblox.player(1), **REPORT)

    assert saved
    assert outcomes == [BUSY_GAME, *[(True, {"TicketId": "TICKET-1"})] * 9]
    assert len(server.requests) == 10
    assert len(roblox.waits) == 4


async def test_it_rests_while_other_scripts_have_used_up_the_servers_requests(
    roblox: RobloxServer, server: ScriptedServer
) -> None:
    roblox.sent = [roblox.now] * 500
    client = roblox.client(url=server.url, apiKey="k")

    refused = await roblox.file(client, "reportPlayer", roblox.player(1), **REPORT)
    waits, roblox.waits = roblox.waits, []
    saved, _ = await roblox.file(client, "reportPlayer", roblox.player(2), **REPORT)

    assert refused == BUSY_GAME
    assert waits == [10] * 4
    assert saved
    assert roblox.waits == [10, 10]
    assert "Number of requests exceeded limit. All scripts of a game server share" in roblox.warnings[0]


async def test_the_same_message_after_lost_answers_is_the_same_ticket(
    roblox: RobloxServer, bridge: Bridge
) -> None:
    client = roblox.client(url=bridge.url, apiKey=bridge.keys["series"])
    roblox.lost_answers = 5

    lost = await roblox.file(client, "reportPlayer", roblox.player(), **REPORT)
    roblox.now += 120  # longer than the bridge takes the same body for a repeat
    saved, ticket = await roblox.file(client, "reportPlayer", roblox.player(), **REPORT)
    roblox.now += 60
    again, another = await roblox.file(client, "reportPlayer", roblox.player(), **REPORT)

    assert lost == (False, "The ticket server cannot be reached. Try again later.")
    assert saved
    assert again
    first, second = await bridge.tickets()
    assert (ticket["TicketId"], another["TicketId"]) == (first.public_id, second.public_id)


async def test_another_message_after_lost_answers_is_another_ticket(
    roblox: RobloxServer, bridge: Bridge
) -> None:
    client = roblox.client(url=bridge.url, apiKey=bridge.keys["series"])
    roblox.lost_answers = 5

    await roblox.file(client, "reportPlayer", roblox.player(), **REPORT)
    roblox.now += 5
    saved, _ = await roblox.file(client, "reportPlayer", roblox.player(), **REPORT | {"message": "Another."})

    assert saved
    assert [ticket.body for ticket in await bridge.tickets()] == [HOSTILE, "Another."]


@pytest.mark.parametrize("method", ["reportPlayer", "openTicket"])
async def test_neither_method_ever_raises(roblox: RobloxServer, server: ScriptedServer, method: str) -> None:
    client = roblox.client(url=server.url, apiKey="k")
    unsendable = (False, "This message cannot be sent.")

    assert roblox.call(client, method, None, **REPORT) == unsendable
    assert roblox.call(None, method, roblox.player(), **REPORT) == unsendable
    assert roblox.call_with(client, method, roblox.player(), None) == unsendable
    assert roblox.call_with(client, method, roblox.player(), 7) == unsendable
    assert roblox.call_with(client, method) == unsendable
    assert server.requests == []


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

    assert outcome == (False, "This message cannot be sent.")
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


async def test_the_readmes_script_files_what_players_report(roblox: RobloxServer, bridge: Bridge) -> None:
    (script,) = re.findall(
        r"^ *```lua\n(.*?)^ *```", (CLIENTS / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    roblox.secrets = {"ticketbridge": Secret(value=bridge.keys["series"], domain="127.0.0.1")}
    roblox.run_script(script.replace("https://tickets.example.com", bridge.url))

    thanks = await roblox.invoke(roblox.player(1), "Hacker123", HOSTILE)
    too_soon = await roblox.invoke(roblox.player(1), "Hacker123", HOSTILE)
    not_text = await roblox.invoke(roblox.player(2), None, 7)
    blank = await roblox.invoke(roblox.player(2), "Hacker123", " ")

    (found,) = await bridge.tickets()
    assert thanks == f"Thank you. Your report is {found.public_id}."
    assert too_soon == "Wait 60 s before you send another message."
    assert not_text == "Please describe it in fewer words."
    assert blank == "The message is empty."
    assert (found.subject, found.body, found.category) == ("Report: Hacker123", HOSTILE, "reports")


async def test_a_code_from_discord_links_the_player(roblox: RobloxServer, bridge: Bridge) -> None:
    client = roblox.client(url=bridge.url, apiKey=bridge.keys["series"])
    code = await bridge.store.account_links.create_code_for_member(PETE, bridge.store.now())

    linked, account = await asyncio.to_thread(
        roblox.call_with, client, "link", roblox.player(), code.text.lower()
    )

    assert (linked, account["discordName"], account["playerId"]) == (True, "pete", "123456789")
    (link,) = await bridge.store.account_links.list_of_member(70)
    assert (link.account.source, link.account.player_id, link.account.name) == (
        "series",
        "123456789",
        "reporter123",
    )


async def test_a_player_cuts_their_link(roblox: RobloxServer, bridge: Bridge) -> None:
    client = roblox.client(url=bridge.url, apiKey=bridge.keys["series"])
    code = await bridge.store.account_links.create_code_for_member(PETE, bridge.store.now())
    await asyncio.to_thread(roblox.call_with, client, "link", roblox.player(), code.text)

    too_soon = roblox.call_with(client, "unlink", roblox.player())
    roblox.now += 5
    first = await asyncio.to_thread(roblox.call_with, client, "unlink", roblox.player())
    roblox.now += 5
    again = await asyncio.to_thread(roblox.call_with, client, "unlink", roblox.player())

    assert too_soon == (False, "Wait 5 s before you send another request.")
    assert [(done, account["unlinked"]) for done, account in (first, again)] == [(True, True), (True, False)]
    assert await bridge.store.account_links.list_of_member(70) == ()


async def test_a_link_whose_answer_got_lost_is_made_all_the_same(
    roblox: RobloxServer, bridge: Bridge
) -> None:
    client = roblox.client(url=bridge.url, apiKey=bridge.keys["series"])
    code = await bridge.store.account_links.create_code_for_member(PETE, bridge.store.now())
    roblox.lost_answers = 1

    linked, account = await asyncio.to_thread(roblox.call_with, client, "link", roblox.player(), code.text)

    assert (linked, account["discordName"]) == (True, "pete")
    assert len(await bridge.store.account_links.list_of_member(70)) == 1


async def test_a_wrong_code_is_refused_in_the_servers_words_and_holds_up_no_report(
    roblox: RobloxServer, bridge: Bridge
) -> None:
    client = roblox.client(url=bridge.url, apiKey=bridge.keys["series"])

    wrong = await asyncio.to_thread(roblox.call_with, client, "link", roblox.player(), "BCDF-2345")
    too_soon = roblox.call_with(client, "link", roblox.player(), "BCDF-2345")
    reported, _ = await roblox.file(client, "reportPlayer", roblox.player(), **REPORT)

    assert wrong == (
        False,
        "This code is not valid: a code is used once, within 10 minutes. Check it, or get a new one.",
    )
    assert too_soon == (False, "Wait 5 s before you send another request.")
    assert reported


async def test_a_guesser_gets_no_more_tries_than_the_server_allows(
    roblox: RobloxServer, bridge: Bridge
) -> None:
    client = roblox.client(url=bridge.url, apiKey=bridge.keys["series"])

    def guess() -> tuple[bool, object]:
        roblox.now += 5
        return roblox.call_with(client, "link", roblox.player(), "BCDF-2345")

    outcomes = [await asyncio.to_thread(guess) for _ in range(7)]

    assert [told for _, told in outcomes[5:]] == ["There were too many wrong codes. Try again in 10 min."] * 2
    assert (len(roblox.sent), roblox.waits) == (7, [])


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (None, "The code is missing."),
        (7, "The code is missing."),
        (" ", "The code is empty."),
        ("B" * 65, "The code is too long: 64 characters at most."),
    ],
)
async def test_what_can_be_no_code_is_not_sent(
    roblox: RobloxServer, server: ScriptedServer, code: object, told: str
) -> None:
    client = roblox.client(url=server.url, apiKey="k")

    assert roblox.call_with(client, "link", roblox.player(), code) == (False, told)
    assert roblox.call_with(client, "link", None, "BCDF-2345") == (False, "This message cannot be sent.")
    assert server.requests == []


async def test_an_answer_without_an_account_is_no_link(roblox: RobloxServer, server: ScriptedServer) -> None:
    client = roblox.client(url=server.url, apiKey="k")

    outcome = await asyncio.to_thread(roblox.call_with, client, "link", roblox.player(), "BCDF-2345")

    assert outcome == CLOSED  # of a ticket server that answers as if it were a ticket
    assert server.paths == ["/v1/links"]


async def test_the_example_place_links_and_unlinks_players(roblox: RobloxServer, bridge: Bridge) -> None:
    script = (CLIENTS / "roblox" / "LinkAccounts.server.luau").read_text("utf-8")
    roblox.secrets = {"ticketbridge": Secret(value=bridge.keys["series"], domain="127.0.0.1")}
    roblox.run_script(script.replace("https://tickets.example.com", bridge.url))
    code = await bridge.store.account_links.create_code_for_member(PETE, bridge.store.now())
    lines = ("/link", f"/link  {code.text} ", "/unlink", "/unlink", "/link BCDF-2345")

    for line in lines:
        shown = await roblox.chat(roblox.player(), line)
        roblox.now += 5

    assert shown == [
        "Use /link in Discord to get a code, and type it here: /link CODE",
        "You are linked to the Discord account pete. Is that not yours? Type /unlink",
        "Your account is not linked any more.",
        "Your account was not linked.",
        "This code is not valid: a code is used once, within 10 minutes. Check it, or get a new one.",
    ]
    assert roblox.shown_for == [15] * 5


class Game:
    """What a game's script keeps and does with events."""

    def __init__(self) -> None:
        self.position: int | None = None
        self.handled: list[dict[str, Any]] = []
        self.fails: list[str] = []  # the next calls that fail: load, save or handle
        self.fails_afterwards: list[str] = []  # the same, once an event was handled

    def load(self) -> int | None:
        self._call("load")
        return self.position

    def save(self, position: int) -> None:
        self._call("save")
        self.position = int(position)

    def handle(self, event: dict[str, Any]) -> None:
        self.handled.append(event)
        self._call("handle")
        self.fails += self.fails_afterwards

    def _call(self, name: str) -> None:
        if self.fails[:1] == [name]:
            self.fails.pop(0)
            raise RuntimeError(f"{name} failed")

    @property
    def texts(self) -> list[str]:
        return [event["reply"]["text"] if "reply" in event else event["status"] for event in self.handled]


async def reply(bridge: Bridge, *texts: str) -> None:
    """Let staff reply to the newest ticket."""
    ticket = (await bridge.tickets())[-1]
    for text in texts:
        compose = partial(Ticket.reply, author=MIA, text=text)
        await bridge.store.tickets.add_message(ticket.id, compose, origin=text, now=bridge.store.now())


async def close(bridge: Bridge) -> None:
    ticket = (await bridge.tickets())[-1]
    await bridge.store.tickets.change(
        ticket.id, lambda one: one.set_status(Status.CLOSED), bridge.store.now(), actor=MIA
    )


async def receive(roblox: RobloxServer, client: Any, game: Game, *, waits: int) -> list[float]:
    """Receive events until so many waits between requests; these."""
    roblox.waits = []
    stop = roblox.receive(client, load=game.load, save=game.save, handle=game.handle)

    def count() -> None:
        if len(roblox.waits) >= waits:
            stop()

    roblox.while_waiting = count
    await roblox.run_spawned()
    return roblox.waits


async def test_replies_and_changes_of_status_are_received_in_order(
    roblox: RobloxServer, bridge: Bridge
) -> None:
    client, game = roblox.client(url=bridge.url, apiKey=bridge.keys["series"]), Game()
    await roblox.file(client, "openTicket", roblox.player(), **REPORT)
    await reply(bridge, "We are on it.", HOSTILE)
    await close(bridge)

    first, second = await receive(roblox, client, game, waits=2)

    (ticket,) = await bridge.tickets()
    assert game.texts == ["We are on it.", HOSTILE, "closed"]
    assert {event["ticketId"] for event in game.handled} == {ticket.public_id}
    assert game.position == 3
    assert 5 <= first <= 6.25
    assert 5 <= second <= 6.25
    events = await bridge.store.events.list_of_ticket(ticket.id)
    assert all(event.received_as is Reception.READ for event in events)


async def test_a_game_report_has_no_reply_and_its_status_is_received(
    roblox: RobloxServer, bridge: Bridge
) -> None:
    client, game = roblox.client(url=bridge.url, apiKey=bridge.keys["series"]), Game()
    await roblox.file(client, "reportPlayer", roblox.player(), **REPORT)
    await close(bridge)

    await receive(roblox, client, game, waits=1)

    ((report),) = game.handled
    assert (report["type"], report["gameReport"], report["status"]) == ("ticket.status", True, "closed")
    assert "reply" not in report


async def test_an_event_that_failed_comes_again_before_any_after_it(
    roblox: RobloxServer, bridge: Bridge
) -> None:
    client, game = roblox.client(url=bridge.url, apiKey=bridge.keys["series"]), Game()
    await roblox.file(client, "openTicket", roblox.player(), **REPORT)
    await reply(bridge, "one", "two")
    game.fails = ["handle", "handle"]

    waits = await receive(roblox, client, game, waits=3)

    assert game.texts == ["one", "one", "one", "two"]
    assert waits[:2] == [10, 20]
    assert "comes again" in roblox.warnings[0]
    assert "handle failed" in roblox.warnings[0]


async def test_what_was_handled_and_not_saved_is_not_handled_twice_by_the_same_server(
    roblox: RobloxServer, bridge: Bridge
) -> None:
    client, game = roblox.client(url=bridge.url, apiKey=bridge.keys["series"]), Game()
    await roblox.file(client, "openTicket", roblox.player(), **REPORT)
    await reply(bridge, "one", "two")
    game.fails = ["save", "load"]

    await receive(roblox, client, game, waits=3)

    assert game.texts == ["one", "two"]
    assert game.position == 2
    assert "The position cannot be loaded or saved" in roblox.warnings[0]


async def test_a_server_that_crashed_between_the_two_gets_an_event_with_the_same_id_again(
    roblox: RobloxServer, bridge: Bridge
) -> None:
    client, game = roblox.client(url=bridge.url, apiKey=bridge.keys["series"]), Game()
    await roblox.file(client, "openTicket", roblox.player(), **REPORT)
    await reply(bridge, "one", "two")
    game.fails = ["save"]
    await receive(roblox, client, game, waits=1)

    after = RobloxServer(CLIENTS / "roblox" / "TicketBridge.luau")
    again = after.client(url=bridge.url, apiKey=bridge.keys["series"])
    await receive(after, again, game, waits=1)

    ids = [event["id"] for event in game.handled]
    assert ids[:2] == ids[2:]
    assert len(set(ids)) == 2


async def test_a_long_backlog_is_received_page_by_page(roblox: RobloxServer, bridge: Bridge) -> None:
    client, game = roblox.client(url=bridge.url, apiKey=bridge.keys["series"]), Game()
    await roblox.file(client, "openTicket", roblox.player(), **REPORT)
    await reply(bridge, *map(str, range(150)))

    waits = await receive(roblox, client, game, waits=2)

    assert game.texts == [*map(str, range(150))]
    assert waits[0] == 0


async def test_it_asks_less_and_less_often_while_there_is_no_answer(
    roblox: RobloxServer, bridge: Bridge
) -> None:
    client, game = roblox.client(url=bridge.url, apiKey=bridge.keys["series"]), Game()
    await roblox.file(client, "openTicket", roblox.player(), **REPORT)
    await reply(bridge, "one")
    roblox.throws = ["HttpError: ConnectFail"] * 5
    game.fails_afterwards = ["load"]

    waits = await receive(roblox, client, game, waits=7)

    assert waits[:5] == [10, 20, 40, 60, 60]
    assert game.texts == ["one"]
    assert waits[5] <= 6.25
    assert waits[6] == 10


async def test_a_position_beyond_the_newest_event_is_told_to_the_developer(
    roblox: RobloxServer, bridge: Bridge
) -> None:
    client, game = roblox.client(url=bridge.url, apiKey=bridge.keys["series"]), Game()
    game.position = 7

    await receive(roblox, client, game, waits=1)

    assert "go on with after=0" in roblox.warnings[0]
    assert game.position == 7


@pytest.mark.parametrize("missing", ["load", "save", "handle"])
def test_a_missing_function_raises_at_the_start(roblox: RobloxServer, missing: str) -> None:
    client = roblox.client(url="https://tickets.example.com", apiKey="k")
    settings: dict[str, object] = {name: lambda *_: None for name in ("load", "save", "handle")}
    del settings[missing]

    with pytest.raises(LuaError, match=f"needs the function {missing}"):
        roblox.receive(client, **settings)


async def run_example(roblox: RobloxServer, bridge: Bridge) -> None:
    """Run the example that shows replies until it waits for the first time."""
    script = (CLIENTS / "roblox" / "ShowReplies.server.luau").read_text("utf-8")
    roblox.secrets = {"ticketbridge": Secret(value=bridge.keys["series"], domain="127.0.0.1")}
    roblox.run_script(script.replace("https://tickets.example.com", bridge.url))

    def stop() -> None:
        raise RuntimeError("the server stops")

    roblox.while_waiting = stop
    with pytest.raises(RuntimeError, match="the server stops"):
        await roblox.run_spawned()


async def test_the_example_shows_a_reply_once_when_the_player_joins(
    roblox: RobloxServer, bridge: Bridge
) -> None:
    client = roblox.client(url=bridge.url, apiKey=bridge.keys["series"])
    await roblox.file(client, "openTicket", roblox.player(), **REPORT)
    await reply(bridge, "It is darn late.")
    (ticket,) = await bridge.tickets()
    await run_example(roblox, bridge)
    assert roblox.stored.pop(("TicketBridge", "position")) == "1"  # it crashed before it could save that

    second = RobloxServer(CLIENTS / "roblox" / "TicketBridge.luau")
    second.stored = roblox.stored
    await run_example(second, bridge)
    away = roblox.shown() + second.shown()
    await second.join(second.player())
    await second.join(second.player())

    assert away == []
    assert second.shown() == [f"Mia replied to your ticket {ticket.public_id}: It is #### late."]
    assert second.shown_for == [30]


async def test_the_example_shows_what_happened_at_once_to_a_player_who_is_there(
    roblox: RobloxServer, bridge: Bridge
) -> None:
    client = roblox.client(url=bridge.url, apiKey=bridge.keys["series"])
    await roblox.file(client, "reportPlayer", roblox.player(), **REPORT)
    await close(bridge)
    (report,) = await bridge.tickets()
    roblox.add_player(roblox.player())

    await run_example(roblox, bridge)

    assert roblox.shown() == [f"Your report {report.public_id} is now closed."]
