"""The load: game servers that file tickets, staff who reply in Discord, and a ledger of the answers."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from bot.sandbox.rest.errors import ControlError
from tests.proofs.process_harness import BridgeProcess
from tests.webhook.conftest import Reply, read_reply

_ANSWER_TIMEOUT = 20.0  # seconds for one answer
_MAX_RETRY_AFTER = 1.0  # seconds that a 429 is obeyed for at most; a killed process forgets its rate limits
_PRIORITIES = ("low", "normal", "high")
_UNKNOWN_OUTCOME = (
    OSError,
    asyncio.IncompleteReadError,
    asyncio.LimitOverrunError,
    TimeoutError,
    ValueError,
)


@dataclass(slots=True)
class Ledger:
    """Every answer, as its client read it. A subject or a text is never used twice."""

    tickets: dict[str, str] = field(default_factory=dict)  # subject -> id, of those acknowledged
    messages: set[str] = field(default_factory=set)  # texts of replies and follow-ups that were confirmed
    unknown: set[str] = field(default_factory=set)  # subjects and texts whose answer never came
    refused: list[str] = field(default_factory=list)  # what should have been accepted, and was not
    retried: int = 0  # acknowledged only when they were sent again, with the same Idempotency-Key
    seconds: list[float] = field(default_factory=list)  # that each acknowledged ticket took


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """One game server: which tickets it files, and from where."""

    source: str
    key: str
    category: str
    address: str  # its own loopback address; one contract's rate limit is per address
    ordinary: bool  # only game reports of one priority: these are posted in the order they were accepted in


class Connection:
    """A connection to the webhook, opened again when it breaks."""

    def __init__(self, port: int, address: str) -> None:
        self._port = port
        self._address = address
        self._writer: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        """Try until the bridge listens."""
        while self._writer is None:
            try:
                self._reader, self._writer = await asyncio.open_connection(
                    "127.0.0.1", self._port, local_addr=(self._address, 0)
                )
            except OSError:
                await asyncio.sleep(0.05)

    async def post(self, path: str, body: object, **headers: str) -> Reply:
        """POST and read the whole answer. Raises one of _UNKNOWN_OUTCOME."""
        await self.open()
        assert self._writer is not None
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT):
                self._writer.write(_request(path, body, headers))
                reply = await read_reply(self._reader)
        # BaseException: after a cancellation, too, the rest of this answer must not be read as the next one.
        except BaseException:
            self.close()
            raise
        if reply.headers.get("connection") == "close":
            self.close()
        return reply

    def close(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = None


def _request(path: str, body: object, headers: dict[str, str]) -> bytes:
    content = json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


class GameServer:
    """Files one ticket after another, and repeats a request only with an Idempotency-Key."""

    def __init__(self, number: int, sender: Sender, bridge: BridgeProcess, ledger: Ledger, seed: int) -> None:
        self._number = number
        self._sender = sender
        self._bridge = bridge
        self._ledger = ledger
        self._rng = random.Random(f"{seed}-{number}")  # noqa: S311 - a repeatable load, no secret
        self._connection = Connection(bridge.config.port, sender.address)
        self._count = 0

    async def run(self, pace: float, on_accepted: Callable[[], object]) -> None:
        """File tickets until cancelled; `pace` are seconds between two of them, give or take a half."""
        try:
            while True:
                self._count += 1
                if await self._create_ticket(f"load {self._number}-{self._count}"):
                    on_accepted()
                await asyncio.sleep(pace * self._rng.uniform(0.5, 1.5))
        finally:
            self._connection.close()

    async def _create_ticket(self, subject: str) -> bool:
        """Whether it was acknowledged."""
        if self._sender.source == "modl":
            return await self._create_minecraft_ticket(subject)
        is_report = self._sender.ordinary or self._rng.random() < 0.5
        path = "/tickets/create-game-report" if is_report else "/tickets/create"
        body = await self._send(path, self._roblox_ticket(subject), subject, apikey=self._sender.key)
        if body is None:
            return False
        ticket_id = json.loads(body)["data"]["TicketId"]
        self._ledger.tickets[subject] = ticket_id
        if not is_report and self._rng.random() < 0.2:
            await self._follow_up(ticket_id, f"more about {subject}")
        return True

    async def _create_minecraft_ticket(self, subject: str) -> bool:
        has_key = self._rng.random() < 0.5
        header = {"Idempotency_Key": subject.replace(" ", "-")} if has_key else {}
        ticket = self._minecraft_ticket(subject)
        body = await self._send(
            "/v1/minecraft/tickets", ticket, subject, X_API_Key=self._sender.key, **header
        )
        if body is None:
            return False
        self._ledger.tickets[subject] = json.loads(body)["ticketId"]
        return True

    async def _follow_up(self, ticket_id: str, text: str) -> None:
        body = {"content": text, "authorUserId": 1000 + self._number}
        path = f"/tickets/{ticket_id}/reply-member"
        if await self._send(path, body, text, apikey=self._sender.key) is not None:
            self._ledger.messages.add(text)

    async def _send(self, path: str, body: object, subject: str, **headers: str) -> bytes | None:
        """The body of a 2xx; None if the outcome is unknown. Retries if there is an Idempotency-Key."""
        attempts = 0
        while True:
            started_at = time.monotonic()
            attempts += 1
            try:
                reply = await self._connection.post(path, body, **headers)
            except _UNKNOWN_OUTCOME:
                if "Idempotency_Key" in headers:
                    continue
                self._ledger.unknown.add(subject)
                return None
            if reply.status == 429:  # not carried out
                await asyncio.sleep(min(_MAX_RETRY_AFTER, float(reply.headers.get("retry-after", "1"))))
                continue
            if not 200 <= reply.status < 300:
                self._ledger.refused.append(f"{reply.status} for {subject}")
                return None
            self._bridge.record_2xx()
            self._ledger.seconds.append(time.monotonic() - started_at)
            self._ledger.retried += attempts > 1
            return reply.body

    def _roblox_ticket(self, subject: str) -> object:
        priority = "normal" if self._sender.ordinary else self._rng.choice([*_PRIORITIES, "urgent"])
        return {
            "subject": subject,
            "category": self._sender.category,
            "message": "Somebody walks through walls.",
            "priority": priority,
            "authorUserId": 1000 + self._number,
            "authorUsername": f"player{self._number}",
            "authorAvatarUrl": "https://tr.rbxcdn.com/avatar-url",
            "placeId": "123456789",
            "serverId": f"server-{self._number}",
        }

    def _minecraft_ticket(self, subject: str) -> object:
        return {
            "creatorUuid": f"550e8400-e29b-41d4-a716-{self._number:012d}",
            "creatorName": f"player{self._number}",
            "type": self._sender.category,
            "subject": subject,
            "description": "Somebody walks through walls.",
            "priority": self._rng.choice(_PRIORITIES),
        }


class Staff:
    """A member of staff who replies to tickets in Discord, with the button and the modal."""

    def __init__(self, bridge: BridgeProcess, ledger: Ledger, seed: int) -> None:
        self._bridge = bridge
        self._ledger = ledger
        self._rng = random.Random(f"{seed}-staff")  # noqa: S311 - repeatable, no secret
        self._count = 0

    async def run(self, pace: float) -> None:
        """Reply until cancelled; `pace` are seconds between two replies, give or take a half."""
        while True:
            await asyncio.sleep(pace * self._rng.uniform(0.5, 1.5))
            button = self._find_reply_button()
            if button is not None:
                with suppress(ControlError):  # the button has been removed since
                    await self._reply(*button)

    def _find_reply_button(self) -> tuple[int, str] | None:
        """A recent message with a Reply button, and the button's custom id."""
        channels = self._bridge.sandbox.state.world.channels
        channel = channels[self._rng.choice([*self._bridge.config.channels.values()])]
        recent = [*channel.messages.values()][-20:]
        buttons = [
            (message.id, button["custom_id"])
            for message in recent
            for row in message.payload.get("components", [])
            for button in row.get("components", [])
            if str(button.get("custom_id", "")).startswith("ticket:reply:")
        ]
        return self._rng.choice(buttons) if buttons else None

    async def _reply(self, message_id: int, button: str) -> None:
        sandbox = self._bridge.sandbox
        pressed = await sandbox.press("mia", message_id, button)
        if pressed["modal"] is None:  # the bridge was killed before it answered
            return
        self._count += 1
        text = f"reply {self._count}"
        self._ledger.unknown.add(text)
        submitted = await sandbox.modal("mia", pressed["id"], {"text": text})
        if any(message["content"].startswith("✅") for message in submitted["messages"]):
            self._ledger.unknown.discard(text)
            self._ledger.messages.add(text)


