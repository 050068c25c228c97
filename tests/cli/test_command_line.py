"""The command line as its users type it, in processes of its own."""

import asyncio
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.sandbox import DemoGuild, Sandbox
from bot.sources.modl import examples as modl
from bot.sources.series import examples as series
from tests.support.bridge_harness import reply_text, running_sandbox, wait_for


async def ticketbridge(*arguments: object, **environment: str) -> tuple[int, str, str]:
    """Run a command to its end: exit status, stdout, stderr."""
    process = await started(*arguments, **environment)
    out, err = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode or 0, out.decode(), err.decode()


async def started(*arguments: object, **environment: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        *map(str, arguments),
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, "COLUMNS": "200", **environment},
    )


@asynccontextmanager
async def bridge_process(config: Path) -> AsyncIterator[tuple[Process, str]]:
    """`ticketbridge run`, once it accepts tickets, and its address."""
    process = await started("run", "--config", config)
    assert process.stderr is not None
    try:
        so_far, found = "", None
        while found is None:
            line = (await asyncio.wait_for(process.stderr.readline(), 20)).decode()
            assert line, so_far
            so_far += line
            found = re.search(r"Tickets are accepted at (http://\S+)", so_far)
        yield process, found[1]
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def configured(folder: Path, sandbox: Sandbox) -> Path:
    config = folder / "config.toml"
    config.write_text(
        f"""
        [discord]
        token = "{sandbox.token}"
        api_base = "{sandbox.api_base}"
        [webhook]
        port = 0
        [storage]
        path = "{folder / "tickets.db"}"
        """
    )
    return config


async def workspace_created(config: Path, guild: DemoGuild) -> None:
    status, _, err = await ticketbridge(
        *("workspace", "create", "--config", config, "--name", "main", "--guild", guild.id),
        *("--tickets-channel", guild.channels["tickets"], "--reports-channel", guild.channels["reports"]),
        *("--staff-role", guild.roles["Staff"]),
    )
    assert status == 0, err


async def key_created(config: Path, source: str) -> str:
    status, out, err = await ticketbridge(
        "key", "create", "--config", config, "--workspace", "main", "--source", source
    )
    assert status == 0, err
    return out.splitlines()[-1]


async def post(address: str, path: str, body: object, header: dict[str, str]) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(address + path, json=body, headers=header) as answer,
    ):
        return answer.status, await answer.json()


async def test_the_demo_tells_its_story_and_ends_well() -> None:
    status, out, err = await ticketbridge("demo", "--exit", "--webhook-port", 0, "--discord-port", 0)

    assert status == 0, err
    for part in ("GAME REPORT · view-only", "[ Claim ] [ Resolve ]", "[ Claim ] [ Reply ] [ Close ]"):
        assert part in out
    assert "kept in the database: “Thank you, we are looking at it.”" in out
    assert out.count("nobody can reply to its reporter.") >= 3  # by each way it was tried


