"""The errors of the modl API: exact bodies and statuses."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.sources.contract import ApiRequest
from bot.sources.modl import SOURCE, handlers
from bot.tickets.workspace import Category
from tests.sources.modl_api.conftest import ALEX, NOTCH, PLAYERS, REPORTS, TICKETS, Api, open_api

ALEX_LINKS = {"playerUuid": ALEX, "playerName": "Alex"}
TYPES = "player, chat, staff, bug, support, appeal, or an alias such as bug_report or application"
STATUSES = "open, closed, unfinished, all"


def error(status: int, message: str, error: str | None = None) -> dict[str, object]:
    return {"status": status, "success": False, "error": error or message, "message": message}


def invalid(what: str) -> dict[str, object]:
    return error(400, f"Invalid data provided: {what}.")


async def test_429_has_the_plugin_s_headers(tmp_path: Path) -> None:
    source = replace(SOURCE, rate_limit=replace(SOURCE.rate_limit, requests=1))
    async with open_api(tmp_path, source) as api:
        await api.send("GET", TICKETS)

        response = await api.send("GET", TICKETS)

    assert response.status == 429
    assert response.body == error(429, "Rate limit exceeded") | {"retryAfterSeconds": 60}
    headers = {
        name: value for name, value in response.headers.items() if name.startswith(("X-Rate", "Retry"))
    }
    assert headers == {
        "Retry-After": "60",
        "X-RateLimit-Remaining": "0",
        "X-Rate-Limit-Remaining": "0",
        "X-RateLimit-Retry-After": "60",
        "X-Rate-Limit-Retry-After-Seconds": "60",
    }


async def test_a_success_has_the_remaining_requests_and_no_time_to_wait(api: Api) -> None:
    headers = (await api.send("GET", TICKETS)).headers

    assert headers["X-RateLimit-Remaining"] == headers["X-Rate-Limit-Remaining"] == "996"
    assert "X-RateLimit-Retry-After" not in headers


@pytest.mark.parametrize(
    ("path", "what"),
    [
        (f"{TICKETS}?status=gone", f"status must be one of: {STATUSES}"),
        (f"{TICKETS}?limit=0", "limit is out of range"),
        (f"{TICKETS}?limit=101", "limit is out of range"),
        (f"{TICKETS}?limit=ten", "limit must be a whole number"),
        (f"{TICKETS}?limit=", "limit must be a whole number"),
        (f"{TICKETS}/player/Notch", "uuid must be a UUID"),
        (f"{REPORTS}?status=gone", f"status must be one of: {STATUSES}"),
        (f"{REPORTS}?limit=0", "limit is out of range"),
        (f"{REPORTS}?status=gone&limit=0", f"limit is out of range; status must be one of: {STATUSES}"),
        (f"{REPORTS}/player/{NOTCH}0", "uuid must be a UUID"),
        (f"{PLAYERS}/{NOTCH}0/reports", "uuid must be a UUID"),
        (f"{REPORTS}/player/{NOTCH}?limit=101", "limit is out of range"),
    ],
)
async def test_400_for_an_invalid_query_or_path(api: Api, path: str, what: str) -> None:
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
            f"type must be one of: {TYPES}",
        ),
        (f"{TICKETS}/by-ids", {"ids": ["PLAYER-1"] * 101}, "ids must have at most 100 entries"),
        (f"{TICKETS}/by-ids", {"ids": "PLAYER-1"}, "ids must be a list"),
        (f"{TICKETS}/by-ids", {"ids": [1]}, "ids must be a list of text"),
        (f"{TICKETS}/by-ids", {"ids": ["x" * 65]}, "ids must have entries of at most 64 characters"),
        (f"{TICKETS}/{{anticheat}}/claim", {"playerName": "Alex"}, "playerUuid is required"),
        (f"{TICKETS}/{{anticheat}}/claim", {}, "playerName is required; playerUuid is required"),
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
        (f"{REPORTS}/{{player}}/assign", {"assignee": " , ,"}, "assignee is required"),
        (
            f"{REPORTS}/{{player}}/assign",
            {"assignee": "x" * 257},
            "assignee must have at most 256 characters",
        ),
        (
            f"{REPORTS}/{{player}}/resolve",
            {"resolvedBy": "x" * 65},
            "resolvedBy must have at most 64 characters",
        ),
        (
            f"{REPORTS}/{{player}}/resolve",
            {"resolution": "x" * 501},
            "resolution must have at most 500 characters",
        ),
        (
            f"{REPORTS}/{{player}}/resolve",
            {"punishmentId": "x" * 33},
            "punishmentId must have at most 32 characters",
        ),
        (
            f"{REPORTS}/{{player}}/dismiss",
            {"dismissedBy": "x" * 65},
            "dismissedBy must have at most 64 characters",
        ),
        (
            f"{REPORTS}/{{player}}/dismiss",
            {"reason": "x" * 501},
            "reason must have at most 500 characters",
        ),
    ],
)
async def test_400_for_an_invalid_body(api: Api, path: str, body: dict[str, object], what: str) -> None:
    reply = await api.send("POST", path, body)

    assert (reply.status, reply.body) == (400, invalid(what))


@pytest.mark.parametrize("name", ["\udcff", "PLAYER-1\udcff", "", "x" * 65])
def test_a_malformed_id_is_not_looked_up(name: str) -> None:
    call = ApiRequest(path_params={"id": name}, query={}, body=b"{}")

    assert (
        handlers.get_ticket(call).ticket_id
        == handlers.ticket_id(call)
        == handlers.resolve(call).ticket_id
        == ""
    )


@pytest.mark.parametrize("work", ["assign", "resolve", "dismiss"])
async def test_404_for_working_on_an_unknown_report(api: Api, work: str) -> None:
    reply = await api.send("POST", f"{REPORTS}/PLAYER-1/{work}", {"assignee": "Grace"})

    assert (reply.status, reply.body) == (404, {"status": 404, "message": "Report not found"})


@pytest.mark.parametrize("name", ["player", "anticheat"])
async def test_409_for_linking_another_player_s_ticket(api: Api, name: str) -> None:
    """That of an anticheat has no player, and must not be linked to the accused."""
    before = await api.ticket(name)

    reply = await api.send("POST", f"{TICKETS}/{{{name}}}/claim", ALEX_LINKS)

    message = "Ticket is already linked to a Minecraft account"
    assert (reply.status, reply.body) == (409, {"status": 409, "success": False, "message": message})
    assert await api.ticket(name) == before


async def test_400_beyond_the_open_ticket_limit(api: Api) -> None:
    workspace = await api.store.workspaces.get(api.tickets["bug"].workspace_id)
    few = Category(id="bug", name="Bugs", max_open=1)
    await api.store.workspaces.change(workspace.id, lambda one: one.with_category(few))

    reply = await api.send("POST", TICKETS, {"creatorUuid": NOTCH, "type": "bug", "subject": "Another"})

    message = "You have too many open tickets of this type. Wait until one of them is answered."
    assert (reply.status, reply.body) == (400, error(400, message))
