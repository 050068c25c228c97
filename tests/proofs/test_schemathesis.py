"""The short form of `tests.proofs.described`."""

from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel

from bot.sources import Call, Endpoint, Refused, discover
from bot.sources.requests import ReadWorkspace
from tests.proofs.described import check
from tests.webhook.conftest import SOURCES


class Told(BaseModel):
    """What one path says that it answers."""

    title: str


def read(call: Call) -> ReadWorkspace:
    return ReadWorkspace()


def pour(call: Call) -> ReadWorkspace:
    raise Refused(418, "There is tea in it.")


def sulk(call: Call) -> ReadWorkspace:
    raise Refused(400, "Not today.")


def drop(call: Call) -> ReadWorkspace:
    raise RuntimeError("dropped")


LIAR = replace(
    SOURCES["south"],
    intakes=(),
    endpoints=(
        Endpoint(
            method="GET",
            path="/south/title",
            read=read,
            answer=lambda workspace: {"titel": "misspelt"},
            says=Told,
        ),
        Endpoint(method="GET", path="/south/tea", read=pour, answer=lambda workspace: {}),
        Endpoint(method="GET", path="/south/mood", read=sulk, answer=lambda workspace: {}),
        Endpoint(method="GET", path="/south/cup", read=drop, answer=lambda workspace: {}),
    ),
)


async def test_the_webhook_does_what_its_description_says_and_nothing_else(tmp_path: Path) -> None:
    findings = await check(tmp_path, discover(), "--max-examples=5", "--seed=1")

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