async def test_the_demos_json_line_is_all_a_program_needs(tmp_path: Path) -> None:
    process = await started(
        *("demo", "--json", "--webhook-port", 0, "--discord-port", 0, "--database", tmp_path / "demo.db")
    )
    try:
        assert process.stdout is not None
        demo = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
        status, told = await post(
            demo["webhook"],
            "/tickets/create-game-report",
            series.GAME_REPORT,
            {"apikey": demo["keys"]["series"]},
        )
        assert status == 200
        assert told["data"]["GameReport"] is True
        async with aiohttp.ClientSession() as session:

            async def posted() -> bool:
                place = f"{demo['discord']}/sandbox/channels/{demo['channels']['reports']}/messages"
                async with session.get(place) as answer:
                    return told["data"]["TicketId"] in await answer.text()

            await wait_for(posted, seconds=2)
        assert demo["database"] == str(tmp_path / "demo.db")
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_run_serves_both_games_against_any_discord_compatible_server(tmp_path: Path) -> None:
    async with running_sandbox() as (sandbox, guild):
        config = configured(tmp_path, sandbox)
        async with bridge_process(config) as (process, address):
            await workspace_created(config, guild)  # while the bridge runs and holds the database
            keys = {source: await key_created(config, source) for source in ("series", "modl")}
            _, report = await post(
                address, "/tickets/create-game-report", series.GAME_REPORT, {"x-api-key": keys["series"]}
            )
            _, ticket = await post(address, "/v1/minecraft/tickets", modl.TICKET, {"X-API-Key": keys["modl"]})
            await wait_for(lambda: sandbox.messages("reports") and sandbox.messages("tickets"))

            kept = await sandbox.command(
                "mia", "tickets", "ticket reply", {"ticket": ticket["ticketId"], "message": "Hello"}
            )
            refused = await sandbox.command(
                "mia", "tickets", "ticket reply", {"ticket": report["data"]["TicketId"], "message": "Hello"}
            )
            async with aiohttp.ClientSession() as session, session.get(f"{address}/healthz") as answer:
                assert answer.status == 200
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 10) == 0

        assert "is saved" in reply_text(kept)
        assert "view-only" in reply_text(refused)


async def test_a_ticket_answered_before_kill_9_is_posted_once_after_a_restart(tmp_path: Path) -> None:
    async with running_sandbox() as (sandbox, guild):
        config = configured(tmp_path, sandbox)
        await workspace_created(config, guild)
        key = await key_created(config, "series")
        answered = []
        for number in range(3):
            report = dict(series.GAME_REPORT) | {"subject": f"Report {number}"}
            async with bridge_process(config) as (process, address):
                status, told = await post(address, "/tickets/create-game-report", report, {"apikey": key})
                process.kill()
                await process.wait()
                assert status == 200
                answered.append(told["data"]["TicketId"])

        async with bridge_process(config):
            await wait_for(lambda: len(sandbox.messages("reports")) >= 3)
            await asyncio.sleep(1)  # time for a second copy, if there were to be one

        footers = [message["embeds"][0]["footer"]["text"] for message in sandbox.messages("reports")]
        assert sorted(footers) == sorted(f"{ticket} · series" for ticket in answered)


async def test_tickets_are_taken_while_discord_is_away_and_posted_when_it_is_back(tmp_path: Path) -> None:
    async with running_sandbox() as (sandbox, guild):
        config = configured(tmp_path, sandbox)
        await workspace_created(config, guild)
        key = await key_created(config, "series")
        sandbox.fail("503", times=None)
        async with bridge_process(config) as (_, address):
            status, _ = await post(
                address, "/tickets/create-game-report", series.GAME_REPORT, {"apikey": key}
            )
            assert status == 200
            sandbox.clear_faults()

            await wait_for(lambda: sandbox.messages("reports"), seconds=15)


async def test_a_revoked_key_opens_nothing_from_the_next_request_on(tmp_path: Path) -> None:
    async with running_sandbox() as (sandbox, guild):
        config = configured(tmp_path, sandbox)
        await workspace_created(config, guild)
        key = await key_created(config, "series")
        async with bridge_process(config) as (_, address):
            path, header = "/tickets/create-game-report", {"apikey": key}
            assert (await post(address, path, series.GAME_REPORT, header))[0] == 200
            status, out, _ = await ticketbridge("key", "revoke", key.split("_")[1], "--config", config)
            assert (status, "is revoked" in out) == (0, True)

            status, told = await post(address, path, series.GAME_REPORT, header)

            assert (status, told["error"]["code"]) == (401, 401)


