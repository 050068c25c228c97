"""What modl's plugin tells players and staff in the game, in both forms: from a reply to its receipt."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.sources.modl import SOURCE
from bot.tickets.api_keys import generate_api_key, hash_api_key
from bot.tickets.events import Reception
from bot.tickets.message import Actor, MessageKind
from bot.tickets.queries import Scope
from bot.tickets.ticket import Status, Ticket
from tests.sources.conftest import ADA, NOW, ApiClient, serve
from tests.sources.modl_api.conftest import ACCUSED, ALEX, NOTCH, NOW_MS, REPORTS, TICKETS
from tests.sources.modl_api.plugin_client import ACKNOWLEDGE, SYNC, Plugin

PUBLIC_URL = "https://tickets.example.com"


@pytest.fixture(params=["json", "protobuf"])
async def plugin(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Plugin]:
    async with serve(tmp_path, SOURCE, lambda: 1000.0, public_url=PUBLIC_URL) as bridge:
        for workspace in ("home", "abroad"):
            await bridge.add_workspace(workspace)
        key, prefix = generate_api_key()
        await bridge.store.api_keys.add(
            "home", "modl", prefix=prefix, key_hash=hash_api_key(key), now=NOW, name="survival"
        )
        bridge.keys["survival"] = key
        yield Plugin(bridge, is_protobuf=request.param == "protobuf", key="survival")


async def create(plugin: Plugin, creator: str = NOTCH, **more: Any) -> Ticket:
    body = {"creatorUuid": creator, "creatorName": "Notch", "type": "bug", "subject": "A hole"} | more
    public_id = (await plugin.post(TICKETS, body))["ticketId"]
    ticket = await plugin.bridge.store.tickets.find_by_public_id(public_id)
    assert ticket is not None
    return ticket


async def reply(bridge: ApiClient, ticket: Ticket, text: str, author: Actor = ADA) -> None:
    await bridge.store.tickets.add_message(
        ticket.id, lambda one: one.reply(author, text), origin=text, now=bridge.now[0]
    )


async def set_status(bridge: ApiClient, ticket: Ticket, status: Status) -> None:
    await bridge.store.tickets.change(ticket.id, lambda one: one.set_status(status), bridge.now[0], actor=ADA)


def later(bridge: ApiClient, seconds: float) -> None:
    bridge.now[0] += timedelta(seconds=seconds)


def ids(data: dict[str, Any]) -> list[str]:
    return [one["id"] for one in data["playerNotifications"]]


async def receivers(bridge: ApiClient, ticket: Ticket) -> list[str | None]:
    return [one.received_by for one in await bridge.store.events.list_of_ticket(ticket.id)]


async def state_of(bridge: ApiClient, ticket: Ticket) -> str:
    """What staff read about the ticket's one reply."""
    (message,) = await bridge.store.messages.list_of_ticket(ticket.id, [MessageKind.REPLY])
    states = await bridge.store.events.reply_states(ticket.id, [message.id])
    return str(states[message.id].sentence)


async def test_a_reply_is_told_until_it_is_acknowledged(plugin: Plugin) -> None:
    ticket = await create(plugin)
    await reply(plugin.bridge, ticket, "We are\non it.")

    first = await plugin.sync(NOTCH, ALEX)
    later(plugin.bridge, 31)
    again = await plugin.sync(NOTCH)
    before = await receivers(plugin.bridge, ticket)
    await plugin.acknowledge(NOTCH, ids(again))
    later(plugin.bridge, 31)

    assert first["playerNotifications"] == [
        {
            "id": first["playerNotifications"][0]["id"],
            "type": "TICKET_REPLY",
            "message": f"Ada replied to your ticket #{ticket.public_id}: We are on it.",
            "timestamp": NOW_MS,
            "targetPlayerUuid": NOTCH,
            "data": {
                "ticketId": ticket.public_id,
                "ticketUrl": f"{PUBLIC_URL}/ticket/{ticket.public_id}",
                "replyAuthor": "Ada",
            },
        }
    ]
    assert again["playerNotifications"] == first["playerNotifications"]
    assert before == [None]
    assert await plugin.told(NOTCH) == []
    assert await receivers(plugin.bridge, ticket) == ["survival"]


