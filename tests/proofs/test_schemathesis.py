"""The short form of `tests.proofs.described`."""

from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel

from bot.sources.contract import ApiError, ApiRequest, Endpoint
from bot.sources.registry import load_sources
from bot.sources.requests import GetWorkspace
from tests.proofs.described import check
from tests.webhook.conftest import SOURCES


class Told(BaseModel):
    """What one path says that it answers."""

    title: str


def read(call: ApiRequest) -> GetWorkspace:
    return GetWorkspace()


def pour(call: ApiRequest) -> GetWorkspace:
    raise ApiError(418, "There is tea in it.")


def sulk(call: ApiRequest) -> GetWorkspace:
    raise ApiError(400, "Not today.")


def drop(call: ApiRequest) -> GetWorkspace:
    raise RuntimeError("dropped")


LIAR = replace(
    SOURCES["south"],
    intake_endpoints=(),
    endpoints=(
        Endpoint(
            method="GET",
            path="/south/title",
            request=GetWorkspace,
            parse=read,
            serialize=lambda workspace: {"titel": "misspelt"},
            response=Told,
        ),
        Endpoint(
            method="GET", path="/south/tea", request=GetWorkspace, parse=pour, serialize=lambda workspace: {}
        ),
        Endpoint(
            method="GET", path="/south/mood", request=GetWorkspace, parse=sulk, serialize=lambda workspace: {}
        ),
        Endpoint(
            method="GET", path="/south/cup", request=GetWorkspace, parse=drop, serialize=lambda workspace: {}
        ),
    ),
)


async def test_the_webhook_does_what_its_description_says_and_nothing_else(tmp_path: Path) -> None:
    findings = await check(tmp_path, load_sources(), "--max-examples=5", "--seed=1")

    assert findings.failures == (), findings.printed
    assert sum(findings.accepted.values()) > 150  # or nothing but the door was tried
    assert sum(count > 0 for count in findings.accepted.values()) > 20


async def test_a_description_that_is_not_true_is_seen(tmp_path: Path) -> None:
    findings = await check(tmp_path, {"south": LIAR}, "--max-examples=2", "--phases=fuzzing")

    assert set(findings.failures) >= {
        "ST108 GET /south/title",  # the answer is not of the described shape
        "ST103 GET /south/tea",  # a status that is not described
        "ST101 GET /south/cup",  # a failure
        "ST901 GET /south/mood",  # a valid request refused, by our own check
    }, findings.printed
