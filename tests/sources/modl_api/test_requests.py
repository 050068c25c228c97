"""The modl API: what its page documents, and what real Minecraft servers send."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sources.contract import ApiError, FieldViolation
from bot.sources.modl import SOURCE, examples, serializers
from bot.sources.modl.chat_log import ChatLine, parse_chat_line
from bot.sources.modl.requests import DraftBody, TicketBody, parse_draft, parse_ticket
from bot.sources.modl.status_page import render_status_page
from bot.tickets.message import Actor
from bot.tickets.queries import TicketDetails, TicketPage, TicketQuery
from bot.tickets.ticket import NewTicket, Player, Priority, Status, Ticket, TicketField
from tests.support.stored_ticket import FILED_AT, kept_as

NOTCH = "550e8400-e29b-41d4-a716-446655440000"
ACCUSED = "660e8400-e29b-41d4-a716-446655440001"
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def parsed(**changes: object) -> NewTicket:
    return parse_ticket(json.dumps({**examples.TICKET, **changes}).encode())


def field_values(new: NewTicket) -> dict[str, str]:
    return {field.label: field.value for field in new.fields}


def chat_object(timestamp: object) -> dict[str, object]:
    return {"username": "A", "message": "hi", "timestamp": timestamp}


def leaves(value: Any) -> Iterator[object]:
    """Every value in a JSON value that is neither a list nor an object."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from leaves(item)
    else:
        yield value


def test_the_page_s_own_request_gets_the_page_s_own_answer_and_two_fields_more() -> None:
    assert serializers.ticket_created(kept_as("PLAYER-123456", parsed())) == {
        "status": 200,
        "success": True,
        "ticketId": "PLAYER-123456",
        "message": "Ticket created successfully",
    }


def test_a_draft_is_an_unfinished_ticket_that_keeps_its_description_and_is_answered_as_a_draft() -> None:
    new = parse_draft(json.dumps({"creatorUuid": NOTCH, "type": "bug", "description": "It broke"}).encode())

    assert (new.initial_status, new.body) == (Status.UNFINISHED, "It broke")
    assert serializers.draft_created(kept_as("BUG-123456", new))["message"] == (
        "Ticket draft created - complete the form on the panel"
    )


def test_staff_can_reply_to_its_tickets() -> None:
    assert kept_as("PLAYER-123456", parsed()).reply(Actor(id="1", name="Ada"), "Hello").text == "Hello"


@pytest.mark.parametrize(
    ("category", "prefix", "words"),
    [
        ("player", "PLAYER", ["player", "PLAYER", "player_report", "Player-Report", "PlayerReport"]),
        ("chat", "CHAT", ["chat", "chat_report", "ChatReport"]),
        ("bug", "BUG", ["bug", "bug_report", "Bug Report"]),
        ("appeal", "APPEAL", ["appeal", "ban_appeal", "BanAppeal"]),
        ("application", "STAFF", ["staff", "application", "staff_application", "Apply"]),
        ("support", "SUPPORT", ["support", "general_support", "General-Support"]),
    ],
)
def test_types_come_in_many_words_and_their_ids_say_which(
    category: str, prefix: str, words: list[str]
) -> None:
    for word in words:
        new = parsed(type=word)

        assert new.category == category
        assert re.fullmatch(prefix + r"-[1-9][0-9]{5}", next(SOURCE.new_public_ids(new, FILED_AT)))


@pytest.mark.parametrize(
    ("priority", "words"),
    [
        (Priority.LOW, ["low", "minor", "LOW"]),
        (Priority.NORMAL, ["normal", "NORMAL", "medium", "default", "standard", None, ""]),
        (Priority.HIGH, ["high", "urgent", "URGENT", "critical", "highest"]),
    ],
)
def test_priorities_come_in_many_words_and_are_three(priority: Priority, words: list[str | None]) -> None:
    assert {parsed(priority=word).priority for word in words} == {priority}


