"""The menu of a post, the selects and forms it leads to, taking over, and undoing."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.model.permissions import Permission
from bot.tickets.message import MessageKind
from bot.tickets.ticket import Priority, Status, Ticket
from bot.tickets.workspace import Category, Department, Workspace
from tests.cogs.core.test_markdown import ALIVE
from tests.cogs.tickets.test_commands import opened_by
from tests.cogs.tickets.test_embeds import embed_of, fields_of
from tests.cogs.tickets.test_own_tickets import linked
from tests.support.bridge_harness import (
    RunningBridge,
    buttons_of,
    reply_text,
    running_bridge,
    running_sandbox,
    wait_for,
)

HOSTILE = "@everyone **[free](https://evil.example/x)** <@&1> `x`"
Record = dict[str, Any]


def ruled(workspace: Workspace) -> Workspace:
    """A workspace with something to choose."""
    return (
        workspace.with_category(Category(id="player", name="Players"))
        .with_category(Category(id="appeal", name="Appeals"))
        .with_category(Category(id="reports", name="Reports"))
        .with_department(Department(id="court", name="The Court"))
        .with_tag("duped")
        .with_tag("vip")
    )


async def add_rules(bridge: RunningBridge) -> None:
    (workspace,) = await bridge.application.store.workspaces.list_all()
    await bridge.application.store.workspaces.change(workspace.id, ruled)


@pytest.fixture
async def desk(bridge: RunningBridge) -> RunningBridge:
    await add_rules(bridge)
    return bridge


def menu_of(message: Record) -> list[str]:
    """The values of the options of a post's menu."""
    (menu,) = (
        item
        for row in message["components"]
        for item in row["components"]
        if item["custom_id"].startswith("ticket:more:")
    )
    return [option["value"] for option in menu["options"]]


def select_in(record: Record) -> Record:
    """The first select of the last answer."""
    select: Record = record["messages"][-1]["components"][0]["components"][0]
    return select


async def choose(bridge: RunningBridge, user: str, ticket: Ticket, option: str, *values: str) -> Record:
    """Choose an option of the menu, and values in the select that it leads to."""
    asked = await bridge.choose(user, ticket, option)
    message = asked["messages"][-1]
    return await bridge.sandbox.press(user, message["id"], select_in(asked)["custom_id"], list(values))


async def press_under(bridge: RunningBridge, user: str, record: Record, label: str) -> Record:
    """Press a button under the last answer."""
    message = record["messages"][-1]
    return await bridge.sandbox.press(user, message["id"], buttons_of(message)[label])


async def end(
    bridge: RunningBridge, user: str, ticket: Ticket, option: str, reason: str
) -> tuple[Record, Record]:
    """Choose to end a ticket, and type a reason: the form, and the answer to it."""
    opened = await bridge.choose(user, ticket, option)
    return opened, await bridge.sandbox.modal(user, opened["id"], {"text": reason})


def lines_in_thread(bridge: RunningBridge, ticket: Ticket) -> list[str]:
    """The lines about what was done to a ticket, in its thread."""
    messages = bridge.sandbox.messages(ticket.post.thread_id or 0)
    described = [embed["description"] for message in messages for embed in message["embeds"]]
    return [one.removeprefix("🕘 ") for one in described if one.startswith("🕘")]


async def history_of(bridge: RunningBridge, ticket: Ticket) -> list[tuple[str, str]]:
    events = await bridge.application.store.messages.list_of_ticket(ticket.id, [MessageKind.EVENT])
    return [(event.text, event.detail) for event in events]


async def test_the_menu_has_what_applies_and_never_a_reply(desk: RunningBridge) -> None:
    report = await desk.game_report()
    appeal = await desk.ticket(reportedPlayerUuid=None, reportedPlayerName=None, type="appeal")
    always = ["note", "status", "priority"]

    assert menu_of(desk.post_message(report)) == [
        *[*always, "assign", "move", "tag", "dismiss"],
        *["resolve", "history"],
    ]
    assert menu_of(desk.post_message(appeal)) == [
        *[*always, "assign", "move", "tag", "close"],
        *["resolve", "history"],
    ]
    await desk.press("mia", report, "Resolve")
    report = await desk.refresh(report)
    assert menu_of(desk.post_message(report)) == [*always, "move", "tag", "history"]


