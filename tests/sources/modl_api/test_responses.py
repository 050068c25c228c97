"""The exact responses of the modl API, and what is stored."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from bot.tickets.message import Actor, MessageKind
from bot.tickets.ticket import Status, Ticket
from storage import Store
from tests.sources.conftest import ADA, NOW
from tests.sources.modl_api.conftest import ACCUSED, ALEX, EXAMPLES, NOTCH, NOW_MS, Api

OBSERVED = "Observed player flying in survival mode near spawn."
ANTICHEAT_SUBJECT = "[Anti-cheat] Speed - Hacker123 (VL: 20)"
CHAT = [
    {"content": "bye", "timestamp": NOW_MS - 2000, "sender": "Hacker123"},
    {"content": "late", "timestamp": NOW_MS - 37_860_000},  # of the day before: it cannot be later
    {"content": "hm", "timestamp": NOW_MS},
]
DESCRIPTION = {
    "content": OBSERVED,
    "authorName": "Notch",
    "authorId": NOTCH,
    "isStaff": False,
    "createdAt": NOW_MS,
}
CLOSING_REPLIES = {
    "resolve": "Thank you for your report. Staff have looked into it and resolved it.",
    "dismiss": "Thank you for your report. Staff have looked into it and closed it without further action.",
}
PUBLIC_BUG = {"type": "bug", "category": "bug", "status": "open"}  # it was sent without a subject


def listed(api: Api, name: str, **changes: object) -> dict[str, object]:
    """A ticket of the fixture in a list, as it was filed."""
    more: dict[str, dict[str, object]] = {
        "player": {
            "subject": "Player using fly hacks",
            "playerName": "Notch",
            "playerUuid": NOTCH,
            "priority": "high",
            "replyCount": 1,
        },
        "bug": {"playerUuid": NOTCH},
        "anticheat": {"subject": ANTICHEAT_SUBJECT, "playerName": "Anti-cheat"},
    }
    ticket = api.tickets[name]
    filed = NOW_MS + 1000 * list(EXAMPLES).index(name)
    return {
        "id": ticket.public_id,
        "type": ticket.category,
        "category": ticket.category,
        "status": "open",
        "priority": "normal",
        "assignedTo": [],
        "createdAt": filed,
        "updatedAt": filed,
        "hasStaffResponse": False,
        "replyCount": 0,
        "locked": False,
        **more[name],
        **changes,
    }


def report(api: Api, **changes: object) -> dict[str, object]:
    """The fixture's player report, as it was filed."""
    return {
        "id": api.tickets["player"].public_id,
        "type": "player",
        "reporterName": "Notch",
        "reporterUuid": NOTCH,
        "reportedPlayerUuid": ACCUSED,
        "reportedPlayerName": "Hacker123",
        "subject": "Player using fly hacks",
        "content": OBSERVED,
        "status": "open",
        "priority": "high",
        "createdAt": NOW_MS,
        "assignedTo": [],
        "chatMessages": CHAT,
        **changes,
    }


def anticheat_report(api: Api) -> dict[str, object]:
    return {
        "id": api.tickets["anticheat"].public_id,
        "type": "player",
        "reporterName": "Anti-cheat",
        "reportedPlayerUuid": ACCUSED,
        "reportedPlayerName": "Hacker123",
        "subject": ANTICHEAT_SUBJECT,
        "status": "open",
        "priority": "normal",
        "createdAt": NOW_MS + 2000,
        "assignedTo": [],
        "chatMessages": [],
        "replayUrl": "abc",
    }


async def names(api: Api, path: str) -> list[str]:
    """The names, in the fixture, of the tickets or reports that are listed."""
    known = {ticket.public_id: name for name, ticket in api.tickets.items()}
    body = await api.get(path)
    return [known[one["id"]] for one in body.get("tickets", body.get("reports"))]


async def said(api: Api, name: str) -> list[tuple[str, str, bool]]:
    """Author, text, and whether staff said it."""
    ticket = (await api.get(f"/v1/minecraft/tickets/{{{name}}}"))["ticket"]
    return [(one["authorName"], one["content"], one["isStaff"]) for one in ticket["replies"]]


