"""Posts, threads, channels and roles that people delete in Discord: no ticket is lost with them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox import DemoGuild, Permission, Sandbox
from bot.sources.modl import examples as modl
from bot.tickets.message import Actor
from bot.tickets.outbox import DeliveryKind
from bot.tickets.ticket import Status, Ticket
from bot.tickets.workspace import Department, Workspace
from cogs.alerts.log_channel import ACTION_NEEDED, WARNING
from cogs.reconcile.deleted import _deleted_channel_embed
from storage import ChannelDeletion
from tests.storage.samples import NOW
from tests.support.bridge_harness import (
    RunningBridge,
    reply_text,
    running_bridge,
    running_sandbox,
    wait_for,
)

MIA = Actor(id="1", name="Mia")
Environment = tuple[Path, Sandbox, DemoGuild]


@pytest.fixture
async def environment(tmp_path: Path) -> AsyncIterator[Environment]:
    """A database for one bridge after another, and a Discord that stays."""
    async with running_sandbox() as (sandbox, guild):
        yield tmp_path / "ticketbridge.db", sandbox, guild


@pytest.fixture
async def logging_bridge(bridge: RunningBridge) -> RunningBridge:
    """A bridge whose workspace has a log channel."""
    await change_workspace(bridge, log_channel_id=bridge.guild.channels["log"])
    return bridge


async def change_workspace(bridge: RunningBridge, **parts: Any) -> None:
    (workspace,) = await bridge.application.store.workspaces.list_all()
    await bridge.application.store.workspaces.change(
        workspace.id, lambda workspace: replace(workspace, **parts)
    )


def notices(bridge: RunningBridge) -> list[str]:
    """The texts in the log channel."""
    return embeds_in(bridge, "log")


async def notified(bridge: RunningBridge, words: str) -> str:
    """The notice with these words, once there is one."""

    def look() -> str:
        return next((text for text in notices(bridge) if words in text), "")

    return str(await wait_for(look))


async def post_recorded_as_deleted(bridge: RunningBridge, ticket: Ticket) -> Ticket:
    """The ticket, once it has no post."""

    async def look() -> Ticket | None:
        found = await bridge.application.store.tickets.get(ticket.id)
        return found if found.post.message_id is None else None

    return await wait_for(look)  # type: ignore[no-any-return]  # what `look` gives


async def add_reply(bridge: RunningBridge, ticket: Ticket, text: str, origin: str) -> None:
    await bridge.application.store.tickets.add_message(
        ticket.id, lambda ticket: ticket.reply(MIA, text), origin=origin, now=ticket.created_at
    )


async def set_status(bridge: RunningBridge, ticket: Ticket, status: Status) -> None:
    await bridge.application.store.tickets.change(
        ticket.id, lambda ticket: ticket.set_status(status), ticket.created_at, actor=MIA
    )


async def open_ticket(bridge: RunningBridge) -> Ticket:
    """A private ticket of pete's, in its own thread."""
    record = await bridge.sandbox.command("pete", "general", "ticket open")
    record = await bridge.sandbox.modal(
        "pete", record["id"], {"subject": "Lost", "body": "My sword.", "category": ["bug"]}
    )
    return await bridge.wait_until_posted(reply_text(record).split()[1])


def embeds_in(bridge: RunningBridge, channel: Any) -> list[str]:
    return [str(e.get("description")) for m in bridge.sandbox.messages(channel) for e in m["embeds"]]


async def test_a_deleted_post_is_reported_with_how_to_see_it_and_post_it_again(
    logging_bridge: RunningBridge,
) -> None:
    bridge = logging_bridge
    report = await bridge.game_report()

    bridge.sandbox.delete_message(report.post.message_id or 0, "mia")

    text = await notified(bridge, report.public_id)
    assert "`/ticket view`" in text
    assert "`/ticket repost`" in text
    assert (await post_recorded_as_deleted(bridge, report)).post.message_id is None


async def test_a_change_after_a_deleted_post_is_no_dead_letter(logging_bridge: RunningBridge) -> None:
    bridge = logging_bridge
    ticket = await bridge.ticket()
    bridge.sandbox.delete_message(ticket.post.message_id or 0)
    await post_recorded_as_deleted(bridge, ticket)

    await bridge.application.store.tickets.change(
        ticket.id, lambda ticket: ticket.claim(MIA), ticket.created_at, actor=MIA
    )

    await bridge.refresh(ticket)
    assert await bridge.application.store.outbox_admin.list_undelivered(10) == []


