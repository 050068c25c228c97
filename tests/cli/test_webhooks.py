"""`ticketbridge webhook`: add, list, test, rotate, pause, enable and remove outgoing webhooks."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.clock import utc_now
from bot.tickets.ticket import Ticket
from storage import Store
from tests.cli.conftest import RunCommand, create_workspace, error_of, opened_store, output_of
from tests.storage.samples import NOW, ids, new_ticket, replying
from tests.support.webhook_receiver import answer_with, running_receiver

URL = "https://game.example/events?token=of-its-own"
SECRET = re.compile(r"^whsec_[A-Za-z0-9+/]{43}=$", re.MULTILINE)


@pytest.fixture(autouse=True)
async def _workspace(ticketbridge: RunCommand) -> None:
    await create_workspace(ticketbridge)


async def add(ticketbridge: RunCommand, url: str = URL) -> str:
    """Add webhook 1; its secret."""
    printed = await output_of(
        ticketbridge,
        "webhook",
        "add",
        url,
        "--workspace",
        "main",
        "--source",
        "modl",
        "--name",
        "survival-1",
    )
    (secret,) = SECRET.findall(printed)
    return str(secret)


@asynccontextmanager
async def using(store: Store | None, database: Path) -> AsyncIterator[Store]:
    if store is not None:
        yield store
        return
    async with opened_store(database) as alone:
        yield alone


async def reply(store: Store) -> Ticket:
    """A ticket with a reply, which waits for webhook 1."""
    (workspace,) = await store.workspaces.list_all()
    ticket = await store.intake.add_ticket(workspace.id, new_ticket(source="modl"), ids(), NOW)
    await store.tickets.add_message(ticket.id, replying(), origin=ticket.public_id, now=NOW)
    return ticket


async def test_without_any_the_list_is_a_sentence(ticketbridge: RunCommand) -> None:
    assert await output_of(ticketbridge, "webhook", "list") == (
        "There is no outgoing webhook. `ticketbridge webhook add` adds one.\n"
    )


async def test_the_secret_is_shown_once_and_never_listed(
    ticketbridge: RunCommand, store: Store | None, database: Path
) -> None:
    secret = await add(ticketbridge)

    listed = await output_of(ticketbridge, "webhook", "list")

    assert listed.splitlines()[1].split()[:6] == ["1", "survival-1", "main", "modl", URL, "active"]
    assert "whsec_" not in listed
    async with using(store, database) as opened:
        endpoint, secrets = await opened.pushes.get_with_secrets(1, NOW)
    assert secrets == (secret,)
    assert secret not in repr(endpoint)


async def test_a_rotation_shows_a_new_secret_and_the_previous_one_signs_for_a_day(
    ticketbridge: RunCommand, store: Store | None, database: Path
) -> None:
    old = await add(ticketbridge)

    printed = await output_of(ticketbridge, "webhook", "rotate", 1)

    (new,) = SECRET.findall(printed)
    async with using(store, database) as opened:
        endpoint, secrets = await opened.pushes.get_with_secrets(1, utc_now())
    assert secrets == (new, old)
    assert f"The previous secret signs until {endpoint.rotated_until:%Y-%m-%d %H:%M} UTC." in printed


async def test_a_rotation_without_overlap_ends_the_previous_secret_now(
    ticketbridge: RunCommand, store: Store | None, database: Path
) -> None:
    await add(ticketbridge)

    (new,) = SECRET.findall(await output_of(ticketbridge, "webhook", "rotate", 1, "--overlap-hours", 0))

    async with using(store, database) as opened:
        assert (await opened.pushes.get_with_secrets(1, utc_now()))[1] == (new,)


async def test_a_paused_webhook_says_so_and_what_waits_for_it(
    ticketbridge: RunCommand, store: Store | None, database: Path
) -> None:
    await add(ticketbridge)
    assert await output_of(ticketbridge, "webhook", "pause", 1) == "Webhook 1 is paused. Its events wait.\n"
    async with using(store, database) as opened:
        await reply(opened)

    listed = (await output_of(ticketbridge, "webhook", "list")).splitlines()[1].split()
    waiting = await output_of(ticketbridge, "outbox", "list")

    assert listed[5:8] == ["paused", "1", "0"]
    assert "To game servers, by outgoing webhooks:" in waiting
    assert waiting.splitlines()[-1].split()[:5] == ["1", "survival-1", "paused", "1", "0"]
    await output_of(ticketbridge, "webhook", "enable", 1)
    assert "active" in await output_of(ticketbridge, "webhook", "list")


async def test_enabled_from_now_it_forgets_what_waited(
    ticketbridge: RunCommand, store: Store | None, database: Path
) -> None:
    await add(ticketbridge)
    async with using(store, database) as opened:
        await reply(opened)

    await output_of(ticketbridge, "webhook", "enable", 1, "--from-now")

    async with using(store, database) as opened:
        (backlog,) = await opened.pushes.backlogs()
    assert backlog.waiting == 0


async def test_a_removed_webhook_is_gone(ticketbridge: RunCommand) -> None:
    await add(ticketbridge)

    assert await output_of(ticketbridge, "webhook", "remove", 1) == "Webhook 1 is removed.\n"

    for command in ("remove", "pause", "enable", "rotate", "test"):
        assert await error_of(ticketbridge, "webhook", command, 1) == (
            "There is no outgoing webhook 1. `ticketbridge webhook list` shows them."
        )


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("ftp://game.example/", "The URL must begin with https:// and name a host."),
        ("https://me:word@game.example/", "The URL must have no user, no password and no #fragment in it."),
    ],
)
async def test_a_url_that_cannot_be_pushed_to_is_an_error(
    ticketbridge: RunCommand, url: str, sentence: str
) -> None:
    arguments = ("webhook", "add", url, "--workspace", "main", "--source", "modl")

    assert await error_of(ticketbridge, *arguments) == sentence


async def test_an_unknown_source_or_workspace_is_an_error(ticketbridge: RunCommand) -> None:
    wrong_source = ("webhook", "add", URL, "--workspace", "main", "--source", "x")
    wrong_workspace = ("webhook", "add", URL, "--workspace", "x", "--source", "modl")

    assert "There is no source x." in await error_of(ticketbridge, *wrong_source)
    assert "x" in await error_of(ticketbridge, *wrong_workspace)


async def test_a_test_event_is_signed_and_its_answer_shown(
    ticketbridge: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_receiver(answer_with(200)) as receiver:
        secret = await add(ticketbridge, receiver.url)

        printed = await output_of(ticketbridge, "webhook", "test", 1)

        (request,) = receiver.received
        event = request.verify(secret)
        assert (event["type"], event["id"]) == ("test", request.id)
        assert re.fullmatch(rf"HTTP 200 after [\d.]+ s, to event {request.id}\nno\n", printed)


async def test_what_a_receiver_answers_is_escaped(ticketbridge: RunCommand) -> None:
    async with running_receiver(answer_with(500, text="\x1b[31mred")) as receiver:
        await add(ticketbridge, receiver.url)

        result = await ticketbridge("webhook", "test", 1)

        assert result.exit_code == 1
        assert r"\x1b[31mred" in result.stdout
        assert "\x1b" not in result.stdout
        assert result.stderr == "ticketbridge: Webhook 1 did not accept the event. It answered 500.\n"


async def test_the_cause_is_said_when_there_is_no_answer(ticketbridge: RunCommand) -> None:
    await add(ticketbridge, "https://10.0.0.1/events")

    assert await error_of(ticketbridge, "webhook", "test", 1) == (
        "Webhook 1 did not accept the event. 10.0.0.1 is no public address. "
        "`[push] allowed_networks` can allow it."
    )
