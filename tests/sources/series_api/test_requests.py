"""The Series API: what its pages document, and what real Roblox servers send."""

import json
import re
from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sources.contract import ApiError
from bot.sources.registry import load_sources
from bot.sources.series import SOURCE, examples
from bot.sources.series.requests import parse_game_report, parse_ticket
from bot.sources.series.serializers import serialize_ticket_with_messages, ticket_created
from bot.tickets.errors import ViewOnly
from bot.tickets.message import Actor
from bot.tickets.queries import TicketDetails
from bot.tickets.ticket import NewTicket, Player, Priority, Ticket, TicketField
from tests.support.stored_ticket import FILED_AT, kept_as

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def report(**changes: object) -> NewTicket:
    return parse_game_report(json.dumps({**examples.GAME_REPORT, **changes}).encode())


def error_message(**changes: object) -> str:
    with pytest.raises(ApiError) as caught:
        report(**changes)
    return caught.value.message


def kept_report(**changes: object) -> Ticket:
    return kept_as("TICKET-1234567890-ABCD", report(**changes))


def answer(**changes: object) -> dict[str, Any]:
    return dict(ticket_created(kept_report(**changes))["data"])


def test_the_page_s_own_request_gets_the_page_s_own_answer() -> None:
    assert ticket_created(kept_report()) == {
        "success": True,
        "data": {
            "TicketId": "TICKET-1234567890-ABCD",
            "_id": "65a1b2c3d4e5f60718293a4b",
            "WorkspaceId": "a7d5339a-5531-4336-99c6-6f3249c9ac20",
            "Subject": "Rule violation report",
            "Category": "reports",
            "Department": "moderation-dept",
            "Status": "open",
            "Priority": "high",
            "Author": {
                "UserId": 123456789,
                "Username": "reporter123",
                "DisplayName": "Reporter Name",
                "AvatarUrl": "https://tr.rbxcdn.com/avatar-url",
            },
            "GameReport": True,
            "GameData": {"PlaceId": 123456789, "ServerId": "game-server-id-123"},
            "CreatedAt": "2025-01-15T10:30:00.000Z",
            "UpdatedAt": "2025-01-15T10:30:00.000Z",
        },
    }


def test_a_ticket_is_no_game_report_and_has_no_game_data() -> None:
    new = parse_ticket(json.dumps(examples.TICKET).encode())

    data = ticket_created(kept_as("TICKET-1234567890-ABCD", new))["data"]

    assert data["GameReport"] is False
    assert "GameData" not in data
    assert data["Priority"] == "medium"


def test_a_game_report_takes_no_reply_and_a_ticket_does() -> None:
    ticket = kept_as("TICKET-1234567890-ABCD", parse_ticket(json.dumps(examples.TICKET).encode()))
    staff = Actor(id="1", name="Ada")

    with pytest.raises(ViewOnly):
        kept_report().reply(staff, "Hello")
    assert ticket.reply(staff, "Hello").text == "Hello"


def test_a_game_report_stays_one_whatever_its_body_claims() -> None:
    assert report(view_only=False, GameReport=False).view_only


@pytest.mark.parametrize(
    "place", ["126591263956758", 126591263956758, 126591263956758.0, "000126591263956758"]
)
def test_a_place_comes_as_text_or_number_and_goes_back_as_a_number(place: object) -> None:
    place_id = answer(placeId=place)["GameData"]["PlaceId"]

    assert (place_id, type(place_id)) == (126591263956758, int)


@pytest.mark.parametrize(
    "place",
    ["abc", " 123 ", "1.2e14", "١٢٣", "1_000", "+5", "1" * 5000, -1, 1.5, 1e30, True, [], {}, None, ""],
)
def test_a_place_that_is_no_number_is_refused_in_a_short_sentence(place: object) -> None:
    message = error_message(placeId=place)

    assert re.fullmatch(
        r"Validation error: Place ID (must be a whole number|is out of range|is required)", message
    )


@pytest.mark.parametrize(
    ("sent", "number"),
    [
        *[(1, 1), ("1", 1), (1.0, 1), (-1, -1), ("-1", -1), (0, 0)],
        *[(2**63 - 1, 2**63 - 1), (-(2**63), -(2**63))],
        *[(f"{2**63 - 1}", 2**63 - 1), (f"-{2**63}", -(2**63)), ("0000000000000000007", 7)],
    ],
)
def test_an_author_is_a_whole_number_however_it_is_sent(sent: object, number: int) -> None:
    new = report(authorUserId=sent)

    assert new.reporter.id == str(number)
    assert (new.reporter.profile_url is not None) == (number > 0)
    assert answer(authorUserId=sent)["Author"]["UserId"] == number


@pytest.mark.parametrize(
    "author",
    [True, False, "abc", "1.0", 1.5, 2**63, f"{2**63}", -(2**63) - 1, f"-{2**63 + 1}", 2.0**60, [1]],
)
def test_an_author_that_is_no_number_of_64_bits_is_refused(author: object) -> None:
    assert error_message(authorUserId=author).startswith("Validation error: Author user ID ")


@pytest.mark.parametrize(("sent", "shown"), [(None, None), ("", ""), ("  ", ""), ("\0", "")])
def test_a_null_text_goes_back_as_null_and_a_blank_one_as_empty(sent: str | None, shown: str | None) -> None:
    data = answer(authorUsername=sent, authorDisplayName=sent, serverId=sent)

    assert data["Author"]["Username"] == shown
    assert data["Author"]["DisplayName"] == shown
    assert data["GameData"]["ServerId"] == shown


