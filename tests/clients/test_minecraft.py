"""The Minecraft client, compiled and run with the JDK."""

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession, TCPConnector, web
from aiohttp.test_utils import TestServer

from bot.clock import utc_now
from bot.outbox.push_client import sign
from bot.sources.modl import examples as modl
from bot.tickets.account_links import DiscordMember, GameAccount
from bot.tickets.message import Actor
from bot.tickets.push_endpoints import generate_webhook_secret
from bot.tickets.ticket import Priority, Status, Ticket, TicketField
from tests.clients.conftest import CLIENTS, Bridge, CannedAnswer, ScriptedServer, run_program
from tests.support.bridge_harness import wait_for

HOSTILE = 'He said "don\'t" \\o/\n\ttwo lines, 😀 wörse, ```@everyone``` \x01\u2028end'
MIA = Actor(id="7", name="Mia")
PETE = DiscordMember(guild_id=1, discord_id=70, name="pete")
BUSY = CannedAnswer(status=503, body="upstream is away")
AT_ONCE = CannedAnswer(status=500, headers={"Retry-After": "0"})
CLOSED = "pending refused Messages cannot be sent right now. Try again later."
UNREACHABLE = "pending refused The ticket server cannot be reached. Try again later."
QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
Filing = Callable[..., Coroutine[Any, Any, list[str]]]


def missing() -> str:
    """What these tests need and this machine lacks; empty if it has everything."""
    absent = [tool for tool in ("javac", "java") if shutil.which(tool) is None]
    if absent:
        return f"{' and '.join(absent)} not found: install a JDK 17 or newer"
    found = subprocess.run(["javac", "-version"], capture_output=True, text=True, check=True)  # noqa: S607 - the PATH's
    version = re.search(r"\d+", found.stdout + found.stderr)
    return "" if version and int(version[0]) >= 17 else f"JDK 17 or newer not found: {found.stdout.strip()}"


