"""The curl page: every request on it is sent unchanged, and must get the answer on the page."""

import json
import re
import shutil
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from bot.sources.registry import load_sources
from bot.tickets.message import Actor
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import Plan
from bot.webhook.errors import api_error
from tests.clients.conftest import CLIENTS, Bridge, CannedAnswer, ScriptedServer, opened, run_program

PAGE = (CLIENTS / "curl.md").read_text("utf-8")
SOURCES = {"Roblox": "series", "Minecraft": "modl"}
SHAPES = {  # what differs from one ticket to the next
    "TicketId": r"TICKET-\d{10}-[A-Z]{4}",
    "ticketId": r"(PLAYER|BUG)-\d{6}",
    "ticketUrl": r"http://127\.0\.0\.1:\d+/ticket/(PLAYER|BUG)-\d{6}\?token=[A-Za-z0-9_-]{24}",
    "_id": r"[0-9a-f]{24}",
    "WorkspaceId": r"[0-9a-f-]{36}",
    "CreatedAt": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
    "UpdatedAt": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
}


@dataclass(frozen=True, kw_only=True)
class Example:
    """A heading of the page with its request and answer."""

    chapter: str
    heading: str
    request: str | None
    answer: Any

    @property
    def status(self) -> int:
        return int(self.heading[:3])


def _block(language: str, text: str) -> str | None:
    found = re.search(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return found[1] if found else None


@cache
def examples() -> list[Example]:
    found = []
    for chapter in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]:
        for section in re.split(r"^### ", chapter, flags=re.MULTILINE)[1:]:
            found.append(
                Example(
                    chapter=chapter.splitlines()[0],
                    heading=section.splitlines()[0],
                    request=_block("sh", section),
                    answer=json.loads(_block("json", section) or "null"),
                )
            )
    return found


def _named(example: Example) -> str:
    return f"{example.chapter}, {example.heading}"


def script(request: str, url: str, keys: dict[str, str]) -> str:
    """The page's setup lines and a request, for this address and these keys."""
    opening = (_block("sh", PAGE) or "").replace("http://127.0.0.1:8080", url)
    for source, key in keys.items():
        opening = opening.replace(f"YOUR_{source.upper()}_KEY", key)
    return opening + request


async def run_request(request: str, bridge: Bridge) -> tuple[int, Any]:
    """The status and the body that `sh` prints."""
    return _read(await run_program("sh", "-eu", "-c", script(request, bridge.url, dict(bridge.keys))))


def _read(printed: str) -> tuple[int, Any]:
    body, _, status = printed.rstrip("\n").rpartition("\nHTTP ")
    return int(status), json.loads(body)


def _shape(value: Any) -> Any:
    """The answer with ids and times replaced by their shapes."""
    if not isinstance(value, dict):
        return value
    return {
        key: SHAPES[key] if key in SHAPES and re.fullmatch(SHAPES[key], item) else _shape(item)
        for key, item in value.items()
    }


@pytest.fixture(autouse=True)
def _curl() -> None:
    absent = [tool for tool in ("sh", "curl") if shutil.which(tool) is None]
    if absent:
        pytest.skip(f"{' and '.join(absent)} not found")


@pytest.mark.parametrize("example", [each for each in examples() if each.request], ids=_named)
async def test_each_request_of_the_page_gets_the_answer_of_the_page(example: Example, bridge: Bridge) -> None:
    assert example.request is not None

    status, body = await run_request(example.request, bridge)

    assert status == example.status
    assert _shape(body) == _shape(example.answer)
    assert len(await bridge.tickets()) == (1 if status == 200 else 0)


async def test_no_apostrophe_quote_emoji_or_line_break_is_lost_in_the_shell(bridge: Bridge) -> None:
    report, *_ = [each.request for each in examples() if each.status == 200]
    ticket = next(each.request for each in examples() if each.chapter == "Minecraft")

    await run_request(report or "", bridge)
    await run_request(ticket or "", bridge)

    message = 'He said "you can\'t catch me" 😀\nand flew away.'
    assert [ticket.body for ticket in await bridge.tickets()] == [message, message]


@pytest.mark.parametrize("chapter", SOURCES)
async def test_the_429_of_the_page_is_what_one_request_too_many_gets(chapter: str, tmp_path: Path) -> None:
    of_chapter = [each for each in examples() if each.chapter == chapter]
    request = of_chapter[0].request or ""
    shown = next(each for each in of_chapter if each.status == 429)

    async with opened(tmp_path / "narrow.db", requests=1) as bridge:
        first, _ = await run_request(request, bridge)
        status, body = await run_request(request, bridge)
        with_headers = await run_program(
            "sh", "-eu", "-c", script(request.replace("curl ", "curl -i ", 1), bridge.url, dict(bridge.keys))
        )

    assert (first, status, body) == (200, 429, shown.answer)
    seconds = body.get("retryAfterSeconds", 1)
    assert f"\nretry-after: {seconds}\r\n" in with_headers.lower()


