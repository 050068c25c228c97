"""Threads of tickets: whether they are archived, who is in them, and room for new ones."""

from datetime import UTC, datetime
from operator import methodcaller
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox import Permission
from bot.sources.modl import examples as modl
from bot.tickets.message import Actor
from bot.tickets.ticket import Status, Ticket
from bot.tickets.workspace_changes import update_workspace
from tests.support.bridge_harness import (
    RunningBridge,
    reply_text,
    running_bridge,
    running_sandbox,
    wait_for,
)

MIA = Actor(id="1", name="Mia")


def is_archived(bridge: RunningBridge, ticket: Ticket) -> bool:
    return bridge.sandbox.state.world.channels[ticket.post.thread_id or 0].archived


def embeds_in(bridge: RunningBridge, channel: Any) -> list[str]:
    return [str(e.get("description")) for m in bridge.sandbox.messages(channel) for e in m["embeds"]]


def texts(bridge: RunningBridge, words: str) -> list[str]:
    """The notices of the log channel with these words."""
    return [text for text in embeds_in(bridge, "log") if words in text]


async def add_log_channel(bridge: RunningBridge) -> None:
    (workspace,) = await bridge.application.store.workspaces.list_all()
    channel_id = bridge.guild.channels["log"]
    await bridge.application.store.workspaces.change(
        workspace.id, lambda workspace: update_workspace(workspace, log_channel_id=channel_id)
    )


async def set_status(bridge: RunningBridge, ticket: Ticket, status: Status) -> Ticket:
    await bridge.application.store.tickets.change(
        ticket.id, lambda ticket: ticket.set_status(status), datetime.now(UTC), actor=MIA
    )
    return await bridge.refresh(ticket)


async def add_note(bridge: RunningBridge, ticket: Ticket, text: str) -> None:
    await bridge.application.store.tickets.add_message(
        ticket.id, lambda ticket: ticket.note(MIA, text), origin=text, now=datetime.now(UTC)
    )
    await bridge.refresh(ticket)


async def submit_open_modal(bridge: RunningBridge) -> str:
    """The id of a private ticket of pete's, posted or not."""
    form = await bridge.sandbox.command("pete", "general", "ticket open")
    record = await bridge.sandbox.modal(
        "pete", form["id"], {"category": ["bug"], "subject": "Lost", "body": "My sword."}
    )
    return reply_text(record).split()[1]


@pytest.mark.parametrize("status", [Status.CLOSED, Status.RESOLVED])
async def test_the_thread_of_a_closed_ticket_is_archived_and_opened_again_with_it(
    bridge: RunningBridge, status: Status
) -> None:
    ticket = await bridge.ticket()
    assert not is_archived(bridge, ticket)

    await set_status(bridge, ticket, status)
    assert is_archived(bridge, ticket)
    assert not bridge.sandbox.state.world.channels[ticket.post.thread_id or 0].locked

    await set_status(bridge, ticket, Status.OPEN)
    assert not is_archived(bridge, ticket)
    assert "Open" in str(bridge.post_message(ticket)["embeds"])


async def test_a_private_thread_is_archived_too_and_its_post_is_up_to_date(bridge: RunningBridge) -> None:
    ticket = await bridge.wait_until_posted(await submit_open_modal(bridge))

    await set_status(bridge, ticket, Status.CLOSED)
    assert is_archived(bridge, ticket)
    assert "Closed" in str(bridge.post_message(ticket)["embeds"])

    await set_status(bridge, ticket, Status.RESOLVED)
    assert is_archived(bridge, ticket)
    assert "Resolved" in str(bridge.post_message(ticket)["embeds"])

    await bridge.press("mia", ticket, "Reopen")
    await bridge.refresh(ticket)
    assert not is_archived(bridge, ticket)


async def test_lines_about_changes_are_in_their_order_and_leave_a_closed_thread_archived(
    bridge: RunningBridge,
) -> None:
    ticket = await bridge.ticket()
    store = bridge.application.store

    for number, change in enumerate(
        (methodcaller("claim", MIA), methodcaller("unclaim"), methodcaller("set_status", Status.CLOSED))
    ):
        await store.tickets.change(ticket.id, change, datetime.now(UTC), actor=MIA)
        await add_note(bridge, ticket, f"Note {number}")

    assert embeds_in(bridge, ticket.post.thread_id) == [
        "🕘 Mia claimed the ticket",
        "Note 0",
        "🕘 Mia unclaimed the ticket",
        "Note 1",
        "🕘 Mia changed the status to closed",
        "Note 2",
    ]
    assert is_archived(bridge, ticket)


