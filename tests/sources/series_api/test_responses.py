"""The exact responses of the Series API, and what is stored."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.sources.series import examples
from bot.tickets.message import Actor, MessageKind
from bot.tickets.ticket import Status
from bot.tickets.workspace import Department
from tests.sources.conftest import ADA, NOW
from tests.sources.series_api.conftest import AUTHOR, NOW_SHOWN, OTHER_STAFF, STAFF, Api, create

SHOWN_AUTHOR = {
    "UserId": AUTHOR,
    "Username": "reporter123",
    "DisplayName": "Reporter Name",
    "AvatarUrl": "https://tr.rbxcdn.com/avatar-url",
}
SECOND = int(NOW.timestamp())


def shown(api: Api, name: str, **changes: object) -> dict[str, Any]:
    """A ticket of the fixture as it was filed."""
    ticket = api.tickets[name]
    return {
        "TicketId": ticket.public_id,
        "_id": ticket.uid,
        "WorkspaceId": api.workspace.id,
        "Subject": "Cannot join my private server",
        "Category": "support",
        "Department": "tier-two",
        "Status": "open",
        "Priority": "medium",
        "Author": SHOWN_AUTHOR,
        "GameReport": False,
        "CreatedAt": NOW_SHOWN,
        "UpdatedAt": NOW_SHOWN,
        **changes,
    }


def shown_report(api: Api) -> dict[str, Any]:
    return shown(
        api,
        "report",
        Subject="Rule violation report",
        Category="reports",
        Department="moderation-dept",
        Priority="high",
        GameReport=True,
        GameData={"PlaceId": 123456789, "ServerId": "game-server-id-123"},
    )


async def listed(api: Api, query: str = "") -> list[str]:
    """The names, in the fixture, of the tickets that are listed."""
    names = {ticket.public_id: name for name, ticket in api.tickets.items()}
    return [names[one["TicketId"]] for one in (await api.get(f"/tickets/list{query}"))["Tickets"]]


async def said(api: Api, name: str) -> list[tuple[str, str, int]]:
    """Type, Content and Author of each message of a ticket."""
    ticket = (await api.get(f"/tickets/get/{{{name}}}"))["Ticket"]
    return [(one["Type"], one["Content"], one["Author"]) for one in ticket["Content"].values()]


async def test_a_ticket_and_a_game_report_are_returned_as_stored(api: Api) -> None:
    ticket = await api.post("/tickets/create", **examples.TICKET)
    report = await api.post("/tickets/create-game-report", **examples.GAME_REPORT)

    assert ticket == shown(api, "ticket")
    assert report == shown_report(api)


async def test_ids_of_63_bits_and_empty_texts_are_returned_as_they_were_sent(api: Api) -> None:
    sent = {"authorUserId": "9223372036854775807", "placeId": "2305843009213693953"}
    empty = {"authorUsername": "", "authorDisplayName": "", "serverId": ""}

    report = await api.post("/tickets/create-game-report", **{**examples.GAME_REPORT, **sent, **empty})

    author = {**SHOWN_AUTHOR, "UserId": 9223372036854775807, "Username": "", "DisplayName": ""}
    assert report["Author"] == author
    assert report["GameData"] == {"PlaceId": 2305843009213693953, "ServerId": ""}
    found = (await api.get(f"/tickets/get/{report['TicketId']}"))["Ticket"]
    assert (found["Author"], found["GameData"]) == (author, report["GameData"])


async def test_the_list_shows_each_ticket_newest_first(api: Api) -> None:
    data = await api.get("/tickets/list")

    unclaimed = {"ClaimedBy": None, "ClaimedByName": None}
    assert data == {
        "Tickets": [
            shown(api, "closed", Subject="Closed", Status="closed") | unclaimed,
            shown(api, "claimed", Subject="Claimed", Status="in-progress", ClaimedBy=7, ClaimedByName="7"),
            shown(api, "ticket") | unclaimed,
            shown_report(api) | unclaimed,
        ],
        "Pagination": {
            "CurrentPage": 1,
            "TotalPages": 1,
            "TotalCount": 4,
            "TicketsPerPage": 10,
            "HasNextPage": False,
            "HasPreviousPage": False,
        },
    }


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?status=open", ["ticket", "report"]),
        ("?status=in-progress", ["claimed"]),
        ("?status=resolved", []),
        ("?status=closed", ["closed"]),
        (f"?author={AUTHOR}", ["closed", "claimed", "ticket", "report"]),
        ("?author=5", []),
        ("?author=unknown", []),
        ("?department=moderation-dept", ["report"]),
        ("?department=nowhere", []),
        ("?search=CLAIM", ["claimed"]),
        ("?search=reporter1", ["closed", "claimed", "ticket", "report"]),
        ("?search=%25", []),
        ("?search=&author=&department=%20", ["closed", "claimed", "ticket", "report"]),
        ("?staffUserId=7", ["closed", "claimed", "ticket", "report"]),
        ("?staffUserId=8", ["closed", "claimed", "ticket"]),
        ("?staffUserId=8&department=moderation-dept", []),
        ("?staffUserId=7&department=moderation-dept", ["report"]),
        ("?status=open&search=private&unheard=of&limit=-1", ["ticket"]),
        ("?page=2147483647", []),
    ],
)
async def test_the_list_is_of_those_that_meet_every_condition(api: Api, query: str, names: list[str]) -> None:
    assert await listed(api, query) == names


async def test_pages_are_of_ten_and_one_beyond_the_last_is_empty(api: Api) -> None:
    for number in range(17):
        await create(api, f"{number}", "/tickets/create", authorUserId=number, subject=f"{number}")

    pages = [await api.get(f"/tickets/list?page={page}") for page in (1, 2, 3, 4)]

    assert [len(page["Tickets"]) for page in pages] == [10, 10, 1, 0]
    assert [page["Pagination"]["HasNextPage"] for page in pages] == [True, True, False, False]
    assert [page["Pagination"]["HasPreviousPage"] for page in pages] == [False, True, True, True]
    assert {(page["Pagination"]["TotalPages"], page["Pagination"]["TotalCount"]) for page in pages} == {
        (3, 21)
    }
    assert [one["Subject"] for one in pages[0]["Tickets"]] == [f"{number}" for number in range(16, 6, -1)]


async def test_nothing_found_is_no_page_at_all(api: Api) -> None:
    pages = (await api.get("/tickets/list?status=resolved"))["Pagination"]

    assert (pages["CurrentPage"], pages["TotalPages"], pages["TotalCount"]) == (1, 0, 0)


async def test_a_ticket_is_found_by_either_id_with_its_messages(api: Api) -> None:
    api.now[0] = NOW + timedelta(seconds=90, milliseconds=5)
    await api.post("/tickets/{claimed}/reply", content="We are on it.", staffUserId=STAFF)
    await api.post("/tickets/{claimed}/reply-member", content=" Thanks! ", authorUserId=AUTHOR)
    messages = await api.store.messages.list_of_ticket(api.tickets["claimed"].id)
    event, reply, follow_up = (f"{one.id:06d}" for one in messages)  # below 10 all digits are alike

    found = await api.get("/tickets/get/{claimed}")

    later = "2025-01-15T10:31:30.005Z"
    assert found == {
        "Ticket": shown(
            api,
            "claimed",
            Subject="Claimed",
            Status="in-progress",
            UpdatedAt=later,
            ClaimedBy=STAFF,
            ClaimedByUser={"UserId": STAFF, "DisplayName": "7", "Username": "7"},
            Content={
                f"msj_{SECOND}_000000": {
                    "Content": "Since the update I am sent back to the menu.",
                    "Author": AUTHOR,
                    "Type": "author_message",
                    "Timestamp": NOW_SHOWN,
                },
                f"msj_{SECOND}_{event}": {
                    "Content": "7 claimed the ticket",
                    "Author": STAFF,
                    "Type": "system_message",
                    "Timestamp": NOW_SHOWN,
                },
                f"msj_{SECOND + 90}_{reply}": {
                    "Content": "We are on it.",
                    "Author": STAFF,
                    "Type": "staff_message",
                    "Timestamp": later,
                },
                f"msj_{SECOND + 90}_{follow_up}": {
                    "Content": "Thanks!",
                    "Author": AUTHOR,
                    "Type": "author_message",
                    "Timestamp": later,
                },
            },
        )
    }
    assert list(found["Ticket"]["Content"]) == sorted(found["Ticket"]["Content"])
    assert await api.get(f"/tickets/get/{api.tickets['claimed'].uid}") == found


async def test_an_unclaimed_game_report_is_found_with_its_game_data(api: Api) -> None:
    found = (await api.get("/tickets/get/{report}"))["Ticket"]

    assert found == {
        **shown_report(api),
        "ClaimedBy": None,
        "ClaimedByUser": None,
        "Content": {
            f"msj_{SECOND}_000000": {
                "Content": "Player was exploiting",
                "Author": AUTHOR,
                "Type": "author_message",
                "Timestamp": NOW_SHOWN,
            }
        },
    }


async def test_the_config_shows_the_workspace_s_rules(api: Api) -> None:
    ranks = {"FromRank": 0, "ToRank": 255}

    assert await api.get("/tickets/config") == {
        "Enabled": True,
        "PublicUrl": False,
        "Categories": {
            "support": {
                "Name": "Support",
                "WorkspaceMembershipRequired": False,
                "MinAccessRank": 0,
                "MaxOpenTickets": 3,
            },
            "reports": {
                "Name": "Reports",
                "WorkspaceMembershipRequired": False,
                "MinAccessRank": 0,
                "MaxOpenTickets": None,
            },
        },
        "Departments": {
            "general": {"Name": "General", "Members": [], "Categories": [], "RankRange": ranks},
            "moderation-dept": {
                "Name": "Moderation",
                "Members": [7, 9],
                "Categories": ["reports"],
                "RankRange": ranks,
            },
            "tier-two": {
                "Name": "Tier Two",
                "Members": [],
                "Categories": ["support", "reports"],
                "RankRange": ranks,
            },
        },
        "DiscordNotificationWebhookEnabled": True,
        "DiscordNotificationWebhookPing": "",
    }


async def test_a_member_whose_id_is_no_number_is_left_out_of_the_config(api: Api) -> None:
    department = Department(id="general", name="General", members=("seven", "-3"))
    await api.store.workspaces.change(api.workspace.id, lambda one: one.with_department(department))

    assert (await api.get("/tickets/config"))["Departments"]["general"]["Members"] == [-3]


async def test_a_claim_is_in_the_store_and_in_the_ticket_s_history(api: Api) -> None:
    assert await api.post("/tickets/{ticket}/claim", staffUserId="7") == {
        "message": "Ticket claimed successfully"
    }

    ticket = await api.ticket("ticket")
    (event,) = await api.store.messages.list_of_ticket(ticket.id)
    assert (ticket.status, ticket.claimed_by) == (
        Status.IN_PROGRESS,
        Actor(id="7", name="7", source="series"),
    )
    assert (event.kind, event.text) == (MessageKind.EVENT, "7 claimed the ticket")


async def claimer_of_report(api: Api) -> tuple[Any, Any, Any]:
    """ClaimedBy and ClaimedByName in the list, and ClaimedByUser."""
    (listed, *_) = (await api.get("/tickets/list?department=moderation-dept"))["Tickets"]
    found = (await api.get("/tickets/get/{report}"))["Ticket"]
    assert found["ClaimedBy"] == listed["ClaimedBy"]
    return listed["ClaimedBy"], listed["ClaimedByName"], found["ClaimedByUser"]


async def test_staff_have_the_names_of_their_own_newest_ticket(api: Api) -> None:
    await api.post("/tickets/{report}/claim", staffUserId=AUTHOR)

    names = {"UserId": AUTHOR, "DisplayName": "Reporter Name", "Username": "reporter123"}
    assert await claimer_of_report(api) == (AUTHOR, "Reporter Name", names)


@pytest.mark.parametrize(
    ("username", "display_name", "shown"),
    [
        ("rey", "Rey of Jakku", ("rey", "Rey of Jakku")),
        ("rey", "", ("rey", "rey")),
        ("", "Rey of Jakku", ("Rey of Jakku", "Rey of Jakku")),
        ("", None, ("7", "7")),
    ],
)
async def test_a_name_that_becomes_known_after_the_claim_is_shown(
    api: Api, username: str, display_name: str | None, shown: tuple[str, str]
) -> None:
    await api.post("/tickets/{report}/claim", staffUserId=STAFF)
    own = {"authorUserId": STAFF, "authorUsername": username, "authorDisplayName": display_name}

    await api.post("/tickets/create", **{**examples.TICKET, **own})

    names = {"UserId": STAFF, "DisplayName": shown[1], "Username": shown[0]}
    assert await claimer_of_report(api) == (STAFF, shown[1], names)


async def test_a_newer_ticket_without_a_name_hides_no_known_one(api: Api) -> None:
    nameless = {"authorUsername": "", "authorDisplayName": None}
    await api.post("/tickets/create-game-report", **{**examples.GAME_REPORT, **nameless})

    await api.post("/tickets/{report}/claim", staffUserId=AUTHOR)

    assert (await api.get("/tickets/get/{report}"))["Ticket"]["ClaimedByUser"]["Username"] == "reporter123"
    assert (await said(api, "report"))[-1][1] == "Reporter Name (@reporter123) claimed the ticket"


async def test_a_claimer_in_discord_is_not_named_after_a_player_with_the_same_id(api: Api) -> None:
    staff = Actor(id=str(AUTHOR), name="Ada")
    await api.store.tickets.change(api.tickets["report"].id, lambda one: one.claim(staff), NOW, actor=staff)

    names = {"UserId": AUTHOR, "DisplayName": "Ada", "Username": "Ada"}
    assert await claimer_of_report(api) == (AUTHOR, "Ada", names)


async def test_a_name_in_another_workspace_is_not_shown(api: Api) -> None:
    own = {"authorUserId": STAFF, "authorUsername": "rey"}
    await api.send("POST", "/tickets/create", {**examples.TICKET, **own}, key="abroad")

    await api.post("/tickets/{report}/claim", staffUserId=STAFF)

    assert (await claimer_of_report(api))[1] == "7"


async def test_unclaiming_leaves_the_status_as_it_was(api: Api) -> None:
    assert await api.post("/tickets/{claimed}/unclaim", staffUserId=OTHER_STAFF) == {
        "message": "Ticket unclaimed successfully"
    }

    ticket = await api.ticket("claimed")
    assert (ticket.claimed_by, ticket.status) == (None, Status.IN_PROGRESS)
    assert (await said(api, "claimed"))[-1] == ("system_message", "8 unclaimed the ticket", OTHER_STAFF)


async def test_replies_of_both_sides_are_kept(api: Api) -> None:
    sent = {"message": "Reply sent successfully"}

    assert await api.post("/tickets/{claimed}/reply", content="x" * 4000, staffUserId=STAFF) == sent
    assert await api.post("/tickets/{claimed}/reply-member", content="Oh", authorUserId=f"{AUTHOR}") == sent

    assert (await said(api, "claimed"))[-2:] == [
        ("staff_message", "x" * 4000, STAFF),
        ("author_message", "Oh", AUTHOR),
    ]


@pytest.mark.parametrize("word", ["open", "in-progress", "resolved", "closed"])
@pytest.mark.parametrize("name", ["ticket", "claimed", "closed", "report"])
async def test_any_status_becomes_any_other_and_itself_without_a_trace(
    api: Api, name: str, word: str
) -> None:
    before = await api.ticket(name)
    history = await said(api, name)

    assert await api.post(f"/tickets/{{{name}}}/status", status=word, staffUserId=STAFF) == {
        "message": f"Status changed to {word}"
    }

    event = ("system_message", f"7 changed the status to {word}", STAFF)
    assert (await api.ticket(name)).status == word
    assert await said(api, name) == [*history, *([event] if word != before.status else [])]


async def test_a_transfer_gives_up_the_claim_and_leaves_a_system_message_for_both(api: Api) -> None:
    await api.store.workspaces.change(
        api.workspace.id, lambda one: one.with_department(Department(id="tier-3", name="Tier Three"))
    )

    assert await api.post("/tickets/{claimed}/transfer", departmentId="tier-3", staffUserId=OTHER_STAFF) == {
        "message": "Ticket transferred to Tier Three"
    }

    ticket = await api.ticket("claimed")
    assert (ticket.department, ticket.claimed_by) == ("tier-3", None)
    assert (await said(api, "claimed"))[1:] == [
        ("system_message", "7 claimed the ticket", STAFF),
        ("system_message", "8 transferred the ticket to Tier Three", OTHER_STAFF),
        ("system_message", "8 unclaimed the ticket", OTHER_STAFF),
    ]


async def test_a_transfer_of_an_unclaimed_ticket_leaves_one_system_message(api: Api) -> None:
    await api.post("/tickets/{report}/transfer", departmentId="tier-two", staffUserId=STAFF)

    assert (await said(api, "report"))[1:] == [
        ("system_message", "7 transferred the ticket to Tier Two", STAFF)
    ]


async def test_a_game_report_may_be_claimed_and_transferred(api: Api) -> None:
    await api.post("/tickets/{report}/claim", staffUserId=STAFF)
    await api.post("/tickets/{report}/transfer", departmentId="tier-two", staffUserId=STAFF)

    assert (await api.ticket("report")).department == "tier-two"


async def test_actions_in_discord_are_shown_and_notes_are_not(api: Api) -> None:
    ticket = api.tickets["ticket"]
    await api.store.tickets.change(ticket.id, lambda one: one.claim(ADA), NOW, actor=ADA)
    await api.store.tickets.add_message(ticket.id, lambda one: one.reply(ADA, "Hello"), origin="a", now=NOW)
    await api.store.tickets.add_message(ticket.id, lambda one: one.note(ADA, "A liar"), origin="b", now=NOW)

    found = (await api.get("/tickets/get/{ticket}"))["Ticket"]
    in_list = (await api.get("/tickets/list?status=in-progress"))["Tickets"][-1]

    assert found["ClaimedBy"] == in_list["ClaimedBy"] == int(ADA.id)
    assert found["ClaimedByUser"] == {"UserId": int(ADA.id), "DisplayName": "Ada", "Username": "Ada"}
    assert in_list["ClaimedByName"] == "Ada"
    assert (await said(api, "ticket"))[1:] == [
        ("system_message", "Ada claimed the ticket", int(ADA.id)),
        ("staff_message", "Hello", int(ADA.id)),
    ]


async def test_a_claimer_whose_id_is_no_number_is_0(api: Api) -> None:
    console = Actor(id="console", name="Console", source="elsewhere")
    await api.store.tickets.change(
        api.tickets["ticket"].id, lambda one: one.claim(console), NOW, actor=console
    )

    found = (await api.get("/tickets/get/{ticket}"))["Ticket"]

    assert found["ClaimedBy"] == 0
    assert found["ClaimedByUser"] == {"UserId": 0, "DisplayName": "Console", "Username": "Console"}


async def test_message_ids_never_change(api: Api) -> None:
    first = list((await api.get("/tickets/get/{claimed}"))["Ticket"]["Content"])
    for number in range(40):
        await api.post("/tickets/{claimed}/reply", content=f"{number}", staffUserId=STAFF)

    then = list((await api.get("/tickets/get/{claimed}"))["Ticket"]["Content"])

    assert then[: len(first)] == first
    assert len(then) == len(set(then)) == len(first) + 40
    assert then == sorted(then)


async def test_a_valid_key_gets_its_workspace_last_use_and_rate_limit(api: Api) -> None:
    await api.get("/tickets/config")
    api.ticking[0] = False
    api.now[0] = NOW + timedelta(hours=1, milliseconds=5)

    data = await api.get("/basic/check-key/{key}")

    assert list(data.items()) == [
        ("valid", True),
        ("workspaceId", api.workspace.id),
        ("workspaceName", "home"),
        ("status", "active"),
        ("createdAt", "2025-01-15T10:30:00Z"),
        ("lastUsed", "2025-01-15T10:30:00Z"),
        ("rateLimitRemaining", 23),
        ("rateLimitReset", "2025-01-15T11:30:02Z"),  # not before it
    ]


async def test_the_last_use_of_a_key_is_the_one_before_the_check(api: Api) -> None:
    uses = []
    for minutes in (0, 5, 10):
        api.now[0] = NOW + timedelta(minutes=minutes)
        uses.append((await api.get(f"/basic/check-key/{api.keys['abroad']}"))["lastUsed"])

    assert uses == [None, "2025-01-15T10:30:00Z", "2025-01-15T10:35:00Z"]


async def test_a_key_is_valid_whatever_its_workspace_s_plan(api: Api) -> None:
    await api.store.workspaces.change(api.workspace.id, lambda one: replace(one, tickets_enabled=False))

    assert (await api.get("/basic/check-key/{key}"))["valid"] is True


@pytest.mark.parametrize("key", ["nonsense", "%00", "tb_x", "{revoked}"])
async def test_an_invalid_key_is_inactive(api: Api, key: str) -> None:
    if key == "{revoked}":
        (found, *_) = await api.store.api_keys.list_all()
        await api.store.api_keys.revoke(found.prefix, NOW)
        key = next(one for one in api.keys.values() if found.prefix in one)

    assert await api.get(f"/basic/check-key/{key}") == {
        "valid": False,
        "status": "inactive",
        "message": "API key is inactive or invalid",
    }
