"""`ticketbridge key`: names, states, expiry, and keys that were made elsewhere."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.tickets.api_keys import hash_api_key
from tests.cli.conftest import RunCommand, create_workspace, error_of, opened_store, output_of

CREATE = ("key", "create", "--workspace", "main", "--source", "series")
IMPORT = ("key", "import", "--workspace", "main", "--source", "modl")
EXISTING = "modl-3f9a/K1~zQ7wX+c5="  # 22 characters
WEAK = (
    "An imported key has 20 to 512 visible ASCII characters and no blanks, and at least 6 of them differ: "
    "a key that can be guessed protects nothing."
)


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


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
async def test_a_key_from_stdin_is_accepted_under_a_prefix_that_is_no_part_of_it(
    ticketbridge: RunCommand, ending: str
) -> None:
    await create_workspace(ticketbridge)

    output = await output_of(
        ticketbridge,
        *IMPORT,
        "--name",
        "panel",
        "--expires",
        "2999-01-31",
        stdin=f"{EXISTING}{ending}".encode(),
    )

    prefix = output.split()[-1]
    assert output.startswith(
        "It is valid until 2999-01-31 00:00 UTC.\nThe key is accepted for workspace main,"
    )
    assert len(prefix) == 8
    assert prefix not in EXISTING
    (line,) = await listed(ticketbridge)
    assert line.startswith(f"{prefix} panel main modl active ")
    assert EXISTING not in output + line
    assert f"prefix is {prefix}" in await error_of(ticketbridge, *IMPORT, stdin=EXISTING.encode())


async def test_a_key_is_read_from_a_file(ticketbridge: RunCommand, tmp_path: Path) -> None:
    await create_workspace(ticketbridge)
    file = tmp_path / "key.txt"
    file.write_text(f"{EXISTING}\n", "ascii")

    output = await output_of(ticketbridge, *IMPORT, "--file", file)

    assert output.startswith("The key is accepted for workspace main, source modl.")
    assert "known already" in await error_of(ticketbridge, *IMPORT, stdin=EXISTING.encode())


async def test_a_file_that_cannot_be_read_is_an_error(ticketbridge: RunCommand, tmp_path: Path) -> None:
    await create_workspace(ticketbridge)

    absent = await error_of(ticketbridge, *IMPORT, "--file", tmp_path / "key.txt")
    folder = await error_of(ticketbridge, *IMPORT, "--file", tmp_path)

    assert absent == f"The key cannot be read from {tmp_path / 'key.txt'}: No such file or directory."
    assert folder == f"The key cannot be read from {tmp_path}: Is a directory."


async def test_only_the_hash_of_an_imported_key_is_in_the_database(
    ticketbridge: RunCommand, database: Path, beside: bool
) -> None:
    await create_workspace(ticketbridge)

    await output_of(ticketbridge, *IMPORT, stdin=EXISTING.encode())

    if not beside:
        async with opened_store(database) as store:
            found = await store.api_keys.find(hash_api_key(EXISTING))
            assert found is not None
    stored = b"".join(file.read_bytes() for file in database.parent.glob(f"{database.name}*"))
    assert hash_api_key(EXISTING).encode() in stored
    assert EXISTING.encode() not in stored


@pytest.mark.parametrize(
    "key",
    [
        b"",
        b"\n",
        b"abcdefghijklmnopqrs",  # 19
        b"x" * 40,
        b"abcdefghijkl mnopqrstuvwxyz",
        b"abcdefghijklmnopqrstuvwxyz\n\n",
        b"abcdefghijklm\nnopqrstuvwxyz",
        "\ufeffabcdefghijklmnopqrstuvwxyz".encode(),
        "abcdefghijklmnopqrstuvwxyz".encode("utf-16"),
        b"\xff" + b"abcdefghijklmnopqrstuvwxyz",
        b"abcdefghij" * 51 + b"abc",  # 513
    ],
)
async def test_a_key_that_is_weak_or_no_header_is_refused_and_not_shown(
    ticketbridge: RunCommand, key: bytes
) -> None:
    await create_workspace(ticketbridge)

    assert await error_of(ticketbridge, *IMPORT, stdin=key) == WEAK

    assert "There is no API key yet." in await output_of(ticketbridge, "key", "list")


@pytest.mark.parametrize(
    "key", [b"abcdefghijklmnopqrst", b"12345678901234567890", b"abcdefghij" * 51 + b"ab"]
)
async def test_keys_of_20_to_512_characters_are_accepted(ticketbridge: RunCommand, key: bytes) -> None:
    await create_workspace(ticketbridge)

    assert "The key is accepted" in await output_of(ticketbridge, *IMPORT, stdin=key + b"\n")


@pytest.mark.parametrize("whole", [False, True])
async def test_a_revoked_key_is_not_imported_again(ticketbridge: RunCommand, whole: bool) -> None:
    await create_workspace(ticketbridge)
    prefix = (await output_of(ticketbridge, *IMPORT, stdin=EXISTING.encode())).split()[-1]
    revoked = await output_of(ticketbridge, "key", "revoke", EXISTING if whole else prefix)

    sentence = await error_of(ticketbridge, *IMPORT, stdin=EXISTING.encode())

    assert revoked == f"Key {prefix} is revoked.\n"
    assert sentence == (
        f"This key is known already: its prefix is {prefix}, and it was revoked, for good. "
        "Make a new key where it is from, and import that."
    )


async def test_an_unknown_key_is_not_repeated_when_it_is_to_be_revoked(ticketbridge: RunCommand) -> None:
    await create_workspace(ticketbridge)

    sentence = await error_of(ticketbridge, "key", "revoke", EXISTING)

    assert sentence == "There is no such API key. `ticketbridge key list` shows their prefixes."


async def test_in_a_terminal_the_key_is_asked_for_and_not_shown(
    ticketbridge: RunCommand, database: Path
) -> None:
    await create_workspace(ticketbridge)
    environment = {**os.environ, "TICKETBRIDGE_STORAGE_PATH": str(database), "COLUMNS": "200"}
    terminal, stdin = os.openpty()
    command = (sys.executable, "-m", "bot", *IMPORT)
    process = await asyncio.create_subprocess_exec(
        *command, stdin=stdin, stdout=PIPE, stderr=PIPE, env=environment, start_new_session=True
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(60):
            asked = await process.stderr.readuntil(b": ")
            os.write(terminal, f"{EXISTING}\n".encode())
            said, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(stdin)

    os.set_blocking(terminal, False)
    try:
        echoed = os.read(terminal, 1000)
    except OSError:
        echoed = b""
    os.close(terminal)
    assert asked == b"The key (it is not shown): "
    assert said.startswith(b"The key is accepted for workspace main, source modl."), errors
    assert EXISTING.encode() not in echoed + said + errors
