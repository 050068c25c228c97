"""The orders over HTTP: /sandbox lists them; JSON in and out, no key, every error is a sentence."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from bot.sandbox.control.controller import Orders
from bot.sandbox.control.routes import ROUTES, Asked, Missing
from bot.sandbox.model.json import Json, json_answer
from bot.sandbox.rest.errors import Declined

Answering = Callable[[web.Request], Awaitable[web.Response]]


def add_routes(app: web.Application, sandbox: Orders) -> None:
    app.router.add_get("/", _listing)  # whoever opens the bare address in a browser sees what there is
    app.router.add_get("/sandbox", _listing)
    for route in ROUTES:
        app.router.add_route(route.method, route.path, _answering(sandbox, route.act))
    app.router.add_route("*", "/sandbox/{path:.*}", _nowhere)


async def _listing(request: web.Request) -> web.Response:
    return json_answer([{"method": r.method, "path": r.path, "does": r.does} for r in ROUTES])


async def _nowhere(request: web.Request) -> web.Response:
    told = f"There is no {request.method} {request.path}: GET /sandbox lists what there is."
    return json_answer({"error": told}, 404)


def _answering(sandbox: Orders, act: Callable[[Orders, Asked], Any]) -> Answering:
    async def answer(request: web.Request) -> web.Response:
        try:
            asked = Asked(path=dict(request.match_info), query=dict(request.query), body=await _body(request))
            told = act(sandbox, asked)
            return json_answer(await told if isinstance(told, Awaitable) else told)
        except Declined as no:
            return json_answer({"error": no.text}, no.status)
        except Missing as no:
            return json_answer({"error": str(no)}, 400)

    return answer


async def _body(request: web.Request) -> Json:
    raw = await request.read()
    try:
        body = json.loads(raw) if raw.strip() else {}
    except ValueError as broken:
        raise Declined(f"The body is no JSON: {broken}.", status=400) from broken
    if not isinstance(body, dict):
        raise Declined("The body is no JSON object: send {...}.", status=400)
    return body
