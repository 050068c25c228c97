"""`/tickets` and a player's own ticket: what they see, in pages, and that nobody else sees it."""

import re
from dataclasses import replace
from typing import Any

import pytest

from bot.tickets.account_links import DiscordMember, GameAccount
from bot.tickets.actions import ACTIONS
from bot.tickets.conversation import conversation_pages
from bot.tickets.message import Actor, MessageKind
from bot.tickets.public_ids import numeric_ids
from bot.tickets.ticket import Status, Ticket
from cogs.tickets.own_embeds import conversation_file, own_fallback_embed, own_status
from tests.cogs.core.test_markdown import ticket_of
from tests.cogs.linking.test_linking import link
from tests.cogs.tickets.test_commands import NEEDED_OPTIONS, opened_by
from tests.cogs.tickets.test_history import ALIVE, HOSTILE, NOW, message_of
from tests.cogs.tickets.test_open import change_workspace, with_category
from tests.storage.samples import HUB
from tests.support.bridge_harness import RunningBridge, reply_text, wait_for
from tests.tickets.samples import WORKSPACE

REY, FINN = "550e8400-e29b-41d4-a716-446655440000", "770e8400-e29b-41d4-a716-446655440002"
ROBLOX_ID = 123456789


async def run(bridge: RunningBridge, user: str, command: str, **options: object) -> dict[str, Any]:
    """A slash command whose answer only the user sees; its last message."""
    record = await bridge.sandbox.command(user, "general", command, options)
    assert record["error"] is None, record
    assert all(message["flags"] & 64 for message in record["messages"])
    return dict(record["messages"][-1])


async def view(bridge: RunningBridge, user: str, ticket: Ticket) -> dict[str, Any]:
    return await run(bridge, user, "ticket view", ticket=ticket.public_id)


def components(message: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for row in message["components"] for one in row["components"]]


async def use(
    bridge: RunningBridge, user: str, message: dict[str, Any], label: str, values: list[str] | None = None
) -> dict[str, Any]:
    """Press a button, or use the select with that placeholder; the record of it."""
    (used,) = (one for one in components(message) if label in (one.get("label"), one.get("placeholder")))
    return await bridge.sandbox.press(user, message["id"], used["custom_id"], values)


async def turn(bridge: RunningBridge, user: str, message: dict[str, Any], label: str) -> dict[str, Any]:
    """The message after a button has changed it."""
    record = await use(bridge, user, message, label)
    (changed,) = record["messages"]
    assert changed["id"] == message["id"]
    return dict(changed)


def text_of(message: dict[str, Any]) -> str:
    """The description of the embed, without escapes."""
    (embed,) = message["embeds"]
    return re.sub(r"\\(?=\W)", "", embed["description"])


def footer(message: dict[str, Any]) -> str:
    return str(message["embeds"][0]["footer"]["text"])


def status_shown(message: dict[str, Any]) -> str:
    fields = message["embeds"][0]["fields"]
    return next(str(field["value"]) for field in fields if field["name"] == "Status")


async def linked(bridge: RunningBridge, user: str = "pete", player: str = REY) -> None:
    await link(bridge, user, player, "Rey")


async def reply(bridge: RunningBridge, ticket: Ticket, text: str) -> None:
    await bridge.sandbox.command(
        "mia", "tickets", "ticket reply", {"message": text, "ticket": ticket.public_id}
    )


async def messages_of(bridge: RunningBridge, ticket: Ticket, kind: MessageKind) -> list[tuple[str, str, str]]:
    found = await bridge.application.store.messages.list_of_ticket(ticket.id, [kind])
    return [(one.author.source, one.author.id, one.text) for one in found]


async def test_tickets_from_discord_and_of_both_games_are_in_one_list(bridge: RunningBridge) -> None:
    await linked(bridge)
    await link(bridge, "pete", ROBLOX_ID, "rey_rbx", source="series")
    in_discord = await opened_by(bridge, "pete")
    in_minecraft, in_roblox = await bridge.ticket(subject="Lag"), await bridge.game_report()
    await bridge.ticket(subject="Of somebody else", creatorUuid=FINN)

    shown = await run(bridge, "pete", "tickets")

    for ticket in (in_discord, in_minecraft, in_roblox):
        assert ticket.public_id in text_of(shown)
    assert "Of somebody else" not in text_of(shown)
    assert f"<#{in_discord.post.thread_id}>" in text_of(shown)
    assert "📥 Received" in text_of(shown)
    assert footer(shown) == "Page 1 of 1 · 3 tickets"


