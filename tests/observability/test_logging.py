"""Log lines: one for each event, with ids and without anybody's words, and nothing in them breaks a line."""

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
    """All that is logged in the block, at every level."""
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
            "Delivery %d of ticket %d, attempt %d, channel %d rests: %s", 7, 12, 3, 99, "no answer"
        )
        logging.getLogger("bot.x").info("kept it: %.0f %% for key %s", 5.0, "abc", extra={"workspace": "w"})

    first, second = events(stream)
    time = datetime.fromisoformat(first.pop("timestamp"))
    assert time.utcoffset() == timedelta(0)
    assert first == {
        "level": "WARNING",
        "logger": "bot.x",
        "message": "Delivery 7 of ticket 12, attempt 3, channel 99 rests: no answer",
        "delivery": 7,
        "ticket": 12,
        "attempt": 3,
        "channel": 99,
    }
    assert (second["message"], second["key"], second["workspace"]) == ("kept it: 5 % for key abc", "abc", "w")


@pytest.mark.parametrize("formatter", [JsonLogFormatter(), TextFormatter("%(levelname)s %(message)s")])
def test_nothing_that_is_quoted_breaks_a_line_or_moves_a_cursor(formatter: logging.Formatter) -> None:
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
async def test_no_secret_and_nobodys_words_are_logged_on_a_tickets_whole_way(
    town: RunningBridge, formatter: logging.Formatter
) -> None:
    words = {"subject": "my-subject", "message": "my-message", "authorUsername": "Ann-from-the-game"}
    with logged(formatter) as stream:
        await town.game_report(**words)
        ticket = await town.ticket(subject="my-subject", creatorName="Ann-from-the-game")
        await town.press("mia", ticket, "Claim")
        for command, option in (("reply", "message"), ("note", "text")):
            options = {"ticket": ticket.public_id, option: f"staff-{command}"}
            record = await town.sandbox.command("mia", "tickets", f"ticket {command}", options)
            assert "is saved" in reply_text(record)
        town.sandbox.fail("503", times=1)
        await town.ticket(subject="my-subject", creatorName="Ann-from-the-game")
        address = f"{town.application.webhook_address}/v1/minecraft/tickets"
        for key in (town.keys["modl"], "tb_wrong_key"):
            async with town.session.post(
                address, data=b'{"broken-body', headers={"X-API-Key": key}
            ) as answer:
                assert answer.status in (400, 401)

    told = stream.getvalue()
    assert "kept" in told
    for hidden in (*WORDS, *town.keys.values(), town.sandbox.token, "tb_wrong_key"):
        assert hidden not in told


async def test_a_ticket_is_followed_by_its_number_from_the_request_to_a_delivery_that_is_late(
    town: RunningBridge,
) -> None:
    with logged(JsonLogFormatter()) as stream:
        town.sandbox.fail("503", times=1)
        ticket = await town.game_report()

    about = [event for event in events(stream) if event.get("ticket") == ticket.id]
    kept, late = about[0], about[1]
    assert (kept["public_id"], kept["workspace"]) == (ticket.public_id, ticket.workspace_id)
    assert late["channel"] == ticket.post.channel_id
    assert late["attempt"] == 1
    assert late["delivery"] > 0


async def test_the_bridge_logs_json_when_it_is_set_to_and_nothing_else(
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

    told = [json.loads(line) for line in rest.splitlines()]
    assert [event["public_id"] for event in told if "public_id" in event]
    assert {event["level"] for event in told} <= {"INFO", "WARNING"}
