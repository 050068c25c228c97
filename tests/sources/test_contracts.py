"""Every source by its fixtures: a body, and the ticket it must become or the error it must get."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

import bot.sources
from bot.sources.contract import ApiError, IntakeEndpoint, Source
from bot.sources.registry import load_sources
from bot.tickets.ticket import NewTicket, Status

SOURCES = load_sources()
FOLDER = Path(bot.sources.__file__).parent


def fixtures(pattern: str) -> list[Any]:
    return [
        pytest.param(source, json.loads(file.read_text("utf-8")), id=f"{source.name}-{file.stem}")
        for source in SOURCES.values()
        for file in sorted((FOLDER / source.name / "fixtures").glob(pattern))
    ]


def intake_at(source: Source, path: str) -> IntakeEndpoint:
    return next(intake for intake in source.intake_endpoints if intake.path == path)


def as_fixture(value: object) -> Any:
    """A ticket as a fixture writes it: without what is absent, false or open, empty body, `raw_request`."""
    if isinstance(value, dict):
        return {key: as_fixture(item) for key, item in value.items() if is_written(key, item)}
    return [as_fixture(item) for item in value] if isinstance(value, tuple) else value


def is_written(key: str, value: object) -> bool:
    is_default = value is Status.OPEN or not (value or (value == "" and key != "body"))
    return not is_default and key != "raw_request"


@pytest.mark.parametrize(("source", "case"), fixtures("ok_*.json"))
def test_a_request_becomes_exactly_the_ticket_of_its_fixture(source: Source, case: dict[str, Any]) -> None:
    body = json.dumps(case["body"], ensure_ascii=False)

    new = intake_at(source, case["path"]).parse(body.encode())

    assert as_fixture(asdict(new)) == case["ticket"]
    assert new.source == source.name
    assert new.raw_request == body


@pytest.mark.parametrize(("source", "case"), fixtures("bad_*.json"))
def test_a_request_gets_exactly_the_error_of_its_fixture(source: Source, case: dict[str, Any]) -> None:
    body = case["text"] if "text" in case else json.dumps(case["body"])

    with pytest.raises(ApiError) as caught:
        intake_at(source, case["path"]).parse(body.encode())

    assert (caught.value.status, caught.value.message) == (400, case["message"])
    assert case["message"] in json.dumps(source.format_error(caught.value))


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_every_source_has_fixtures_of_both_kinds_for_every_intake(source: Source) -> None:
    paths = {intake.path for intake in source.intake_endpoints if intake.codec is None}

    for pattern in ("ok_*.json", "bad_*.json"):
        files = (FOLDER / source.name / "fixtures").glob(pattern)
        assert {json.loads(file.read_text("utf-8"))["path"] for file in files} == paths


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_every_source_prints_an_example_it_accepts(source: Source) -> None:
    examples = [intake for intake in source.intake_endpoints if intake.example is not None]

    assert examples
    for intake in examples:
        assert intake.codec is None  # the demo prints it as JSON
        assert isinstance(intake.parse(json.dumps(intake.example).encode()), NewTicket)


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_every_intake_lies_below_a_prefix_of_its_source(source: Source) -> None:
    for intake in source.intake_endpoints:
        assert any(f"{intake.path}/".startswith(f"{prefix}/") for prefix in source.path_prefixes)
        assert not intake.path.endswith("/")


def test_no_two_sources_claim_the_same_path() -> None:
    claims = [(prefix, source.name) for source in SOURCES.values() for prefix in source.path_prefixes]

    for prefix, name in claims:
        assert not [
            other for longer, other in claims if other != name and f"{longer}/".startswith(f"{prefix}/")
        ]


def test_shared_modules_are_not_sources() -> None:
    assert (FOLDER / "validation.py").exists()
    assert "validation" not in SOURCES