async def close(store: Store, api: Api, name: str) -> None:
    ticket = api.tickets[name]
    await store.tickets.change(ticket.id, lambda one: one.set_status(Status.CLOSED), api.now[0], actor=ADA)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/v1/minecraft/tickets", "Ticket created successfully"),
        ("/v1/minecraft/tickets/unfinished", "Ticket draft created - complete the form on the panel"),
    ],
)
async def test_a_created_ticket_is_answered_with_its_id(api: Api, path: str, message: str) -> None:
    body = await api.post(path, creatorUuid=ALEX, type="support")

    ticket = await api.store.tickets.find_by_public_id(body["ticketId"])
    assert ticket is not None
    page = body.pop("ticketUrl")
    assert body == {"status": 200, "success": True, "ticketId": ticket.public_id, "message": message}
    assert page.startswith(f"{api.address}/ticket/{ticket.public_id}?token=")


async def test_the_list_shows_each_ticket_newest_first(api: Api) -> None:
    body = await api.get("/v1/minecraft/tickets?type=all")

    assert body == {
        "status": 200,
        "tickets": [listed(api, "anticheat"), listed(api, "bug"), listed(api, "player")],
    }
    assert list(body["tickets"][2]) == [
        "id",
        "type",
        "category",
        "subject",
        "status",
        "playerName",
        "playerUuid",
        "priority",
        "assignedTo",
        "createdAt",
        "updatedAt",
        "hasStaffResponse",
        "replyCount",
        "locked",
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["appeal", "support", "bug"]),
        ("?status=all", ["appeal", "support", "bug"]),
        ("?status=&type=", ["appeal", "support", "bug"]),
        ("?type=all", ["application", "appeal", "support", "chat", "anticheat", "bug", "player"]),
        *((f"?status={word}", ["support"]) for word in ("OPEN", "new", "active", "in_progress")),
        *((f"?status={word}", ["bug"]) for word in ("Closed", "resolved", "complete", "completed", "DONE")),
        *((f"?status={word}", ["appeal"]) for word in ("draft", "Unfinished")),
        ("?type=player", ["anticheat", "player"]),
        *((f"?type={word}", ["chat", "anticheat", "player"]) for word in ("report", "REPORT")),
        *((f"?type={word}", ["application"]) for word in ("staff", "application", "Staff-Application")),
        ("?type=Bug-Report", ["bug"]),
        ("?type=bug&status=pending", []),
        *((f"?type={word}", []) for word in ("rumour", "player,chat", "%00", "%F0%9F%98%80")),
        ("?limit=1", ["appeal"]),
        ("?limit=100", ["appeal", "support", "bug"]),
        ("?unknown=1", ["appeal", "support", "bug"]),
    ],
)
async def test_the_list_can_be_narrowed(api: Api, query: str, found: list[str]) -> None:
    await api.create("chat", creatorUuid=ALEX, type="chat")
    await api.create("support", creatorUuid=ALEX, type="support")
    await api.create_draft("appeal", creatorUuid=ALEX, type="appeal")
    await api.create("application", creatorUuid=ALEX, type="staff")
    await close(api.store, api, "bug")

    assert await names(api, f"/v1/minecraft/tickets{query}") == found


async def test_a_draft_is_unfinished_and_its_description_is_kept(api: Api) -> None:
    await api.create_draft("draft", creatorUuid=ALEX, type="bug", description="It broke")

    (listed_draft, *_) = (await api.get("/v1/minecraft/tickets?status=unfinished"))["tickets"]
    shown = (await api.get("/v1/minecraft/tickets/{draft}"))["ticket"]

    assert await names(api, "/v1/minecraft/tickets?status=open") == ["bug"]
    assert (listed_draft["status"], shown["status"]) == ("unfinished", "unfinished")
    assert await said(api, "draft") == [("Player", "It broke", False)]


@pytest.mark.parametrize(
    ("rule", "status", "word"),
    [
        (lambda one: one.claim(ADA), Status.IN_PROGRESS, "open"),
        (lambda one: one.set_status(Status.CLOSED), Status.CLOSED, "closed"),
        (lambda one: one.set_status(Status.RESOLVED).reopen(), Status.OPEN, "open"),
    ],
)
async def test_staff_work_on_a_draft_as_on_any_ticket(
    api: Api, rule: Callable[[Ticket], Ticket], status: Status, word: str
) -> None:
    await api.create_draft("draft", creatorUuid=ALEX, type="bug")

    await api.store.tickets.change(api.tickets["draft"].id, rule, api.now[0], actor=ADA)

    assert (await api.ticket("draft")).status is status
    assert (await api.get("/v1/minecraft/tickets/{draft}"))["ticket"]["status"] == word
    assert await names(api, "/v1/minecraft/tickets?status=draft") == []


