"""A ticket in a digest is handled like any other: opened from the select, claimed, answered, closed."""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from operator import methodcaller
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox import Permission
from bot.tickets.message import MessageKind
from bot.tickets.ticket import Priority, Status
from bot.tickets.workspace import Department
from bot.tickets.workspace_changes import update_workspace
from cogs.posts.digest import DIGEST_SELECT_ID
from tests.cogs.core.test_interactions import first_answers, reader_busy, write_locked
from tests.storage.samples import WRITER, noting
from tests.support.bridge_harness import buttons_of, reply_text, wait_for
from tests.support.burst_harness import Burst, away, back, embed_of, new_tickets, posted_burst

Json = dict[str, Any]


async def test_staff_open_each_ticket_of_a_digest_for_themselves_alone(
    tmp_path: Path,
) -> None:
    async with posted_burst(tmp_path, new_tickets(16, body="word " * 150)) as burst:
        for ticket in burst.tickets[:10]:
            record = await burst.choose("mia", ticket)

            answer = record["messages"][-1]
            assert answer["flags"] & 64
            assert answer["embeds"][0]["footer"]["text"] == f"{ticket.public_id} · modl"
            assert answer["embeds"][0]["description"] == ("word " * 150).strip()
            assert list(buttons_of(answer)) == ["Claim", "Reply", "Close"]


async def test_a_ticket_opened_from_a_digest_has_its_chat_log_and_its_history(tmp_path: Path) -> None:
    talkative = [replace(new, chat_log=("<rey> hello",)) for new in new_tickets(16)]
    async with posted_burst(tmp_path, talkative) as burst:
        store = burst.bridge.application.store
        await store.tickets.add_message(
            burst.tickets[0].id, noting("A smurf."), origin="test", now=datetime.now(UTC)
        )

        answer = (await burst.choose("mia", burst.tickets[0]))["messages"][-1]

        (file,) = answer["attachments"]
        async with burst.bridge.session.get(file["url"]) as response:
            assert await response.text() == "<rey> hello\n"
        assert "A smurf." in str(answer["embeds"])


async def test_a_ticket_whose_text_discord_refuses_is_opened_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogs.tickets.embeds.TITLE_LIMIT", 5000)  # longer than Discord takes
    async with posted_burst(tmp_path, [replace(new, subject="x" * 256) for new in new_tickets(16)]) as burst:
        answer = (await burst.choose("mia", burst.tickets[0]))["messages"][-1]

        assert answer["embeds"][0]["title"] == burst.tickets[0].public_id
        assert list(buttons_of(answer)) == ["Claim", "Reply", "Close"]
        (file,) = answer["attachments"]
        async with burst.bridge.session.get(file["url"]) as response:
            assert await response.text() == "x" * 256 + "\n\nQuite badly."


async def test_a_ticket_is_claimed_answered_and_closed_from_its_digest(tmp_path: Path) -> None:
    async with posted_burst(tmp_path, new_tickets(16)) as burst:
        ticket, store = burst.tickets[4], burst.bridge.application.store
        claimed = await burst.press("mia", await burst.choose("mia", ticket), "Claim")
        form = await burst.press("mia", claimed, "Reply")
        replied = await burst.bridge.sandbox.modal("mia", form["id"], {"text": "Thank you."})
        closed = await burst.close("mia", claimed)
        await burst.wait_until_delivered()

        assert "You have claimed" in reply_text(claimed)
        assert f"Your reply to {ticket.public_id}" in reply_text(replied)
        assert "is closed" in reply_text(closed)
        assert list(buttons_of(closed["messages"][-1])) == ["Reopen", "Undo (30 s)"]
        (reply,) = await store.messages.list_of_ticket(ticket.id, [MessageKind.REPLY])
        assert reply.text == "Thank you."
        assert (await store.tickets.get(ticket.id)).status is Status.CLOSED