async def test_a_player_without_tickets_is_told_how_to_open_one_and_how_to_link(
    bridge: RunningBridge,
) -> None:
    await bridge.ticket()

    record = await bridge.sandbox.command("pete", "general", "tickets")

    assert "/ticket open" in reply_text(record)
    assert "/link" in reply_text(record)


async def test_linking_is_suggested_until_an_account_is_linked(bridge: RunningBridge) -> None:
    await opened_by(bridge, "pete")
    assert "`/link`" in text_of(await run(bridge, "pete", "tickets"))

    await linked(bridge)

    assert "`/link`" not in text_of(await run(bridge, "pete", "tickets"))


async def test_the_list_has_pages_of_ten_and_opens_tickets(bridge: RunningBridge) -> None:
    await linked(bridge)
    filed = [await bridge.ticket(subject=f"Number {number}") for number in range(12)]
    newest_first = [one.public_id for one in reversed(filed)]

    first = await run(bridge, "pete", "tickets")
    second = await turn(bridge, "pete", first, "Older ▶")

    assert re.findall("`(.+?)`", text_of(first)) == newest_first[:10]
    assert re.findall("`(.+?)`", text_of(second)) == newest_first[10:]
    assert footer(second) == "Page 2 of 2 · 12 tickets"
    assert [one["disabled"] for one in components(second)[1:]] == [False, True]
    opened = await use(bridge, "pete", second, "Open a ticket…", [str(filed[0].id)])
    assert opened["messages"][0]["embeds"][0]["title"] == "🎫 Number 0"
    back = await turn(bridge, "pete", opened["messages"][0], "All my tickets")
    assert text_of(back) == text_of(first)


async def test_a_reply_is_marked_as_new_until_its_reporter_has_seen_it(bridge: RunningBridge) -> None:
    await linked(bridge)
    ticket = await bridge.ticket()
    assert "eply" not in text_of(await run(bridge, "pete", "tickets"))

    await reply(bridge, ticket, "We are on it.")
    unread = await run(bridge, "pete", "tickets")
    await view(bridge, "pete", ticket)

    async def seen() -> bool:
        return "💬 Last reply from staff" in text_of(await run(bridge, "pete", "tickets"))

    assert "🔔 **New reply from staff**" in text_of(unread)
    assert await wait_for(seen)  # it is marked once it was shown


async def test_a_reporter_sees_replies_without_names_and_nothing_of_staffs_work(
    bridge: RunningBridge,
) -> None:
    await linked(bridge)
    ticket = await bridge.ticket(chatMessages=["Hacker123: gg"])
    about = {"ticket": ticket.public_id}
    await bridge.sandbox.command("mia", "tickets", "ticket note", about | {"text": "A smurf."})
    await bridge.sandbox.command("mia", "tickets", "ticket claim", about)
    await reply(bridge, ticket, "Which server was it?")

    shown = await view(bridge, "pete", ticket)

    assert "Observed player flying" in text_of(shown)
    assert re.search(r"\*\*Staff\*\* <t:\d+:R>\nWhich server was it\?", text_of(shown))
    assert status_shown(shown) == "🟡 In progress"
    for hidden in ("Mia", str(bridge.guild.members["mia"]), "smurf", "gg", "claimed"):
        assert hidden not in str(shown["embeds"]) + str(shown["attachments"])


