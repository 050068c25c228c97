"""Rights in Discord: watchers look and note, a department's staff work on its tickets, an admin role sets up.

Mia is staff. Paula becomes a watcher, pete staff of the department "builders", which has modl's tickets.
"""

from pathlib import Path
from typing import Any

import pytest

from bot.tickets.actions import ACTIONS
from bot.tickets.message import MessageKind
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import Category, Department, UnknownCategoryPolicy, Workspace
from bot.tickets.workspace_changes import update_workspace
from tests.cogs.setup.test_setup import embed_text, show_commands_to_everyone
from tests.support.bridge_harness import (
    RunningBridge,
    buttons_of,
    reply_text,
    running_bridge,
    running_sandbox,
    wait_for,
)

TEXTS: dict[str, dict[str, str]] = {
    "reply": {"message": "hi"},
    "note": {"text": "hi"},
    "status": {"status": "closed"},
    "priority": {"priority": "urgent"},
    "assign": {"staff": "mia"},
    "move": {"department": "builders"},
    "tag": {"add": "vip"},
}
WATCHER_ONLY = "⛔ You may look at tickets here and add notes, but nothing else."
ONLY_STAFF = "⛔ Only staff can do that."


@pytest.fixture
async def desk(bridge: RunningBridge) -> RunningBridge:
    """The bridge with three more roles, and a department that has modl's tickets."""
    roles = {name: int(bridge.sandbox.create_role(name)["id"]) for name in ("Watchers", "Builders", "Leads")}
    bridge.sandbox.give_role("paula", "Watchers")
    bridge.sandbox.give_role("pete", "Builders")
    ticket = await bridge.ticket(subject="First")

    def change(before: Workspace) -> Workspace:
        category = Category(id=ticket.category, name="Theirs")
        department = Department(
            id="builders", name="Builders", categories=(category.id,), staff_role_id=roles["Builders"]
        )
        changed = before.with_category(category).with_department(department)
        return update_workspace(
            changed,
            watcher_role_id=roles["Watchers"],
            admin_role_id=roles["Leads"],
            unknown_categories=UnknownCategoryPolicy.KEEP,
        )

    await bridge.application.store.workspaces.change(ticket.workspace_id, change)
    return bridge


async def run(bridge: RunningBridge, user: str, command: str, **options: object) -> dict[str, Any]:
    return await bridge.sandbox.command(user, "tickets", command, options)


async def general(bridge: RunningBridge) -> Ticket:
    """The ticket of the default department."""
    (workspace,) = await bridge.application.store.workspaces.list_all()
    (found,) = await bridge.application.store.tickets.autocomplete("First", [workspace.id])
    return await bridge.refresh(found)


async def offered(bridge: RunningBridge, user: str, command: str, option: str) -> list[str]:
    record = await bridge.sandbox.autocomplete(user, "tickets", command, {option: ""}, option)
    return [one["value"] for one in record["choices"]]


def let_see(bridge: RunningBridge, *users: str) -> None:
    for user in users:
        for channel in ("tickets", "reports"):
            bridge.sandbox.set_overwrite(channel, user, allow=1024 | 65536 | 2048 | 2**31)


async def test_a_watcher_looks_and_notes(desk: RunningBridge) -> None:
    let_see(desk, "paula")
    ticket = await general(desk)

    view = await run(desk, "paula", "ticket view", ticket=ticket.public_id)
    note = await run(desk, "paula", "ticket note", ticket=ticket.public_id, text="Seen.")

    assert view["messages"][-1]["embeds"][0]["title"].endswith("First")
    assert f"Your note on {ticket.public_id} is saved." in reply_text(note)
    (saved,) = await desk.application.store.messages.list_of_ticket(ticket.id)
    assert (saved.kind, saved.author.name) == (MessageKind.NOTE, "Paula")