async def test_a_note_is_written_in_a_form(desk: RunningBridge) -> None:
    report = await desk.game_report()

    opened = await desk.choose("mia", report, "note")
    saved = await desk.sandbox.modal("mia", opened["id"], {"text": "Second report this week."})

    (note,) = await desk.application.store.messages.list_of_ticket(report.id, [MessageKind.NOTE])
    assert note.text == "Second report this week."
    assert "Your note on" in reply_text(saved)


@pytest.mark.parametrize(
    ("option", "value", "answer", "line"),
    [
        ("status", "in-progress", "{id} is in progress now.", "Mia changed the status to in progress"),
        ("priority", "urgent", "The priority of {id} is urgent now.", "Mia changed the priority to urgent"),
        ("assign", "noah", "{id} is assigned to Noah. It is in progress.", "Noah was assigned the ticket"),
        ("tag", "vip", "{id} has the tags vip now.", "Mia changed the tags: +vip"),
        (
            "move",
            "court",
            "{id} is moved. Its post shows where to.",
            "Mia transferred the ticket to The Court",
        ),
    ],
)
async def test_each_choice_is_done_confirmed_said_in_the_thread_and_undone(
    desk: RunningBridge, option: str, value: str, answer: str, line: str
) -> None:
    before = await desk.ticket()

    changed = await choose(desk, "mia", before, option, value)
    ticket = await desk.refresh(before)
    assert reply_text(changed) == f"✅ {answer.format(id=ticket.public_id)}"
    assert list(buttons_of(changed["messages"][-1])) == ["Undo (30 s)"]
    assert ticket.state != before.state
    assert line in lines_in_thread(desk, ticket)

    undone = await press_under(desk, "mia", changed, "Undo (30 s)")
    assert reply_text(undone) == f"↩️ Undone: {ticket.public_id} is as it was before."
    ticket = await desk.refresh(ticket)
    assert ticket.state == before.state
    assert fields_of(embed_of(desk, ticket)) == fields_of(embed_of(desk, before))


async def test_a_ticket_moves_to_a_category_by_the_second_select(desk: RunningBridge) -> None:
    ticket = await desk.ticket()
    asked = await desk.choose("mia", ticket, "move")
    message = asked["messages"][-1]
    department, category = (row["components"][0] for row in message["components"])

    assert [one["label"] for one in department["options"]] == ["The Court"]
    assert [one["label"] for one in category["options"]] == ["Appeals", "Reports"]
    await desk.sandbox.press("mia", message["id"], category["custom_id"], ["appeal"])

    assert fields_of(embed_of(desk, await desk.refresh(ticket)))["Category"] == "Appeals"


async def test_tags_of_a_colleague_stay_when_others_are_chosen(desk: RunningBridge) -> None:
    ticket = await desk.ticket()
    asked = await desk.choose("mia", ticket, "tag")
    await desk.sandbox.command("noah", "general", "ticket tag", {"ticket": ticket.public_id, "add": "vip"})

    await desk.sandbox.press("mia", asked["messages"][-1]["id"], f"ticket:tags:{ticket.id}", ["duped"])

    ticket = await desk.refresh(ticket)
    assert ticket.tags == ("duped", "vip")
    assert fields_of(embed_of(desk, ticket))["Staff tags"] == "duped, vip"
    fewer = await choose(desk, "mia", ticket, "tag")  # none
    assert reply_text(fewer) == f"✅ {ticket.public_id} has no tags now."


async def test_close_asks_why_and_the_post_and_the_thread_tell_it(desk: RunningBridge) -> None:
    ticket = await desk.ticket()

    closed = await desk.close("noah", ticket, reason="Duplicate of\nBUG-1.")

    ticket = await desk.refresh(ticket)
    shown = fields_of(embed_of(desk, ticket))
    assert reply_text(closed) == f"✅ {ticket.public_id} is closed."
    assert shown["Status"] == f"⚫ Closed by <@{desk.guild.members['noah']}>"
    assert shown["Reason"] == "Duplicate of\nBUG\\-1."
    assert "Noah changed the status to closed: Duplicate of BUG\\-1." in lines_in_thread(desk, ticket)
    await desk.press("mia", ticket, "Reopen")
    shown = fields_of(embed_of(desk, await desk.refresh(ticket)))
    assert (shown["Status"], "Reason" in shown) == ("🟢 Open", False)


