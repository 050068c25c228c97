"""Deliveries that go wrong in Discord: nothing is lost, and nothing is posted twice."""

from pathlib import Path

import pytest

from bot.sandbox import Permission
from bot.sources.series import examples as series
from tests.support.bridge_harness import RunningBridge, reply_text, running_sandbox, wait_for
from tests.support.bridge_harness import running_bridge as run_town


def footers(town: RunningBridge) -> list[str]:
    """What stands in the reports channel, by the posts' marks."""
    return [one["embeds"][0]["footer"]["text"] for one in town.sandbox.messages("reports") if one["embeds"]]


async def filed(town: RunningBridge) -> str:
    """The id of a game report just accepted, posted or not."""
    told = await town.post("/tickets/create-game-report", series.GAME_REPORT, source="series")
    return str(told["data"]["TicketId"])


async def test_a_post_whose_answer_was_lost_is_found_again_and_not_repeated(tmp_path: Path) -> None:
    async with (
        running_sandbox(nonce_window=0.0, echo=False) as (sandbox, guild),  # no help but the history
        run_town(tmp_path / "t.db", sandbox, guild) as town,
    ):
        sandbox.fail("reset", method="POST", path=r"/channels/\d+/messages$", when="after")

        ticket = await town.wait_until_posted(await filed(town))

        assert footers(town) == [f"{ticket.public_id} · series"]
        assert ticket.post.message_id == int(sandbox.messages("reports")[0]["id"])


async def test_a_post_that_discord_shows_is_kept_whatever_its_sender_is_told(tmp_path: Path) -> None:
    async with (
        running_sandbox(nonce_window=0.0) as (sandbox, guild),
        run_town(tmp_path / "t.db", sandbox, guild) as town,
    ):
        sandbox.fail("reset", method="POST", path=r"/channels/\d+/messages$", when="after")
        sandbox.fail("503", method="GET", path=r"/messages$", times=None)  # nor is there a history

        ticket = await town.wait_until_posted(await filed(town))

        assert footers(town) == [f"{ticket.public_id} · series"]
        assert ticket.post.message_id == int(sandbox.messages("reports")[0]["id"])


async def test_it_is_found_though_others_have_written_much_since(tmp_path: Path) -> None:
    database = tmp_path / "t.db"
    async with running_sandbox(nonce_window=0.0, echo=False, rate_limits=False) as (sandbox, guild):
        async with run_town(database, sandbox, guild) as town:
            sandbox.fail("reset", method="POST", path=r"/channels/\d+/messages$", when="after")
            sandbox.fail("503", method="GET", path=r"/messages$", times=None)
            public_id, keys = await filed(town), town.keys
            await wait_for(lambda: sandbox.messages("reports"))
        for number in range(350):
            sandbox.say("mia", "reports", f"line {number}")
        sandbox.clear_faults()
        async with run_town(database, sandbox, guild, keys=keys) as town:
            await town.wait_until_posted(public_id)

            assert footers(town) == [f"{public_id} · series"]


