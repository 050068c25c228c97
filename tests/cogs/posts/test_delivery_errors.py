"""Deliveries that fail in Discord: nothing is lost, and nothing is posted twice."""

from itertools import pairwise
from pathlib import Path

import pytest

from bot.sandbox import Permission
from bot.sandbox.rest.rate_limits import RateLimit
from bot.sources.series import examples as series
from bot.tickets.outbox import DeliveryState
from tests.support.bridge_harness import (
    RunningBridge,
    reply_text,
    running_bridge,
    running_sandbox,
    wait_for,
)

NONE = RateLimit(requests=0, per=0.5)


def footers(bridge: RunningBridge) -> list[str]:
    """The footers of the posts in the reports channel."""
    return [one["embeds"][0]["footer"]["text"] for one in bridge.sandbox.messages("reports") if one["embeds"]]


async def new_report(bridge: RunningBridge) -> str:
    """The id of a game report just accepted, posted or not."""
    response = await bridge.post("/tickets/create-game-report", series.GAME_REPORT, source="series")
    return str(response["data"]["TicketId"])


async def test_a_post_whose_response_was_lost_is_found_again_and_not_repeated(tmp_path: Path) -> None:
    async with (
        running_sandbox(nonce_window=0.0, echo=False) as (sandbox, guild),  # only the history helps
        running_bridge(tmp_path / "t.db", sandbox, guild) as bridge,
    ):
        sandbox.fail("reset", method="POST", path=r"/channels/\d+/messages$", when="after")

        ticket = await bridge.wait_until_posted(await new_report(bridge))

        assert footers(bridge) == [f"{ticket.public_id} · series"]
        assert ticket.post.message_id == int(sandbox.messages("reports")[0]["id"])


async def test_a_post_that_the_gateway_shows_is_confirmed_without_a_response(tmp_path: Path) -> None:
    async with (
        running_sandbox(nonce_window=0.0) as (sandbox, guild),
        running_bridge(tmp_path / "t.db", sandbox, guild) as bridge,
    ):
        sandbox.fail("reset", method="POST", path=r"/channels/\d+/messages$", when="after")
        sandbox.fail("503", method="GET", path=r"/messages$", times=None)  # nor is there a history

        ticket = await bridge.wait_until_posted(await new_report(bridge))

        assert footers(bridge) == [f"{ticket.public_id} · series"]
        assert ticket.post.message_id == int(sandbox.messages("reports")[0]["id"])


async def test_a_post_is_found_again_behind_many_later_messages(tmp_path: Path) -> None:
    database = tmp_path / "t.db"
    async with running_sandbox(nonce_window=0.0, echo=False, rate_limits=False) as (sandbox, guild):
        async with running_bridge(database, sandbox, guild) as bridge:
            sandbox.fail("reset", method="POST", path=r"/channels/\d+/messages$", when="after")
            sandbox.fail("503", method="GET", path=r"/messages$", times=None)
            public_id, keys = await new_report(bridge), bridge.keys
            await wait_for(lambda: sandbox.messages("reports"))
        for number in range(350):
            sandbox.say("mia", "reports", f"line {number}")
        sandbox.clear_faults()
        async with running_bridge(database, sandbox, guild, keys=keys) as bridge:
            await bridge.wait_until_posted(public_id)

            assert footers(bridge) == [f"{public_id} · series"]