async def test_a_game_report_can_be_followed_and_nothing_else(bridge: RunningBridge) -> None:
    await link(bridge, "pete", ROBLOX_ID, "rey_rbx", source="series")
    report = await bridge.game_report()
    about = {"ticket": report.public_id}
    statuses = []
    for command in ("claim", "resolve"):
        statuses.append(status_shown(await view(bridge, "pete", report)))
        await bridge.sandbox.command("mia", "reports", f"ticket {command}", about)
    await bridge.sandbox.command("mia", "reports", "ticket note", about | {"text": "A smurf."})

    shown = await view(bridge, "pete", report)
    answered = await run(bridge, "pete", "ticket reply", message="And again!", **about)
    closed = await run(bridge, "pete", "ticket close", **about)

    assert [*statuses, status_shown(shown)] == ["📥 Received", "👀 Being looked at", "⚫ Closed"]
    assert "GAME REPORT · view-only" in text_of(shown)
    assert "smurf" not in str(shown)
    assert [one["label"] for one in components(shown)] == ["All my tickets"]
    for refused in (answered, closed):
        assert refused["content"].startswith("⛔ This is a game report and view-only: you can follow it here")
    assert "And again!" in answered["content"]
    assert await messages_of(bridge, report, MessageKind.FOLLOW_UP) == []
    assert (await bridge.refresh(report)).status is Status.RESOLVED


async def test_a_report_that_ended_thanks_its_reporter_where_that_is_on(bridge: RunningBridge) -> None:
    await link(bridge, "pete", ROBLOX_ID, "rey_rbx", source="series")
    report = await bridge.game_report()
    thanks = "Thank you. Your report was dealt with."
    await change_workspace(bridge, lambda one: replace(one, thank_reporters=True))
    for command, is_thanked in (("claim", False), ("close", True), ("reopen", False), ("resolve", True)):
        await bridge.sandbox.command("mia", "reports", f"ticket {command}", {"ticket": report.public_id})

        for shown in (await view(bridge, "pete", report), await run(bridge, "pete", "tickets")):
            assert (thanks in text_of(shown)) == is_thanked
    await change_workspace(bridge, lambda one: replace(one, thank_reporters=False))

    for shown in (await view(bridge, "pete", report), await run(bridge, "pete", "tickets")):
        assert "Thank you" not in text_of(shown)


async def test_staff_are_named_where_that_is_on(bridge: RunningBridge) -> None:
    await linked(bridge)
    await link(bridge, "pete", ROBLOX_ID, "rey_rbx", source="series")
    ticket, report = await bridge.ticket(), await bridge.game_report()
    await reply(bridge, ticket, "Which server was it?")
    for one in (ticket, report):
        await bridge.sandbox.command("mia", "tickets", "ticket claim", {"ticket": one.public_id})
    await change_workspace(bridge, lambda one: replace(one, name_staff=True))

    answered, looked_at = await view(bridge, "pete", ticket), await view(bridge, "pete", report)

    assert re.search(r"\*\*Mia\*\* <t:\d+:R>\nWhich server was it\?", text_of(answered))
    assert status_shown(answered) == "🟡 In progress"  # of normal tickets, who replied and no more
    assert status_shown(looked_at) == "👀 Mia is looking at it"
    assert "👀 Mia is looking at it" in text_of(await run(bridge, "pete", "tickets"))
    await bridge.sandbox.command("mia", "tickets", "ticket resolve", {"ticket": report.public_id})
    assert "Mia" not in str(await view(bridge, "pete", report))


async def test_an_open_game_report_is_not_closed_by_its_reporter(bridge: RunningBridge) -> None:
    await link(bridge, "pete", ROBLOX_ID, "rey_rbx", source="series")
    report = await bridge.game_report()
    shown = await view(bridge, "pete", report)

    await run(bridge, "pete", "ticket close", ticket=report.public_id)
    await bridge.sandbox.press("pete", shown["id"], f"ticket:close:{report.id}", forge=True)

    assert (await bridge.refresh(report)).status is Status.OPEN


