"""Bursts for tests: tickets created while Discord is away, and the bridge that posts them once it is back."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot.sandbox import DemoGuild, Sandbox
from bot.tickets.ticket import NewTicket, Player, Priority, Ticket
from bot.tickets.workspace import NewWorkspace
from cogs.posts.digest import DIGEST_SELECT_ID
from tests.storage.samples import NOW, ids, new_ticket, opened
from tests.support.bridge_harness import (
    RunningBridge,
    buttons_of,
    running_bridge,
    running_sandbox,
    wait_for,
)

Json = dict[str, Any]


def new_tickets(count: int, *, priority: Priority = Priority.NORMAL, **parts: Any) -> list[NewTicket]:
    """Tickets as a source creates them, each with its number in the subject."""
    tickets = [new_ticket(subject=f"Number {number}", source="modl", **parts) for number in range(count)]
    reported = Player(id="8", name="Hacker123")
    return [replace(ticket, priority=priority, reported_player=reported) for ticket in tickets]


@dataclass(kw_only=True)
class Burst:
    """The bridge after a burst, and the tickets as they were created."""

    bridge: RunningBridge
    tickets: list[Ticket]

    def digests(self, channel: str) -> list[Json]:
        """The digests in a channel, oldest first."""
        return [one for one in self.bridge.sandbox.messages(channel) if " · digest " in _last_footer(one)]

    def digest_of(self, ticket: Ticket) -> Json:
        """The only digest with this ticket."""
        (found,) = (
            one
            for channel in ("tickets", "reports")
            for one in self.digests(channel)
            if ticket.public_id in shown_in(one)
        )
        return found

    async def choose(self, user: str, ticket: Ticket) -> Json:
        """Open a ticket from its digest; returns the interaction's record."""
        return await self.bridge.sandbox.press(
            user, self.digest_of(ticket)["id"], DIGEST_SELECT_ID, [str(ticket.id)]
        )

    async def press(self, user: str, record: Json, label: str) -> Json:
        """Press a button under the last message of an interaction's record; returns the record of that."""
        message = record["messages"][-1]
        return await self.bridge.sandbox.press(user, message["id"], buttons_of(message)[label])

    async def close(self, user: str, record: Json) -> Json:
        """Press Close there, and submit the modal that asks why; returns the record of that."""
        opened = await self.press(user, record, "Close")
        return await self.bridge.sandbox.modal(user, opened["id"], {"text": ""})

    async def wait_until_delivered(self) -> None:
        """Return once no delivery waits for Discord."""

        async def nothing_waits() -> bool:
            return not await self.bridge.application.store.outbox.backlogs()

        await wait_for(nothing_waits, seconds=20)


def _last_footer(message: Json) -> str:
    return str(message["embeds"][-1]["footer"]["text"]) if message["embeds"] else ""


def shown_in(message: Json) -> list[str]:
    """The public ids of the tickets a post or a digest shows."""
    if " · digest " in _last_footer(message):
        return [embed["title"].split()[1] for embed in message["embeds"]]
    return [_last_footer(message).split(" · ")[0]]


def embed_of(message: Json, ticket: Ticket) -> Json:
    (found,) = (embed for embed in message["embeds"] if ticket.public_id in embed["title"].split())
    return dict(found)


@asynccontextmanager
async def away(
    folder: Path, tickets: Sequence[NewTicket], **settings: Any
) -> AsyncIterator[tuple[Sandbox, DemoGuild, list[Ticket]]]:
    """Discord, its guild, and tickets that are in the database and not posted yet."""
    async with running_sandbox(rate_limits=False, **settings) as (sandbox, guild):
        new_workspace = NewWorkspace(
            name="main",
            guild_id=guild.id,
            tickets_channel_id=guild.channels["tickets"],
            reports_channel_id=guild.channels["reports"],
            staff_role_id=guild.roles["Staff"],
        )
        async with opened(folder / "t.db") as store:
            workspace = await store.workspaces.add(new_workspace, NOW)
            created = [await store.intake.add_ticket(workspace.id, new, ids(), NOW) for new in tickets]
        yield sandbox, guild, created


@asynccontextmanager
async def back(
    folder: Path, sandbox: Sandbox, guild: DemoGuild, tickets: list[Ticket]
) -> AsyncIterator[Burst]:
    """The bridge connects and posts them."""
    async with running_bridge(folder / "t.db", sandbox, guild, keys={"none": "needed"}) as bridge:
        yield Burst(bridge=bridge, tickets=tickets)


@asynccontextmanager
async def posted_burst(folder: Path, tickets: Sequence[NewTicket], **settings: Any) -> AsyncIterator[Burst]:
    """The bridge once it has posted every ticket that was created while Discord was away."""
    async with away(folder, tickets, **settings) as environment, back(folder, *environment) as burst:
        await burst.wait_until_delivered()
        yield burst
