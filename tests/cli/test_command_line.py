"""`ticketbridge` in processes of its own: run, demo, signals, exit codes, and commands beside a bridge."""

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
from typer.testing import CliRunner

from bot.cli.app import app
from bot.sandbox import DemoGuild, Sandbox
from bot.sources.modl import examples as modl
from bot.sources.series import examples as series
from tests.support.bridge_harness import reply_text, running_sandbox, wait_for


async def ticketbridge(*arguments: object, **environment: str) -> tuple[int, str, str]:
    """Run a command to its end: exit status, stdout, stderr."""
    process = await started(*arguments, **environment)
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def in_process(*arguments: object) -> tuple[int, str, str]:
    """Run a command to its end in this process, which is faster: exit status, stdout, stderr."""
    words = [str(argument) for argument in arguments]
    result = await asyncio.to_thread(CliRunner().invoke, app, words, env={"COLUMNS": "200"})
    return result.exit_code, result.stdout, result.stderr


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
            line = (await process.stderr.readline()).decode()
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
    status, _, err = await in_process(
        *("workspace", "create", "--config", config, "--name", "main", "--guild", guild.id),
        *("--tickets-channel", guild.channels["tickets"], "--reports-channel", guild.channels["reports"]),
        *("--staff-role", guild.roles["Staff"]),
    )
    assert status == 0, err


async def key_created(config: Path, source: str) -> str:
    status, out, err = await in_process(
        "key", "create", "--config", config, "--workspace", "main", "--source", source
    )
    assert status == 0, err
    return out.splitlines()[-1]


async def post(address: str, path: str, body: object, header: dict[str, str]) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(address + path, json=body, headers=header) as response,
    ):
        return response.status, await response.json()


async def outbox_is_empty(config: Path) -> bool:
    status, out, err = await in_process("outbox", "list", "--config", config)
    assert status == 0, err
    return "No delivery waits for Discord" in out


async def test_the_demo_shows_posts_and_what_staff_can_do() -> None:
    status, out, err = await ticketbridge("demo", "--exit", "--webhook-port", 0, "--discord-port", 0)

    assert status == 0, err
    for part in ("view-only", "[ Claim ]", "[ Reply ]"):
        assert part in out
    assert "saved in the database: “Thank you, we are looking at it.”" in out
    for attempt in ("a forged Reply button", "/ticket reply", "typed as a Discord reply"):
        assert re.search(rf"  {attempt}: .*view-only", out)


async def test_the_demo_prints_a_line_of_json_for_programs(tmp_path: Path) -> None:
    process = await started(
        *("demo", "--json", "--webhook-port", 0, "--discord-port", 0, "--database", tmp_path / "demo.db")
    )
    try:
        assert process.stdout is not None
        demo = json.loads(await process.stdout.readline())
        status, created = await post(
            demo["webhook"],
            "/tickets/create-game-report",
            series.GAME_REPORT,
            {"apikey": demo["keys"]["series"]},
        )
        assert status == 200
        assert created["data"]["GameReport"] is True
        async with aiohttp.ClientSession() as session:

            async def posted() -> bool:
                address = f"{demo['discord']}/sandbox/channels/{demo['channels']['reports']}/messages"
                async with session.get(address) as response:
                    return created["data"]["TicketId"] in await response.text()

            await wait_for(posted)
        assert demo["database"] == str(tmp_path / "demo.db")
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_run_serves_both_game_apis_and_posts_to_the_configured_discord(tmp_path: Path) -> None:
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

            await sandbox.command(
                "mia", "tickets", "ticket reply", {"ticket": ticket["ticketId"], "message": "Hello"}
            )
            refused = await sandbox.command(
                "mia", "tickets", "ticket reply", {"ticket": report["data"]["TicketId"], "message": "Hello"}
            )
            async with (
                aiohttp.ClientSession(headers={"X-API-Key": keys["modl"]}) as session,
                session.get(f"{address}/v1/minecraft/tickets/{ticket['ticketId']}") as response,
            ):
                saved = await response.text()
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0

        assert '"Hello"' in saved
        assert "view-only" in reply_text(refused)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
async def test_a_signal_to_stop_ends_run_with_exit_code_0(tmp_path: Path, number: signal.Signals) -> None:
    async with running_sandbox() as (sandbox, _), bridge_process(configured(tmp_path, sandbox)) as (run, _):
        run.send_signal(number)

        assert await run.wait() == 0


