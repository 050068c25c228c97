"""`/canned` and canned replies in `/ticket reply` and the form of a reply. Mia and noah are staff."""

from pathlib import Path
from typing import Any

from bot.tickets.canned_replies import NewCannedReply
from bot.tickets.message import Actor, MessageKind
from bot.tickets.ticket import Ticket
from tests.support.bridge_harness import (
    RunningBridge,
    reply_text,
    running_bridge,
    running_sandbox,
    wait_for,
)

GREETING = "Hi {player},\n\n{staff} looks at {ticket} of {server}."


async def run(bridge: RunningBridge, user: str, command: str, **options: object) -> dict[str, Any]:
    record = await bridge.sandbox.command(user, "general", command, options)
    assert record["error"] is None, record
    assert all(message["flags"] & 64 for message in record["messages"])  # seen by the user alone
    return record


async def add(bridge: RunningBridge, name: str = "greet", text: str = GREETING, user: str = "mia") -> str:
    """Fill in the form of `/canned add`; the answer."""
    form = await run(bridge, user, "canned add", name=name)
    return reply_text(await bridge.sandbox.modal(user, form["id"], {"text": text}))


async def saved_texts(bridge: RunningBridge) -> dict[str, str]:
    (workspace,) = await bridge.application.store.workspaces.list_all()
    found = await bridge.application.store.canned_replies.list_of_workspaces([workspace.id])
    return {one.name: one.text for one in found}


async def replies_to(bridge: RunningBridge, ticket: Ticket) -> list[str]:
    found = await bridge.application.store.messages.list_of_ticket(ticket.id, [MessageKind.REPLY])
    return [message.text for message in found]