def test_text_that_is_absent_is_null_in_the_answer() -> None:
    optional = ("authorUsername", "authorDisplayName", "serverId")
    body = {name: value for name, value in examples.GAME_REPORT.items() if name not in optional}

    data = ticket_created(kept_as("TICKET-1234567890-ABCD", parse_game_report(json.dumps(body).encode())))[
        "data"
    ]

    assert (data["Author"]["Username"], data["Author"]["DisplayName"]) == (None, None)
    assert data["GameData"]["ServerId"] is None


@pytest.mark.parametrize(
    ("name", "display_name", "label"), [("", "", "123456789"), ("rey", "", "rey"), ("", "Rey", "Rey")]
)
def test_an_empty_name_is_no_name_of_the_reporter(name: str, display_name: str, label: str) -> None:
    assert report(authorUsername=name, authorDisplayName=display_name).reporter.label == label


@pytest.mark.parametrize(
    "url", ["", "null", "rbxthumb://type=AvatarHeadShot&id=1", "data:,x", "javascript:1", "x" * 2048]
)
def test_any_avatar_url_is_taken_and_given_back_as_it_came(url: str) -> None:
    assert answer(authorAvatarUrl=url)["Author"]["AvatarUrl"] == url


def test_an_avatar_url_must_be_there() -> None:
    assert error_message(authorAvatarUrl=None) == "Validation error: Author avatar URL is required"


@pytest.mark.parametrize(
    ("sent", "stored_priority", "shown"),
    [
        ("low", Priority.LOW, "low"),
        ("medium", Priority.NORMAL, "medium"),
        ("Normal", Priority.NORMAL, "medium"),
        (None, Priority.NORMAL, "medium"),
        ("", Priority.NORMAL, "medium"),
        ("HIGH", Priority.HIGH, "high"),
        (" Urgent ", Priority.URGENT, "urgent"),
        ("critical", Priority.URGENT, "urgent"),
    ],
)
def test_priorities_come_in_many_words_and_go_back_in_four(
    sent: str | None, stored_priority: Priority, shown: str
) -> None:
    assert report(priority=sent).priority is stored_priority
    assert answer(priority=sent)["Priority"] == shown


def test_an_error_does_not_echo_the_request() -> None:
    assert "zzzz" not in error_message(priority="z" * 100_000)


def test_dates_are_utc_with_milliseconds_whatever_zone_they_are_kept_in() -> None:
    new = report()
    ticket = kept_as("TICKET-1234567890-ABCD", new)
    object.__setattr__(ticket, "created_at", FILED_AT.astimezone(timezone(timedelta(hours=5, minutes=30))))

    data = ticket_created(ticket)["data"]

    assert data["CreatedAt"] == "2025-01-15T10:30:00.000Z"


@pytest.mark.parametrize("place", ["", "here", "1e5", "9" * 30, None])
def test_any_stored_ticket_can_be_serialized(place: str | None) -> None:
    facts = () if place is None else (TicketField(label="Place", value=place),)
    ticket = replace(kept_report(), fields=facts, reporter=Player(name="Ann"), subject="x" * 1000)

    data = serialize_ticket_with_messages(TicketDetails(ticket=ticket))

    assert data["Author"] == {"UserId": 0, "Username": "Ann", "DisplayName": None, "AvatarUrl": ""}
    assert data["GameData"] == {"PlaceId": 0, "ServerId": None}


def test_an_error_has_the_page_s_format() -> None:
    assert SOURCE.format_error(ApiError(400, "Validation error: Subject is required")) == {
        "success": False,
        "error": {"code": 400, "message": "Validation error: Subject is required"},
    }


def test_ticket_ids_look_as_on_the_page() -> None:
    candidate = next(SOURCE.new_public_ids(report(), FILED_AT))

    assert re.fullmatch(r"TICKET-[0-9]{10}-[A-Z]{4}", candidate)


def test_it_has_the_page_s_headers_and_rate_limit() -> None:
    source = load_sources()["series"]

    assert source.key_headers == ("apikey", "x-api-key")
    assert (source.rate_limit.requests, source.rate_limit.seconds, source.rate_limit.per) == (25, 1, "key")


@settings(deadline=None)  # a busy machine is no failure
@given(st.dictionaries(st.sampled_from(sorted(examples.GAME_REPORT)), ANY_JSON))
def test_an_invalid_field_raises_only_api_errors(changes: dict[str, object]) -> None:
    body = json.dumps({**examples.GAME_REPORT, **changes}).encode("utf-8", "surrogatepass")
    try:
        new = parse_game_report(body)
    except ApiError as error:
        outcome = error.status == 400 and len(error.message) < 100
    else:
        outcome = ticket_created(kept_as("TICKET-1234567890-ABCD", new))["success"] is True

    assert outcome


@settings(deadline=None)  # a busy machine is no failure
@given(st.binary() | ANY_JSON.map(lambda value: json.dumps(value).encode()))
def test_an_invalid_body_raises_only_api_errors(body: bytes) -> None:
    for parse in (parse_game_report, parse_ticket):
        with pytest.raises(ApiError):
            parse(body)