async def test_close_without_a_reason_takes_no_text(desk: RunningBridge) -> None:
    ticket = await desk.ticket()

    opened = await desk.press("mia", ticket, "Close")
    field = opened["modal"]["components"][0]
    await desk.sandbox.modal("mia", opened["id"], {})

    assert not field["component"]["required"]
    assert "never leaves Discord" in field["description"]
    assert "Reason" not in fields_of(embed_of(desk, await desk.refresh(ticket)))


@pytest.mark.parametrize(("option", "status"), [("dismiss", Status.CLOSED), ("resolve", Status.RESOLVED)])
async def test_why_a_game_report_ended_stays_in_discord(
    desk: RunningBridge, option: str, status: Status
) -> None:
    report = await desk.game_report()

    await end(desk, "mia", report, option, "A grudge, says sk8rgirl.")
    await choose(desk, "mia", report, "tag", "vip")

    report = await desk.refresh(report)
    mia = f"<@{desk.guild.members['mia']}>"
    assert report.status is status
    assert f"by {mia}" in fields_of(embed_of(desk, report))["Status"]
    assert fields_of(embed_of(desk, report))["Reason"] == "A grudge, says sk8rgirl."
    assert ("Mia changed the tags", "+vip") in await history_of(desk, report)
    sent = [str(await desk.ask_for_events(source="series"))]
    for path in (f"/tickets/get/{report.public_id}", "/tickets/list"):
        address = desk.application.webhook_address + path
        async with desk.session.get(address, headers={"apikey": desk.keys["series"]}) as response:
            assert response.status == 200
            sent.append(await response.text())
    assert f"Mia changed the status to {status.value}" in sent[1]
    for text in sent:
        assert "grudge" not in text
        assert "vip" not in text
    assert "Reply" not in desk.buttons(report)


async def test_a_reason_and_tags_are_no_lines_in_a_thread_that_the_reporter_reads(
    bridge: RunningBridge,
) -> None:
    desk, ticket = bridge, await opened_by(bridge, "pete")
    await add_rules(desk)
    await choose(desk, "mia", ticket, "tag", "vip")
    opened, _ = await end(desk, "mia", ticket, "close", "Solved by mail.")

    ticket = await desk.refresh(ticket)
    seen = str(desk.sandbox.messages(ticket.post.thread_id or 0, as_user="pete"))
    assert "vip" not in seen.replace("ticket:", "")
    assert lines_in_thread(desk, ticket)[-1] == "Mia changed the status to closed"
    assert fields_of(embed_of(desk, ticket))["Reason"] == "Solved by mail."
    assert "also to its reporter" in str(opened["modal"])


async def test_history_is_shown_to_who_asks_alone(desk: RunningBridge) -> None:
    report = await desk.game_report()
    await end(desk, "mia", report, "dismiss", "No evidence.")
    report = await desk.refresh(report)

    shown = await desk.choose("noah", report, "history")

    (message,) = shown["messages"]
    assert message["flags"] & 64
    assert "Mia changed the status to closed: No evidence." in str(message["embeds"][0]["fields"])


async def test_a_colleagues_claim_is_taken_over_after_a_question(desk: RunningBridge) -> None:
    ticket = await desk.ticket()
    claim = desk.buttons(ticket)["Claim"]
    await desk.press("mia", ticket, "Claim")

    asked = await desk.forge("noah", ticket, claim)
    assert reply_text(asked) == "⛔ Mia has already claimed this ticket."
    assert (await desk.refresh(ticket)).claimed_by.name == "Mia"  # type: ignore[union-attr]  # it is claimed
    taken = await press_under(desk, "noah", asked, "Take it over")

    ticket = await desk.refresh(ticket)
    assert reply_text(taken) == f"✅ You have taken over {ticket.public_id}. It is in progress."
    assert lines_in_thread(desk, ticket)[-1] == "Noah took the ticket over from Mia"
    await press_under(desk, "noah", taken, "Undo (30 s)")
    assert (await desk.refresh(ticket)).claimed_by.name == "Mia"  # type: ignore[union-attr]  # it is claimed


