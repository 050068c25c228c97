"""Raw HTTP requests to a served sandbox, for tests of statuses and error bodies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from bot.sandbox import DemoGuild, Sandbox, demo_guild
from bot.sandbox.model.json import Json


@dataclass(kw_only=True)
class RawApi:
    """A session that sends raw requests with the bot's token."""

    sandbox: Sandbox
    guild: DemoGuild
    session: aiohttp.ClientSession

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        """Return the status and the JSON of the response (None for a 204)."""
        headers = {"Authorization": f"Bot {self.sandbox.token}"}
        address = self.sandbox.api_base + path
        async with self.session.request(method, address, json=body, headers=headers, **more) as response:
            return response.status, await response.json() if response.status != 204 else None

    @property
    def messages(self) -> str:
        return f"/channels/{self.guild.channels['tickets']}/messages"

    async def send(self, body: Json) -> tuple[int, Any]:
        return await self.call("POST", self.messages, body)


@asynccontextmanager
async def serve_raw_api() -> AsyncIterator[RawApi]:
    sandbox = Sandbox(rate_limits=False)
    guild = demo_guild(sandbox)
    async with sandbox.serve(), aiohttp.ClientSession() as session:
        yield RawApi(sandbox=sandbox, guild=guild, session=session)


def form_error_codes(errors: Json, path: str = "") -> dict[str, str]:
    """Flatten Discord's nested form errors to {"embeds.0.title": code}."""
    found: dict[str, str] = {}
    for key, value in errors.items():
        if key == "_errors":
            found[path] = value[0]["code"]
        else:
            found |= form_error_codes(value, f"{path}.{key}".lstrip("."))
    return found
