"""A check that schemathesis loads: what a valid request may be refused for.

Its own check, `positive_data_acceptance`, takes every 400 and 422 for a quarrel with the schema. But
contracts say 400 of a ticket's state, too ("Ticket already claimed"), which no schema can know, and 422 is
said of a used Idempotency-Key. So that check is told to expect both, and this one lets only those pass that
the description lists, word for word, as what a ticket says.
"""

from typing import Any

import schemathesis


@schemathesis.check
def only_a_ticket_refuses_a_valid_request(
    context: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    """Raises AssertionError for any other refusal."""
    meta = case.meta
    if meta is None or not meta.generation.mode.is_positive or response.status_code not in (400, 422):
        return
    assert response.json() in _said_by_tickets(case.operation.definition.raw, response.status_code)


def _said_by_tickets(operation: Any, status: int) -> list[Any]:
    content = operation["responses"][str(status)]["content"]["application/json"]
    return [each["value"] for name, each in content["examples"].items() if name != "default"]
