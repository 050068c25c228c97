"""After a burst every ticket is posted once: a few urgent ones alone, the others up to ten in a digest."""

from collections import Counter
from pathlib import Path

import pytest

from bot.sandbox import Sandbox
from bot.tickets.ticket import NewTicket, Priority
from tests.storage.samples import NOW, WRITER, opened
from tests.support.bridge_harness import wait_for
from tests.support.burst_harness import Burst, away, back, embed_of, new_tickets, posted_burst, shown_in


def lose_the_response(sandbox: Sandbox) -> None:
    """The next message is sent, and the connection breaks before the response."""
    sandbox.fail("reset", when="after", method="POST", path=r"/channels/\d+/messages$")


def mixed_tickets() -> list[NewTicket]:
    """Sixty: 40 tickets and 20 reports, of each two urgent and two high ones, created last."""
    tickets = [*new_tickets(36), *new_tickets(16, view_only=True)]
    for priority in (Priority.HIGH, Priority.URGENT):
        tickets += [*new_tickets(2, priority=priority), *new_tickets(2, priority=priority, view_only=True)]
    return tickets


def times_shown(burst: Burst) -> Counter[str]:
    messages = [one for channel in ("tickets", "reports") for one in burst.bridge.sandbox.messages(channel)]
    return Counter(public_id for one in messages for public_id in shown_in(one))


async def test_after_a_burst_every_ticket_is_posted_exactly_once(tmp_path: Path) -> None:
    async with posted_burst(tmp_path, mixed_tickets()) as burst:
        assert times_shown(burst) == {ticket.public_id: 1 for ticket in burst.tickets}
        for ticket in burst.tickets:
            post = (await burst.bridge.application.store.tickets.get(ticket.id)).post
            assert (post.message_id is None) != (post.digest_message_id is None)
        assert [len(one["embeds"]) for one in burst.digests("tickets")] == [10, 10, 10, 6]
        assert [len(one["embeds"]) for one in burst.digests("reports")] == [10, 6]


async def test_a_few_urgent_tickets_are_posted_first_and_then_a_few_high_ones_each_by_itself(
    tmp_path: Path,
) -> None:
    async with posted_burst(tmp_path, mixed_tickets()) as burst:
        by_id = {ticket.public_id: ticket for ticket in burst.tickets}
        for channel in ("tickets", "reports"):
            posts = [shown_in(one) for one in burst.bridge.sandbox.messages(channel)]

            assert [len(post) for post in posts[:5]] == [1, 1, 1, 1, 10]
            assert [by_id[post[0]].priority for post in posts[:2]] == [Priority.URGENT] * 2
            assert [by_id[post[0]].priority for post in posts[2:4]] == [Priority.HIGH] * 2


async def test_many_urgent_tickets_share_the_first_digests_and_each_says_that_it_is_urgent(
    tmp_path: Path,
) -> None:
    urgent = new_tickets(14, priority=Priority.URGENT, view_only=True)
    async with posted_burst(tmp_path, [*new_tickets(30, view_only=True), *urgent]) as burst:
        (first, second, *others) = burst.digests("reports")

        assert [len(one["embeds"]) for one in (first, second, *others)] == [10, 4, 10, 10, 10]
        for embed in first["embeds"] + second["embeds"]:
            head, status, *_ = embed["description"].splitlines()
            assert head == "**GAME REPORT · view-only**"
            assert status == "🟢 Open · 🔴 Urgent · bug"
            assert embed["color"] == 0xE74C3C
        assert not any("Urgent" in embed["description"] for one in others for embed in one["embeds"])


async def test_a_few_tickets_are_never_in_a_digest(tmp_path: Path) -> None:
    async with posted_burst(tmp_path, new_tickets(15)) as burst:
        assert burst.digests("tickets") == []
        assert times_shown(burst) == {ticket.public_id: 1 for ticket in burst.tickets}


async def test_a_digest_has_of_each_ticket_what_triage_needs(tmp_path: Path) -> None:
    async with posted_burst(tmp_path, new_tickets(16, body="First line.\n\nSecond line.")) as burst:
        digest, _ = burst.digests("tickets")
        first = burst.tickets[0]
        embed = embed_of(digest, first)

        assert digest["content"] == ""
        assert len(digest["embeds"]) == 10
        assert embed["title"] == f"🎫 {first.public_id} · Number 0"
        assert embed["author"]["name"] == "rey"
        assert embed["footer"]["text"] == f"{first.public_id} · modl"
        last = embed_of(digest, burst.tickets[9])
        assert last["footer"]["text"].startswith(f"{burst.tickets[9].public_id} · modl · digest ")
        assert embed["description"] == (
            "🟢 Open · 🔵 Normal · bug\nReported player: Hacker123\nFirst line. Second line."
        )


