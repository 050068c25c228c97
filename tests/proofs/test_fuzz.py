"""Short form of `tests.proofs.fuzz`."""

import json

import pytest

from bot.sources.contract import Source
from bot.sources.modl.protobuf import minecraft_pb2 as pb
from bot.sources.registry import load_sources
from tests.proofs.fuzz import MEMORY, fuzz, wrong_with
from tests.proofs.hostile_requests import HostileRequest
from tests.proofs.protobuf_form import CONTENT_TYPE
from tests.webhook.conftest import Reply


async def test_no_hostile_request_makes_the_webhook_fail() -> None:
    findings = await fuzz(1000, seed=7)

    assert findings.wrong == []
    assert findings.alive
    assert findings.grown <= MEMORY
    assert findings.statuses[200] > 100  # otherwise little but authentication was tested
    assert findings.statuses[400] > 300
    assert findings.protobuf_statuses[200] > 30
    assert findings.protobuf_statuses[400] > 80
    assert {404, 406, 415} <= set(+findings.protobuf_statuses)


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
def test_a_wrong_answer_is_noticed(status: int, target: str, answer: object) -> None:
    request = HostileRequest(head=b"", body=b"", target=target, method="POST")
    reply = Reply(status=status, headers={}, body=json.dumps(answer).encode())

    assert wrong_with(request, reply, load_sources()) is not None


TICKETS = "/v3/minecraft/tickets"
DISMISS = "/v3/minecraft/reports/PLAYER-1/dismiss"
API_ERROR = pb.ApiError(status_code=404, code="NOT_FOUND", message="No.")
UNKNOWN_REPORT = pb.MinecraftReportOperationResponse(status=404, message="Report not found")


@pytest.mark.parametrize(
    ("status", "target", "answer"),
    [
        (200, TICKETS, pb.MinecraftCreateTicketResponse(status=200, success=True, ticket_id="BUG-1")),
        (200, DISMISS, pb.MinecraftReportOperationResponse(status=200, success=True)),
        (404, TICKETS, API_ERROR),
        (404, "/v3/x", API_ERROR),
        (404, "/v3//x/%2e", API_ERROR),
        (404, DISMISS, UNKNOWN_REPORT),
    ],
)
def test_a_message_of_its_operation_is_right(
    status: int, target: str, answer: pb.ApiError | pb.MinecraftReportOperationResponse
) -> None:
    assert wrong_with(*_message(status, target, answer.SerializeToString())) is None


@pytest.mark.parametrize(
    ("status", "target", "body"),
    [
        (404, "/v3/x", b'{"status":404,"success":false,"error":"No.","message":"No."}'),
        (400, "/v3/x", API_ERROR.SerializeToString()),  # another status than the answer's
        (404, "/v1/x", API_ERROR.SerializeToString()),
        (404, TICKETS, UNKNOWN_REPORT.SerializeToString()),
        (404, TICKETS, b""),
        (404, TICKETS, API_ERROR.SerializeToString() + b"\xba\x3e\x01x"),  # an unknown field
        (404, TICKETS, API_ERROR.SerializeToString()[:-1]),
        (200, TICKETS, API_ERROR.SerializeToString()),
        (200, TICKETS, b'{"status":200,"success":true,"ticketId":"BUG-1","message":""}'),
        (200, TICKETS, b""),
        (200, "/v3/x", b""),
        (500, TICKETS, pb.ApiError(status_code=500, code="INTERNAL", message="No.").SerializeToString()),
    ],
)
def test_a_wrong_message_is_noticed(status: int, target: str, body: bytes) -> None:
    assert wrong_with(*_message(status, target, body)) is not None


def test_a_message_with_the_content_type_of_json_is_noticed() -> None:
    request, reply, sources = _message(404, TICKETS, API_ERROR.SerializeToString())
    reply.headers["content-type"] = "application/json"

    assert wrong_with(request, reply, sources) is not None


def _message(status: int, target: str, body: bytes) -> tuple[HostileRequest, Reply, dict[str, Source]]:
    request = HostileRequest(head=b"", body=b"", target=target, method="POST")
    return request, Reply(status=status, headers={"content-type": CONTENT_TYPE}, body=body), load_sources()
