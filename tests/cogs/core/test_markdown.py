"""Hostile text of players is escaped so that Discord accepts it and it does nothing."""

import re
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.tickets.ticket import Player, Priority, Status, Ticket, TicketField
from cogs.core.markdown import escape_markdown, escape_sentence, fits, plain_line
from cogs.tickets.embeds import is_safe_url, thread_name, ticket_embed

_HOSTILE = st.sampled_from(
    (
        *(
            "@everyone",
            "@here",
            "<@123456789012345678>",
            "<@&1>",
            "<#1>",
            "</ban:1>",
            "<t:0>",
            "<:e:1>",
            "```",
        ),
        *(
            "||",
            "[a](https://evil.example)",
            "[a\n](http://evil.example)",
            "# big",
            "> quote",
            "-# small",
            "`",
        ),
        *("\\", "discord.gg/abc", "https://discord.com/invite/abc", "javascript://x", "\u202e", "\u200b"),
        *("\x00", "e" + "\u0301" * 50, " ", "\n", "🏳️‍🌈", "\U000e0041", "https://example.com/" + "a" * 500),
    )
)
TEXT = st.lists(st.one_of(_HOSTILE, st.text(max_size=30)), max_size=60).map("".join)

ALIVE = re.compile(
    r"@everyone|@here|<@[!&]?\d|<#\d|</\w|<t:\d|<a?:\w+:\d|\]\(|discord(?:app)?\.(?:gg|com/invite)/\w",
    re.IGNORECASE,
)
_INVISIBLE = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\ufeff\U000e0000-\U000e007f\x00-\x08]")


def ticket_of(**parts: Any) -> Ticket:
    made: dict[str, Any] = {
        "id": 1,
        "uid": "0" * 24,
        "public_id": "TICKET-1",
        "workspace_id": "w",
        "source": "test",
        "view_only": False,
        "subject": "subject",
        "body": "body",
        "category": "category",
        "department": "general",
        "priority": Priority.NORMAL,
        "status": Status.OPEN,
        "reporter": Player(id="1", name="name"),
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
        "updated_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return Ticket(**(made | parts))


@given(TEXT, st.integers(1, 300))
def test_escaped_text_is_harmless_and_within_its_limit(text: str, limit: int) -> None:
    shown = escape_markdown(text, limit)

    assert len(shown) <= limit
    assert not ALIVE.search(shown)
    assert not _INVISIBLE.search(shown)
    outside_code = re.sub(r"`[^`]*`", "", re.sub(r"\\.", "", shown, flags=re.DOTALL))
    assert not set(outside_code) & set("*_~|[]()<>`")


@given(TEXT)
def test_a_name_in_a_sentence_is_harmless(name: str) -> None:
    shown = escape_sentence(f"⛔ {name} has already claimed this ticket. `/tickets` lists yours.")

    assert len(shown) <= 2000
    assert "\n" not in shown
    assert not ALIVE.search(shown)
    assert not _INVISIBLE.search(shown)


def test_a_sentence_keeps_its_commands_and_the_link_to_a_post() -> None:
    sentence = "Use `/setup workspace` or `ticketbridge key create`. The post is here: https://discord.com/channels/1/2/3"

    assert escape_sentence(sentence) == sentence
    assert escape_sentence("`discord.gg/abc`") != "`discord.gg/abc`"
    assert escape_sentence("x" * 3000) == "x" * 1999 + "…"


@given(TEXT)
def test_clipped_text_ends_with_an_ellipsis(text: str) -> None:
    if not fits(text, 200):
        assert escape_markdown(text, 200).endswith("…")


@given(TEXT, TEXT, TEXT, st.booleans())
def test_any_ticket_makes_an_embed_discord_takes(
    subject: str, body: str, other: str, view_only: bool
) -> None:
    player = Player(id=other, name=other, display_name=subject, avatar_url=other, profile_url=other)
    facts = tuple(TicketField(label="Fact", value=other, url=other) for _ in range(30))

    embed = ticket_embed(
        ticket_of(
            subject=subject,
            body=body,
            category=other,
            reporter=player,
            reported_player=player,
            fields=facts,
            view_only=view_only,
        )
    )

    made = embed.to_dict()
    assert len(embed) <= 6000
    assert 1 <= len(made["title"].strip()) <= 256
    assert len(made["description"]) <= 4096
    assert len(made["fields"]) <= 25
    assert all(field["name"].strip() and field["value"].strip() for field in made["fields"])
    assert all(len(field["value"]) <= 1024 for field in made["fields"])
    assert ("view-only" in made["description"][:80]) >= view_only


@given(TEXT)
def test_a_thread_can_always_be_named(text: str) -> None:
    name = thread_name(ticket_of(subject=text))

    assert 1 <= len(name) <= 100
    assert name.startswith("TICKET-1")
    assert "@everyone" not in plain_line(text, 100)


def test_a_megabyte_is_clipped() -> None:
    assert escape_markdown("a" * 1_000_000, 4096).endswith("…")
    assert escape_markdown("\u0301" * 1_000_000, 4096).endswith("…")


def test_a_masked_link_shows_where_it_leads() -> None:
    assert escape_markdown("[free](https://evil.example/x)", 100) == "\\[free\\]\\(`https://evil.example/x)`"


def test_only_https_urls_that_lead_where_they_say_become_links() -> None:
    assert is_safe_url("https://tr.rbxcdn.example/avatar-url")
    for url in (
        *(
            "",
            None,
            "null",
            "http://a.example/x",
            "javascript:alert(1)",
            "rbxthumb://type=x",
            "data:image/png,x",
        ),
        *("https://user@evil.example/", "https://localhost/", "https://a.example/ b", "https://a.example/)x"),
        *("https://a.example/" + "a" * 2048, "https://[::1", "https://ä.example/"),
    ):
        assert not is_safe_url(url)
