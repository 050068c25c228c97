"""Every endpoint of the modl API, and every way in which it says no: the exact body and status."""

from dataclasses import dataclass
from typing import Any

import pytest

from bot.sources.contract import ApiRequest
from bot.sources.modl import SOURCE, examples, handlers
from bot.tickets.ticket import Status
from bot.tickets.workspace import Category
from tests.sources.modl_api.conftest import ACCUSED, ADA, ALEX, NOTCH, Api

TICKETS, REPORTS = "/v1/minecraft/tickets", "/v1/minecraft/reports"
ALEX_LINKS = {"playerUuid": ALEX, "playerName": "Alex"}
NOTCH_LINKS = {"playerUuid": NOTCH, "playerName": "Notch"}
NO_REPORT = {"status": 404, "message": "Report not found"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One that is accepted as it stands."""

    method: str
    path: str
    body: dict[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


REQUESTS = (
    Request(method="POST", path=TICKETS, body=dict(examples.TICKET)),
    Request(method="POST", path=f"{TICKETS}/unfinished", body={"creatorUuid": NOTCH, "type": "bug"}),
    Request(method="GET", path=TICKETS),
    Request(method="GET", path=f"{TICKETS}/{{player}}"),
    Request(method="GET", path=f"{TICKETS}/player/{NOTCH}"),
    Request(method="POST", path=f"{TICKETS}/by-ids", body={"ids": []}),
    Request(method="POST", path=f"{TICKETS}/{{player}}/claim", body=NOTCH_LINKS),
    Request(method="GET", path=REPORTS),
    Request(method="GET", path=f"{REPORTS}/player/{ACCUSED}"),
    Request(method="POST", path=f"{REPORTS}/{{player}}/assign", body={"assignee": "Grace"}),
    Request(method="POST", path=f"{REPORTS}/{{player}}/resolve", body={}),
    Request(method="POST", path=f"{REPORTS}/{{player}}/dismiss", body={}),
)
PAGE = Request(method="GET", path="/ticket/{player}")
WITH_A_BODY = tuple(request for request in REQUESTS if request.body is not None)


def envelope(status: int, message: str, error: str | None = None) -> dict[str, object]:
    return {"status": status, "success": False, "error": error or message, "message": message}


def invalid(what: str) -> dict[str, object]:
    return envelope(400, f"Invalid data provided: {what}.")


def every(requests: tuple[Request, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("request_", requests, ids=str)


def test_every_route_has_its_requests_here() -> None:
    names = {"{player}": "{id}", "{anticheat}": "{id}", NOTCH: "{uuid}", ACCUSED: "{uuid}"}
    known = set()
    for request in (*REQUESTS, PAGE):
        path = "/".join(names.get(part, part) for part in request.path.split("/"))
        known.add((request.method, path))

    assert known == {(route.method, route.path) for route in SOURCE.operations}


@every((*REQUESTS, PAGE))
async def test_a_request_is_accepted_as_it_stands(api: Api, request_: Request) -> None:
    assert (await api.send(request_.method, request_.path, request_.body)).status == 200


@pytest.mark.parametrize("key", [None, "nobody"])
@every(REQUESTS)
async def test_without_a_good_key_nothing_is_said(api: Api, request_: Request, key: str | None) -> None:
    reply = await api.send(request_.method, request_.path, request_.body, key=key)

    assert reply.status == 401
    assert reply.body == envelope(401, "The API key is missing or not valid.", "Unauthorized")


@every((*REQUESTS, PAGE))
async def test_no_path_takes_another_method(api: Api, request_: Request) -> None:
    reply = await api.send("DELETE", request_.path)

    assert reply.status == 405
    assert reply.body == envelope(405, "This path does not take that method.")


@every(WITH_A_BODY)
async def test_no_body_may_be_larger_than_1_mib(api: Api, request_: Request) -> None:
    reply = await api.send(request_.method, request_.path, raw=b" " * (1024 * 1024 + 1))

    assert reply.status == 413
    assert reply.body == envelope(413, "The body is too large: 1 MiB at most.")


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"", "body must be valid JSON in UTF-8"),
        (b'{"ids":["\\ud83d"]}', "body must be valid JSON in UTF-8"),
        (b"[]", "body must be a JSON object"),
    ],
)
@every(WITH_A_BODY)
async def test_only_a_json_object_is_a_body(api: Api, request_: Request, raw: bytes, what: str) -> None:
    reply = await api.send(request_.method, request_.path, raw=raw)

    assert (reply.status, reply.body) == (400, invalid(what))


@every((*REQUESTS, PAGE))
async def test_a_request_too_many_is_told_when_to_come_back(narrow: Api, request_: Request) -> None:
    path = request_.path.format(player="PLAYER-123456", anticheat="PLAYER-123456")
    first = await narrow.send("GET", TICKETS)

    reply = await narrow.send(request_.method, path, request_.body)

    assert (first.status, reply.status) == (200, 429)
    assert reply.body == envelope(429, "Rate limit exceeded") | {"retryAfterSeconds": 60}
    told = {name: value for name, value in reply.headers.items() if name.startswith(("X-Rate", "Retry"))}
    assert told == {
        "Retry-After": "60",
        "X-RateLimit-Remaining": "0",
        "X-Rate-Limit-Remaining": "0",
        "X-RateLimit-Retry-After": "60",
        "X-Rate-Limit-Retry-After-Seconds": "60",
    }


async def test_an_answer_says_how_many_requests_are_left_and_no_time_to_wait(api: Api) -> None:
    headers = (await api.send("GET", TICKETS)).headers

    assert headers["X-RateLimit-Remaining"] == headers["X-Rate-Limit-Remaining"] == "996"
    assert "X-RateLimit-Retry-After" not in headers


@pytest.mark.parametrize(
    ("path", "what"),
    [
        (f"{TICKETS}?status=gone", "status must be one of: open, closed, all"),
        (f"{TICKETS}?type=rumour", "type must be one of: player, chat, staff, bug, support, appeal, all"),
        (f"{TICKETS}?limit=0", "limit is out of range"),
        (f"{TICKETS}?limit=101", "limit is out of range"),
        (f"{TICKETS}?limit=ten", "limit must be a whole number"),
        (f"{TICKETS}?limit=", "limit must be a whole number"),
        (f"{TICKETS}/player/Notch", "uuid must be a UUID"),
        (f"{REPORTS}?status=gone", "status must be one of: open, closed, all"),
        (f"{REPORTS}?limit=0", "limit is out of range"),
        (f"{REPORTS}/player/{NOTCH}0", "uuid must be a UUID"),
        (f"{REPORTS}/player/{NOTCH}?limit=101", "limit is out of range"),
    ],
)
async def test_what_is_asked_for_must_make_sense(api: Api, path: str, what: str) -> None:
    reply = await api.send("GET", path)

    assert (reply.status, reply.body) == (400, invalid(what))


@pytest.mark.parametrize(
    ("path", "body", "what"),
    [
        (TICKETS, {"type": "bug"}, "creatorUuid is required"),
        (TICKETS, {"creatorUuid": NOTCH}, "type is required"),
        (
            f"{TICKETS}/unfinished",
            {"creatorUuid": NOTCH, "type": "x"},
            "type must be one of: player, chat, staff, bug, support, appeal",
        ),
        (f"{TICKETS}/by-ids", {"ids": ["PLAYER-1"] * 101}, "ids must have at most 100 entries"),
        (f"{TICKETS}/by-ids", {"ids": "PLAYER-1"}, "ids must be a list"),
        (f"{TICKETS}/by-ids", {"ids": [1]}, "ids must be a list of text"),
        (f"{TICKETS}/{{anticheat}}/claim", {"playerName": "Alex"}, "playerUuid is required"),
        (
            f"{TICKETS}/{{anticheat}}/claim",
            {"playerUuid": "x", "playerName": "x"},
            "playerUuid must be a UUID",
        ),
        (f"{TICKETS}/{{anticheat}}/claim", {"playerUuid": 1, "playerName": "x"}, "playerUuid must be text"),
        (f"{TICKETS}/{{anticheat}}/claim", {"playerUuid": ALEX}, "playerName is required"),
        (f"{TICKETS}/{{anticheat}}/claim", {"playerUuid": ALEX, "playerName": " "}, "playerName is required"),
        (
            f"{TICKETS}/{{anticheat}}/claim",
            {"playerUuid": ALEX, "playerName": "x" * 65},
            "playerName must have at most 64 characters",
        ),
        (f"{REPORTS}/{{player}}/assign", {}, "assignee is required"),
        (f"{REPORTS}/{{player}}/assign", {"assignee": None}, "assignee is required"),
        (f"{REPORTS}/{{player}}/assign", {"assignee": 1}, "assignee must be text"),
        (
            f"{REPORTS}/{{player}}/assign",
            {"assignee": "x" * 65},
            "assignee must have at most 64 characters",
        ),
        (
            f"{REPORTS}/{{player}}/resolve",
            {"resolvedBy": "x" * 65},
            "resolvedBy must have at most 64 characters",
        ),
        (
            f"{REPORTS}/{{player}}/resolve",
            {"resolution": "x" * 1001},
            "resolution must have at most 1,000 characters",
        ),
        (
            f"{REPORTS}/{{player}}/resolve",
            {"punishmentId": "x" * 65},
            "punishmentId must have at most 64 characters",
        ),
        (
            f"{REPORTS}/{{player}}/dismiss",
            {"dismissedBy": "x" * 65},
            "dismissedBy must have at most 64 characters",
        ),
        (
            f"{REPORTS}/{{player}}/dismiss",
            {"reason": "x" * 1001},
            "reason must have at most 1,000 characters",
        ),
    ],
)
async def test_what_is_sent_must_make_sense(api: Api, path: str, body: dict[str, object], what: str) -> None:
    reply = await api.send("POST", path, body)

    assert (reply.status, reply.body) == (400, invalid(what))


@pytest.mark.parametrize("ticket", ["PLAYER-1", "%00", "%ff", "%ED%A0%80", "a b", "x" * 2000])
async def test_a_ticket_that_is_not_there_is_not_found(api: Api, ticket: str) -> None:
    shown = await api.send("GET", f"{TICKETS}/{ticket}")
    linked = await api.send("POST", f"{TICKETS}/{ticket}/claim", ALEX_LINKS)

    assert (shown.status, shown.body) == (404, {"status": 404, "message": "Ticket not found"})
    assert linked.status == 404
    assert linked.body == {"status": 404, "success": False, "message": "Ticket not found"}


@pytest.mark.parametrize("name", ["\udcff", "PLAYER-1\udcff", "", "x" * 65])
def test_what_can_be_no_id_is_not_looked_for(name: str) -> None:
    call = ApiRequest(path_params={"id": name}, query={}, body=b"{}")

    assert (
        handlers.get_ticket(call).ticket_id
        == handlers.ticket_id(call)
        == handlers.resolve(call).ticket_id
        == ""
    )


@every(tuple(request for request in REQUESTS if "{" in request.path))
async def test_a_ticket_of_another_workspace_is_not_there(api: Api, request_: Request) -> None:
    reply = await api.send(request_.method, request_.path, request_.body, key="abroad")

    assert reply.status == 404


@pytest.mark.parametrize("ticket", ["{bug}", "PLAYER-1"])
@pytest.mark.parametrize("work", ["assign", "resolve", "dismiss"])
async def test_only_a_report_can_be_worked_on_as_one(api: Api, work: str, ticket: str) -> None:
    reply = await api.send("POST", f"{REPORTS}/{ticket}/{work}", {"assignee": "Grace"})

    assert (reply.status, reply.body) == (404, NO_REPORT)
    assert (await api.ticket("bug")).status is Status.OPEN


@pytest.mark.parametrize("name", ["player", "anticheat"])
async def test_a_ticket_of_another_player_cannot_be_linked(api: Api, name: str) -> None:
    """That of an anticheat is nobody's, and least of all the accused's."""
    before = await api.ticket(name)

    reply = await api.send("POST", f"{TICKETS}/{{{name}}}/claim", ALEX_LINKS)

    message = "Ticket is already linked to a Minecraft account"
    assert (reply.status, reply.body) == (409, {"status": 409, "success": False, "message": message})
    assert await api.ticket(name) == before


async def test_a_report_that_is_over_cannot_be_assigned(api: Api) -> None:
    ticket = api.tickets["player"]
    await api.store.change_ticket(
        ticket.id, lambda one: one.set_status(Status.RESOLVED), api.now[0], actor=ADA
    )

    reply = await api.send("POST", f"{REPORTS}/{{player}}/assign", {"assignee": "Grace"})

    message = "This report is closed, and can no longer be assigned."
    assert (reply.status, reply.body) == (409, envelope(409, message))
    assert (await api.ticket("player")).claimed_by is None


async def test_a_player_with_as_many_tickets_as_allowed_is_told_to_wait(api: Api) -> None:
    workspace = await api.store.workspace(api.tickets["bug"].workspace_id)
    few = Category(id="bug", name="Bugs", max_open=1)
    await api.store.change_workspace(workspace.id, lambda one: one.with_category(few))

    reply = await api.send("POST", TICKETS, {"creatorUuid": NOTCH, "type": "bug", "subject": "Another"})

    message = "You have too many open tickets of this type. Wait until one of them is answered."
    assert (reply.status, reply.body) == (400, envelope(400, message))


async def test_what_is_not_served_is_refused_in_words_the_plugin_can_read(api: Api) -> None:
    for path in ("/v3/minecraft/tickets", "/v1/minecraft/players/sync", "/api/public/tickets"):
        reply = await api.send("POST", path, {})

        assert (reply.status, reply.body) == (404, envelope(404, "There is nothing at this path."))