async def test_a_claim_that_changed_hands_since_is_asked_about_again(desk: RunningBridge) -> None:
    desk.sandbox.add_member("olga", ["Staff"])
    ticket = await desk.ticket()
    about = {"ticket": ticket.public_id}
    await desk.press("mia", ticket, "Claim")
    asked = await desk.sandbox.command("noah", "general", "ticket claim", about)
    await desk.sandbox.command("mia", "general", "ticket assign", about | {"staff": "olga"})

    again = await press_under(desk, "noah", asked, "Take it over")
    assert "Olga has already claimed this ticket" in reply_text(again)
    await press_under(desk, "noah", again, "Take it over")

    assert (await desk.refresh(ticket)).claimed_by.name == "Noah"  # type: ignore[union-attr]  # it is claimed


async def test_one_of_two_at_once_wins_and_the_other_reads_who_did_what(desk: RunningBridge) -> None:
    report = await desk.game_report()
    dismissing = await desk.choose("mia", report, "dismiss")
    await desk.press("noah", report, "Resolve")
    reason = "Nothing to see.\n" + "`\\*@everyone*" * 30

    refused = await desk.sandbox.modal("mia", dismissing["id"], {"text": reason})
    late = await desk.forge("mia", report, f"ticket:resolve:{report.id}")

    report = await desk.refresh(report)
    assert (report.status, report.close_reason) == (Status.RESOLVED, "")
    assert reply_text(refused).startswith("⛔ Noah has already resolved this ticket.")
    assert f"```\n{reason}\n```" in reply_text(refused)
    assert reply_text(late) == "⛔ Noah has already resolved this ticket."


async def test_a_reason_that_cannot_be_kept_comes_back_whole(desk: RunningBridge) -> None:
    ticket = await desk.ticket()
    reason = "Nothing to see.\n" + "`\\*@everyone*" * 30
    opened = await desk.press("mia", ticket, "Close")
    await desk.close("noah", ticket)

    refused = await desk.sandbox.modal("mia", opened["id"], {"text": reason})

    (message,) = refused["messages"]
    assert message["content"].startswith("⛔ Noah has already closed this ticket.")
    assert f"```\n{reason}\n```" in message["content"]
    assert not message["mention_everyone"]
    again = await desk.sandbox.command(
        "mia", "general", "ticket close", {"ticket": ticket.public_id, "reason": reason}
    )
    assert f"```\n{reason}\n```" in reply_text(again)


async def test_an_undo_is_refused_with_who_changed_the_ticket_since(desk: RunningBridge) -> None:
    ticket = await desk.ticket()
    claimed = await desk.press("mia", ticket, "Claim")
    await choose(desk, "noah", ticket, "priority", "urgent")

    refused = await press_under(desk, "mia", claimed, "Undo (30 s)")

    assert "Since then: Noah changed the priority to urgent." in reply_text(refused)
    assert (await desk.refresh(ticket)).status is Status.IN_PROGRESS


async def test_nobody_undoes_what_a_colleague_did(desk: RunningBridge) -> None:
    ticket = await desk.ticket()
    claimed = await desk.press("mia", ticket, "Claim")
    undo = buttons_of(claimed["messages"][-1])["Undo (30 s)"]
    mine = await choose(desk, "noah", await desk.ticket(subject="Another"), "priority", "urgent")

    forged = await desk.sandbox.press("noah", mine["messages"][-1]["id"], undo, forge=True)

    assert "not one of mine" in reply_text(forged)
    assert (await desk.refresh(ticket)).status is Status.IN_PROGRESS


async def test_a_ticket_is_assigned_to_staff_alone(desk: RunningBridge) -> None:
    ticket = await desk.ticket()

    chosen = await choose(desk, "mia", ticket, "assign", "pete")
    typed = await desk.sandbox.command(
        "mia", "general", "ticket assign", {"ticket": ticket.public_id, "staff": "pete"}
    )

    for record in (chosen, typed):
        assert "Pete is not staff of this ticket." in reply_text(record)
    assert (await desk.refresh(ticket)).claimed_by is None