async def test_a_closed_terminal_does_not_end_run_under_nohup(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # which a child inherits
    try:
        async with running_sandbox() as (sandbox, _):
            config = configured(tmp_path, sandbox)
            async with bridge_process(config) as (process, address), aiohttp.ClientSession() as session:
                process.send_signal(signal.SIGHUP)
                for _ in range(10):
                    async with session.get(f"{address}/healthz") as response:
                        assert response.status == 200
                process.send_signal(signal.SIGTERM)

                assert await process.wait() == 0
    finally:
        signal.signal(signal.SIGHUP, before)


async def test_an_accepted_ticket_is_posted_once_although_the_process_is_killed(tmp_path: Path) -> None:
    async with running_sandbox() as (sandbox, guild):
        config = configured(tmp_path, sandbox)
        await workspace_created(config, guild)
        key = await key_created(config, "series")
        ticket_ids = []
        for number in range(3):
            report = dict(series.GAME_REPORT) | {"subject": f"Report {number}"}
            async with bridge_process(config) as (process, address):
                status, response = await post(address, "/tickets/create-game-report", report, {"apikey": key})
                process.kill()
                await process.wait()
                assert status == 200
                ticket_ids.append(response["data"]["TicketId"])

        async with bridge_process(config):
            await wait_for(lambda: len(sandbox.messages("reports")) >= 3, seconds=60)
            await wait_for(lambda: outbox_is_empty(config), seconds=60)

        footers = [message["embeds"][0]["footer"]["text"] for message in sandbox.messages("reports")]
        assert sorted(footers) == sorted(f"{ticket} · series" for ticket in ticket_ids)


async def test_tickets_are_accepted_while_discord_is_away_and_posted_later(tmp_path: Path) -> None:
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

            await wait_for(lambda: sandbox.messages("reports"), seconds=60)


async def test_a_revoked_key_is_not_valid_from_the_next_request_on(tmp_path: Path) -> None:
    async with running_sandbox() as (sandbox, guild):
        config = configured(tmp_path, sandbox)
        await workspace_created(config, guild)
        key = await key_created(config, "series")
        async with bridge_process(config) as (_, address):
            path, header = "/tickets/create-game-report", {"apikey": key}
            assert (await post(address, path, series.GAME_REPORT, header))[0] == 200
            status, out, _ = await in_process("key", "revoke", key.split("_")[1], "--config", config)
            assert (status, "is revoked" in out) == (0, True)

            status, response = await post(address, path, series.GAME_REPORT, header)

            assert (status, response["error"]["code"]) == (401, 401)


async def test_a_rejected_request_is_shown_while_the_bridge_runs_and_after_it(tmp_path: Path) -> None:
    async with running_sandbox() as (sandbox, guild):
        config = configured(tmp_path, sandbox)
        await workspace_created(config, guild)
        key = await key_created(config, "series")
        body = b'{"subject": "\x1b[31m\xff' + b"a" * 100_000
        async with bridge_process(config) as (process, address), aiohttp.ClientSession() as session:
            url = f"{address}/tickets/create-game-report"
            async with session.post(url, data=body, headers={"apikey": key}) as response:
                assert response.status == 400
            running = await ticketbridge("rejected", "show", 1, "--config", config)
            process.send_signal(signal.SIGTERM)
            await process.wait()
        stopped = await ticketbridge("rejected", "show", 1, "--config", config)
        listed = await in_process("rejected", "list", "--config", config)

    assert stopped == running
    status, out, _ = stopped
    assert status == 0
    assert "\x1b" not in out
    assert '{"subject": "\\x1b[31m\\xffaaa' in out
    assert f"{len(body):,} bytes; the first 65,536 are below" in out
    assert "/tickets/create-game-report" in listed[1]


async def test_a_changed_rule_holds_from_the_next_request_on(tmp_path: Path) -> None:
    async with running_sandbox() as (sandbox, guild):
        config = configured(tmp_path, sandbox)
        await workspace_created(config, guild)
        key = await key_created(config, "modl")
        async with bridge_process(config) as (_, address):
            path, header = "/v1/minecraft/tickets", {"X-API-Key": key}
            assert (await post(address, path, modl.TICKET, header))[0] == 200
            await _run_workspace_command("category", "main", "player", config=config, max_open=1)

            status, _ = await post(address, path, dict(modl.TICKET) | {"subject": "Again"}, header)

            assert status != 200


async def _run_workspace_command(*words: str, config: Path, max_open: int) -> None:
    status, _, err = await in_process("workspace", *words, "--max-open", max_open, "--config", config)
    assert status == 0, err


async def test_run_ends_with_one_sentence_if_it_cannot_start(tmp_path: Path) -> None:
    broken = tmp_path / "broken.db"
    broken.write_text("This is no database, and it is long enough to be looked at." * 100)
    taken = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = str(taken.sockets[0].getsockname()[1])
    base = {
        "TICKETBRIDGE_DISCORD_TOKEN": "x",
        "TICKETBRIDGE_DISCORD_API_BASE": "http://127.0.0.1:9/api/v10",
        "TICKETBRIDGE_STORAGE_PATH": str(tmp_path / "t.db"),
        "TICKETBRIDGE_WEBHOOK_PORT": "0",
    }
    cases: list[tuple[dict[str, str], str]] = [
        ({"TICKETBRIDGE_DISCORD_TOKEN": ""}, "There is no Discord token."),
        ({"TICKETBRIDGE_WEBHOOK_PORT": port}, "another program does. Stop it"),
        ({"TICKETBRIDGE_STORAGE_PATH": str(broken)}, "cannot be opened as a database"),
    ]
    async with taken:
        for changes, sentence in cases:
            status, _, err = await ticketbridge("run", **(base | changes))
            assert status == 1
            assert sentence in " ".join(err.split()), err
            assert "Traceback" not in err


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("unknown.toml", "[discord] tokn is not a setting. Did you mean [discord] token?"),
        ("missing.toml", "does not exist. Copy config.example.toml there"),
    ],
)
async def test_run_ends_with_one_sentence_if_its_configuration_is_wrong(
    tmp_path: Path, name: str, sentence: str
) -> None:
    (tmp_path / "unknown.toml").write_text("[discord]\ntokn = 'x'\n")

    status, _, err = await in_process("run", "--config", tmp_path / name)

    assert status == 1
    assert sentence in err


async def test_an_unknown_token_ends_run_with_a_sentence(tmp_path: Path) -> None:
    """And a token that other users can read is named before."""
    async with running_sandbox() as (sandbox, _):
        config = configured(tmp_path, sandbox)
        config.chmod(0o644)

        status, _, err = await ticketbridge("run", "--config", config, TICKETBRIDGE_DISCORD_TOKEN="not-it")

        assert status == 1
        assert "Discord does not know this token" in err
        assert "not-it" not in err
        assert f"other users can read it. Run: chmod 600 {config}" in err