async def test_an_application_is_called_application_whatever_was_sent(api: Api) -> None:
    await api.create("application", creatorUuid=ALEX, type="staff")

    shown = (await api.get("/v1/minecraft/tickets/{application}"))["ticket"]

    assert shown["id"].startswith("STAFF-")
    assert (shown["type"], shown["category"]) == ("application", "application")


async def test_one_ticket_is_shown_with_its_messages(api: Api) -> None:
    body = await api.get("/v1/minecraft/tickets/{player}")

    ticket = api.tickets["player"]
    assert body == {
        "status": 200,
        "ticket": {
            "id": ticket.public_id,
            "type": "player",
            "category": "player",
            "subject": "Player using fly hacks",
            "status": "open",
            "playerName": "Notch",
            "playerUuid": NOTCH,
            "priority": "high",
            "assignedTo": [],
            "createdAt": NOW_MS,
            "updatedAt": NOW_MS,
            "locked": False,
            "replies": [{"id": ticket.uid, **DESCRIPTION}],
            "chatMessages": CHAT,
        },
    }


async def test_a_ticket_without_words_has_no_replies_and_a_replay_is_named(api: Api) -> None:
    ticket = (await api.get("/v1/minecraft/tickets/{anticheat}"))["ticket"]

    assert (ticket["replies"], ticket["chatMessages"], ticket["replayUrl"]) == ([], [], "abc")
    assert "playerUuid" not in ticket


@pytest.mark.parametrize(
    ("timestamp", "sent_at"),
    [
        ("2024-07-26T10:00:00Z", 1721988000000),
        ("2024-07-26T12:00:00.250+02:00", 1721988000250),
        (1721988000250, 1721988000250),
        (1721988000, 1721988000000),
    ],
)
async def test_a_chat_message_is_shown_at_the_very_time_it_was_sent_with(
    api: Api, timestamp: object, sent_at: int
) -> None:
    entry = {"username": "A", "message": "hi", "timestamp": timestamp}
    await api.create("chat", creatorUuid=ALEX, type="chat", chatMessages=[json.dumps(entry)])

    (newest, *_) = (await api.get("/v1/minecraft/reports"))["reports"]
    shown = (await api.get("/v1/minecraft/tickets/{chat}"))["ticket"]

    assert shown["chatMessages"] == [{"content": "hi", "timestamp": sent_at, "sender": "A"}]
    assert newest["chatMessages"] == shown["chatMessages"]


async def test_a_player_s_own_tickets_are_listed(api: Api) -> None:
    body = await api.get(f"/v1/minecraft/tickets/player/{NOTCH.upper()}")

    assert body == {
        "status": 200,
        "tickets": [
            {"id": api.tickets["bug"].public_id, **PUBLIC_BUG, "createdAt": NOW_MS + 1000},
            {
                "id": api.tickets["player"].public_id,
                "type": "player",
                "category": "player",
                "subject": "Player using fly hacks",
                "status": "open",
                "createdAt": NOW_MS,
            },
        ],
    }
    assert await names(api, f"/v1/minecraft/tickets/player/{ALEX}") == []


async def test_tickets_are_found_by_their_ids_in_the_order_asked_for(api: Api) -> None:
    player, bug = api.tickets["player"].public_id, api.tickets["bug"].public_id

    body = await api.post("/v1/minecraft/tickets/by-ids", ids=[player, "NONE-1", None, bug])

    assert body == {
        "status": 200,
        "tickets": [
            {
                "id": player,
                "type": "player",
                "category": "player",
                "subject": "Player using fly hacks",
                "status": "open",
                "playerName": "Notch",
                "playerUuid": NOTCH,
                "createdAt": NOW_MS,
                "firstReplyContent": OBSERVED,
            },
            {"id": bug, **PUBLIC_BUG, "playerUuid": NOTCH, "createdAt": NOW_MS + 1000},
        ],
    }


@pytest.mark.parametrize("body", [{}, {"ids": None}, {"ids": []}])
async def test_without_ids_no_ticket_is_found(api: Api, body: dict[str, object]) -> None:
    assert await api.post("/v1/minecraft/tickets/by-ids", **body) == {"status": 200, "tickets": []}


async def test_a_player_is_linked_to_their_own_ticket_however_often(api: Api) -> None:
    before = await api.ticket("player")
    notch = {"playerUuid": NOTCH.upper(), "playerName": "Notch"}

    bodies = [await api.post("/v1/minecraft/tickets/{player}/claim", **notch) for _ in range(2)]

    linked = {
        "status": 200,
        "success": True,
        "ticketId": before.public_id,
        "subject": before.subject,
        "message": "Ticket successfully linked to your account",
    }
    assert bodies == [linked, linked]
    assert await api.ticket("player") == before
    assert await api.store.messages.list_of_ticket(before.id) == []