async def test_a_game_report_and_its_channel_get_no_lines_about_changes(bridge: RunningBridge) -> None:
    report = await bridge.game_report()

    await bridge.press("mia", report, "Claim")
    await bridge.press("mia", await bridge.refresh(report), "Resolve")

    await bridge.refresh(report)
    assert len(bridge.sandbox.messages("reports")) == 1


async def test_a_message_on_a_closed_ticket_leaves_its_thread_archived(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()
    await set_status(bridge, ticket, Status.CLOSED)

    await add_note(bridge, ticket, "He is banned.")

    assert "He is banned." in embeds_in(bridge, ticket.post.thread_id)
    assert is_archived(bridge, ticket)


async def test_a_thread_that_starts_when_its_ticket_is_closed_already_is_archived(
    bridge: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogs.posts.errors.FIRST_WAIT_SECONDS", 0.1)
    bridge.sandbox.change_settings(max_active_threads=0)
    response = await bridge.post("/v1/minecraft/tickets", dict(modl.TICKET), source="modl")

    async def posted() -> Ticket | None:
        found = await bridge.application.store.tickets.find_by_public_id(response["ticketId"])
        return found if found and found.post.message_id else None

    ticket = await wait_for(posted)
    await bridge.application.store.tickets.change(
        ticket.id, lambda ticket: ticket.set_status(Status.CLOSED), datetime.now(UTC), actor=MIA
    )
    bridge.sandbox.change_settings(max_active_threads=10)

    assert is_archived(bridge, await bridge.refresh(ticket))


async def test_a_thread_that_may_not_be_archived_holds_nothing_up(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()
    bridge.sandbox.fail("forbidden", method="PATCH", path=rf"/channels/{ticket.post.thread_id}$", times=None)

    await set_status(bridge, ticket, Status.CLOSED)

    assert not is_archived(bridge, ticket)
    assert await bridge.application.store.outbox_admin.list_undelivered(10) == []
    await bridge.ticket(subject="The next one")


async def test_a_ticket_whose_reporter_has_left_is_posted_and_staff_read_why_they_are_missing(
    bridge: RunningBridge,
) -> None:
    await add_log_channel(bridge)
    bridge.sandbox.fail("503", method="POST", path=r"/channels/\d+/threads$")
    public_id = await submit_open_modal(bridge)
    bridge.sandbox.remove_member("pete")

    ticket = await bridge.wait_until_posted(public_id)

    pete = bridge.guild.members["pete"]
    assert bridge.post_message(ticket)
    assert embeds_in(bridge, ticket.post.thread_id)[0] == (
        f"⚠️ <@{pete}>, who opened this ticket, is not here: they are no longer in this server. "
        "Once they are back, mention them here."
    )
    (notice,) = texts(bridge, public_id)
    assert f"<@{pete}>, who opened `{public_id}`, is not in <#{ticket.post.thread_id}>: they are no" in notice


async def test_a_ticket_posted_again_where_its_reporter_sees_nothing_holds_up_no_other(
    bridge: RunningBridge,
) -> None:
    await add_log_channel(bridge)
    ticket = await bridge.wait_until_posted(await submit_open_modal(bridge))
    bridge.sandbox.delete_channel("general")

    async def again() -> Ticket | None:
        found = await bridge.application.store.tickets.get(ticket.id)
        return found if found.post.thread_id not in (None, ticket.post.thread_id) else None

    await wait_for(again)
    moved = await bridge.refresh(ticket)
    other = await bridge.ticket(subject="The next one")

    assert moved.post.channel_id == bridge.guild.channels["tickets"]
    assert bridge.post_message(moved)
    assert other.post.message_id
    assert f"they cannot see <#{bridge.guild.channels['tickets']}>" in texts(bridge, "who opened")[0]
    assert texts(bridge, "cannot post") == []


async def test_the_missing_reporter_is_said_once_in_the_thread_although_a_response_was_lost(
    tmp_path: Path,
) -> None:
    async with (
        running_sandbox(nonce_window=0.0, echo=False) as (sandbox, guild),
        running_bridge(tmp_path / "t.db", sandbox, guild) as bridge,
    ):
        sandbox.fail("503", method="POST", path=r"/channels/\d+/threads$")
        public_id = await submit_open_modal(bridge)
        sandbox.remove_member("pete")
        sandbox.fail("reset", when="after", method="POST", path=r"/channels/\d+/messages$")

        ticket = await bridge.wait_until_posted(public_id)

        assert sum("is not here" in text for text in embeds_in(bridge, ticket.post.thread_id)) == 1


async def test_a_thread_in_which_the_bot_may_not_write_waits_for_the_permission(
    bridge: RunningBridge,
) -> None:
    bot = bridge.guild.members["ticketbridge"]
    bridge.sandbox.set_overwrite("general", bot, deny=Permission.SEND_MESSAGES_IN_THREADS)
    public_id = await submit_open_modal(bridge)

    async def is_refused() -> bool:
        return any(one.last_error for one in await bridge.application.store.outbox_admin.list_undelivered(10))

    await wait_for(is_refused)
    bridge.sandbox.set_overwrite("general", bot, allow=Permission.SEND_MESSAGES_IN_THREADS)
    ticket = await bridge.wait_until_posted(public_id)

    assert (
        bridge.guild.members["pete"] in bridge.sandbox.state.world.channels[ticket.post.thread_id or 0].joined
    )
    assert not any("is not here" in text for text in embeds_in(bridge, ticket.post.thread_id))


async def test_near_the_limit_of_threads_those_of_closed_tickets_make_room_and_the_log_channel_says_so(
    bridge: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_log_channel(bridge)
    closed, left_open = await bridge.ticket(subject="Closed"), await bridge.ticket(subject="Open")
    await set_status(bridge, closed, Status.CLOSED)
    bridge.sandbox.change_thread(closed.post.thread_id or 0, archived=False)
    await wait_for(lambda: not is_archived(bridge, closed))
    monkeypatch.setattr("cogs.posts.threads.NEAR_THREAD_LIMIT", 2)

    await bridge.ticket(subject="New")

    assert is_archived(bridge, closed)
    assert not is_archived(bridge, left_open)
    (notice,) = await wait_for(lambda: texts(bridge, "Discord allows 1,000 active threads"))
    assert notice.endswith("I archived 1 thread of a closed ticket, the oldest first.")

    monkeypatch.setattr("cogs.posts.threads.LOOK_AGAIN_SECONDS", 0.0)
    for number in range(3):
        await bridge.ticket(subject=f"Another {number}")
    assert len(texts(bridge, "no thread left is of a closed ticket")) == 1
    assert await bridge.application.store.outbox.pending_for_ticket(left_open.id) == []


async def test_at_the_limit_of_threads_tickets_are_posted_and_their_threads_wait_for_room(
    bridge: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogs.posts.errors.FIRST_WAIT_SECONDS", 0.1)
    await add_log_channel(bridge)
    first = await bridge.ticket(subject="First")
    bridge.sandbox.change_settings(max_active_threads=1)
    response = await bridge.post(
        "/v1/minecraft/tickets", dict(modl.TICKET) | {"subject": "Second"}, source="modl"
    )
    private_id = await submit_open_modal(bridge)

    await wait_for(lambda: texts(bridge, "no thread left is of a closed ticket"))
    second = await bridge.application.store.tickets.find_by_public_id(response["ticketId"])
    assert second is not None
    assert second.post.message_id
    report = await bridge.game_report()
    assert report.post.message_id

    await set_status(bridge, first, Status.CLOSED)
    bridge.sandbox.change_settings(max_active_threads=2)
    assert (await bridge.refresh(second)).post.thread_id
    assert (await bridge.wait_until_posted(private_id)).post.message_id


async def test_at_the_limit_a_message_makes_room_by_archiving_the_thread_of_a_closed_ticket(
    bridge: RunningBridge,
) -> None:
    first, second = await bridge.ticket(subject="First"), await bridge.ticket(subject="Second")
    for ticket in (first, second):
        await set_status(bridge, ticket, Status.CLOSED)
    bridge.sandbox.change_thread(first.post.thread_id or 0, archived=False)
    bridge.sandbox.change_settings(max_active_threads=1)

    await add_note(bridge, second, "He is banned.")

    assert "He is banned." in embeds_in(bridge, second.post.thread_id)
    assert is_archived(bridge, first)