async def test_every_game_report_of_a_digest_is_marked_as_view_only(tmp_path: Path) -> None:
    async with posted_burst(tmp_path, new_tickets(16, view_only=True)) as burst:
        digest, _ = burst.digests("reports")

        for embed in digest["embeds"]:
            assert embed["title"].startswith("🚨 ")
            assert embed["description"].startswith("**GAME REPORT · view-only**\n")


async def assert_posted_once(burst: Burst) -> None:
    assert times_shown(burst) == {ticket.public_id: 1 for ticket in burst.tickets}
    assert [len(one["embeds"]) for one in burst.digests("tickets")] == [10, 6]


@pytest.mark.parametrize("nonce_window", [0.0, 300.0])
async def test_a_digest_whose_response_was_lost_is_posted_once(tmp_path: Path, nonce_window: float) -> None:
    async with away(tmp_path, new_tickets(16), nonce_window=nonce_window, echo=False) as environment:
        lose_the_response(environment[0])
        async with back(tmp_path, *environment) as burst:
            await burst.wait_until_delivered()

            await assert_posted_once(burst)


async def test_a_digest_is_found_again_after_a_restart_though_a_delivery_of_it_was_dropped(
    tmp_path: Path,
) -> None:
    async with away(tmp_path, new_tickets(16), nonce_window=0.0, echo=False) as environment:
        sandbox = environment[0]
        lose_the_response(sandbox)
        sandbox.fail("503", times=None, method="GET", path=r"/messages$")  # nor is there a history
        async with back(tmp_path, *environment) as burst:
            await wait_for(lambda: sandbox.messages("tickets"))
            store = burst.bridge.application.store
            (first, *_) = await store.outbox.pending_for_ticket(burst.tickets[0].id)
            await store.outbox_admin.drop(first.id, NOW)
        sandbox.clear_faults()
        async with back(tmp_path, *environment) as burst:
            await burst.wait_until_delivered()

            await assert_posted_once(burst)


async def test_a_digest_that_the_gateway_shows_is_confirmed_without_a_response(tmp_path: Path) -> None:
    async with away(tmp_path, new_tickets(16), nonce_window=0.0) as environment:
        lose_the_response(environment[0])
        environment[0].fail("503", times=None, method="GET", path=r"/messages$")
        async with back(tmp_path, *environment) as burst:
            await burst.wait_until_delivered()

            await assert_posted_once(burst)


async def test_a_digest_deleted_before_its_response_came_is_not_posted_again(tmp_path: Path) -> None:
    async with away(tmp_path, new_tickets(16), echo=False) as environment:
        sandbox, _, tickets = environment
        lose_the_response(sandbox)
        async with back(tmp_path, *environment) as burst:
            (digest,) = await wait_for(lambda: sandbox.messages("tickets"))
            sandbox.delete_message(digest["id"])
            await burst.wait_until_delivered()

            assert sorted(times_shown(burst)) == sorted(ticket.public_id for ticket in tickets[10:])


async def test_a_digest_that_discord_refuses_is_split_and_every_ticket_posted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogs.posts.digest._EMBED_LIMIT", 3000)  # more than Discord takes, ten times over
    async with posted_burst(tmp_path, new_tickets(16, body="x" * 4000)) as burst:
        assert burst.digests("tickets") == []
        assert times_shown(burst) == {ticket.public_id: 1 for ticket in burst.tickets}
        for ticket in burst.tickets:
            post = (await burst.bridge.application.store.tickets.get(ticket.id)).post
            assert post.message_id == post.thread_id


async def test_a_ticket_claimed_before_its_digest_was_sent_is_shown_as_claimed(tmp_path: Path) -> None:
    async with away(tmp_path, new_tickets(16)) as environment:
        claimed = environment[2][3]
        async with opened(tmp_path / "t.db") as store:
            await store.tickets.change(claimed.id, lambda ticket: ticket.claim(WRITER), NOW, actor=WRITER)
        async with back(tmp_path, *environment) as burst:
            await burst.wait_until_delivered()

            digest, _ = burst.digests("tickets")
            described = embed_of(digest, claimed)["description"]
            assert described.startswith(f"🟡 In progress, claimed by <@{WRITER.id}>")