def readme_code() -> tuple[str, str]:
    """The readme's Java: what runs when the plugin starts, and what in its command."""
    found = re.findall(
        r"^ *```java\n(.*?)^ *```", (CLIENTS / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    assert len(found) == 1
    assert found[0].count('"https://tickets.example.com"') == 1
    found[0] = found[0].replace('"https://tickets.example.com"', 'System.getProperty("bridge")')
    start, command = found[0].split("// in the command")
    return start, f"// {command}"


@pytest.fixture(scope="session")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client and a program that uses it, compiled without a warning."""
    if lacking := missing():
        pytest.skip(lacking)
    folder = tmp_path_factory.mktemp("java")
    start, command = readme_code()
    programs = {
        "Main": {"/* the tests' */": json.dumps(HOSTILE)},  # a JSON text is a Java one too
        "Plugin": {},
        "Receive": {},
        "Replies": {},
        "Readme": {"/* the readme's start */": start, "/* the readme's command */": command},
    }
    sources = [str(file) for file in sorted((CLIENTS / "minecraft").glob("*.java"))]
    sources += [str(file) for file in sorted((Path(__file__).parent / "java" / "org").rglob("*.java"))]
    for name, parts in programs.items():
        program = (Path(__file__).parent / "java" / f"{name}.java").read_text("utf-8")
        for placeholder, text in parts.items():
            assert program.count(placeholder) == 1
            program = program.replace(placeholder, text)
        sources.append(str(folder / f"{name}.java"))
        Path(sources[-1]).write_text(program, "utf-8")
    options = ("-encoding", "UTF-8", "--release", "17", "-Xlint:all,-serial", "-Werror", "-d", str(folder))
    subprocess.run(["javac", *options, *sources], check=True)  # noqa: S603, S607 - our own source
    return folder


@pytest.fixture
def file(classes: Path) -> Filing:
    """Create tickets with the client; a line for each outcome."""

    async def file(url: str, key: str, *types: str, attempt_ms: int = 10_000) -> list[str]:
        options = (*QUICK, f"-Dtimeout={attempt_ms}", "-cp", str(classes))
        return (await run_program("java", *options, "ticketbridge.Main", url, key, *types)).splitlines()

    return file


async def test_a_ticket_is_saved_with_every_character(file: Filing, bridge: Bridge) -> None:
    outcomes = await file(bridge.url + "/", bridge.keys["modl"] + "\n", "player", "bug")

    full, bare = await bridge.tickets()
    assert outcomes == [f"pending kept {full.public_id}", f"pending kept {bare.public_id}"]
    assert (await bridge.request_body(full))["description"] == HOSTILE
    assert full.body == HOSTILE.replace("\x01", "")  # the server takes control characters out
    assert (full.subject, full.category, full.priority) == ("Fly hacks", "player", Priority.HIGH)
    assert full.reported_player is not None
    assert (full.reporter.name, full.reported_player.name) == ("Notch", "Hacker123")
    assert full.chat_log == ('12:00:01 Hacker123: "bye"', "so long")
    assert TicketField(label="Tags", value="cheating, fly") in full.fields
    assert TicketField(label="Server", value="survival-1") in full.fields
    assert (await bridge.request_body(bare)).keys() == {"creatorUuid", "creatorName", "type"}


async def test_a_rejection_is_reported_in_the_servers_words_and_not_retried(
    file: Filing, bridge: Bridge
) -> None:
    warned, outcome = await file(bridge.url, bridge.keys["modl"], "rumour")

    words = "Invalid data provided: type must be one of: player, chat"
    assert outcome.startswith(f"pending refused {words}")
    assert warned.startswith(f"warned {bridge.url} answered 400: {words}")
    assert await bridge.tickets() == []


@pytest.mark.parametrize(
    ("key", "path", "status", "cure"),
    [
        ("not-a-key", "", 401, "ticketbridge key create --source modl"),
        (None, "/api", 404, "without a path?"),
    ],
)
async def test_a_wrong_key_or_address_is_no_business_of_the_player(
    file: Filing, bridge: Bridge, key: str | None, path: str, status: int, cure: str
) -> None:
    warned, *outcomes = await file(
        bridge.url + path, key or bridge.keys["modl"], "player", "+5", "player", "bug"
    )

    assert outcomes == [CLOSED] * 3
    assert warned.startswith(f"warned {bridge.url}{path} answered {status}: ")
    assert cure in warned
    assert await bridge.tickets() == []


async def test_blank_and_long_texts_are_refused_without_a_request_and_the_longest_are_saved(
    file: Filing, bridge: Bridge
) -> None:
    names = ("blank", "blank subject", "long", "long subject", "longest")

    *refused, saved = await file(bridge.url, bridge.keys["modl"], *names)

    assert refused == [
        "done refused The message is empty.",
        "done refused The subject is empty.",
        "done refused The message is too long: 10000 characters at most.",
        "done refused The subject is too long: 256 characters at most.",
    ]
    assert saved.startswith("pending kept BUG-")


async def test_create_never_throws(file: Filing, bridge: Bridge) -> None:
    names = ("nothing", "nobody", "no uuid", "no type", "null lines", "+60", "only nulls")

    warned, *outcomes = await file(bridge.url, bridge.keys["modl"], *names)

    with_lines, without = await bridge.tickets()
    assert warned.startswith("warned A ticket cannot be sent: java.lang.NullPointerException")
    assert outcomes[:4] == ["done refused This message cannot be sent."] * 4
    assert outcomes[4:] == [f"pending kept {ticket.public_id}" for ticket in (with_lines, without)]
    assert (with_lines.chat_log, without.chat_log) == (("so long",), ())


async def test_a_loop_of_one_player_costs_a_handful_of_requests(file: Filing, bridge: Bridge) -> None:
    warned, in_the_loop, honest = await file(bridge.url, bridge.keys["modl"], "loop", "honest")

    assert in_the_loop == "6 sent, 475 told to wait, 481 empty"
    assert warned.startswith("warned")  # once a minute
    assert honest.startswith("pending kept PLAYER-")


@asynccontextmanager
async def late_proxy(bridge: Bridge, answers: list[CannedAnswer | None]) -> AsyncIterator[str]:
    """An address in front of the bridge: canned answers first, and None for one that comes too late."""
    closing = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        canned = answers.pop(0) if answers else CannedAnswer()
        if canned and canned.status != 200:
            return web.Response(status=canned.status, headers=canned.headers)
        names = ("X-API-Key", "Content-Type", "Idempotency-Key")
        headers = {name: request.headers[name] for name in names}
        async with session.post(
            bridge.url + request.path, data=await request.read(), headers=headers
        ) as real:
            body = await real.read()
        if canned is None:
            await closing.wait()
        return web.Response(status=real.status, body=body, content_type="application/json")

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    async with ClientSession() as session, TestServer(app) as server:
        try:
            yield str(server.make_url("")).rstrip("/")
        finally:
            closing.set()


@pytest.mark.parametrize(
    ("first", "second", "tickets"),
    [
        ("early chat", "later chat", 1),
        ("player", "another", 2),
    ],
)
async def test_the_same_message_after_a_late_answer_is_the_same_ticket(
    file: Filing, bridge: Bridge, first: str, second: str, tickets: int
) -> None:
    async with late_proxy(bridge, [*[AT_ONCE] * 4, None]) as url:
        warned, late, saved = await file(url, bridge.keys["modl"], first, "+3000", second, attempt_ms=1500)

    assert late == UNREACHABLE
    assert "cannot be reached: java.net.http.HttpTimeoutException" in warned
    assert saved == f"pending kept {(await bridge.tickets())[-1].public_id}"
    assert len(await bridge.tickets()) == tickets


async def test_it_retries_with_the_same_idempotency_key_over_plain_http(
    file: Filing, server: ScriptedServer
) -> None:
    server.answers = [BUSY, BUSY]

    outcomes = await file(server.url + "/", "the key", "player", "bug")

    assert outcomes == ["pending kept PLAYER-1"] * 2
    assert len(server.requests) == 4
    assert [len(set(keys)) for keys in (server.idempotency_keys[:3], server.idempotency_keys)] == [1, 2]
    assert len({body for _, body in server.requests[:3]}) == 1
    headers, _ = server.requests[0]
    assert set(server.paths) == {"/v1/minecraft/tickets"}
    assert (headers["X-API-Key"], headers["Content-Type"]) == ("the key", "application/json")
    assert not {"Upgrade", "HTTP2-Settings"} & headers.keys()


async def test_it_retries_after_a_broken_connection_up_to_five_attempts(
    file: Filing, server: ScriptedServer
) -> None:
    too_many = CannedAnswer(status=429, headers={"Retry-After": "0"})
    server.answers = [CannedAnswer(status=0), too_many, *[AT_ONCE] * 9]

    outcomes = await file(server.url, "k", "player")

    assert outcomes[1:] == ["pending refused The ticket server answered with status 500."]
    assert len(server.requests) == 5


async def test_it_waits_for_retry_after_or_gives_up(file: Filing, server: ScriptedServer) -> None:
    message = {"error": "Rate limit exceeded", "message": 'A "quoted" é\n😀 \\ sentence'}
    server.answers = [
        CannedAnswer(status=429, headers={"Retry-After": "1"}),
        CannedAnswer(),
        CannedAnswer(status=429, headers={"Retry-After": "31"}, body=message),
    ]
    started = asyncio.get_running_loop().time()

    saved, *refused = await file(server.url, "k", "player", "bug")

    assert asyncio.get_running_loop().time() - started >= 1
    assert saved == "pending kept PLAYER-1"
    assert refused[2:] == ['pending refused A "quoted" é', "😀 \\ sentence"]
    assert len(server.requests) == 3


async def test_a_success_starts_the_cooldown_and_any_other_outcome_the_pause(
    file: Filing, server: ScriptedServer
) -> None:
    server.answers = [CannedAnswer(after=0.2, status=400, body={"error": "no"}), CannedAnswer(after=0.2)]

    steps = ("player,Player", "player", "+5", "player,PLAYER", "+59", "player", "bug", "+1", "player")
    warned, *outcomes = await file(server.url, "k", *steps)

    assert warned.endswith("answered 400: no")
    assert outcomes == [
        "pending refused no",
        "done refused Your last message is still on its way.",
        "done refused Wait 5 s before you send another message.",
        "pending kept PLAYER-1",
        "done refused Your last message is still on its way.",
        "done refused Wait 1 s before you send another message.",
        "pending kept PLAYER-1",
        "pending kept PLAYER-1",
    ]
    assert len(server.requests) == 4


async def test_an_answer_without_a_ticket_is_no_success(file: Filing, server: ScriptedServer) -> None:
    server.answers = [
        CannedAnswer(body="<html>Welcome to our proxy"),
        CannedAnswer(body='{"ticketId": "cut off'),
        CannedAnswer(body='{"ticketId": "\\uZZZZ"}'),
        CannedAnswer(body='{"ticketId": ""}'),
        CannedAnswer(status=403, body={"error": {"code": 403, "message": "of another contract"}}),
        CannedAnswer(status=404, body=""),
    ]

    outcomes = await file(server.url, "k", *["player", "+5"] * 6)

    at = f"warned {server.url} answered"
    assert [line for line in outcomes if line.startswith("pending")] == [CLOSED] * 6
    of_proxy = (
        "The ticket server answered with status {}. Is that where your ticketbridge listens, without a path?"
    )
    assert [line for line in outcomes if line.startswith("warned")] == [
        f"{at} 200: {of_proxy.format(200)}",
        f"{at} 403: of another contract Does `ticketbridge workspace show` say that tickets are on?",
        f"{at} 404: {of_proxy.format(404)}",
    ]


async def test_a_server_that_does_not_answer_is_reported_as_unreachable(
    file: Filing, server: ScriptedServer
) -> None:
    server.answers = [*[AT_ONCE] * 4, CannedAnswer(status=0)]

    warned, outcome = await file(server.url, "k", "player")

    assert outcome == UNREACHABLE
    assert warned.startswith(f"warned {server.url} cannot be reached: java.io.IOException")


async def test_the_readmes_code_files_what_players_report(classes: Path, bridge: Bridge) -> None:
    options = (*QUICK, f"-Dbridge={bridge.url}", "-cp", str(classes))

    printed = await run_program("java", *options, "ticketbridge.Readme", bridge.keys["modl"])

    (found,) = await bridge.tickets()
    filed, too_soon = printed.splitlines()
    assert too_soon == "Wait 60 s before you send another message."
    said, _, page = filed.partition(". Read the answer and reply: ")
    assert said == f"Filed as {found.public_id}"
    async with ClientSession() as session, session.get(page) as opened:
        assert "He flies." in await opened.text()
    assert found.reported_player is not None
    assert (found.subject, found.body) == ("Report: Hacker123", "He flies.")


async def test_a_code_from_discord_links_the_player(file: Filing, bridge: Bridge) -> None:
    code = await bridge.store.account_links.create_code_for_member(PETE, bridge.store.now())

    linked, too_soon, repeated = await file(
        bridge.url + "/",
        bridge.keys["modl"],
        *(f"link {code.text}", "unlink", "+5", f"link {code.text.lower()}"),
    )

    assert (linked, repeated) == ("pending kept pete", "pending kept pete")
    assert too_soon == "refused Wait 5 s before you send another request."
    (link,) = await bridge.store.account_links.list_of_member(70)
    assert (link.account.source, link.account.player_id, link.account.name) == (
        "modl",
        "550e8400-e29b-41d4-a716-446655440000",
        "Notch",
    )


async def test_a_player_cuts_their_link(file: Filing, bridge: Bridge) -> None:
    code = await bridge.store.account_links.create_code_for_member(PETE, bridge.store.now())

    _, first, again = await file(
        bridge.url, bridge.keys["modl"], *(f"link {code.text}", "+5", "unlink", "+5", "unlink")
    )

    assert (first, again) == ("kept cut", "kept cut")
    assert await bridge.store.account_links.list_of_member(70) == ()


async def test_a_wrong_code_is_refused_in_the_servers_words_and_holds_up_no_report(
    file: Filing, bridge: Bridge
) -> None:
    warned, *outcomes = await file(
        bridge.url, bridge.keys["modl"], "link BCDF-2345", "link BCDF-2345", "player"
    )

    wrong = "This code is not valid: a code is used once, within 10 minutes. Check it, or get a new one."
    assert warned == f"warned {bridge.url} answered 400: {wrong}"
    assert outcomes[:2] == [
        f"pending refused {wrong}",
        "done refused Wait 5 s before you send another request.",
    ]
    assert outcomes[2].startswith("pending kept PLAYER-")


async def test_a_guesser_gets_no_more_tries_than_the_server_allows(file: Filing, bridge: Bridge) -> None:
    outcomes = await file(bridge.url, bridge.keys["modl"], *["link BCDF-2345", "+5"] * 7)

    told = "pending refused There were too many wrong codes. Try again in 10 min."
    assert [one for one in outcomes if one.startswith("pending")][5:] == [told] * 2


async def test_what_can_be_no_code_is_not_sent(file: Filing, server: ScriptedServer) -> None:
    outcomes = await file(server.url, "k", "link null", "link  ", "link " + "B" * 65, "link nobody")

    assert [one for one in outcomes if not one.startswith("warned")] == [
        "done refused The code is missing.",
        "done refused The code is empty.",
        "done refused The code is too long: 64 characters at most.",
        "done refused This message cannot be sent.",
    ]
    assert server.requests == []


async def test_an_answer_without_an_account_is_no_link(file: Filing, server: ScriptedServer) -> None:
    *_, outcome = await file(server.url, "k", "link BCDF-2345")

    assert outcome == CLOSED
    assert server.paths == ["/v1/links"]


async def test_the_example_plugin_links_and_unlinks_players(classes: Path, bridge: Bridge) -> None:
    code = await bridge.store.account_links.create_code_for_member(PETE, bridge.store.now())
    options = (*QUICK, f"-Dbridge={bridge.url}", f"-Dkey={bridge.keys['modl']}", "-cp", str(classes))
    typed = ("console", "link", f"link {code.text.replace('-', ' ')}", "unlink")

    printed = await run_program("java", *options, "ticketbridge.Plugin", *typed)

    assert printed.splitlines() == [
        "Only players can do that.",
        "Use /link in Discord to get a code, and type it here: /link CODE",
        "You are linked to the Discord account pete. Is that not yours? Type /unlink",
        "Wait 5 s before you send another request.",
    ]
    (link,) = await bridge.store.account_links.list_of_member(70)
    assert link.account.player_id == "550e8400-e29b-41d4-a716-446655440000"


async def test_the_example_plugin_cuts_a_link(classes: Path, bridge: Bridge) -> None:
    code = await bridge.store.account_links.create_code_for_player(
        (await bridge.store.workspaces.list_all())[0].id,
        GameAccount(source="modl", player_id="550e8400-e29b-41d4-a716-446655440000"),
        bridge.store.now(),
    )
    await bridge.store.account_links.redeem_as_member(code.text, PETE, bridge.store.now())
    options = (*QUICK, f"-Dbridge={bridge.url}", f"-Dkey={bridge.keys['modl']}", "-cp", str(classes))

    printed = await run_program("java", *options, "ticketbridge.Plugin", "unlink")

    assert printed == "Your account is not linked any more.\n"
    assert await bridge.store.account_links.list_of_member(70) == ()


Receiving = Callable[..., Coroutine[Any, Any, list[str]]]


@pytest.fixture
def receive(classes: Path, tmp_path: Path) -> Receiving:
    """Poll for events until `saves` of them were saved; a line for each that the handler got."""

    async def receive(url: str, key: str, saves: int, **properties: int) -> list[str]:
        options = [*QUICK, *(f"-D{name}={value}" for name, value in properties.items()), "-cp", str(classes)]
        arguments = ("poll", str(tmp_path / "events"), str(saves), url, key)
        return (await run_program("java", *options, "ticketbridge.Receive", *arguments)).splitlines()

    return receive


async def reply(bridge: Bridge, *texts: str) -> list[str]:
    """Let staff reply to the newest ticket; the ids of the events."""
    ticket = (await bridge.tickets())[-1]
    for text in texts:
        compose = partial(Ticket.reply, author=MIA, text=text)
        await bridge.store.tickets.add_message(ticket.id, compose, origin=text, now=bridge.store.now())
    return [event.id for event in await bridge.store.events.list_of_ticket(ticket.id)]


async def post_ticket(bridge: Bridge) -> Ticket:
    async with ClientSession() as session:
        headers = {"X-API-Key": bridge.keys["modl"]}
        url = f"{bridge.url}/v1/minecraft/tickets"
        async with session.post(url, json=dict(modl.TICKET), headers=headers) as answer:
            assert answer.status == 200
    return (await bridge.tickets())[-1]


async def test_replies_and_changes_of_status_are_received_in_order(
    receive: Receiving, bridge: Bridge, tmp_path: Path
) -> None:
    ticket = await post_ticket(bridge)
    first, second = await reply(bridge, "We are on it.", 'A "quoted" größe \\ 😀')
    await bridge.store.tickets.change(
        ticket.id, lambda one: one.set_status(Status.CLOSED), bridge.store.now(), actor=MIA
    )

    lines = await receive(bridge.url + "/", bridge.keys["modl"] + "\n", 3)

    third = (await bridge.store.events.list_of_ticket(ticket.id))[-1].id
    assert lines == [
        f"handled {first} ticket.reply false open We are on it.",
        f'handled {second} ticket.reply false open A "quoted" größe \\ 😀',
        f"handled {third} ticket.status false closed null",
    ]
    assert (tmp_path / "events").read_text() == f"3\n{first}\n{second}\n{third}\n"


async def test_a_request_is_held_until_there_is_an_event(receive: Receiving, bridge: Bridge) -> None:
    ticket = await post_ticket(bridge)
    receiving = asyncio.create_task(receive(bridge.url, bridge.keys["modl"], 1))
    await wait_for(lambda: bridge.store.events.backlogs(bridge.store.now()))  # which begin when it has asked

    (id,) = await reply(bridge, "at last")

    assert await receiving == [f"handled {id} ticket.reply false {ticket.status.value} at last"]


async def test_an_event_that_failed_comes_again_before_any_after_it(
    receive: Receiving, bridge: Bridge
) -> None:
    await post_ticket(bridge)
    await reply(bridge, "one", "two")

    lines = await receive(bridge.url, bridge.keys["modl"], 2, fail=2)

    assert [line.split()[-1] for line in lines if line.startswith("handled")] == ["one", "one", "one", "two"]
    assert "logged Events come again: java.lang.IllegalStateException: no" in lines


async def test_a_crash_between_the_two_is_an_event_with_the_same_id_again(
    receive: Receiving, bridge: Bridge
) -> None:
    await post_ticket(bridge)
    first, second = await reply(bridge, "one", "two")

    before = await receive(bridge.url, bridge.keys["modl"], 9, crash=2)
    after = await receive(bridge.url, bridge.keys["modl"], 1)

    assert [line.split()[1] for line in before] == [first, second]
    assert [line.split()[1] for line in after] == [second]


async def test_a_bridge_that_is_away_or_refuses_is_asked_again(
    receive: Receiving, server: ScriptedServer
) -> None:
    page = {"events": [EVENT], "next": 1, "hasMore": False}
    server.answers = [
        *[CannedAnswer(status=0)] * 6,  # Java tries a GET again by itself
        CannedAnswer(status=401, body="no such key"),
        CannedAnswer(body="<html>"),
        CannedAnswer(body=page),
    ]

    lines = await receive(server.url, "k", 1)

    assert lines[-1] == "handled evt_1 ticket.reply false open Hi"
    logged = "\n".join(lines[:-1])
    assert "cannot be reached: java.io.IOException" in logged
    assert "answered 401: no such key Make a key with" in logged
    assert "the answer is not an event in JSON" in logged


EVENT = {
    "seq": 1,
    "id": "evt_1",
    "type": "ticket.reply",
    "createdAt": "2026-11-28T10:00:00.000Z",
    "ticketId": "BUG-1",
    "reporterId": None,
    "gameReport": False,
    "status": "open",
    "reply": {"author": "Mia", "text": "Hi"},
}
SECRET, OTHER = generate_webhook_secret(), generate_webhook_secret()


@dataclass(kw_only=True)
class JavaReceiver:
    """The push receiver, and a bridge that pushes to it."""

    url: str
    process: asyncio.subprocess.Process
    session: ClientSession

    async def push(self, headers: dict[str, str], body: str) -> int:
        async with self.session.post(self.url, data=BytesIO(body.encode()), headers=headers) as answer:
            return answer.status

    async def handled(self) -> list[str]:
        """Stop it; what it printed."""
        printed, errors = await self.process.communicate(b"")
        assert self.process.returncode == 0, errors.decode()
        return [line for line in printed.decode().splitlines() if line.startswith("handled")]


@asynccontextmanager
async def listening(classes: Path, file: Path, **properties: int) -> AsyncIterator[JavaReceiver]:
    """The push receiver, until it is asked what it handled."""
    options = [*QUICK, *(f"-D{name}={value}" for name, value in properties.items()), "-cp", str(classes)]
    pipe = asyncio.subprocess.PIPE
    arguments = ("listen", str(file), "0", SECRET)
    process = await asyncio.create_subprocess_exec(
        "java", *options, "ticketbridge.Receive", *arguments, stdin=pipe, stdout=pipe, stderr=pipe
    )
    try:
        async with asyncio.timeout(60), ClientSession(connector=TCPConnector(force_close=True)) as session:
            assert process.stdout is not None
            port = (await process.stdout.readline()).decode().strip()
            yield JavaReceiver(url=f"http://127.0.0.1:{port}/events", process=process, session=session)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_the_push_receiver_takes_each_event_once_and_what_is_not_from_the_bridge_never(
    classes: Path, tmp_path: Path
) -> None:
    body, now = json.dumps(EVENT), utc_now()
    valid = sign("evt_1", body, [SECRET], now)
    second = {**EVENT, "seq": 2, "id": "evt_2", "reply": None, "type": "ticket.status"}
    unsigned = {name: value for name, value in valid.items() if name != "webhook-signature"}
    test = json.dumps({"id": "evt_test_1", "type": "test", "createdAt": EVENT["createdAt"]})

    async with listening(classes, tmp_path / "events") as receiver:
        statuses = {
            "tampered": await receiver.push(valid, body.replace("Hi", "No")),
            "another id": await receiver.push({**valid, "webhook-id": "evt_2"}, body),
            "of another secret": await receiver.push(sign("evt_1", body, [OTHER], now), body),
            "too old": await receiver.push(sign("evt_1", body, [SECRET], now - timedelta(minutes=6)), body),
            "too new": await receiver.push(sign("evt_1", body, [SECRET], now + timedelta(minutes=6)), body),
            "without a signature": await receiver.push(unsigned, body),
            "a wrong time": await receiver.push({**valid, "webhook-timestamp": "9" * 30}, body),
            "another version": await receiver.push({**valid, "webhook-signature": "v1a,x v1"}, body),
            "too long": await receiver.push(valid, "x" * (2**20 + 1)),
            "a test": await receiver.push(sign("evt_test_1", test, [SECRET], now), test),
            "valid": await receiver.push(valid, body),
            "valid, again": await receiver.push(valid, body),
            "with two secrets": await receiver.push(
                sign("evt_2", json.dumps(second), [OTHER, SECRET], now), json.dumps(second)
            ),
        }
        handled = await receiver.handled()

    refused = [name for name, status in statuses.items() if status == 401]
    assert refused == [*statuses][:8]
    assert [status for status in statuses.values() if status != 401] == [413, 204, 204, 204, 204]
    assert handled == [
        "handled evt_1 ticket.reply false open Hi",
        "handled evt_2 ticket.status false open null",
    ]
    assert (tmp_path / "events").read_text() == "0\nevt_1\nevt_2\n"


async def test_the_push_receiver_asks_for_an_event_again_that_was_not_handled(
    classes: Path, tmp_path: Path
) -> None:
    body = json.dumps(EVENT)
    headers = sign("evt_1", body, [SECRET], utc_now())

    async with listening(classes, tmp_path / "events", fail=1) as receiver:
        statuses = [await receiver.push(headers, body) for _ in range(2)]
        handled = await receiver.handled()

    assert statuses == [500, 204]
    assert handled == ["handled evt_1 ticket.reply false open Hi"] * 2


async def test_the_push_receiver_that_crashed_knows_what_it_saved(classes: Path, tmp_path: Path) -> None:
    first, second = json.dumps(EVENT), json.dumps({**EVENT, "seq": 2, "id": "evt_2"})
    signed = [
        (sign(id, body, [SECRET], utc_now()), body) for id, body in (("evt_1", first), ("evt_2", second))
    ]

    async with listening(classes, tmp_path / "events", crash=2) as receiver:
        await receiver.push(*signed[0])
        with pytest.raises(ClientError):  # it ends after it has handled the second, and before it answers
            await receiver.push(*signed[1])
        before = await receiver.handled()
    async with listening(classes, tmp_path / "events") as receiver:
        statuses = [await receiver.push(*one) for one in signed]
        after = await receiver.handled()

    assert statuses == [204, 204]
    assert [line.split()[1] for line in before] == ["evt_1", "evt_2"]
    assert [line.split()[1] for line in after] == ["evt_2"]


@pytest.mark.parametrize(
    ("steps", "shown"),
    [
        (["arrive", "join", "join"], ["arrive", "SENTENCE", "join", "join"]),
        (["stay", "arrive", "join"], ["stay", "SENTENCE", "arrive", "join"]),
    ],
    ids=["away", "there"],
)
async def test_the_example_plugin_shows_a_reply_once(
    classes: Path, bridge: Bridge, tmp_path: Path, steps: list[str], shown: list[str]
) -> None:
    ticket = await post_ticket(bridge)
    await reply(bridge, "We are §4on\nit.")
    properties = {"bridge": bridge.url, "key": bridge.keys["modl"], "folder": tmp_path / "plugin"}
    options = [*QUICK, *(f"-D{name}={value}" for name, value in properties.items()), "-cp", str(classes)]

    printed = await run_program("java", *options, "ticketbridge.Replies", *steps)
    (tmp_path / "plugin" / "events").unlink(missing_ok=True)  # as if it had crashed before it saved that
    again = await run_program("java", *options, "ticketbridge.Replies", "arrive", "join")

    sentence = f"Mia replied to your ticket {ticket.public_id}: We are 4on it."
    assert printed.splitlines() == [line.replace("SENTENCE", sentence) for line in shown]
    assert again.splitlines() == ["arrive", "join"]


def test_the_readme_names_the_plugin_and_its_commands() -> None:
    readme = (CLIENTS / "README.md").read_text("utf-8")
    plugin, config = re.findall(r"^ *```yaml\n(.*?)^ *```", readme, re.DOTALL | re.MULTILINE)

    assert "main: ticketbridge.LinkAccounts\n" in plugin
    assert re.findall(r"^ {4}(\w+):\n", plugin, re.MULTILINE) == ["link", "unlink"]
    assert re.findall(r"^ *([\w-]+):", config, re.MULTILINE) == ["url", "api-key"]
