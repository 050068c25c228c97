"""Log output: one line per event, with its ids as fields, and without secrets or text of players."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.observability.logging import JsonLogFormatter, TextFormatter, quiet_libraries
from bot.sources.series import examples as series
from tests.cli.test_command_line import bridge_process, configured, key_created, post, workspace_created
from tests.support.bridge_harness import RunningBridge, reply_text, running_sandbox, wait_for

NASTY = "one\r\ntwo\x1b[31m\x00three\u2028four\x85\x9b\u202efive"
WORDS = ("Ann-from-the-game", "my-subject", "my-message", "staff-reply", "staff-note", "broken-body")


@contextmanager
def logged(formatter: logging.Formatter) -> Iterator[io.StringIO]:
    """Everything logged in the block, at every level."""
    root, stream = logging.getLogger(), io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    quiet_libraries()
    try:
        yield stream
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def events(stream: io.StringIO) -> list[dict[str, Any]]:
    """Each line, which must be one JSON object."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_object_with_its_time_in_utc_and_its_ids() -> None:
    with logged(JsonLogFormatter()) as stream:
        logging.getLogger("bot.x").warning(
            "Delivery failed, retry in %.0f s: %s",
            5.0,
            "no response",
            extra={"ticket_id": 12, "delivery_id": 7, "attempt": 3},
        )

    (event,) = events(stream)
    time = datetime.fromisoformat(event.pop("timestamp"))
    assert time.utcoffset() == timedelta(0)
    assert event == {
        "level": "WARNING",
        "logger": "bot.x",
        "message": "Delivery failed, retry in 5 s: no response",
        "ticket_id": 12,
        "delivery_id": 7,
        "attempt": 3,
    }


def test_a_line_of_text_ends_with_the_ids() -> None:
    with logged(TextFormatter("%(asctime)s %(levelname)s %(message)s", datefmt="now")) as stream:
        logging.getLogger("bot.x").warning("It failed", extra={"ticket_id": 12, "source": NASTY})
        logging.getLogger("bot.x").warning("It failed again")

    first, second = stream.getvalue().splitlines()
    assert first.startswith("now WARNING It failed ticket_id=12 source=one\\r\\ntwo")
    assert first.isprintable()
    assert second == "now WARNING It failed again"


@pytest.mark.parametrize("formatter", [JsonLogFormatter(), TextFormatter("%(levelname)s %(message)s")])
def test_no_logged_text_breaks_a_line_or_moves_a_cursor(formatter: logging.Formatter) -> None:
    with logged(formatter) as stream:
        logging.getLogger("bot.x").info("it says %s", NASTY)

    (line,) = stream.getvalue().splitlines()
    assert line.isprintable()
    assert "three" in line


@pytest.mark.parametrize("formatter", [JsonLogFormatter(), TextFormatter("%(levelname)s %(message)s")])
def test_a_traceback_holds_no_line_that_looks_like_an_event(formatter: logging.Formatter) -> None:
    with logged(formatter) as stream:
        try:
            raise ValueError(f"{NASTY}\nINFO forged")
        except ValueError:
            logging.getLogger("bot.x").exception("it failed")

    head, *rest = stream.getvalue().splitlines()
    assert "it failed" in head
    assert all(line.startswith("    ") and line.isprintable() for line in rest)
    assert any("ValueError" in line for line in [head, *rest])


@pytest.mark.parametrize("formatter", [JsonLogFormatter(), TextFormatter("%(levelname)s %(message)s")])
async def test_no_secret_and_no_text_of_a_person_is_logged_from_request_to_post(
    bridge: RunningBridge, formatter: logging.Formatter
) -> None:
    words = {"subject": "my-subject", "message": "my-message", "authorUsername": "Ann-from-the-game"}
    with logged(formatter) as stream:
        await bridge.game_report(**words)
        ticket = await bridge.ticket(subject="my-subject", creatorName="Ann-from-the-game")
        await bridge.press("mia", ticket, "Claim")
        for command, option in (("reply", "message"), ("note", "text")):
            options = {"ticket": ticket.public_id, option: f"staff-{command}"}
            record = await bridge.sandbox.command("mia", "tickets", f"ticket {command}", options)
            assert "is saved" in reply_text(record)
        bridge.sandbox.fail("503", times=1)
        await bridge.ticket(subject="my-subject", creatorName="Ann-from-the-game")
        address = f"{bridge.application.webhook_address}/v1/minecraft/tickets"
        for key in (bridge.keys["modl"], "tb_wrong_key"):
            async with bridge.session.post(
                address, data=b'{"broken-body', headers={"X-API-Key": key}
            ) as response:
                assert response.status in (400, 401)

    log = stream.getvalue()
    assert "created" in log
    for hidden in (*WORDS, *bridge.keys.values(), bridge.sandbox.token, "tb_wrong_key"):
        assert hidden not in log


async def test_a_ticket_is_followed_by_its_id_from_the_request_to_a_delivery_that_fails(
    bridge: RunningBridge,
) -> None:
    with logged(JsonLogFormatter()) as stream:
        bridge.sandbox.fail("503", method="POST", path=r"/channels/\d+/messages$")  # not the login
        ticket = await bridge.game_report()

    created, failed = [event for event in events(stream) if event.get("ticket_id") == ticket.id]
    assert created["workspace_id"] == ticket.workspace_id
    assert failed["channel_id"] == ticket.post.channel_id
    assert failed["attempt"] == 1
    assert failed["delivery_id"] > 0


async def test_with_the_json_format_the_bridge_logs_nothing_but_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_sandbox() as (sandbox, guild):
        config = configured(tmp_path, sandbox)
        await workspace_created(config, guild)
        key = await key_created(config, "series")
        with monkeypatch.context() as environment:
            environment.setenv("TICKETBRIDGE_LOG_FORMAT", "json")
            async with bridge_process(config) as (process, address):
                assert process.stderr is not None
                await post(
                    address.removesuffix('"}'),
                    "/tickets/create-game-report",
                    series.GAME_REPORT,
                    {"apikey": key},
                )
                await wait_for(lambda: sandbox.messages("reports"))
                process.terminate()
                rest = (await process.stderr.read()).decode()

    logged = [json.loads(line) for line in rest.splitlines()]
    assert [event["ticket_id"] for event in logged if "ticket_id" in event]
    assert {event["level"] for event in logged} <= {"INFO", "WARNING"}