async def test_a_reporters_reply_is_saved_as_the_players_and_shown_to_staff(bridge: RunningBridge) -> None:
    await linked(bridge)
    ticket = await bridge.ticket()

    said = await run(bridge, "pete", "ticket reply", message="On survival-1.", ticket=ticket.public_id)

    assert said["content"] == f"✅ Your message on {ticket.public_id} is saved. Staff read it on the ticket."
    assert await messages_of(bridge, ticket, MessageKind.FOLLOW_UP) == [("modl", REY, "On survival-1.")]
    await bridge.refresh(ticket)
    (embed,) = bridge.sandbox.messages(ticket.post.thread_id or 0)[-1]["embeds"]
    assert (embed["title"], embed["author"]["name"]) == ("🗨️ The reporter adds", "Notch")
    assert "**You**" in text_of(await view(bridge, "pete", ticket))


async def test_hostile_text_of_a_reporter_is_escaped_for_staff(bridge: RunningBridge) -> None:
    ticket = await opened_by(bridge, "pete")

    await run(bridge, "pete", "ticket reply", message=HOSTILE, ticket=ticket.public_id)

    ticket = await bridge.refresh(ticket)
    shown = bridge.sandbox.messages(ticket.post.thread_id or 0)[-1]["embeds"][0]["description"]
    for alive in ALIVE:
        assert alive not in shown
        assert alive not in (await view(bridge, "pete", ticket))["embeds"][0]["description"]


@pytest.mark.parametrize("text", ["On survival-1, **as always**.", "```\nlog\n```", "x" * 4000])
async def test_a_refused_reply_is_given_back(bridge: RunningBridge, text: str) -> None:
    await linked(bridge)
    ticket = await bridge.ticket()
    await bridge.close("mia", ticket)

    refused = await run(bridge, "pete", "ticket reply", message=text, ticket=ticket.public_id)

    assert refused["content"].startswith("⛔ This ticket is closed, so nothing was done.")
    if refused["attachments"]:
        async with bridge.session.get(refused["attachments"][0]["url"]) as answer:
            assert await answer.text() == text
    else:
        assert f"```\n{text}\n```" in refused["content"]
    assert await messages_of(bridge, ticket, MessageKind.FOLLOW_UP) == []


async def test_a_reporter_closes_their_ticket_and_staff_see_who(bridge: RunningBridge) -> None:
    await linked(bridge)
    ticket = await bridge.ticket()

    closed = await run(bridge, "pete", "ticket close", ticket=ticket.public_id)

    assert closed["content"] == f"✅ {ticket.public_id} is closed. Staff see that you closed it."
    ticket = await bridge.refresh(ticket)
    assert ticket.status is Status.CLOSED
    assert list(bridge.buttons(ticket)) == ["Reopen"]
    history = str((await view(bridge, "mia", ticket))["embeds"][0]["fields"])
    assert "Notch, the reporter, changed the status to closed" in history
    again = await run(bridge, "pete", "ticket close", ticket=ticket.public_id)
    assert again["content"].startswith("⛔ This ticket is closed, so nothing was done.")


async def test_the_buttons_below_an_own_ticket_reply_and_close(bridge: RunningBridge) -> None:
    await linked(bridge)
    ticket = await bridge.ticket()
    shown = await view(bridge, "pete", ticket)

    form = await use(bridge, "pete", shown, "Reply")
    assert form["modal"]["components"][0]["component"]["placeholder"] == "Staff will read this."
    await bridge.sandbox.modal("pete", form["id"], {"text": "On survival-1."})
    closed = await use(bridge, "pete", shown, "Close")

    assert await messages_of(bridge, ticket, MessageKind.FOLLOW_UP) == [("modl", REY, "On survival-1.")]
    assert (await bridge.refresh(ticket)).status is Status.CLOSED
    assert closed["messages"][-1]["components"] == []
    late = await use(bridge, "pete", shown, "Reply")
    assert late["modal"] is None
    assert "This ticket is closed" in reply_text(late)


async def test_the_buttons_in_a_private_thread_serve_its_reporter_too(bridge: RunningBridge) -> None:
    ticket = await opened_by(bridge, "pete")

    claimed = await bridge.press("pete", ticket, "Claim")
    form = await bridge.press("pete", ticket, "Reply")
    await bridge.sandbox.modal("pete", form["id"], {"text": "It was diamond."})
    await bridge.press("pete", ticket, "Close")

    pete = str(bridge.guild.members["pete"])
    assert "Only staff" in reply_text(claimed)
    assert await messages_of(bridge, ticket, MessageKind.FOLLOW_UP) == [("discord", pete, "It was diamond.")]
    assert (await bridge.refresh(ticket)).status is Status.CLOSED


