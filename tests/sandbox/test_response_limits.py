"""Limits of interaction responses and application commands, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.sandbox.control.commands import run_command
from bot.sandbox.model.json import Json
from tests.sandbox.raw_api import RawApi, form_error_codes, serve_raw_api

INPUT: Json = {"type": 4, "custom_id": "a", "label": "A", "style": 1}
ROW: Json = {"type": 1, "components": [INPUT]}
MODAL: Json = {"custom_id": "m", "title": "M", "components": [ROW]}


def command(**changes: Any) -> Json:
    return {"name": "close", "description": "Closes it.", "type": 1} | changes


def option(**changes: Any) -> Json:
    return {"name": "why", "description": "Why.", "type": 3} | changes


def nested(kind: int, *options: Json) -> Json:
    return option(type=kind, options=list(options))


def choice(kind: int, value: Any) -> Json:
    return option(type=kind, choices=[{"name": "n", "value": value}])


@pytest.fixture
async def api() -> AsyncIterator[RawApi]:
    async with serve_raw_api() as served:
        yield served


@pytest.fixture
async def callback(api: RawApi) -> str:
    """The path at which a slash command waits for its answer."""
    state = api.sandbox.state
    status, answer = await api.call(
        "PUT", f"/applications/{state.world.application_id}/commands", [command()]
    )
    assert status == 200, answer
    interaction = run_command(state, "mia", "tickets", "close", {})
    return f"/interactions/{interaction.id}/{interaction.token}/callback"


@pytest.mark.parametrize(
    ("response", "where"),
    [
        ({"type": 4, "data": {"content": "x" * 2001}}, "content"),
        ({"type": 4, "data": {"embeds": [{"title": "x" * 257}]}}, "embeds.0.title"),
        ({"type": 9, "data": MODAL | {"title": "x" * 46}}, "title"),
        ({"type": 9, "data": MODAL | {"components": [ROW] * 6}}, "components"),
        ({"type": 9, "data": MODAL | {"components": []}}, "components"),
    ],
)
async def test_a_response_past_a_limit_is_rejected_and_can_be_repeated(
    api: RawApi, callback: str, response: Json, where: str
) -> None:
    status, answer = await api.call("POST", callback, response)
    again = await api.call("POST", callback + "?with_response=1", {"type": 9, "data": MODAL})

    assert (status, answer["code"]) == (400, 50035)
    assert any(path.endswith(where) for path in form_error_codes(answer["errors"]))
    assert again[0] == 200


async def test_a_second_response_is_rejected(api: RawApi, callback: str) -> None:
    await api.call("POST", callback + "?with_response=1", {"type": 5})

    status, answer = await api.call("POST", callback, {"type": 5})

    assert (status, answer["code"]) == (400, 40060)


@pytest.mark.parametrize(
    ("commands", "where"),
    [
        ([command(name="No Spaces")], "0.name"),
        ([command(name="Upper")], "0.name"),
        ([command(name="x" * 33)], "0.name"),
        ([command(description="")], "0.description"),
        ([command(description="x" * 101)], "0.description"),
        ([command(), command()], "1.name"),
        ([command(options=[option(name=f"o{n}") for n in range(26)])], "0.options"),
        ([command(options=[option(), option(name="b", required=True)])], "0.options.1"),
        ([command(options=[option(), option()])], "0.options.1.name"),
        ([command(options=[option(name="Bad Name")])], "0.options.0.name"),
        ([command(options=[option(choices=[{"name": "n", "value": "v"}] * 26)])], "0.options.0.choices"),
        ([command(options=[option(), option(type=1, name="sub")])], "0.options"),
        ([command(options=[nested(1, option(type=1))])], "0.options.0.options.0.type"),
        ([command(options=[nested(1, nested(2))])], "0.options.0.options.0.type"),
        ([command(options=[nested(2, option())])], "0.options.0.options.0.type"),
        ([command(options=[nested(2, nested(2))])], "0.options.0.options.0.type"),
        ([command(options=[choice(4, "1")])], "0.options.0.choices.0.value"),
        ([command(options=[choice(4, 1.5)])], "0.options.0.choices.0.value"),
        ([command(options=[choice(10, True)])], "0.options.0.choices.0.value"),
        ([command(options=[choice(3, 1)])], "0.options.0.choices.0.value"),
        ([command(name_localizations={"de": "Kein Name"})], "0.name_localizations.de.name"),
        ([command(name_localizations={"tlh": "nuq"})], "0.name_localizations"),
        (
            [command(description_localizations={"de": "x" * 101})],
            "0.description_localizations.de.description",
        ),
        (
            [command(options=[option(), option(name="b", name_localizations={"de": option()["name"]})])],
            "0.options.1.name",
        ),
        ([command(type=3, name="Quote this")], "0.description"),
        ([command(type=2, name="", description="")], "0.name"),
    ],
)
async def test_commands_past_a_limit_are_rejected_with_the_path(
    api: RawApi, commands: list[Json], where: str
) -> None:
    app = api.sandbox.state.world.application_id

    status, answer = await api.call("PUT", f"/applications/{app}/commands", commands)

    assert (status, answer["code"]) == (400, 50035)
    assert where in form_error_codes(answer["errors"])


async def test_groups_of_subcommands_and_choices_of_every_type_are_registered(api: RawApi) -> None:
    path = f"/applications/{api.sandbox.state.world.application_id}/commands"
    choices = [choice(3, "v"), choice(4, 1) | {"name": "b"}, choice(10, 1.5) | {"name": "c"}]

    status, answer = await api.call("PUT", path, [command(options=[nested(2, nested(1, *choices))])])

    assert status == 200, answer


async def test_more_than_a_hundred_commands_are_rejected(api: RawApi) -> None:
    path = f"/applications/{api.sandbox.state.world.application_id}/commands"
    many = [command(name=f"c{n}") for n in range(101)]

    kept = await api.call("PUT", path, many[:100])
    refused = await api.call("PUT", path, many)

    assert (kept[0], len(kept[1])) == (200, 100)
    assert (refused[0], refused[1]["code"]) == (400, 30032)