async def test_what_a_sender_got_wrong_is_seen_beside_the_bridge_and_after_it(tmp_path: Path) -> None:
    async with running_sandbox() as (sandbox, guild):
        config = configured(tmp_path, sandbox)
        await workspace_created(config, guild)
        key = await key_created(config, "series")
        body = b'{"subject": "\x1b[31m\xff' + b"a" * 10_000
        async with bridge_process(config) as (process, address), aiohttp.ClientSession() as session:
            there = f"{address}/tickets/create-game-report"
            async with session.post(there, data=body, headers={"apikey": key}) as answer:
                assert answer.status == 400
            beside = await ticketbridge("rejected", "show", 1, "--config", config)
            process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.wait(), 10)
        alone = await ticketbridge("rejected", "show", 1, "--config", config)
        listed = await ticketbridge("rejected", "list", "--config", config)

    assert alone == beside
    status, out, _ = alone
    assert status == 0
    assert "\x1b" not in out
    assert '{"subject": "\\x1b[31m\\xffaaa' in out
    assert f"{len(body):,} bytes; the first 8,192 are below" in out
    assert "/tickets/create-game-report" in listed[1]


async def test_a_rule_changed_beside_the_bridge_holds_from_the_next_request_on(tmp_path: Path) -> None:
    async with running_sandbox() as (sandbox, guild):
        config = configured(tmp_path, sandbox)
        await workspace_created(config, guild)
        key = await key_created(config, "modl")
        async with bridge_process(config) as (_, address):
            there, header = "/v1/minecraft/tickets", {"X-API-Key": key}
            assert (await post(address, there, modl.TICKET, header))[0] == 200
            await _operator("category", "main", "player", config=config, max_open=1)

            status, _ = await post(address, there, dict(modl.TICKET) | {"subject": "Again"}, header)

            assert status != 200


async def _operator(*words: str, config: Path, max_open: int) -> None:
    status, _, err = await ticketbridge("workspace", *words, "--max-open", max_open, "--config", config)
    assert status == 0, err


@pytest.mark.parametrize("listing", ["workspace", "key"])
async def test_an_empty_list_says_what_to_do_next(tmp_path: Path, listing: str) -> None:
    status, out, _ = await ticketbridge(listing, "list", TICKETBRIDGE_STORAGE_PATH=str(tmp_path / "t.db"))

    assert status == 0
    assert f"`ticketbridge {listing} create` makes one" in out


async def test_what_stands_in_the_way_of_running_is_one_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "broken.db"
    broken.write_text("This is no database, and it is long enough to be looked at." * 100)
    taken = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = str(taken.sockets[0].getsockname()[1])
    unknown = tmp_path / "unknown.toml"
    unknown.write_text("[discord]\ntokn = 'x'\n")
    base = {
        "TICKETBRIDGE_DISCORD_TOKEN": "x",
        "TICKETBRIDGE_DISCORD_API_BASE": "http://127.0.0.1:9/api/v10",
        "TICKETBRIDGE_STORAGE_PATH": str(tmp_path / "t.db"),
        "TICKETBRIDGE_WEBHOOK_PORT": "0",
    }
    cases: list[tuple[list[object], dict[str, str], str]] = [
        ([], {"TICKETBRIDGE_DISCORD_TOKEN": ""}, "There is no Discord token."),
        ([], {"TICKETBRIDGE_WEBHOOK_PORT": port}, "another program does. Stop it"),
        ([], {"TICKETBRIDGE_STORAGE_PATH": str(broken)}, "cannot be opened as a database"),
        (["--config", unknown], {}, "there is no setting [discord] tokn. [discord] takes token, api_base,"),
        (["--config", tmp_path / "none.toml"], {}, "does not exist. Copy config.example.toml there"),
    ]
    async with taken:
        for arguments, changes, sentence in cases:
            status, _, err = await ticketbridge("run", *arguments, **(base | changes))
            assert status == 1
            assert sentence in " ".join(err.split()), err
            assert "Traceback" not in err


async def test_a_token_discord_does_not_know_ends_with_a_sentence(tmp_path: Path) -> None:
    async with running_sandbox() as (sandbox, _):
        config = configured(tmp_path, sandbox)

        status, _, err = await ticketbridge("run", "--config", config, TICKETBRIDGE_DISCORD_TOKEN="not-it")

        assert status == 1
        assert "Discord does not know this token" in err
        assert "not-it" not in err
