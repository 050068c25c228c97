"""One REST request: authentication, body, rate limit, faults, and the JSON response."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bot.sandbox.control.faults import inject
from bot.sandbox.model.guilds import Channel, Guild, Message
from bot.sandbox.model.json import Json, json_response, parse_int
from bot.sandbox.model.permissions import Permission, require
from bot.sandbox.model.state import LoggedRequest, SandboxState
from bot.sandbox.rest.errors import MISSING_ACCESS, DiscordApiError, discord_error, invalid_form, unauthorized
from bot.sandbox.rest.multipart import read_body
from bot.sandbox.rest.rate_limits import (
    OLD_EDIT_CODE,
    OLD_EDIT_MESSAGE,
    OldMessageEditLimit,
    cloudflare_ban,
    too_many_requests,
)
from bot.sandbox.validation.messages import File

PREFIX = "/api/v10"
INVALID_STATUSES = (401, 403, 429)
Files = Mapping[int, File]


@dataclass(frozen=True, kw_only=True, slots=True)
class RestRequest:
    """An authenticated request as the handlers see it; the lookups raise `DiscordApiError`."""

    state: SandboxState
    http: web.Request
    body: Any
    files: Files = field(default_factory=dict)
    now: float = field(default_factory=time.monotonic)

    @property
    def bot_id(self) -> int:
        return self.state.world.bot.id

    def path_str(self, name: str) -> str:
        return self.http.match_info[name]

    def path_id(self, name: str) -> int:
        found = parse_int(self.path_str(name))
        if found is None:
            message = f'Value "{self.path_str(name)}" is not snowflake.'
            raise invalid_form((f"{name}_id",), "NUMBER_TYPE_COERCE", message)
        return found

    def query(self, name: str) -> int | None:
        """Return an integer query parameter, or None."""
        return parse_int(self.http.query.get(name))

    def limit(self, default: int, maximum: int) -> int:
        limit = self.query("limit")
        if limit is not None and not 1 <= limit <= maximum:
            message = f"int value should be between 1 and {maximum}."
            raise invalid_form(("limit",), "NUMBER_TYPE_MAX", message)
        return limit or default

    def channel(self, needed: Permission = Permission.VIEW_CHANNEL) -> Channel:
        """Return the channel of the path; raises `DiscordApiError` without the permission there."""
        channel = self.state.world.channel(self.path_id("channel"))
        require(self.state.world, self.bot_id, channel, Permission.VIEW_CHANNEL | needed)
        return channel

    def message(self, channel: Channel) -> Message:
        return self.state.world.message(channel, self.path_id("message"))

    def guild(self) -> Guild:
        guild = self.state.world.guild(self.path_id("guild"))
        if self.bot_id not in guild.members:
            raise discord_error(MISSING_ACCESS)
        return guild


@dataclass(frozen=True, slots=True)
class Created:
    """A response with status 201."""

    data: Json


Handler = Callable[[RestRequest], object]


@dataclass(frozen=True, slots=True)
class RestRoute:
    """Method, path and handler; the handler's result is sent as JSON, None as 204."""

    method: str
    path: str
    handler: Handler
    without_auth: bool = False  # no Authorization header is needed
    list_body: bool = False  # the body is a JSON list


def rest_handler(
    state: SandboxState, route: RestRoute
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        logged = LoggedRequest(
            method=request.method,
            path=request.path.removeprefix(PREFIX),
            query=request.query_string,
            time=time.monotonic(),
        )
        state.requests.append(logged)
        response = await _respond_unless_banned(state, route, request, logged)
        logged.status = response.status
        return response

    return handle


async def _respond_unless_banned(
    state: SandboxState, route: RestRoute, request: web.Request, logged: LoggedRequest
) -> web.StreamResponse:
    if state.rate_limiter.is_banned():
        return cloudflare_ban()
    response = await _respond_with_faults(state, route, request, logged)
    if response.status in INVALID_STATUSES and response.headers.get("X-RateLimit-Scope") != "shared":
        state.rate_limiter.count_invalid()
    return response


async def _respond_with_faults(
    state: SandboxState, route: RestRoute, request: web.Request, logged: LoggedRequest
) -> web.StreamResponse:
    fault = state.faults.take(logged.method, logged.path)
    if fault is None:
        return await _respond(state, route, request, logged)
    with_files = request.content_type.startswith("multipart/")  # read from the connection, which ends here
    if fault.when == "after" or (fault.when == "early" and with_files):
        await _respond(state, route, request, logged)
    elif fault.when == "early":
        await request.read()  # before the connection is aborted
        state.schedule(fault.effect_delay, lambda: _respond(state, route, request, logged))
    return await inject(fault, request)


async def _respond(
    state: SandboxState, route: RestRoute, request: web.Request, logged: LoggedRequest
) -> web.StreamResponse:
    headers: Mapping[str, str] = {}
    try:
        if not route.without_auth and request.headers.get("Authorization") != f"Bot {state.settings.token}":
            raise unauthorized()
        logged.body, files = await read_body(request)
        if not isinstance(logged.body, list if route.list_body else dict):
            message = "Only dictionaries may be used in a DictType"
            raise invalid_form((), "DICT_TYPE_CONVERT", message)
        decision = state.rate_limiter.acquire(logged.method, logged.path, logged.body)
        headers = decision.headers
        if decision.retry_after is not None:
            return too_many_requests(decision.retry_after, scope=decision.scope, headers=headers)
        return _to_response(
            route.handler(RestRequest(state=state, http=request, body=logged.body, files=files)), headers
        )
    except OldMessageEditLimit as limit:
        return too_many_requests(
            limit.retry_after, headers=headers, message=OLD_EDIT_MESSAGE, code=OLD_EDIT_CODE
        )
    except DiscordApiError as error:
        return json_response(error.body(), error.status, headers)


def _to_response(data: object, headers: Mapping[str, str]) -> web.Response:
    if data is None:
        return web.Response(status=204, headers=headers)
    if isinstance(data, Created):
        return json_response(data.data, 201, headers)
    return json_response(data, 200, headers)