async def test_who_is_no_longer_staff_can_do_nothing_and_gets_their_text_back(desk: RunningBridge) -> None:
    before = await desk.ticket()
    form = await desk.press("mia", before, "Close")
    note = await desk.choose("mia", before, "note")
    asked = [await desk.choose("mia", before, one) for one in ("status", "priority", "tag", "move", "assign")]
    claimed = await desk.press("mia", before, "Claim")
    desk.sandbox.take_role("mia", "Staff")
    desk.sandbox.set_overwrite("tickets", "everyone", allow=1 << 10)
    values = ["closed", "urgent", "vip", "court", "noah"]

    for one, value in zip(asked, values, strict=True):
        message = one["messages"][-1]
        record = await desk.sandbox.press("mia", message["id"], select_in(one)["custom_id"], [value])
        assert "Only staff can do that." in reply_text(record)
    assert "Only staff" in reply_text(await press_under(desk, "mia", claimed, "Undo (30 s)"))
    for opened, text in ((form, "A reason."), (note, "A note.")):
        refused = await desk.sandbox.modal("mia", opened["id"], {"text": text})
        assert "Only staff can do that." in reply_text(refused)
        assert f"```\n{text}\n```" in reply_text(refused)
    assert "Only staff" in reply_text(await desk.choose("mia", before, "history"))

    ticket = await desk.refresh(before)
    assert ticket.state == replace(before.state, status=Status.IN_PROGRESS, claimed_by=ticket.claimed_by)


async def test_a_bot_that_may_not_write_in_threads_still_does_what_staff_choose(desk: RunningBridge) -> None:
    ticket = await desk.ticket()
    bot = desk.guild.members["ticketbridge"]
    desk.sandbox.set_overwrite(
        "tickets", bot, allow=Permission.VIEW_CHANNEL, deny=Permission.SEND_MESSAGES_IN_THREADS
    )

    changed = await choose(desk, "mia", ticket, "priority", "urgent")

    assert "is urgent now" in reply_text(changed)

    async def is_shown() -> bool:
        return fields_of(embed_of(desk, ticket))["Priority"] == "🔴 Urgent"

    await wait_for(is_shown)


async def test_everything_works_on_a_report_of_6000_characters(desk: RunningBridge) -> None:
    ticket = await desk.ticket(description="*a[b](c)_" * 667, subject="_*" * 50)
    for option, value in (("priority", "low"), ("assign", "noah"), ("tag", "duped"), ("move", "appeal")):
        asked = await desk.choose("mia", ticket, option)
        selects = [row["components"][0] for row in asked["messages"][-1]["components"]]
        record = await desk.sandbox.press(
            "mia", asked["messages"][-1]["id"], selects[-1]["custom_id"], [value]
        )
        assert reply_text(record).startswith("✅")
    _, closed = await end(desk, "mia", ticket, "dismiss", "*" * 500)

    ticket = await desk.refresh(ticket)
    shown = fields_of(embed_of(desk, ticket))
    assert reply_text(closed).startswith("✅")
    assert shown["Reason"] == "\\*" * 500
    assert (shown["Category"], shown["Priority"], shown["Staff tags"]) == ("Appeals", "⚪ Low", "duped")
    assert await desk.application.store.outbox_admin.list_undelivered(10) == []


async def test_names_tags_and_reasons_call_nobody_and_stay_text(desk: RunningBridge) -> None:
    (workspace,) = await desk.application.store.workspaces.list_all()
    tag = "@everyone **x** <@&1>"
    await desk.application.store.workspaces.change(workspace.id, lambda found: found.with_tag(tag))
    hostile = str(desk.sandbox.add_member(HOSTILE[:32], ["Staff"])["id"])
    ticket = await desk.ticket(creatorName="@everyone")

    await choose(desk, "mia", ticket, "tag", tag)
    assigned = await choose(desk, "mia", ticket, "assign", hostile)
    again = await desk.forge("noah", await desk.refresh(ticket), f"ticket:claim:{ticket.id}")
    await end(desk, "mia", ticket, "resolve", HOSTILE)

    ticket = await desk.refresh(ticket)
    shown = [desk.post_message(ticket), *desk.sandbox.messages(ticket.post.thread_id or 0)]
    answers = [*assigned["messages"], *again["messages"]]
    for message in [*shown, *answers]:
        texts = [message["content"], *(embed.get("description", "") for embed in message["embeds"])]
        shown_fields = [field for embed in message["embeds"] for field in embed.get("fields", [])]
        texts += [field["value"] for field in shown_fields if field["name"] in ("Reason", "Staff tags")]
        assert not message["mention_everyone"]
        assert message["mention_roles"] == []
        for text in texts:
            assert not ALIVE.search(text), text


