"""Looks names up in threads of their own, so that one that takes long holds up no other."""

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class NameLookup(AbstractResolver):
    """The system's resolver, for aiohttp.

    asyncio's own waits for a thread of a pool that all of the process shares, which a few names without an
    answer fill, and at its end the process waits for them. These threads are daemons and it does not.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises OSError."""
        found = await _in_thread(
            lambda: socket.getaddrinfo(
                host, port, family, socket.SOCK_STREAM, socket.IPPROTO_TCP, socket.AI_ADDRCONFIG
            )
        )
        return [
            ResolveResult(
                hostname=host, host=str(where[0]), port=port, family=kind, proto=protocol, flags=_NUMERIC
            )
            for kind, _, protocol, _, where in found
        ]

    async def close(self) -> None:
        """It holds nothing."""


async def _in_thread(work: Callable[[], Any]) -> Any:
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Any] = loop.create_future()

    def settle(value: Any, error: OSError | UnicodeError | None) -> None:
        if result.done():  # cancelled: its time was over
            return
        if error is None:
            result.set_result(value)
        else:
            result.set_exception(error)

    def run() -> None:
        try:
            value, error = work(), None
        except (OSError, UnicodeError) as raised:
            value, error = None, raised
        with suppress(RuntimeError):  # the loop is closed by now
            loop.call_soon_threadsafe(settle, value, error)

    threading.Thread(target=run, name="name lookup", daemon=True).start()
    return await result
