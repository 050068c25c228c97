"""What people delete in Discord is noticed, and strands no ticket."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox import DemoGuild, Permission, Sandbox
from bot.sources.modl import examples as modl
from bot.tickets.message import Actor
from bot.tickets.outbox import DeliveryKind, Destination
from bot.tickets.ticket import Status, Ticket
from tests.support.bridge_harness import RunningBridge, reply_text, running_sandbox, wait_for
from tests.support.bridge_harness import running_bridge as run_town

MIA = Actor(id="1", name="Mia")
Place = tuple[Path, Sandbox, DemoGuild]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """Where bridges come and go: their database, and a Discord that stays."""
    async with running_sandbox() as (sandbox, guild):
        yield tmp_path / "ticketbridge.db", sandbox, guild


@pytest.fixture
async def logging_town(town: RunningBridge) -> RunningBridge:
    """A town whose workspace has a log channel."""
    await changed(town, log_channel_id=town.guild.channels["log"])
    return town


async def changed(town: RunningBridge, **parts: Any) -> None:
    (workspace,) = await town.application.store.workspaces()
    await town.application.store.change_workspace(workspace.id, lambda kept: replace(kept, **parts))


def reports(town: RunningBridge) -> list[str]:
    told = town.sandbox.messages("log")
    return [embed["description"] for message in told for embed in message["embeds"]]


async def reported(town: RunningBridge, words: str) -> str:
    def look() -> str:
        return next((text for text in reports(town) if words in text), "")

    return str(await wait_for(look))


async def forgotten(town: RunningBridge, ticket: Ticket) -> Ticket:
    """The ticket, once its post is known to be gone."""

    async def look() -> Ticket | None:
        found = await town.application.store.ticket(ticket.id)
        return found if found.post.message_id is None else None

    return await wait_for(look)  # type: ignore[no-any-return]  # what `look` gives


async def replied(town: RunningBridge, ticket: Ticket, text: str, origin: str) -> None:
    await town.application.store.add_message(
        ticket.id, lambda kept: kept.reply(MIA, text), origin=origin, now=ticket.created_at
    )


async def move(town: RunningBridge, ticket: Ticket, status: Status) -> None:
    await town.application.store.change_ticket(
        ticket.id, lambda kept: kept.set_status(status), ticket.created_at, actor=MIA
    )


async def opened(town: RunningBridge) -> Ticket:
    """A private ticket of pete's, in its own thread."""
    record = await town.sandbox.command("pete", "general", "ticket open")
    record = await town.sandbox.modal(
        "pete", record["id"], {"subject": "Lost", "body": "My sword.", "category": ["bug"]}
    )
    return await town.wait_until_posted(reply_text(record).split()[1])


def embeds_in(town: RunningBridge, channel: Any) -> list[str]:
    return [str(e.get("description")) for m in town.sandbox.messages(channel) for e in m["embeds"]]


async def test_a_deleted_post_is_reported_with_how_to_see_and_post_it_again(
    logging_town: RunningBridge,
) -> None:
    town = logging_town
    report = await town.game_report()

    town.sandbox.delete_message(report.post.message_id or 0, "mia")

    told = await reported(town, report.public_id)
    assert "`/ticket view`" in told
    assert "`/ticket repost`" in told
    assert (await forgotten(town, report)).post.message_id is None


async def test_a_change_after_a_deleted_post_is_not_set_aside(logging_town: RunningBridge) -> None:
    town = logging_town
    ticket = await town.ticket()
    town.sandbox.delete_message(ticket.post.message_id or 0)
    await forgotten(town, ticket)

    await town.application.store.change_ticket(
        ticket.id, lambda kept: kept.claim(MIA), ticket.created_at, actor=MIA
    )

    await town.refresh(ticket)
    assert await town.application.store.list_undelivered(10) == []


async def test_a_post_found_missing_when_it_is_drawn_anew_is_reported_as_well(place: Place) -> None:
    _, sandbox, guild = place
    async with run_town(*place) as first:
        await changed(first, log_channel_id=guild.channels["log"])
        ticket = await first.ticket()
    sandbox.delete_message(ticket.post.message_id or 0)

    async with run_town(*place, keys=first.keys) as second:
        await second.application.store.change_ticket(
            ticket.id, lambda kept: kept.claim(MIA), ticket.created_at, actor=MIA
        )

        await reported(second, ticket.public_id)
        await second.refresh(ticket)
        assert await second.application.store.list_undelivered(10) == []