async def test_a_ticket_whose_text_discord_refuses_is_posted_without_it(
    bridge: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogs.tickets.embeds.TITLE_LIMIT", 5000)  # longer than Discord takes

    ticket = await bridge.game_report(subject="x" * 256, message="What happened.")

    (post,) = bridge.sandbox.messages("reports")
    (file,) = post["attachments"]
    assert footers(bridge) == [f"{ticket.public_id} · series"]
    assert "GAME REPORT · view-only" in post["embeds"][0]["description"]
    assert set(bridge.buttons(ticket)) == {"Claim", "Resolve"}
    async with bridge.session.get(file["url"]) as answer:
        assert await answer.text() == "x" * 256 + "\n\nWhat happened."
    await bridge.press("mia", ticket, "Claim")
    ticket = await bridge.refresh(ticket)
    assert set(bridge.buttons(ticket)) == {"Unclaim", "Resolve"}
    assert "In progress" in str(bridge.post_message(ticket)["embeds"])


async def test_a_change_that_discord_refuses_leaves_the_post_as_it_was_until_the_next_one(
    bridge: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = await bridge.game_report(subject="x" * 256, message="What happened.")
    before = bridge.post_message(ticket)["embeds"]

    with monkeypatch.context() as patched:
        patched.setattr("cogs.tickets.embeds.TITLE_LIMIT", 5000)  # longer than Discord takes
        await bridge.press("mia", ticket, "Claim")
        await bridge.refresh(ticket)

    assert bridge.post_message(ticket)["embeds"] == before
    (dead_letter,) = await bridge.application.store.outbox_admin.list_undelivered(10)
    assert dead_letter.state is DeliveryState.DEAD_LETTER
    assert dead_letter.last_error == (
        "Discord refused the change, and the post stays as it was (400 50035 in embeds.0.title)"
    )
    await bridge.forge("mia", ticket, f"ticket:resolve:{ticket.id}")
    await bridge.refresh(ticket)
    assert "Resolved" in str(bridge.post_message(ticket)["embeds"])
    assert "What happened." in str(bridge.post_message(ticket)["embeds"])


async def test_a_change_with_a_word_that_automod_blocks_leaves_the_post_as_it_was(
    bridge: RunningBridge,
) -> None:
    ticket = await bridge.game_report(message="A bad word.")
    before = bridge.post_message(ticket)["embeds"]
    bridge.sandbox.change_settings(blocked_words=["bad word"])

    await bridge.press("mia", ticket, "Claim")
    await bridge.refresh(ticket)

    assert bridge.post_message(ticket)["embeds"] == before
    (dead_letter,) = await bridge.application.store.outbox_admin.list_undelivered(10)
    assert "the post stays as it was (400 200000)" in str(dead_letter.last_error)


async def test_a_post_that_automod_blocks_is_posted_and_changed_without_its_text(
    bridge: RunningBridge,
) -> None:
    bridge.sandbox.change_settings(blocked_words=["bad word"])
    ticket = await bridge.game_report(message="A bad word.")
    assert bridge.post_message(ticket)["attachments"]

    await bridge.press("mia", ticket, "Claim")
    await bridge.refresh(ticket)

    assert "In progress" in str(bridge.post_message(ticket)["embeds"])
    assert "bad word" not in str(bridge.post_message(ticket)["embeds"])
    assert await bridge.application.store.outbox_admin.list_undelivered(10) == []


async def test_the_limit_of_edits_of_old_messages_holds_up_no_post_and_is_waited_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogs.posts.errors.FIRST_WAIT_SECONDS", 0.1)
    async with (
        running_sandbox(old_message_age=0.0, rate_limits={"old-edits": NONE}) as (sandbox, guild),
        running_bridge(tmp_path / "t.db", sandbox, guild) as bridge,
    ):
        ticket = await bridge.game_report()
        await bridge.press("mia", ticket, "Claim")
        await wait_for(lambda: [r for r in sandbox.requests if r["status"] == 429])

        await bridge.game_report(subject="Another one")

        sandbox.set_rate_limit("old-edits", requests=100, per=1.0)
        await bridge.refresh(ticket)
        assert "In progress" in str(bridge.post_message(ticket)["embeds"])
        limited = [r["time"] for r in sandbox.requests if r["status"] == 429]
        assert all(later - earlier >= 0.09 for earlier, later in pairwise(limited))


async def test_a_post_waits_for_a_missing_permission(
    bridge: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogs.posts.errors.RETRY_DELAY_SECONDS", 0.2)
    bot = bridge.guild.members["ticketbridge"]
    bridge.sandbox.set_overwrite("reports", bot, deny=Permission.SEND_MESSAGES)
    public_id = await new_report(bridge)
    await wait_for(lambda: any(r["status"] == 403 for r in bridge.sandbox.requests))

    bridge.sandbox.set_overwrite("reports", bot, allow=Permission.SEND_MESSAGES)

    await bridge.wait_until_posted(public_id)
    assert footers(bridge) == [f"{public_id} · series"]


async def test_a_post_deleted_by_hand_delays_nothing(bridge: RunningBridge) -> None:
    gone = await bridge.game_report()
    claim = bridge.buttons(gone)["Claim"]
    notice = bridge.sandbox.say("mia", "reports", "This one goes.")
    bridge.sandbox.delete_message(gone.post.message_id or 0)

    await bridge.sandbox.press("mia", notice["id"], claim, forge=True)

    await bridge.refresh(gone)  # no update of its post is left
    ticket = await bridge.game_report(subject="Another one")  # the same again would be the one that is gone
    assert footers(bridge) == [f"{ticket.public_id} · series"]


async def test_a_reply_is_never_posted_before_its_ticket(bridge: RunningBridge) -> None:
    bridge.sandbox.fail("503", method="POST", path=r"/channels/\d+/messages$", times=2)
    response = await bridge.post("/tickets/create", series.TICKET, source="series")
    public_id = response["data"]["TicketId"]
    record = await bridge.sandbox.command(
        "mia", "general", "ticket reply", {"ticket": public_id, "message": "On it."}
    )
    assert record["error"] is None

    ticket = await bridge.wait_until_posted(public_id)

    shown = bridge.sandbox.messages(ticket.post.thread_id or 0)
    assert [one["embeds"][0]["description"] for one in shown if one["embeds"]] == ["On it."]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_request_that_hangs_does_not_block_its_channel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.setattr("bot.discord_client.client.REQUEST_SECONDS", 0.5)
    async with (
        running_sandbox(nonce_window=0.0, echo=False) as (sandbox, guild),
        running_bridge(tmp_path / "t.db", sandbox, guild) as bridge,
    ):
        reports = guild.channels["reports"]
        sandbox.fail("hang", method="POST", path=rf"/channels/{reports}/messages$", when=when, hang_for=30)

        public_id = await new_report(bridge)
        other = await bridge.ticket()
        ticket = await bridge.wait_until_posted(public_id)

        assert other.post.message_id is not None
        assert footers(bridge) == [f"{ticket.public_id} · series"]


async def open_ticket(bridge: RunningBridge) -> str:
    """The id of a ticket that pete opened, posted or not."""
    form = await bridge.sandbox.command("pete", "general", "ticket open")
    record = await bridge.sandbox.modal(
        "pete", form["id"], {"category": ["bug"], "subject": "s", "body": "b"}
    )
    return next(word for word in reply_text(record).split() if word.startswith("TICKET-"))


def threads_in(bridge: RunningBridge, name: str) -> list[str]:
    channels = bridge.sandbox.snapshot()["guilds"][0]["channels"]
    return [thread["name"] for one in channels if one["name"] == name for thread in one["threads"]]


async def test_a_private_thread_whose_response_was_lost_is_found_again(bridge: RunningBridge) -> None:
    bridge.sandbox.fail("reset", method="POST", path=r"/channels/\d+/threads$", when="after")

    ticket = await bridge.wait_until_posted(await open_ticket(bridge))

    assert threads_in(bridge, "general") == [f"{ticket.public_id} · s"]
    assert ticket.post.message_id


async def test_a_thread_is_named_by_its_id_where_the_subject_is_refused(
    bridge: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogs.posts.threads.thread_name", lambda ticket: "x" * 101)

    ticket = await bridge.ticket()
    private = await bridge.wait_until_posted(await open_ticket(bridge))

    assert threads_in(bridge, "tickets") == [ticket.public_id]
    assert threads_in(bridge, "general") == [private.public_id]
