"""Short form of `tests.proofs.schemathesis_run`."""

from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel

from bot.sources.contract import ApiError, ApiRequest, Endpoint
from bot.sources.registry import load_sources
from bot.sources.requests import GetWorkspace
from tests.proofs.schemathesis_run import check
from tests.webhook.conftest import SOURCES


class Title(BaseModel):
    title: str


def get_workspace(call: ApiRequest) -> GetWorkspace:
    return GetWorkspace()


def raise_418(call: ApiRequest) -> GetWorkspace:
    raise ApiError(418, "There is tea in it.")


def raise_400(call: ApiRequest) -> GetWorkspace:
    raise ApiError(400, "Not today.")


def crash(call: ApiRequest) -> GetWorkspace:
    raise RuntimeError("crashed")


WRONG = replace(
    SOURCES["south"],
    intake_endpoints=(),
    endpoints=(
        Endpoint(
            method="GET",
            path="/south/title",
            request=GetWorkspace,
            parse=get_workspace,
            serialize=lambda workspace: {"titel": "misspelt"},
            response=Title,
        ),
        *(
            Endpoint(
                method="GET", path=path, request=GetWorkspace, parse=parse, serialize=lambda workspace: {}
            )
            for path, parse in (
                ("/south/teapot", raise_418),
                ("/south/refusing", raise_400),
                ("/south/crashing", crash),
            )
        ),
    ),
)


async def test_every_answer_matches_the_openapi_description(tmp_path: Path) -> None:
    findings = await check(tmp_path, load_sources(), "--max-examples=2", "--seed=1")

    assert findings.failures == (), findings.printed
    assert sum(findings.accepted.values()) > 100  # otherwise little but authentication was tested
    assert sum(count > 0 for count in findings.accepted.values()) > 20


async def test_a_wrong_description_is_noticed(tmp_path: Path) -> None:
    findings = await check(tmp_path, {"south": WRONG}, "--max-examples=2", "--phases=fuzzing")

    assert set(findings.failures) >= {
        "ST108 GET /south/title",  # the answer is not of the described shape
        "ST103 GET /south/teapot",  # a status that is not described
        "ST101 GET /south/crashing",  # a failure
        "ST901 GET /south/refusing",  # a valid request refused, by our own check
    }, findings.printed
