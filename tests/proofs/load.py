"""The load: game servers that file tickets, staff who reply in Discord, and a ledger of what they heard."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from bot.sandbox.rest.errors import ControlError
from tests.proofs.process_harness import House
from tests.webhook.conftest import Reply, read_reply

_PATIENCE = 20.0  # seconds for one answer
_LONGEST_WAIT = 1.0  # seconds a sender waits at most where it is told to; a killed process forgets its limits
_PRIORITIES = ("low", "normal", "high")
_BROKEN = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, ValueError)


@dataclass(slots=True)
class Ledger:
    """What everybody was told, by those who were told it. A subject or a text is never used twice."""

    tickets: dict[str, str] = field(default_factory=dict)  # subject -> id, of those acknowledged
    words: set[str] = field(default_factory=set)  # replies and follow-ups that were confirmed
    unknown: set[str] = field(default_factory=set)  # subjects and texts of which nobody heard again
    refused: list[str] = field(default_factory=list)  # what should have been accepted, and was not
    insisted: int = 0  # acknowledged only when they were sent again, with the same Idempotency-Key
    seconds: list[float] = field(default_factory=list)  # that each acknowledged ticket took


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """One game server: which tickets it files, and from where."""

    source: str
    key: str
    category: str
    address: str  # its own address on loopback; one contract's limit is per address
    ordinary: bool  # only game reports of one priority: then posted in the order in which they were accepted


class Line:
    """A connection to the webhook, opened again when it is broken."""

    def __init__(self, port: int, address: str) -> None:
        self._port = port
        self._address = address
        self._writer: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        """As soon as somebody listens."""
        while self._writer is None:
            try:
                self._reader, self._writer = await asyncio.open_connection(
                    "127.0.0.1", self._port, local_addr=(self._address, 0)
                )
            except OSError:
                await asyncio.sleep(0.05)

    async def post(self, path: str, body: object, **headers: str) -> Reply:
        """What was answered, read to its end. Raises one of _BROKEN: nobody knows what became of it."""
        await self.open()
        assert self._writer is not None
        try:
            async with asyncio.timeout(_PATIENCE):
                self._writer.write(_request(path, body, headers))
                reply = await read_reply(self._reader)
        # BaseException: also when it is cancelled, the rest of an answer must not be taken for the next one.
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
    told = json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(told)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + told


class GameServer:
    """Files one ticket after another, and never the same one twice unless it may."""

    def __init__(self, number: int, sender: Sender, house: House, ledger: Ledger, seed: int) -> None:
        self._number = number
        self._sender = sender
        self._house = house
        self._ledger = ledger
        self._chance = random.Random(f"{seed}-{number}")  # noqa: S311 - a repeatable load, no secret
        self._line = Line(house.opening.port, sender.address)
        self._filed = 0

    async def file_on(self, pace: float, acknowledged: Callable[[], object]) -> None:
        """For ever; `pace` are seconds between two tickets, give or take a half."""
        try:
            while True:
                self._filed += 1
                if await self._file(f"load {self._number}-{self._filed}"):
                    acknowledged()
                await asyncio.sleep(pace * self._chance.uniform(0.5, 1.5))
        finally:
            self._line.close()

    async def _file(self, subject: str) -> bool:
        """Whether it was acknowledged."""
        if self._sender.source == "modl":
            insists = self._chance.random() < 0.5
            token = {"Idempotency_Key": subject.replace(" ", "-")} if insists else {}
            body = self._minecraft_ticket(subject)
            kept = await self._send(
                "/v1/minecraft/tickets", body, subject, X_API_Key=self._sender.key, **token
            )
            return kept is not None and self._note(subject, json.loads(kept)["ticketId"])
        is_report = self._sender.ordinary or self._chance.random() < 0.5
        path = "/tickets/create-game-report" if is_report else "/tickets/create"
        kept = await self._send(path, self._roblox_ticket(subject), subject, apikey=self._sender.key)
        if kept is None:
            return False
        name = json.loads(kept)["data"]["TicketId"]
        self._note(subject, name)
        if not is_report and self._chance.random() < 0.2:
            await self._add(name, f"more about {subject}")
        return True

    async def _add(self, name: str, text: str) -> None:
        """What the author of a ticket has to say on top."""
        body = {"content": text, "authorUserId": 1000 + self._number}
        if await self._send(f"/tickets/{name}/reply-member", body, text, apikey=self._sender.key) is not None:
            self._ledger.words.add(text)

    def _note(self, subject: str, name: str) -> bool:
        self._ledger.tickets[subject] = name
        return True

    async def _send(self, path: str, body: object, what: str, **headers: str) -> bytes | None:
        """The body of a 2xx; None if nobody knows. What may be sent again is, until it has its answer."""
        tries = 0
        while True:
            began = time.monotonic()
            tries += 1
            try:
                reply = await self._line.post(path, body, **headers)
            except _BROKEN:
                if "Idempotency_Key" in headers:
                    continue
                self._ledger.unknown.add(what)
                return None
            if reply.status == 429:  # not carried out; a killed process has forgotten the limit
                await asyncio.sleep(min(_LONGEST_WAIT, float(reply.headers.get("retry-after", "1"))))
                continue
            if not 200 <= reply.status < 300:
                self._ledger.refused.append(f"{reply.status} for {what}")
                return None
            self._house.note_answer()
            self._ledger.seconds.append(time.monotonic() - began)
            self._ledger.insisted += tries > 1
            return reply.body

    def _roblox_ticket(self, subject: str) -> object:
        priority = "normal" if self._sender.ordinary else self._chance.choice([*_PRIORITIES, "urgent"])
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
            "priority": self._chance.choice(_PRIORITIES),
        }


class Staff:
    """Mia, who replies in Discord to whatever she sees, with the button and the form."""

    def __init__(self, house: House, ledger: Ledger, seed: int) -> None:
        self._house = house
        self._ledger = ledger
        self._chance = random.Random(f"{seed}-staff")  # noqa: S311 - repeatable, no secret
        self._said = 0

    async def reply_on(self, pace: float) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(pace * self._chance.uniform(0.5, 1.5))
            found = self._a_button()
            if found is not None:
                with suppress(ControlError):  # the button is gone meanwhile
                    await self._reply(*found)

    def _a_button(self) -> tuple[int, str] | None:
        """A message with a Reply button, and the button's id."""
        channels = self._house.sandbox.state.world.channels
        channel = channels[self._chance.choice([*self._house.opening.channels.values()])]
        recent = [*channel.messages.values()][-20:]
        buttons = [
            (message.id, button["custom_id"])
            for message in recent
            for row in message.payload.get("components", [])
            for button in row.get("components", [])
            if str(button.get("custom_id", "")).startswith("ticket:reply:")
        ]
        return self._chance.choice(buttons) if buttons else None

    async def _reply(self, message_id: int, button: str) -> None:
        sandbox = self._house.sandbox
        pressed = await sandbox.press("mia", message_id, button)
        if pressed["modal"] is None:  # the bridge was killed meanwhile
            return
        self._said += 1
        text = f"reply {self._said}"
        self._ledger.unknown.add(text)
        told = await sandbox.modal("mia", pressed["id"], {"text": text})
        if any("is saved" in message["content"] for message in told["messages"]):
            self._ledger.unknown.discard(text)
            self._ledger.words.add(text)


def senders(house: House, *, ordinary_every: int = 3) -> list[Sender]:
    """One for each channel; every so many of them files ordinary game reports alone."""
    found, keys = [], house.opening.keys
    for number, category in enumerate(house.opening.channels):
        source = "series" if category.startswith("c") and category != "chat" else "modl"
        found.append(
            Sender(
                source=source,
                key=keys[source][number % len(keys[source])],
                category=category,
                address=f"127.0.1.{number + 1}",
                ordinary=source == "series" and number % ordinary_every == 0,
            )
        )
    return found


@asynccontextmanager
async def under_load(
    house: House,
    ledger: Ledger,
    *,
    pace: float,
    seed: int,
    staff: float | None = 0.3,
    acknowledged: Callable[[], object] = lambda: None,
) -> AsyncIterator[None]:
    """All of them at work until the block ends; the last requests are cut off, and nobody knows of them.

    `pace` are the seconds between two tickets of each, `staff` those between two replies; None: no replies.
    """
    work = [
        GameServer(number, sender, house, ledger, seed).file_on(pace, acknowledged)
        for number, sender in enumerate(senders(house))
    ]
    work += [] if staff is None else [Staff(house, ledger, seed).reply_on(staff)]
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):
            raise error
