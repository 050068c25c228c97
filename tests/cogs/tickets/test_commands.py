"""Slash commands of players and staff."""

from functools import partial

import pytest

from bot.sandbox import ControlError, demo_guild
from bot.tickets.actions import ACTIONS, Role
from bot.tickets.message import MessageKind
from bot.tickets.ticket import Priority, Status, Ticket
from bot.tickets.workspace import Category, Department
from tests.support.bridge_harness import RunningBridge, reply_text


async def opened_by(bridge: RunningBridge, user: str, subject: str = "Lost items") -> Ticket:
    """Open a ticket with `/ticket open`; it is posted in its thread."""
    form = await bridge.sandbox.command(user, "general", "ticket open")
    record = await bridge.sandbox.modal(
        user, form["id"], {"category": ["bug"], "subject": subject, "body": "My sword is gone."}
    )
    assert "is saved" in reply_text(record), record
    (workspace,) = await bridge.application.store.workspaces.list_all()
    found = (await bridge.application.store.tickets.autocomplete(subject, [workspace.id]))[0]
    return await bridge.wait_until_posted(found.public_id)


async def test_an_opened_ticket_stands_in_a_private_thread_with_its_reporter_and_staff(
    bridge: RunningBridge,
) -> None:
    ticket = await opened_by(bridge, "pete")

    post = bridge.post_message(ticket)
    place = ticket.post.thread_id or 0
    assert post["embeds"][0]["title"] == "🎫 Lost items"
    assert list(bridge.buttons(ticket)) == ["Claim", "Reply", "Close"]
    for insider in ("pete", "mia", "noah"):
        assert bridge.sandbox.messages(place, as_user=insider)
    with pytest.raises(ControlError):
        bridge.sandbox.messages(place, as_user="paula")


async def test_a_player_lists_only_their_own_tickets(bridge: RunningBridge) -> None:
    mine = await opened_by(bridge, "pete")
    await opened_by(bridge, "paula", subject="Something private")

    record = await bridge.sandbox.command("pete", "general", "tickets")

    (embed,) = record["messages"][-1]["embeds"]
    assert mine.public_id in embed["description"]
    assert "Something private" not in embed["description"]


async def test_a_player_without_tickets_is_told_how_to_open_one(bridge: RunningBridge) -> None:
    record = await bridge.sandbox.command("pete", "general", "tickets")

    assert "/ticket open" in reply_text(record)


async def test_a_player_views_their_own_ticket_without_its_notes(bridge: RunningBridge) -> None:
    ticket = await opened_by(bridge, "pete")
    about = {"ticket": ticket.public_id}
    await bridge.sandbox.command("mia", "tickets", "ticket note", about | {"text": "A smurf."})
    await bridge.sandbox.command("mia", "tickets", "ticket reply", about | {"message": "Hello!"})

    record = await bridge.sandbox.command("pete", "general", "ticket view", about)
    by_staff = await bridge.sandbox.command("mia", "general", "ticket view", about)

    assert "Hello\\!" in str(record["messages"]) or "Hello!" in str(record["messages"])
    assert "smurf" not in str(record["messages"])
    assert "smurf" in str(by_staff["messages"])


async def test_a_player_cannot_view_anothers_ticket_nor_learn_that_it_exists(bridge: RunningBridge) -> None:
    ticket = await opened_by(bridge, "pete")

    theirs = await bridge.sandbox.command("paula", "general", "ticket view", {"ticket": ticket.public_id})
    nothing = await bridge.sandbox.command("paula", "general", "ticket view", {"ticket": "TICKET-000000"})

    assert reply_text(theirs) == reply_text(nothing)
    assert "There is no such ticket" in reply_text(theirs)


async def test_a_reply_reaches_the_reporters_thread_and_a_note_never_does(bridge: RunningBridge) -> None:
    ticket = await opened_by(bridge, "pete")
    place = ticket.post.thread_id or 0

    await bridge.sandbox.command("mia", place, "ticket note", {"text": "A smurf."})
    await bridge.sandbox.command("mia", place, "ticket reply", {"message": "Hello Pete!"})

    await bridge.refresh(ticket)
    seen = str(bridge.sandbox.messages(place, as_user="pete"))
    assert "Hello Pete!" in seen
    assert "smurf" not in seen


