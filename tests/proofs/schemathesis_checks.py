"""A check for Schemathesis: which errors a valid request may get.

Its own check, `positive_data_acceptance`, reports every 400 and 422 as a mismatch with the schema. But
contracts answer 400 for a ticket's state, too ("Ticket already claimed"), which no schema can know, and 422
for a reused Idempotency-Key. So that check accepts both statuses, and this one passes only the answers that
the OpenAPI description lists, word for word, as examples of such errors.

Of a body in protobuf the description says only that it is bytes. It gets any bytes, and messages that are
valid for some operation; which of them an operation takes is not checked here, but by `tests.proofs.fuzz`.
"""

from typing import Any

import schemathesis
from google.protobuf.json_format import ParseDict
from hypothesis import strategies as st

from bot.sources.modl.examples import TICKET
from bot.sources.modl.protobuf import minecraft_pb2 as pb
from tests.proofs.protobuf_form import CONTENT_TYPE

_MESSAGES = (
    ParseDict(dict(TICKET), pb.MinecraftCreateTicketRequest()),
    pb.MinecraftClaimTicketRequest(player_uuid=TICKET["creatorUuid"], player_name="Notch"),
    pb.ResolveReportRequest(resolved_by="Mod", resolution="Banned", punishment_id="AB12"),
    pb.AssignReportRequest(assignee="Mod"),
)
schemathesis.openapi.media_type(
    CONTENT_TYPE, st.sampled_from([each.SerializeToString() for each in _MESSAGES]) | st.binary()
)


@schemathesis.check
def valid_request_gets_no_undescribed_error(
    context: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    """Raises AssertionError for any other 400 or 422."""
    meta = case.meta
    if meta is None or not meta.generation.mode.is_positive or response.status_code not in (400, 422):
        return
    if response.headers["content-type"] == [CONTENT_TYPE]:
        return
    assert response.json() in _described_errors(case.operation.definition.raw, response.status_code)


def _described_errors(operation: Any, status: int) -> list[Any]:
    content = operation["responses"][str(status)]["content"]["application/json"]
    return [each["value"] for name, each in content["examples"].items() if name != "default"]
