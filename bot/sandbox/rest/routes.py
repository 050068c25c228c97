"""Every REST route the stand-in has, and the addresses of attached files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from bot.sandbox.model.json import whole_number
from bot.sandbox.model.state import StandIn, content_type_of
from bot.sandbox.rest import channels, guilds, interactions, messages
from bot.sandbox.rest.errors import not_found
from bot.sandbox.rest.request import PREFIX, Call, Route, answering

__all__ = ["PREFIX", "add_routes"]


def add_routes(app: web.Application, stand: StandIn) -> None:
    for module in (guilds, channels, interactions, messages):
        for route in module.ROUTES:
            app.router.add_route(route.method, PREFIX + route.path, answering(stand, route))
    app.router.add_get("/attachments/{id}/{filename}", _attachment(stand))
    nowhere = Route("*", "/{path:.*}", _nowhere, with_token_in_path=True)
    app.router.add_route("*", PREFIX + nowhere.path, answering(stand, nowhere))


def _nowhere(call: Call) -> object:
    raise not_found()


def _attachment(stand: StandIn) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        file = stand.files.get(whole_number(request.match_info["id"]) or 0)
        if file is None:
            raise web.HTTPNotFound
        return web.Response(body=file.content, headers={"Content-Type": content_type_of(file)})

    return answer