def _senders(bridge: BridgeProcess, *, ordinary_every: int = 3) -> list[Sender]:
    """One for each channel; every so many of them files ordinary game reports alone."""
    senders, keys = [], bridge.config.keys
    for number, category in enumerate(bridge.config.channels):
        source = "series" if category.startswith("c") and category != "chat" else "modl"
        senders.append(
            Sender(
                source=source,
                key=keys[source][number % len(keys[source])],
                category=category,
                address=f"127.0.1.{number + 1}",
                ordinary=source == "series" and number % ordinary_every == 0,
            )
        )
    return senders


def ordinary_channels(bridge: BridgeProcess) -> frozenset[int]:
    """The channels whose tickets are all game reports of one priority."""
    return frozenset(bridge.config.channels[one.category] for one in _senders(bridge) if one.ordinary)


@asynccontextmanager
async def under_load(
    bridge: BridgeProcess,
    ledger: Ledger,
    *,
    pace: float,
    seed: int,
    staff: float | None = 0.3,
    on_accepted: Callable[[], object] = lambda: None,
) -> AsyncIterator[None]:
    """Run all game servers and staff until the block ends; the last requests are cut off.

    `pace` are the seconds between two tickets of each server, `staff` those between two replies; None: no
    replies.
    """
    work = [
        GameServer(number, sender, bridge, ledger, seed).run(pace, on_accepted)
        for number, sender in enumerate(_senders(bridge))
    ]
    work += [] if staff is None else [Staff(bridge, ledger, seed).run(staff)]
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
    finally:
        pending = set(tasks)
        while pending:  # a cancellation is lost if a timeout expires at the same moment
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=1)
    for task in tasks:
        if not task.cancelled() and (error := task.exception()):
            raise error