async def test_a_watcher_opens_a_ticket_of_a_digest_and_gets_no_buttons(tmp_path: Path) -> None:
    async with posted_burst(tmp_path, new_tickets(16)) as burst:
        ticket, bridge = burst.tickets[4], burst.bridge
        role = int(bridge.sandbox.create_role("Watchers")["id"])
        bridge.sandbox.give_role("paula", "Watchers")
        bridge.sandbox.set_overwrite("tickets", "paula", allow=Permission.VIEW_CHANNEL)
        await bridge.application.store.workspaces.change(
            ticket.workspace_id, lambda before: update_workspace(before, watcher_role_id=role)
        )

        answer = (await burst.choose("paula", ticket))["messages"][-1]

        assert answer["embeds"][0]["footer"]["text"] == f"{ticket.public_id} · {ticket.source}"
        assert answer["components"] == []


async def test_the_menu_of_a_ticket_of_a_digest_works_and_undo_shows_its_buttons_again(
    tmp_path: Path,
) -> None:
    async with posted_burst(tmp_path, new_tickets(16)) as burst:
        ticket, store, sandbox = burst.tickets[2], burst.bridge.application.store, burst.bridge.sandbox
        opened = (await burst.choose("mia", ticket))["messages"][-1]

        asked = await sandbox.press("mia", opened["id"], f"ticket:more:{ticket.id}", ["priority"])
        select = asked["messages"][-1]["components"][0]["components"][0]["custom_id"]
        changed = await sandbox.press("mia", asked["messages"][-1]["id"], select, ["urgent"])
        claimed = await burst.press("mia", {"messages": [opened]}, "Claim")
        undone = await burst.press("mia", claimed, "Undo (30 s)")

        assert "is urgent now" in reply_text(changed)
        assert list(buttons_of(claimed["messages"][-1])) == ["Unclaim", "Reply", "Close", "Undo (30 s)"]
        assert list(buttons_of(undone["messages"][-1])) == ["Claim", "Reply", "Close"]
        found = await store.tickets.get(ticket.id)
        assert (found.priority, found.status) == (Priority.URGENT, Status.OPEN)


async def test_a_digest_is_updated_when_one_of_its_tickets_changes(tmp_path: Path) -> None:
    async with posted_burst(tmp_path, new_tickets(16)) as burst:
        ticket, other = burst.tickets[9], burst.tickets[8]
        before = burst.digest_of(ticket).copy()

        await burst.press("mia", await burst.choose("mia", ticket), "Claim")
        await burst.wait_until_delivered()

        digest, _ = burst.digests("tickets")
        mia = burst.bridge.guild.members["mia"]
        described = embed_of(digest, ticket)["description"]
        assert described.startswith(f"🟡 In progress, claimed by <@{mia}>")
        assert embed_of(digest, other) == embed_of(before, other)
        assert digest["embeds"][-1]["footer"] == before["embeds"][-1]["footer"]
        assert digest["id"] == before["id"]
        assert (await burst.choose("noah", other))["error"] is None


async def test_a_game_report_of_a_digest_is_resolved_and_takes_no_reply(tmp_path: Path) -> None:
    async with posted_burst(tmp_path, new_tickets(16, view_only=True)) as burst:
        report, store = burst.tickets[0], burst.bridge.application.store
        record = await burst.choose("mia", report)
        answer = record["messages"][-1]

        forged = await burst.bridge.sandbox.press(
            "mia", answer["id"], f"ticket:reply:{report.id}", forge=True
        )
        await burst.press("mia", record, "Resolve")

        assert list(buttons_of(answer)) == ["Claim", "Resolve"]
        assert "GAME REPORT · view-only" in answer["embeds"][0]["description"]
        assert "view-only: nobody can reply to its reporter" in reply_text(forged)
        assert forged["modal"] is None
        assert (await store.tickets.get(report.id)).status is Status.RESOLVED