async def test_staff_save_a_text_with_line_breaks_and_reply_with_it(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket(creatorName="Rey")

    answer = await add(bridge)
    await run(bridge, "noah", "ticket reply", canned="Greet", ticket=ticket.public_id)

    assert answer.startswith("✅ Canned reply greet is saved.")
    (text,) = await replies_to(bridge, ticket)
    server = bridge.sandbox.snapshot()["guilds"][0]["name"]
    assert text == f"Hi Rey,\n\nNoah looks at {ticket.public_id} of {server}."


async def test_a_message_follows_the_canned_reply(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()
    await add(bridge, text="Hello.")

    await run(bridge, "mia", "ticket reply", canned="greet", message="It is fixed.", ticket=ticket.public_id)

    assert await replies_to(bridge, ticket) == ["Hello.\n\nIt is fixed."]


async def test_the_form_of_a_reply_offers_them(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()
    await add(bridge, text="Hello.")

    form = await bridge.press("mia", ticket, "Reply")
    await bridge.sandbox.modal("mia", form["id"], {"canned": ["greet"]})
    form = await bridge.press("mia", ticket, "Reply")
    await bridge.sandbox.modal("mia", form["id"], {"canned": ["greet"], "text": "It is fixed."})
    form = await bridge.press("mia", ticket, "Reply")
    await bridge.sandbox.modal("mia", form["id"], {"text": "By myself."})

    assert await replies_to(bridge, ticket) == ["Hello.", "Hello.\n\nIt is fixed.", "By myself."]


async def test_a_form_with_nothing_in_it_is_refused(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()
    await add(bridge)

    form = await bridge.press("mia", ticket, "Reply")
    record = await bridge.sandbox.modal("mia", form["id"], {})

    assert "There is no text in that message." in reply_text(record)
    assert await replies_to(bridge, ticket) == []


async def test_without_canned_replies_the_form_has_none_and_asks_for_a_text(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()

    form = await bridge.press("mia", ticket, "Reply")

    assert [one["component"]["custom_id"] for one in form["modal"]["components"]] == ["text"]


async def test_reply_without_any_option_opens_the_form(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()

    form = await run(bridge, "mia", "ticket reply", ticket=ticket.public_id)
    await bridge.sandbox.modal("mia", form["id"], {"text": "One\n\nTwo"})

    assert await replies_to(bridge, ticket) == ["One\n\nTwo"]


async def test_names_are_offered_by_name_and_text_to_staff_alone(bridge: RunningBridge) -> None:
    await add(bridge, "greet", "Hello there")
    await add(bridge, "refund", "Your money is back")

    async def offered(user: str, command: str, option: str, typed: str) -> list[str]:
        record = await bridge.sandbox.autocomplete(user, "general", command, {option: typed}, option)
        return [one["value"] for one in record["choices"]]

    assert await offered("mia", "ticket reply", "canned", "") == ["greet", "refund"]
    assert await offered("mia", "ticket reply", "canned", "MONEY") == ["refund"]
    assert await offered("mia", "canned edit", "name", "gre") == ["greet"]
    assert await offered("pete", "ticket reply", "canned", "") == []
    assert await offered("pete", "canned remove", "name", "") == []


async def test_edit_begins_with_the_text_and_can_rename(bridge: RunningBridge) -> None:
    await add(bridge, text="One\n\nTwo")

    form = await run(bridge, "noah", "canned edit", name="GREET")
    inputs = [one["component"] for one in form["modal"]["components"]]
    await bridge.sandbox.modal("noah", form["id"], {"name": "hello"})

    assert [one["value"] for one in inputs] == ["greet", "One\n\nTwo"]
    assert await saved_texts(bridge) == {"hello": "One\n\nTwo"}


async def test_remove_gives_the_text_back(bridge: RunningBridge) -> None:
    await add(bridge)

    record = await run(bridge, "noah", "canned remove", name="greet")

    assert reply_text(record) == "✅ Canned reply greet is removed. The file has its text."
    assert record["messages"][-1]["attachments"][0]["size"] == len(GREETING)
    assert await saved_texts(bridge) == {}


async def test_the_list_shows_each_with_its_beginning_and_calls_nobody(bridge: RunningBridge) -> None:
    await add(bridge, "@everyone", "@here come\n\nand look")

    record = await run(bridge, "mia", "canned list")

    (embed,) = record["messages"][-1]["embeds"]
    assert "@everyone" not in embed["description"]
    assert embed["description"].replace("\u200b", "") == "• **@everyone** · @here come and look"


async def test_players_may_neither_manage_nor_use_them(bridge: RunningBridge) -> None:
    await add(bridge)
    form = await bridge.sandbox.command("pete", "general", "ticket open")
    await bridge.sandbox.modal("pete", form["id"], {"category": ["bug"], "subject": "Mine", "body": "Hm."})
    (workspace,) = await bridge.application.store.workspaces.list_all()
    (mine,) = await bridge.application.store.tickets.autocomplete("Mine", [workspace.id])
    await bridge.wait_until_posted(mine.public_id)

    for command in ("add", "edit", "remove", "list"):
        options = {"name": "greet"} if command in ("edit", "remove") else {}
        assert "Only staff can do that." in reply_text(
            await run(bridge, "pete", f"canned {command}", **options)
        )
    record = await run(bridge, "pete", "ticket reply", canned="greet", message="Me!", ticket=mine.public_id)
    form = await run(bridge, "pete", "ticket reply", ticket=mine.public_id)

    assert "Only staff can do that." in reply_text(record)
    assert "Me!" in reply_text(record)  # what they typed
    assert [one["component"]["custom_id"] for one in form["modal"]["components"]] == ["text"]
    assert not await bridge.application.store.messages.list_of_ticket(mine.id)


async def test_a_game_report_takes_no_canned_reply(bridge: RunningBridge) -> None:
    report = await bridge.game_report()
    ticket = await bridge.ticket()
    await add(bridge)
    form = await bridge.press("mia", ticket, "Reply")

    record = await run(
        bridge, "mia", "ticket reply", canned="greet", message="Thanks!", ticket=report.public_id
    )
    forged = await bridge.sandbox.modal(
        "mia", form["id"], {"canned": ["greet"], "text": "Thanks!"}, f"ticket:reply:{report.id}"
    )

    for refused in (record, forged):
        assert "This is a game report and view-only" in reply_text(refused)
        assert "Thanks!" in reply_text(refused)
    assert await replies_to(bridge, report) == []


async def test_a_form_that_cannot_be_saved_gives_the_text_back(bridge: RunningBridge) -> None:
    await add(bridge)

    unknown = await add(bridge, "other", "Hi {name}!\nBye")
    taken = await add(bridge, "GREET", "Another")

    assert "{name} is no placeholder. Those that can be filled in are {player}" in unknown.replace("\\", "")
    assert "Hi {name}!\nBye" in unknown
    assert "There is already a canned reply of that name." in taken
    assert "Another" in taken
    assert await saved_texts(bridge) == {"greet": GREETING}


async def test_a_text_of_4000_characters_is_saved_and_comes_back_whole(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()

    await add(bridge, "full", "y" * 4000)
    await run(bridge, "mia", "ticket reply", canned="full", ticket=ticket.public_id)
    too_long = await run(
        bridge, "mia", "ticket reply", canned="full", message="And more.", ticket=ticket.public_id
    )

    assert await replies_to(bridge, ticket) == ["y" * 4000]
    assert "too long: 4,000 characters at most" in reply_text(too_long)
    assert "And more." in reply_text(too_long)


async def test_who_lost_the_role_meanwhile_saves_nothing_and_keeps_the_text(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()
    await add(bridge, text="Hello.")
    added = await run(bridge, "mia", "canned add", name="late")
    edited = await run(bridge, "mia", "canned edit", name="greet")
    replied = await bridge.press("mia", ticket, "Reply")
    bridge.sandbox.take_role("mia", "Staff")

    for form in (added, edited):
        record = await bridge.sandbox.modal("mia", form["id"], {"text": "Too late"})
        assert "Only staff can do that." in reply_text(record)
        assert "Too late" in reply_text(record)
    record = await bridge.sandbox.modal("mia", replied["id"], {"canned": ["greet"], "text": "Too late"})

    assert "Only staff can do that." in reply_text(record)
    assert "Too late" in reply_text(record)
    assert await saved_texts(bridge) == {"greet": "Hello."}
    assert await replies_to(bridge, ticket) == []


async def test_without_the_staff_role_nobody_manages_them(bridge: RunningBridge) -> None:
    await add(bridge)
    bridge.sandbox.delete_role("Staff")

    record = await run(bridge, "mia", "canned remove", name="greet")

    assert "Only staff can do that." in reply_text(record)
    assert list(await saved_texts(bridge)) == ["greet"]


async def test_of_two_who_edit_at_once_the_second_is_told_who_was_first(bridge: RunningBridge) -> None:
    await add(bridge)
    first = await run(bridge, "mia", "canned edit", name="greet")
    second = await run(bridge, "noah", "canned edit", name="greet")

    await bridge.sandbox.modal("mia", first["id"], {"text": "Mia's"})
    record = await bridge.sandbox.modal("noah", second["id"], {"text": "Noah's"})

    assert "Mia changed this canned reply meanwhile" in reply_text(record)
    assert "Noah's" in reply_text(record)
    assert await saved_texts(bridge) == {"greet": "Mia's"}


async def test_a_canned_reply_that_was_removed_meanwhile_sends_nothing(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()
    await add(bridge)
    form = await bridge.press("mia", ticket, "Reply")
    await run(bridge, "noah", "canned remove", name="greet")

    record = await bridge.sandbox.modal("mia", form["id"], {"canned": ["greet"], "text": "And this."})

    assert "There is no such canned reply here." in reply_text(record)
    assert "And this." in reply_text(record)
    assert await replies_to(bridge, ticket) == []


async def test_forms_from_before_a_restart_are_saved(tmp_path: Path) -> None:
    async with running_sandbox() as (sandbox, guild):
        async with running_bridge(tmp_path / "tickets.db", sandbox, guild) as bridge:
            await add(bridge)
            added = await run(bridge, "mia", "canned add", name="new")
            edited = await run(bridge, "noah", "canned edit", name="greet")
            keys, earlier = bridge.keys, len(sandbox.requests)
        async with running_bridge(tmp_path / "tickets.db", sandbox, guild, keys=keys) as bridge:
            await wait_for(
                lambda: sandbox.snapshot()["connected_sessions"] and len(sandbox.requests) > earlier + 3
            )
            await bridge.sandbox.modal("mia", added["id"], {"text": "New"})
            await bridge.sandbox.modal("noah", edited["id"], {"text": "Changed"})

            assert await saved_texts(bridge) == {"greet": "Changed", "new": "New"}


async def test_the_form_shows_the_first_25_and_autocomplete_finds_the_rest(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()
    store = bridge.application.store
    for number in range(30):
        new = NewCannedReply(workspace_id=ticket.workspace_id, name=f"n{number:02}", text="Hi")
        await store.canned_replies.add(new, Actor(id="1", name="mia"), store.now())

    form = await bridge.press("mia", ticket, "Reply")
    found = await bridge.sandbox.autocomplete("mia", "general", "ticket reply", {"canned": "n29"}, "canned")

    (select,) = (one["component"] for one in form["modal"]["components"] if one["component"]["type"] == 3)
    assert [one["value"] for one in select["options"]] == [f"n{number:02}" for number in range(25)]
    assert [one["value"] for one in found["choices"]] == ["n29"]


async def test_a_forged_form_saves_nothing_and_gives_the_text_back(bridge: RunningBridge) -> None:
    form = await run(bridge, "mia", "canned add", name="greet")

    for custom_id in ("canned:edit:1", "canned:add:x", "canned:"):
        record = await bridge.sandbox.modal("mia", form["id"], {"text": "Hi there"}, custom_id)
        assert "not one of mine" in reply_text(record)
        assert "Hi there" in reply_text(record)
    assert await saved_texts(bridge) == {}
