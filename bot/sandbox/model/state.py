"""State of the fake Discord server: world, gateway, commands, interactions, files, request log."""

from __future__ import annotations

import asyncio
import mimetypes
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.sandbox.control.faults import Faults
from bot.sandbox.gateway.gateway import Gateway
from bot.sandbox.model.guilds import Channel, Message, World
from bot.sandbox.model.json import Json
from bot.sandbox.model.payloads import channel_payload, message_event_payload
from bot.sandbox.rest.errors import UNKNOWN_MESSAGE, discord_error
from bot.sandbox.rest.rate_limits import RateLimiter
from bot.sandbox.validation.messages import File

if TYPE_CHECKING:
    from bot.sandbox.services.interactions import Interaction


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Configuration; each default is Discord's documented value, or a guess where none is documented."""

    token: str
    nonce_window: float = 300.0  # seconds; Discord says "the past few minutes"
    heartbeat_interval: int = 41_250  # milliseconds
    callback_deadline: float = 3.0  # seconds for the initial response
    followup_timeout: float = 10.0  # seconds a control call waits after a deferral
    token_lifetime: float = 900.0  # seconds an interaction's token lives
    echo: bool = True  # whether the bot receives MESSAGE_CREATE for its own messages
    disallowed_intents: int = 0  # identifying with one of these closes the gateway with 4014
    attachment_size_limit: int = 10 * 1024 * 1024  # bytes per file
    old_message_age: float = 3600.0  # seconds after which edits of a message are limited per channel
    max_active_threads: int = 1000  # of a guild
    blocked_words: tuple[str, ...] = ()  # AutoMod refuses messages and thread names with one of these
    harmful_links: tuple[str, ...] = ()  # messages with one of these are refused too
    seed: int | None = None  # of the random decisions of faults with a chance


@dataclass(kw_only=True, slots=True)
class LoggedRequest:
    method: str
    path: str
    query: str
    time: float  # time.monotonic() at arrival
    body: object = None
    status: int | None = None  # None while it runs, or if no response was sent

    def to_json(self) -> Json:
        return {name: getattr(self, name) for name in self.__slots__}


class SandboxState:
    """Everything that the REST routes, the gateway and the control API share."""

    def __init__(self, settings: Settings, rate_limiter: RateLimiter) -> None:
        self.settings = settings
        self.world = World()
        self.gateway = Gateway(self.world, settings)
        self.rate_limiter = rate_limiter
        self.faults = Faults(settings.seed)
        self.requests: list[LoggedRequest] = []
        self.commands: dict[int | None, list[Json]] = {}
        self.interactions: dict[int, Interaction] = {}
        self.ephemeral: dict[int, Message] = {}
        self.files: dict[int, File] = {}
        self.address = ""
        self._nonces: dict[tuple[int, str], tuple[int, float]] = {}
        self.scheduled: set[asyncio.Task[None]] = set()

    def schedule(self, seconds: float, action: Callable[[], Awaitable[object]]) -> None:
        """Run an action after a delay, independent of the request that asked for it."""

        async def wait_and_run() -> None:
            await asyncio.sleep(seconds)
            await action()

        task = asyncio.create_task(wait_and_run())
        self.scheduled.add(task)
        task.add_done_callback(self.scheduled.discard)

    async def cancel_scheduled(self) -> None:
        for task in self.scheduled:
            task.cancel()
        await asyncio.gather(*self.scheduled, return_exceptions=True)

    def emit(self, name: str, data: Json, channel: Channel | None = None) -> None:
        self.gateway.emit(name, data, channel=channel)

    def emit_message(self, name: str, message: Message, **extra: object) -> None:
        data = message_event_payload(self.world, message) | extra
        self.emit(name, data, self.world.channels[message.channel_id])

    def emit_channel(self, verb: str, channel: Channel, **extra: object) -> None:
        """Send CHANNEL_CREATE or _UPDATE, or the THREAD_ event for a thread."""
        noun = "THREAD" if channel.is_thread else "CHANNEL"
        self.emit(f"{noun}_{verb}", channel_payload(self.world, channel) | extra, channel)

    def store_file(self, file: File) -> Json:
        """Store a file and return the attachment object with its URL."""
        file_id = self.world.next_id()
        self.files[file_id] = file
        name = file.filename.replace(" ", "_")
        url = f"{self.address}/attachments/{file_id}/{name}"
        attachment: Json = {
            "id": str(file_id),
            "filename": name,
            "size": len(file.content),
            "url": url,
            "proxy_url": url,
            "content_type": content_type_of(file),
        }
        return attachment | {"description": file.description} if file.description else attachment

    def remember_nonce(self, message: Message) -> None:
        self._nonces[message.author_id, str(message.nonce)] = (message.id, time.monotonic())

    def message_with_nonce(self, author_id: int, nonce: object) -> int | None:
        """Return the id of this author's message with this nonce within the nonce window, any channel."""
        message_id, sent = self._nonces.get((author_id, str(nonce)), (None, 0.0))
        return message_id if time.monotonic() - sent < self.settings.nonce_window else None

    def find_message(self, message_id: int) -> Message:
        """Return a message by id; raises `DiscordApiError` 10008 if it was deleted."""
        for channel in self.world.channels.values():
            if message_id in channel.messages:
                return channel.messages[message_id]
        raise discord_error(UNKNOWN_MESSAGE)


def content_type_of(file: File) -> str:
    """Guess the content type from the file name, as Discord does; text is UTF-8."""
    kind = mimetypes.guess_type(file.filename)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
