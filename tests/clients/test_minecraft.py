"""The Minecraft client, compiled and run with the JDK."""

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from bot.tickets.ticket import Priority, TicketField
from tests.clients.conftest import CLIENTS, Bridge, CannedAnswer, ScriptedServer, run_program

HOSTILE = 'He said "don\'t" \\o/\n\ttwo lines, 😀 wörse, ```@everyone``` \x01\u2028end'
BUSY = CannedAnswer(status=503, body="upstream is away")
# Every argument after the key is filed after the one before it; types joined by a comma are filed at once.
MAIN = r"""
import java.io.PrintStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.CompletableFuture;
import ticketbridge.TicketBridge;
import ticketbridge.TicketBridge.*;

public class Main {
    static final UUID NOTCH = UUID.fromString("550e8400-e29b-41d4-a716-446655440000");
    static final UUID ACCUSED = UUID.fromString("660e8400-e29b-41d4-a716-446655440001");

    public static void main(String[] args) {
        System.setOut(new PrintStream(System.out, true, StandardCharsets.UTF_8));
        var bridge = new TicketBridge(URI.create(args[0]), args[1], Duration.ofMinutes(1));
        for (String types : Arrays.asList(args).subList(2, args.length)) {
            var filed = new ArrayList<CompletableFuture<String>>();
            for (String type : types.split(",")) {
                filed.add(bridge.create(ticket(type)));
            }
            for (var outcome : filed) {
                System.out.print(outcome.isDone() ? "done " : "pending ");
                System.out.println(outcome.handle((id, failure) ->
                        failure == null ? "kept " + id : "refused " + TicketBridge.sentence(failure)).join());
            }
        }
    }

    static Ticket ticket(String type) {
        var notch = new Player(NOTCH, "Notch");
        if (type.equals("bug")) {
            return Ticket.of(type, notch, null, null).withTags();
        }
        return Ticket.of(type, notch, "Fly hacks", HOSTILE)
                .about(new Player(ACCUSED, "Hacker123"))
                .withChat(List.of("12:00:01 Hacker123: \"bye\"", "so long"))
                .withTags("cheating", "fly").withPriority("high").withServer("survival-1");
    }

    static final String HOSTILE = %s;
}
"""

Filing = Callable[..., Coroutine[Any, Any, list[str]]]


def missing() -> str:
    """What these tests need and this machine lacks; empty if it has everything."""
    absent = [tool for tool in ("javac", "java") if shutil.which(tool) is None]
    if absent:
        return f"{' and '.join(absent)} not found: install a JDK 17 or newer"
    found = subprocess.run(["javac", "-version"], capture_output=True, text=True, check=True)  # noqa: S607 - the PATH's
    version = re.search(r"\d+", found.stdout + found.stderr)
    return "" if version and int(version[0]) >= 17 else f"JDK 17 or newer not found: {found.stdout.strip()}"


@pytest.fixture(scope="session")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client and a program that uses it, compiled without a warning."""
    if lacking := missing():
        pytest.skip(lacking)
    folder = tmp_path_factory.mktemp("java")
    program = folder / "Main.java"
    program.write_text(MAIN % json.dumps(HOSTILE), "utf-8")  # a JSON text is a Java one too
    client = CLIENTS / "minecraft" / "TicketBridge.java"
    options = ("-encoding", "UTF-8", "--release", "17", "-Xlint:all,-serial", "-Werror", "-d", str(folder))
    subprocess.run(["javac", *options, str(client), str(program)], check=True)  # noqa: S603, S607 - our own source
    return folder


@pytest.fixture
def file(classes: Path) -> Filing:
    """Create tickets with the client; a line for each outcome."""

    async def file(url: str, key: str, *types: str) -> list[str]:
        quick = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", str(classes))
        return (await run_program("java", *quick, "Main", url, key, *types)).splitlines()

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
    unknown, wrong = await asyncio.gather(
        file(bridge.url, "not-a-key", "player"), file(bridge.url, bridge.keys["modl"], "rumour")
    )

    assert unknown == ["pending refused The API key is missing or not valid."]
    (outcomes,) = wrong
    assert outcomes.startswith("pending refused Invalid data provided: type must be one of: player, chat")
    assert await bridge.tickets() == []


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
    at_once = {"Retry-After": "0"}
    again = [CannedAnswer(status=500, headers=at_once)] * 9
    server.answers = [CannedAnswer(status=0), CannedAnswer(status=429, headers=at_once), *again]

    outcomes = await file(server.url, "k", "player")

    assert outcomes == ["pending refused The ticket server answered with status 500."]
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
    assert refused == ['pending refused A "quoted" é', "😀 \\ sentence"]
    assert len(server.requests) == 3


async def test_the_cooldown_is_per_player_and_type_and_starts_with_a_success(
    file: Filing, server: ScriptedServer
) -> None:
    server.answers = [CannedAnswer(after=0.2, status=400, body={"error": "no"}), CannedAnswer(after=0.2)]

    outcomes = await file(server.url, "k", "player,Player", "player,PLAYER", "player", "bug")

    assert outcomes[:2] == ["pending refused no", "done refused Your last message is still on its way."]
    assert outcomes[2:4] == ["pending kept PLAYER-1", "done refused Your last message is still on its way."]
    assert re.fullmatch(r"done refused Wait (59|60) s before you send another message\.", outcomes[4])
    assert outcomes[5] == "pending kept PLAYER-1"
    assert len(server.requests) == 3


async def test_an_answer_without_a_ticket_is_no_success(file: Filing, server: ScriptedServer) -> None:
    server.answers = [
        CannedAnswer(body="<html>Welcome to our proxy"),
        CannedAnswer(body='{"ticketId": "cut off'),
        CannedAnswer(body='{"ticketId": "\\uZZZZ"}'),
        CannedAnswer(status=403, body={"error": {"code": 403, "message": "of another contract"}}),
        CannedAnswer(status=404, body=""),
    ]

    outcomes = await file(server.url, "k", *["player"] * 5)

    assert outcomes[:3] == ["pending refused The ticket server answered with status 200."] * 3
    assert outcomes[3:] == [
        "pending refused of another contract",
        "pending refused The ticket server answered with status 404.",
    ]


async def test_a_server_that_does_not_answer_is_reported_as_unreachable(
    file: Filing, server: ScriptedServer
) -> None:
    server.answers = [*[CannedAnswer(status=500, headers={"Retry-After": "0"})] * 4, CannedAnswer(status=0)]

    outcomes = await file(server.url, "k", "player")

    assert outcomes == ["pending refused The ticket server cannot be reached. Try again later."]
