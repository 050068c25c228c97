"""Proof: what Discord refuses for one ticket of a channel holds up no other ticket of it.

Each case makes one kind of trouble in a channel of its own, and files tickets there until Discord has refused
something because of it: each must be posted within seconds. When the trouble is over, everything that it held
back must arrive.
"""

import asyncio
import itertools
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from bot.sandbox import Permission
from bot.sandbox.model.state import LoggedRequest
from bot.sources.series import examples as series
from tests.proofs.kills import wait_until_posted
from tests.proofs.outcome import OnProgress, Outcome, ignore_progress
from tests.proofs.process_harness import PROCESS_TIMEOUT, BridgeProcess, bridge_process
from tests.support.bridge_harness import wait_for

_NO_LIMIT = 1_000_000
_GIVE_UP = 60.0  # seconds, after which a case that has not come about is wrong
_CATCH_UP = 120.0  # seconds in which everything must arrive when the trouble is over
_REPORT = "/tickets/create-game-report", series.GAME_REPORT
_TICKET = "/tickets/create", series.TICKET
_BAD_WORD = "teleports"  # in the text of one ticket alone


@dataclass(frozen=True, slots=True, kw_only=True)
class LanesSettings:
    tickets: int = 20  # filed in each case, at least
    within: float = 5.0  # seconds in which each must be posted
    speed: float = 1.0
    bug: str | None = None


@dataclass(slots=True)
class Channel:
    """One channel of the bridge, and what its category is called."""

    bridge: BridgeProcess
    session: aiohttp.ClientSession
    category: str
    numbers: "itertools.count[int]"
    filed: list[str] = field(default_factory=list)  # subjects

    @property
    def id(self) -> int:
        return self.bridge.config.channels[self.category]

    async def file(self, *, report: bool, text: str = "Somebody walks through walls.") -> str:
        """File a ticket; its subject."""
        subject = f"{self.category} {next(self.numbers)}"
        key = self.bridge.config.keys["series"][len(self.filed) % 6]
        path, example = _REPORT if report else _TICKET
        body = dict(example) | {"subject": subject, "category": self.category, "message": text}
        async with self.session.post(path, json=body, headers={"apikey": key}) as response:
            assert response.status == 200, await response.text()
        self.bridge.record_2xx()
        self.filed.append(subject)
        return subject

    def message_of(self, subject: str) -> int | None:
        """The id of the message that shows a ticket alone or with others."""
        for message in reversed([*self.bridge.sandbox.state.world.channels[self.id].messages.values()]):
            titles = [str(embed.get("title")) for embed in message.payload["embeds"]]
            if any(title.endswith(subject) for title in titles):
                return message.id
        return None

    async def wait_until_posted(self, subject: str, seconds: float = _GIVE_UP) -> float:
        """Seconds until the ticket is posted; those waited if it is not."""
        started_at = time.monotonic()
        with suppress(AssertionError):
            await wait_for(lambda: self.message_of(subject), seconds)
        return time.monotonic() - started_at

    async def claim(self, subject: str) -> None:
        """Claim a posted ticket with its button, so that its post is changed."""
        message_id = self.message_of(subject)
        rows = (
            self.bridge.sandbox.state.world.channels[self.id].messages[message_id or 0].payload["components"]
        )
        button = next(
            one["custom_id"] for row in rows for one in row["components"] if one.get("label") == "Claim"
        )
        await self.bridge.sandbox.press("mia", message_id or 0, button)

    async def open_private_ticket(self, user: str) -> None:
        sandbox = self.bridge.sandbox
        form = await sandbox.command(user, self.id, "ticket open")
        filled = {"category": [self.category], "subject": "Lost", "body": "My sword."}
        await sandbox.modal(user, form["id"], filled)

    def refusals(self, method: str, path: str, *statuses: int) -> int:
        """How many requests that contain `path` were refused."""
        return sum(_is_refusal(one, method, path, statuses) for one in self.bridge.sandbox.state.requests)


def _is_refusal(request: LoggedRequest, method: str, path: str, statuses: tuple[int, ...]) -> bool:
    return request.method == method and path in request.path and request.status in statuses


# In the block there is trouble in the channel; yields how many requests Discord has refused because of it.
Trouble = Callable[[Channel], AbstractAsyncContextManager[Callable[[], int]]]


@asynccontextmanager
async def _thread_without_its_reporter(
    channel: Channel, user: str, leave: Callable[[], object]
) -> AsyncIterator[Callable[[], int]]:
    """A player opens a ticket and cannot be added to its thread, which could not be started before."""
    sandbox = channel.bridge.sandbox
    sandbox.change_settings(max_active_threads=0)
    await channel.open_private_ticket(user)
    await wait_for(lambda: channel.refusals("POST", f"/channels/{channel.id}/threads", 400))
    leave()
    sandbox.change_settings(max_active_threads=_NO_LIMIT)
    yield lambda: channel.refusals("PUT", "/thread-members/", 403, 404)


def _reporter_who_left(channel: Channel) -> AbstractAsyncContextManager[Callable[[], int]]:
    return _thread_without_its_reporter(channel, "pete", lambda: channel.bridge.sandbox.remove_member("pete"))


def _reporter_who_sees_nothing(channel: Channel) -> AbstractAsyncContextManager[Callable[[], int]]:
    sandbox = channel.bridge.sandbox
    return _thread_without_its_reporter(
        channel,
        "paula",
        lambda: sandbox.set_overwrite(channel.id, "paula", deny=Permission.VIEW_CHANNEL),
    )


