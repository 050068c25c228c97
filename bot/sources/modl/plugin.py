"""What modl's own plugin asks for besides tickets and reports: its start, logins, sync and what it records.

It disables itself without an address at its start, and lets no player join whose login is not answered. The
bridge has no punishments: everybody may join, and nothing that the plugin records is stored. Of these
requests, only an acknowledgement is refused over a field, so that the plugin does not fail over one that is
not needed.

A sync names the players who are online, and is told what is new for them (see `notifications`) until the
plugin acknowledges that. A login is told nothing: the plugin would show it seconds after the player joined,
when a sync has told it already.
"""
# ruff: noqa: N815 - fields keep the contract's spelling letter for letter

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic_core import PydanticCustomError

from bot.sources.contract import ApiRequest, Endpoint, JsonObject
from bot.sources.modl.fields import Ids, Uuid, parse_body, parse_uuid
from bot.sources.modl.notifications import (
    PlayerNotification,
    StaffNotification,
    notification_id,
    player_notifications,
    staff_notifications,
)
from bot.sources.requests import (
    ConfirmEvents,
    GetNotifications,
    GetPublicUrl,
    Ignore,
    Notifications,
    Request,
)
from bot.sources.validation import Payload, TypedDict, Validator

_V1, _V2, _V3 = "/v1/minecraft", "/v2/minecraft", "/v3/minecraft"
_Objects = list[dict[str, object]]


def _parse_online_players(value: object) -> tuple[str, ...]:
    """The UUIDs of the players that have one, each once."""
    players = value if isinstance(value, list) else []
    uuids = (_uuid_or_none(one.get("uuid")) for one in players if isinstance(one, dict))
    return tuple(dict.fromkeys(uuid for uuid in uuids if uuid))


def _uuid_or_none(value: object) -> str | None:
    try:
        return parse_uuid(value)
    except PydanticCustomError:
        return None


def _parse_time(value: object) -> datetime | None:
    """A time in ISO 8601, in UTC without an offset; None for anything else."""
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return time.replace(tzinfo=UTC) if time and time.tzinfo is None else time


class AnyObject(Payload):
    """Any JSON object."""


class SyncBody(Payload):
    """Of what is not in the expected form, nothing is read."""

    lastSyncTimestamp: Annotated[
        datetime | None, Validator(_parse_time, {"examples": ["2025-01-15T10:30:00.000Z"]})
    ] = None
    onlinePlayers: Annotated[
        tuple[str, ...],
        Validator(_parse_online_players, {"examples": [[{"uuid": "550e8400-e29b-41d4-a716-446655440000"}]]}),
    ] = ()


class AcknowledgeBody(Payload):
    """Which notifications a player was shown."""

    playerUuid: Uuid
    notificationIds: Ids


class PluginStarted(TypedDict):
    """The address from which the plugin makes the links that it shows: `/ticket/` and an id are added."""

    panelUrl: str


class LoginAnswered(TypedDict):
    """The player may join: nothing is active, and nothing is to be shown."""

    status: Literal[200]
    activePunishments: _Objects
    pendingNotifications: _Objects


class SyncData(TypedDict):
    """What is new since the last sync."""

    pendingPunishments: _Objects
    recentlyStartedPunishments: _Objects
    recentlyModifiedPunishments: _Objects
    playerNotifications: list[PlayerNotification]
    activeStaffMembers: _Objects
    staffNotifications: list[StaffNotification]
    pendingStatWipes: _Objects
    staff2faVerifications: _Objects


class Synced(TypedDict):
    """What is new. The plugin sends the time back with its next sync."""

    timestamp: str
    data: SyncData


class Accepted(TypedDict):
    """Accepted."""

    status: Literal[200]
    success: Literal[True]


def _start(request: ApiRequest) -> GetPublicUrl:
    parse_body(AnyObject, request.body)
    return GetPublicUrl(base_url=request.base_url)