async def test_forms_selects_and_undo_work_after_a_restart(tmp_path: Path) -> None:
    database = tmp_path / "ticketbridge.db"
    async with running_sandbox() as (sandbox, guild):
        async with running_bridge(database, sandbox, guild) as bridge:
            await add_rules(bridge)
            ticket, other = await bridge.ticket(), await bridge.ticket(subject="Another")
            form = await bridge.press("mia", ticket, "Close")
            asked = await bridge.choose("mia", other, "priority")
            tagged = await choose(bridge, "mia", other, "tag", "vip")
            keys, earlier = bridge.keys, len(sandbox.requests)
        async with running_bridge(database, sandbox, guild, keys=keys) as bridge:
            await wait_for(
                lambda: sandbox.snapshot()["connected_sessions"] and len(sandbox.requests) > earlier + 3
            )
            closed = await sandbox.modal("mia", form["id"], {"text": "Typed before the restart."})
            undone = await press_under(bridge, "mia", tagged, "Undo (30 s)")
            select = select_in(asked)["custom_id"]
            urgent = await sandbox.press("mia", asked["messages"][-1]["id"], select, ["urgent"])

            assert reply_text(closed) == f"✅ {ticket.public_id} is closed."
            assert (await bridge.refresh(ticket)).close_reason == "Typed before the restart."
            assert "Undone" in reply_text(undone)
            assert "is urgent now" in reply_text(urgent)
            other = await bridge.refresh(other)
            assert (other.tags, other.priority) == ((), Priority.URGENT)


@pytest.mark.parametrize(
    ("select", "value"),
    [
        ("more", "ban"),
        ("more", "reply"),
        ("status", "unfinished2"),
        ("priority", "worst"),
        ("department", "nowhere"),
        ("category", "nowhere"),
        ("tags", "made up"),
    ],
)
async def test_a_forged_choice_changes_nothing(desk: RunningBridge, select: str, value: str) -> None:
    report = await desk.game_report()

    record = await desk.sandbox.press(
        "mia", report.post.message_id or 0, f"ticket:{select}:{report.id}", [value], forge=True
    )

    assert reply_text(record).startswith("⛔")
    assert record["modal"] is None
    assert (await desk.refresh(report)).state == report.state


async def test_the_menu_can_be_used_again_at_once(desk: RunningBridge) -> None:
    ticket = await desk.ticket()

    async def edits() -> int:
        path = f"/messages/{ticket.post.message_id}"
        return sum(one["method"] == "PATCH" and one["path"].endswith(path) for one in desk.sandbox.requests)

    before = await edits()
    await desk.choose("mia", ticket, "note")

    async def is_reset() -> bool:
        return await edits() > before

    await wait_for(is_reset)
    assert menu_of(desk.post_message(ticket))[0] == "note"


async def test_a_reporter_can_only_close_by_the_menu_in_their_thread(bridge: RunningBridge) -> None:
    before = await opened_by(bridge, "pete")

    for option in ("note", "status", "priority", "assign", "move", "tag", "resolve", "history"):
        record = await bridge.choose("pete", before, option)
        assert "Only staff can do that." in reply_text(record)
        assert record["modal"] is None
    assert (await bridge.refresh(before)).state == before.state
    closed = await bridge.choose("pete", before, "close")

    assert "Staff see that you closed it." in reply_text(closed)
    assert (await bridge.refresh(before)).status is Status.CLOSED


async def test_the_reporter_of_a_report_reads_neither_reason_nor_tags(desk: RunningBridge) -> None:
    report = await desk.ticket()
    await choose(desk, "mia", report, "tag", "duped")
    await end(desk, "mia", report, "dismiss", "A grudge.")
    await linked(desk)

    shown = await desk.sandbox.command("pete", "general", "ticket view", {"ticket": report.public_id})
    listed = await desk.sandbox.command("pete", "general", "tickets")

    for record in (shown, listed):
        assert report.public_id in str(record["messages"])
        for secret in ("grudge", "duped", "Mia"):
            assert secret not in str(record["messages"])
