"""What modl's own plugin asks for besides tickets and reports: its start, logins, sync and what it records.

It disables itself without an address at its start, and lets no player join whose login is not answered. The
bridge has no punishments: everybody may join, and nothing that the plugin records is stored. The fields of
these requests are not validated, since none is read: the plugin must not fail over one of them.
"""
# ruff: noqa: N815 - fields keep the contract's spelling letter for letter

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC
from typing import Any, Literal

from bot.sources.contract import ApiRequest, Endpoint, JsonObject
from bot.sources.modl.fields import parse_body
from bot.sources.requests import GetNotifications, GetPublicUrl, Ignore, Notifications, Request
from bot.sources.validation import Payload, TypedDict

_V1, _V2, _V3 = "/v1/minecraft", "/v2/minecraft", "/v3/minecraft"
_Objects = list[dict[str, object]]


class AnyObject(Payload):
    """Any JSON object."""


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
    playerNotifications: _Objects
    activeStaffMembers: _Objects
    staffNotifications: _Objects
    pendingStatWipes: _Objects
    staff2faVerifications: _Objects


class Synced(TypedDict):
    """The plugin sends the time back with its next sync."""

    timestamp: str
    data: SyncData


class Accepted(TypedDict):
    """Accepted. Nothing is stored."""

    status: Literal[200]
    success: Literal[True]


def _start(request: ApiRequest) -> GetPublicUrl:
    parse_body(AnyObject, request.body)
    return GetPublicUrl(base_url=request.base_url)


def _sync(request: ApiRequest) -> GetNotifications:
    parse_body(AnyObject, request.body)
    return GetNotifications()


def _ignore(request: ApiRequest) -> Ignore:
    parse_body(AnyObject, request.body)
    return Ignore()


def _started(public_url: str) -> PluginStarted:
    return {"panelUrl": public_url}


def _login_answered(result: None) -> LoginAnswered:
    return {"status": 200, "activePunishments": [], "pendingNotifications": []}


def _synced(notifications: Notifications) -> Synced:
    utc = notifications.time.astimezone(UTC).replace(tzinfo=None)
    return {
        "timestamp": f"{utc.isoformat(timespec='milliseconds')}Z",
        "data": {
            "pendingPunishments": [],
            "recentlyStartedPunishments": [],
            "recentlyModifiedPunishments": [],
            "playerNotifications": [],
            "activeStaffMembers": [],
            "staffNotifications": [],
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
) -> Endpoint[Any]:
    return Endpoint(
        method="POST",
        path=path,
        summary=summary,
        request=request,
        parse=parse,
        serialize=serialize,
        body=AnyObject,
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
    _record("/notifications/acknowledge", "A player was shown notifications"),
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
