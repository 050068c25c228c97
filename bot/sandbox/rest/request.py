"""One REST request: who asks, what is asked, what is in the way, and the answer as JSON."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bot.sandbox.control.faults import strike
from bot.sandbox.model.guilds import Channel, Guild, Message
from bot.sandbox.model.json import Json, json_answer, whole_number
from bot.sandbox.model.permissions import Permission, require
from bot.sandbox.model.state import LoggedRequest, StandIn
from bot.sandbox.rest.errors import MISSING_ACCESS, Refused, invalid_form, refused, unauthorized
from bot.sandbox.rest.multipart import read_form
from bot.sandbox.rest.rate_limits import too_many_requests
from bot.sandbox.validation.messages import File

PREFIX = "/api/v10"
Files = Mapping[int, File]


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A request the bot may make, as the routes see it; the lookups raise `Refused`."""

    stand: StandIn
    request: web.Request
    body: Any
    files: Files = field(default_factory=dict)
    now: float = field(default_factory=time.monotonic)

    @property
    def bot(self) -> int:
        return self.stand.world.bot.id

    def word(self, name: str) -> str:
        return self.request.match_info[name]

    def number(self, name: str) -> int:
        found = whole_number(self.word(name))
        if found is None:
            told = f'Value "{self.word(name)}" is not snowflake.'
            raise invalid_form((f"{name}_id",), "NUMBER_TYPE_COERCE", told)
        return found

    def asked(self, name: str) -> int | None:
        """A whole number from the query."""
        return whole_number(self.request.query.get(name))

    def limit(self, usual: int, most: int) -> int:
        limit = self.asked("limit")
        if limit is not None and not 1 <= limit <= most:
            told = f"int value should be between 1 and {most}."
            raise invalid_form(("limit",), "NUMBER_TYPE_MAX", told)
        return limit or usual

    def channel(self, needed: Permission = Permission.VIEW_CHANNEL) -> Channel:
        """The channel of the path, if the bot sees it and holds the right that is needed."""
        channel = self.stand.world.channel(self.number("channel"))
        require(self.stand.world, self.bot, channel, Permission.VIEW_CHANNEL | needed)
        return channel

    def message(self, channel: Channel) -> Message:
        return self.stand.world.message(channel, self.number("message"))

    def guild(self) -> Guild:
        guild = self.stand.world.guild(self.number("guild"))
        if self.bot not in guild.members:
            raise refused(MISSING_ACCESS)
        return guild


@dataclass(frozen=True, slots=True)
class Created:
    """An answer with status 201."""

    data: Json


Act = Callable[[Call], object]


@dataclass(frozen=True, slots=True)
class Route:
    """What answers a method on a path; what `act` returns is sent as JSON, None as 204."""

    method: str
    path: str
    act: Act
    with_token_in_path: bool = False  # such a request needs no Authorization
    takes_list: bool = False  # its body is a JSON list


def answering(stand: StandIn, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        logged = LoggedRequest(
            method=request.method,
            path=request.path.removeprefix(PREFIX),
            query=request.query_string,
            time=time.monotonic(),
        )
        stand.requests.append(logged)
        response = await _with_faults(stand, route, request, logged)
        logged.status = response.status
        return response

    return answer


async def _with_faults(
    stand: StandIn, route: Route, request: web.Request, logged: LoggedRequest
) -> web.StreamResponse:
    fault = stand.faults.take(logged.method, logged.path)
    if fault is None:
        return await _answered(stand, route, request, logged)
    with_files = request.content_type.startswith("multipart/")  # they are read while they come, so at once
    if fault.when == "after" or (fault.when == "ahead" and with_files):
        await _answered(stand, route, request, logged)
    elif fault.when == "ahead":
        await request.read()  # what becomes of the connection then no longer matters
        stand.later(fault.effect_after, lambda: _answered(stand, route, request, logged))
    return await strike(fault, request)


async def _answered(
    stand: StandIn, route: Route, request: web.Request, logged: LoggedRequest
) -> web.StreamResponse:
    headers: Mapping[str, str] = {}
    try:
        if (
            not route.with_token_in_path
            and request.headers.get("Authorization") != f"Bot {stand.settings.token}"
        ):
            raise unauthorized()
        logged.body, files = await read_form(request)
        if not isinstance(logged.body, list if route.takes_list else dict):
            told = "Only dictionaries may be used in a DictType"
            raise invalid_form((), "DICT_TYPE_CONVERT", told)
        take = stand.buckets.take(logged.method, logged.path, logged.body)
        headers = take.headers
        if take.retry_after is not None:
            return too_many_requests(take.retry_after, headers=headers)
        return _drawn(route.act(Call(stand=stand, request=request, body=logged.body, files=files)), headers)
    except Refused as no:
        return json_answer(no.body(), no.status, headers)


def _drawn(data: object, headers: Mapping[str, str]) -> web.Response:
    if data is None:
        return web.Response(status=204, headers=headers)
    if isinstance(data, Created):
        return json_answer(data.data, 201, headers)
    return json_answer(data, 200, headers)
