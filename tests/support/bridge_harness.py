"""The whole bridge for tests: the real application, the sandbox as Discord, and a game server's requests."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from pydantic import SecretStr

from bot.application import Application, run_application
from bot.config import DiscordSettings, Settings, StorageSettings, WebhookSettings
from bot.outbox.circuit_breaker import BreakerSettings
from bot.sandbox import DemoGuild, Sandbox, demo_guild
from bot.sources.modl import examples as modl
from bot.sources.series import examples as series
from bot.tickets.api_keys import generate_api_key, hash_api_key
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import NewWorkspace

FAST_BACKOFF = BreakerSettings(min_backoff=0.2, max_backoff=1.0, forbidden_backoff=1.0, min_retry_gap=0.1)
PUBLIC_URL = "https://tickets.example.com"
LONG_FORBIDDEN_BACKOFF = replace(FAST_BACKOFF, forbidden_backoff=125.0)


@dataclass(kw_only=True)
class RunningBridge:
    """A running bridge with one workspace and a key for each source."""

    sandbox: Sandbox
    guild: DemoGuild
    application: Application
    session: aiohttp.ClientSession
    keys: dict[str, str]

    async def post(self, path: str, body: object, *, source: str) -> dict[str, Any]:
        """POST as a game server does; the response's JSON."""
        header = {"series": "apikey", "modl": "X-API-Key"}[source]
        address = self.application.webhook_address + path
        async with self.session.post(address, json=body, headers={header: self.keys[source]}) as response:
            assert response.status == 200, await response.text()
            result: dict[str, Any] = await response.json()
            return result

    async def ask_for_events(self, after: int = 0, *, source: str = "modl") -> dict[str, Any]:
        """`GET /v1/events` as a game server does; the response's JSON."""
        address = f"{self.application.webhook_address}/v1/events?after={after}"
        async with self.session.get(address, headers={"X-API-Key": self.keys[source]}) as response:
            assert response.status == 200, await response.text()
            result: dict[str, Any] = await response.json()
            return result

    async def game_report(self, **changes: object) -> Ticket:
        """A game report, posted in Discord."""
        body = dict(series.GAME_REPORT) | changes
        response = await self.post("/tickets/create-game-report", body, source="series")
        return await self.wait_until_posted(response["data"]["TicketId"])

    async def ticket(self, **changes: object) -> Ticket:
        """A normal ticket, posted in Discord with its thread."""
        response = await self.post("/v1/minecraft/tickets", dict(modl.TICKET) | changes, source="modl")
        return await self.wait_until_posted(response["ticketId"])

    async def wait_until_posted(self, public_id: str) -> Ticket:
        """The ticket, once all its deliveries are in Discord."""

        async def posted() -> Ticket | None:
            ticket = await self.application.store.tickets.find_by_public_id(public_id)
            if ticket is None or await self.application.store.outbox.pending_for_ticket(ticket.id):
                return None
            return await self.application.store.tickets.get(ticket.id)  # read after its last delivery

        found: Ticket = await wait_for(posted)
        return found

    def post_message(self, ticket: Ticket) -> dict[str, Any]:
        """The Discord message that shows a ticket."""
        channel_id = ticket.post.thread_id if ticket.is_private else ticket.post.channel_id
        (found,) = (
            m for m in self.sandbox.messages(channel_id or 0) if m["id"] == str(ticket.post.message_id)
        )
        return found

    def buttons(self, ticket: Ticket) -> dict[str, str]:
        """The custom ids of a post's buttons, by label."""
        return buttons_of(self.post_message(ticket))

    async def press(self, user: str, ticket: Ticket, label: str) -> dict[str, Any]:
        return await self.sandbox.press(user, ticket.post.message_id or 0, self.buttons(ticket)[label])

    async def choose(self, user: str, ticket: Ticket, option: str) -> dict[str, Any]:
        """Choose an option of the menu under a post, by its value."""
        return await self.sandbox.press(
            user, ticket.post.message_id or 0, f"ticket:more:{ticket.id}", [option]
        )

    async def close(self, user: str, ticket: Ticket, reason: str = "") -> dict[str, Any]:
        """Press Close under a post, and submit the modal that asks why."""
        opened = await self.press(user, ticket, "Close")
        return await self.sandbox.modal(user, opened["id"], {"text": reason})

    async def forge(self, user: str, ticket: Ticket, custom_id: str) -> dict[str, Any]:
        return await self.sandbox.press(user, ticket.post.message_id or 0, custom_id, forge=True)

    async def refresh(self, ticket: Ticket) -> Ticket:
        return await self.wait_until_posted(ticket.public_id)