async def test_a_ticket_that_changed_since_is_opened_as_it_is_now(tmp_path: Path) -> None:
    async with posted_burst(tmp_path, new_tickets(16)) as burst:
        first = await burst.choose("mia", burst.tickets[0])
        await burst.close("noah", await burst.choose("noah", burst.tickets[0]))

        late = await burst.press("mia", first, "Claim")
        again = await burst.choose("mia", burst.tickets[0])

        assert "Noah has closed this ticket. Reopen it first." in reply_text(late)
        assert list(buttons_of(again["messages"][-1])) == ["Reopen"]


async def test_a_choice_is_answered_after_a_restart_and_every_time(tmp_path: Path) -> None:
    async with away(tmp_path, new_tickets(16)) as environment:
        async with back(tmp_path, *environment) as burst:
            await burst.wait_until_delivered()
            opened, earlier = await burst.choose("mia", burst.tickets[0]), len(environment[0].requests)
        async with back(tmp_path, *environment) as burst:
            await wait_for(
                lambda: (
                    environment[0].snapshot()["connected_sessions"]
                    and len(environment[0].requests) > earlier + 3
                )
            )
            claimed = await burst.press("mia", opened, "Claim")
            again = [await burst.choose("mia", burst.tickets[0]) for _ in range(2)]

            assert "You have claimed" in reply_text(claimed)
            assert [list(buttons_of(one["messages"][-1])) for one in again] == [
                ["Unclaim", "Reply", "Close"]
            ] * 2


async def test_the_select_is_reset_so_that_the_same_ticket_can_be_chosen_again(tmp_path: Path) -> None:
    async with posted_burst(tmp_path, new_tickets(16)) as burst:
        before = burst.digest_of(burst.tickets[0]).copy()

        await burst.choose("mia", burst.tickets[0])

        await wait_for(lambda: burst.digest_of(burst.tickets[0])["edited_timestamp"])
        digest = burst.digest_of(burst.tickets[0])
        assert digest["components"] == before["components"]
        assert digest["embeds"] == before["embeds"]


async def test_a_player_is_refused_and_sees_nothing(tmp_path: Path) -> None:
    async with posted_burst(tmp_path, new_tickets(16)) as burst:
        burst.bridge.sandbox.set_overwrite("tickets", "everyone", allow=1 << 10)

        record = await burst.choose("pete", burst.tickets[0])

        assert "Only staff" in reply_text(record)
        assert not any(message["embeds"] for message in record["messages"] if message["flags"] & 64)


@pytest.mark.parametrize("values", [["999999"], ["-1"], ["x" * 100], ["1", "2"], []])
async def test_a_choice_that_the_digest_does_not_offer_is_refused(tmp_path: Path, values: list[str]) -> None:
    async with posted_burst(tmp_path, new_tickets(16)) as burst:
        digest = burst.digest_of(burst.tickets[0])

        record = await burst.bridge.sandbox.press("mia", digest["id"], DIGEST_SELECT_ID, values, forge=True)

        assert "not one of mine" in reply_text(record)


@pytest.mark.parametrize("made_up", [DIGEST_SELECT_ID, "digest:close", "digest:"])
async def test_a_choice_forged_under_another_message_is_refused(tmp_path: Path, made_up: str) -> None:
    async with posted_burst(tmp_path, new_tickets(1)) as burst:
        (post,) = (one for one in burst.bridge.sandbox.messages("tickets") if one["embeds"])
        values = [str(burst.tickets[0].id)]

        record = await burst.bridge.sandbox.press("mia", post["id"], made_up, values, forge=True)

        assert "not one of mine" in reply_text(record)


async def choice_is_answered(burst: Burst) -> None:
    """Return once Discord has the first answer to a choice, whatever comes of it later."""
    since = time.monotonic()
    choice = asyncio.create_task(burst.choose("mia", burst.tickets[0]))
    await wait_for(lambda: first_answers(burst.bridge, since))
    choice.cancel()
    await asyncio.wait([choice])