async def test_reports_are_the_open_tickets_about_players(api: Api) -> None:
    assert await api.get("/v1/minecraft/reports") == {
        "status": 200,
        "reports": [anticheat_report(api), report(api)],
    }


async def test_reports_can_be_narrowed(api: Api) -> None:
    await close(api.store, api, "player")

    assert await names(api, "/v1/minecraft/reports") == ["anticheat"]
    assert await names(api, "/v1/minecraft/reports?status=") == ["anticheat"]
    assert await names(api, "/v1/minecraft/reports?status=closed") == ["player"]
    assert await names(api, "/v1/minecraft/reports?status=all&limit=1") == ["anticheat"]


async def test_reports_on_a_player_are_found_whatever_their_status(api: Api) -> None:
    await close(api.store, api, "player")
    path = f"/v1/minecraft/reports/player/{ACCUSED.replace('-', '')}"

    assert await api.get(path) == {
        "status": 200,
        "reports": [anticheat_report(api), report(api, status="closed")],
    }
    assert await names(api, f"{path}?status=open") == ["anticheat"]
    assert await names(api, f"/v1/minecraft/reports/player/{NOTCH}") == []


async def test_reports_on_a_player_are_listed_in_short_whatever_their_status(api: Api) -> None:
    await close(api.store, api, "player")
    await api.create("support", creatorUuid=ALEX, type="support", reportedPlayerUuid=ACCUSED)
    await api.create("chat", creatorUuid=ALEX, type="chat", reportedPlayerUuid=ACCUSED)

    body = await api.get(f"/v1/minecraft/players/{ACCUSED.upper()}/reports")

    assert body == {
        "status": 200,
        "reports": [
            {
                "id": api.tickets["chat"].public_id,
                "type": "chat",
                "reporterName": "Unknown",
                "reporterUuid": ALEX,
                "status": "open",
                "priority": "normal",
                "createdAt": NOW_MS + 4000,
            },
            {
                "id": api.tickets["anticheat"].public_id,
                "type": "player",
                "reporterName": "Anti-cheat",
                "subject": ANTICHEAT_SUBJECT,
                "status": "open",
                "priority": "normal",
                "createdAt": NOW_MS + 2000,
            },
            {
                "id": api.tickets["player"].public_id,
                "type": "player",
                "reporterName": "Notch",
                "reporterUuid": NOTCH,
                "subject": "Player using fly hacks",
                "status": "closed",
                "priority": "high",
                "createdAt": NOW_MS,
            },
        ],
    }
    assert await api.get(f"/v1/minecraft/players/{NOTCH}/reports") == {"status": 200, "reports": []}


async def test_of_many_reports_on_a_player_the_newest_fifty_are_listed(api: Api) -> None:
    for number in range(50):
        await api.create(
            str(number), creatorUuid=ALEX, type="chat", subject=f"{number}", reportedPlayerUuid=ACCUSED
        )

    reports = (await api.get(f"/v1/minecraft/players/{ACCUSED}/reports"))["reports"]

    assert [one["id"] for one in reports] == [api.tickets[str(n)].public_id for n in range(49, -1, -1)]


@pytest.mark.parametrize(
    ("type_", "reported", "subject"),
    [("bug", None, "Bug report"), ("player", "Hacker123", "Player report: Hacker123")],
)
async def test_a_ticket_that_was_sent_without_a_subject_has_one_in_discord_alone(
    api: Api, type_: str, reported: str | None, subject: str
) -> None:
    await api.create("new", creatorUuid=ACCUSED, type=type_, reportedPlayerName=reported)
    linked = {"playerUuid": ACCUSED, "playerName": "Eve"}

    assert (await api.ticket("new")).subject == subject
    public_id = api.tickets["new"].public_id
    for shown in (
        (await api.get("/v1/minecraft/tickets?type=all"))["tickets"][0],
        (await api.get("/v1/minecraft/tickets/{new}"))["ticket"],
        (await api.get(f"/v1/minecraft/tickets/player/{ACCUSED}"))["tickets"][0],
        (await api.post("/v1/minecraft/tickets/by-ids", ids=[public_id]))["tickets"][0],
    ):
        assert shown["id"] == public_id
        assert "subject" not in shown
    assert await api.post("/v1/minecraft/tickets/{new}/claim", **linked) == {
        "status": 200,
        "success": True,
        "ticketId": public_id,
        "message": "Ticket successfully linked to your account",
    }


