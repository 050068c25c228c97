"""The fake Discord server: REST API, gateway and control API on one loopback port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from bot.sandbox.control.api import add_routes as add_control_routes
from bot.sandbox.control.controller import SandboxController
from bot.sandbox.model.state import SandboxState, Settings
from bot.sandbox.rest.rate_limits import RateLimit, RateLimiter
from bot.sandbox.rest.routes import PREFIX
from bot.sandbox.rest.routes import add_routes as add_rest_routes

MAX_BODY = 130 * 1024 * 1024  # above Discord's limit, so that its own error is sent


class Sandbox(SandboxController):
    """Fake Discord server; `serve()` runs it, the inherited methods act as users and inject faults."""

    def __init__(
        self,
        token: str = "sandbox-token",  # noqa: S107  # valid only for this sandbox
        *,
        rate_limits: bool | Mapping[str, RateLimit] = True,
        **settings: Any,
    ) -> None:
        """`settings` are the fields of `bot.sandbox.model.state.Settings`, e.g. nonce_window=300.0."""
        super().__init__(SandboxState(Settings(token=token, **settings), RateLimiter(rate_limits)))

    @property
    def token(self) -> str:
        return self.state.settings.token

    @property
    def address(self) -> str:
        return self.state.address

    @property
    def api_base(self) -> str:
        return self.state.address + PREFIX

    @property
    def gateway_url(self) -> str:
        return self.state.gateway.address

    @asynccontextmanager
    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Sandbox]:
        """Listen until the block ends; port 0 takes any free port. Raises OSError for a taken port."""
        # handler_cancellation ends a hanging request when its client disconnects.
        runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port)
            await site.start()
            self._listen_at(host, runner.addresses[0][1])
            yield self
        finally:
            await self.state.cancel_scheduled()
            await self.state.gateway.close()
            await runner.cleanup()

    def _listen_at(self, host: str, port: int) -> None:
        self.state.address = f"http://{host}:{port}"
        self.state.gateway.address = f"ws://{host}:{port}/gateway"

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_get("/gateway", self.state.gateway.serve)
        app.router.add_get("/gateway/", self.state.gateway.serve)
        add_rest_routes(app, self.state)
        add_control_routes(app, self)
        return app
