"""The short form of `tests.proofs.fuzz`."""

import json

import pytest

from bot.sources.registry import load_sources
from tests.proofs.fuzz import MEMORY, fuzz, wrong_with
from tests.proofs.hostile import Hostile
from tests.webhook.conftest import Reply


async def test_no_request_whatever_makes_it_fail() -> None:
    findings = await fuzz(3000, seed=7)

    assert findings.wrong == []
    assert findings.alive
    assert findings.grown <= MEMORY
    assert findings.statuses[200] > 300  # or nothing but the door was tried
    assert findings.statuses[400] > 1000


@pytest.mark.parametrize(
    ("status", "target", "answer"),
    [
        (500, "/x", {"success": False, "error": {"code": 500, "message": "No."}}),
        (404, "/x", "no object"),
        (404, "/x", {"success": False, "error": {"code": 400, "message": "No."}}),
        (404, "/v1/x", {"success": False, "error": {"code": 404, "message": "No."}}),
        (404, "/x", {"success": False, "status": 404, "error": "No.", "message": "No."}),
    ],
)
def test_the_judge_sees_what_is_wrong(status: int, target: str, answer: object) -> None:
    request = Hostile(head=b"", body=b"", target=target, method="POST")
    reply = Reply(status=status, headers={}, body=json.dumps(answer).encode())

    assert wrong_with(request, reply, load_sources()) is not None