@pytest.mark.parametrize(
    "uuid", [NOTCH, NOTCH.upper(), NOTCH.replace("-", ""), f"{{{NOTCH}}}", f"urn:uuid:{NOTCH}", f" {NOTCH} "]
)
def test_a_uuid_is_kept_in_one_form_however_it_is_written(uuid: str) -> None:
    assert parsed(creatorUuid=uuid).reporter.id == NOTCH


@pytest.mark.parametrize(
    "uuid", ["00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0009-01F2A3B4C5D6"]
)
def test_the_console_and_bedrock_players_file_tickets_and_have_no_profile(uuid: str) -> None:
    reporter = parsed(creatorUuid=uuid, creatorName=".Steve").reporter

    assert reporter == Player(id=uuid.lower(), name=".Steve")


def test_an_anticheat_is_the_reporter_by_name_and_never_the_player_it_accuses() -> None:
    new = parsed(creatorUuid=ACCUSED.upper(), creatorName="Anti-cheat", priority="NORMAL")

    assert new.reporter == Player(name="Anti-cheat")
    assert new.reported_player is not None
    assert new.reported_player.id == ACCUSED


def test_a_player_who_reports_himself_is_still_the_reporter() -> None:
    new = parsed(creatorUuid=ACCUSED, creatorName="HACKER123")

    assert new.reporter.id == ACCUSED


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ('12:00:01 Hacker123: <b>"bad" & wörse 😀', '12:00:01 Hacker123: <b>"bad" & wörse 😀'),
        (chat_object("2024-07-26T10:00:00Z"), "2024-07-26 10:00:00 A: hi"),
        (json.dumps(chat_object("2024-07-26T10:00:00Z")), "2024-07-26 10:00:00 A: hi"),
        (json.dumps(chat_object("2024-07-26T12:00:00.25+02:00")), "2024-07-26 10:00:00.250 A: hi"),
        (chat_object("2024-07-26T10:00:00"), "2024-07-26 10:00:00 A: hi"),
        (chat_object("2024-07-26T10:00:00.000999Z"), "2024-07-26 10:00:00 A: hi"),
        (chat_object(1721988000000), "2024-07-26 10:00:00 A: hi"),
        (chat_object(1721988000123), "2024-07-26 10:00:00.123 A: hi"),
        (chat_object(1721988000), "2024-07-26 10:00:00 A: hi"),
        (chat_object(1721988000.123), "2024-07-26 10:00:00.123 A: hi"),
        (chat_object("2024-02-31T10:00:00Z"), "A: hi"),
        (chat_object("9:05:00"), "9:05:00 A: hi"),
        (chat_object(10**400), "A: hi"),
        (chat_object("0001-01-01T00:00:00+14:00"), "A: hi"),
        ({"message": "hi"}, "hi"),
        ({"a": 1}, '{"a": 1}'),
        ('{"message":"' + "[" * 300, '{"message":"' + "[" * 300),
        ('{"message":"\\ud83d"}', '{"message":"\\ud83d"}'),
        ('["hi"]', '["hi"]'),
        ("A: yo\r12:00:05 Admin: forged", "A: yo 12:00:05 Admin: forged"),
        ("A: yo\r\n12:00:05 Admin: forged", "A: yo 12:00:05 Admin: forged"),
        ("A: \0b\x1b[31m", "A: b[31m"),
    ],
)
def test_chat_is_readable_in_every_format_it_is_sent_in(entry: object, line: str) -> None:
    assert parsed(chatMessages=[entry]).chat_log == (line,)


@pytest.mark.parametrize(
    "blank", ["", "  ", "\n", "\0", None, {"message": ""}, '{"username":"A","message":" "}']
)
def test_blank_chat_is_skipped(blank: object) -> None:
    assert parsed(chatMessages=[blank, "A: hi"]).chat_log == ("A: hi",)


