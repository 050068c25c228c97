"""Tickets of blocked reporters: stored and answered like any, and never put in the outbox."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.tickets.account_links import DiscordMember, GameAccount
from bot.tickets.blocks import AlreadyBlocked, Block, NewBlock, UnknownBlock
from bot.tickets.errors import OpenTicketLimitReached
from bot.tickets.idempotency import IdempotencyKey
from bot.tickets.message import Actor, NewMessage
from bot.tickets.ticket import NewTicket, Player, Status, Ticket
from bot.tickets.workspace import Category, Workspace
from storage import Store
from tests.storage.samples import HUB, NOW, WRITER, ids, named, new_ticket, noting, opened, replying

BOB = Actor(id="12", name="Bob")
HOUR = timedelta(hours=1)


async def block(
    store: Store,
    workspace: Workspace,
    player: str = "7",
    *,
    lasts: timedelta | None = None,
    by: Actor = WRITER,
    now: datetime = NOW,
    source: str = "somewhere",
) -> Block:
    return await store.blocks.add(
        NewBlock(
            workspace_id=workspace.id,
            source=source,
            player_id=player,
            player_name="Rey",
            reason="Spam",
            blocked_by=by,
            blocked_at=now,
            expires_at=None if lasts is None else now + lasts,
        )
    )


async def filed(
    store: Store, workspace: Workspace, new: NewTicket | None = None, now: datetime = NOW
) -> Ticket:
    return await store.intake.add_ticket(workspace.id, new or new_ticket(), ids(), now)


async def waiting(store: Store, ticket: Ticket) -> list[str]:
    return [one.kind.value for one in await store.outbox.pending_for_ticket(ticket.id)]


@pytest.mark.parametrize("view_only", [False, True])
@pytest.mark.parametrize("is_private", [False, True])
async def test_a_blocked_reporters_ticket_is_kept_marked_and_not_posted(
    store: Store, workspace: Workspace, view_only: bool, is_private: bool
) -> None:
    made = await block(store, workspace)

    ticket = await filed(store, workspace, new_ticket(view_only=view_only, is_private=is_private))

    assert await store.tickets.get(ticket.id) == ticket
    assert await waiting(store, ticket) == []
    found = await store.blocks.find_of_ticket(ticket.id)
    assert found == replace(made, kept_tickets=1)
    assert await store.blocks.list_kept_tickets([made.id], 10) == [ticket]


async def test_others_are_posted_as_ever(store: Store, workspace: Workspace) -> None:
    other = await store.workspaces.add(replace(HUB, name="other"), NOW)
    await block(store, workspace)

    tickets = [
        await filed(store, workspace, new_ticket(reporter_id="8")),
        await filed(store, workspace, new_ticket(source="elsewhere")),
        await filed(store, workspace, replace(new_ticket(), reporter=Player(name="7"))),
        await filed(store, other),
    ]

    for ticket in tickets:
        assert await waiting(store, ticket) == ["post", "thread"]
        assert await store.blocks.find_of_ticket(ticket.id) is None


async def test_in_one_batch_only_those_of_the_blocked_reporter_are_kept_back(
    store: Store, workspace: Workspace
) -> None:
    made = await block(store, workspace, "3")

    tickets = await asyncio.gather(
        *(filed(store, workspace, new_ticket(reporter_id=str(number % 5))) for number in range(20))
    )

    unposted = [one for one in tickets if not await waiting(store, one)]
    assert {one.reporter.id for one in unposted} == {"3"}
    assert len(unposted) == 4
    assert len(await store.blocks.list_kept_tickets([made.id], 10)) == 4


async def test_a_game_server_gets_the_same_response_and_again_for_a_repeat(
    store: Store, workspace: Workspace
) -> None:
    await block(store, workspace)
    key = IdempotencyKey(key_prefix="p", path="/x", body_sha256="b", header_value="h", expires_at=NOW + HOUR)

    async def send() -> bytes:
        stored = await store.intake.create_ticket(
            workspace.id, new_ticket(), ids(), NOW, idempotency_key=key, serialize_response=named
        )
        return stored.body

    first, second = await send(), await send()

    assert first == second
    found = await store.tickets.find_by_public_id(first.decode())
    assert found is not None
    assert await waiting(store, found) == []


async def test_the_limit_of_open_tickets_counts_those_that_were_not_posted(
    store: Store, workspace: Workspace
) -> None:
    limit = Category(id="bug", name="Bugs", max_open=1)
    await store.workspaces.change(workspace.id, lambda found: found.with_category(limit))
    await block(store, workspace)
    await filed(store, workspace)

    with pytest.raises(OpenTicketLimitReached):
        await filed(store, workspace)


async def test_a_block_expires_by_itself(store: Store, workspace: Workspace) -> None:
    await block(store, workspace, lasts=HOUR)

    before = await filed(store, workspace, now=NOW + HOUR - timedelta(milliseconds=1))
    after = await filed(store, workspace, now=NOW + HOUR)

    assert await waiting(store, before) == []
    assert await waiting(store, after) == ["post", "thread"]
    assert await store.blocks.list_active([workspace.id], NOW + HOUR) == []


async def test_unblocking_posts_what_comes_and_nothing_old(store: Store, workspace: Workspace) -> None:
    made = await block(store, workspace)
    old = await filed(store, workspace)

    await store.blocks.remove(made.id, [workspace.id], BOB, NOW)
    await store.tickets.change(old.id, lambda found: found.claim(WRITER), NOW, actor=WRITER)
    await store.tickets.add_message(old.id, replying(), origin="reply", now=NOW)
    new = await filed(store, workspace)

    assert await waiting(store, old) == []
    assert await waiting(store, new) == ["post", "thread"]


async def test_nothing_done_to_an_unposted_ticket_waits_for_discord(
    store: Store, workspace: Workspace
) -> None:
    await block(store, workspace)
    ticket = await filed(store, workspace)

    await store.tickets.add_message(ticket.id, noting(), origin="note", now=NOW)
    await store.tickets.add_message(ticket.id, _adding, origin="added", now=NOW)
    await store.tickets.change(ticket.id, lambda found: found.set_status(Status.CLOSED), NOW, actor=WRITER)

    assert await waiting(store, ticket) == []
    assert (await store.tickets.get(ticket.id)).status is Status.CLOSED


async def test_what_a_blocked_reporter_adds_to_an_earlier_ticket_is_not_posted_either(
    store: Store, workspace: Workspace
) -> None:
    ticket = await filed(store, workspace)
    await block(store, workspace, lasts=HOUR)

    await store.tickets.add_message(ticket.id, _adding, origin="a", now=NOW)
    await store.tickets.add_message(ticket.id, replying(), origin="b", now=NOW)
    await store.tickets.add_message(ticket.id, _adding, origin="c", now=NOW + HOUR)

    assert await waiting(store, ticket) == ["post", "thread", "post_message", "post_message"]
    assert len(await store.messages.list_of_ticket(ticket.id)) == 3


def _adding(ticket: Ticket) -> NewMessage:
    return ticket.follow_up("7", "And this")


async def test_a_blocked_reporters_rating_is_kept_and_not_posted(store: Store, workspace: Workspace) -> None:
    posted = await filed(store, workspace)
    await block(store, workspace)
    unposted = await filed(store, workspace)
    for ticket in (posted, unposted):
        await store.tickets.change(
            ticket.id, lambda found: found.set_status(Status.CLOSED), NOW, actor=WRITER
        )
    before = await waiting(store, posted)
    rey = Actor(id="7", name="rey", source="somewhere")

    for rating in (1, 2):
        await store.feedback.save(unposted.id, lambda found, n=rating: found.rate(rey, n, "Bad"), NOW)  # type: ignore[misc]
    await store.feedback.save(posted.id, lambda found: found.rate(rey, 1, "Bad"), NOW)

    assert await waiting(store, unposted) == []
    assert await waiting(store, posted) == before


async def test_a_ticket_can_be_posted_by_hand_and_then_goes_on_as_any(
    store: Store, workspace: Workspace
) -> None:
    made = await block(store, workspace)
    ticket = await filed(store, workspace)

    assert await store.deleted_channels.repost(ticket.id, NOW)
    await store.blocks.remove(made.id, [workspace.id], BOB, NOW)
    await store.tickets.add_message(ticket.id, replying(), origin="reply", now=NOW)

    assert await waiting(store, ticket) == ["post", "thread", "post_message"]


async def test_of_two_who_block_at_once_the_second_is_told_who_was_first(
    store: Store, workspace: Workspace
) -> None:
    await block(store, workspace, by=BOB)

    with pytest.raises(AlreadyBlocked, match="Bob has blocked this player already: Spam"):
        await block(store, workspace)
    results = await asyncio.gather(
        *(block(store, workspace, "8", by=one) for one in (BOB, WRITER)), return_exceptions=True
    )

    assert [type(one) for one in results if isinstance(one, Exception)] == [AlreadyBlocked]


async def test_the_history_of_blocks_says_who_when_and_why(store: Store, workspace: Workspace) -> None:
    first = await block(store, workspace, lasts=HOUR)
    second = await block(store, workspace, by=BOB, now=NOW + HOUR)  # after the first has expired
    await store.blocks.remove(second.id, [workspace.id], WRITER, NOW + 2 * HOUR)

    for name in ("7", "rey"):
        history = await store.blocks.list_of_player([workspace.id], name)
        assert [(one.id, one.blocked_by.name, one.ended_at, one.ended_by) for one in history] == [
            (second.id, "Bob", NOW + 2 * HOUR, "Alice"),
            (first.id, "Alice", NOW + HOUR, None),
        ]


async def test_a_block_is_removed_once_and_in_its_own_workspace(store: Store, workspace: Workspace) -> None:
    other = await store.workspaces.add(replace(HUB, name="other"), NOW)
    made = await block(store, workspace)

    with pytest.raises(UnknownBlock):
        await store.blocks.remove(made.id, [other.id], BOB, NOW)
    await store.blocks.remove(made.id, [workspace.id], BOB, NOW)
    with pytest.raises(UnknownBlock):
        await store.blocks.remove(made.id, [workspace.id], BOB, NOW)


async def test_a_block_holds_after_a_restart(path: Path) -> None:
    async with opened(path) as store:
        workspace = await store.workspaces.add(HUB, NOW)
        await block(store, workspace)

    async with opened(path) as store:
        assert await waiting(store, await filed(store, workspace)) == []


async def test_no_direct_message_is_sent_about_a_ticket_that_is_not_posted(
    store: Store, workspace: Workspace
) -> None:
    account = GameAccount(source="somewhere", player_id="7", name="Rey")
    code = await store.account_links.create_code_for_player(workspace.id, account, NOW)
    await store.account_links.redeem_as_member(
        code.text, DiscordMember(guild_id=1, discord_id=987, name="Rey"), NOW
    )
    earlier = await filed(store, workspace)
    await block(store, workspace)
    kept = await filed(store, workspace)

    for ticket in (earlier, kept):
        await store.tickets.add_message(ticket.id, replying(), origin=f"reply:{ticket.id}", now=NOW)
        await store.tickets.change(ticket.id, lambda one: one.set_status(Status.CLOSED), NOW, actor=WRITER)

    assert (await waiting(store, earlier)).count("direct_message") == 2
    assert await waiting(store, kept) == []
