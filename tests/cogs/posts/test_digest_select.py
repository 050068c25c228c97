"""A ticket in a digest is worked on as any other: opened from its select, claimed, answered, closed."""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from operator import methodcaller
from pathlib import Path
from typing import Any

import pytest

from bot.tickets.message import MessageKind
from bot.tickets.ticket import Status
from bot.tickets.workspace import Department
from cogs.posts.digest import DIGEST_SELECT_ID
from tests.cogs.core.test_interactions import first_answers, reader_busy, write_locked
from tests.storage.samples import WRITER, noting
from tests.support.bridge_harness import reply_text, wait_for
from tests.support.burst_harness import Burst, back, burst, buttons_in, embed_of, filed, waiting

Json = dict[str, Any]


async def test_each_ticket_of_a_digest_is_opened_whole_by_staff_and_seen_by_them_alone(
    tmp_path: Path,
) -> None:
    async with burst(tmp_path, filed(16, body="word " * 150)) as shown:
        for ticket in shown.tickets[:10]:
            record = await shown.choose("mia", ticket)

            answer = record["messages"][-1]
            assert answer["flags"] & 64
            assert answer["embeds"][0]["footer"]["text"] == f"{ticket.public_id} · modl"
            assert answer["embeds"][0]["description"] == ("word " * 150).strip()
            assert list(buttons_in(answer)) == ["Claim", "Reply", "Close"]


async def test_a_ticket_opened_from_a_digest_brings_its_chat_log_and_its_history(tmp_path: Path) -> None:
    talkative = [replace(new, chat_log=("<rey> hello",)) for new in filed(16)]
    async with burst(tmp_path, talkative) as shown:
        store = shown.town.application.store
        await store.add_message(shown.tickets[0].id, noting("A smurf."), origin="test", now=datetime.now(UTC))

        answer = (await shown.choose("mia", shown.tickets[0]))["messages"][-1]

        (file,) = answer["attachments"]
        async with shown.town.session.get(file["url"]) as told:
            assert await told.text() == "<rey> hello\n"
        assert "A smurf." in str(answer["embeds"])


async def test_a_ticket_whose_text_discord_refuses_is_opened_plainly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogs.tickets.embeds.TITLE_LIMIT", 5000)  # longer than Discord takes
    async with burst(tmp_path, [replace(new, subject="x" * 256) for new in filed(16)]) as shown:
        answer = (await shown.choose("mia", shown.tickets[0]))["messages"][-1]

        assert answer["embeds"][0]["title"] == shown.tickets[0].public_id
        assert list(buttons_in(answer)) == ["Claim", "Reply", "Close"]
        (file,) = answer["attachments"]
        async with shown.town.session.get(file["url"]) as told:
            assert await told.text() == "x" * 256 + "\n\nQuite badly."


async def test_it_is_claimed_answered_and_closed_from_there(tmp_path: Path) -> None:
    async with burst(tmp_path, filed(16)) as shown:
        ticket, store = shown.tickets[4], shown.town.application.store
        claimed = await shown.press("mia", await shown.choose("mia", ticket), "Claim")
        form = await shown.press("mia", claimed, "Reply")
        kept = await shown.town.sandbox.modal("mia", form["id"], {"text": "Thank you."})
        closed = await shown.press("mia", claimed, "Close")
        await shown.settled()

        assert "You have claimed" in reply_text(claimed)
        assert f"Your reply to {ticket.public_id} is saved" in reply_text(kept)
        assert "is closed" in reply_text(closed)
        assert list(buttons_in(closed["messages"][-1])) == ["Reopen"]
        (reply,) = await store.list_messages(ticket.id, [MessageKind.REPLY])
        assert reply.text == "Thank you."
        assert (await store.ticket(ticket.id)).status is Status.CLOSED


async def test_a_digest_is_drawn_anew_whole_when_one_of_its_tickets_changes(tmp_path: Path) -> None:
    async with burst(tmp_path, filed(16)) as shown:
        ticket, other = shown.tickets[9], shown.tickets[8]
        before = shown.digest_of(ticket).copy()

        await shown.press("mia", await shown.choose("mia", ticket), "Claim")
        await shown.settled()

        digest, _ = shown.digests("tickets")
        mia = shown.town.guild.members["mia"]
        described = embed_of(digest, ticket)["description"]
        assert described.startswith(f"🟡 In progress, claimed by <@{mia}>")
        assert embed_of(digest, other) == embed_of(before, other)
        assert digest["embeds"][-1]["footer"] == before["embeds"][-1]["footer"]
        assert digest["id"] == before["id"]
        assert (await shown.choose("noah", other))["error"] is None


