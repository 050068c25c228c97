"""Roblox's webhook that asks to erase a player: its signature, and what its notifications say.

As Roblox documents them: `roblox-signature: t=<seconds since 1970>,v1=<signature>`, where the signature is
the HMAC-SHA256 of `<t>.<body>` in Base64. The event of a request to erase is `RightToErasureRequest`; the
button that tests a webhook sends a `SampleNotification`. Every other event is accepted, and nothing is done.
"""

import base64
import hashlib
import hmac
import re
from datetime import datetime
from typing import Annotated

from pydantic import Field

from bot.sources.contract import ApiError, ErasureNotice, JsonObject
from bot.sources.series.fields import UserId, parse_body
from bot.sources.validation import MaxLength, Payload, RequiredText

MAX_AGE_SECONDS = 600  # of a signature, as Roblox recommends it
_ERASURE = "RightToErasureRequest"
_SIGNATURE = re.compile(r"t=(?P<time>[0-9]{1,12}),v1=(?P<signature>[A-Za-z0-9+/=]{1,100})")


class NotificationBody(Payload):
    """What every notification has; its EventPayload depends on its EventType."""

    EventType: Annotated[RequiredText, MaxLength(128)] = Field(title="EventType")


class ErasedUser(Payload):
    """The user who is to be erased. The games are not looked at: all tickets of a workspace are concerned."""

    UserId: UserId


class ErasureBody(NotificationBody):
    NotificationId: Annotated[RequiredText, MaxLength(128)] = Field(title="NotificationId")
    EventPayload: ErasedUser = Field(title="EventPayload")


def verify(secret: str, signature: str, body: bytes, now: datetime) -> None:
    """Check that Roblox signed a body with a secret, lately. Raises ApiError(401)."""
    match = _SIGNATURE.fullmatch(signature.strip())
    if match is None or abs(now.timestamp() - int(match["time"])) > MAX_AGE_SECONDS:
        raise ApiError(401, "The roblox-signature is missing, has no v1, or is older than ten minutes")
    signed = hmac.new(secret.encode(), f"{match['time']}.".encode() + body, hashlib.sha256).digest()
    if not hmac.compare_digest(base64.b64encode(signed), match["signature"].encode()):
        raise ApiError(401, "The roblox-signature is not of this body with this workspace's secret")


def parse(body: bytes) -> ErasureNotice | None:
    """Who is to be erased; None for another event. Raises ApiError(400)."""
    if parse_body(NotificationBody, body).EventType != _ERASURE:
        return None
    notice = parse_body(ErasureBody, body)
    return ErasureNotice(id=notice.NotificationId, player_id=str(notice.EventPayload.UserId))


def accepted(notice: ErasureNotice | None) -> JsonObject:
    """The body of HTTP 200."""
    message = "Nothing to erase" if notice is None else "The user will be erased"
    return {"success": True, "data": {"message": message}}