async def test_a_ticket_of_somebody_else_is_answered_like_one_that_is_not_there(
    bridge: RunningBridge,
) -> None:
    await linked(bridge, "paula", FINN)
    await linked(bridge)
    ticket = await bridge.ticket()
    own = await bridge.ticket(creatorUuid=FINN, subject="Of Finn")

    for command in ("view", *(one.name for one in ACTIONS.values())):
        answers = []
        for named in (
            ticket.public_id,
            ticket.public_id.lower(),
            str(ticket.id),
            ticket.uid,
            "TICKET-000000",
        ):
            options = NEEDED_OPTIONS.get(command, {}) | {"ticket": named}
            answers.append((await run(bridge, "paula", f"ticket {command}", **options))["content"])
        assert len(set(answers)) == 1
        assert "no such ticket" in answers[0] or "Only staff" in answers[0]
    offered = await bridge.sandbox.autocomplete("paula", "general", "ticket view", {"ticket": ""}, "ticket")
    assert [one["value"] for one in offered["choices"]] == [own.public_id]
    assert await bridge.refresh(ticket) == ticket


async def test_forged_ids_lead_to_nobody_elses_ticket(bridge: RunningBridge) -> None:
    await linked(bridge, "paula", FINN)
    ticket, own = await bridge.ticket(), await bridge.ticket(creatorUuid=FINN)
    shown, listed = await view(bridge, "paula", own), await run(bridge, "paula", "tickets")

    async def forge(custom_id: str, values: list[str] | None = None) -> str:
        record = await bridge.sandbox.press("paula", listed["id"], custom_id, values, forge=True)
        assert record["modal"] is None
        assert "flying" not in str(record["messages"])
        return reply_text(record)

    for number in (ticket.id, 10**6):
        assert "no such ticket" in await forge(f"own:view:{number}:0")
        assert "no such ticket" in await forge("own:open", [str(number)])
        assert "Only staff" in await forge(f"ticket:reply:{number}")
        assert "Only staff" in await forge(f"ticket:close:{number}")
    for broken in (f"own:view:{own.id}:-1", "own:list:x", "own:", f"own:view:{own.id}:9999999999"):
        assert "not one of mine" in await forge(broken)
    for value in ("x", "9" * 19, "²"):
        assert "not one of mine" in await forge("own:open", [value])
    assert "page" not in footer(shown)
    assert (await bridge.refresh(ticket)) == ticket


async def test_what_one_person_sees_never_replaces_a_post(bridge: RunningBridge) -> None:
    await linked(bridge)
    ticket = await bridge.ticket()
    bridge.sandbox.set_overwrite("tickets", "everyone", allow=1 << 10)
    before = bridge.post_message(ticket)

    for custom_id in ("own:list:0", f"own:view:{ticket.id}:0"):
        record = await bridge.forge("pete", ticket, custom_id)
        assert "not one of mine" in reply_text(record)

    assert bridge.post_message(ticket) == before


async def test_after_unlinking_the_tickets_are_somebody_elses(bridge: RunningBridge) -> None:
    await linked(bridge)
    ticket = await bridge.ticket()
    listed, shown = await run(bridge, "pete", "tickets"), await view(bridge, "pete", ticket)

    await run(bridge, "pete", "unlink", account="Rey")

    for label, message in (("Reply", shown), ("Close", shown)):
        assert "Only staff" in reply_text(await use(bridge, "pete", message, label))
    opened = await use(bridge, "pete", listed, "Open a ticket…", [str(ticket.id)])
    assert "no such ticket" in reply_text(opened)
    assert "no such ticket" in (await view(bridge, "pete", ticket))["content"]
    assert "no tickets yet" in reply_text(await use(bridge, "pete", shown, "All my tickets"))


