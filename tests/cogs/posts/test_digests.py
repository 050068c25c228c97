"""After a burst every ticket is shown exactly once: what cannot wait alone, the others ten to a message."""

from collections import Counter
from pathlib import Path

import pytest

from bot.sandbox import Sandbox
from bot.tickets.outbox import Destination
from bot.tickets.ticket import NewTicket, Priority
from tests.storage.samples import NOW, WRITER, opened
from tests.support.bridge_harness import wait_for
from tests.support.burst_harness import Burst, back, burst, embed_of, filed, shown_in, waiting


def lose_an_answer(sandbox: Sandbox) -> None:
    """The next message is posted, and whoever posts it never hears of it."""
    sandbox.fail("reset", when="after", method="POST", path=r"/channels/\d+/messages$")


def mixed() -> list[NewTicket]:
    """Sixty: 40 tickets and 20 reports, of each two urgent and two high ones, filed last."""
    made = [*filed(36), *filed(16, view_only=True)]
    for priority in (Priority.HIGH, Priority.URGENT):
        made += [*filed(2, priority=priority), *filed(2, priority=priority, view_only=True)]
    return made


def times_shown(shown: Burst) -> Counter[str]:
    messages = [one for channel in ("tickets", "reports") for one in shown.town.sandbox.messages(channel)]
    return Counter(public_id for one in messages for public_id in shown_in(one))


async def test_after_a_burst_every_ticket_is_shown_exactly_once(tmp_path: Path) -> None:
    async with burst(tmp_path, mixed()) as shown:
        assert times_shown(shown) == {ticket.public_id: 1 for ticket in shown.tickets}
        for kept in shown.tickets:
            post = (await shown.town.application.store.ticket(kept.id)).post
            assert (post.message_id is None) != (post.digest_message_id is None)
        assert [len(one["embeds"]) for one in shown.digests("tickets")] == [10, 10, 10, 6]
        assert [len(one["embeds"]) for one in shown.digests("reports")] == [10, 6]


async def test_a_few_urgent_ones_are_shown_first_and_then_a_few_high_ones_each_by_itself(
    tmp_path: Path,
) -> None:
    async with burst(tmp_path, mixed()) as shown:
        by_id = {ticket.public_id: ticket for ticket in shown.tickets}
        for channel in ("tickets", "reports"):
            posts = [shown_in(one) for one in shown.town.sandbox.messages(channel)]

            assert [len(post) for post in posts[:5]] == [1, 1, 1, 1, 10]
            assert [by_id[post[0]].priority for post in posts[:2]] == [Priority.URGENT] * 2
            assert [by_id[post[0]].priority for post in posts[2:4]] == [Priority.HIGH] * 2


async def test_many_urgent_ones_share_the_first_messages_and_each_says_that_it_is_urgent(
    tmp_path: Path,
) -> None:
    urgent = filed(14, priority=Priority.URGENT, view_only=True)
    async with burst(tmp_path, [*filed(30, view_only=True), *urgent]) as shown:
        (first, second, *others) = shown.digests("reports")

        assert [len(one["embeds"]) for one in (first, second, *others)] == [10, 4, 10, 10, 10]
        for embed in first["embeds"] + second["embeds"]:
            head, status, *_ = embed["description"].splitlines()
            assert head == "**GAME REPORT · view-only**"
            assert status == "🟢 Open · 🔴 Urgent · bug"
            assert embed["color"] == 0xE74C3C
        assert not any("Urgent" in embed["description"] for one in others for embed in one["embeds"])


async def test_a_few_tickets_are_never_put_together(tmp_path: Path) -> None:
    async with burst(tmp_path, filed(15)) as shown:
        assert shown.digests("tickets") == []
        assert times_shown(shown) == {ticket.public_id: 1 for ticket in shown.tickets}


async def test_a_digest_says_of_each_ticket_what_triage_needs(tmp_path: Path) -> None:
    async with burst(tmp_path, filed(16, body="First line.\n\nSecond line.")) as shown:
        digest, _ = shown.digests("tickets")
        first = shown.tickets[0]
        embed = embed_of(digest, first)

        assert digest["content"] == ""
        assert len(digest["embeds"]) == 10
        assert embed["title"] == f"🎫 {first.public_id} · Number 0"
        assert embed["author"]["name"] == "rey"
        assert embed["footer"]["text"] == f"{first.public_id} · modl"
        assert embed["description"] == (
            "🟢 Open · 🔵 Normal · bug\nReported player: Hacker123\nFirst line. Second line."
        )