async def test_the_end_of_a_ticket_is_told_and_no_other_status(plugin: Plugin) -> None:
    ticket, other = await create(plugin), await create(plugin, subject="Another")
    for status in (Status.IN_PROGRESS, Status.CLOSED, Status.OPEN):
        await set_status(plugin.bridge, ticket, status)
    await set_status(plugin.bridge, other, Status.RESOLVED)

    data = await plugin.sync(NOTCH)

    assert [(one["type"], one["message"], one["data"]) for one in data["playerNotifications"]] == [
        (
            "TICKET_CLOSED",
            f"Your ticket #{one.public_id} was {status}",
            {
                "ticketId": one.public_id,
                "ticketUrl": f"{PUBLIC_URL}/ticket/{one.public_id}",
                "replyAuthor": "",
            },
        )
        for one, status in ((ticket, "closed"), (other, "resolved"))
    ]


async def test_a_report_resolved_in_the_game_is_told_with_its_reply_first(plugin: Plugin) -> None:
    report = await create(plugin, type="player", reportedPlayerUuid=ACCUSED)
    body = {"resolvedBy": "Grace", "punishmentId": "1"}
    await plugin.bridge.post(f"{REPORTS}/{report.public_id}/resolve", **body)

    reply_line, end = await plugin.told(NOTCH)

    assert reply_line.startswith(f"Grace replied to your ticket #{report.public_id}: Thank you")
    assert end == f"Your ticket #{report.public_id} was resolved"


async def test_a_notification_is_not_repeated_while_its_receipt_may_be_on_the_way(plugin: Plugin) -> None:
    ticket = await create(plugin)
    await reply(plugin.bridge, ticket, "Hello")

    told = []
    for _ in range(16):  # half a minute of syncs, without an acknowledgement
        told.append(len(await plugin.told(NOTCH)))
        later(plugin.bridge, 2)

    assert told == [1] + [0] * 14 + [1]


async def test_a_player_who_was_offline_is_told_once_they_join(plugin: Plugin) -> None:
    ticket = await create(plugin)
    await reply(plugin.bridge, ticket, "Hello")

    offline = await plugin.told(ALEX) + await plugin.told()
    login = await plugin.post("/v1/minecraft/players/login", {"minecraftUuid": NOTCH, "username": "Notch"})

    assert offline == []
    assert login["pendingNotifications"] == []  # the sync tells it
    assert len(await plugin.told(ALEX, NOTCH)) == 1


async def test_two_servers_with_one_key_tell_each_their_own_players(plugin: Plugin) -> None:
    hub = replace(plugin, server="hub")
    await reply(plugin.bridge, await create(plugin), "to Notch")
    await reply(plugin.bridge, await create(plugin, ALEX), "to Alex")

    survival, in_hub = await plugin.sync(NOTCH), await hub.sync(ALEX)
    moved = await hub.sync(ALEX, NOTCH)  # what Notch was told on the other server is not told here at once
    await hub.acknowledge(NOTCH, ids(survival))
    later(plugin.bridge, 31)

    assert [one["message"][-8:] for one in survival["playerNotifications"]] == ["to Notch"]
    assert [one["message"][-7:] for one in in_hub["playerNotifications"]] == ["to Alex"]
    assert moved["playerNotifications"] == []
    assert [line[-7:] for line in await hub.told(ALEX, NOTCH)] == ["to Alex"]


async def test_of_150_the_oldest_100_come_first_and_each_once(plugin: Plugin) -> None:
    ticket = await create(plugin)
    for number in range(150):
        await reply(plugin.bridge, ticket, f"{number}.")

    first, second, third = [await plugin.sync(NOTCH) for _ in range(3)]
    await plugin.acknowledge(NOTCH, ids(first))
    later(plugin.bridge, 31)
    after = await plugin.sync(NOTCH)

    told = [
        [one["message"].rpartition(" ")[2] for one in data["playerNotifications"]]
        for data in (first, second, third)
    ]
    assert told == [[f"{n}." for n in range(100)], [f"{n}." for n in range(100, 150)], []]
    assert ids(after) == ids(second)
    assert await receivers(plugin.bridge, ticket) == ["survival"] * 100 + [None] * 50