async def test_a_watcher_can_do_nothing_else(desk: RunningBridge) -> None:
    let_see(desk, "paula")
    ticket, report = await general(desk), await desk.game_report()

    answers = [
        await run(desk, "paula", f"ticket {name}", ticket=ticket.public_id, **TEXTS.get(name, {}))
        for name in (*ACTIONS, "repost")
        if name != "note"
    ]
    answers += [await desk.press("paula", ticket, label) for label in ("Claim", "Reply", "Close")]
    answers += [await desk.press("paula", report, label) for label in ("Claim", "Resolve")]
    managing = [
        await run(desk, "paula", "canned add"),
        await run(desk, "paula", "canned list"),
        await run(desk, "paula", "block list"),
        await run(desk, "paula", "block add", ticket=ticket.public_id, reason="x", duration="1h"),
        await run(desk, "paula", "links"),
    ]

    for record in answers:
        assert reply_text(record).startswith(WATCHER_ONLY), record["data"]
    for record in managing:
        assert reply_text(record).startswith((ONLY_STAFF, WATCHER_ONLY)), record["data"]
    assert await desk.refresh(ticket) == ticket
    assert await desk.refresh(report) == report
    assert not await desk.application.store.messages.list_of_ticket(ticket.id)


async def test_choices_ask_for_the_rights_of_their_command(desk: RunningBridge) -> None:
    let_see(desk, "paula", "pete")
    first, theirs = await general(desk), await desk.ticket(subject="Second")
    assert theirs.department == "builders"

    for name in (*ACTIONS, "view", "repost"):
        expected = {
            "mia": {first.public_id, theirs.public_id},
            "pete": {theirs.public_id},
            "paula": {first.public_id, theirs.public_id} if name in ("note", "view") else set(),
        }
        for user, ids in expected.items():
            assert set(await offered(desk, user, f"ticket {name}", "ticket")) == ids, (user, name)
    for user in ("pete", "paula"):
        for command, option in (("canned edit", "name"), ("block remove", "player"), ("block add", "source")):
            assert await offered(desk, user, command, option) == []


async def test_a_departments_staff_work_on_its_tickets_alone(desk: RunningBridge) -> None:
    let_see(desk, "pete")
    other, theirs = await general(desk), await desk.ticket(subject="Second")

    claimed = await desk.press("pete", theirs, "Claim")
    replied = await run(desk, "pete", "ticket reply", ticket=theirs.public_id, message="Hello")
    pressed = await desk.press("pete", other, "Claim")
    typed = await run(desk, "pete", "ticket claim", ticket=other.public_id)
    viewed = await run(desk, "pete", "ticket view", ticket=other.public_id)
    by_workspace_staff = await run(desk, "mia", "ticket note", ticket=theirs.public_id, text="Mine, too")

    assert "You have claimed" in reply_text(claimed)
    assert "is saved" in reply_text(replied)
    assert reply_text(pressed) == "⛔ This ticket belongs to another department. Only its staff can do that."
    for record in (typed, viewed):
        assert "There is no such ticket here." in reply_text(record)
    assert "is saved" in reply_text(by_workspace_staff)
    assert (await desk.refresh(other)).claimed_by is None


async def test_a_departments_staff_use_canned_replies_and_change_none(desk: RunningBridge) -> None:
    let_see(desk, "pete")
    theirs = await desk.ticket(subject="Second")
    form = await run(desk, "mia", "canned add", name="greet")
    await desk.sandbox.modal("mia", form["id"], {"text": "Hello {player}"})

    used = await run(desk, "pete", "ticket reply", ticket=theirs.public_id, canned="greet")
    changed = await run(desk, "pete", "canned edit", name="greet")
    blocked = await run(desk, "pete", "block add", ticket=theirs.public_id, reason="x", duration="1h")

    assert "is saved" in reply_text(used)
    assert await offered(desk, "pete", "ticket reply", "canned") == ["greet"]
    assert reply_text(changed) == ONLY_STAFF
    assert reply_text(blocked).startswith(ONLY_STAFF)


async def test_a_role_that_was_taken_away_while_a_form_was_open_saves_nothing(desk: RunningBridge) -> None:
    let_see(desk, "pete")
    theirs = await desk.ticket(subject="Second")
    form = await desk.press("pete", theirs, "Reply")
    desk.sandbox.take_role("pete", "Builders")

    record = await desk.sandbox.modal("pete", form["id"], {"text": "Too late"})

    assert reply_text(record).startswith(ONLY_STAFF)
    assert "Too late" in reply_text(record)
    assert not await desk.application.store.messages.list_of_ticket(theirs.id)


