"""Endpoints that read and update tickets, within the scope of the key."""

import pytest

from bot.tickets.api_keys import generate_api_key, hash_api_key
from bot.tickets.message import MessageKind
from bot.tickets.workspace import NewWorkspace
from tests.webhook.conftest import NOW, Gate


@pytest.fixture
async def ticket_id(gate: Gate) -> str:
    await gate.send("/north/tickets")
    (ticket,) = await gate.kept()
    return ticket.public_id


async def test_a_ticket_is_found_by_either_of_its_ids(gate: Gate, ticket_id: str) -> None:
    (ticket,) = await gate.kept()

    by_public_id = await gate.send(f"/north/tickets/{ticket_id}", None, method="GET")
    by_uid = await gate.send(f"/north/tickets/{ticket.uid}", None, method="GET")

    assert by_public_id.json == by_uid.json == {"id": ticket_id}


@pytest.mark.parametrize("name", ["TEST-1", "%00", "%ED%A0%80", "'; --", "%F0%9F%98%80", "x" * 5000, "..%2f"])
async def test_404_in_the_source_s_error_format_for_an_unknown_ticket(gate: Gate, name: str) -> None:
    reply = await gate.send(f"/north/tickets/{name}", None, method="GET")

    assert reply.status == 404
    assert reply.json == {"north": {"code": 404, "message": "Ticket not found"}}


async def test_another_workspaces_key_finds_nothing(gate: Gate, ticket_id: str) -> None:
    new = NewWorkspace(name="away", guild_id=9, tickets_channel_id=8, reports_channel_id=7, staff_role_id=6)
    await gate.store.workspaces.add(new, NOW)
    key, prefix = generate_api_key()
    await gate.store.api_keys.add("away", "north", prefix=prefix, key_hash=hash_api_key(key), now=NOW)

    found = await gate.send(f"/north/tickets/{ticket_id}", None, method="GET", key=key)
    claimed = await gate.send(f"/north/tickets/{ticket_id}/claim", {}, key=key)

    assert (found.status, claimed.status) == (404, 404)
    assert (await gate.kept())[0].claimed_by is None


async def test_an_update_changes_the_ticket_and_is_stored_as_an_event(gate: Gate, ticket_id: str) -> None:
    reply = await gate.send(f"/north/tickets/{ticket_id}/claim", b"{}")

    (ticket,) = await gate.kept()
    (event,) = await gate.store.messages.list_of_ticket(ticket.id, [MessageKind.EVENT])
    assert reply.json == {"by": "7"}
    assert ticket.claimed_by is not None
    assert "claimed" in event.text


async def test_a_ticket_s_error_has_its_source_s_words(gate: Gate, ticket_id: str) -> None:
    await gate.send(f"/north/tickets/{ticket_id}/claim", b"{}")
    again = await gate.send(f"/north/tickets/{ticket_id}/claim", b"{} ")

    assert again.json == {"north": {"code": 418, "message": "Taken."}}


async def test_an_idempotency_key_makes_a_claim_safe_to_repeat(gate: Gate, ticket_id: str) -> None:
    headers = {"Idempotency-Key": "once"}

    first = await gate.send(f"/north/tickets/{ticket_id}/claim", b"{}", headers=headers)
    again = await gate.send(f"/north/tickets/{ticket_id}/claim", b"{}", headers=headers)

    assert (first.status, again.status) == (200, 200)
    assert again.body == first.body


async def test_a_view_only_ticket_takes_no_reply(gate: Gate, ticket_id: str) -> None:
    reply = await gate.send(f"/north/tickets/{ticket_id}/say", b'{"text":"hello"}')

    (ticket,) = await gate.kept()
    assert reply.status == 409
    assert "view-only" in str(reply.json)
    assert await gate.store.messages.list_of_ticket(ticket.id) == []


async def test_a_key_can_be_checked_without_another(gate: Gate) -> None:
    good = await gate.send(f"/north/key/{gate.keys['north']}", None, method="GET", key="")
    bad = await gate.send("/north/key/nonsense", None, method="GET", key="")
    foreign = await gate.send(f"/north/key/{gate.keys['south']}", None, method="GET", key="")

    assert (good.json, bad.json, foreign.json) == ({"good": True}, {"good": False}, {"good": False})


async def test_a_page_needs_no_key_and_has_a_strict_content_security_policy(
    gate: Gate, ticket_id: str
) -> None:
    found = await gate.send(f"/north/look/{ticket_id}", None, method="GET", key="")
    unknown = await gate.send("/north/look/TEST-1", None, method="GET", key="")

    assert (found.status, unknown.status) == (200, 404)
    assert found.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in found.headers["content-security-policy"]
    assert found.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_405_names_the_allowed_methods(gate: Gate, ticket_id: str, method: str) -> None:
    reply = await gate.send(f"/north/tickets/{ticket_id}", None, method=method)

    assert (reply.status, reply.headers["allow"]) == (405, "GET,HEAD")
