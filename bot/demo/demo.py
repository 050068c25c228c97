"""The demo: the whole way of a ticket on one machine, with the stand-in instead of Discord."""

import asyncio
import json
import shlex
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from pydantic import SecretStr

from bot.admin.service import Administration
from bot.application import Bridge, CannotRun, cannot_listen, running
from bot.config import DiscordSettings, Settings, StorageSettings, WebhookSettings
from bot.sandbox import DemoGuild, Sandbox, demo_guild
from bot.sources import Intake, Source, discover
from bot.tickets import Lane, Ticket

HOST = "127.0.0.1"
_PATIENCE = 20.0  # seconds for everything to be posted


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """A running demo. `samples` are the tickets that were sent through HTTP and stand in Discord."""

    sandbox: Sandbox
    guild: DemoGuild
    bridge: Bridge
    keys: dict[str, str]  # by source
    database: Path
    samples: list[Ticket]

    def as_json(self) -> str:
        """One line for a program: addresses, keys and ids. Ids are strings, as in Discord."""
        return json.dumps(
            {
                "webhook": self.bridge.webhook_address,
                "discord": self.sandbox.address,
                "api_base": self.sandbox.api_base,
                "token": self.sandbox.token,
                "keys": self.keys,
                "database": str(self.database),
                "guild": str(self.guild.id),
                "channels": {name: str(one) for name, one in self.guild.channels.items()},
                "roles": {name: str(one) for name, one in self.guild.roles.items()},
                "members": {name: str(one) for name, one in self.guild.members.items()},
            }
        )

    def curl_commands(self) -> Iterator[str]:
        """A ready-to-paste request for each example."""
        for source, intake in examples():
            yield (
                f"curl -X POST {self.bridge.webhook_address}{intake.path}"
                f" -H {shlex.quote(f'{source.key_headers[0]}: {self.keys[source.name]}')}"
                f" -H 'Content-Type: application/json'"
                f" -d {shlex.quote(json.dumps(intake.example, ensure_ascii=False))}"
            )


@asynccontextmanager
async def staged(*, webhook_port: int, discord_port: int, database: Path | None) -> AsyncIterator[Demo]:
    """A running demo with its samples posted; without `database`, in a file that goes when the block ends.

    Raises CannotRun and StorageError, each with a sentence.
    """
    async with AsyncExitStack() as stage:
        if database is None:
            folder = stage.enter_context(tempfile.TemporaryDirectory(prefix="ticketbridge-demo-"))
            database = Path(folder) / "ticketbridge.db"
        sandbox = Sandbox()
        guild = demo_guild(sandbox)
        try:
            await stage.enter_async_context(sandbox.serve(HOST, discord_port))
        except OSError as error:
            raise CannotRun(cannot_listen("The stand-in for Discord", HOST, discord_port, error)) from error
        settings = _settings(sandbox, webhook_port, database)
        bridge = await stage.enter_async_context(running(settings))
        workspace_id, keys = await _make_keys(bridge, guild)
        samples = await _send_samples(bridge, keys, workspace_id)
        yield Demo(
            sandbox=sandbox,
            guild=guild,
            bridge=bridge,
            keys=keys,
            database=database,
            samples=[await _shown(bridge, sample) for sample in samples],
        )


def examples() -> list[tuple[Source, Intake]]:
    """Every source's printed example requests."""
    return [
        (source, intake)
        for source in discover().values()
        for intake in source.intakes
        if intake.example is not None
    ]


def _first_examples() -> list[tuple[Source, Intake]]:
    """One for each source that has any."""
    first: dict[str, tuple[Source, Intake]] = {}
    for source, intake in examples():
        first.setdefault(source.name, (source, intake))
    return list(first.values())


def _settings(sandbox: Sandbox, webhook_port: int, database: Path) -> Settings:
    """As `ticketbridge run` would read them, with the stand-in for Discord. The environment has no say."""
    return Settings.model_construct(
        discord=DiscordSettings(token=SecretStr(sandbox.token), api_base=sandbox.api_base),
        webhook=WebhookSettings(host=HOST, port=webhook_port),
        storage=StorageSettings(path=database),
    )


async def _make_keys(bridge: Bridge, guild: DemoGuild) -> tuple[str, dict[str, str]]:
    """A workspace for the stand-in's guild: its id, and a key for each source."""
    sources = discover()
    administration = Administration(bridge.store, sources)
    name = f"demo-{guild.id}"
    (workspace,) = await administration.create_workspace(
        name=name,
        guild_id=guild.id,
        tickets_channel_id=guild.channels["tickets"],
        reports_channel_id=guild.channels["reports"],
        staff_role_id=guild.roles["Staff"],
        log_channel_id=guild.channels["log"],
    )
    keys = {}
    for source in sorted(sources):
        (key,) = await administration.create_key(name, source)
        keys[source] = str(key["key"])
    return str(workspace["id"]), keys


async def _send_samples(bridge: Bridge, keys: dict[str, str], workspace_id: str) -> list[Ticket]:
    """Post each source's first example, as a game server would. The tickets kept, oldest first."""
    async with aiohttp.ClientSession() as session:
        for source, intake in _first_examples():
            headers = {source.key_headers[0]: keys[source.name]}
            address = bridge.webhook_address + intake.path
            async with session.post(address, json=intake.example, headers=headers) as answer:
                if answer.status != 200:
                    raise CannotRun(f"The webhook refused a sample ({answer.status}): {await answer.text()}")
    return (await bridge.store.tickets_like("", [workspace_id]))[::-1]


async def _shown(bridge: Bridge, ticket: Ticket) -> Ticket:
    """The ticket, once nothing of it waits for Discord any more."""
    for _ in range(int(_PATIENCE / 0.05)):
        if bridge.discord.done():
            bridge.discord.result()
        if not await bridge.store.waiting_for(ticket.id, Lane.DISCORD):
            return await bridge.store.ticket(ticket.id)
        await asyncio.sleep(0.05)
    raise CannotRun(f"{ticket.public_id} was not posted within {_PATIENCE:.0f} s; the log says why.")
