"""A game server that receives pushed events, and verifies them with the standardwebhooks library."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook

_CLOSING = web.AppKey("closing", asyncio.Event)

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedEvent:
    """A request as it arrived."""

    headers: dict[str, str]
    body: str

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verify(self, secret: str) -> Any:
        """The event. Raises WebhookVerificationError."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass(slots=True, kw_only=True)
class Receiver:
    """Records every request before it is answered."""

    url: str
    received: list[ReceivedEvent] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    answer: Answer

    def known_once(self) -> list[str]:
        """The ids that arrived, each once, as a receiver has them that knows which it has seen."""
        return list(dict.fromkeys(one.id for one in self.received))


async def accept(_: web.Request) -> web.Response:
    return web.Response(status=204)


def answer_with(status: int, text: str = "no", **headers: str) -> Answer:
    """Answer every request alike; `_` in a header's name stands for a hyphen."""

    async def answer(_: web.Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, headers=named, text=text)

    return answer


async def drop_connection(request: web.Request) -> web.Response:
    """What a receiver does that crashes after it has saved the event."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def hang(request: web.Request) -> web.Response:
    """Answer only when the receiver is closed."""
    await request.app[_CLOSING].wait()
    return web.Response()


@asynccontextmanager
async def running_receiver(answer: Answer = accept) -> AsyncIterator[Receiver]:
    receiver = Receiver(url="", answer=answer)

    async def handle(request: web.Request) -> web.StreamResponse:
        receiver.received.append(
            ReceivedEvent(
                headers={name.lower(): value for name, value in request.headers.items()},
                body=(await request.read()).decode(),
            )
        )
        receiver.arrived.set()
        return await receiver.answer(request)

    app = web.Application()
    app[_CLOSING] = asyncio.Event()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/events"
        yield receiver
    finally:
        app[_CLOSING].set()
        await runner.cleanup()
