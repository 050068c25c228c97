"""Direct messages to players: who gets them and when, what they show, and what Discord may answer."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.i18n.translations import gettext, use_language
from bot.tickets.direct_messages import MemberPreferences, Reachability, format_time_of_day
from bot.tickets.message import MessageKind
from bot.tickets.outbox import DIRECT_MESSAGES, DeliveryState
from bot.tickets.ticket import Status, Ticket
from cogs.posts.direct_messages import direct_message_embed
from tests.cogs.linking.test_linking import link
from tests.cogs.tickets.test_commands import opened_by
from tests.cogs.tickets.test_history import ALIVE, HOSTILE
from tests.cogs.tickets.test_open import change_workspace
from tests.cogs.tickets.test_own_tickets import (
    FINN,
    REY,
    ROBLOX_ID,
    components,
    linked,
    messages_of,
    reply,
    run,
    text_of,
    use,
    view,
)
from tests.support.bridge_harness import (
    RunningBridge,
    reply_text,
    running_bridge,
    running_sandbox,
    wait_for,
)
from tests.tickets.samples import TICKET, WORKSPACE

DM_POST = r"/channels/{}/messages$"


def direct_messages(bridge: RunningBridge, user: str = "pete") -> list[dict[str, Any]]:
    """What the bot wrote to a user, oldest first."""
    bot = str(bridge.guild.members["ticketbridge"])
    return [
        one for one in bridge.sandbox.messages(f"@{user}") if one["author"]["id"] == bot and one["embeds"]
    ]


def texts(bridge: RunningBridge, user: str = "pete") -> list[str]:
    return [text_of(one) for one in direct_messages(bridge, user)]


def fields(message: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in message["embeds"][0]["fields"]}


async def settled(bridge: RunningBridge, ticket: Ticket) -> Ticket:
    """The ticket, once nothing of it waits."""
    return await bridge.refresh(ticket)


async def held(bridge: RunningBridge) -> int:
    depths = await bridge.application.store.outbox_admin.depths()
    return sum(one.count for one in depths if one.state is DeliveryState.HELD)


async def told(bridge: RunningBridge, text: str = "We are on it.") -> tuple[Ticket, dict[str, Any]]:
    """A ticket of pete's with a reply, and the direct message about it."""
    await linked(bridge)
    ticket = await bridge.ticket()
    await reply(bridge, ticket, text)
    await settled(bridge, ticket)
    (message,) = direct_messages(bridge)
    return ticket, message


async def preferences(bridge: RunningBridge, user: str = "pete") -> MemberPreferences:
    return await bridge.application.store.members.get_preferences(bridge.guild.members[user])


async def refused(bridge: RunningBridge, text: str) -> str:
    """The error of the delivery that waits, once it contains this."""

    async def found() -> str | None:
        undelivered = await bridge.application.store.outbox_admin.list_undelivered(10)
        return next((one.last_error for one in undelivered if text in (one.last_error or "")), None)

    error: str = await wait_for(found)
    return error


async def test_a_reply_is_told_and_the_answer_from_there_is_on_the_ticket(bridge: RunningBridge) -> None:
    ticket, message = await told(bridge, "Which server was it?")

    form = await use(bridge, "pete", message, "Reply")
    answered = await bridge.sandbox.modal("pete", form["id"], {"text": "On survival-1."})

    assert text_of(message) == "Which server was it?"
    assert message["embeds"][0]["author"]["name"] == "Staff"
    assert message["embeds"][0]["title"] == ticket.subject
    assert fields(message) == {"Ticket": f"`{ticket.public_id}`", "Server": "Ticketbridge Demo"}
    assert "Mia" not in str(message["embeds"])
    assert form["modal"]["components"][0]["component"]["placeholder"] == "Staff will read this."
    assert reply_text(answered).startswith(f"✅ Your message on {ticket.public_id} is saved.")
    assert await messages_of(bridge, ticket, MessageKind.FOLLOW_UP) == [("modl", REY, "On survival-1.")]


