"""Channel and role ids are checked in the connected Discord before a workspace is saved."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot.cli.app import app
from bot.sandbox import DemoGuild, Permission, demo_guild
from tests.support.bridge_harness import RunningBridge, running_bridge, running_sandbox, wait_for

PEOPLE = ("olivia", "mia", "noah", "pete", "paula")


class Cli:
    """Commands beside a running bridge that is connected to the stand-in for Discord."""

    def __init__(self, bridge: RunningBridge, elsewhere: DemoGuild, database: Path) -> None:
        self.bridge = bridge
        self.elsewhere = elsewhere  # another guild that the bot is in
        self._environment = {"TICKETBRIDGE_STORAGE_PATH": str(database), "COLUMNS": "200"}

    async def run(self, *words: object) -> Result:
        arguments = [str(word) for word in words]
        return await asyncio.to_thread(CliRunner().invoke, app, arguments, env=self._environment)

    async def create(self, **changes: object) -> Result:
        """`workspace create` with the ids of the stand-in's guild, but for the changes."""
        guild = self.bridge.guild
        options: dict[str, object] = {
            "name": "second",
            "guild": guild.id,
            "tickets-channel": guild.channels["tickets"],
            "reports-channel": guild.channels["reports"],
            "staff-role": guild.roles["Staff"],
        } | {name.replace("_", "-"): value for name, value in changes.items()}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        return await self.run("workspace", "create", *words)

    async def error(self, result: Result) -> str:
        """The error of a command, after which there is no second workspace."""
        assert result.exit_code == 1, result.output
        assert [one.name for one in await self.bridge.application.store.workspaces.list_all()] == ["main"]
        return result.stderr.removeprefix("ticketbridge: ").strip()


@pytest.fixture
async def cli(tmp_path: Path) -> AsyncIterator[Cli]:
    database = tmp_path / "tickets.db"
    async with running_sandbox() as (sandbox, guild):
        elsewhere = demo_guild(sandbox, "Elsewhere")
        async with running_bridge(database, sandbox, guild) as bridge:
            cli = Cli(bridge, elsewhere, database)

            async def is_connected() -> bool:
                result = await cli.run("workspace", "set", "main", "--staff-role", guild.roles["Staff"])
                return "not connected" not in result.stdout

            await wait_for(is_connected, seconds=60)
            yield cli


async def test_a_workspace_with_good_ids_is_ready(cli: Cli) -> None:
    result = await cli.create(log_channel=cli.bridge.guild.channels["log"])

    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Workspace second is ready.\nNext: ")


async def test_the_role_of_everyone_gives_no_rights(cli: Cli) -> None:
    guild = cli.bridge.guild
    sentence = await cli.error(await cli.create(watcher_role=guild.id))

    assert sentence == (
        f"{guild.id} is the role of everyone in the server Ticketbridge Demo. Name another role."
    )


async def test_ids_that_do_not_exist_are_all_named_with_the_cure(cli: Cli) -> None:
    sentences = await cli.error(await cli.create(tickets_channel=222, log_channel=333, staff_role=444))

    assert sentences.splitlines() == [
        "The bot sees no channel 222. Copy the id of a text channel of the server Ticketbridge Demo.",
        "The bot sees no channel 333. Copy the id of a text channel of the server Ticketbridge Demo.",
        "There is no role 444 in the server Ticketbridge Demo. Copy the id of one of its roles.",
    ]


async def test_a_server_without_the_bot_is_an_error(cli: Cli) -> None:
    sentence = await cli.error(await cli.create(guild=111))

    assert sentence == "The bot is in no server with the id 111. Check the id, or invite the bot there."


async def test_a_channel_of_another_server_is_an_error(cli: Cli) -> None:
    channel = cli.elsewhere.channels["tickets"]

    sentence = await cli.error(await cli.create(reports_channel=channel))

    assert sentence == (
        f"Channel {channel} (#tickets) is in another server, Elsewhere. "
        "Copy the id of a text channel of the server Ticketbridge Demo."
    )


async def test_a_thread_is_not_a_text_channel(cli: Cli) -> None:
    ticket = await cli.bridge.ticket()

    sentence = await cli.error(await cli.create(tickets_channel=ticket.post.thread_id))

    assert sentence.startswith(
        f"{ticket.post.thread_id} is not a text channel. Copy the id of a text channel "
    )


async def test_missing_permissions_are_named(cli: Cli) -> None:
    """A log channel needs no threads and no files."""
    channels = cli.bridge.guild.channels
    bot_id = next(id for name, id in cli.bridge.guild.members.items() if name not in PEOPLE)
    denied = int(Permission.CREATE_PUBLIC_THREADS | Permission.ATTACH_FILES)
    for name in ("log", "tickets"):
        cli.bridge.sandbox.set_overwrite(channels[name], bot_id, deny=denied)

    async def error() -> str:
        result = await cli.run("workspace", "set", "main", "--tickets-channel", channels["tickets"])
        return await cli.error(result) if result.exit_code else ""

    sentence = await wait_for(error, seconds=60)
    log_channel = await cli.run("workspace", "set", "main", "--log-channel", channels["log"])

    assert sentence == (
        f"Allow the bot in channel {channels['tickets']} (#tickets): Attach Files, Create Public Threads."
    )
    assert log_channel.exit_code == 0, log_channel.output


async def test_changed_ids_are_checked_too(cli: Cli) -> None:
    for words in (
        ("set", "main", "--tickets-channel", 222),
        ("department", "main", "mods", "--channel", 222),
    ):
        result = await cli.run("workspace", *words)

        assert (await cli.error(result)).startswith("The bot sees no channel 222.")
    assert (await cli.run("workspace", "set", "main", "--plan", "free")).exit_code == 0
