"""Whatever is in ten tickets, Discord takes their digest, and no mention or link in it is alive."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sandbox.validation.messages import check_new_message
from bot.tickets.erasure import erase_content
from bot.tickets.message import DISCORD_SOURCE, Actor
from bot.tickets.ticket import NewTicket, Player, Priority, Status, Ticket
from bot.tickets.workspace import Category
from cogs.posts.digest import digest_embeds, digest_marker, digest_view
from tests.cogs.core.test_markdown import ALIVE, TEXT, ticket_of
from tests.support.burst_harness import new_tickets, posted_burst
from tests.tickets.samples import WORKSPACE

LAST_ID = 2**63 - 1
WORKSPACES = {
    "w": replace(WORKSPACE, id="w", categories=(Category(id="bug", name="[Bugs](https://x.example)"),))
}


def body_of(tickets: list[Ticket]) -> dict[str, Any]:
    """The request that posts them."""
    embeds = [embed.to_dict() for embed in digest_embeds(tickets, digest_marker(LAST_ID), WORKSPACES)]
    return {"embeds": embeds, "components": digest_view(tickets).to_components()}


def texts_of(body: dict[str, Any]) -> list[str]:
    """What Discord reads as Markdown."""
    return [text for embed in body["embeds"] for text in (embed["title"], embed["description"])]


PLAYER = st.builds(Player, name=TEXT, display_name=st.none() | TEXT)
TICKET = st.builds(
    ticket_of,
    id=st.integers(1, 10**18 - 1),
    view_only=st.booleans(),
    subject=TEXT,
    body=TEXT,
    category=TEXT,
    priority=st.sampled_from(Priority),
    status=st.sampled_from(Status),
    reporter=PLAYER,
    reported_player=st.none() | PLAYER,
    claimed_by=st.none()
    | st.builds(Actor, id=st.just("1"), name=TEXT, source=st.sampled_from([DISCORD_SOURCE, "x"])),
)


@given(st.lists(TICKET, min_size=1, max_size=10, unique_by=lambda ticket: ticket.id))
def test_whatever_players_write_discord_takes_it_and_none_of_it_is_alive(tickets: list[Ticket]) -> None:
    body = body_of(tickets)

    check_new_message(body, {})
    for text in texts_of(body):
        assert not ALIVE.search(text.replace("claimed by <@1>", ""))


@pytest.mark.parametrize("character", ["<", "*", "`", "@", "\\", "W", "🏳", "\n", "[", "-"])
def test_ten_tickets_of_the_longest_texts_fit_one_message(character: str) -> None:
    player = Player(name=character * 500, display_name=character * 499)
    tickets = [
        ticket_of(
            id=LAST_ID - number,
            public_id=f"APPLICATION-{LAST_ID - number}",
            source="s" * 30,
            view_only=True,
            subject=character * 10_000,
            body=character * 100_000,
            category=character * 500,
            status=Status.IN_PROGRESS,
            reporter=player,
            reported_player=player,
            claimed_by=Actor(id="1", name=character * 500, source="x"),
        )
        for number in range(10)
    ]

    body = body_of(tickets)

    check_new_message(body, {})
    if not character.isspace():
        assert all(len(embed["description"].splitlines()[3]) > 40 for embed in body["embeds"])


def test_each_footer_of_a_digest_has_the_tickets_id_and_the_last_the_marker_too() -> None:
    tickets = [ticket_of(id=number, public_id=f"T-{number}") for number in (1, 2, 3)]

    footers = [embed.footer.text for embed in digest_embeds(tickets, digest_marker(17), WORKSPACES)]

    assert footers == ["T-1 · test", "T-2 · test", "T-3 · test · digest 17"]


def test_each_option_names_a_ticket_on_one_line_within_discords_limit() -> None:
    tickets = [ticket_of(id=5, public_id="T-5", subject="@everyone\n" + "x" * 300)]

    ((row,),) = [digest_view(tickets).to_components()]

    (option,) = row["components"][0]["options"]
    assert option["value"] == "5"
    assert option["label"].startswith("T-5 · @\u200beveryone x")
    assert len(option["label"]) == 100


def long_winded(count: int) -> list[NewTicket]:
    """Tickets whose every text is as long as any source allows, all of it characters that are escaped."""
    player = Player(id="7", name="<" * 100, display_name="*" * 100)
    return [
        replace(
            new,
            subject="<" * 256,
            body="<" * 10_000,
            category="*" * 100,
            reporter=player,
            reported_player=player,
        )
        for new in new_tickets(count)
    ]


async def test_discord_takes_a_digest_of_the_longest_and_most_hostile_tickets(tmp_path: Path) -> None:
    async with posted_burst(tmp_path, long_winded(16)) as burst:
        digest, _ = burst.digests("tickets")

        record = await burst.choose("mia", burst.tickets[0])

        assert len(digest["embeds"]) == 10
        assert record["messages"][-1]["embeds"]


def test_a_category_is_shown_by_its_name_and_a_chat_log_without_a_message_by_nothing() -> None:
    tickets = [ticket_of(id=1, category="bug", body="", chat_log=("<rey> hello",)), ticket_of(id=2, body="")]

    with_log, without = (str(one.description) for one in digest_embeds(tickets, digest_marker(1), WORKSPACES))

    assert with_log == "🟢 Open · 🔵 Normal · \\[Bugs\\]\\(`https://x.example)`"
    assert without == "🟢 Open · 🔵 Normal · category\n*No message.*"


@given(st.lists(TICKET, min_size=1, max_size=10, unique_by=lambda ticket: ticket.id))
def test_a_digest_of_erased_tickets_says_so_and_no_more(tickets: list[Ticket]) -> None:
    erased = [erase_content(replace(one, reported_player=None), one.created_at) for one in tickets]

    body = body_of(erased)

    check_new_message(body, {})
    for embed, ticket in zip(body["embeds"], tickets, strict=True):
        assert embed["title"].endswith("(erased)")
        assert embed["author"]["name"] == "erased"
        assert f"was erased <t:{ticket.created_at.timestamp():.0f}:f>" in embed["description"]
