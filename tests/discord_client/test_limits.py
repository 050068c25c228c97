"""A limit that Discord names by a code is raised at once; discord.py waits for all others by itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.discord_client.invalid_requests import InvalidRequestGuard
from bot.discord_client.middlewares import LimitReached, limit_middleware
from bot.outbox.circuit_breaker import CircuitBreaker

EDIT_LIMIT = {"message": "Try again later", "code": 30046, "retry_after": 0.2, "global": False}


@asynccontextmanager
async def session_to(body: str | dict[str, Any], guard: InvalidRequestGuard) -> AsyncIterator[Any]:
    """A session, and the address of a server that answers 429 with `body`."""

    async def limit(_: web.Request) -> web.Response:
        if isinstance(body, str):
            return web.Response(text=body, status=429, content_type="text/html")
        return web.json_response(body, status=429, headers={"Via": "1.1 google"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", limit)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with aiohttp.ClientSession(
        address, middlewares=(limit_middleware,), trace_configs=[guard.trace_config()]
    ) as session:
        yield session
    await runner.cleanup()


@pytest.fixture
def guard() -> InvalidRequestGuard:
    return InvalidRequestGuard(CircuitBreaker())


async def test_a_limit_with_a_code_is_raised_with_it_and_counted_once(guard: InvalidRequestGuard) -> None:
    async with session_to(EDIT_LIMIT, guard) as session:
        with pytest.raises(LimitReached) as raised:
            await session.patch("/api/v10/channels/1/messages/2")

    assert (raised.value.code, raised.value.seconds) == (30046, 0.2)
    assert (guard.invalid_count, guard.responses) == (1, {429: 1})


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v10/channels/1/messages/2", {"retry_after": 0.2, "global": False}),
        ("/api/v10/channels/1/messages/2", EDIT_LIMIT | {"code": 0}),
        ("/api/v10/channels/1/messages/2", EDIT_LIMIT | {"global": True}),
        ("/api/v10/channels/1/messages/2", "<html>error code: 1015</html>"),
        ("/api/v10/webhooks/1/token", EDIT_LIMIT),
    ],
    ids=["no code", "code 0", "global", "a page of Cloudflare's", "an interaction"],
)
async def test_every_other_rate_limit_is_left_to_discord_py(
    guard: InvalidRequestGuard, path: str, body: str | dict[str, Any]
) -> None:
    async with session_to(body, guard) as session, session.patch(path) as response:
        assert response.status == 429
        assert await response.read()

    assert guard.responses == {429: 1}