async def test_accounts_linked_in_another_server_show_nothing_here(bridge: RunningBridge) -> None:
    store, pete = bridge.application.store, bridge.guild.members["pete"]
    elsewhere = await store.workspaces.add(replace(HUB, name="elsewhere", guild_id=1), NOW)
    member = DiscordMember(guild_id=1, discord_id=pete, name="pete")
    code = await store.account_links.create_code_for_member(member, store.now())
    account = GameAccount(source="modl", player_id=REY)
    await store.account_links.redeem_as_player(
        code.text, elsewhere.id, account, key_prefix="k", now=store.now()
    )
    ticket = await bridge.ticket()

    assert "no such ticket" in (await view(bridge, "pete", ticket))["content"]
    assert "no tickets yet" in (await run(bridge, "pete", "tickets"))["content"]
    there = await store.intake.add_ticket(elsewhere.id, ticket, numeric_ids("PLAYER"), NOW)
    assert "no such ticket" in (await view(bridge, "pete", there))["content"]
    assert "no tickets yet" in (await run(bridge, "pete", "tickets"))["content"]


async def test_staff_find_their_own_tickets_and_act_on_them_as_staff(bridge: RunningBridge) -> None:
    await linked(bridge, "mia")
    ticket = await bridge.ticket()

    listed = await run(bridge, "mia", "tickets")
    opened = await use(bridge, "mia", listed, "Open a ticket…", [str(ticket.id)])
    await reply(bridge, ticket, "I answer myself.")

    assert [one["label"] for one in components(opened["messages"][0])] == ["All my tickets"]
    assert len(await messages_of(bridge, ticket, MessageKind.REPLY)) == 1
    assert await messages_of(bridge, ticket, MessageKind.FOLLOW_UP) == []


@pytest.mark.parametrize("unit", ["word ", "<", "@everyone ", "https://x.example/@@@@@@@@ ", "\U0001f600"])
async def test_a_long_text_is_read_to_its_end_by_turning_pages(bridge: RunningBridge, unit: str) -> None:
    await linked(bridge)
    text = (unit * 4000)[:4000].strip()
    ticket = await bridge.ticket(subject=unit * 8, description=text)

    shown = await view(bridge, "pete", ticket)
    seen = [text_of(shown)]
    while not components(shown)[-2]["disabled"]:
        shown = await turn(bridge, "pete", shown, "Newer ▶")
        seen.append(text_of(shown))

    assert f"page {len(seen)} of {len(seen)}" in footer(shown)
    assert "part 1 of" in seen[0]
    assert sum(page.count(unit.strip()[0]) for page in seen) >= text.count(unit.strip()[0])


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("view_only", [True, False])
def test_every_status_has_its_words(status: Status, view_only: bool) -> None:
    assert own_status(ticket_of(status=status, view_only=view_only)).isprintable()


def test_for_a_text_that_discord_refuses_there_is_an_embed_without_it_and_a_file() -> None:
    ticket = ticket_of(subject="Such a bad word", body="Another bad word.")
    answer = message_of(MessageKind.REPLY, "Please do not.", author=Actor(id="1", name="Mia"))

    embed = own_fallback_embed(ticket, WORKSPACE)
    file = conversation_file(ticket, WORKSPACE, conversation_pages(ticket, [answer]))

    assert "bad word" not in str(embed.to_dict())
    text = file.fp.read().decode()
    assert text.startswith("Such a bad word\n\nYou, ")
    assert text.endswith("Another bad word.\n\nStaff, 2026-01-02 00:00 UTC\nPlease do not.")


async def test_a_refused_new_ticket_is_given_back(bridge: RunningBridge) -> None:
    await change_workspace(bridge, with_category("shop", max_open=1))
    forms = [await bridge.sandbox.command("pete", "general", "ticket open") for _ in range(2)]
    values = {"category": ["shop"], "subject": "Lost items", "body": "My sword is gone."}
    await bridge.sandbox.modal("pete", forms[0]["id"], values)

    record = await bridge.sandbox.modal("pete", forms[1]["id"], values)

    assert reply_text(record).startswith("⛔ This player already has as many open tickets")
    assert "```\nLost items\n\nMy sword is gone.\n```" in reply_text(record)