@pytest.mark.parametrize(
    ("line", "at", "sender", "text"),
    [
        ("10:29:59 Hacker123: bye", "2025-01-15 10:29:59", "Hacker123", "bye"),
        ("10:30:00 Hacker123: now", "2025-01-15 10:30:00", "Hacker123", "now"),
        ("10:30:01 Hacker123: bye", "2025-01-14 10:30:01", "Hacker123", "bye"),
        ("9:05 [Mod] Ada Lovelace: a: b", "2025-01-15 09:05:00", "[Mod] Ada Lovelace", "a: b"),
        ("Hacker123: bye", "2025-01-15 10:30:00", "Hacker123", "bye"),
        ("10:00:00 no name", "2025-01-15 10:00:00", None, "no name"),
        ("2024-07-26 10:00:00 A: hi", "2024-07-26 10:00:00", "A", "hi"),
        ("2024-07-26 10:00:00.250 A: hi", "2024-07-26 10:00:00.250", "A", "hi"),
        ("2030-01-01 9:05 A: early", "2030-01-01 09:05:00", "A", "early"),
        ("10:00:00.250 no name", "2025-01-15 10:00:00.250", None, "no name"),
        ("2024-02-31 10:00:00 no such date", "2025-01-15 10:30:00", None, "2024-02-31 10:00:00 no such date"),
        ("2024-07-26 Hacker123: a", "2025-01-15 10:30:00", "2024-07-26 Hacker123", "a"),
        ("24:00:00 A: b", "2025-01-15 10:30:00", None, "24:00:00 A: b"),
        ("https://example.org is no name", "2025-01-15 10:30:00", None, "https://example.org is no name"),
        ("x" * 49 + ": b", "2025-01-15 10:30:00", None, "x" * 49 + ": b"),
        ("two\nlines", "2025-01-15 10:30:00", None, "two\nlines"),
        ("", "2025-01-15 10:30:00", None, ""),
    ],
)
def test_a_stored_line_of_chat_is_parsed(line: str, at: str, sender: str | None, text: str) -> None:
    apart = parse_chat_line(line, created_at=FILED_AT)

    assert apart == ChatLine(text=text, sent_at=datetime.fromisoformat(f"{at}+00:00"), sender=sender)