async def test_posts_deleted_together_are_all_noticed(logging_town: RunningBridge) -> None:
    town = logging_town
    first, second = await town.game_report(), await town.game_report(placeId="2")

    posts = [one.post.message_id for one in (first, second)]
    town.sandbox.delete_messages("reports", posts)

    await reported(town, first.public_id)
    await reported(town, second.public_id)


async def test_repost_posts_a_ticket_again_and_says_where_it_is_if_it_is_there(town: RunningBridge) -> None:
    ticket = await town.ticket()
    where = await town.sandbox.command("mia", "tickets", "ticket repost", {"ticket": ticket.public_id})
    assert str(ticket.post.message_id) in reply_text(where)
    town.sandbox.delete_message(ticket.post.message_id or 0)
    await forgotten(town, ticket)

    done = await town.sandbox.command("mia", "tickets", "ticket repost", {"ticket": ticket.public_id})

    assert "posted again" in reply_text(done)
    again = await town.refresh(ticket)
    assert again.post.message_id not in (None, ticket.post.message_id)
    assert again.post.thread_id == ticket.post.thread_id
    assert town.post_message(again)["embeds"]


async def test_repost_finds_out_that_a_post_was_deleted_unnoticed(place: Place) -> None:
    _, sandbox, _ = place
    async with run_town(*place) as first:
        report = await first.game_report()
    sandbox.delete_message(report.post.message_id or 0)

    async with run_town(*place, keys=first.keys) as second:
        await wait_for(lambda: sandbox.snapshot()["connected_sessions"])
        done = await sandbox.command("mia", "reports", "ticket repost", {"ticket": report.public_id})

        assert "posted again" in reply_text(done)
        assert second.post_message(await second.refresh(report))


async def test_repost_is_for_staff_alone(town: RunningBridge) -> None:
    ticket = await town.ticket()

    record = await town.sandbox.command("pete", "general", "ticket repost", {"ticket": ticket.public_id})

    assert "Only staff" in reply_text(record)


async def test_without_its_thread_a_reply_stands_under_the_post(town: RunningBridge) -> None:
    ticket = await town.ticket()
    town.sandbox.delete_channel(ticket.post.thread_id or 0)

    async def threadless() -> bool:
        return (await town.application.store.ticket(ticket.id)).post.thread_id is None

    await wait_for(threadless)
    await replied(town, ticket, "We are on it.", "a")

    await town.refresh(ticket)
    assert "We are on it." in embeds_in(town, "tickets")


async def test_a_thread_found_missing_stops_neither_its_reply_nor_the_channel(place: Place) -> None:
    _, sandbox, _ = place
    async with run_town(*place) as first:
        ticket = await first.ticket()
    sandbox.delete_channel(ticket.post.thread_id or 0)

    async with run_town(*place, keys=first.keys) as second:
        await replied(second, ticket, "We are on it.", "a")
        await second.refresh(ticket)
        assert "We are on it." in embeds_in(second, "tickets")
        await second.ticket(subject="another")


async def test_an_open_private_ticket_gets_a_new_thread_with_its_post_and_what_is_said_next(
    town: RunningBridge,
) -> None:
    ticket = await opened(town)
    town.sandbox.delete_channel(ticket.post.thread_id or 0)

    async def elsewhere() -> bool:
        return (await town.application.store.ticket(ticket.id)).post.thread_id not in (
            None,
            ticket.post.thread_id,
        )

    await wait_for(elsewhere)
    await replied(town, ticket, "We are on it.", "a")

    again = await town.refresh(ticket)

    assert again.post.thread_id not in (None, ticket.post.thread_id)
    assert town.post_message(again)
    assert "We are on it." in embeds_in(town, again.post.thread_id)
    assert "We are on it." not in embeds_in(town, "general")


async def test_a_private_ticket_whose_thread_vanished_unnoticed_is_not_answered_in_the_open(
    place: Place,
) -> None:
    _, sandbox, _ = place
    async with run_town(*place) as first:
        ticket = await opened(first)
    sandbox.delete_channel(ticket.post.thread_id or 0)

    async with run_town(*place, keys=first.keys) as second:
        await replied(second, ticket, "We are on it.", "a")
        again = await second.refresh(ticket)

        assert "We are on it." in embeds_in(second, again.post.thread_id)
        assert "We are on it." not in embeds_in(second, "general")


