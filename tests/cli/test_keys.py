"""`ticketbridge key`: named keys, keys that end, and which of them open anything."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.conftest import Operator, refused, told, with_workspace

CREATE = ("key", "create", "--workspace", "main", "--source", "series")


async def listed(ticketbridge: Operator) -> list[str]:
    shown = await told(ticketbridge, "key", "list")
    return [" ".join(line.split()) for line in shown.splitlines()[1:]]


async def test_a_key_shows_its_name_its_state_and_its_end(ticketbridge: Operator) -> None:
    await with_workspace(ticketbridge)

    said = await told(ticketbridge, *CREATE, "--name", "hub server", "--expires", "2999-01-31")

    key = said.splitlines()[-1]
    (line,) = await listed(ticketbridge)
    assert said.startswith("From 2999-01-31 00:00 UTC on it opens nothing.\n")
    assert line.startswith(f"{key.split('_')[1]} hub server main series active ")
    assert line.endswith(" 2999-01-31 00:00")
    assert key not in line


async def test_a_number_of_days_ends_that_many_days_from_now(ticketbridge: Operator) -> None:
    await with_workspace(ticketbridge)
    now = datetime.now(UTC)

    said = await told(ticketbridge, *CREATE, "--expires", "90d")

    end = datetime.strptime(said[5:21], "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    assert timedelta(days=90, minutes=-1) <= end - now <= timedelta(days=90, minutes=1)


async def test_a_revoked_key_says_so(ticketbridge: Operator) -> None:
    await with_workspace(ticketbridge)
    key = (await told(ticketbridge, *CREATE)).splitlines()[-1]

    await told(ticketbridge, "key", "revoke", key.split("_")[1])

    (line,) = await listed(ticketbridge)
    assert " series revoked " in line


@pytest.mark.parametrize(
    ("expires", "sentence"),
    [
        ("2020-01-31", "2020-01-31 has begun already. Let the key expire on a later day."),
        ("0d", "has begun already. Let the key expire on a later day."),
        ("2027-02-31", "2027-02-31 is neither a day, such as 2027-01-31, nor a number of days, such as 90d."),
        ("next year", "next year is neither a day"),
        ("-5d", "-5d is neither a day"),
        ("99999999999d", "99999999999d is neither a day"),
        ("", "is neither a day"),
    ],
)
async def test_an_end_that_is_none_is_refused_and_no_key_is_made(
    ticketbridge: Operator, expires: str, sentence: str
) -> None:
    await with_workspace(ticketbridge)

    assert sentence in await refused(ticketbridge, *CREATE, "--expires", expires)

    assert "There is no API key yet." in await told(ticketbridge, "key", "list")


async def test_today_has_begun_already(ticketbridge: Operator) -> None:
    await with_workspace(ticketbridge)
    today = f"{datetime.now(UTC):%Y-%m-%d}"

    assert "has begun already" in await refused(ticketbridge, *CREATE, "--expires", today)


@pytest.mark.parametrize("name", ["x" * 101, "a\x1b[31m"])
async def test_a_name_that_cannot_be_shown_is_refused(ticketbridge: Operator, name: str) -> None:
    await with_workspace(ticketbridge)

    sentence = await refused(ticketbridge, *CREATE, "--name", name)

    assert sentence == "A key's name has 100 characters at most, all of them visible."