async def test_a_game_report_of_a_digest_is_resolved_and_never_answered(tmp_path: Path) -> None:
    async with burst(tmp_path, filed(16, view_only=True)) as shown:
        report, store = shown.tickets[0], shown.town.application.store
        record = await shown.choose("mia", report)
        answer = record["messages"][-1]

        forged = await shown.town.sandbox.press("mia", answer["id"], f"ticket:reply:{report.id}", forge=True)
        await shown.press("mia", record, "Resolve")

        assert list(buttons_in(answer)) == ["Claim", "Resolve"]
        assert "GAME REPORT · view-only" in answer["embeds"][0]["description"]
        assert "view-only: nobody can reply to its reporter" in reply_text(forged)
        assert forged["modal"] is None
        assert (await store.ticket(report.id)).status is Status.RESOLVED


async def test_a_ticket_that_was_moved_on_since_is_opened_as_it_is_now(tmp_path: Path) -> None:
    async with burst(tmp_path, filed(16)) as shown:
        first = await shown.choose("mia", shown.tickets[0])
        await shown.press("noah", await shown.choose("noah", shown.tickets[0]), "Close")

        late = await shown.press("mia", first, "Claim")
        again = await shown.choose("mia", shown.tickets[0])

        assert "This ticket is closed" in reply_text(late)
        assert list(buttons_in(again["messages"][-1])) == ["Reopen"]


async def test_a_choice_is_answered_after_a_restart_and_as_often_as_it_is_made(tmp_path: Path) -> None:
    async with waiting(tmp_path, filed(16)) as there:
        async with back(tmp_path, *there) as shown:
            await shown.settled()
            opened, earlier = await shown.choose("mia", shown.tickets[0]), len(there[0].requests)
        async with back(tmp_path, *there) as shown:
            await wait_for(
                lambda: there[0].state()["connected_sessions"] and len(there[0].requests) > earlier + 3
            )
            claimed = await shown.press("mia", opened, "Claim")
            again = [await shown.choose("mia", shown.tickets[0]) for _ in range(2)]

            assert "You have claimed" in reply_text(claimed)
            assert [list(buttons_in(one["messages"][-1])) for one in again] == [
                ["Unclaim", "Reply", "Close"]
            ] * 2


async def test_the_select_is_reset_so_that_the_same_ticket_can_be_chosen_again(tmp_path: Path) -> None:
    async with burst(tmp_path, filed(16)) as shown:
        before = shown.digest_of(shown.tickets[0]).copy()

        await shown.choose("mia", shown.tickets[0])

        await wait_for(lambda: shown.digest_of(shown.tickets[0])["edited_timestamp"])
        digest = shown.digest_of(shown.tickets[0])
        assert digest["components"] == before["components"]
        assert digest["embeds"] == before["embeds"]


async def test_who_is_not_staff_is_refused_and_shown_nothing(tmp_path: Path) -> None:
    async with burst(tmp_path, filed(16)) as shown:
        shown.town.sandbox.set_overwrite("tickets", "everyone", allow=1 << 10)

        record = await shown.choose("pete", shown.tickets[0])

        assert "Only staff" in reply_text(record)
        assert not any(message["embeds"] for message in record["messages"] if message["flags"] & 64)


@pytest.mark.parametrize("values", [["999999"], ["-1"], ["x" * 100], ["1", "2"], []])
async def test_a_choice_that_the_digest_does_not_offer_is_refused(tmp_path: Path, values: list[str]) -> None:
    async with burst(tmp_path, filed(16)) as shown:
        digest = shown.digest_of(shown.tickets[0])

        record = await shown.town.sandbox.press("mia", digest["id"], DIGEST_SELECT_ID, values, forge=True)

        assert "not one of mine" in reply_text(record)


