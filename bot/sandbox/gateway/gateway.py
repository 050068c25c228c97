"""Gateway server: hello, heartbeat, identify, resume and events; plain JSON, no compression."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

from bot.sandbox.gateway.events import Intent, filter_event
from bot.sandbox.gateway.session import (
    HEARTBEAT,
    HELLO,
    IDENTIFY,
    INVALID_SESSION,
    RECONNECT,
    RESUME,
    Session,
    SocketWriter,
)
from bot.sandbox.model.guilds import Channel, Guild, Member, World
from bot.sandbox.model.json import Json, parse_int
from bot.sandbox.model.payloads import guild_create_payload, own_user_payload

if TYPE_CHECKING:
    from bot.sandbox.model.state import Settings

CLOSE_UNKNOWN_OPCODE, CLOSE_DECODE, CLOSE_NOT_AUTHENTICATED, CLOSE_WRONG_TOKEN = 4001, 4002, 4003, 4004
CLOSE_ALREADY, CLOSE_DISALLOWED = 4005, 4014
IGNORED = (3, 4)  # presence and voice updates


class CloseConnection(Exception):
    """Closes the WebSocket with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Gateway:
    """Gateway sessions by id, kept for resuming; `address` is set once the server listens."""

    def __init__(self, world: World, settings: Settings) -> None:
        self._world = world
        self._settings = settings
        self.address = ""
        self.sessions: dict[str, Session] = {}
        self._writers: set[SocketWriter] = set()
        self._identified = asyncio.Event()

    def emit(self, name: str, data: Json, channel: Channel | None = None) -> None:
        """Send an event to every session that may receive it; later changes of `data` have no effect."""
        frozen = json.loads(json.dumps(data))
        for session in self.sessions.values():
            sent = filter_event(self._world, session.intents, name, frozen, channel)
            if sent is not None:
                session.dispatch(name, sent)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=1 << 20)
        await socket.prepare(request)
        writer = SocketWriter(socket)
        self._writers.add(writer)
        sender = asyncio.create_task(writer.run())
        writer.send(HELLO, {"heartbeat_interval": self._settings.heartbeat_interval, "_trace": ["sandbox"]})
        try:
            await self._read_packets(writer)
        except CloseConnection as closing:
            await writer.close(closing.code, closing.reason)
        finally:
            self._writers.discard(writer)
            sender.cancel()
            for session in self.sessions.values():
                session.writer = None if session.writer is writer else session.writer
        return socket

    async def _read_packets(self, writer: SocketWriter) -> None:
        session: Session | None = None
        async for frame in writer.socket:
            if frame.type is not WSMsgType.TEXT:
                continue
            try:
                packet = json.loads(frame.data)
                op, data = packet["op"], packet.get("d")
            except (ValueError, KeyError, TypeError) as error:
                raise CloseConnection(CLOSE_DECODE, "Error while decoding payload.") from error
            session = self._handle_packet(writer, session, op, data)

    def _handle_packet(
        self, writer: SocketWriter, session: Session | None, op: int, data: Json
    ) -> Session | None:
        """Handle one packet and return the connection's session, if it has one."""
        if op == HEARTBEAT:
            writer.answer_heartbeat()
            return session
        if op in (IDENTIFY, RESUME):
            if session is not None:
                raise CloseConnection(CLOSE_ALREADY, "Already authenticated.")
            return self._identify(writer, data) if op == IDENTIFY else self._resume(writer, data)
        if session is None:
            raise CloseConnection(CLOSE_NOT_AUTHENTICATED, "Not authenticated.")
        if op not in IGNORED:
            raise CloseConnection(CLOSE_UNKNOWN_OPCODE, "Unknown opcode.")
        return session

    def _identify(self, writer: SocketWriter, data: Json) -> Session:
        self._check_token(data)
        intents = parse_int(data.get("intents")) or 0
        if intents & self._settings.disallowed_intents:
            raise CloseConnection(CLOSE_DISALLOWED, "Disallowed intent(s).")
        session = Session(intents=intents, writer=writer)
        self.sessions[session.id] = session
        self._identified.set()
        guilds = [guild for guild in self._world.guilds.values() if self._world.bot.id in guild.members]
        session.dispatch("READY", self._ready(session, guilds))
        for guild in guilds if intents & Intent.GUILDS else []:
            members = self._visible_members(session, guild)
            session.dispatch("GUILD_CREATE", guild_create_payload(self._world, guild, members))
        return session

    def announce_guild_join(self, guild: Guild) -> None:
        """Send GUILD_CREATE as for a newly joined guild: without `unavailable`, unlike at login."""
        for session in self.sessions.values():
            if session.intents & Intent.GUILDS:
                payload = guild_create_payload(self._world, guild, self._visible_members(session, guild))
                payload.pop("unavailable")
                session.dispatch("GUILD_CREATE", json.loads(json.dumps(payload)))

    def _visible_members(self, session: Session, guild: Guild) -> list[Member]:
        """Return all members with the presences intent, otherwise only the bot."""
        if session.intents & Intent.GUILD_PRESENCES:
            return list(guild.members.values())
        return [guild.members[self._world.bot.id]]

    def _check_token(self, data: Json) -> None:
        if str(data.get("token", "")).removeprefix("Bot ") != self._settings.token:
            raise CloseConnection(CLOSE_WRONG_TOKEN, "Authentication failed.")

    def _ready(self, session: Session, guilds: list[Guild]) -> Json:
        allowed = {13: Intent.GUILD_PRESENCES, 15: Intent.GUILD_MEMBERS, 19: Intent.MESSAGE_CONTENT}
        flags = sum(1 << bit for bit, i in allowed.items() if not i & self._settings.disallowed_intents)
        return {
            "v": 10,
            "user": own_user_payload(self._world.bot),
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "resume_gateway_url": self.address,
            "session_type": "normal",
            "shard": [0, 1],
            "application": {
                "id": str(self._world.application_id),
                "flags": flags,
                "flags_new": str(flags),
            },
            "private_channels": [],
            "relationships": [],
            "presences": [],
            "user_settings": {},
            "_trace": ["sandbox"],
        }

    def _resume(self, writer: SocketWriter, data: Json) -> Session | None:
        self._check_token(data)
        session = self.sessions.get(str(data.get("session_id")))
        if session is None:
            writer.send(INVALID_SESSION, False)
            return None
        session.resume(writer, parse_int(data.get("seq")) or 0)
        return session

    async def wait_for_bot(self, seconds: float) -> None:
        """Wait until a bot has identified for the first time, or until the timeout in seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._identified.wait()

    async def disconnect(self, *, resumable: bool = True, code: int | None = None) -> int:
        """Send op 7, or op 9 if not resumable, or close with `code`; returns the number of sessions."""
        connected = [session for session in self.sessions.values() if session.writer is not None]
        for session in connected:
            writer, session.writer = session.writer, None
            if not resumable:
                del self.sessions[session.id]
            if writer is not None and code is not None:
                await writer.close(code)
            elif writer is not None:
                writer.send(RECONNECT, None) if resumable else writer.send(INVALID_SESSION, False)
        return len(connected)

    async def close(self) -> None:
        for writer in list(self._writers):
            await writer.close(1001)
