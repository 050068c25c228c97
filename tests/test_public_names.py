"""Names that dashboards, alerts, scripts and config files rely on: written out, so no rename changes one."""

import json
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from bot.config import Settings
from bot.observability.logging import JsonLogFormatter
from bot.outbox.errors import DeliveryError
from bot.tickets.events import EventType
from bot.tickets.message import MessageKind
from bot.tickets.outbox import DeliveryKind, DeliveryState
from bot.tickets.push_endpoints import EndpointState
from bot.tickets.ticket import Priority, Status
from tests.support.bridge_harness import RunningBridge

ROOT = Path(__file__).parents[1]
PRODUCT = [file for folder in ("bot", "cogs", "storage") for file in (ROOT / folder).rglob("*.py")]

SETTINGS = {
    "discord": {"token", "api_base", "unknown_outcome_delay", "typed_replies", "direct_messages"},
    "webhook": {
        "host",
        "port",
        "public_url",
        "trusted_proxies",
        "metrics_allowed_networks",
        "duplicate_window",
    },
    "push": {"allowed_networks"},
    "storage": {"path"},
    "backup": {"folder", "hours", "keep"},
    "log": {"format"},
}

# Each metric with its labels.
METRICS = {
    "ticketbridge_tickets": ["source"],
    "ticketbridge_requests": ["path", "status"],
    "ticketbridge_request_errors": ["source", "status"],
    "ticketbridge_request_seconds": ["path"],
    "ticketbridge_deliveries": ["kind", "outcome"],
    "ticketbridge_delivery_seconds": ["kind"],
    "ticketbridge_outbox_deliveries": ["channel", "kind", "state"],
    "ticketbridge_outbox_oldest_seconds": [],
    "ticketbridge_pushes": ["endpoint", "outcome"],
    "ticketbridge_push_backlog": ["endpoint", "state"],
    "ticketbridge_push_oldest_seconds": [],
    "ticketbridge_push_endpoints": ["state"],
    "ticketbridge_events_waiting": ["source"],
    "ticketbridge_events_oldest_seconds": ["source"],
    "ticketbridge_feedback": ["workspace"],
    "ticketbridge_feedback_rating_average": ["workspace"],
    "ticketbridge_database_seconds": ["what"],
    "ticketbridge_database_failures": ["failure"],
    "ticketbridge_database_failing": [],
    "ticketbridge_search_lag_tickets": [],
    "ticketbridge_build_info": ["python", "sqlite", "version"],
    "ticketbridge_discord_connected": [],
    "ticketbridge_open_circuits": [],
    "ticketbridge_delivery_paused": [],
    "ticketbridge_discord_responses": ["status"],
    "ticketbridge_discord_invalid_requests": [],
}

OUTCOMES = {
    "error",
    "retry_later",
    "rate_limited",
    "unknown_outcome",
    "channel_forbidden",
    "bot_forbidden",
    "permanent_failure",
    "held",
}

# What every event of the JSON log has, and what it has with an exception or a stack.
LOG_FIELDS = ["timestamp", "level", "logger", "message", "exception", "stack"]
# What events add to these, each by `extra={...}` of a log call.
LOG_EXTRA_FIELDS = {
    *("ticket_id", "delivery_id", "attempt", "channel_id", "thread_id", "message_id", "workspace_id"),
    *("interaction_id", "key_prefix", "source", "path", "status", "ticket_ids", "endpoint_id"),
    *("player_id", "discord_id", "actor_id"),
}

VALUES = {
    DeliveryKind: [
        *("post", "thread", "private_thread", "update_post", "post_message"),
        *("update_message", "post_event", "post_pointer", "direct_message"),
    ],
    DeliveryState: ["pending", "done", "dead_letter", "dropped", "held"],
    EndpointState: ["active", "paused", "disabled"],
    EventType: ["ticket.reply", "ticket.status"],
    Status: ["unfinished", "open", "in-progress", "resolved", "closed"],
    Priority: ["low", "normal", "high", "urgent"],
    MessageKind: ["reply", "note", "follow-up", "event", "feedback"],
}


