"""Direct messages in the outbox: queued with what they tell, held in quiet hours; nobody waits for them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.tickets.account_links import DiscordMember, GameAccount
from bot.tickets.direct_messages import MemberPreferences, Reachability
from bot.tickets.outbox import (
    DIRECT_MESSAGES,
    MAX_HELD,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Receipt,
)
from bot.tickets.ticket import Status, Ticket
from bot.tickets.workspace import Workspace
from storage import Store
from storage.sqlite.backup import mark_pending_as_attempted
from tests.storage.samples import HUB, NOW, WRITER, ids, new_ticket, raw, replying
from tests.support.outbox_harness import OutboxHarness

PETE, PAULA = 500, 600
EVENING = datetime(2026, 1, 5, 23, tzinfo=UTC)
MORNING = datetime(2026, 1, 6, 7, tzinfo=UTC)
QUIET = MemberPreferences(discord_id=PETE).with_quiet_hours("22:00", "7:00")


async def link(store: Store, workspace: Workspace, member: int = PETE, player: str = "7") -> None:
    code = await store.account_links.create_code_for_member(
        DiscordMember(guild_id=HUB.guild_id, discord_id=member, name="pete"), NOW
    )
    account = GameAccount(source="somewhere", player_id=player)
    await store.account_links.redeem_as_player(code.text, workspace.id, account, key_prefix="k", now=NOW)


async def filed(store: Store, workspace: Workspace, **parts: Any) -> Ticket:
    return await store.intake.add_ticket(workspace.id, new_ticket(**parts), ids(), NOW)


async def reply(store: Store, ticket: Ticket, origin: str, now: datetime = NOW) -> None:
    await store.tickets.add_message(ticket.id, replying(origin), origin=origin, now=now)


async def set_status(store: Store, ticket: Ticket, status: Status) -> None:
    await store.tickets.change(ticket.id, lambda one: one.set_status(status), NOW, actor=WRITER)


async def queued(store: Store, ticket: Ticket) -> list[Delivery]:
    pending = await store.outbox.pending_for_ticket(ticket.id)
    return [one for one in pending if one.kind is DeliveryKind.DIRECT_MESSAGE]


async def due(store: Store, now: datetime) -> list[Delivery]:
    """The direct messages that are due; those that were held are due at the second look."""
    await store.outbox.due((), now)
    found = await store.outbox.due((), now)
    return [one for some in found for one in some if one.kind is DeliveryKind.DIRECT_MESSAGE]


async def states(store: Store) -> list[DeliveryState]:
    entries = await store.outbox_admin.list_undelivered(100)
    return [one.state for one in entries if one.kind is DeliveryKind.DIRECT_MESSAGE]


async def test_a_reply_and_each_end_are_queued_for_the_linked_member(
    store: Store, workspace: Workspace
) -> None:
    await link(store, workspace)
    ticket = await filed(store, workspace)

    await reply(store, ticket, "a")
    await reply(store, ticket, "a")  # the same again
    for status in (Status.CLOSED, Status.RESOLVED, Status.OPEN, Status.IN_PROGRESS, Status.RESOLVED):
        await set_status(store, ticket, status)

    found = await queued(store, ticket)
    assert [one.message_id is None for one in found] == [False, True, True]
    assert {(one.queue, one.channel_id) for one in found} == {(f"direct_messages:{PETE}", PETE)}
    assert len({one.nonce for one in found}) == 3


@pytest.mark.parametrize("parts", [{"view_only": True}, {"is_private": True}, {"reporter_id": "8"}])
async def test_nothing_is_queued_of_other_tickets(
    store: Store, workspace: Workspace, parts: dict[str, Any]
) -> None:
    await link(store, workspace)
    ticket = await filed(store, workspace, **parts)

    if not ticket.view_only:
        await reply(store, ticket, "a")
    await set_status(store, ticket, Status.CLOSED)

    assert await queued(store, ticket) == []


async def test_a_link_of_another_workspace_is_not_told(store: Store, workspace: Workspace) -> None:
    elsewhere = await store.workspaces.add(replace(HUB, name="elsewhere"), NOW)
    await link(store, elsewhere)
    ticket = await filed(store, workspace)

    await reply(store, ticket, "a")

    assert await queued(store, ticket) == []


@pytest.mark.parametrize(
    "choose",
    [
        lambda members: members.save_choices(MemberPreferences(discord_id=PETE, direct_messages=False), NOW),
        lambda members: members.record_reachable(PETE, Reachability.NO),
    ],
)
async def test_nothing_is_queued_for_who_takes_none(
    store: Store, workspace: Workspace, choose: Callable[[Any], Any]
) -> None:
    await link(store, workspace)
    ticket = await filed(store, workspace)
    await choose(store.members)

    await reply(store, ticket, "a")

    assert await queued(store, ticket) == []


async def test_a_direct_message_waits_for_no_post_and_no_other_member(
    store: Store, workspace: Workspace
) -> None:
    await link(store, workspace)
    await link(store, workspace, PAULA, "8")
    first, second = await filed(store, workspace), await filed(store, workspace, reporter_id="8")
    await reply(store, first, "a")
    await reply(store, first, "b")
    await reply(store, second, "c")

    found = await due(store, NOW)
    busy = await store.outbox.due([f"direct_messages:{PETE}"], NOW)

    assert [one.channel_id for one in found] == [PETE, PAULA]
    assert [one.channel_id for some in busy for one in some if one.channel_id == PETE] == []
    await store.outbox.start_attempt(found[:1], NOW)
    await store.outbox.mark_delivered(found[:1], Receipt(channel_id=9, message_id=10), NOW)
    assert [one.channel_id for one in await due(store, NOW)] == [PETE, PAULA]
    assert found[0] not in await due(store, NOW)
    assert (await store.tickets.get(first.id)).post.message_id is None


async def test_in_quiet_hours_messages_are_held_until_these_end_in_order(
    store: Store, workspace: Workspace
) -> None:
    await link(store, workspace)
    ticket = await filed(store, workspace)
    await store.members.save_choices(QUIET, EVENING)
    await reply(store, ticket, "a", EVENING)
    await reply(store, ticket, "b", EVENING + timedelta(hours=1))

    almost = MORNING - timedelta(milliseconds=1)
    assert await due(store, almost) == []
    assert await states(store) == [DeliveryState.HELD] * 2
    busy = [one.queue for some in await store.outbox.due((), almost) for one in some]
    assert await store.outbox.next_due(busy, almost) == MORNING
    assert all(one.channel_id != DIRECT_MESSAGES for one in await store.outbox.backlogs())

    first = await due(store, MORNING)
    await store.outbox.start_attempt(first, MORNING)
    await store.outbox.mark_delivered(first, Receipt(), MORNING)
    second = await due(store, MORNING)
    assert [(one.message_id, one.attempts) for one in (*first, *second)] == [(1, 0), (2, 0)]


async def test_other_quiet_hours_hold_for_as_long_as_they_say(store: Store, workspace: Workspace) -> None:
    await link(store, workspace)
    ticket = await filed(store, workspace)
    await store.members.save_choices(QUIET, EVENING)
    await reply(store, ticket, "a", EVENING)

    await store.members.save_choices(QUIET.with_quiet_hours(None, "5:00"), EVENING)
    assert await store.outbox.next_due((), EVENING) == MORNING - timedelta(hours=2)
    await store.members.save_choices(QUIET.with_quiet_hours("off", None), EVENING)

    assert len(await due(store, EVENING)) == 1


async def test_a_message_that_is_held_when_it_is_tried_waits_for_the_time(
    store: Store, workspace: Workspace
) -> None:
    await link(store, workspace)
    ticket = await filed(store, workspace)
    await reply(store, ticket, "a", EVENING)
    found = await store.outbox.start_attempt(await due(store, EVENING), EVENING)

    await store.outbox.hold(found, MORNING)

    assert await due(store, EVENING) == []
    (later,) = await due(store, MORNING)
    assert later.attempts == 1  # so that it is looked for in Discord


async def test_a_message_held_by_a_clock_that_was_set_back_since_is_tried_at_once(
    store: Store, workspace: Workspace
) -> None:
    await link(store, workspace)
    ticket = await filed(store, workspace)
    await store.members.save_choices(QUIET, EVENING)
    await reply(store, ticket, "a", EVENING)

    assert await due(store, MORNING - MAX_HELD) == []
    assert len(await due(store, MORNING - MAX_HELD - timedelta(seconds=1))) == 1


async def test_a_held_message_can_be_dropped_and_counts_as_held(store: Store, workspace: Workspace) -> None:
    await link(store, workspace)
    ticket = await filed(store, workspace)
    await store.members.save_choices(QUIET, EVENING)
    for name in "ab":
        await reply(store, ticket, name, EVENING)
    entries = [one for one in await store.outbox_admin.list_undelivered(9) if one.state is DeliveryState.HELD]

    await store.outbox_admin.drop(entries[0].id, NOW)

    (depth,) = [one for one in await store.outbox_admin.depths() if one.state is DeliveryState.HELD]
    assert (depth.kind, depth.channel_id, depth.count) == (DeliveryKind.DIRECT_MESSAGE, DIRECT_MESSAGES, 1)


async def test_direct_messages_of_many_members_are_counted_together(
    store: Store, workspace: Workspace
) -> None:
    for number in range(3):
        await link(store, workspace, PETE + number, str(number))
        await reply(store, await filed(store, workspace, reporter_id=str(number)), f"r{number}")

    (depth,) = [one for one in await store.outbox_admin.depths() if one.kind is DeliveryKind.DIRECT_MESSAGE]
    (backlog,) = [one for one in await store.outbox.backlogs() if one.channel_id == DIRECT_MESSAGES]

    assert (depth.channel_id, depth.count, backlog.waiting) == (DIRECT_MESSAGES, 3, 3)
    assert not {PETE, PETE + 1, PETE + 2} & set(await store.deleted_channels.channels_in_use())


async def test_the_deletion_of_everything_in_discord_keeps_direct_messages(
    store: Store, workspace: Workspace
) -> None:
    await link(store, workspace)
    outbox = OutboxHarness(store, workspace)
    ticket = await outbox.add()
    await outbox.deliver_due()
    await reply(store, ticket, "a")
    (before,) = await queued(store, ticket)

    await store.deleted_channels.record_channel_deleted(HUB.tickets_channel_id, NOW)

    assert await queued(store, ticket) == [before]


async def test_what_a_backup_holds_may_have_been_sent_since(
    store: Store, workspace: Workspace, path: Any
) -> None:
    await link(store, workspace)
    ticket = await filed(store, workspace)
    await store.members.save_choices(QUIET, EVENING)
    await reply(store, ticket, "a", EVENING)

    with raw(path) as db:
        mark_pending_as_attempted(db, EVENING)

    (held,) = [one for one in await store.outbox_admin.list_undelivered(9) if one.state is DeliveryState.HELD]
    assert held.attempts == 1


async def test_what_is_known_of_a_member_is_kept_apart_from_what_they_chose(store: Store) -> None:
    await store.members.record_use(PETE, "de")
    await store.members.record_reachable(PETE, Reachability.NO)
    await store.members.save_choices(QUIET, NOW)
    before = await store.members.get_preferences(PETE)
    await store.members.record_use(PETE, "fr")
    after = await store.members.get_preferences(PETE)

    assert before == replace(QUIET, locale="de", reachable=Reachability.NO)
    assert after == replace(QUIET, locale="fr", reachable=Reachability.RETRY)
    assert await store.members.get_preferences(PAULA) == MemberPreferences(discord_id=PAULA)


async def test_using_the_bot_in_the_same_language_writes_nothing(store: Store, path: Any) -> None:
    await store.members.record_use(PETE, "de")
    with raw(path) as db:
        before = db.execute("PRAGMA data_version").fetchone()
        await store.members.record_use(PETE, "de")
        unchanged = db.execute("PRAGMA data_version").fetchone()
        await store.members.record_use(PETE, "fr")

        assert before == unchanged
        assert db.execute("PRAGMA data_version").fetchone() != unchanged
