"""`/block`: whose tickets are kept back, what a game server is answered, what staff find. Mia is staff."""

from typing import Any

from bot.sources.modl import examples as modl
from bot.sources.series import examples as series
from bot.tickets.message import MessageKind
from bot.tickets.ticket import Ticket
from tests.support.bridge_harness import RunningBridge, reply_text

REY = "550e8400-e29b-41d4-a716-446655440000"


async def run(bridge: RunningBridge, user: str, command: str, **options: object) -> dict[str, Any]:
    record = await bridge.sandbox.command(user, "general", command, options)
    assert record["error"] is None, record
    assert all(message["flags"] & 64 for message in record["messages"])  # seen by the user alone
    return record


async def block(bridge: RunningBridge, user: str = "mia", **options: object) -> str:
    """`/block add`; the answer."""
    return reply_text(
        await run(bridge, user, "block add", **{"reason": "Spam", "duration": "forever"} | options)
    )


async def filed(bridge: RunningBridge, **changes: object) -> Ticket:
    """A ticket as a game server sends it; not necessarily posted."""
    answer = await bridge.post(
        "/v1/minecraft/tickets", dict(modl.TICKET) | {"creatorUuid": REY} | changes, source="modl"
    )
    assert answer["success"] is True
    found = await bridge.application.store.tickets.find_by_public_id(answer["ticketId"])
    assert found is not None
    return found


def listed(record: dict[str, Any]) -> str:
    (embed,) = record["messages"][-1]["embeds"]
    fields = "\n".join(field["value"] for field in embed.get("fields", []))
    return f"{embed['description']}\n{fields}".replace("\\", "")


async def offered(bridge: RunningBridge, user: str, command: str, option: str, typed: str = "") -> list[Any]:
    record = await bridge.sandbox.autocomplete(user, "general", command, {option: typed}, option)
    return [(one["name"], one["value"]) for one in record["choices"]]


async def is_posted(bridge: RunningBridge, ticket: Ticket) -> bool:
    """Whether Discord shows it, once a ticket that came later is shown."""
    await bridge.ticket(creatorUuid="00000000-0000-4000-8000-000000000001", subject="Later")
    return (await bridge.application.store.tickets.get(ticket.id)).post.channel_id is not None


async def test_a_blocked_reporters_tickets_are_answered_as_ever_and_not_posted(bridge: RunningBridge) -> None:
    posted = await bridge.ticket(creatorUuid=REY, creatorName="Rey")

    answer = await block(bridge, ticket=posted.public_id)
    kept = await filed(bridge, subject="More spam")

    assert answer.startswith("✅ Rey · modl is blocked, forever. Their tickets are kept, but not posted;")
    assert not await is_posted(bridge, kept)
    shown = listed(await run(bridge, "mia", "block list", player="rey"))
    assert f"`{kept.public_id}` More spam" in shown
    assert "1 ticket kept" in shown
    view = await run(bridge, "mia", "ticket view", ticket=kept.public_id)
    assert "⛔ This ticket is not posted in Discord: Mia had blocked its reporter: Spam" in reply_text(view)
    assert view["messages"][-1]["embeds"][0]["title"].endswith("More spam")


