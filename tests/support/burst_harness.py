"""Bursts: tickets that are created while Discord is away, and posted in digests once it is back."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot.sandbox import DemoGuild, Sandbox
from bot.tickets.outbox import Destination
from bot.tickets.ticket import NewTicket, Player, Priority, Ticket
from bot.tickets.workspace import NewWorkspace
from cogs.posts.digest import DIGEST_SELECT_ID
from tests.storage.samples import NOW, ids, new_ticket, opened
from tests.support.bridge_harness import RunningBridge, running_sandbox, wait_for
from tests.support.bridge_harness import running_bridge as run_town

Json = dict[str, Any]


def filed(count: int, *, priority: Priority = Priority.NORMAL, **parts: Any) -> list[NewTicket]:
    """New tickets, each with its number in the subject."""
    made = [new_ticket(subject=f"Number {number}", source="modl", **parts) for number in range(count)]
    reported = Player(id="8", name="Hacker123")
    return [replace(one, priority=priority, reported_player=reported) for one in made]


@dataclass(kw_only=True)
class Burst:
    """The running bridge after a burst, and the stored tickets."""

    town: RunningBridge
    tickets: list[Ticket]

    def digests(self, channel: str) -> list[Json]:
        """The digests of a channel, oldest first."""
        return [one for one in self.town.sandbox.messages(channel) if _mark(one).startswith("digest ")]

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
        """Select a ticket in its digest; the bot's response."""
        return await self.town.sandbox.press(
            user, self.digest_of(ticket)["id"], DIGEST_SELECT_ID, [str(ticket.id)]
        )

    async def press(self, user: str, record: Json, label: str) -> Json:
        """Press a button of an ephemeral response; the bot's response."""
        shown = record["messages"][-1]
        return await self.town.sandbox.press(user, shown["id"], buttons_in(shown)[label])

    async def settled(self) -> None:
        """Wait until no delivery to Discord is pending."""

        async def nothing_waits() -> bool:
            return not await self.town.application.store.backlogs(Destination.DISCORD)

        await wait_for(nothing_waits, seconds=20)


def _mark(message: Json) -> str:
    return str(message["embeds"][-1]["footer"]["text"]) if message["embeds"] else ""


def shown_in(message: Json) -> list[str]:
    """The public ids of the tickets in a post or a digest."""
    if _mark(message).startswith("digest "):
        return [embed["title"].split()[1] for embed in message["embeds"]]
    return [_mark(message).split(" · ")[0]]


def embed_of(message: Json, ticket: Ticket) -> Json:
    (found,) = (embed for embed in message["embeds"] if ticket.public_id in embed["title"].split())
    return dict(found)


def buttons_in(message: Json) -> dict[str, str]:
    """The custom ids of buttons by label."""
    return {one["label"]: one["custom_id"] for row in message["components"] for one in row["components"]}


@asynccontextmanager
async def waiting(
    folder: Path, tickets: Sequence[NewTicket], **settings: Any
) -> AsyncIterator[tuple[Sandbox, DemoGuild, list[Ticket]]]:
    """A sandbox, its guild, and stored tickets that are not posted yet."""
    async with running_sandbox(rate_limits=False, **settings) as (sandbox, guild):
        new_workspace = NewWorkspace(
            name="main",
            guild_id=guild.id,
            tickets_channel_id=guild.channels["tickets"],
            reports_channel_id=guild.channels["reports"],
            staff_role_id=guild.roles["Staff"],
        )
        async with opened(folder / "t.db") as store:
            workspace = await store.add_workspace(new_workspace, NOW)
            stored = [await store.add_ticket(workspace.id, new, ids(), NOW) for new in tickets]
        yield sandbox, guild, stored


@asynccontextmanager
async def back(
    folder: Path, sandbox: Sandbox, guild: DemoGuild, stored: list[Ticket]
) -> AsyncIterator[Burst]:
    """Start the bridge, which posts them."""
    async with run_town(folder / "t.db", sandbox, guild, keys={"none": "needed"}) as town:
        yield Burst(town=town, tickets=stored)


@asynccontextmanager
async def burst(folder: Path, tickets: Sequence[NewTicket], **settings: Any) -> AsyncIterator[Burst]:
    """The running bridge, once every ticket of the burst is posted."""
    async with waiting(folder, tickets, **settings) as there, back(folder, *there) as shown:
        await shown.settled()
        yield shown
