"""The errors of the Series API: exact bodies and statuses."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bot.tickets.workspace import Plan, UnknownCategoryPolicy, Workspace
from tests.sources.conftest import Request
from tests.sources.series_api.conftest import (
    AUTHOR,
    BY_STAFF,
    CREATE,
    FOLLOW_UP,
    GAME_REPORT,
    OTHER_STAFF,
    REPLY,
    REPORT,
    REQUESTS,
    STATUS,
    TICKET,
    TRANSFER,
    Api,
    error,
)

# Requests, and the status and message they get.
INVALID: tuple[tuple[str, dict[str, Any], int, str], ...] = (
    (CREATE, TICKET | {"subject": None}, 400, "Validation error: Subject is required"),
    (CREATE, TICKET | {"subject": " \n"}, 400, "Validation error: Subject is required"),
    (CREATE, TICKET | {"category": ""}, 400, "Validation error: Category is required"),
    (CREATE, TICKET | {"message": None}, 400, "Validation error: Message is required"),
    (CREATE, TICKET | {"message": ["a"]}, 400, "Validation error: Message must be text"),
    (CREATE, TICKET | {"authorAvatarUrl": None}, 400, "Validation error: Author avatar URL is required"),
    (CREATE, TICKET | {"authorAvatarUrl": 1}, 400, "Validation error: Author avatar URL must be text"),
    (CREATE, TICKET | {"authorUserId": None}, 400, "Validation error: Author user ID is required"),
    (CREATE, TICKET | {"authorUserId": "x"}, 400, "Validation error: Author user ID must be a whole number"),
    (CREATE, TICKET | {"authorUserId": True}, 400, "Validation error: Author user ID must be a whole number"),
    (CREATE, TICKET | {"authorUserId": 2**63}, 400, "Validation error: Author user ID is out of range"),
    (CREATE, TICKET | {"authorUserId": f"{2**63}"}, 400, "Validation error: Author user ID is out of range"),
    (CREATE, TICKET | {"authorUsername": {}}, 400, "Validation error: Author username must be text"),
    (
        CREATE,
        TICKET | {"priority": "asap"},
        400,
        "Validation error: Priority must be one of: low, medium, high, urgent",
    ),
    (CREATE, TICKET | {"priority": 1}, 400, "Validation error: Priority must be text"),
    (
        CREATE,
        TICKET | {"subject": "x" * 257},
        400,
        "Validation error: Subject is too long (256 characters at most)",
    ),
    (
        CREATE,
        TICKET | {"category": "x" * 65},
        400,
        "Validation error: Category is too long (64 characters at most)",
    ),
    (
        CREATE,
        TICKET | {"message": "x" * 10_001},
        400,
        "Validation error: Message is too long (10,000 characters at most)",
    ),
    (
        CREATE,
        TICKET | {"authorUsername": "x" * 101},
        400,
        "Validation error: Author username is too long (100 characters at most)",
    ),
    (
        CREATE,
        TICKET | {"authorDisplayName": "x" * 101},
        400,
        "Validation error: Author display name is too long (100 characters at most)",
    ),
    (
        CREATE,
        TICKET | {"authorAvatarUrl": "x" * 2049},
        400,
        "Validation error: Author avatar URL is too long (2,048 characters at most)",
    ),
    (GAME_REPORT, REPORT | {"subject": None}, 400, "Validation error: Subject is required"),
    (GAME_REPORT, REPORT | {"placeId": None}, 400, "Validation error: Place ID is required"),
    (GAME_REPORT, REPORT | {"placeId": "abc"}, 400, "Validation error: Place ID must be a whole number"),
    (GAME_REPORT, REPORT | {"placeId": f"{2**63}"}, 400, "Validation error: Place ID is out of range"),
    (GAME_REPORT, REPORT | {"placeId": "-1"}, 400, "Validation error: Place ID is out of range"),
    (GAME_REPORT, REPORT | {"serverId": 5}, 400, "Validation error: Server ID must be text"),
    (
        GAME_REPORT,
        REPORT | {"serverId": "x" * 129},
        400,
        "Validation error: Server ID is too long (128 characters at most)",
    ),
    ("/tickets/{ticket}/claim", {}, 400, "Validation error: Staff user ID is required"),
    ("/tickets/{claimed}/claim", BY_STAFF, 400, "Ticket already claimed"),
    ("/tickets/{claimed}/claim", {"staffUserId": OTHER_STAFF}, 400, "Ticket already claimed"),
    ("/tickets/{closed}/claim", BY_STAFF, 400, "Cannot claim closed or resolved tickets"),
    (
        "/tickets/{ticket}/unclaim",
        {"staffUserId": 1.5},
        400,
        "Validation error: Staff user ID must be a whole number",
    ),
    ("/tickets/{ticket}/unclaim", BY_STAFF, 400, "Ticket is not claimed"),
    ("/tickets/{claimed}/reply", REPLY | {"content": ""}, 400, "Validation error: Content is required"),
    (
        "/tickets/{claimed}/reply",
        REPLY | {"content": "x" * 4001},
        400,
        "Validation error: Content is too long (4,000 characters at most)",
    ),
    ("/tickets/{claimed}/reply", {"content": "Hi"}, 400, "Validation error: Staff user ID is required"),
    ("/tickets/{ticket}/reply", REPLY, 400, "You must claim this ticket before replying"),
    (
        "/tickets/{claimed}/reply",
        REPLY | {"staffUserId": OTHER_STAFF},
        400,
        "You must claim this ticket before replying",
    ),
    ("/tickets/{report}/reply", REPLY, 403, "Cannot reply to game reports"),
    ("/tickets/{closed}/reply", REPLY, 403, "Cannot reply to closed or resolved tickets"),
    ("/tickets/{ticket}/reply-member", {"content": 1}, 400, "Validation error: Content must be text"),
    ("/tickets/{ticket}/reply-member", {"content": "a"}, 400, "Validation error: Author user ID is required"),
    (
        "/tickets/{ticket}/reply-member",
        FOLLOW_UP | {"authorUserId": AUTHOR + 1},
        403,
        "You can only reply to your own tickets",
    ),
    (
        "/tickets/{closed}/reply-member",
        FOLLOW_UP,
        403,
        "Cannot reply to closed or resolved tickets",
    ),
    ("/tickets/{report}/reply-member", FOLLOW_UP, 403, "Cannot reply to game reports"),
    (
        "/tickets/{report}/reply-member",
        FOLLOW_UP | {"authorUserId": AUTHOR + 1},
        403,
        "Cannot reply to game reports",
    ),
    *(
        (
            "/tickets/{ticket}/status",
            STATUS | {"status": word},
            400,
            "Invalid status. Must be one of: open, in-progress, resolved, closed",
        )
        for word in ("done", "", "Open", "in_progress", "open\n")
    ),
    ("/tickets/{ticket}/status", BY_STAFF, 400, "Validation error: Status is required"),
    ("/tickets/{ticket}/status", STATUS | {"status": 1}, 400, "Validation error: Status must be text"),
    ("/tickets/{ticket}/status", {"status": "open"}, 400, "Validation error: Staff user ID is required"),
    ("/tickets/{ticket}/transfer", BY_STAFF, 400, "Validation error: Department ID is required"),
    ("/tickets/{ticket}/transfer", TRANSFER | {"departmentId": "nowhere"}, 404, "Department not found"),
    (
        "/tickets/{ticket}/transfer",
        TRANSFER | {"departmentId": "moderation-dept"},
        400,
        "Department does not handle this ticket's category",
    ),
)
BAD_QUERIES = {
    "page=0": "Page is out of range",
    "page=-1": "Page is out of range",
    "page=2147483648": "Page is out of range",
    "page=99999999999999999999": "Page must be a whole number",
    "page=one": "Page must be a whole number",
    "page=": "Page must be a whole number",
    "page=1.5": "Page must be a whole number",
    "status=done": "Status must be one of: open, in-progress, resolved, closed",
    "staffUserId=x": "Staff user ID must be a whole number",
    f"search={'x' * 257}": "Search is too long (256 characters at most)",
    f"author={'1' * 65}": "Author is too long (64 characters at most)",
    f"department={'x' * 65}": "Department is too long (64 characters at most)",
}


@pytest.mark.parametrize(("path", "body", "status", "message"), INVALID, ids=lambda value: str(value)[:60])
async def test_an_invalid_request_gets_exactly_this_error_and_changes_nothing(
    api: Api, path: str, body: dict[str, Any], status: int, message: str
) -> None:
    before = [await api.ticket(name) for name in api.tickets]

    got = await api.send("POST", path, body)

    assert (got.status, got.body) == (status, error(status, message))
    assert [await api.ticket(name) for name in api.tickets] == before


@pytest.mark.parametrize("query", BAD_QUERIES)
async def test_400_for_an_invalid_query_names_the_field(api: Api, query: str) -> None:
    got = await api.send("GET", f"/tickets/list?{query}")

    assert (got.status, got.body) == (400, error(400, f"Validation error: {BAD_QUERIES[query]}"))


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
async def test_403_for_a_workspace_with_the_free_plan(api: Api, request_: Request) -> None:
    await api.store.workspaces.change(api.workspace.id, lambda one: replace(one, plan=Plan.FREE))

    got = await api.send(request_.method, request_.path, request_.body)

    message = "Tickets module requires a Premium or Enterprise subscription"
    assert (got.status, got.body) == (403, error(403, message))


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
async def test_403_for_a_workspace_with_tickets_turned_off(api: Api, request_: Request) -> None:
    await api.store.workspaces.change(
        api.workspace.id, lambda one: replace(one, plan=Plan.PREMIUM, tickets_enabled=False)
    )

    got = await api.send(request_.method, request_.path, request_.body)

    assert (got.status, got.body) == (403, error(403, "Tickets module is not enabled for this workspace"))


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
async def test_429_for_the_twenty_sixth_request_of_a_second(api: Api, request_: Request) -> None:
    api.ticking[0] = False
    for _ in range(25):
        await api.send("GET", "/tickets/config")

    got = await api.send(request_.method, request_.path, request_.body)

    assert (got.status, got.body) == (429, error(429, "Too many requests. Try again in 1 s."))
    assert got.headers["Retry-After"] == "1"


@pytest.mark.parametrize(("path", "body"), [(CREATE, TICKET), (GAME_REPORT, REPORT)])
async def test_400_for_a_category_that_the_workspace_lacks_and_the_text_is_kept(
    api: Api, path: str, body: dict[str, Any]
) -> None:
    got = await api.send("POST", path, body | {"category": "unheard-of"})

    message = "Validation error: Category does not exist in this workspace"
    assert (got.status, got.body) == (400, error(400, message))
    (kept,) = await api.store.rejected_requests.list_newest(10)
    assert (kept.path, kept.reason) == (path, message)
    assert json.loads(kept.body)["message"] == body["message"]


def without_categories(workspace: Workspace) -> Workspace:
    for category in workspace.categories:
        workspace = workspace.without_category(category.id)
    return workspace


@pytest.mark.parametrize(
    "change",
    [without_categories, lambda one: replace(one, unknown_categories=UnknownCategoryPolicy.KEEP)],
    ids=["a workspace without categories", "one that keeps unknown ones"],
)
async def test_an_unknown_category_is_accepted_by(api: Api, change: Callable[[Workspace], Workspace]) -> None:
    await api.store.workspaces.change(api.workspace.id, change)

    data = await api.post(GAME_REPORT, **REPORT | {"category": "unheard-of"})

    assert (data["Category"], data["Department"]) == ("unheard-of", "general")


async def test_400_beyond_the_open_ticket_limit_of_a_category_but_not_for_game_reports(
    api: Api,
) -> None:
    await api.post(CREATE, **TICKET, again=True)  # the third that is open

    got = await api.send("POST", CREATE, TICKET | {"subject": "Another"})

    message = "Maximum number of open tickets in this category reached"
    assert (got.status, got.body) == (400, error(400, message))
    assert (await api.send("POST", GAME_REPORT, REPORT | {"category": "support"})).status == 200
    assert (await api.send("POST", CREATE, TICKET | {"authorUserId": 5})).status == 200
