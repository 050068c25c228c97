"""The page behind the link that a player is shown: it needs no key, and tells accordingly little."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.sources.modl.status_page import render_status_page
from bot.tickets.queries import TicketDetails
from bot.tickets.ticket import Priority, Status
from tests.sources.conftest import ADA, NOW
from tests.sources.modl_api.conftest import Api
from tests.sources.modl_api.test_requests import parsed
from tests.support.stored_ticket import kept_as

FAR = "What staff reply is not shown here"
CASE = TicketDetails(ticket=kept_as("PLAYER-123456", parsed()))


async def test_it_shows_the_status_without_a_key(api: Api) -> None:
    later = NOW + timedelta(hours=5, minutes=3)
    ticket = api.tickets["player"]
    before = await api.send("GET", "/ticket/{player}", key=None)
    await api.store.tickets.add_message(
        ticket.id, lambda one: one.reply(ADA, "Banned."), origin="1", now=later
    )
    await api.store.tickets.change(ticket.id, lambda one: one.claim(ADA), later, actor=ADA)

    after = await api.send("GET", "/ticket/{player}", key=None)

    for text in ("Open: waiting for staff", "Not yet", "15 January 2025, 10:30 UTC"):
        assert text in before.text
    for text in (ticket.public_id, "Player report", "In progress", "Yes", "15 January 2025, 15:33 UTC", FAR):
        assert text in after.text
    assert after.headers["Content-Type"] == "text/html; charset=utf-8"


async def test_it_shows_no_text_of_a_person_and_no_names(api: Api) -> None:
    ticket = api.tickets["player"]
    await api.store.tickets.add_message(ticket.id, lambda one: one.reply(ADA, "Banned."), origin="1", now=NOW)
    await api.store.tickets.change(ticket.id, lambda one: one.claim(ADA), NOW, actor=ADA)

    html = (await api.send("GET", "/ticket/{player}", key=None)).text

    secrets = (
        *(ticket.subject, ticket.body, "Notch", "Hacker123", "cheating", "bye", "Banned", "Ada", ADA.id),
        *(ticket.reporter.id, ticket.uid, ticket.workspace_id),
    )
    assert [secret for secret in secrets if secret and secret in html] == []


@pytest.mark.parametrize("ticket", ["PLAYER-1", "%3Cscript%3E", "%ff", "x" * 2000])
async def test_an_unknown_id_gets_a_page_with_a_hint(api: Api, ticket: str) -> None:
    reply = await api.send("GET", f"/ticket/{ticket}", key=None)

    assert reply.status == 404
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "There is no ticket with this id." in reply.text
    assert "<script" not in reply.text


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("category", ["player", "application", "a category of old"])
def test_every_ticket_has_a_page(status: Status, category: str) -> None:
    ticket = replace(CASE.ticket, status=status, category=category, priority=Priority.URGENT)

    assert render_status_page(TicketDetails(ticket=ticket)).status == 200


def test_values_are_escaped() -> None:
    ticket = replace(CASE.ticket, public_id="<script>alert('&')</script>")

    html = render_status_page(TicketDetails(ticket=ticket)).html

    assert "&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;" in html
    assert "<script" not in html


def test_it_needs_nothing_but_itself() -> None:
    html = render_status_page(CASE).html

    assert not [outside for outside in ("src=", "href=", "url(", "@import", "<script") if outside in html]