async def test_the_403_of_the_page_is_what_a_workspace_without_tickets_answers(bridge: Bridge) -> None:
    of_chapter = [each for each in examples() if each.chapter == "Roblox"]
    shown = next(each for each in of_chapter if each.status == 403)
    (workspace,) = await bridge.store.workspaces.list_all()
    await bridge.store.workspaces.change(workspace.id, lambda saved: replace(saved, plan=Plan.FREE))

    status, body = await run_request(of_chapter[0].request or "", bridge)

    assert (status, body) == (403, shown.answer)


@pytest.mark.parametrize("chapter", SOURCES)
def test_the_500_of_the_page_is_the_source_s_own(chapter: str) -> None:
    shown = next(each for each in examples() if each.chapter == chapter and each.status == 500)

    assert load_sources()[SOURCES[chapter]].format_error(api_error(500)) == shown.answer


@pytest.mark.parametrize("chapter", SOURCES)
def test_every_documented_outcome_and_every_path_is_on_the_page(chapter: str) -> None:
    of_chapter = [each for each in examples() if each.chapter == chapter]

    only_here = {403} if chapter == "Roblox" else set()
    assert {each.status for each in of_chapter} == {200, 400, 401, 429, 500} | only_here
    for intake in load_sources()[SOURCES[chapter]].intake_endpoints:
        assert intake.codec or any(f'"$url{intake.path}"' in (each.request or "") for each in of_chapter)


@pytest.mark.parametrize(
    ("number", "last"),
    [(0, ("data", "Ticket", "Status", "resolved")), (1, ("ticket", "status", "closed"))],
    ids=SOURCES,
)
async def test_the_staff_requests_of_the_page_work(
    number: int, last: tuple[str, ...], bridge: Bridge
) -> None:
    chapter = PAGE.partition("## Reading tickets")[2].partition("\n## ")[0]
    story = re.findall(r"^```sh\n(.*?)^```", chapter, re.DOTALL | re.MULTILINE)[number]

    printed = await run_program("sh", "-eu", "-c", script(story, bridge.url, dict(bridge.keys)))

    answers = [json.loads(line) for line in printed.splitlines() if line]
    assert all(answer.get("success", True) is True for answer in answers)
    end: Any = answers[-1]
    for key in last[:-1]:
        end = end[key]
    assert end == last[-1]
    (ticket,) = await bridge.tickets()
    assert ticket.status.is_closed
    assert ticket.claimed_by is not None


async def test_the_request_for_replies_goes_on_where_it_was(bridge: Bridge, tmp_path: Path) -> None:
    if shutil.which("jq") is None:
        pytest.skip("jq not found")
    request = _block("sh", PAGE.partition("## Receiving replies")[2]) or ""
    await run_request(next(each.request or "" for each in examples() if each.chapter == "Minecraft"), bridge)
    (ticket,) = await bridge.tickets()
    for text in ("one", "a\tb \\ c"):
        compose = partial(Ticket.reply, author=Actor(id="7", name="Mia"), text=text)
        await bridge.store.tickets.add_message(ticket.id, compose, origin=text, now=bridge.store.now())
        await run_program(
            "sh", "-eu", "-c", f"cd {tmp_path}\n" + script(request, bridge.url, dict(bridge.keys))
        )

    first, second = await bridge.store.events.list_of_ticket(ticket.id)
    assert (tmp_path / "events.tsv").read_text() == (
        f"{first.id}\t{ticket.public_id}\topen\tone\n{second.id}\t{ticket.public_id}\topen\ta\\tb \\\\ c\n"
    )
    assert (tmp_path / "position").read_text() == "2\n"


async def test_curl_retries_with_the_same_idempotency_key(server: ScriptedServer) -> None:
    request = _block("sh", PAGE.partition("## Trying again")[2]) or ""
    server.answers = [
        CannedAnswer(status=0),
        CannedAnswer(status=503, body="away", headers={"Retry-After": "1"}),
    ]

    printed = await run_program("sh", "-eu", "-c", script(request, server.url, {"modl": "k"}))

    assert printed.endswith("\nHTTP 200\n")
    assert len(server.requests) == 3
    assert len(set(server.idempotency_keys)) == 1
    assert len({body for _, body in server.requests}) == 1


async def test_the_retrying_request_is_accepted_by_the_bridge(bridge: Bridge) -> None:
    status, _ = await run_request(_block("sh", PAGE.partition("## Trying again")[2]) or "", bridge)

    assert status == 200
    assert [ticket.body for ticket in await bridge.tickets()] == ["I'm stuck in a wall."]


async def test_text_from_a_variable_arrives_unchanged(bridge: Bridge) -> None:
    if shutil.which("jq") is None:
        pytest.skip("jq not found")

    status, _ = await run_request(_block("sh", PAGE.partition("## Text you did not write")[2]) or "", bridge)

    assert status == 200
    assert [ticket.body for ticket in await bridge.tickets()] == ['I can\'t "move" \\o/\nsince the update']