async def test_a_closed_ticket_is_told_without_a_button_to_reply(bridge: RunningBridge) -> None:
    await linked(bridge)
    ticket = await bridge.ticket()

    await bridge.close("mia", ticket)
    await settled(bridge, ticket)

    (message,) = direct_messages(bridge)
    assert text_of(message) == "Work on your ticket has ended."
    assert fields(message)["Status"] == "Closed"
    assert [one["label"] for one in components(message)] == ["Message settings"]


async def test_who_replied_is_named_where_that_is_on(bridge: RunningBridge) -> None:
    await change_workspace(bridge, lambda one: replace(one, name_staff=True))

    _, message = await told(bridge)

    assert message["embeds"][0]["author"]["name"] == "Mia"


async def test_the_reporter_of_a_game_report_is_thanked_where_that_is_on(bridge: RunningBridge) -> None:
    await link(bridge, "pete", ROBLOX_ID, "rey_rbx", source="series")
    await change_workspace(bridge, lambda one: replace(one, thank_reporters=True))
    report = await bridge.game_report()

    await bridge.sandbox.command("mia", "reports", "ticket resolve", {"ticket": report.public_id})
    await settled(bridge, report)

    (message,) = direct_messages(bridge)
    assert text_of(message) == "Thank you. Your report was dealt with."
    assert [one["label"] for one in components(message)] == ["Message settings"]
    assert "Mia" not in str(message)


async def test_a_reply_and_then_the_closing_are_told_in_order(bridge: RunningBridge) -> None:
    await linked(bridge)
    ticket = await bridge.ticket()

    await reply(bridge, ticket, "Done.")
    await bridge.close("mia", ticket)
    await settled(bridge, ticket)

    assert texts(bridge) == ["Done.", "Work on your ticket has ended."]


async def test_both_linked_accounts_are_told_and_nobody_else(bridge: RunningBridge) -> None:
    await linked(bridge)
    await link(bridge, "pete", FINN, "Finn")
    await link(bridge, "paula", "880e8400-e29b-41d4-a716-446655440003", "Poe")
    mine = [await bridge.ticket(), await bridge.ticket(creatorUuid=FINN)]
    others = await bridge.ticket(creatorUuid="990e8400-e29b-41d4-a716-446655440004")

    for ticket in (*mine, others):
        await reply(bridge, ticket, f"About {ticket.public_id}")
        await settled(bridge, ticket)

    assert texts(bridge) == [f"About {ticket.public_id}" for ticket in mine]
    assert direct_messages(bridge, "paula") == []


async def test_nothing_is_told_of_game_reports_notes_and_tickets_with_a_thread_of_their_own(
    bridge: RunningBridge,
) -> None:
    await linked(bridge)
    await link(bridge, "pete", ROBLOX_ID, "rey_rbx", source="series")
    report, private, ticket = (
        await bridge.game_report(),
        await opened_by(bridge, "pete"),
        await bridge.ticket(),
    )

    await bridge.press("mia", report, "Resolve")
    await reply(bridge, private, "We are on it.")
    await bridge.close("mia", private)
    await bridge.sandbox.command(
        "mia", "tickets", "ticket note", {"ticket": ticket.public_id, "text": "A smurf."}
    )
    for one in (report, private, ticket):
        await settled(bridge, one)

    assert direct_messages(bridge) == []


async def test_nobody_is_told_what_they_did_themselves(bridge: RunningBridge) -> None:
    await linked(bridge)
    await linked(bridge, "mia", FINN)
    own, staffs = await bridge.ticket(), await bridge.ticket(creatorUuid=FINN)

    await run(bridge, "pete", "ticket close", ticket=own.public_id)
    await reply(bridge, staffs, "I answer myself.")
    for one in (own, staffs):
        await settled(bridge, one)

    assert direct_messages(bridge) == direct_messages(bridge, "mia") == []


async def test_hostile_text_is_escaped_and_a_long_reply_is_cut_with_a_hint(bridge: RunningBridge) -> None:
    await linked(bridge)
    ticket = await bridge.ticket(subject=HOSTILE[:100])

    await reply(bridge, ticket, HOSTILE)
    await reply(bridge, ticket, "<" * 4000)
    await settled(bridge, ticket)

    hostile, long = direct_messages(bridge)
    for alive in ALIVE:
        assert alive not in hostile["embeds"][0]["description"]
        assert alive not in hostile["embeds"][0]["title"]
    assert long["embeds"][0]["description"].endswith(
        "…\n\nThere is more: `/ticket view` in the server shows all of it."
    )


