"""aiohttp without a database: `python -m tests.bench.peers.plain noop|validate PORT [uvloop]`.

`noop` reads the body and answers; `validate` checks the key and parses the body with pydantic before. The
answers are made up. They show what aiohttp itself costs, before anything is stored.
"""

import asyncio
import hashlib
import os
import secrets
import sys
from typing import Annotated, Literal
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, Field, ValidationError

_Short = Annotated[str, Field(max_length=64)]
_Connection = Annotated[str, Field(max_length=256)]
_Text = Annotated[str, Field(max_length=10_000)]


class MinecraftTicket(BaseModel):
    creatorUuid: UUID  # noqa: N815 - the contract's spelling, here and below
    creatorName: _Short | None = None  # noqa: N815
    type: Literal["player", "chat", "staff", "bug", "support", "appeal"]
    subject: _Connection | None = None
    description: _Text | None = None
    reportedPlayerUuid: UUID | None = None  # noqa: N815
    reportedPlayerName: _Short | None = None  # noqa: N815
    chatMessages: list[_Text] = []  # noqa: N815
    tags: list[_Short] = []
    priority: Literal["low", "normal", "high"] = "normal"


class RobloxReport(BaseModel):
    subject: _Connection
    category: _Short
    message: _Text
    authorUserId: int  # noqa: N815
    authorUsername: _Short | None = None  # noqa: N815
    authorAvatarUrl: _Text  # noqa: N815
    placeId: _Short  # noqa: N815
    serverId: _Connection | None = None  # noqa: N815
    priority: Literal["low", "medium", "high", "urgent"] = "medium"


_KEYS = {hashlib.sha256(os.environ.get("BENCH_KEY", "").encode()).digest(): "the workspace"}


def _json(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json")


async def _noop(request: web.Request) -> web.Response:
    await request.read()
    return _json(b'{"success":true,"ticketId":"PLAYER-000000"}')


async def _validate(request: web.Request, model: type[BaseModel], header: str) -> web.Response:
    key = request.headers.get(header, "")
    if hashlib.sha256(key.encode()).digest() not in _KEYS:
        return _json(b'{"success":false,"error":"unknown key"}', 401)
    try:
        model.model_validate_json(await request.read())
    except ValidationError:
        return _json(b'{"success":false,"error":"invalid"}', 400)
    return _json(b'{"success":true,"ticketId":"PLAYER-%s"}' % secrets.token_hex(8).encode())


async def _minecraft(request: web.Request) -> web.Response:
    return await _validate(request, MinecraftTicket, "X-API-Key")


async def _roblox(request: web.Request) -> web.Response:
    return await _validate(request, RobloxReport, "apikey")


async def _serve(kind: str, port: int) -> None:
    app = web.Application()
    app.router.add_post("/v1/minecraft/tickets", _noop if kind == "noop" else _minecraft)
    app.router.add_post("/tickets/create-game-report", _noop if kind == "noop" else _roblox)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    await asyncio.Event().wait()


def main() -> None:
    kind, port, *loop = sys.argv[1:]
    if loop == ["uvloop"]:
        import uvloop

        uvloop.run(_serve(kind, int(port)))
    else:
        asyncio.run(_serve(kind, int(port)))


if __name__ == "__main__":
    main()
