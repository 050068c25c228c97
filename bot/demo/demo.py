"""The demo: a bridge with a workspace, keys and sample tickets, and a stand-in for Discord."""

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

from bot.admin.service import AdminService
from bot.application import Application, StartupError, bind_error_message, run_application
from bot.config import DiscordSettings, Settings, StorageSettings, WebhookSettings
from bot.sandbox import DemoGuild, Sandbox, demo_guild
from bot.sources import IntakeEndpoint, Source, load_sources
from bot.tickets.outbox import Destination
from bot.tickets.ticket import Ticket

HOST = "127.0.0.1"
POST_TIMEOUT = 20.0  # seconds for everything to be posted


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """A running demo. `samples` are tickets that were sent over HTTP and are posted in Discord."""

    sandbox: Sandbox
    guild: DemoGuild
    application: Application
    keys: dict[str, str]  # by source
    database: Path
    samples: list[Ticket]

    def as_json(self) -> str:
        """Addresses, keys and ids as one line of JSON. Ids are strings, as in Discord."""
        return json.dumps(
            {
                "webhook": self.application.webhook_address,
                "discord": self.sandbox.address,
                "api_base": self.sandbox.api_base,
                "token": self.sandbox.token,
                "keys": self.keys,
                "database": str(self.database),
                "guild": str(self.guild.id),
                "channels": {name: str(id) for name, id in self.guild.channels.items()},
                "roles": {name: str(id) for name, id in self.guild.roles.items()},
                "members": {name: str(id) for name, id in self.guild.members.items()},
            }
        )

    def curl_commands(self) -> Iterator[str]:
        """A request to paste for each example."""
        for source, endpoint in examples():
            yield (
                f"curl -X POST {self.application.webhook_address}{endpoint.path}"
                f" -H {shlex.quote(f'{source.key_headers[0]}: {self.keys[source.name]}')}"
                f" -H 'Content-Type: application/json'"
                f" -d {shlex.quote(json.dumps(endpoint.example, ensure_ascii=False))}"
            )


@asynccontextmanager
async def run_demo(*, webhook_port: int, discord_port: int, database: Path | None) -> AsyncIterator[Demo]:
    """Run a demo with its samples posted; without `database`, on a temporary file.

    Raises StartupError and StorageError, each with a sentence.
    """
    async with AsyncExitStack() as stack:
        if database is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ticketbridge-demo-"))
            database = Path(folder) / "ticketbridge.db"
        sandbox = Sandbox()
        guild = demo_guild(sandbox)
        try:
            await stack.enter_async_context(sandbox.serve(HOST, discord_port))
        except OSError as error:
            raise StartupError(
                bind_error_message("The stand-in for Discord", HOST, discord_port, error)
            ) from error
        settings = _settings(sandbox, webhook_port, database)
        application = await stack.enter_async_context(run_application(settings))
        workspace_id, keys = await _create_workspace_and_keys(application, guild)
        samples = await _send_samples(application, keys, workspace_id)
        yield Demo(
            sandbox=sandbox,
            guild=guild,
            application=application,
            keys=keys,
            database=database,
            samples=[await wait_until_posted(application, sample) for sample in samples],
        )


def examples() -> list[tuple[Source, IntakeEndpoint]]:
    """Every example request, with its source and endpoint."""
    return [
        (source, endpoint)
        for source in load_sources().values()
        for endpoint in source.intake_endpoints
        if endpoint.example is not None
    ]


def one_example_per_source() -> list[tuple[Source, IntakeEndpoint]]:
    """The first example of each source."""
    first: dict[str, tuple[Source, IntakeEndpoint]] = {}
    for source, endpoint in examples():
        first.setdefault(source.name, (source, endpoint))
    return list(first.values())


def _settings(sandbox: Sandbox, webhook_port: int, database: Path) -> Settings:
    """The settings of `ticketbridge run`, with the stand-in for Discord; the environment is not read."""
    return Settings.model_construct(
        discord=DiscordSettings(token=SecretStr(sandbox.token), api_base=sandbox.api_base),
        webhook=WebhookSettings(host=HOST, port=webhook_port),
        storage=StorageSettings(path=database),
    )


async def _create_workspace_and_keys(
    application: Application, guild: DemoGuild
) -> tuple[str, dict[str, str]]:
    """Create a workspace for the stand-in's guild: its id, and a key for each source."""
    sources = load_sources()
    service = AdminService(application.store, sources)
    name = f"demo-{guild.id}"
    (workspace,) = await service.create_workspace(
        name=name,
        guild_id=guild.id,
        tickets_channel_id=guild.channels["tickets"],
        reports_channel_id=guild.channels["reports"],
        staff_role_id=guild.roles["Staff"],
        log_channel_id=guild.channels["log"],
    )
    keys = {}
    for source in sorted(sources):
        (key,) = await service.create_key(workspace=name, source=source)
        keys[source] = str(key["key"])
    return str(workspace["id"]), keys


async def _send_samples(application: Application, keys: dict[str, str], workspace_id: str) -> list[Ticket]:
    """Send each source's first example, as a game server does: the tickets, oldest first."""
    async with aiohttp.ClientSession() as session:
        for source, endpoint in one_example_per_source():
            headers = {source.key_headers[0]: keys[source.name]}
            address = application.webhook_address + endpoint.path
            async with session.post(address, json=endpoint.example, headers=headers) as response:
                if response.status != 200:
                    raise StartupError(
                        f"The webhook rejected a sample ({response.status}): {await response.text()}"
                    )
    return (await application.store.autocomplete_tickets("", [workspace_id]))[::-1]


async def wait_until_posted(application: Application, ticket: Ticket) -> Ticket:
    """The ticket, once no delivery of it waits for Discord."""
    for _ in range(int(POST_TIMEOUT / 0.05)):
        if application.discord_task.done():
            application.discord_task.result()
        if not await application.store.pending_for_ticket(ticket.id, Destination.DISCORD):
            return await application.store.ticket(ticket.id)
        await asyncio.sleep(0.05)
    raise StartupError(f"{ticket.public_id} was not posted within {POST_TIMEOUT:.0f} s; the log says why.")