async def test_a_report_is_assigned_by_name(api: Api) -> None:
    body = await api.post("/v1/minecraft/reports/{player}/assign", assignee="Grace")

    ticket = await api.ticket("player")
    assert body == {"status": 200, "success": True, "message": "Report assigned"}
    assert ticket.claimed_by == Actor(id="Grace", name="Grace", source="modl")
    assert ticket.status is Status.IN_PROGRESS
    (event,) = await api.store.messages.list_of_ticket(ticket.id)
    assert event.text == "Grace was assigned the ticket"


@pytest.mark.parametrize(
    ("assignee", "assigned"),
    [
        ("Mod,Admin", ["Mod", "Admin"]),
        (" Zed , Ada Lovelace,,Zed, Mod ", ["Zed", "Ada Lovelace", "Mod"]),
        ("x" * 256, ["x" * 256]),
        ("None", []),
        ("none,Mod", ["none", "Mod"]),
    ],
)
async def test_a_report_is_assigned_to_all_that_are_named_in_place_of_those_before(
    api: Api, assignee: str, assigned: list[str]
) -> None:
    await api.post("/v1/minecraft/reports/{player}/assign", assignee="Grace,Heidi")

    body = await api.post("/v1/minecraft/reports/{player}/assign", assignee=assignee)

    assert body == {"status": 200, "success": True, "message": "Report assigned"}
    shown = (await api.get("/v1/minecraft/tickets/{player}"))["ticket"]
    (in_list,) = (await api.get("/v1/minecraft/tickets?type=player&limit=100"))["tickets"][1:]
    (in_reports,) = (await api.get("/v1/minecraft/reports"))["reports"][1:]
    assert [one["assignedTo"] for one in (shown, in_list, in_reports)] == [assigned] * 3
    claimer = (await api.ticket("player")).claimed_by
    assert (claimer and claimer.name) == (assigned[0] if assigned else None)


async def test_who_is_assigned_besides_the_claimer_stays_so_when_staff_claim_in_discord(api: Api) -> None:
    ticket = api.tickets["player"]
    await api.post("/v1/minecraft/reports/{player}/assign", assignee="Mod,Ada")

    for rule in (lambda one: one.unclaim(), lambda one: one.claim(ADA)):
        await api.store.tickets.change(ticket.id, rule, api.now[0], actor=ADA)

    assert (await api.get("/v1/minecraft/tickets/{player}"))["ticket"]["assignedTo"] == ["Ada"]
    await api.store.tickets.change(ticket.id, lambda one: one.transfer("general"), api.now[0], actor=ADA)
    assert (await api.get("/v1/minecraft/tickets/{player}"))["ticket"]["assignedTo"] == ["Ada"]
    assert [one.text for one in await api.store.messages.list_of_ticket(ticket.id)] == [
        "Mod was assigned the ticket",
        "Ada was assigned the ticket",
        "Ada unclaimed the ticket",
        "Ada claimed the ticket",
        "Ada unclaimed the ticket",
    ]


async def test_a_closed_report_is_assigned_and_stays_closed(api: Api) -> None:
    await close(api.store, api, "player")

    body = await api.post("/v1/minecraft/reports/{player}/assign", assignee="Mod,Admin")

    assert body == {"status": 200, "success": True, "message": "Report assigned"}
    shown = (await api.get("/v1/minecraft/tickets/{player}"))["ticket"]
    assert (shown["status"], shown["assignedTo"]) == ("closed", ["Mod", "Admin"])
    assert (await api.ticket("player")).status is Status.CLOSED