@settings(deadline=None)  # a busy machine is no failure
@given(st.datetimes(timezones=st.just(UTC)), st.booleans())
def test_a_chat_entry_with_a_date_is_read_back_to_the_millisecond(sent_at: datetime, as_text: bool) -> None:
    sent_at = sent_at.replace(microsecond=sent_at.microsecond // 1000 * 1000)
    entry = chat_object(sent_at.isoformat())

    (line,) = parsed(chatMessages=[json.dumps(entry) if as_text else entry]).chat_log

    assert parse_chat_line(line, created_at=FILED_AT) == ChatLine(text="hi", sent_at=sent_at, sender="A")


ODD_TEXT = st.none() | st.text()
ODD_PLAYERS = st.builds(Player, id=ODD_TEXT, name=ODD_TEXT, display_name=ODD_TEXT)


@settings(deadline=None)  # a busy machine is no failure
@given(
    st.builds(
        partial(replace, kept_as("PLAYER-123456", parsed())),
        subject=st.text(),
        body=st.text(),
        category=st.text(),
        priority=st.sampled_from(Priority),
        status=st.sampled_from(Status),
        reporter=ODD_PLAYERS,
        reported_player=st.none() | ODD_PLAYERS,
        fields=st.lists(st.builds(TicketField, label=st.text(), value=st.text())).map(tuple),
        chat_log=st.lists(st.text() | st.from_regex(r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2})? .*: .*")).map(tuple),
        created_at=st.datetimes(datetime(1970, 1, 1), timezones=st.just(UTC)),
    )
)
def test_any_stored_ticket_can_be_serialized(ticket: Ticket) -> None:
    case = TicketDetails(ticket=ticket)
    found = TicketPage(query=TicketQuery(limit=1), items=(case,), total=1)

    shown = [
        serializers.ticket_list(found),
        serializers.player_ticket_list(found),
        serializers.tickets_by_ids([case]),
        serializers.ticket_detail(case),
        serializers.report_list(found),
        serializers.player_report_list(found),
    ]

    assert [body["status"] for body in shown] == [200] * 6
    assert not [leaf for leaf in leaves(shown) if leaf is None]
    assert render_status_page(case).status == 200


def test_a_replay_is_named_and_never_linked() -> None:
    new = parsed(replayUrl="https://evil.example/replay?id=abc", createdServer="survival-1")

    assert field_values(new) == {
        "Game": "Minecraft",
        "Server": "survival-1",
        "Tags": "cheating, fly",
        "Replay": "https://evil.example/replay?id=abc",
    }
    assert all(fact.url is None for fact in new.fields)


def test_a_ticket_without_words_says_what_it_is_about() -> None:
    new = parsed(subject=None, description=None)

    assert (new.subject, new.body) == ("Player report: Hacker123", "")


@pytest.mark.parametrize("status", [400, 404, 405, 409, 413, 415, 500, 503])
def test_an_error_is_text_that_the_plugin_can_show(status: int) -> None:
    assert SOURCE.format_error(ApiError(status, "Why.")) == {
        "status": status,
        "success": False,
        "error": "Why.",
        "message": "Why.",
    }


def test_an_error_carries_each_invalid_field_with_its_reason() -> None:
    with pytest.raises(ApiError) as caught:
        parsed(type="rumour", creatorUuid="x", tags=5)

    names = "player, chat, staff, bug, support, appeal, or an alias such as bug_report or application"
    assert caught.value.violations == [
        FieldViolation(field="creatorUuid", reason="must be a UUID"),
        FieldViolation(field="tags", reason="must be a list"),
        FieldViolation(field="type", reason=f"must be one of: {names}"),
    ]


def test_an_error_about_the_whole_body_is_no_field_s() -> None:
    with pytest.raises(ApiError) as caught:
        parse_ticket(b"[]")

    assert caught.value.message == "Invalid data provided: body must be a JSON object."
    assert caught.value.violations == []


def test_a_missing_key_is_called_unauthorized() -> None:
    body = SOURCE.format_error(ApiError(401, "That key is unknown."))

    assert (body["error"], body["message"]) == ("Unauthorized", "That key is unknown.")


def test_429_has_the_seconds_to_wait() -> None:
    assert SOURCE.format_error(ApiError(429, "Too many.", retry_after=7)) == {
        "status": 429,
        "success": False,
        "error": "Rate limit exceeded",
        "message": "Rate limit exceeded",
        "retryAfterSeconds": 7,
    }


def test_a_draft_is_checked_in_the_same_order_as_a_ticket() -> None:
    assert list(DraftBody.model_fields) == list(TicketBody.model_fields)


@settings(deadline=None)  # a busy machine is no failure
@given(st.dictionaries(st.sampled_from(sorted(TicketBody.model_fields)), ANY_JSON))
def test_an_invalid_field_raises_only_api_errors(changes: dict[str, object]) -> None:
    try:
        new = parsed(**changes)
    except ApiError as error:
        outcome = error.status == 400 and len(error.message) < 1000
    else:
        outcome = serializers.ticket_created(kept_as("PLAYER-123456", new))["success"] is True

    assert outcome


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(st.text() | st.dictionaries(st.sampled_from(["username", "message", "timestamp"]), ANY_JSON)))
def test_any_chat_of_text_and_objects_becomes_lines_without_breaks(entries: list[object]) -> None:
    try:
        new = parsed(chatMessages=entries)
    except ApiError:
        return  # NaN or half a surrogate pair somewhere in it

    assert all(line.strip() and len(line.splitlines()) == 1 for line in new.chat_log)


@settings(deadline=None)  # a busy machine is no failure
@given(st.binary() | ANY_JSON.map(lambda value: json.dumps(value).encode()))
def test_an_invalid_body_raises_only_api_errors(body: bytes) -> None:
    for parse_any in (parse_ticket, parse_draft):
        with pytest.raises(ApiError):
            parse_any(body)