async def test_a_text_that_discord_refuses_is_told_without_it(bridge: RunningBridge) -> None:
    bridge.sandbox.change_settings(blocked_words=["griefed"])

    _, message = await told(bridge, "Who griefed you?")

    assert text_of(message) == "You have a reply: `/ticket view` in the server shows it."


async def test_after_unlinking_the_button_refuses_and_nothing_more_is_told(bridge: RunningBridge) -> None:
    ticket, message = await told(bridge)

    await run(bridge, "pete", "unlink", account="Rey")
    pressed = await use(bridge, "pete", message, "Reply")
    await reply(bridge, ticket, "Another one.")
    await settled(bridge, ticket)

    assert pressed["modal"] is None
    assert "That is no ticket of yours." in reply_text(pressed)
    assert len(direct_messages(bridge)) == 1


async def test_a_form_opened_before_unlinking_gives_the_text_back(bridge: RunningBridge) -> None:
    ticket, message = await told(bridge)
    form = await use(bridge, "pete", message, "Reply")

    await run(bridge, "pete", "unlink", account="Rey")
    answered = await bridge.sandbox.modal("pete", form["id"], {"text": "On survival-1."})

    assert "That is no ticket of yours." in reply_text(answered)
    assert "```\nOn survival-1.\n```" in reply_text(answered)
    assert await messages_of(bridge, ticket, MessageKind.FOLLOW_UP) == []


async def test_forged_buttons_in_a_direct_message_give_nothing_away(bridge: RunningBridge) -> None:
    ticket, message = await told(bridge)
    others = await bridge.ticket(creatorUuid=FINN)
    await linked(bridge, "mia", "880e8400-e29b-41d4-a716-446655440003")
    staffs = await bridge.ticket(creatorUuid="880e8400-e29b-41d4-a716-446655440003")
    await reply(bridge, staffs, "For Mia.")
    await bridge.close("noah", staffs)
    await settled(bridge, staffs)
    messages = {"pete": message, "mia": direct_messages(bridge, "mia")[-1]}

    async def forge(custom_id: str, values: list[str] | None = None, user: str = "pete") -> str:
        record = await bridge.sandbox.press(user, messages[user]["id"], custom_id, values, forge=True)
        assert record["modal"] is None
        assert all(one["flags"] & 64 for one in record["messages"])
        assert "flying" not in str(record["messages"])
        return reply_text(record)

    for user in ("pete", "mia"):  # staff are nobody here
        for action in ("reply", "close"):
            answers = {await forge(f"ticket:{action}:{one}", user=user) for one in (others.id, 10**6)}
            assert len(answers) == 1
            assert "That is no ticket of yours." in answers.pop()
        for action in ("claim", "unclaim", "resolve", "reopen"):
            answers = {
                await forge(f"ticket:{action}:{one}", user=user) for one in (ticket.id, others.id, 10**6)
            }
            assert answers == {"⛔ Only staff can do that."}
        assert "not one of mine" in await forge(f"own:view:{ticket.id}:0", user=user)
        for other, values in (("digest:open", [str(others.id)]), ("links:cut", ["1"]), ("own:open", ["1"])):
            assert (await forge(other, values, user=user)).startswith("⛔")
    assert await bridge.refresh(others) == others


async def test_a_stranger_who_forges_the_button_of_a_ticket_gets_no_form(bridge: RunningBridge) -> None:
    ticket, _ = await told(bridge)
    await linked(bridge, "paula", FINN)
    own = await bridge.ticket(creatorUuid=FINN)
    await reply(bridge, own, "For Paula.")
    await settled(bridge, own)
    (message,) = direct_messages(bridge, "paula")

    forged = await bridge.sandbox.press("paula", message["id"], f"ticket:reply:{ticket.id}", forge=True)
    form = await use(bridge, "paula", message, "Reply")
    submitted = await bridge.sandbox.modal(
        "paula", form["id"], {"text": "Mine now."}, forge_custom_id=f"ticket:reply:{ticket.id}"
    )

    assert forged["modal"] is None
    for refusal in (forged, submitted):
        assert "That is no ticket of yours." in reply_text(refusal)
    assert await messages_of(bridge, ticket, MessageKind.FOLLOW_UP) == []


