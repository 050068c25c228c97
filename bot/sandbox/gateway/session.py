"""One gateway session: its replay buffer, sequence number and current WebSocket."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from dataclasses import dataclass, field

from aiohttp import web

from bot.sandbox.model.json import Json

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT = 0, 1, 2, 6, 7
INVALID_SESSION, HELLO, HEARTBEAT_ACK = 9, 10, 11
REPLAY_LIMIT = 5000  # events kept for a resume


class SocketWriter:
    """Sends packets on one WebSocket in order, from a queue."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self.socket = socket
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._heartbeat_requested = False

    def send(self, op: int, data: object, *, name: str | None = None, sequence: int | None = None) -> None:
        self._queue.put_nowait(json.dumps({"op": op, "d": data, "s": sequence, "t": name}))

    def answer_heartbeat(self) -> None:
        """Request a second heartbeat, then acknowledge that one.

        discord.py notes when it sent a heartbeat in another thread, after sending it; over loopback the
        acknowledgement can arrive earlier, and its latency is then the whole heartbeat interval. The time of
        a requested heartbeat is noted before it is sent.
        """
        self._heartbeat_requested = not self._heartbeat_requested
        self.send(HEARTBEAT if self._heartbeat_requested else HEARTBEAT_ACK, None)

    async def run(self) -> None:
        """Send queued packets until the connection breaks."""
        while not self.socket.closed:
            frame = await self._queue.get()
            try:
                await self.socket.send_str(frame)
            except ConnectionError:
                return

    async def close(self, code: int, reason: str = "") -> None:
        await self.socket.close(code=code, message=reason.encode())


@dataclass(kw_only=True, slots=True)
class Session:
    intents: int
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    sequence: int = 0
    writer: SocketWriter | None = None
    sent: deque[tuple[int, str, Json]] = field(default_factory=lambda: deque(maxlen=REPLAY_LIMIT))

    def dispatch(self, name: str, data: Json) -> None:
        """Send an event, or keep it for when the session is resumed."""
        self.sequence += 1
        self.sent.append((self.sequence, name, data))
        if self.writer is not None:
            self.writer.send(DISPATCH, data, name=name, sequence=self.sequence)

    def resume(self, writer: SocketWriter, seen: int) -> None:
        """Continue on a new WebSocket: replay the events after `seen`, then RESUMED."""
        self.writer = writer
        for sequence, name, data in self.sent:
            if sequence > seen:
                writer.send(DISPATCH, data, name=name, sequence=sequence)
        self.dispatch("RESUMED", {})