@pytest.mark.parametrize("made_up", [DIGEST_SELECT_ID, "digest:close", "digest:"])
async def test_a_choice_forged_under_another_message_is_refused(tmp_path: Path, made_up: str) -> None:
    async with burst(tmp_path, filed(1)) as shown:
        (post,) = (one for one in shown.town.sandbox.messages("tickets") if one["embeds"])
        values = [str(shown.tickets[0].id)]

        record = await shown.town.sandbox.press("mia", post["id"], made_up, values, forge=True)

        assert "not one of mine" in reply_text(record)


async def answered_within_a_second(shown: Burst) -> None:
    since = time.monotonic()
    asking = asyncio.create_task(shown.choose("mia", shown.tickets[0]))
    await asyncio.sleep(1.1)
    asking.cancel()
    answers = first_answers(shown.town, since)
    assert answers
    assert answers[0] < 1


async def test_a_choice_is_answered_within_a_second_whatever_the_database_does(tmp_path: Path) -> None:
    async with burst(tmp_path, filed(16)) as shown:
        with write_locked(tmp_path / "t.db"):
            await answered_within_a_second(shown)
        async with reader_busy(shown.town):
            await answered_within_a_second(shown)


async def test_no_thread_is_made_of_a_digest_and_what_is_said_answers_it(tmp_path: Path) -> None:
    async with burst(tmp_path, filed(16)) as shown:
        ticket, sandbox = shown.tickets[2], shown.town.sandbox
        digest = shown.digest_of(ticket)

        await sandbox.command(
            "mia", "general", "ticket reply", {"ticket": ticket.public_id, "message": "On it."}
        )
        await shown.settled()

        (said_there,) = (one for one in sandbox.messages("tickets") if one["type"] == 19)
        assert said_there["message_reference"]["message_id"] == digest["id"]
        assert said_there["embeds"][0]["description"] == "On it."
        assert said_there["embeds"][0]["footer"]["text"].startswith(f"{ticket.public_id} · reply ")
        assert "thread" not in digest


async def test_a_thread_that_somebody_opens_on_a_digest_means_no_ticket_in_particular(tmp_path: Path) -> None:
    async with burst(tmp_path, filed(16)) as shown:
        sandbox = shown.town.sandbox
        digest = shown.digest_of(shown.tickets[0])
        thread = sandbox.open_thread("mia", "tickets", "let us talk", message=digest["id"])

        record = await sandbox.command("mia", thread["id"], "ticket view")

        assert "Name a ticket, or use the command in a ticket's own thread." in reply_text(record)


async def test_a_pointer_to_a_ticket_in_a_digest_leads_to_the_digest(tmp_path: Path) -> None:
    async with burst(tmp_path, filed(16)) as shown:
        ticket, store, guild = shown.tickets[0], shown.town.application.store, shown.town.guild
        (workspace,) = await store.workspaces()
        builders = Department(id="builders", name="Builders", channel_id=guild.channels["log"])
        workspace = await store.change_workspace(workspace.id, methodcaller("with_department", builders))

        await store.change_ticket(
            ticket.id,
            lambda kept: workspace.transfer(kept, "builders"),
            datetime.now(UTC),
            actor=WRITER,
        )
        await shown.settled()

        (pointer,) = shown.town.sandbox.messages("log")
        digest = shown.digest_of(ticket)
        place = f"{guild.id}/{guild.channels['tickets']}/{digest['id']}"
        assert pointer["embeds"][0]["url"] == f"https://discord.com/channels/{place}"


async def test_a_deleted_digest_holds_nothing_up(tmp_path: Path) -> None:
    async with burst(tmp_path, filed(16)) as shown:
        opened = await shown.choose("mia", shown.tickets[0])
        shown.town.sandbox.delete_message(shown.digest_of(shown.tickets[0])["id"])

        claimed = await shown.press("mia", opened, "Claim")
        await shown.settled()

        assert "You have claimed" in reply_text(claimed)
        assert await shown.town.application.store.list_undelivered(1) == []


async def test_a_ticket_of_a_digest_is_listed_and_viewed_by_its_id(tmp_path: Path) -> None:
    async with burst(tmp_path, filed(16)) as shown:
        ticket = shown.tickets[0]

        record = await shown.town.sandbox.command(
            "mia", "general", "ticket view", {"ticket": ticket.public_id}
        )

        assert record["messages"][-1]["embeds"][0]["footer"]["text"] == f"{ticket.public_id} · modl"