async def test_a_ticket_whose_text_discord_refuses_is_posted_plainly(
    town: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogs.tickets.embeds.TITLE_LIMIT", 5000)  # longer than Discord takes

    ticket = await town.game_report(subject="x" * 256, message="What happened.")

    (post,) = town.sandbox.messages("reports")
    (file,) = post["attachments"]
    assert footers(town) == [f"{ticket.public_id} · series"]
    assert "GAME REPORT · view-only" in post["embeds"][0]["description"]
    assert set(town.buttons(ticket)) == {"Claim", "Resolve"}
    async with town.session.get(file["url"]) as answer:
        assert await answer.text() == "x" * 256 + "\n\nWhat happened."
    await town.press("mia", ticket, "Claim")
    ticket = await town.refresh(ticket)
    assert set(town.buttons(ticket)) == {"Unclaim", "Resolve"}
    assert "In progress" in str(town.post_message(ticket)["embeds"])


async def test_a_missing_permission_is_waited_out(
    town: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogs.posts.send.RETRY_DELAY_SECONDS", 0.2)
    bot = town.guild.members["ticketbridge"]
    town.sandbox.set_overwrite("reports", bot, deny=Permission.SEND_MESSAGES)
    public_id = await filed(town)
    await wait_for(lambda: any(r["status"] == 403 for r in town.sandbox.requests))

    town.sandbox.set_overwrite("reports", bot, allow=Permission.SEND_MESSAGES)

    await town.wait_until_posted(public_id)
    assert footers(town) == [f"{public_id} · series"]


async def test_a_post_deleted_by_hand_holds_nothing_up(town: RunningBridge) -> None:
    gone = await town.game_report()
    claim = town.buttons(gone)["Claim"]
    notice = town.sandbox.say("mia", "reports", "This one goes.")
    town.sandbox.delete_message(gone.post.message_id or 0)

    await town.sandbox.press("mia", notice["id"], claim, forge=True)

    await town.refresh(gone)  # its redrawing is set aside
    ticket = await town.game_report(subject="Another one")  # the same again would be the one that is gone
    assert footers(town) == [f"{ticket.public_id} · series"]


async def test_a_reply_is_never_shown_before_its_tickets_post(town: RunningBridge) -> None:
    town.sandbox.fail("503", method="POST", path=r"/channels/\d+/messages$", times=2)
    told = await town.post("/tickets/create", series.TICKET, source="series")
    public_id = told["data"]["TicketId"]
    record = await town.sandbox.command(
        "mia", "general", "ticket reply", {"ticket": public_id, "message": "On it."}
    )
    assert record["error"] is None

    ticket = await town.wait_until_posted(public_id)

    shown = town.sandbox.messages(ticket.post.thread_id or 0)
    assert [one["embeds"][0]["description"] for one in shown if one["embeds"]] == ["On it."]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_request_that_hangs_lets_go_of_its_channel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.setattr("bot.discord_client.client.REQUEST_SECONDS", 0.5)
    async with (
        running_sandbox(nonce_window=0.0, echo=False) as (sandbox, guild),
        run_town(tmp_path / "t.db", sandbox, guild) as town,
    ):
        reports = guild.channels["reports"]
        sandbox.fail("hang", method="POST", path=rf"/channels/{reports}/messages$", when=when, hang_for=30)

        public_id = await filed(town)
        other = await town.ticket()
        ticket = await town.wait_until_posted(public_id)

        assert other.post.message_id is not None
        assert footers(town) == [f"{ticket.public_id} · series"]


async def opened(town: RunningBridge) -> str:
    """The id of a ticket that pete opened, whatever Discord says."""
    form = await town.sandbox.command("pete", "general", "ticket open")
    record = await town.sandbox.modal("pete", form["id"], {"category": ["bug"], "subject": "s", "body": "b"})
    return next(word for word in reply_text(record).split() if word.startswith("TICKET-"))


def threads_in(town: RunningBridge, name: str) -> list[str]:
    channels = town.sandbox.snapshot()["guilds"][0]["channels"]
    return [thread["name"] for one in channels if one["name"] == name for thread in one["threads"]]


async def test_a_private_thread_whose_answer_was_lost_is_found_again(town: RunningBridge) -> None:
    town.sandbox.fail("reset", method="POST", path=r"/channels/\d+/threads$", when="after")

    ticket = await town.wait_until_posted(await opened(town))

    assert threads_in(town, "general") == [f"{ticket.public_id} · s"]
    assert ticket.post.message_id


async def test_a_thread_is_named_by_its_id_where_the_subject_is_refused(
    town: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogs.posts.send.thread_name", lambda ticket: "x" * 101)

    ticket = await town.ticket()
    private = await town.wait_until_posted(await opened(town))

    assert threads_in(town, "tickets") == [ticket.public_id]
    assert threads_in(town, "general") == [private.public_id]