async def wait_for(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Poll `condition` until it is true; its value. Fails after `seconds`, more than a slow machine takes."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        value = condition()
        if asyncio.iscoroutine(value):
            value = await value
        if value:
            return value
        assert asyncio.get_running_loop().time() < deadline, f"not within {seconds} s"
        await asyncio.sleep(0.02)


def settings_for(
    sandbox: Sandbox, database: Path, *, typed_replies: bool = False, direct_messages: bool = True
) -> Settings:
    return Settings.model_construct(
        discord=DiscordSettings(
            token=SecretStr(sandbox.token),
            api_base=sandbox.api_base,
            unknown_outcome_delay=0.1,
            typed_replies=typed_replies,
            direct_messages=direct_messages,
        ),
        webhook=WebhookSettings(port=0, public_url=PUBLIC_URL),
        storage=StorageSettings(path=database),
    )


@asynccontextmanager
async def running_bridge(
    database: Path,
    sandbox: Sandbox,
    guild: DemoGuild,
    *,
    keys: dict[str, str] | None = None,
    typed_replies: bool = False,
    direct_messages: bool = True,
    breaker_settings: BreakerSettings = FAST_BACKOFF,
) -> AsyncIterator[RunningBridge]:
    """A bridge on this database, with the `keys` of an earlier one, or with a new workspace and keys."""
    settings = settings_for(sandbox, database, typed_replies=typed_replies, direct_messages=direct_messages)
    async with (
        run_application(settings, breaker_settings=breaker_settings) as application,
        aiohttp.ClientSession() as session,
    ):
        yield RunningBridge(
            sandbox=sandbox,
            guild=guild,
            application=application,
            session=session,
            keys=keys or await create_workspace_and_keys(application, guild),
        )


@asynccontextmanager
async def running_sandbox(**settings: Any) -> AsyncIterator[tuple[Sandbox, DemoGuild]]:
    # A machine under tests may be slower than Discord's deadline for a response to an interaction.
    sandbox = Sandbox(**{"callback_deadline": 20.0} | settings)
    guild = demo_guild(sandbox)
    async with sandbox.serve():
        yield sandbox, guild


async def create_workspace_and_keys(application: Application, guild: DemoGuild) -> dict[str, str]:
    now = datetime.now(UTC)
    new = NewWorkspace(
        name="main",
        guild_id=guild.id,
        tickets_channel_id=guild.channels["tickets"],
        reports_channel_id=guild.channels["reports"],
        staff_role_id=guild.roles["Staff"],
    )
    await application.store.workspaces.add(new, now)
    keys = {}
    for source in ("series", "modl"):
        keys[source], prefix = generate_api_key()
        await application.store.api_keys.add(
            "main", source, prefix=prefix, key_hash=hash_api_key(keys[source]), now=now
        )
    return keys


def buttons_of(message: dict[str, Any]) -> dict[str, str]:
    """The custom ids of a message's buttons, by label."""
    items = [item for row in message["components"] for item in row["components"]]
    return {item["label"]: item["custom_id"] for item in items if item["type"] == 2}


def reply_text(record: dict[str, Any]) -> str:
    """The text of the bot's response to an interaction."""
    return " ".join(message["content"] for message in record["messages"])