async def test_a_message_of_invisible_characters_can_be_viewed(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()
    about = {"ticket": ticket.public_id}
    await bridge.sandbox.command("mia", "general", "ticket note", about | {"text": "\u2060\u2060"})

    record = await bridge.sandbox.command("mia", "general", "ticket view", about)

    assert record["error"] is None
    assert record["messages"][-1]["embeds"][0]["fields"][-1]["value"] == "—"


NEEDED_OPTIONS = {
    "reply": {"message": "hi"},
    "note": {"text": "hi"},
    "assign": {"staff": "noah"},
    "priority": {"priority": "high"},
    "status": {"status": "closed"},
}


async def test_no_action_on_anothers_ticket_is_open_to_players(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()

    for action in ACTIONS.values():
        options = NEEDED_OPTIONS.get(action.name, {}) | {"ticket": ticket.public_id}
        for named in (options, options | {"ticket": "TICKET-000000"}):
            record = await bridge.sandbox.command("pete", "general", f"ticket {action.name}", named)
            if Role.REPORTER in action.allowed:
                assert reply_text(record).startswith("⛔ There is no such ticket here.")
            else:
                assert reply_text(record).startswith("⛔ Only staff can do that.")
    assert await bridge.refresh(ticket) == ticket
    assert not await bridge.application.store.messages.list_of_ticket(ticket.id)


async def test_staff_work_on_a_ticket_with_slash_commands(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()
    steps: list[tuple[str, Status, str]] = [
        ("claim", Status.IN_PROGRESS, "You have claimed {id}. It is in progress."),
        ("unclaim", Status.IN_PROGRESS, "{id} is no longer claimed."),
        ("close", Status.CLOSED, "{id} is closed."),
        ("reopen", Status.OPEN, "{id} is open again."),
        ("resolve", Status.RESOLVED, "{id} is resolved."),
    ]

    for name, status, sentence in steps:
        place = ticket.post.thread_id or 0
        record = await bridge.sandbox.command("mia", place, f"ticket {name}")  # the thread says which ticket
        assert reply_text(record) == f"✅ {sentence.format(id=ticket.public_id)}"
        assert all(message["flags"] & 64 for message in record["messages"])  # ephemeral
        assert (await bridge.refresh(ticket)).status is status
    assert list(bridge.buttons(ticket)) == ["Reopen"]


async def test_a_slash_command_that_the_ticket_refuses_says_why(bridge: RunningBridge) -> None:
    report = await bridge.game_report()
    about = {"ticket": report.public_id}
    await bridge.sandbox.command("mia", "reports", "ticket claim", about)

    by_other = await bridge.sandbox.command("noah", "reports", "ticket claim", about)
    reopened = await bridge.sandbox.command("noah", "reports", "ticket reopen", about)
    closed = await bridge.sandbox.command("noah", "reports", "ticket close", about)

    assert reply_text(by_other) == "⛔ Mia has already claimed this ticket."
    assert reply_text(reopened) == "⛔ This ticket is not closed."
    assert reply_text(closed) == f"✅ {report.public_id} is closed."  # by command, whatever its buttons are


async def test_every_action_on_a_ticket_offers_tickets_to_staff(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()

    for name in ACTIONS:
        options = NEEDED_OPTIONS.get(name, {}) | {"ticket": ticket.public_id}
        offered = await bridge.sandbox.autocomplete("mia", "general", f"ticket {name}", options, "ticket")
        assert [choice["value"] for choice in offered["choices"]] == [ticket.public_id]


async def test_a_clipped_message_is_attached_where_a_ticket_is_viewed(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket(description="word " * 500, chatMessages=["Hacker123: gg"])

    record = await bridge.sandbox.command("mia", "tickets", "ticket view", {"ticket": ticket.public_id})

    files = [file["filename"] for file in record["messages"][-1]["attachments"]]
    assert files == [f"{ticket.public_id}-message.txt", f"{ticket.public_id}-chat-log.txt"]


async def test_a_slash_reply_to_a_game_report_is_refused_and_a_note_is_kept(bridge: RunningBridge) -> None:
    report = await bridge.game_report()

    reply = await bridge.sandbox.command(
        "mia", "reports", "ticket reply", {"ticket": report.public_id, "message": "We banned them."}
    )
    note = await bridge.sandbox.command(
        "mia", "reports", "ticket note", {"ticket": report.public_id, "text": "Second report this week."}
    )

    await bridge.refresh(report)
    assert "view-only: nobody can reply to its reporter" in reply_text(reply)
    assert "is saved" in reply_text(note)
    (note_saved,) = await bridge.application.store.messages.list_of_ticket(report.id)
    assert note_saved.kind is MessageKind.NOTE
    shown = bridge.sandbox.messages("reports")[-1]
    assert shown["message_reference"]["message_id"] == str(report.post.message_id)


async def test_a_command_outside_a_thread_asks_for_the_ticket(bridge: RunningBridge) -> None:
    record = await bridge.sandbox.command("mia", "general", "ticket reply", {"message": "hi"})

    assert "Name a ticket" in reply_text(record)


async def test_autocomplete_offers_staff_recent_tickets_and_players_only_their_own(
    bridge: RunningBridge,
) -> None:
    report = await bridge.game_report()
    own = await opened_by(bridge, "pete")

    ask = partial(bridge.sandbox.autocomplete, channel="general", focused="ticket")
    typed = {"message": "x", "ticket": "rule"}
    staff = await ask(user="mia", command="ticket reply", options=typed)
    noted = await ask(user="mia", command="ticket note", options={"text": "x", "ticket": "rule"})
    noting = await ask(user="pete", command="ticket note", options={"text": "x", "ticket": ""})
    player = await ask(user="pete", command="ticket reply", options=typed | {"ticket": ""})
    viewer = await ask(user="pete", command="ticket view", options={"ticket": ""})

    assert staff["choices"] == []  # nobody can reply to a game report
    assert [choice["value"] for choice in noted["choices"]] == [report.public_id]
    assert noting["choices"] == []
    for offered in (player, viewer):
        assert [choice["value"] for choice in offered["choices"]] == [own.public_id]


async def test_in_a_guild_without_a_workspace_the_answer_says_so(bridge: RunningBridge) -> None:
    other = demo_guild(bridge.sandbox, name="Elsewhere")
    pete, general = str(other.members["pete"]), str(other.channels["general"])

    record = await bridge.sandbox.command(pete, general, "ticket open")

    assert "no workspace" in reply_text(record)


async def test_what_staff_type_in_a_thread_is_not_sent_to_anyone(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()

    typed = bridge.sandbox.say("mia", ticket.post.thread_id or 0, "What do we do with this one?")

    await bridge.press("noah", ticket, "Claim")  # answered after the message was seen: events come in order
    words = [MessageKind.REPLY, MessageKind.NOTE, MessageKind.FOLLOW_UP]
    assert not await bridge.application.store.messages.list_of_ticket(ticket.id, words)
    assert typed["id"] in [message["id"] for message in bridge.sandbox.messages(ticket.post.thread_id or 0)]


async def test_staff_change_a_ticket_with_slash_commands(bridge: RunningBridge) -> None:
    report = await bridge.game_report()
    (workspace,) = await bridge.application.store.workspaces.list_all()
    await bridge.application.store.workspaces.change(
        workspace.id,
        lambda found: found.with_category(Category(id="appeal", name="Appeals")).with_department(
            Department(id="court", name="The Court", categories=("appeal",))
        ),
    )
    tagged = await bridge.sandbox.command("olivia", "general", "setup tag", {"name": "vip"})
    steps: list[tuple[str, dict[str, str], str]] = [
        ("assign", {"staff": "noah"}, "{id} is assigned to Noah. It is in progress."),
        ("move", {"department": "court", "category": "appeal"}, "{id} is moved. Its post shows where to."),
        ("priority", {"priority": "urgent"}, "The priority of {id} is urgent now."),
        ("tag", {"add": "vip"}, "{id} has the tags vip now."),
        ("tag", {"remove": "vip"}, "{id} has no tags now."),
        ("dismiss", {"reason": "No evidence."}, "{id} is dismissed."),
        ("status", {"status": "resolved"}, "{id} is resolved now."),
    ]

    for name, options, sentence in steps:
        about = options | {"ticket": report.public_id}
        record = await bridge.sandbox.command("mia", "general", f"ticket {name}", about)
        assert reply_text(record) == f"✅ {sentence.format(id=report.public_id)}"

    report = await bridge.refresh(report)
    assert "Tag vip is saved" in reply_text(tagged)
    assert (report.category, report.department, report.priority) == ("appeal", "court", Priority.URGENT)
    assert (report.status, report.close_reason, report.claimed_by) == (Status.RESOLVED, "", None)


@pytest.mark.parametrize(
    ("name", "options", "refusal"),
    [
        ("move", {}, "in that department and category already"),
        ("move", {"department": "nowhere"}, "There is no such department in this workspace."),
        ("move", {"category": "nothing"}, "There is no such category in this workspace."),
        ("tag", {"add": "made up"}, "This workspace has no such tag."),
        ("tag", {}, "The tags of this ticket are that already."),
        ("priority", {"priority": "high"}, "The priority is already high."),
        ("status", {"status": "open"}, "This ticket is already open."),
    ],
)
async def test_a_change_to_nothing_else_is_refused(
    bridge: RunningBridge, name: str, options: dict[str, str], refusal: str
) -> None:
    report = await bridge.game_report()

    about = options | {"ticket": report.public_id}
    record = await bridge.sandbox.command("mia", "general", f"ticket {name}", about)

    assert refusal in reply_text(record)
    assert await bridge.refresh(report) == report


async def test_a_reason_for_closing_an_own_ticket_is_read_by_staff(bridge: RunningBridge) -> None:
    ticket = await opened_by(bridge, "pete")

    await bridge.sandbox.command(
        "pete", "general", "ticket close", {"ticket": ticket.public_id, "reason": "Found it."}
    )

    ticket = await bridge.refresh(ticket)
    assert (ticket.status, ticket.close_reason) == (Status.CLOSED, "Found it.")
    assert (ticket.closed_by.id if ticket.closed_by else "") == str(bridge.guild.members["pete"])


async def test_tickets_are_offered_by_their_players_with_status_and_open_ones_first(
    bridge: RunningBridge,
) -> None:
    closed = await bridge.ticket(subject="The first")
    await bridge.close("mia", closed)
    claimed = await bridge.ticket(subject="The second")
    await bridge.press("mia", claimed, "Claim")
    await bridge.refresh(claimed)

    ask = partial(bridge.sandbox.autocomplete, "mia", "general", "ticket view", focused="ticket")
    for typed in ("notch", "hacker123", ""):
        offered = await ask(options={"ticket": typed})
        assert [choice["name"] for choice in offered["choices"]] == [
            f"🟡 In progress · {claimed.public_id} · Notch → Hacker123 · The second",
            f"⚫ Closed · {closed.public_id} · Notch → Hacker123 · The first",
        ]


async def test_departments_categories_and_tags_are_offered_to_staff_alone(bridge: RunningBridge) -> None:
    (workspace,) = await bridge.application.store.workspaces.list_all()
    await bridge.application.store.workspaces.change(
        workspace.id,
        lambda found: (
            found.with_category(Category(id="appeal", name="Appeals"))
            .with_department(Department(id="court", name="The Court"))
            .with_tag("vip")
        ),
    )

    for command, option, typed, offered in (
        ("move", "department", "court", ["The Court"]),
        ("move", "category", "", ["Appeals"]),
        ("tag", "add", "v", ["vip"]),
        ("tag", "remove", "x", []),
    ):
        for user, expected in (("mia", offered), ("pete", [])):
            found = await bridge.sandbox.autocomplete(
                user, "general", f"ticket {command}", {option: typed}, option
            )
            assert [choice["name"] for choice in found["choices"]] == expected