def _sync(request: ApiRequest) -> GetNotifications:
    body = parse_body(SyncBody, request.body)
    return GetNotifications(
        reporter_ids=body.onlinePlayers, since=body.lastSyncTimestamp, base_url=request.base_url
    )


def _acknowledge(request: ApiRequest) -> ConfirmEvents:
    body = parse_body(AcknowledgeBody, request.body)
    acknowledged = {one.lower() for one in body.notificationIds}
    return ConfirmEvents(
        reporter_id=body.playerUuid, is_confirmed=lambda event_id: notification_id(event_id) in acknowledged
    )


def _ignore(request: ApiRequest) -> Ignore:
    parse_body(AnyObject, request.body)
    return Ignore()


def _started(public_url: str) -> PluginStarted:
    return {"panelUrl": public_url}


def _login_answered(result: None) -> LoginAnswered:
    return {"status": 200, "activePunishments": [], "pendingNotifications": []}


def _synced(news: Notifications) -> Synced:
    utc = news.until.astimezone(UTC).replace(tzinfo=None)
    return {
        "timestamp": f"{utc.isoformat(timespec='milliseconds')}Z",
        "data": {
            "pendingPunishments": [],
            "recentlyStartedPunishments": [],
            "recentlyModifiedPunishments": [],
            "playerNotifications": player_notifications(news),
            "activeStaffMembers": [],
            "staffNotifications": staff_notifications(news),
            "pendingStatWipes": [],
            "staff2faVerifications": [],
        },
    }


def _accepted(result: None) -> Accepted:
    return {"status": 200, "success": True}


def _post(
    path: str,
    summary: str,
    request: type[Request[Any]],
    parse: Callable[[ApiRequest], Request[Any]],
    serialize: Callable[[Any], JsonObject],
    response: Any,
    body: type[Payload] = AnyObject,
) -> Endpoint[Any]:
    return Endpoint(
        method="POST",
        path=path,
        summary=summary,
        request=request,
        parse=parse,
        serialize=serialize,
        body=body,
        response=response,
    )


def _record(path: str, summary: str) -> Endpoint[Any]:
    """An operation that stores nothing."""
    return _post(f"{_V1}{path}", summary, Ignore, _ignore, _accepted, Accepted)


_SYNC = _post(
    f"{_V2}/players/sync",
    "What is new for the players and staff on a server, every few seconds",
    GetNotifications,
    _sync,
    _synced,
    Synced,
    SyncBody,
)
ENDPOINTS: tuple[Endpoint[Any], ...] = (
    _post(
        f"{_V1}/players/login",
        "A player joins, and always may",
        Ignore,
        _ignore,
        _login_answered,
        LoginAnswered,
    ),
    _SYNC,
    _record("/players/disconnect", "A player has left"),
    _record("/players/update-server", "A player has moved to another server of the network"),
    _record("/players/chat-log", "What players wrote"),
    _record("/players/command-log", "Which commands players used"),
    _record("/staff/disconnect", "A member of staff has left"),
    _post(
        f"{_V1}/notifications/acknowledge",
        "A player was shown notifications, which are not sent again",
        ConfirmEvents,
        _acknowledge,
        _accepted,
        Accepted,
        AcknowledgeBody,
    ),
)
JSON_ENDPOINTS: tuple[Endpoint[Any], ...] = (
    _post(
        f"{_V2}/startup",
        "The plugin starts, and learns the address of the bridge",
        GetPublicUrl,
        _start,
        _started,
        PluginStarted,
    ),
    replace(_SYNC, path=f"{_V1}/players/sync"),  # as documented; the plugin uses the other path
)

# Punishments, profiles, staff, roles and more: modl's panel has them, and the bridge does not.
UNSERVED_PREFIXES = (
    *[
        f"{version}/{area}"
        for version in (_V1, _V3)
        for area in ("dashboard", "migration", "players", "punishments", "replays", "roles", "staff")
    ],
    "/api/public",
)