async def test_a_note_on_the_ticket_says_who_blocked_whom_for_how_long_and_why(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket(creatorUuid=REY, creatorName="Rey")

    await bridge.sandbox.command(
        "mia", ticket.post.thread_id or 0, "block add", {"reason": "Spam, again", "duration": "7D"}
    )

    (note,) = await bridge.application.store.messages.list_of_ticket(ticket.id)
    assert (note.kind, note.author.name) == (MessageKind.NOTE, "Mia")
    assert note.text == "Blocked the reporter (Rey), 7d: Spam, again"


async def test_a_player_is_blocked_by_id_and_source_in_whatever_form(bridge: RunningBridge) -> None:
    answer = await block(bridge, player=REY.replace("-", "").upper(), source="modl")
    by_number = await block(bridge, player="123", source="series")
    report = await bridge.post(
        "/tickets/create-game-report", dict(series.GAME_REPORT) | {"authorUserId": 123}, source="series"
    )

    kept = await bridge.application.store.tickets.find_by_public_id(report["data"]["TicketId"])
    assert "No ticket of theirs with a name is known here: check the id." in answer
    assert "123 · series is blocked" in by_number
    assert kept is not None
    assert not await is_posted(bridge, kept)
    assert not await is_posted(bridge, await filed(bridge))


async def test_unblocking_posts_what_comes_and_nothing_old(bridge: RunningBridge) -> None:
    await block(bridge, player=REY, source="modl")
    old = await filed(bridge)

    ((name, value),) = await offered(bridge, "noah", "block remove", "player")
    record = await run(bridge, "noah", "block remove", player=value)
    new = await filed(bridge, subject="Sorry")

    assert name == f"{REY} · modl"
    assert "is not blocked any more. Tickets that came meanwhile stay unposted" in reply_text(record)
    assert await is_posted(bridge, new)
    assert not await is_posted(bridge, old)
    assert "ended by Noah" in listed(await run(bridge, "mia", "block list", player=REY))
    assert listed(await run(bridge, "mia", "block list")).strip() == "Nobody is blocked."


async def test_a_kept_ticket_can_be_posted_by_hand(bridge: RunningBridge) -> None:
    await block(bridge, player=REY, source="modl")
    kept = await filed(bridge)

    await run(bridge, "mia", "ticket repost", ticket=kept.public_id)

    posted = await bridge.wait_until_posted(kept.public_id)
    assert list(bridge.buttons(posted)) == ["Claim", "Reply", "Close"]


async def test_a_blocked_member_opens_a_ticket_that_nobody_is_called_to(bridge: RunningBridge) -> None:
    await block(bridge, player=str(bridge.guild.members["pete"]), source="discord")

    form = await run(bridge, "pete", "ticket open")
    record = await bridge.sandbox.modal(
        "pete", form["id"], {"category": ["bug"], "subject": "Mine", "body": "Hm."}
    )

    (workspace,) = await bridge.application.store.workspaces.list_all()
    (kept,) = await bridge.application.store.tickets.autocomplete("Mine", [workspace.id])
    assert reply_text(record) == f"✅ {kept.public_id} is saved."
    assert not await is_posted(bridge, kept)
    assert kept.public_id in str(await run(bridge, "pete", "tickets"))


async def test_players_neither_block_nor_see_who_is_blocked(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket(creatorUuid=REY)
    await block(bridge, player="123", source="series")

    added = await block(bridge, "pete", ticket=ticket.public_id, reason="He is mean")
    others = [
        await run(bridge, "pete", "block list"),
        await run(bridge, "pete", "block remove", player="123"),
    ]

    assert "He is mean" in added  # what they typed
    for text in (added, *map(reply_text, others)):
        assert "Only staff can do that." in text
    for command, option in (("remove", "player"), ("list", "player"), ("add", "source"), ("add", "ticket")):
        assert await offered(bridge, "pete", f"block {command}", option) == []
    (workspace,) = await bridge.application.store.workspaces.list_all()
    store = bridge.application.store
    assert [one.player_id for one in await store.blocks.list_active([workspace.id], store.now())] == ["123"]


async def test_what_cannot_be_blocked_says_why_and_gives_the_reason_back(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket(creatorUuid=REY, creatorName="Rey")
    await block(bridge, ticket=ticket.public_id)

    for options, why in (
        ({"duration": "soon"}, "A duration is a number with m, h, d or w"),
        ({}, "Name a ticket, or use the command in a ticket's own thread."),
        ({"ticket": "nothing"}, "There is no such ticket here."),
        ({"player": "7", "ticket": ticket.public_id}, "Name a ticket or a player, not both."),
        ({"player": "7"}, "choose a source that is offered"),
        ({"player": "7", "source": "elsewhere"}, "choose a source that is offered"),
        ({"ticket": ticket.public_id}, "Mia has blocked this player already: Spam."),
    ):
        answer = await block(bridge, "noah", **{"reason": "Rude words"} | options)
        assert why in answer
        assert "Rude words" in answer
    missing = await run(bridge, "mia", "block remove", player="nobody")
    assert "That player is not blocked." in reply_text(missing)


async def test_durations_and_sources_are_offered(bridge: RunningBridge) -> None:
    assert [value for _, value in await offered(bridge, "mia", "block add", "duration")] == [
        *("1h", "1d", "7d", "30d", "forever")
    ]
    assert await offered(bridge, "mia", "block add", "duration", "12h") == [("12h", "12h")]
    assert [value for _, value in await offered(bridge, "mia", "block add", "source")] == [
        *("discord", "modl", "series")
    ]


async def test_names_and_reasons_call_nobody(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket(creatorUuid=REY, creatorName="@everyone")

    answer = await block(bridge, ticket=ticket.public_id, reason="@here <@&1> **bold**")
    shown = listed(await run(bridge, "mia", "block list"))

    for text in (answer, shown):
        assert "@everyone" not in text
    assert "@\u200beveryone · modl" in shown
    assert "@here" not in shown


async def test_who_lost_the_role_blocks_nobody(bridge: RunningBridge) -> None:
    await block(bridge, player=REY, source="modl")
    bridge.sandbox.delete_role("Staff")

    record = await run(bridge, "mia", "block remove", player=REY)

    assert "Only staff can do that." in reply_text(record)
    assert not await is_posted(bridge, await filed(bridge))