async def test_a_reply_on_a_private_ticket_without_a_thread_waits_for_one_and_is_never_in_the_open(
    town: RunningBridge,
) -> None:
    ticket = await opened(town)
    await move(town, ticket, Status.CLOSED)
    await town.refresh(ticket)
    town.sandbox.delete_channel(ticket.post.thread_id or 0)
    await forgotten(town, ticket)
    await move(town, ticket, Status.OPEN)
    await replied(town, ticket, "We are on it.", "a")

    async def waits() -> bool:
        waiting = await town.application.store.pending_for_ticket(ticket.id, Destination.DISCORD)
        return [one.kind for one in waiting if one.attempts] == [DeliveryKind.POST_MESSAGE]

    await wait_for(waits)
    await town.sandbox.command("mia", "tickets", "ticket repost", {"ticket": ticket.public_id})
    again = await town.refresh(ticket)

    assert "We are on it." in embeds_in(town, again.post.thread_id)
    assert "We are on it." not in embeds_in(town, "general")


async def test_tickets_of_a_deleted_channel_are_posted_in_the_next_the_workspace_names(
    logging_town: RunningBridge,
) -> None:
    town = logging_town
    shown = await town.ticket()
    town.sandbox.delete_channel("tickets")
    told = await reported(town, "was deleted")
    assert "`/setup workspace`" in told
    waiting = str((await town.post("/v1/minecraft/tickets", body("another"), source="modl"))["ticketId"])

    await changed(town, tickets_channel_id=town.guild.channels["general"])

    for public_id in (shown.public_id, waiting):
        again = await town.wait_until_posted(public_id)
        assert again.post.channel_id == town.guild.channels["general"]
        assert town.post_message(again)
    assert len([text for text in reports(town) if "was deleted" in text]) == 1


async def test_a_channel_deleted_while_nobody_ran_is_found_at_the_start(place: Place) -> None:
    _, sandbox, guild = place
    async with run_town(*place) as first:
        await changed(first, log_channel_id=guild.channels["log"])
        report = await first.game_report()
    sandbox.delete_channel("reports")

    async with run_town(*place, keys=first.keys) as second:
        await reported(second, f"The channel {guild.channels['reports']} was deleted")
        await changed(second, reports_channel_id=guild.channels["general"])
        again = await second.wait_until_posted(report.public_id)
        assert again.post.channel_id == guild.channels["general"]


async def test_a_channel_the_bot_merely_cannot_see_is_not_taken_for_deleted(place: Place) -> None:
    _, sandbox, guild = place
    async with run_town(*place) as first:
        report = await first.game_report()
    bot = guild.members["ticketbridge"]
    sandbox.set_overwrite("reports", bot, deny=Permission.VIEW_CHANNEL)

    async with run_town(*place, keys=first.keys) as second:
        await second.ticket()
        found = await second.application.store.ticket(report.id)

    assert found.post.message_id == report.post.message_id


async def test_a_channel_of_which_discord_does_not_say_that_it_is_unknown_is_not_taken_for_deleted(
    place: Place,
) -> None:
    _, sandbox, guild = place
    async with run_town(*place) as first:
        await changed(first, log_channel_id=guild.channels["log"])
        report = await first.game_report()
    sandbox.delete_channel("reports")
    sandbox.fail("forbidden", method="GET", path=f"/channels/{guild.channels['reports']}$", times=None)

    async with run_town(*place, keys=first.keys) as second:
        await second.ticket()
        await wait_for(lambda: asked_for(sandbox, guild.channels["reports"]))
        found = await second.application.store.ticket(report.id)
        assert found.post.message_id == report.post.message_id
    sandbox.clear_faults()
    async with run_town(*place, keys=first.keys) as third:
        await reported(third, "was deleted")


def asked_for(sandbox: Sandbox, channel_id: int) -> list[Any]:
    return [one for one in sandbox.requests if one["path"] == f"/channels/{channel_id}"]


async def test_a_deleted_staff_role_is_reported_with_its_cure(logging_town: RunningBridge) -> None:
    town = logging_town

    town.sandbox.delete_role("Staff")

    told = await reported(town, "staff role")
    assert "`/setup workspace`" in told


async def test_a_staff_role_deleted_while_nobody_ran_is_reported_once(place: Place) -> None:
    _, sandbox, guild = place
    async with run_town(*place) as first:
        await changed(first, log_channel_id=guild.channels["log"])
        await first.ticket()
    sandbox.delete_role("Staff")

    async with run_town(*place, keys=first.keys) as second:
        await reported(second, "staff role")
    async with run_town(*place, keys=first.keys) as third:
        await third.ticket(subject="another")
        assert len(reports(third)) == 1


async def test_without_a_log_channel_what_is_deleted_is_healed_all_the_same(town: RunningBridge) -> None:
    report = await town.game_report()

    town.sandbox.delete_message(report.post.message_id or 0)

    await forgotten(town, report)
    assert await town.application.store.pending_for_ticket(report.id, Destination.DISCORD) == []


def body(subject: str) -> dict[str, Any]:
    return dict(modl.TICKET) | {"subject": subject}
