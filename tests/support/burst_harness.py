"""Bursts: tickets that come in while Discord is away, and how they are shown once it is back."""

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
    """Tickets as a source makes them, each with its number in the subject."""
    made = [new_ticket(subject=f"Number {number}", source="modl", **parts) for number in range(count)]
    reported = Player(id="8", name="Hacker123")
    return [replace(one, priority=priority, reported_player=reported) for one in made]


@dataclass(kw_only=True)
class Burst:
    """The town after a burst; its tickets as they were kept."""

    town: RunningBridge
    tickets: list[Ticket]

    def digests(self, channel: str) -> list[Json]:
        """The messages of a channel that show tickets together, oldest first."""
        return [one for one in self.town.sandbox.messages(channel) if " · digest " in _mark(one)]

    def digest_of(self, ticket: Ticket) -> Json:
        """The only message that shows this ticket together with others."""
        (found,) = (
            one
            for channel in ("tickets", "reports")
            for one in self.digests(channel)
            if ticket.public_id in shown_in(one)
        )
        return found

    async def choose(self, user: str, ticket: Ticket) -> Json:
        """What comes of opening a ticket from its digest."""
        return await self.town.sandbox.press(
            user, self.digest_of(ticket)["id"], DIGEST_SELECT_ID, [str(ticket.id)]
        )

    async def press(self, user: str, record: Json, label: str) -> Json:
        """What comes of pressing a button under what an interaction has shown to one user."""
        shown = record["messages"][-1]
        return await self.town.sandbox.press(user, shown["id"], buttons_in(shown)[label])

    async def settled(self) -> None:
        """Returns once nothing waits for Discord."""

        async def nothing_waits() -> bool:
            return not await self.town.application.store.backlogs(Destination.DISCORD)

        await wait_for(nothing_waits, seconds=20)


def _mark(message: Json) -> str:
    return str(message["embeds"][-1]["footer"]["text"]) if message["embeds"] else ""


def shown_in(message: Json) -> list[str]:
    """The public ids of the tickets a post or a digest shows."""
    if " · digest " in _mark(message):
        return [embed["title"].split()[1] for embed in message["embeds"]]
    return [_mark(message).split(" · ")[0]]


def embed_of(message: Json, ticket: Ticket) -> Json:
    (found,) = (embed for embed in message["embeds"] if ticket.public_id in embed["title"].split())
    return dict(found)


def buttons_in(message: Json) -> dict[str, str]:
    """Custom ids by label."""
    return {one["label"]: one["custom_id"] for row in message["components"] for one in row["components"]}


@asynccontextmanager
async def waiting(
    folder: Path, tickets: Sequence[NewTicket], **settings: Any
) -> AsyncIterator[tuple[Sandbox, DemoGuild, list[Ticket]]]:
    """A stand-in for Discord, its guild, and tickets that are kept and not shown yet."""
    async with running_sandbox(buckets=False, **settings) as (sandbox, guild):
        new_workspace = NewWorkspace(
            name="main",
            guild_id=guild.id,
            tickets_channel_id=guild.channels["tickets"],
            reports_channel_id=guild.channels["reports"],
            staff_role_id=guild.roles["Staff"],
        )
        async with opened(folder / "t.db") as store:
            workspace = await store.add_workspace(new_workspace, NOW)
            kept = [await store.add_ticket(workspace.id, new, ids(), NOW) for new in tickets]
        yield sandbox, guild, kept


@asynccontextmanager
async def back(folder: Path, sandbox: Sandbox, guild: DemoGuild, kept: list[Ticket]) -> AsyncIterator[Burst]:
    """Discord is back, and shows them now."""
    async with run_town(folder / "t.db", sandbox, guild, keys={"none": "needed"}) as town:
        yield Burst(town=town, tickets=kept)


@asynccontextmanager
async def burst(folder: Path, tickets: Sequence[NewTicket], **settings: Any) -> AsyncIterator[Burst]:
    """The town once every ticket is shown that was filed while Discord was away."""
    async with waiting(folder, tickets, **settings) as there, back(folder, *there) as shown:
        await shown.settled()
        yield shown