def test_the_settings_have_these_keys() -> None:
    sections = {name: field.annotation for name, field in Settings.model_fields.items()}

    assert {
        name: set(section.model_fields)
        for name, section in sections.items()
        if isinstance(section, type) and issubclass(section, BaseModel)
    } == SETTINGS


async def test_the_metrics_have_these_names_and_labels(bridge: RunningBridge) -> None:
    await bridge.ticket()
    async with bridge.session.get(bridge.application.webhook_address + "/metrics") as response:
        text = await response.text()

    typed = {line.split()[2].removesuffix("_total") for line in text.splitlines() if line[:6] == "# TYPE"}
    own = {name for name in typed if name.startswith("ticketbridge_")}
    assert own == set(METRICS)
    for line in text.splitlines():
        name, _, labels = line.partition("{")
        base = name.removesuffix("_total").removesuffix("_bucket").removesuffix("_count").removesuffix("_sum")
        if labels and base in METRICS:
            given = [part.partition("=")[0] for part in labels.partition("}")[0].split('",')]
            assert sorted(set(given) - {"le"}) == METRICS[base], line


def test_the_outcomes_of_deliveries_have_these_names() -> None:
    assert {DeliveryError.outcome} | {error.outcome for error in DeliveryError.__subclasses__()} == OUTCOMES


def test_the_json_log_has_these_fields() -> None:
    extra: dict[str, object] = dict.fromkeys(LOG_EXTRA_FIELDS, 1)
    try:
        raise ValueError("x")
    except ValueError:
        record = logging.getLogger().makeRecord(
            "bot.x", logging.ERROR, "", 0, "It failed", (), sys.exc_info(), extra=extra, sinfo="a stack"
        )

    event = json.loads(JsonLogFormatter().format(record))

    assert set(event) == {*LOG_FIELDS, *LOG_EXTRA_FIELDS}


def test_every_log_field_is_documented() -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    section = page.partition("## Logs")[2].partition("## ")[0]

    assert set(re.findall(r"`([a-z_]+)`", section)) == {*LOG_FIELDS, *LOG_EXTRA_FIELDS}


def test_log_calls_pass_no_other_fields() -> None:
    passed = {name for file in PRODUCT for name in extra_names(file.read_text(encoding="utf-8"))}

    assert {"ticket_id", "delivery_id"} <= passed <= LOG_EXTRA_FIELDS


def extra_names(text: str) -> Iterator[str]:
    """The keys of `extra={...}`, and of dicts assigned to, or returned by, a name passed as `extra`."""
    literals = re.findall(r"\bextra=\{(.*?)\}", text, re.DOTALL)
    for name in set(re.findall(r"\bextra=(\w+)", text)):
        literals += re.findall(rf"\b{name}(?: = |\([^)]*\) -> .*?return )\{{(.*?)\}}", text, re.DOTALL)
    return (key for literal in literals for key in re.findall(r'"(\w+)":', literal))


@pytest.mark.parametrize(
    "text",
    [
        'log.info("x", extra={"ticket_id": 1, "place": 2})',
        'ids = {\n    "place": 2,\n}\nlog.info("x", extra=ids)',
        'log.info("x", extra=ids(1))\n\ndef ids(one: int) -> dict[str, int]:\n    return {"place": one}',
    ],
)
def test_another_field_is_found(text: str) -> None:
    assert "place" in extra_names(text)


@pytest.mark.parametrize("enum", VALUES, ids=lambda enum: enum.__name__)
def test_stored_and_displayed_values_have_these_names(enum: type) -> None:
    assert [one.value for one in enum] == VALUES[enum]  # type: ignore[attr-defined, index]  # an Enum


def test_the_example_config_has_no_other_section() -> None:
    example = (ROOT / "config.example.toml").read_text(encoding="utf-8")

    assert {line.strip("[]") for line in example.splitlines() if line.startswith("[")} == set(SETTINGS)
