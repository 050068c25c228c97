"""`ticketbridge rejected`: requests that were not accepted, shown with every control character escaped."""

from datetime import UTC, datetime
from pathlib import Path

from bot.cli.output import escape_body
from bot.observability.logging import escape_controls
from storage import Store
from tests.cli.conftest import RunCommand, create_workspace, error_of, opened_store, output_of

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
HOSTILE = b'{"subject": "\x1b[31mred\x07\x9b2J \xff\xe2\x80\xae",\r\n\t"two": 2'


async def rejected(
    database: Path, store: Store | None, ticketbridge: RunCommand, *bodies: bytes, path: str = "/x"
) -> None:
    """Save requests with a valid key that were not accepted."""
    await create_workspace(ticketbridge)
    await output_of(ticketbridge, "key", "create", "--workspace", "main", "--source", "series")
    if store is None:
        async with opened_store(database) as own:
            await _save(own, path, bodies)
    else:
        await _save(store, path, bodies)


async def _save(store: Store, path: str, bodies: tuple[bytes, ...]) -> None:
    (key,) = await store.api_keys.list_all()
    for body in bodies:
        await store.rejected_requests.save(key, path, "It makes \x1b[1mno\x1b[0m sense.", body, NOW)


async def test_without_rejected_requests_the_list_is_a_sentence(ticketbridge: RunCommand) -> None:
    await create_workspace(ticketbridge)

    output = await output_of(ticketbridge, "rejected", "list")

    assert output == "No request was rejected for what is in it. Those with a wrong key are not saved.\n"


async def test_the_newest_are_listed_first_up_to_the_limit(
    database: Path, store: Store | None, ticketbridge: RunCommand
) -> None:
    await rejected(database, store, ticketbridge, b"1", b"22", b"333")

    all_of_them = (await output_of(ticketbridge, "rejected", "list")).splitlines()[1:]
    newest = (await output_of(ticketbridge, "rejected", "list", "--limit", 1)).splitlines()[1:]

    assert [int(line.split()[0]) for line in all_of_them] == [3, 2, 1]
    (line,) = newest
    assert line.split()[:5] == ["3", "2026-01-02", "03:04", "main", "series"]
    assert line.rstrip().endswith("/x    It makes \\x1b[1mno\\x1b[0m sense.  3")


async def test_a_request_is_shown_whole_and_escaped(
    database: Path, store: Store | None, ticketbridge: RunCommand
) -> None:
    await rejected(database, store, ticketbridge, HOSTILE, path="/tickets/\x1b]0;pwned\x07")

    shown = await output_of(ticketbridge, "rejected", "show", 1)

    assert not {one for one in shown if not one.isprintable()} - {"\n", "\t"}
    assert '{"subject": "\\x1b[31mred\\x07\\x9b2J \\xff\\u202e",\\r\n\t"two": 2' in shown
    assert "/tickets/\\x1b]0;pwned\\x07" in shown
    assert f"{len(HOSTILE)} bytes, shown below" in shown
    assert "It makes \\x1b[1mno\\x1b[0m sense." in shown


async def test_a_cut_body_is_shown_with_how_much_is_missing(
    database: Path, store: Store | None, ticketbridge: RunCommand
) -> None:
    await rejected(database, store, ticketbridge, b"a" * 100_000)

    shown = await output_of(ticketbridge, "rejected", "show", 1)

    assert "100,000 bytes; the first 65,536 are below, 34,464 are missing" in shown
    assert shown.endswith("\n\n" + "a" * 65_536 + "\n")


async def test_an_unknown_request_is_an_error(ticketbridge: RunCommand) -> None:
    await create_workspace(ticketbridge)

    sentence = await error_of(ticketbridge, "rejected", "show", 404)

    assert sentence.startswith("There is no rejected request 404;")


def test_controls_and_hidden_characters_are_escaped_and_the_rest_is_not() -> None:
    assert escape_controls("Ünïcode “quotes” 日本 \\n [red]") == "Ünïcode “quotes” 日本 \\n [red]"
    assert (
        escape_controls("\x00\x1b\x7f\x85\u200b\u202e\u2028\ud800")
        == "\\x00\\x1b\\x7f\\x85\\u200b\\u202e\\u2028\\ud800"
    )
    assert escape_body(b"a\nb\tc\r\x0b\xf0\x9f") == "a\nb\tc\\r\\x0b\\xf0\\x9f"