async def test_an_acknowledgement_is_of_its_player_its_workspace_and_its_ids_alone(plugin: Plugin) -> None:
    ticket = await create(plugin)
    for text in ("one", "two"):
        await reply(plugin.bridge, ticket, text)
    one, two = ids(await plugin.sync(NOTCH))

    await plugin.acknowledge(ALEX, [one, two])
    await replace(plugin, key="abroad").acknowledge(NOTCH, [one, two])
    await plugin.acknowledge(NOTCH, ["0d3c1c7e-0000-4000-8000-000000000001", "", "evt_1"])
    nothing = await receivers(plugin.bridge, ticket)
    await plugin.acknowledge(NOTCH.upper(), [two.upper()])

    assert nothing == [None, None]
    assert await receivers(plugin.bridge, ticket) == [None, "survival"]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"notificationIds": ["1"]}, "playerUuid is required"),
        ({"playerUuid": "Notch", "notificationIds": ["1"]}, "playerUuid must be a UUID"),
        (
            {"playerUuid": NOTCH, "notificationIds": ["1"] * 101},
            "notificationIds must have at most 100 entries",
        ),
    ],
)
async def test_400_for_an_acknowledgement_that_cannot_be_read(
    plugin: Plugin, body: dict[str, Any], problem: str
) -> None:
    error = await plugin.post(ACKNOWLEDGE, body, status=400)

    assert error["message"] == f"Invalid data provided: {problem}."


async def test_what_waits_is_told_after_a_restart_under_the_same_id(plugin: Plugin, tmp_path: Path) -> None:
    ticket = await create(plugin)
    await reply(plugin.bridge, ticket, "Hello")
    before = await plugin.sync(NOTCH)
    await plugin.bridge.store.close()

    async with serve(tmp_path, SOURCE, lambda: 1000.0, public_url=PUBLIC_URL) as restarted:
        restarted.keys.update(plugin.bridge.keys)
        plugin.bridge, stopped = restarted, plugin.bridge
        after = await plugin.sync(NOTCH)
        await plugin.acknowledge(NOTCH, ids(before))
        received = await receivers(restarted, ticket)
        plugin.bridge = stopped

    assert ids(after) == ids(before)
    assert received == ["survival"]


async def test_what_the_feed_confirmed_is_not_told(plugin: Plugin) -> None:
    ticket = await create(plugin)
    for text in ("one", "two"):
        await reply(plugin.bridge, ticket, text)
    headers = {"X-API-Key": plugin.bridge.keys["home"]}
    async with plugin.bridge.session.get(
        f"{plugin.bridge.address}/v1/events?after=1", headers=headers
    ) as got:
        assert got.status == 200

    assert [line[-3:] for line in await plugin.told(NOTCH)] == ["two"]


async def test_a_reply_that_was_only_fetched_with_its_ticket_is_told_and_then_read(plugin: Plugin) -> None:
    ticket = await create(plugin)
    await reply(plugin.bridge, ticket, "Hello")
    await plugin.bridge.get(f"{TICKETS}/{ticket.public_id}")
    (fetched,) = await plugin.bridge.store.events.list_of_ticket(ticket.id)

    await plugin.acknowledge(NOTCH, ids(await plugin.sync(NOTCH)))

    (read,) = await plugin.bridge.store.events.list_of_ticket(ticket.id)
    assert (fetched.received_as, read.received_as) == (Reception.FETCHED, Reception.READ)
    assert read.received_by == "survival"


async def test_a_reply_waits_once_a_server_syncs_and_is_read_once_the_player_was_shown_it(
    plugin: Plugin,
) -> None:
    ticket = await create(plugin)
    await reply(plugin.bridge, ticket, "Hello")
    said = [await state_of(plugin.bridge, ticket)]

    data = await plugin.sync(NOTCH)
    said.append(await state_of(plugin.bridge, ticket))
    later(plugin.bridge, 12)
    await plugin.acknowledge(NOTCH, ids(data))
    said.append(await state_of(plugin.bridge, ticket))

    assert said[0].startswith("No game server has asked for events with a modl key of this workspace yet")
    assert said[1:] == ["Waiting for the game server to ask for it.", "Read by survival 12 s later."]


async def test_another_workspace_is_told_nothing(plugin: Plugin) -> None:
    plugin.last_sync = "2025-01-15T10:29:00Z"
    await reply(plugin.bridge, await create(plugin), "Hello")
    later(plugin.bridge, 5)

    abroad = await replace(plugin, key="abroad").sync(NOTCH)

    assert abroad["playerNotifications"] == abroad["staffNotifications"] == []


async def test_a_message_is_safe_in_the_json_that_old_plugins_make_of_it(plugin: Plugin) -> None:
    ticket = await create(plugin)
    shrug = Actor(id="7", name='¯\\_(ツ)_/¯ "Al" §c')
    await reply(plugin.bridge, ticket, "a\\nb\r\n\tc \x07d\u2028e", author=shrug)

    data = await plugin.sync(NOTCH)

    (told,) = data["playerNotifications"]
    escaped = told["message"].replace('"', '\\"')
    assert json.loads(f'"{escaped}"') == told["message"]
    assert told["message"] == f'¯/_(ツ)_/¯ "Al" c replied to your ticket #{ticket.public_id}: a/nb c d e'
    assert told["data"]["replyAuthor"] == shrug.name


