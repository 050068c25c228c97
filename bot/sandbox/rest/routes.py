"""Registers all REST routes, and the URLs of attachments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from bot.sandbox.model.json import parse_int
from bot.sandbox.model.state import SandboxState, content_type_of
from bot.sandbox.rest import channels, guilds, interactions, messages
from bot.sandbox.rest.errors import not_found
from bot.sandbox.rest.request import PREFIX, RestRequest, RestRoute, rest_handler

__all__ = ["PREFIX", "add_routes"]


def add_routes(app: web.Application, state: SandboxState) -> None:
    for module in (guilds, channels, interactions, messages):
        for route in module.ROUTES:
            app.router.add_route(route.method, PREFIX + route.path, rest_handler(state, route))
    app.router.add_get("/attachments/{id}/{filename}", _attachment(state))
    unknown_route = RestRoute("*", "/{path:.*}", _unknown_route, without_auth=True)
    app.router.add_route("*", PREFIX + unknown_route.path, rest_handler(state, unknown_route))


def _unknown_route(request: RestRequest) -> object:
    raise not_found()


def _attachment(state: SandboxState) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        file = state.files.get(parse_int(request.match_info["id"]) or 0)
        if file is None:
            raise web.HTTPNotFound
        return web.Response(body=file.content, headers={"Content-Type": content_type_of(file)})

    return handle