@pytest.mark.parametrize(
    ("end", "body", "status", "author", "note"),
    [
        (
            "resolve",
            {"resolvedBy": "Grace", "resolution": "Banned.", "punishmentId": "P1"},
            Status.RESOLVED,
            "Grace",
            "Resolution: Banned.\nPunishment: P1",
        ),
        ("resolve", {"punishmentId": "x" * 32}, Status.RESOLVED, "Staff", f"Punishment: {'x' * 32}"),
        ("resolve", {"resolvedBy": " ", "resolution": None}, Status.RESOLVED, "Staff", None),
        (
            "dismiss",
            {"dismissedBy": "Grace", "reason": "No proof."},
            Status.CLOSED,
            "Grace",
            "Reason for dismissal: No proof.",
        ),
        ("dismiss", {"reason": "x" * 500}, Status.CLOSED, "Staff", f"Reason for dismissal: {'x' * 500}"),
        ("dismiss", {}, Status.CLOSED, "Staff", None),
    ],
)
@pytest.mark.parametrize("name", ["player", "bug"])
async def test_the_reporter_of_a_closed_ticket_reads_one_sentence_and_staff_the_rest(
    api: Api, name: str, end: str, body: dict[str, object], status: Status, author: str, note: str | None
) -> None:
    before = await said(api, name)

    answered = await api.post(f"/v1/minecraft/reports/{{{name}}}/{end}", **body)

    assert answered == {"status": 200, "success": True, "message": f"Report {end.rstrip('e')}ed"}
    ticket = await api.ticket(name)
    assert ticket.status is status
    assert await said(api, name) == [*before, (author, CLOSING_REPLIES[end], True)]
    notes = await api.store.messages.list_of_ticket(ticket.id, [MessageKind.NOTE])
    assert [(one.author.name, one.text) for one in notes] == ([(author, note)] if note else [])
    assert note is None or note not in str(await api.get(f"/v1/minecraft/tickets/{{{name}}}"))


@pytest.mark.parametrize("end", ["resolve", "dismiss"])
async def test_a_closed_report_is_closed_again_without_a_reply(api: Api, end: str) -> None:
    await close(api.store, api, "player")
    before = await api.ticket("player")

    body = await api.post(f"/v1/minecraft/reports/{{player}}/{end}")

    assert body == {"status": 200, "success": True, "message": f"Report {end.rstrip('e')}ed"}
    assert await api.ticket("player") == before
    assert await said(api, "player") == [("Notch", OBSERVED, False)]


async def test_a_reason_for_closing_a_closed_report_is_kept_for_staff(api: Api) -> None:
    await close(api.store, api, "player")

    await api.post("/v1/minecraft/reports/{player}/dismiss", dismissedBy="Grace", reason="No proof.")

    assert await said(api, "player") == [("Notch", OBSERVED, False)]
    *_, note = await api.store.messages.list_of_ticket(api.tickets["player"].id)
    assert (note.kind, note.text) == (MessageKind.NOTE, "Reason for dismissal: No proof.")


async def test_actions_in_discord_are_shown(api: Api) -> None:
    ticket, later = api.tickets["player"], NOW + timedelta(minutes=5)
    store = api.store
    await store.tickets.change(ticket.id, lambda one: one.claim(ADA), later, actor=ADA)
    await store.tickets.add_message(ticket.id, lambda one: one.reply(ADA, "Banned."), origin="1", now=later)
    await store.tickets.add_message(ticket.id, lambda one: one.note(ADA, "For staff."), origin="2", now=later)
    await store.tickets.change(ticket.id, lambda one: one.set_status(Status.CLOSED), later, actor=ADA)

    shown = (await api.get("/v1/minecraft/tickets/{player}"))["ticket"]
    (in_list,) = (await api.get("/v1/minecraft/tickets?type=player&status=closed"))["tickets"]

    (reply,) = [
        one for one in await store.messages.list_of_ticket(ticket.id) if one.kind is MessageKind.REPLY
    ]
    assert shown["replies"][1:] == [
        {
            "id": str(reply.id),
            "content": "Banned.",
            "authorName": "Ada",
            "isStaff": True,
            "createdAt": NOW_MS + 300_000,
        }
    ]
    changed = {"status": "closed", "assignedTo": ["Ada"], "updatedAt": NOW_MS + 300_000, "locked": True}
    assert shown.items() >= changed.items()
    assert in_list == listed(api, "player", **changed, hasStaffResponse=True, replyCount=2)


async def test_a_key_of_another_workspace_sees_nothing(api: Api) -> None:
    ids = [ticket.public_id for ticket in api.tickets.values()]

    found = [
        (await api.get("/v1/minecraft/tickets", "abroad"))["tickets"],
        (await api.get(f"/v1/minecraft/tickets/player/{NOTCH}", "abroad"))["tickets"],
        (await api.get("/v1/minecraft/reports", "abroad"))["reports"],
        (await api.get(f"/v1/minecraft/reports/player/{ACCUSED}", "abroad"))["reports"],
        (await api.send("POST", "/v1/minecraft/tickets/by-ids", {"ids": ids}, key="abroad")).body["tickets"],
    ]

    assert found == [[]] * 5
