"""`ticketbridge key`: names, states and expiry."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.conftest import RunCommand, create_workspace, error_of, output_of

CREATE = ("key", "create", "--workspace", "main", "--source", "series")


async def listed(ticketbridge: RunCommand) -> list[str]:
    shown = await output_of(ticketbridge, "key", "list")
    return [" ".join(line.split()) for line in shown.splitlines()[1:]]


async def test_a_key_is_listed_with_its_name_its_state_and_its_expiry(ticketbridge: RunCommand) -> None:
    await create_workspace(ticketbridge)

    output = await output_of(ticketbridge, *CREATE, "--name", "hub server", "--expires", "2999-01-31")

    key = output.splitlines()[-1]
    (line,) = await listed(ticketbridge)
    assert output.startswith("It is valid until 2999-01-31 00:00 UTC.\n")
    assert line.startswith(f"{key.split('_')[1]} hub server main series active ")
    assert line.endswith(" 2999-01-31 00:00")
    assert key not in line


async def test_a_key_expires_after_a_number_of_days(ticketbridge: RunCommand) -> None:
    await create_workspace(ticketbridge)
    now = datetime.now(UTC)

    output = await output_of(ticketbridge, *CREATE, "--expires", "90d")

    end = datetime.strptime(output[18:34], "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    assert timedelta(days=90, minutes=-1) <= end - now <= timedelta(days=90, minutes=1)


async def test_a_revoked_key_is_listed_as_revoked(ticketbridge: RunCommand) -> None:
    await create_workspace(ticketbridge)
    key = (await output_of(ticketbridge, *CREATE)).splitlines()[-1]

    await output_of(ticketbridge, "key", "revoke", key.split("_")[1])

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
async def test_an_invalid_expiry_is_an_error_and_creates_no_key(
    ticketbridge: RunCommand, expires: str, sentence: str
) -> None:
    await create_workspace(ticketbridge)

    assert sentence in await error_of(ticketbridge, *CREATE, "--expires", expires)

    assert "There is no API key yet." in await output_of(ticketbridge, "key", "list")


async def test_a_key_cannot_expire_today(ticketbridge: RunCommand) -> None:
    await create_workspace(ticketbridge)
    today = f"{datetime.now(UTC):%Y-%m-%d}"

    assert "has begun already" in await error_of(ticketbridge, *CREATE, "--expires", today)


@pytest.mark.parametrize("name", ["x" * 101, "a\x1b[31m"])
async def test_a_name_that_cannot_be_shown_is_an_error(ticketbridge: RunCommand, name: str) -> None:
    await create_workspace(ticketbridge)

    sentence = await error_of(ticketbridge, *CREATE, "--name", name)

    assert sentence == "A key's name has 100 characters at most, all of them visible."
