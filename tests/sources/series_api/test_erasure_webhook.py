"""Roblox's webhook: its signature is checked to the byte, and a request to erase a user erases them, once."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from bot.tickets.erasure import Requester
from bot.tickets.ticket import Ticket
from tests.support.bridge_harness import RunningBridge, wait_for

PLAYER = 123456789
ERASE: dict[str, Any] = {
    "NotificationId": "0f5e6d1c",
    "EventType": "RightToErasureRequest",
    "EventTime": "2023-12-30T16:24:24.2118874Z",
    "EventPayload": {"UserId": PLAYER, "GameIds": [1234, 2345]},
}
SAMPLE = ERASE | {"EventType": "SampleNotification", "EventPayload": {"UserId": PLAYER}}
KEY = "a secret of ours"


def signature(body: bytes, key: str = KEY, *, at: float | None = None) -> str:
    moment = int(time.time() if at is None else at)
    signed = hmac.new(key.encode(), f"{moment}.".encode() + body, hashlib.sha256).digest()
    return f"t={moment},v1={base64.b64encode(signed).decode()}"


@dataclass
class Roblox:
    """Sends notifications as Roblox does."""

    bridge: RunningBridge
    workspace_id: str

    async def send(
        self, notification: Mapping[str, Any] | bytes, header: str | None = "", *, workspace: str = ""
    ) -> tuple[int, dict[str, Any]]:
        """`header` None: without a signature; "": with the right one."""
        body = notification if isinstance(notification, bytes) else json.dumps(notification).encode()
        path = f"/roblox/webhook/{workspace or self.workspace_id}"
        headers = {} if header is None else {"roblox-signature": header or signature(body)}
        address = self.bridge.application.webhook_address + path
        async with self.bridge.session.post(address, data=body, headers=headers) as response:
            return response.status, await response.json()


@pytest.fixture
async def roblox(bridge: RunningBridge) -> Roblox:
    store = bridge.application.store
    (workspace,) = await store.workspaces.list_all()
    await store.erasures.set_platform_secret(workspace.id, "series", KEY, store.now())
    return Roblox(bridge, workspace.id)


async def erased_when_done(bridge: RunningBridge, ticket: Ticket) -> Ticket:
    async def is_erased() -> Ticket | None:
        found = await bridge.application.store.tickets.get(ticket.id)
        return found if found.erased_at is not None else None

    found: Ticket = await wait_for(is_erased)
    return found


async def test_a_request_to_erase_a_user_erases_them_once(roblox: Roblox) -> None:
    bridge = roblox.bridge
    report = await bridge.game_report(userId=PLAYER)

    first = await roblox.send(ERASE)
    again = await roblox.send(ERASE)

    assert first == again == (200, {"success": True, "data": {"message": "The user will be erased"}})
    assert (await erased_when_done(bridge, report)).body == ""
    (record,) = await bridge.application.store.erasures.list_newest(5)
    assert (record.requested_by, record.workspace_name) == (Requester.PLATFORM, "main")


@pytest.mark.parametrize("notification", [SAMPLE, {"EventType": "SubscriptionRenewed"}])
async def test_every_other_event_is_accepted_and_erases_nothing(
    roblox: Roblox, notification: dict[str, Any]
) -> None:
    status, answer = await roblox.send(notification)

    assert (status, answer["data"]["message"]) == (200, "Nothing to erase")
    assert await roblox.bridge.application.store.erasures.list_newest(5) == []


BODY = json.dumps(ERASE).encode()
FORGED = {
    "without a signature": None,
    "without a secret, as Roblox sends it then": f"t={int(time.time())}",
    "with another secret": signature(BODY, "another"),
    "of another body": signature(BODY + b" "),
    "eleven minutes old": signature(BODY, at=time.time() - 660),
    "from an hour later": signature(BODY, at=time.time() + 3600),
    "of another time": signature(BODY).replace("t=", "t=1"),
    "with no number for a time": signature(BODY).replace("t=", "t=x"),
    "in hexadecimal": f"t={int(time.time())},v1={hmac.new(KEY.encode(), BODY, hashlib.sha256).hexdigest()}",
}


@pytest.mark.parametrize("header", FORGED.values(), ids=FORGED)
async def test_what_roblox_did_not_sign_lately_is_refused(roblox: Roblox, header: str | None) -> None:
    status, answer = await roblox.send(BODY, header)

    assert (status, answer["success"], answer["error"]["code"]) == (401, False, 401)
    assert await roblox.bridge.application.store.erasures.list_newest(5) == []


async def test_a_signature_of_nine_minutes_ago_is_good(roblox: Roblox) -> None:
    status, _ = await roblox.send(BODY, signature(BODY, at=time.time() - 540))

    assert status == 200


@pytest.mark.parametrize("workspace", ["nowhere", "a7d5339a-5531-4336-99c6-6f3249c9ac20"])
async def test_a_workspace_without_a_secret_takes_nothing(roblox: Roblox, workspace: str) -> None:
    status, _ = await roblox.send(ERASE, workspace=workspace)

    assert status == 401


async def test_a_secret_that_was_removed_is_good_no_more(roblox: Roblox) -> None:
    store = roblox.bridge.application.store
    await store.erasures.set_platform_secret(roblox.workspace_id, "series", None, store.now())

    assert (await roblox.send(ERASE))[0] == 401


@pytest.mark.parametrize(
    ("notification", "problem"),
    [
        (b"[]", "Body must be a JSON object"),
        ({}, "EventType is required"),
        (ERASE | {"NotificationId": None}, "NotificationId is required"),
        (ERASE | {"EventPayload": {}}, "EventPayload is required"),
        (ERASE | {"EventPayload": {"UserId": "rey"}}, "EventPayload must be a whole number"),
    ],
)
async def test_a_signed_notification_that_cannot_be_read_is_refused(
    roblox: Roblox, notification: dict[str, Any] | bytes, problem: str
) -> None:
    status, answer = await roblox.send(notification)

    assert (status, answer["error"]["message"]) == (400, f"Validation error: {problem}")


async def test_too_many_forged_requests_of_an_address_are_refused(roblox: Roblox) -> None:
    statuses = [(await roblox.send(ERASE, "t=1,v1=x"))[0] for _ in range(31)]

    assert statuses == [401] * 30 + [429]
    assert (await roblox.send(ERASE))[0] == 200  # what is signed passes all the same
