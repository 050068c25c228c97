"""The Python receiver of pushed events, run as a process."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from aiohttp import ClientError, ClientSession

from bot.clock import utc_now
from bot.outbox.push_client import sign
from bot.tickets.push_endpoints import generate_webhook_secret
from tests.clients.conftest import CLIENTS

RECEIVER = CLIENTS / "python" / "receive_events.py"
SECRET, OTHER = generate_webhook_secret(), generate_webhook_secret()


@dataclass(kw_only=True)
class PythonReceiver:
    url: str
    process: asyncio.subprocess.Process
    session: ClientSession

    async def push(self, headers: dict[str, str], body: str) -> int:
        async with self.session.post(self.url, data=body.encode(), headers=headers) as answer:
            return answer.status

    async def line(self) -> str:
        """What it prints next."""
        assert self.process.stdout is not None
        return (await self.process.stdout.readline()).decode().rstrip()


@asynccontextmanager
async def listening(database: Path, script: Path = RECEIVER) -> AsyncIterator[PythonReceiver]:
    """The receiver until it is killed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(script), "0", str(database)),
        env={**os.environ, "WEBHOOK_SECRET": SECRET},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(60), ClientSession() as session:
            receiver = PythonReceiver(url="", process=process, session=session)
            receiver.url = f"http://127.0.0.1:{(await receiver.line()).rpartition(' ')[2]}/events"
            yield receiver
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def event(number: int, text: str) -> tuple[dict[str, str], str]:
    """The headers and the body of an event."""
    body = json.dumps(
        {"id": f"evt_{number}", "ticketId": f"BUG-{number}", "status": "open", "reply": {"text": text}}
    )
    return sign(f"evt_{number}", body, [SECRET], utc_now()), body


async def test_it_handles_each_event_once_and_none_that_is_not_from_the_bridge(tmp_path: Path) -> None:
    (headers, body), now = event(1, "größer ✅"), utc_now()
    test = '{"id": "evt_test_1", "type": "test"}'
    rotating = sign("evt_2", event(2, "b")[1], [OTHER, SECRET], now)
    async with listening(tmp_path / "events.db") as receiver:
        refused = [
            await receiver.push(headers, body.replace("open", "closed")),
            await receiver.push({**headers, "webhook-id": "evt_3"}, body),
            await receiver.push(sign("evt_1", body, [OTHER], now), body),
            await receiver.push(sign("evt_1", body, [SECRET], now - timedelta(minutes=6)), body),
            await receiver.push({**headers, "webhook-signature": "x"}, body),
            await receiver.push({}, body),
        ]
        taken = [
            await receiver.push(sign("evt_test_1", test, [SECRET], now), test),
            await receiver.push(headers, body),
            await receiver.push(headers, body),
            await receiver.push(rotating, event(2, "b")[1]),
        ]
        handled = [await receiver.line(), await receiver.line()]

    assert refused == [401] * 6
    assert taken == [204] * 4
    assert [json.loads(line.partition(" open ")[2]) for line in handled] == ["größer ✅", "b"]


def changed(folder: Path, *replacements: tuple[str, str]) -> Path:
    """A copy of the receiver with other code in places."""
    code = RECEIVER.read_text("utf-8")
    for old, new in replacements:
        assert code.count(old) == 1
        code = code.replace(old, new)
    (folder / "receiver.py").write_text(code, "utf-8")
    return folder / "receiver.py"


async def test_after_a_crash_it_handles_again_what_it_had_not_noted_as_done(tmp_path: Path) -> None:
    crash = "            if number == 2:\n                os._exit(1)\n"
    crashing = changed(tmp_path, ("            events.mark_h", f"{crash}            events.mark_h"))
    async with listening(tmp_path / "events.db", crashing) as receiver:
        await receiver.push(*event(1, "1"))
        with suppress(ClientError):  # it may end before it answers
            await receiver.push(*event(2, "2"))
        before = [await receiver.line(), await receiver.line()]
        await receiver.process.wait()
    async with listening(tmp_path / "events.db") as receiver:
        again = [await receiver.push(*event(number, str(number))) for number in (1, 2, 3)]
        after = [await receiver.line(), await receiver.line()]

    assert before == ['BUG-1 open "1"', 'BUG-2 open "2"']
    assert again == [204] * 3
    assert after == ['BUG-2 open "2"', 'BUG-3 open "3"']


async def test_an_event_that_failed_is_handled_again_before_later_ones(tmp_path: Path) -> None:
    fails = "    calls.append(event)\n    if len(calls) < 3:\n        raise ValueError\n"
    failing = changed(
        tmp_path,
        ("PAUSE = 5", "calls: list[object] = []\nPAUSE = 0"),
        ("    reply = event.get", f"{fails}    reply = event.get"),
    )
    async with listening(tmp_path / "events.db", failing) as receiver:
        for number in (1, 2):
            await receiver.push(*event(number, str(number)))
        handled = [await receiver.line(), await receiver.line()]

    assert handled == ['BUG-1 open "1"', 'BUG-2 open "2"']