async def test_who_takes_no_direct_messages_is_told_so_in_tickets_and_tried_again_after_using_the_bot(
    bridge: RunningBridge,
) -> None:
    await linked(bridge)
    ticket = await bridge.ticket()
    bridge.sandbox.change_user("pete", takes_direct_messages=False)

    await reply(bridge, ticket, "first")
    await settled(bridge, ticket)
    asked = len(bridge.sandbox.requests)
    await reply(bridge, ticket, "second")
    await settled(bridge, ticket)

    assert not any("/users/@me/channels" in one["path"] for one in bridge.sandbox.requests[asked:])
    assert await bridge.application.store.outbox_admin.list_undelivered(10) == []
    assert (await preferences(bridge)).reachable is Reachability.NO
    bridge.sandbox.change_user("pete", takes_direct_messages=True)
    assert "Discord did not let me send you direct messages" in text_of(await run(bridge, "pete", "tickets"))

    async def may_be_tried() -> bool:
        return (await preferences(bridge)).reachable is Reachability.RETRY

    await wait_for(may_be_tried)
    await reply(bridge, ticket, "third")
    await settled(bridge, ticket)
    assert texts(bridge) == ["third"]
    assert "Discord did not let me" not in text_of(await run(bridge, "pete", "tickets"))


async def test_who_left_every_server_of_the_bot_is_no_error(bridge: RunningBridge) -> None:
    await linked(bridge)
    ticket = await bridge.ticket()
    bridge.sandbox.remove_member("pete")

    await reply(bridge, ticket, "We are on it.")
    await settled(bridge, ticket)

    assert (await preferences(bridge)).reachable is Reachability.NO
    assert await bridge.application.store.outbox_admin.list_undelivered(10) == []


@pytest.mark.parametrize("when", ["after", "early"])
async def test_a_direct_message_whose_response_was_lost_is_found_again_and_not_repeated(
    tmp_path: Path, when: str
) -> None:
    async with (
        running_sandbox(nonce_window=0.0, echo=False) as (sandbox, guild),  # only the history helps
        running_bridge(tmp_path / "t.db", sandbox, guild) as bridge,
    ):
        await linked(bridge)
        ticket = await bridge.ticket()
        place = bridge.sandbox.state.world.dm_channel(guild.members["pete"]).id
        sandbox.fail("reset", when=when, effect_delay=0.05, method="POST", path=DM_POST.format(place))

        await reply(bridge, ticket, "We are on it.")
        await settled(bridge, ticket)

        posts = [one for one in sandbox.requests if re.search(DM_POST.format(place), one["path"])]
        assert len([one for one in posts if one["method"] == "POST"]) == 1
        assert texts(bridge) == ["We are on it."]


async def test_a_bridge_that_stops_between_sending_and_the_response_sends_nothing_twice(
    tmp_path: Path,
) -> None:
    async with running_sandbox(nonce_window=0.0, echo=False) as (sandbox, guild):
        place = sandbox.state.world.dm_channel(guild.members["pete"]).id
        sandbox.fail("hang", when="after", method="POST", path=DM_POST.format(place))
        async with running_bridge(tmp_path / "t.db", sandbox, guild) as bridge:
            keys = bridge.keys
            await linked(bridge)
            ticket = await bridge.ticket()
            await reply(bridge, ticket, "We are on it.")
            await wait_for(lambda: direct_messages(bridge))  # sent, and never answered

        async with running_bridge(tmp_path / "t.db", sandbox, guild, keys=keys) as bridge:
            await settled(bridge, ticket)

            assert texts(bridge) == ["We are on it."]
            assert await bridge.application.store.outbox_admin.list_undelivered(10) == []