async def test_a_choice_is_answered_while_the_database_is_locked_or_busy(tmp_path: Path) -> None:
    async with posted_burst(tmp_path, new_tickets(16)) as burst:
        with write_locked(tmp_path / "t.db"):
            await choice_is_answered(burst)
        async with reader_busy(burst.bridge):
            await choice_is_answered(burst)


async def test_a_digest_has_no_thread_and_a_reply_answers_its_message(tmp_path: Path) -> None:
    async with posted_burst(tmp_path, new_tickets(16)) as burst:
        ticket, sandbox = burst.tickets[2], burst.bridge.sandbox
        digest = burst.digest_of(ticket)

        await sandbox.command(
            "mia", "general", "ticket reply", {"ticket": ticket.public_id, "message": "On it."}
        )
        await burst.wait_until_delivered()

        (reply,) = (one for one in sandbox.messages("tickets") if one["type"] == 19)
        assert reply["message_reference"]["message_id"] == digest["id"]
        assert reply["embeds"][0]["description"] == "On it."
        assert reply["embeds"][0]["footer"]["text"].startswith(f"{ticket.public_id} · reply ")
        assert "thread" not in digest


async def test_a_thread_opened_by_hand_on_a_digest_belongs_to_no_ticket(tmp_path: Path) -> None:
    async with posted_burst(tmp_path, new_tickets(16)) as burst:
        sandbox = burst.bridge.sandbox
        digest = burst.digest_of(burst.tickets[0])
        thread = sandbox.open_thread("mia", "tickets", "let us talk", message=digest["id"])

        record = await sandbox.command("mia", thread["id"], "ticket view")

        assert "Name a ticket, or use the command in a ticket's own thread." in reply_text(record)


async def test_a_pointer_to_a_ticket_in_a_digest_leads_to_the_digest(tmp_path: Path) -> None:
    async with posted_burst(tmp_path, new_tickets(16)) as burst:
        ticket, store, guild = burst.tickets[0], burst.bridge.application.store, burst.bridge.guild
        (workspace,) = await store.workspaces.list_all()
        builders = Department(id="builders", name="Builders", channel_id=guild.channels["log"])
        workspace = await store.workspaces.change(workspace.id, methodcaller("with_department", builders))

        await store.tickets.change(
            ticket.id,
            lambda ticket: workspace.transfer(ticket, "builders"),
            datetime.now(UTC),
            actor=WRITER,
        )
        await burst.wait_until_delivered()

        (pointer,) = burst.bridge.sandbox.messages("log")
        digest = burst.digest_of(ticket)
        path = f"{guild.id}/{guild.channels['tickets']}/{digest['id']}"
        assert pointer["embeds"][0]["url"] == f"https://discord.com/channels/{path}"


async def test_a_deleted_digest_delays_nothing(tmp_path: Path) -> None:
    async with posted_burst(tmp_path, new_tickets(16)) as burst:
        opened = await burst.choose("mia", burst.tickets[0])
        burst.bridge.sandbox.delete_message(burst.digest_of(burst.tickets[0])["id"])

        claimed = await burst.press("mia", opened, "Claim")
        await burst.wait_until_delivered()

        assert "You have claimed" in reply_text(claimed)
        assert await burst.bridge.application.store.outbox_admin.list_undelivered(1) == []


async def test_a_ticket_of_a_digest_is_listed_and_viewed_by_its_id(tmp_path: Path) -> None:
    async with posted_burst(tmp_path, new_tickets(16)) as burst:
        ticket = burst.tickets[0]

        record = await burst.bridge.sandbox.command(
            "mia", "general", "ticket view", {"ticket": ticket.public_id}
        )

        assert record["messages"][-1]["embeds"][0]["footer"]["text"] == f"{ticket.public_id} · modl"