async def test_a_post_found_deleted_when_it_is_updated_is_reported_as_well(environment: Environment) -> None:
    _, sandbox, guild = environment
    async with running_bridge(*environment) as first:
        await change_workspace(first, log_channel_id=guild.channels["log"])
        ticket = await first.ticket()
    sandbox.delete_message(ticket.post.message_id or 0)

    async with running_bridge(*environment, keys=first.keys) as second:
        await second.application.store.tickets.change(
            ticket.id, lambda ticket: ticket.claim(MIA), ticket.created_at, actor=MIA
        )

        await notified(second, ticket.public_id)
        await second.refresh(ticket)
        assert await second.application.store.outbox_admin.list_undelivered(10) == []


async def test_posts_deleted_together_are_all_reported(logging_bridge: RunningBridge) -> None:
    bridge = logging_bridge
    first, second = await bridge.game_report(), await bridge.game_report(placeId="2")

    posts = [one.post.message_id for one in (first, second)]
    bridge.sandbox.delete_messages("reports", posts)

    await notified(bridge, first.public_id)
    await notified(bridge, second.public_id)


async def test_repost_posts_a_ticket_again_or_links_to_its_post(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()
    where = await bridge.sandbox.command("mia", "tickets", "ticket repost", {"ticket": ticket.public_id})
    assert str(ticket.post.message_id) in reply_text(where)
    bridge.sandbox.delete_message(ticket.post.message_id or 0)
    await post_recorded_as_deleted(bridge, ticket)

    done = await bridge.sandbox.command("mia", "tickets", "ticket repost", {"ticket": ticket.public_id})

    place = f"https://discord.com/channels/{bridge.guild.id}/{bridge.guild.channels['tickets']}"
    assert reply_text(done) == f"✅ {ticket.public_id} is posted again in a moment, in {place}"
    again = await bridge.refresh(ticket)
    assert again.post.message_id not in (None, ticket.post.message_id)
    assert again.post.thread_id == ticket.post.thread_id
    assert bridge.post_message(again)["embeds"]


async def test_repost_says_where_it_posts_a_transferred_ticket(bridge: RunningBridge) -> None:
    builders = Department(id="builders", name="Builders", channel_id=bridge.guild.channels["general"])
    (workspace,) = await bridge.application.store.workspaces.list_all()
    workspace = await bridge.application.store.workspaces.change(
        workspace.id, lambda workspace: workspace.with_department(builders)
    )
    ticket = await bridge.ticket()
    await bridge.application.store.tickets.change(
        ticket.id, lambda ticket: workspace.transfer(ticket, "builders"), ticket.created_at, actor=MIA
    )
    await bridge.refresh(ticket)
    bridge.sandbox.delete_message(ticket.post.message_id or 0)
    await post_recorded_as_deleted(bridge, ticket)

    done = await bridge.sandbox.command("mia", "tickets", "ticket repost", {"ticket": ticket.public_id})

    assert reply_text(done).endswith(f"/{builders.channel_id}")
    assert (await bridge.refresh(ticket)).post.channel_id == builders.channel_id


async def test_repost_finds_out_that_a_post_was_deleted_while_the_bot_was_away(
    environment: Environment,
) -> None:
    _, sandbox, _ = environment
    async with running_bridge(*environment) as first:
        report = await first.game_report()
    sandbox.delete_message(report.post.message_id or 0)

    async with running_bridge(*environment, keys=first.keys) as second:
        await wait_for(lambda: sandbox.snapshot()["connected_sessions"])
        done = await sandbox.command("mia", "reports", "ticket repost", {"ticket": report.public_id})

        assert "posted again" in reply_text(done)
        assert second.post_message(await second.refresh(report))


async def test_repost_is_for_staff_alone(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()

    record = await bridge.sandbox.command("pete", "general", "ticket repost", {"ticket": ticket.public_id})

    assert "Only staff" in reply_text(record)


async def test_without_its_thread_a_reply_is_sent_under_the_post(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()
    bridge.sandbox.delete_channel(ticket.post.thread_id or 0)

    async def threadless() -> bool:
        return (await bridge.application.store.tickets.get(ticket.id)).post.thread_id is None

    await wait_for(threadless)
    await add_reply(bridge, ticket, "We are on it.", "a")

    await bridge.refresh(ticket)
    assert "We are on it." in embeds_in(bridge, "tickets")


async def test_a_thread_found_deleted_stops_neither_its_reply_nor_the_channel(
    environment: Environment,
) -> None:
    _, sandbox, _ = environment
    async with running_bridge(*environment) as first:
        ticket = await first.ticket()
    sandbox.delete_channel(ticket.post.thread_id or 0)

    async with running_bridge(*environment, keys=first.keys) as second:
        await add_reply(second, ticket, "We are on it.", "a")
        await second.refresh(ticket)
        assert "We are on it." in embeds_in(second, "tickets")
        await second.ticket(subject="another")


async def test_an_open_private_ticket_gets_a_new_thread_with_its_post_and_the_next_reply(
    bridge: RunningBridge,
) -> None:
    ticket = await open_ticket(bridge)
    bridge.sandbox.delete_channel(ticket.post.thread_id or 0)

    async def elsewhere() -> bool:
        return (await bridge.application.store.tickets.get(ticket.id)).post.thread_id not in (
            None,
            ticket.post.thread_id,
        )

    await wait_for(elsewhere)
    await add_reply(bridge, ticket, "We are on it.", "a")

    again = await bridge.refresh(ticket)

    assert again.post.thread_id not in (None, ticket.post.thread_id)
    assert bridge.post_message(again)
    assert "We are on it." in embeds_in(bridge, again.post.thread_id)
    assert "We are on it." not in embeds_in(bridge, "general")


async def test_a_reply_to_a_private_ticket_whose_thread_was_deleted_meanwhile_stays_private(
    environment: Environment,
) -> None:
    _, sandbox, _ = environment
    async with running_bridge(*environment) as first:
        ticket = await open_ticket(first)
    sandbox.delete_channel(ticket.post.thread_id or 0)

    async with running_bridge(*environment, keys=first.keys) as second:
        await add_reply(second, ticket, "We are on it.", "a")
        again = await second.refresh(ticket)

        assert "We are on it." in embeds_in(second, again.post.thread_id)
        assert "We are on it." not in embeds_in(second, "general")


async def test_a_reply_to_a_private_ticket_without_a_thread_waits_for_one_and_stays_private(
    bridge: RunningBridge,
) -> None:
    ticket = await open_ticket(bridge)
    await set_status(bridge, ticket, Status.CLOSED)
    await bridge.refresh(ticket)
    bridge.sandbox.delete_channel(ticket.post.thread_id or 0)
    await post_recorded_as_deleted(bridge, ticket)
    await set_status(bridge, ticket, Status.OPEN)
    await add_reply(bridge, ticket, "We are on it.", "a")

    async def waits() -> bool:
        waiting = await bridge.application.store.outbox.pending_for_ticket(ticket.id)
        return [one.kind for one in waiting if one.attempts] == [DeliveryKind.POST_MESSAGE]

    await wait_for(waits)
    await bridge.sandbox.command("mia", "tickets", "ticket repost", {"ticket": ticket.public_id})
    again = await bridge.refresh(ticket)

    assert "We are on it." in embeds_in(bridge, again.post.thread_id)
    assert "We are on it." not in embeds_in(bridge, "general")


async def test_tickets_of_a_deleted_channel_are_posted_in_the_next_channel_of_the_workspace(
    logging_bridge: RunningBridge,
) -> None:
    bridge = logging_bridge
    shown = await bridge.ticket()
    bridge.sandbox.delete_channel("tickets")
    text = await notified(bridge, "was deleted")
    assert "`/setup workspace`" in text
    waiting = str((await bridge.post("/v1/minecraft/tickets", body("another"), source="modl"))["ticketId"])

    await change_workspace(bridge, tickets_channel_id=bridge.guild.channels["general"])

    for public_id in (shown.public_id, waiting):
        again = await bridge.wait_until_posted(public_id)
        assert again.post.channel_id == bridge.guild.channels["general"]
        assert bridge.post_message(again)
    assert len([text for text in notices(bridge) if "was deleted" in text]) == 1


async def test_a_channel_deleted_while_the_bot_was_away_is_found_at_the_start(
    environment: Environment,
) -> None:
    _, sandbox, guild = environment
    async with running_bridge(*environment) as first:
        await change_workspace(first, log_channel_id=guild.channels["log"])
        report = await first.game_report()
    sandbox.delete_channel("reports")

    async with running_bridge(*environment, keys=first.keys) as second:
        await notified(second, f"The channel {guild.channels['reports']} was deleted")
        await change_workspace(second, reports_channel_id=guild.channels["general"])
        again = await second.wait_until_posted(report.public_id)
        assert again.post.channel_id == guild.channels["general"]


async def test_a_channel_the_bot_may_not_see_does_not_count_as_deleted(environment: Environment) -> None:
    _, sandbox, guild = environment
    async with running_bridge(*environment) as first:
        report = await first.game_report()
    bot = guild.members["ticketbridge"]
    sandbox.set_overwrite("reports", bot, deny=Permission.VIEW_CHANNEL)

    async with running_bridge(*environment, keys=first.keys) as second:
        await second.ticket()
        found = await second.application.store.tickets.get(report.id)

    assert found.post.message_id == report.post.message_id


async def test_a_channel_that_discord_does_not_call_unknown_does_not_count_as_deleted(
    environment: Environment,
) -> None:
    _, sandbox, guild = environment
    async with running_bridge(*environment) as first:
        await change_workspace(first, log_channel_id=guild.channels["log"])
        report = await first.game_report()
    sandbox.delete_channel("reports")
    sandbox.fail("forbidden", method="GET", path=f"/channels/{guild.channels['reports']}$", times=None)

    async with running_bridge(*environment, keys=first.keys) as second:
        await second.ticket()
        await wait_for(lambda: lookups(sandbox, guild.channels["reports"]))
        found = await second.application.store.tickets.get(report.id)
        assert found.post.message_id == report.post.message_id
    sandbox.clear_faults()
    async with running_bridge(*environment, keys=first.keys) as third:
        await notified(third, "was deleted")


def lookups(sandbox: Sandbox, channel_id: int) -> list[Any]:
    return [one for one in sandbox.requests if one["path"] == f"/channels/{channel_id}"]


async def test_a_deleted_staff_role_is_reported_with_what_to_do(logging_bridge: RunningBridge) -> None:
    bridge = logging_bridge

    bridge.sandbox.delete_role("Staff")

    text = await notified(bridge, "staff role")
    assert "`/setup workspace`" in text


async def test_a_staff_role_deleted_while_the_bot_was_away_is_reported_once(environment: Environment) -> None:
    _, sandbox, guild = environment
    async with running_bridge(*environment) as first:
        await change_workspace(first, log_channel_id=guild.channels["log"])
        await first.ticket()
    sandbox.delete_role("Staff")

    async with running_bridge(*environment, keys=first.keys) as second:
        await notified(second, "staff role")
    async with running_bridge(*environment, keys=first.keys) as third:
        await third.ticket(subject="another")
        assert len(notices(third)) == 1


async def test_without_a_log_channel_a_deleted_post_is_recorded_all_the_same(bridge: RunningBridge) -> None:
    report = await bridge.game_report()

    bridge.sandbox.delete_message(report.post.message_id or 0)

    await post_recorded_as_deleted(bridge, report)
    assert await bridge.application.store.outbox.pending_for_ticket(report.id) == []


def body(subject: str) -> dict[str, Any]:
    return dict(modl.TICKET) | {"subject": subject}


def deletion(*, posts: int = 0, reposted: int = 0, stranded: int = 0) -> ChannelDeletion:
    workspace = Workspace(
        id="w",
        created_at=NOW,
        name="hub",
        guild_id=1,
        tickets_channel_id=2,
        reports_channel_id=3,
        staff_role_id=4,
    )
    return ChannelDeletion(
        workspace=workspace, is_new=True, posts=posts, reposted=reposted, stranded=stranded
    )


def test_a_notice_of_a_deleted_channel_counts_in_plain_words() -> None:
    one = _deleted_channel_embed(deletion(posts=1, reposted=1, stranded=1), 9).description or ""
    many = _deleted_channel_embed(deletion(posts=3, reposted=2, stranded=0), 9).description or ""

    assert "1 ticket was shown in it. Of these, 1 is not closed yet and posted again." in one
    assert "1 delivery waits until the workspace names another channel." in one
    assert "3 tickets were shown in it. Of these, 2 are not closed yet and posted again." in many


def test_a_notice_is_red_where_somebody_has_to_act() -> None:
    still_named = _deleted_channel_embed(deletion(stranded=1), 2)

    assert still_named.colour == ACTION_NEEDED
    assert "`/setup workspace`" in (still_named.description or "")
    assert _deleted_channel_embed(deletion(stranded=0), 9).colour == WARNING