async def test_the_links_of_a_notification_open(plugin: Plugin) -> None:
    """The plugin makes a link of its own, of the panel's address."""
    ticket = await create(plugin)

    for path in (f"/ticket/{ticket.public_id}", f"/panel/tickets/{ticket.public_id}"):
        async with plugin.bridge.session.get(plugin.bridge.address + path) as page:
            assert ticket.public_id in await page.text()
            assert page.status == 200


async def test_staff_are_told_of_each_ticket_once_it_was_created(plugin: Plugin) -> None:
    first = await plugin.sync()
    report = await create(
        plugin,
        type="player",
        subject="Cheating",
        description="He flies. " * 30,
        reportedPlayerUuid=ACCUSED,
        reportedPlayerName="Hacker123",
    )
    told = []
    for _ in range(4):
        told.append((await plugin.sync())["staffNotifications"])
        later(plugin.bridge, 2)

    assert first["staffNotifications"] == []
    assert [len(one) for one in told] == [0, 0, 1, 0]
    assert told[2] == [
        {
            "id": told[2][0]["id"],
            "type": "TICKET_CREATED",
            "message": f"Notch created ticket #{report.public_id}: Cheating",
            "timestamp": NOW_MS,
            "data": {
                "ticketId": report.public_id,
                "ticketUrl": f"{PUBLIC_URL}/ticket/{report.public_id}",
                "subject": "Cheating",
                "firstReplyContent": ("He flies. " * 30)[:256],
                "ticketType": "REPORT",
                "category": "player",
                "reportedPlayer": "Hacker123",
            },
        }
    ]


async def test_staff_are_told_of_the_newest_20_tickets_oldest_first(plugin: Plugin) -> None:
    plugin.last_sync = "2025-01-15T10:29:59.123456789Z"  # as the plugin sends its own time at its start
    created = [(await create(plugin, subject=f"{number}")).public_id for number in range(25)]
    later(plugin.bridge, 3)

    told = (await plugin.sync())["staffNotifications"]

    assert [one["data"]["ticketId"] for one in told] == created[5:]


async def test_staff_run_no_command_with_a_name_that_no_player_has(plugin: Plugin) -> None:
    plugin.last_sync = "2025-01-15T10:29:59Z"
    names = ["Hacker123 @a", "x" * 17, "a\\b", None]
    for name in names:
        await create(plugin, type="player", subject=f"{name}", reportedPlayerName=name or "")
    later(plugin.bridge, 3)

    told = (await plugin.sync())["staffNotifications"]

    assert [one["data"]["reportedPlayer"] for one in told] == [""] * len(names)


async def test_a_sync_in_another_form_is_answered_with_what_can_be_read(plugin: Plugin) -> None:
    await reply(plugin.bridge, await create(plugin), "Hello")
    players = [5, None, {"uuid": 7}, {"uuid": "nonsense"}, {}, {"uuid": f"{{{NOTCH.upper()}}}"}]
    bodies: list[dict[str, Any]] = [
        {"onlinePlayers": "all", "lastSyncTimestamp": 5},
        {"onlinePlayers": {}, "lastSyncTimestamp": "yesterday"},
        {"onlinePlayers": players, "lastSyncTimestamp": "9999-12-31T23:59:59-23:59"},
        {"lastSyncTimestamp": "0001-01-01T00:00:00+23:59"},
    ]

    answers = [await plugin.bridge.post(SYNC, **body) for body in bodies]

    told = [len(one["data"]["playerNotifications"]) for one in answers]
    assert told == [0, 0, 1, 0]
    assert [one["data"]["staffNotifications"] for one in answers[:3]] == [[], [], []]


async def test_a_reporter_of_a_thousand_is_found_among_all_who_are_online(plugin: Plugin) -> None:
    await reply(plugin.bridge, await create(plugin), "Hello")
    others = [f"00000000-0000-4000-8000-{number:012x}" for number in range(1000)]

    assert len(await plugin.told(*others, NOTCH, NOTCH)) == 1


async def test_events_that_no_reporter_is_told_of_stay_for_the_feed(plugin: Plugin) -> None:
    ticket = await create(plugin)
    await set_status(plugin.bridge, ticket, Status.IN_PROGRESS)

    await plugin.sync(NOTCH)

    page = await plugin.bridge.store.events.list_after(
        Scope(workspace_id=ticket.workspace_id, source="modl"), 0, 10
    )
    assert [one.received_at for one in page.events] == [None]