@asynccontextmanager
async def _limit_of_edits(channel: Channel) -> AsyncIterator[Callable[[], int]]:
    sandbox = channel.bridge.sandbox
    old = await channel.file(report=True)
    await channel.wait_until_posted(old)
    sandbox.change_settings(old_message_age=0.0)
    sandbox.set_rate_limit("old-edits", requests=0, per=0.5)
    await channel.claim(old)
    yield lambda: channel.refusals("PATCH", f"/channels/{channel.id}/messages/", 429)
    sandbox.set_rate_limit("old-edits", requests=_NO_LIMIT, per=1.0)


@asynccontextmanager
async def _refused_edit(channel: Channel) -> AsyncIterator[Callable[[], int]]:
    sandbox = channel.bridge.sandbox
    old = await channel.file(report=True, text=f"Somebody {_BAD_WORD}.")
    await channel.wait_until_posted(old)
    sandbox.change_settings(blocked_words=[_BAD_WORD])
    await channel.claim(old)
    yield lambda: channel.refusals("PATCH", f"/channels/{channel.id}/messages/", 400)
    sandbox.change_settings(blocked_words=[])


@asynccontextmanager
async def _limit_of_threads(channel: Channel) -> AsyncIterator[Callable[[], int]]:
    sandbox = channel.bridge.sandbox
    sandbox.change_settings(max_active_threads=0)
    yield lambda: channel.refusals("POST", f"/channels/{channel.id}/messages/", 400)
    sandbox.change_settings(max_active_threads=_NO_LIMIT)


@asynccontextmanager
async def _forbidden_threads(channel: Channel) -> AsyncIterator[Callable[[], int]]:
    sandbox, bot = channel.bridge.sandbox, channel.bridge.guild.members["ticketbridge"]
    sandbox.set_overwrite(channel.id, bot, deny=Permission.CREATE_PUBLIC_THREADS)
    yield lambda: channel.refusals("POST", f"/channels/{channel.id}/messages/", 403)
    sandbox.set_overwrite(channel.id, bot, allow=Permission.CREATE_PUBLIC_THREADS)


# Whether the tickets that are filed are game reports, which have no threads.
_CASES: dict[str, tuple[Trouble, bool]] = {
    "a reporter who left": (_reporter_who_left, True),
    "a reporter who cannot see the channel": (_reporter_who_sees_nothing, True),
    "the limit of edits of old messages": (_limit_of_edits, True),
    "a refused edit": (_refused_edit, True),
    "the limit of active threads": (_limit_of_threads, False),
    "threads that are forbidden": (_forbidden_threads, False),
}


async def lanes(settings: LanesSettings, on_progress: OnProgress = ignore_progress) -> Outcome:
    """Make each kind of trouble in turn, then look whether everything arrived."""
    wrong: list[str] = []
    figures: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        async with bridge_process(
            Path(folder), channels=len(_CASES), bug=settings.bug, speed=settings.speed
        ) as bridge:
            await bridge.start()
            await _wait_until_listening(bridge)
            async with aiohttp.ClientSession(f"http://127.0.0.1:{bridge.config.port}") as session:
                for number, (name, (trouble, report)) in enumerate(_CASES.items()):
                    on_progress(number, len(_CASES))
                    channel = Channel(bridge, session, f"c{number}", itertools.count(1))
                    waits, refused = await _run_case(channel, trouble, settings, report=report)
                    figures[name] = f"{len(waits)} tickets, slowest {max(waits):.2f} s, refused {refused}"
                    wrong += _findings(name, waits, refused, settings)
            pending = await wait_until_posted(bridge, 0.0 if wrong else _CATCH_UP)
    if pending and not wrong:
        wrong.append(f"{pending} deliveries still waited when all was over")
    return Outcome(name="lanes", figures=figures | {"still waiting at the end": f"{pending}"}, wrong=wrong)


async def _wait_until_listening(bridge: BridgeProcess) -> None:
    """Raises RuntimeError if the process does not come up."""
    deadline = time.monotonic() + PROCESS_TIMEOUT
    while time.monotonic() < deadline:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", bridge.config.port)
            writer.close()
            return
        await asyncio.sleep(0.1)
    raise RuntimeError(f"the bridge did not come up; the end of its log: {bridge.log_tail()}")


async def _run_case(
    channel: Channel, trouble: Trouble, settings: LanesSettings, *, report: bool
) -> tuple[list[float], int]:
    """Seconds until each ticket was posted, and how many requests were refused."""
    await channel.wait_until_posted(await channel.file(report=report))
    channel.bridge.sandbox.state.requests.clear()  # those of the cases before
    waits: list[float] = []
    give_up = time.monotonic() + _GIVE_UP
    async with trouble(channel) as count_refused:
        while len(waits) < settings.tickets or not count_refused():
            subject = await channel.file(report=report)
            waits.append(await channel.wait_until_posted(subject, 2 * settings.within))
            if time.monotonic() > give_up or waits[-1] > settings.within:
                break
        return waits, count_refused()


def _findings(name: str, waits: list[float], refused: int, settings: LanesSettings) -> list[str]:
    late = sum(wait > settings.within for wait in waits)
    wrong = [f"{late} tickets were not posted within {settings.within:g} s ({name})"] if late else []
    return wrong if refused else [*wrong, f"nothing was refused, so nothing is shown ({name})"]