async def test_a_deleted_role_takes_its_rights_away_and_the_log_channel_says_so(desk: RunningBridge) -> None:
    let_see(desk, "pete")
    theirs = await desk.ticket(subject="Second")
    (workspace,) = await desk.application.store.workspaces.list_all()
    log_channel = desk.guild.channels["log"]

    def told() -> list[str]:
        messages = desk.sandbox.messages(log_channel)
        return [one["embeds"][0]["description"] for one in messages if one["embeds"]]

    await desk.application.store.workspaces.change(
        workspace.id, lambda before: update_workspace(before, log_channel_id=log_channel)
    )
    desk.sandbox.delete_role("Builders")

    record = await desk.press("pete", theirs, "Claim")
    by_staff = await desk.press("mia", theirs, "Claim")
    (alert,) = await wait_for(told)

    assert reply_text(record) == ONLY_STAFF
    assert "You have claimed" in reply_text(by_staff)
    assert "was deleted, so no one has the rights that it gave." in alert


async def test_a_watcher_notes_and_reads_the_history_from_the_menu_and_changes_nothing(
    desk: RunningBridge,
) -> None:
    let_see(desk, "paula")
    ticket = await general(desk)

    form = await desk.choose("paula", ticket, "note")
    noted = await desk.sandbox.modal("paula", form["id"], {"text": "Seen."})
    history = await desk.choose("paula", ticket, "history")
    refused = [
        reply_text(await desk.choose("paula", ticket, name))
        for name in ("status", "priority", "assign", "move", "tag", "dismiss", "resolve")
    ]

    assert f"Your note on {ticket.public_id} is saved." in reply_text(noted)
    assert history["messages"][-1]["embeds"][0]["title"].endswith("First")
    assert set(refused) == {WATCHER_ONLY}


async def test_a_departments_staff_assign_to_their_own_move_a_ticket_away_and_undo_that(
    desk: RunningBridge,
) -> None:
    let_see(desk, "pete")
    ticket = await desk.ticket()

    assigned = await run(desk, "pete", "ticket assign", ticket=ticket.public_id, staff="pete")
    moved = await run(desk, "pete", "ticket move", ticket=ticket.public_id, department="general")
    elsewhere = await run(desk, "pete", "ticket priority", ticket=ticket.public_id, priority="high")
    undo = buttons_of(moved["messages"][-1])["Undo (30 s)"]
    undone = await desk.sandbox.press("pete", moved["messages"][-1]["id"], undo)

    assert "is assigned to Pete" in reply_text(assigned)
    assert "is moved" in reply_text(moved)
    assert reply_text(elsewhere).startswith("⛔")
    assert f"Undone: {ticket.public_id} is as it was before." in reply_text(undone)
    assert (await desk.refresh(ticket)).department == "builders"


async def test_the_rights_are_the_same_after_a_restart(tmp_path: Path) -> None:
    database = tmp_path / "tickets.db"
    async with running_sandbox() as (sandbox, guild):
        async with running_bridge(database, sandbox, guild) as bridge:
            role = int(sandbox.create_role("Watchers")["id"])
            sandbox.give_role("paula", "Watchers")
            ticket = await bridge.ticket()
            await bridge.application.store.workspaces.change(
                ticket.workspace_id, lambda before: update_workspace(before, watcher_role_id=role)
            )
            keys, earlier = bridge.keys, len(sandbox.requests)
        async with running_bridge(database, sandbox, guild, keys=keys) as bridge:
            await wait_for(
                lambda: sandbox.snapshot()["connected_sessions"] and len(sandbox.requests) > earlier + 3
            )
            let_see(bridge, "paula")
            refused = await bridge.press("paula", ticket, "Close")
            noted = await bridge.sandbox.command(
                "paula", ticket.post.thread_id or 0, "ticket note", {"text": "Seen."}
            )

            assert reply_text(refused) == WATCHER_ONLY
            assert "is saved" in reply_text(noted)


async def test_a_watcher_still_answers_and_closes_a_ticket_of_their_own(desk: RunningBridge) -> None:
    form = await desk.sandbox.command("paula", "general", "ticket open")
    await desk.sandbox.modal(
        "paula", form["id"], {"category": ["player"], "subject": "My own", "body": "Hm."}
    )
    (workspace,) = await desk.application.store.workspaces.list_all()
    (mine,) = await desk.application.store.tickets.autocomplete("My own", [workspace.id])
    mine = await desk.wait_until_posted(mine.public_id)

    closed = await desk.sandbox.command("paula", "general", "ticket close", {"ticket": mine.public_id})

    assert f"{mine.public_id} is closed. Staff see that you closed it." in reply_text(closed)


