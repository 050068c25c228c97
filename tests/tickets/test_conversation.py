"""The conversation in pages: nothing is lost, everything fits, and the newest message is found."""

import random
from dataclasses import replace
from itertools import groupby

import pytest

from bot.tickets.conversation import Page, conversation_pages, page_of_newest
from bot.tickets.message import Message, MessageKind
from tests.tickets.samples import ALICE, MOMENT, TICKET


def message(number: int, text: str, kind: MessageKind = MessageKind.REPLY) -> Message:
    return Message(id=number, ticket_id=1, kind=kind, author=ALICE, text=text, created_at=MOMENT)


def texts_of(pages: list[Page]) -> list[str]:
    """The texts, put together again."""
    parts = [part for page in pages for part in page]
    grouped = groupby(parts, key=lambda part: part.message.id if part.message else 0)
    return ["".join(part.text for part in group) for _, group in grouped]


def test_a_short_conversation_is_one_page() -> None:
    pages = conversation_pages(TICKET, [message(1, "Hello!"), message(2, "Thanks.", MessageKind.FOLLOW_UP)])

    assert texts_of(pages) == ["Quite badly.", "Hello!", "Thanks."]
    assert len(pages) == 1
    assert page_of_newest(pages) == 0


@pytest.mark.parametrize("seed", range(50))
def test_nothing_of_a_conversation_is_lost_or_too_long_for_a_page(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test, not a secret
    characters = chance.choice(["ab \n", "x", "<", "wort \U0001f600"])
    written = ["".join(chance.choices(characters, k=chance.choice([1, 50, 1100, 4000]))) for _ in range(20)]
    body = "".join(chance.choices(characters, k=chance.choice([0, 10, 9000])))

    pages = conversation_pages(
        replace(TICKET, body=body), [message(number, text) for number, text in enumerate(written, 1)]
    )

    assert texts_of(pages) == [text.strip() for text in [body, *written]]
    assert all(sum(len(part.text) for part in page) <= 1200 for page in pages)
    assert all(page for page in pages)


def test_a_long_text_is_cut_between_words_into_numbered_parts() -> None:
    pages = conversation_pages(replace(TICKET, body="word " * 500), [])

    parts = [part for page in pages for part in page]
    assert [(part.number, part.count) for part in parts] == [(1, 3), (2, 3), (3, 3)]
    assert all(set(part.text.split()) == {"word"} for part in parts)


def test_the_newest_message_is_shown_from_its_beginning() -> None:
    pages = conversation_pages(
        replace(TICKET, body="x" * 5000), [message(1, "short"), message(2, "y" * 3000)]
    )

    (first,) = (part for part in pages[page_of_newest(pages)] if part.number == 1 and part.message)
    assert first.message is not None
    assert first.message.id == 2


def test_a_ticket_without_messages_is_shown_from_its_beginning() -> None:
    assert page_of_newest(conversation_pages(replace(TICKET, body="x" * 5000), [])) == 0