async def test_too_many_new_conversations_are_tried_again_later_for_everyone(
    bridge: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogs.posts.direct_messages._FIRST_REST", 0.5)
    await linked(bridge)
    ticket = await bridge.ticket()
    fail_once(bridge, 40003)

    await reply(bridge, ticket, "We are on it.")
    assert "Discord opens no more direct messages" in await refused(bridge, "40003")
    await settled(bridge, ticket)

    assert texts(bridge) == ["We are on it."]
    assert (await preferences(bridge)).reachable is Reachability.YES


async def test_a_flag_for_spam_is_an_alert_about_direct_messages(bridge: RunningBridge) -> None:
    await linked(bridge)
    ticket = await bridge.ticket()
    fail_once(bridge, 20026)

    await reply(bridge, ticket, "We are on it.")
    await refused(bridge, "20026")

    backlogs = await bridge.application.store.outbox.backlogs()
    (backlog,) = (one for one in backlogs if one.channel_id == DIRECT_MESSAGES)
    assert "flagged this bot for spam" in (backlog.reason or "")
    shown = await bridge.sandbox.command("olivia", "general", "setup outbox")
    assert "The queue of direct messages: 1 delivery waits" in str(shown["messages"][-1]["embeds"])


def fail_once(bridge: RunningBridge, code: int) -> None:
    """Let Discord refuse the next new conversation."""
    kind = {40003: "direct-message-limit", 20026: "spam-flag"}[code]
    bridge.sandbox.fail(kind, method="POST", path="/users/@me/channels$")


async def quiet_now(bridge: RunningBridge, user: str = "pete") -> None:
    """Quiet hours of a user that began an hour ago and last for two more."""
    now = bridge.application.store.now()
    begin, end = (now + timedelta(hours=hours) for hours in (-1, 2))
    await run(
        bridge,
        user,
        "privacy messages",
        quiet_from=format_time_of_day(begin.hour * 60 + begin.minute),
        quiet_to=format_time_of_day(end.hour * 60 + end.minute),
        time_zone="UTC",
    )


async def metrics(bridge: RunningBridge) -> str:
    async with bridge.session.get(bridge.application.webhook_address + "/metrics") as response:
        return await response.text()


async def test_replies_in_quiet_hours_are_sent_in_order_when_these_end(bridge: RunningBridge) -> None:
    await linked(bridge)
    first, second = await bridge.ticket(), await bridge.ticket(subject="Another")
    await quiet_now(bridge)

    for number, ticket in enumerate((first, second, first)):
        await reply(bridge, ticket, f"reply {number}")
    for ticket in (first, second):
        await settled(bridge, ticket)
    assert (await held(bridge), direct_messages(bridge)) == (3, [])
    assert await bridge.application.store.outbox.backlogs() == []
    assert 'deliveries{channel="0",kind="direct_message",state="held"} 3.0' in await metrics(bridge)
    await run(bridge, "pete", "privacy messages", quiet_from="off")

    await wait_for(lambda: len(direct_messages(bridge)) == 3)
    assert texts(bridge) == ["reply 0", "reply 1", "reply 2"]


async def test_a_held_reply_that_was_read_or_is_not_wanted_any_more_is_not_sent(
    bridge: RunningBridge,
) -> None:
    await linked(bridge)
    await link(bridge, "pete", FINN, "Finn")
    seen, asked = await bridge.ticket(), await bridge.ticket(creatorUuid=FINN)
    await quiet_now(bridge)
    await reply(bridge, seen, "Read with the bot.")
    await view(bridge, "pete", seen)
    store = bridge.application.store

    async def is_marked() -> bool:
        listed = await run(bridge, "pete", "tickets")
        return "💬 Last reply from staff" in text_of(listed)

    await wait_for(is_marked)
    page = await bridge.ask_for_events()
    await reply(bridge, asked, "Read in the game.")
    page = await bridge.ask_for_events(page["next"])
    await bridge.ask_for_events(page["next"])

    await run(bridge, "pete", "privacy messages", quiet_to="off")

    async def nothing_waits() -> bool:
        return await store.outbox_admin.list_undelivered(10) == []

    await wait_for(nothing_waits)
    assert direct_messages(bridge) == []


@pytest.mark.parametrize("stop", ["opt out", "unlink", "reopen"])
async def test_what_is_held_is_not_sent_to_who_wants_no_more(bridge: RunningBridge, stop: str) -> None:
    await linked(bridge)
    ticket = await bridge.ticket()
    await quiet_now(bridge)
    await bridge.close("mia", ticket)
    ticket = await settled(bridge, ticket)
    assert await held(bridge) == 1

    if stop == "opt out":
        await run(bridge, "pete", "privacy messages", send="off")
    elif stop == "unlink":
        await run(bridge, "pete", "unlink", account="Rey")
    else:
        await bridge.press("mia", ticket, "Reopen")
    await run(bridge, "pete", "privacy messages", quiet_to="off")

    async def nothing_waits() -> bool:
        return await bridge.application.store.outbox_admin.list_undelivered(10) == []

    await wait_for(nothing_waits)
    assert direct_messages(bridge) == []


async def test_an_attempt_that_failed_before_quiet_hours_waits_for_their_end(bridge: RunningBridge) -> None:
    await linked(bridge)
    ticket = await bridge.ticket()
    fail_once(bridge, 20026)
    await reply(bridge, ticket, "We are on it.")
    await refused(bridge, "20026")

    await quiet_now(bridge)
    (waiting,) = await bridge.application.store.outbox_admin.list_undelivered(10)
    await bridge.application.store.outbox_admin.retry(waiting.id, bridge.application.store.now())

    async def is_held() -> bool:
        return await held(bridge) == 1

    await wait_for(is_held)
    assert direct_messages(bridge) == []


async def test_a_direct_message_is_in_the_language_in_which_the_player_used_the_bot(
    bridge: RunningBridge,
) -> None:
    await linked(bridge)
    ticket = await bridge.ticket()
    with use_language("de"):
        staff_in_german = gettext("Staff")

    for locale in ("de", "en-GB"):
        bridge.sandbox.change_user("pete", locale=locale)
        await use_in(bridge, locale)
        await reply(bridge, ticket, "We are on it.")
        await settled(bridge, ticket)

    authors = [one["embeds"][0]["author"]["name"] for one in direct_messages(bridge)]
    assert authors == [staff_in_german, "Staff"]
    assert staff_in_german != "Staff"


async def use_in(bridge: RunningBridge, locale: str) -> None:
    """Let pete use a command, and wait until his language is known."""
    await run(bridge, "pete", "tickets")

    async def is_known() -> bool:
        return (await preferences(bridge)).locale == locale

    await wait_for(is_known)


async def test_who_writes_to_the_bot_is_told_how_to_answer_once_a_minute(bridge: RunningBridge) -> None:
    await told(bridge)

    for text in ("On survival-1.", "Hello?"):
        bridge.sandbox.say("pete", "@pete", text)
    bridge.sandbox.say("paula", "@paula", "Hi")

    def answers(user: str) -> list[str]:
        return [
            one["content"] for one in bridge.sandbox.messages(f"@{user}") if "Staff do not see" in str(one)
        ]

    await wait_for(lambda: answers("paula"))
    (answer,) = answers("pete")
    assert "press **Reply**" in answer


async def test_direct_messages_can_be_switched_off_for_everyone(tmp_path: Path) -> None:
    async with (
        running_sandbox() as (sandbox, guild),
        running_bridge(tmp_path / "t.db", sandbox, guild, direct_messages=False) as bridge,
    ):
        await linked(bridge)
        ticket = await bridge.ticket()

        await reply(bridge, ticket, "We are on it.")
        await settled(bridge, ticket)

        assert direct_messages(bridge) == []
        shown = await run(bridge, "pete", "privacy messages")
        assert "This bot sends no direct messages." in text_of(shown)


def test_every_status_that_ends_a_ticket_is_named() -> None:
    for status in (one for one in Status if one.is_closed):
        embed = direct_message_embed(_with_status(status), None, "Server", "x", WORKSPACE)
        assert status.value.capitalize() in [field.value for field in embed.fields]


def _with_status(status: Status) -> Ticket:
    return TICKET if TICKET.status is status else TICKET.set_status(status)