async def test_a_departments_staff_are_added_to_private_threads_of_its_tickets(desk: RunningBridge) -> None:
    (workspace,) = await desk.application.store.workspaces.list_all()
    await desk.application.store.workspaces.change(
        workspace.id,
        lambda before: before.with_category(Category(id="own", name="Own"), ["builders"]),
    )
    let_see(desk, "pete")
    form = await desk.sandbox.command("noah", "general", "ticket open")
    await desk.sandbox.modal("noah", form["id"], {"category": ["own"], "subject": "Secret", "body": "Hm."})
    (opened,) = await desk.application.store.tickets.autocomplete("Secret", [workspace.id])
    opened = await desk.wait_until_posted(opened.public_id)

    content = desk.post_message(opened)["content"]

    roles = desk.sandbox.snapshot()["guilds"][0]["roles"]
    builders = next(one["id"] for one in roles if one["name"] == "Builders")
    assert content == (f"<@{desk.guild.members['noah']}> <@&{desk.guild.roles['Staff']}> <@&{builders}>")


async def test_the_admin_role_changes_its_workspace_without_manage_server(desk: RunningBridge) -> None:
    show_commands_to_everyone(desk)
    desk.sandbox.give_role("paula", "Leads")

    shown = await desk.sandbox.command("paula", "general", "setup show", {})
    changed = await desk.sandbox.command("paula", "general", "setup rules", {"plan": "free"})

    assert "Workspace main" in embed_text(shown)
    assert "Let it see `/setup` in Server Settings > Integrations." in embed_text(shown)
    assert "Plan: free" in embed_text(changed)
    assert await desk.sandbox.autocomplete("paula", "general", "setup show", {}, "workspace")


async def test_the_admin_role_makes_no_workspace_and_hands_itself_to_nobody(desk: RunningBridge) -> None:
    show_commands_to_everyone(desk)
    desk.sandbox.give_role("paula", "Leads")
    channels = {"tickets_channel": "general", "reports_channel": "general", "staff_role": "Staff"}
    (before,) = await desk.application.store.workspaces.list_all()

    for command, options in (
        ("setup workspace", {"name": "second", **channels}),
        ("setup workspace", {"name": "main", **channels, "admin_role": "Builders"}),
        ("setup rules", {"admin_role": "Builders"}),
    ):
        record = await desk.sandbox.command("paula", "general", command, options)
        assert reply_text(record).startswith(
            "⛔ Only members with the Manage Server permission make workspaces"
        )
    assert await desk.application.store.workspaces.list_all() == [before]


async def test_roles_are_named_and_cleared_with_setup(bridge: RunningBridge) -> None:
    roles = {name: int(bridge.sandbox.create_role(name)["id"]) for name in ("Watchers", "Leads", "Builders")}
    await bridge.ticket()  # the commands are there by now

    async def setup(command: str, **options: object) -> str:
        record = await bridge.sandbox.command("olivia", "general", f"setup {command}", options)
        return reply_text(record) + "".join(embed_text(record) for _ in record["messages"][-1]["embeds"])

    channels = {"tickets_channel": "tickets", "reports_channel": "reports", "staff_role": "Staff"}
    await setup("workspace", name="main", **channels, watcher_role="Watchers", admin_role="Leads")
    shown = await setup("department", id="builders", staff_role="Builders")
    named = await bridge.application.store.workspaces.get_by_name("main")
    both = await setup("rules", watcher_role="Leads", no_watcher_role=True)
    everyone = await setup("rules", watcher_role="@everyone")
    await setup("rules", no_watcher_role=True, no_admin_role=True)
    await setup("department", id="builders", no_staff_role=True)
    cleared = await bridge.application.store.workspaces.get_by_name("main")

    assert (named.watcher_role_id, named.admin_role_id) == (roles["Watchers"], roles["Leads"])
    assert named.department("builders").staff_role_id == roles["Builders"]
    assert f"Watcher role: <@&{roles['Watchers']}>" in shown
    assert f"all staff · <@&{roles['Builders']}>" in shown
    assert "Name a role or say that there is none, not both." in both
    assert "Everyone has that role. Choose another role." in everyone
    assert cleared.role_ids == {bridge.guild.roles["Staff"]}
