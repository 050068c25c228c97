"""The page of a ticket with its token: who gets the token, what the page shows, and the answers it takes."""

import asyncio
import gzip
import logging
import re
import secrets
import sqlite3
import string
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from html import unescape
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from selenium.webdriver.chrome.webdriver import WebDriver as Browser
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from bot.sources.contract import AnswerProblem, ConversationView
from bot.sources.modl import SOURCE
from bot.sources.modl.conversation_page import render_conversation_page
from bot.sources.modl.requests import parse_ticket
from bot.tickets.message import MessageKind
from bot.tickets.outbox import DeliveryKind
from bot.tickets.queries import TicketDetails
from bot.tickets.ticket import Player, Status, Ticket
from bot.webhook.page_links import PageLinks
from tests.sources.conftest import ADA, NOW, serve
from tests.sources.modl_api.conftest import NOTCH, REQUESTS, TICKETS, Api, add_workspaces, open_api
from tests.sources.modl_api.plugin_client import Plugin
from tests.support.browser import log_of, open_browser
from tests.support.connections import writer_of
from tests.support.stored_ticket import kept_as

BUG = {
    "creatorUuid": NOTCH,
    "creatorName": "Notch",
    "type": "bug",
    "subject": "My chest is <empty>",
    "description": "12 diamonds & a\nsword are gone.",
}
HOSTILE = "<script>alert('x')</script>\n</textarea><b>\" & {{ 'q' * 9 }}"
UNKNOWN = {"success": False, "error": {"code": 404, "message": "There is nothing at this path."}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a browser has after a request, and the redirects on the way."""

    status: int
    html: str
    headers: dict[str, str]
    url: str
    redirects: tuple[tuple[int, str], ...]

    @property
    def texts(self) -> list[tuple[str, str]]:
        """Who wrote, and what, in the order of the page."""
        found = re.findall(r'<strong>(.*?)</strong>.*?<p class="text">(.*?)</p>', self.html, re.DOTALL)
        return [(author, unescape(text)) for author, text in found]

    @property
    def typed(self) -> str:
        """What stands in the field for an answer, as a browser reads it: without the first line break."""
        found = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", self.html, re.DOTALL)
        assert found is not None
        return unescape(found[1])

    @property
    def problem(self) -> str:
        found = re.search(r'<p class="problem" role="alert">(.*?)</p>', self.html, re.DOTALL)
        return unescape(found[1]) if found else ""

    @property
    def form_id(self) -> str:
        found = re.search(r'name="form_id" value="([^"]+)"', self.html)
        return found[1] if found else ""


@dataclass
class LinkHolder:
    """A player with the link to their ticket."""

    api: Api
    ticket: Ticket
    url: str

    @property
    def bare_url(self) -> str:
        return self.url.partition("?")[0]

    @property
    def token(self) -> str:
        return self.url.partition("?token=")[2]

    async def open(self, url: str | None = None, **headers: str) -> Page:
        async with self.api.session.get(url or self.url, headers=headers) as got:
            return await _page(got)

    async def send(self, text: str, form_id: str = "form-1", *, url: str | None = None) -> Page:
        """Send the form."""
        return await self.send_raw(aiohttp.FormData({"text": text, "form_id": form_id})(), url=url)

    async def send_raw(self, data: Any, *, url: str | None = None, **headers: str) -> Page:
        async with self.api.session.post(url or self.url, data=data, headers=headers) as got:
            return await _page(got)

    async def follow_ups(self) -> list[str]:
        stored = await self.api.store.messages.list_of_ticket(self.ticket.id, (MessageKind.FOLLOW_UP,), 1000)
        return [message.text for message in stored]

    async def reply(self, text: str) -> None:
        await self.api.store.tickets.add_message(
            self.ticket.id, lambda one: one.reply(ADA, text), origin=secrets.token_hex(8), now=self.api.now[0]
        )

    async def close(self) -> None:
        await self.api.store.tickets.change(
            self.ticket.id, lambda one: one.set_status(Status.CLOSED), self.api.now[0], actor=ADA
        )


async def _page(got: aiohttp.ClientResponse) -> Page:
    assert got.content_type == "text/html", await got.text()
    return Page(
        status=got.status,
        html=await got.text(),
        headers=dict(got.headers),
        url=str(got.url),
        redirects=tuple((one.status, one.headers["Location"]) for one in got.history),
    )


async def file_ticket(api: Api, **more: object) -> LinkHolder:
    created = await api.post(TICKETS, **(BUG | more))
    ticket = await api.store.tickets.find_by_public_id(created["ticketId"])
    assert ticket is not None
    return LinkHolder(api, ticket, created["ticketUrl"])


async def store_view_only(api: Api) -> LinkHolder:
    """A game report of this source, with the link that nobody was sent."""
    workspace = await api.store.workspaces.get_by_name("home")
    new = replace(parse_ticket(b'{"creatorUuid":"%s","type":"player"}' % NOTCH.encode()), view_only=True)
    new = replace(new, subject="He flies", body="Near spawn.")
    ticket = await api.store.intake.add_ticket(workspace.id, new, SOURCE.new_public_ids(new, NOW), NOW)
    links = PageLinks(api.store, public_url=None)
    await links.load_key()
    return LinkHolder(api, ticket, links.url(ticket, base_url=api.address, path="/ticket/{id}"))


@pytest.fixture
async def player(tmp_path: Path) -> AsyncIterator[LinkHolder]:
    """Without the limit per address, which some tests would reach."""
    source = replace(SOURCE, rate_limit=replace(SOURCE.rate_limit, requests=100_000))
    async with open_api(tmp_path, source) as api:
        yield await file_ticket(api)


# Who gets the token


@pytest.mark.parametrize("path", [TICKETS, f"{TICKETS}/unfinished"])
async def test_the_answer_to_a_new_ticket_has_the_address_of_its_conversation(
    player: LinkHolder, path: str
) -> None:
    created = await player.api.post(path, **BUG)

    page = await player.open(created["ticketUrl"])
    assert created["ticketUrl"].startswith(f"{player.api.address}/ticket/{created['ticketId']}?token=")
    assert page.texts == [("You", BUG["description"])]


async def test_the_address_begins_with_the_public_url(tmp_path: Path) -> None:
    async with serve(tmp_path, SOURCE, lambda: 1000.0, public_url="https://example.com/bridge") as client:
        api = Api(SOURCE, client.store, client.address, client.session, client.now)
        await add_workspaces(api)

        url = (await file_ticket(api)).url

    assert re.fullmatch(r"https://example\.com/bridge/ticket/BUG-\d{6}\?token=[A-Za-z0-9_-]{24}", url)


async def test_a_repeated_request_gets_the_same_address(player: LinkHolder) -> None:
    assert (await file_ticket(player.api)).url == player.url


async def test_the_address_stays_valid_after_a_restart(tmp_path: Path) -> None:
    async with open_api(tmp_path) as api:
        url = (await file_ticket(api)).url
    path = urlsplit(url)
    async with (
        serve(tmp_path, SOURCE, lambda: 1000.0) as restarted,
        restarted.session.get(f"{restarted.address}{path.path}?{path.query}") as got,
    ):
        page = await _page(got)

    assert page.texts == [("You", BUG["description"])]


async def test_each_database_has_a_key_of_its_own(tmp_path: Path) -> None:
    keys = []
    for name in ("one", "another"):
        (tmp_path / name).mkdir()
        async with open_api(tmp_path / name) as api:
            keys += [await api.store.secret_keys.get_or_create("some") for _ in range(2)]

    assert keys[0] == keys[1] != keys[2] == keys[3]
    assert {len(key) for key in keys} == {32}


async def test_nothing_else_carries_the_token(
    player: LinkHolder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    api, names = player.api, ("player", "bug")
    for name in names:
        await api.name_ticket(name, player.ticket.public_id)
    await player.reply("We are on it.")
    plugin = Plugin(api, is_protobuf=False)

    answers = [await api.send(one.method, one.path, one.body) for one in REQUESTS if one.method == "GET"]
    answers += [await api.send(one.method, one.path, one.body) for one in REQUESTS if "{" in one.path]
    answers += [await api.send("GET", path) for path in ("/v1/events", "/openapi.json", "/metrics")]
    answers += [
        await api.send("GET", f"/{path}/{player.ticket.public_id}") for path in ("ticket", "panel/tickets")
    ]
    told = str(await plugin.sync(NOTCH))
    await player.open()
    await player.send("Thank you.")

    assert "We are on it." in told
    for said in (told, caplog.text, *(f"{one.text}{one.headers}" for one in answers)):
        assert player.token not in said
    assert _tables_with(tmp_path / "tickets.db", player.token) == {"idempotent_responses"}


def _tables_with(path: Path, text: str) -> set[str]:
    with closing(sqlite3.connect(path)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name for name in tables if text.encode() in _bytes_of(db, name)}


def _bytes_of(db: sqlite3.Connection, table: str) -> bytes:
    rows = db.execute(f'SELECT * FROM "{table}"').fetchall()  # noqa: S608 - a table of ours
    return b"\n".join(
        value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row
    )


# Without the token


async def test_a_wrong_token_shows_exactly_the_page_without_one(player: LinkHolder) -> None:
    other = await file_ticket(player.api, subject="Another")
    token = player.token
    swapped = token[:-1] + ("A" if token[-1] != "A" else "B")
    wrong = [*(token[:length] for length in range(len(token))), f"{token}A", f"{token}=", swapped]
    wrong += [token.swapcase(), token[::-1], other.token, player.ticket.uid, "%00", "%ff", "%F0%9F%98%80"]
    bare = await player.open(player.bare_url)

    pages = [await player.open(f"{player.bare_url}?token={one}") for one in wrong]

    assert "What staff reply is not shown here" in bare.html
    assert BUG["description"] not in bare.html
    for token, page in zip(wrong, pages, strict=True):
        assert (page.status, page.html) == (bare.status, bare.html), token
        assert _lasting(page.headers) == _lasting(bare.headers), token
    assert (await player.open()).texts


def _lasting(headers: dict[str, str]) -> dict[str, str]:
    changing = ("Date", "Remaining")
    return {name: value for name, value in headers.items() if not name.endswith(changing)}


async def test_none_of_10_000_guesses_is_a_token(player: LinkHolder) -> None:
    links = PageLinks(player.api.store, public_url=None)
    await links.load_key()
    alphabet = string.ascii_letters + string.digits + "-_"
    guesses = [secrets.token_urlsafe(18) for _ in range(5000)]
    # Those that begin as the right one does, too.
    guesses += [player.token[: n % 24] + secrets.token_urlsafe(18)[n % 24 :] for n in range(4900)]
    guesses += [player.token[:23] + last for last in alphabet if last != player.token[23]] + [""] * 37

    assert len(guesses) == 10_000
    assert [one for one in guesses if one != player.token and links.is_valid(player.ticket, one)] == []
    assert links.is_valid(player.ticket, player.token)
    bare = await player.open(player.bare_url)
    for guess in guesses[::50]:
        assert (await player.open(f"{player.bare_url}?token={guess}")).html == bare.html


@pytest.mark.parametrize("ticket", ["PLAYER-1", "x", "%00"])
async def test_an_unknown_ticket_is_the_usual_404_whatever_the_token(player: LinkHolder, ticket: str) -> None:
    page = await player.open(f"{player.api.address}/ticket/{ticket}?token={player.token}")

    assert page.status == 404
    assert "There is no ticket with this id." in page.html


async def test_the_other_page_shows_no_more_with_the_token(player: LinkHolder) -> None:
    path = f"/panel/tickets/{player.ticket.public_id}"

    pages = [
        await player.api.send("GET", f"{path}{query}", key=None) for query in ("", f"?token={player.token}")
    ]

    assert pages[0].text == pages[1].text
    assert BUG["description"] not in pages[1].text


async def test_without_a_token_nothing_takes_an_answer(player: LinkHolder) -> None:
    for path in (f"/ticket/{player.ticket.public_id}", f"/panel/tickets/{player.ticket.public_id}?token=x"):
        reply = await player.api.send("POST", path, raw=b"text=Hello", key=None)

        assert (reply.status, reply.body) == (404, UNKNOWN)
    assert await player.follow_ups() == []


# What it shows


async def test_it_shows_the_conversation_without_names_and_notes(player: LinkHolder) -> None:
    store, now = player.api.store, player.api.now
    now[0] += timedelta(minutes=7)
    await player.reply("When did\nyou last open it?")
    await store.tickets.change(player.ticket.id, lambda one: one.claim(ADA), now[0], actor=ADA)
    await store.tickets.add_message(
        player.ticket.id, lambda one: one.note(ADA, "A liar."), origin="n", now=now[0]
    )
    await player.send("On Tuesday.")

    page = await player.open()

    assert page.texts == [
        ("You", BUG["description"]),
        ("Staff", "When did\nyou last open it?"),
        ("You", "On Tuesday."),
    ]
    for text in ("My chest is &lt;empty&gt;", "In progress", "15 January 2025, 10:37 UTC", 'id="newest"'):
        assert text in page.html
    for hidden in ("Ada", ADA.id, "A liar", "claimed", NOTCH, player.ticket.uid):
        assert hidden not in page.html.replace(page.form_id, "")  # which is random


async def test_every_text_is_escaped(player: LinkHolder) -> None:
    hostile = await file_ticket(player.api, subject="<i>s", description=HOSTILE)
    await hostile.reply(HOSTILE)
    await hostile.close()

    page = await hostile.send(HOSTILE)

    assert page.texts == [("You", HOSTILE), ("Staff", HOSTILE)]
    assert page.typed == HOSTILE
    assert [one for one in ("<script", "<i>", "<b>", "q" * 9) if one in page.html] == []
    assert page.html.count("</textarea>") == 1


async def test_a_long_conversation_shows_its_newest_200_messages_and_says_so(player: LinkHolder) -> None:
    for number in range(203):
        await player.reply(f"Reply {number}")

    page = await player.open()

    assert page.texts[1:] == [("Staff", f"Reply {number}") for number in range(3, 203)]
    assert "3 older messages are not shown here" in page.html
    assert page.html.index('id="newest"') > page.html.index("Reply 201")


async def test_the_page_is_neither_cached_indexed_framed_nor_scripted(player: LinkHolder) -> None:
    page = await player.open()

    policy = dict(part.strip().split(" ", 1) for part in page.headers["Content-Security-Policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "style-src": "'unsafe-inline'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["X-Robots-Tag"] == "noindex"
    assert [one for one in ("<script", "src=", "url(", "@import", "http") if one in page.html] == []


@pytest.mark.parametrize(
    ("accepted", "language", "status", "time"),
    [
        ("es-AR,es;q=0.9,en;q=0.8", "es", "Abierto: a la espera", "15 de enero de 2025, 10:30 UTC"),
        ("pt-PT", "pt-BR", "Aberto: aguardando", "15 de janeiro de 2025, 10:30 UTC"),
        ("ja", "en", "Open: waiting", "15 January 2025, 10:30 UTC"),
    ],
)
async def test_the_page_is_in_the_language_of_the_browser(
    player: LinkHolder, accepted: str, language: str, status: str, time: str
) -> None:
    pages = [await player.open(url, **{"Accept-Language": accepted}) for url in (player.url, player.bare_url)]
    next_one = await player.open()

    for page in pages:
        assert f'<html lang="{language}">' in page.html
        assert (status in page.html, time in page.html) == (True, True)
    assert '<html lang="en">' in next_one.html


async def test_who_replied_is_named_where_the_workspace_says_so(player: LinkHolder) -> None:
    store = player.api.store
    await store.workspaces.change(player.ticket.workspace_id, lambda one: replace(one, name_staff=True))
    await player.reply("We are on it.")

    page = await player.open()

    assert page.texts[1:] == [(ADA.name, "We are on it.")]


async def test_reading_the_page_is_not_reading_in_the_game(player: LinkHolder) -> None:
    await player.reply("We are on it.")

    page = await player.open()

    (event,) = await player.api.store.events.list_of_ticket(player.ticket.id)
    told = await Plugin(player.api, is_protobuf=False).told(NOTCH)
    assert ("Staff", "We are on it.") in page.texts
    assert event.received_at is None
    assert len(told) == 1


async def test_a_game_report_shows_its_own_text_and_no_form(player: LinkHolder) -> None:
    report = await store_view_only(player.api)

    page = await report.open()
    sent = await report.send("Please hurry.")

    for one in (page, sent):
        assert one.texts == [("You", "Near spawn.")]
        assert "This is a game report. It is view-only" in one.html
        assert "<form" not in one.html
    assert (sent.status, sent.problem, sent.typed) == (409, "Not sent.", "Please hurry.")
    assert await report.follow_ups() == []


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("problem", [None, *AnswerProblem])
@pytest.mark.parametrize("reporter", [Player(), Player(id=NOTCH)])
def test_every_ticket_has_a_page_for_every_problem(
    status: Status, problem: AnswerProblem | None, reporter: Player
) -> None:
    new = parse_ticket(b'{"creatorUuid":"%s","type":"bug"}' % NOTCH.encode())
    ticket = replace(kept_as("BUG-1", new), status=status, reporter=reporter)

    html = render_conversation_page(
        ConversationView(
            details=TicketDetails(ticket=ticket), workspace=None, form_id="f", text="typed", problem=problem
        )
    )

    assert "typed" in html
    has_form = not status.is_closed and reporter.id is not None and problem is not AnswerProblem.WRONG_LINK
    assert ("<form" in html) is has_form


# Answers


async def test_an_answer_is_stored_shown_to_staff_and_the_page_is_opened_again(player: LinkHolder) -> None:
    player.api.now[0] += timedelta(hours=1)

    page = await player.send("On Tuesday.\r\nAbout 8 pm.")

    (message,) = await player.api.store.messages.list_of_ticket(player.ticket.id, (MessageKind.FOLLOW_UP,))
    assert (message.text, message.author.id, message.author.name) == (
        "On Tuesday.\nAbout 8 pm.",
        NOTCH,
        "Notch",
    )
    assert message.created_at == player.api.now[0]
    assert page.redirects == ((303, f"?token={player.token}&saved={message.id}#newest"),)
    assert page.status == 200
    assert "Your answer is saved. Staff read it on the ticket." in page.html
    assert page.texts[-1] == ("You", "On Tuesday.\nAbout 8 pm.")
    waiting = await player.api.store.outbox.pending_for_ticket(player.ticket.id)
    assert [one.kind for one in waiting if one.message_id == message.id] == [DeliveryKind.POST_MESSAGE]


async def test_only_a_saved_answer_is_said_to_be_saved(player: LinkHolder) -> None:
    await player.reply("Hello.")

    pages = [await player.open(f"{player.url}&saved={number}") for number in ("1", "2", "x", "")]

    assert not [one for one in pages if "Your answer is saved" in one.html]


async def test_a_form_that_is_sent_twice_is_stored_once(player: LinkHolder) -> None:
    form_id = (await player.open()).form_id

    pages = await asyncio.gather(*(player.send("Once.", form_id) for _ in range(5)))
    again = await player.send("Once.", form_id)

    assert {page.status for page in (*pages, again)} == {200}
    assert await player.follow_ups() == ["Once."]


async def test_another_text_and_another_form_are_another_answer(player: LinkHolder) -> None:
    form_ids = [(await player.open()).form_id for _ in range(2)]

    for text, form_id in (("Yes.", form_ids[0]), ("No.", form_ids[0]), ("Yes.", form_ids[1]), ("Yes.", "")):
        await player.send(text, form_id)

    assert await player.follow_ups() == ["Yes.", "No.", "Yes.", "Yes."]


async def test_the_longest_answer_is_stored_and_a_longer_one_comes_back(player: LinkHolder) -> None:
    longest = "a\r\n" * 1999 + "ö😀"

    saved = await player.send(longest)
    refused = await player.send(longest + "b", "form-2")

    assert await player.follow_ups() == [longest.replace("\r\n", "\n")]
    assert saved.status == 200
    assert refused.status == 400
    assert refused.typed == longest.replace("\r\n", "\n") + "b"
    assert refused.problem.startswith("Not sent: it has 4,001 characters, and 4,000 fit into one answer.")
    assert refused.form_id == "form-2"


@pytest.mark.parametrize("text", ["", " \r\n\t", "\x00\x01"])
async def test_an_empty_answer_is_refused(player: LinkHolder, text: str) -> None:
    page = await player.send(text)

    assert (page.status, page.problem) == (
        400,
        "Not sent: there is no text in it. Write what you want to say.",
    )
    assert await player.follow_ups() == []


async def test_a_closed_ticket_refuses_an_answer_and_gives_it_back(player: LinkHolder) -> None:
    await player.close()

    page = await player.send("But wait.")

    assert (page.status, page.problem, page.typed) == (409, "Not sent.", "But wait.")
    assert "This ticket is closed, so nothing can be added to it." in page.html
    assert "<form" not in page.html
    assert await player.follow_ups() == []


async def test_a_ticket_without_a_player_takes_no_answer(player: LinkHolder) -> None:
    console = await file_ticket(
        player.api,
        creatorName="Anti-cheat",
        type="player",
        reportedPlayerUuid=NOTCH,
        reportedPlayerName="Notch",
    )

    page = await console.send("Hello.")

    assert console.ticket.reporter.id is None
    assert (page.status, page.typed) == (409, "Hello.")
    assert "No player filed this ticket" in page.html


async def test_a_wrong_link_gives_back_what_was_typed_and_tells_nothing(player: LinkHolder) -> None:
    known = await player.send("My words.", url=f"{player.bare_url}?token=wrong")
    unknown = await player.send("My words.", url=f"{player.api.address}/ticket/BUG-1?token=wrong")

    assert (known.status, known.typed) == (404, "My words.")
    assert known.html == unknown.html
    assert "this link does not open a ticket any more" in known.problem
    assert await player.follow_ups() == []


@pytest.mark.parametrize(
    ("body", "headers", "status", "problem"),
    [
        (b'{"text":"Hello"}', {"Content-Type": "application/json"}, 415, "what arrived could not be read"),
        (b"text=Hello", {"Content-Type": "text/plain"}, 415, "what arrived could not be read"),
        (b"&".join(b"text=%d" % n for n in range(30)), {}, 400, "what arrived could not be read"),
        (b"text=Hello", {"Content-Encoding": "gzip"}, 400, "what arrived could not be read"),
        (b"text=" + b"x" * 1024 * 1024, {}, 413, "it is far too long, and was not read"),
        (
            gzip.compress(b"text=" + b"x" * 1024 * 1024),
            {"Content-Encoding": "gzip"},
            413,
            "it is far too long, and was not read",
        ),
    ],
    ids=["json", "text", "many fields", "no gzip", "huge", "inflated huge"],
)
async def test_what_is_no_form_is_answered_by_the_page(
    player: LinkHolder, body: bytes, headers: dict[str, str], status: int, problem: str
) -> None:
    form_type = {"Content-Type": "application/x-www-form-urlencoded"}

    page = await player.send_raw(BytesIO(body), **(form_type | headers))

    assert page.status == status
    assert problem in page.problem
    assert page.texts == [("You", BUG["description"])]
    assert await player.follow_ups() == []


async def test_all_that_was_typed_comes_back_however_long_it_is(player: LinkHolder) -> None:
    text = "ä" * 100_000

    page = await player.send(text)

    assert (page.status, page.typed) == (400, text)


async def test_bytes_that_are_no_utf_8_lose_nothing_else(player: LinkHolder) -> None:
    form_type = {"Content-Type": "application/x-www-form-urlencoded"}

    await player.send_raw(b"text=caf%E9+au+lait", **form_type)

    assert await player.follow_ups() == ["caf\ufffd au lait"]


async def test_answers_on_one_ticket_are_limited(player: LinkHolder) -> None:
    other = await file_ticket(player.api, subject="Another")
    for number in range(10):
        await player.send(f"Answer {number}", f"form-{number}")

    page = await player.send("One more", "form-11")

    assert (page.status, page.typed, page.headers["Retry-After"]) == (429, "One more", "60")
    assert page.problem.endswith("Wait 60 s, then send it again.")
    assert page.form_id == "form-11"
    assert len(await player.follow_ups()) == 10
    assert (await other.send("Hello.")).status == 200


async def test_answers_of_one_client_are_limited_before_anything_is_looked_up(player: LinkHolder) -> None:
    for number in range(60):
        await player.send("x", url=f"{player.api.address}/ticket/BUG-{number}?token=x")

    page = await player.send("One more")

    assert (page.status, page.headers["Retry-After"]) == (429, "60")
    assert "Go back in your browser: it still has what you typed." in page.html
    assert await player.follow_ups() == []


async def test_an_answer_comes_back_while_the_disk_is_full_and_is_stored_once_there_is_room(
    player: LinkHolder,
) -> None:
    text = "x" * 4000
    (row,) = await writer_of(player.api.store).execute_fetchall("PRAGMA page_count")
    await writer_of(player.api.store).execute(f"PRAGMA max_page_count = {row[0]}")
    for number in range(9):
        page = await player.send(text, f"form-{number}")
        if page.status != 200:
            break
    stored = len(await player.follow_ups())

    await writer_of(player.api.store).execute("PRAGMA max_page_count = 1000000")
    await player.api.store.health_error()
    again = await player.send(page.typed, page.form_id)

    assert (page.status, page.typed) == (503, text)
    assert "It is not known whether your answer was saved" in page.problem
    assert again.status == 200
    assert len(await player.follow_ups()) == stored + 1


# In a browser


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with open_browser(tmp_path) as browser:
        yield browser


def _answer_in(browser: Browser, url: str, text: str) -> str:
    """Type an answer and send it; the text of the page after that."""
    browser.get(url)
    browser.find_element(By.NAME, "text").send_keys(text)
    browser.find_element(By.TAG_NAME, "button").click()
    WebDriverWait(browser, 20).until(lambda page: "saved=" in page.current_url)
    shown = browser.find_element(By.TAG_NAME, "main").text
    browser.refresh()
    return shown


async def test_a_player_answers_in_a_browser_on_a_phone(player: LinkHolder, browser: Browser) -> None:
    for number in range(30):
        await player.reply(f"Reply {number}\nin two lines")
    browser.set_window_size(390, 844)

    shown = await asyncio.to_thread(_answer_in, browser, player.url, "On Tuesday.")

    newest = browser.find_element(By.ID, "newest")
    width, wide = browser.execute_script("return [innerWidth, document.documentElement.scrollWidth]")
    assert "Your answer is saved. Staff read it on the ticket." in shown
    assert shown.count("On Tuesday.") == 1
    assert await player.follow_ups() == ["On Tuesday."]
    assert newest.text.endswith("On Tuesday.")
    assert 0 <= browser.execute_script("return arguments[0].getBoundingClientRect().top", newest) < 844
    assert wide <= width
    assert [entry["message"] for entry in log_of(browser, "browser")] == []