async def test_every_game_report_of_a_digest_is_marked_as_view_only(tmp_path: Path) -> None:
    async with burst(tmp_path, filed(16, view_only=True)) as shown:
        digest, _ = shown.digests("reports")

        for embed in digest["embeds"]:
            assert embed["title"].startswith("🚨 ")
            assert embed["description"].startswith("**GAME REPORT · view-only**\n")


async def once(shown: Burst) -> None:
    assert times_shown(shown) == {ticket.public_id: 1 for ticket in shown.tickets}
    assert [len(one["embeds"]) for one in shown.digests("tickets")] == [10, 6]


@pytest.mark.parametrize("nonce_window", [0.0, 300.0])
async def test_a_digest_whose_answer_was_lost_is_posted_once(tmp_path: Path, nonce_window: float) -> None:
    async with waiting(tmp_path, filed(16), nonce_window=nonce_window, echo=False) as there:
        lose_an_answer(there[0])
        async with back(tmp_path, *there) as shown:
            await shown.settled()

            await once(shown)


async def test_a_digest_is_found_again_after_a_restart_though_a_ticket_of_it_was_dropped(
    tmp_path: Path,
) -> None:
    async with waiting(tmp_path, filed(16), nonce_window=0.0, echo=False) as there:
        sandbox = there[0]
        lose_an_answer(sandbox)
        sandbox.fail("503", times=None, method="GET", path=r"/messages$")  # nor is there a history
        async with back(tmp_path, *there) as shown:
            await wait_for(lambda: sandbox.messages("tickets"))
            store = shown.town.application.store
            (first, *_) = await store.pending_for_ticket(shown.tickets[0].id, Destination.DISCORD)
            await store.drop(first.id, NOW)
        sandbox.clear_faults()
        async with back(tmp_path, *there) as shown:
            await shown.settled()

            await once(shown)


async def test_a_digest_that_discord_shows_is_kept_whatever_its_sender_is_told(tmp_path: Path) -> None:
    async with waiting(tmp_path, filed(16), nonce_window=0.0) as there:
        lose_an_answer(there[0])
        there[0].fail("503", times=None, method="GET", path=r"/messages$")
        async with back(tmp_path, *there) as shown:
            await shown.settled()

            await once(shown)


async def test_a_digest_deleted_before_its_answer_came_is_not_posted_again(tmp_path: Path) -> None:
    async with waiting(tmp_path, filed(16), echo=False) as there:
        sandbox, _, kept = there
        lose_an_answer(sandbox)
        async with back(tmp_path, *there) as shown:
            (digest,) = await wait_for(lambda: sandbox.messages("tickets"))
            sandbox.delete_message(digest["id"])
            await shown.settled()

            assert sorted(times_shown(shown)) == sorted(ticket.public_id for ticket in kept[10:])


async def test_a_digest_that_discord_refuses_is_taken_apart_and_all_of_it_posted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogs.posts.digest._EMBED_LIMIT", 3000)  # more than Discord takes, ten times over
    async with burst(tmp_path, filed(16, body="x" * 4000)) as shown:
        assert shown.digests("tickets") == []
        assert times_shown(shown) == {ticket.public_id: 1 for ticket in shown.tickets}
        for kept in shown.tickets:
            post = (await shown.town.application.store.ticket(kept.id)).post
            assert post.message_id == post.thread_id


async def test_a_ticket_claimed_before_its_digest_left_is_shown_as_claimed(tmp_path: Path) -> None:
    async with waiting(tmp_path, filed(16)) as there:
        claimed = there[2][3]
        async with opened(tmp_path / "t.db") as store:
            await store.change_ticket(claimed.id, lambda ticket: ticket.claim(WRITER), NOW, actor=WRITER)
        async with back(tmp_path, *there) as shown:
            await shown.settled()

            digest, _ = shown.digests("tickets")
            described = embed_of(digest, claimed)["description"]
            assert described.startswith(f"🟡 In progress, claimed by <@{WRITER.id}>")
