"""Mentions: parsed from the content, limited by allowed_mentions and permissions."""

from __future__ import annotations

import pytest

from bot.sandbox.model.json import Json
from bot.sandbox.services.message_builder import Mentions, parse_mentions

NO_MENTIONS: Json = {"parse": []}


def mentioned(
    content: str, allowed: Json | None = None, *, everyone: bool = True, replied_to: int | None = None
) -> tuple[list[int], list[int], bool]:
    found: Mentions = parse_mentions(
        content,
        allowed,
        member_ids={1, 2},
        mentionable_roles={7},
        may_mention_everyone=everyone,
        replied_to=replied_to,
    )
    return found.users, found.roles, found.everyone


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("<@2> and <@!1> and <@2>", ([2, 1], [], False)),
        ("<@3>", ([], [], False)),
        ("<@&7> but not <@&8>", ([], [7], False)),
        ("@here", ([], [], True)),
        ("@hereafter", ([], [], False)),
        ("`<@1>` ```\n<@&7> @everyone``` <@2>", ([2], [], False)),
    ],
)
def test_mentions_are_parsed_once_and_outside_code(
    content: str, expected: tuple[list[int], list[int], bool]
) -> None:
    assert mentioned(content) == expected


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        (NO_MENTIONS, ([], [], False)),
        ({}, ([], [], False)),
        ({"parse": ["users"]}, ([1, 2], [], False)),
        ({"parse": [], "users": ["2"]}, ([2], [], False)),
        ({"parse": ["everyone"], "roles": [7]}, ([], [7], True)),
    ],
)
def test_allowed_mentions_limit_mentions(allowed: Json, expected: tuple[list[int], list[int], bool]) -> None:
    assert mentioned("<@1> <@2> <@&7> @everyone", allowed) == expected


def test_mentioning_everyone_needs_permission() -> None:
    assert mentioned("@everyone", everyone=False) == ([], [], False)


@pytest.mark.parametrize(
    ("allowed", "expected"), [(None, [9]), (NO_MENTIONS, []), ({"parse": [], "replied_user": True}, [9])]
)
def test_a_reply_mentions_the_author_unless_suppressed(allowed: Json | None, expected: list[int]) -> None:
    assert mentioned("thanks", allowed, replied_to=9)[0] == expected
