"""The OpenAPI document: complete, valid, and built from the sources' declarations."""

from dataclasses import replace
from typing import Any

import pytest
from aiohttp import hdrs, web
from aiohttp.test_utils import TestClient, TestServer
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel, Field

from bot.sources.contract import ApiError, ApiRequest, Endpoint, HtmlPage, PageEndpoint, Source
from bot.sources.registry import load_sources
from bot.sources.requests import ListTickets, UpdateTicket
from bot.tickets.errors import ViewOnly
from bot.tickets.queries import TicketQuery
from bot.tickets.workspace import Workspace
from bot.webhook import WebhookServer
from bot.webhook.openapi.document import build_document
from storage import Store
from tests.webhook.conftest import ANN, SOURCES, Gate

METHODS = {"get", "post", "put", "patch", "delete"}


class ItemQuery(BaseModel):
    """A query."""

    page: int = Field(default=1, ge=1)
    text: str


class Told(BaseModel):
    """An answer."""

    title: str
    done: bool


def said(call: ApiRequest) -> UpdateTicket:
    return UpdateTicket(ticket_id=call.path_params["id"], actor=ANN)


def browsed(call: ApiRequest) -> ListTickets:
    return ListTickets(query=TicketQuery(limit=10))


def shut(workspace: Workspace) -> None:
    raise ApiError(403, "Shut.")


NORTH = SOURCES["north"]
EAST = replace(
    NORTH,
    name="east",
    summary="The East API.",
    errors={},
    authorize=shut,
    intake_endpoints=(
        replace(NORTH.intake_endpoints[0], path="/east", body=ItemQuery, example={"text": "some"}),
    ),
    endpoints=(
        Endpoint(
            method="POST",
            path="/east/{id}/say",
            request=UpdateTicket,
            parse=said,
            serialize=lambda done: {},
            errors={ViewOnly: ApiError(418, "Silence.", body={"tea": "pot"})},
            response=Told,
        ),
        Endpoint(
            method="GET",
            path="/east/all/{kind}",
            request=ListTickets,
            parse=browsed,
            serialize=lambda found: {},
            query=ItemQuery,
            path_params={"kind": int},
        ),
    ),
    public_endpoints=(
        PageEndpoint(
            path="/east/{id}",
            parse=lambda call: call.path_params["id"],
            render=lambda details: HtmlPage(html=""),
        ),
    ),
)


@pytest.fixture
def document() -> Any:
    return build_document({"east": EAST}, ())


@pytest.mark.parametrize("sources", [load_sources(), SOURCES, {"east": EAST}], ids=["ours", "tests", "east"])
def test_the_description_is_valid_openapi_3_1(sources: dict[str, Source]) -> None:
    document = build_document(sources, ())

    assert document["openapi"].startswith("3.1.")
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


async def test_it_is_public_and_not_cached(gate: Gate) -> None:
    reply = await gate.send("/openapi.json", None, method="GET", key="")

    assert reply.status == 200
    assert reply.json["openapi"] == "3.1.0"
    assert reply.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("sources", [load_sources(), SOURCES], ids=["ours", "tests"])
async def test_everything_that_is_served_is_described_and_nothing_else(
    store: Store, sources: dict[str, Source]
) -> None:
    app = WebhookServer(store, sources).build_app()
    served = {
        (route.method.lower(), route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method not in (hdrs.METH_HEAD, hdrs.METH_ANY)
    }

    document = await _served_by(app)

    described = {
        (method, path) for path, item in document["paths"].items() for method in item if method in METHODS
    }
    assert described == served


@pytest.mark.parametrize("source", load_sources().values(), ids=lambda source: str(source.name))
def test_every_operation_has_a_summary_a_response_type_and_a_tag(source: Source) -> None:
    document = build_document({source.name: source}, ())

    assert source.summary
    for route in source.operations:
        operation = document["paths"][route.path][route.method.lower()]
        assert operation["summary"]
        assert operation["tags"] == [source.name]
        assert route.response is not dict
        assert route.method == "GET" or route.body is not None


def test_security_schemes_are_the_source_s_headers_and_public_paths_have_none(document: Any) -> None:
    schemes = document["components"]["securitySchemes"]

    headers = {name: (scheme["type"], scheme["in"], scheme["name"]) for name, scheme in schemes.items()}
    assert headers == {
        "east.north-key": ("apiKey", "header", "north-key"),
        "east.x-api-key": ("apiKey", "header", "x-api-key"),
    }
    assert document["paths"]["/east"]["post"]["security"] == [{"east.north-key": []}, {"east.x-api-key": []}]
    assert document["paths"]["/east/{id}"]["get"]["security"] == []


def test_errors_have_the_source_s_format_or_a_body_of_their_own(document: Any) -> None:
    answers = document["paths"]["/east/{id}/say"]["post"]["responses"]

    unknown = answers["404"]["content"]["application/json"]
    assert unknown["examples"]["unknown_ticket"]["value"] == {
        "north": {"code": 404, "message": "Ticket not found"}
    }
    assert unknown["schema"] == {"$ref": "#/components/schemas/east.Error"}
    assert answers["418"]["content"]["application/json"]["schema"] == {
        "type": "object",
        "properties": {"tea": {"type": "string"}},
        "required": ["tea"],
    }


def test_only_possible_errors_are_listed(document: Any) -> None:
    paths = document["paths"]
    read = {"408", "413", "415", "417"}
    anywhere, counted = {"200", "400", "500", "503"}, {"401", "403", "429"}

    filing = set(paths["/east"]["post"]["responses"])
    saying = set(paths["/east/{id}/say"]["post"]["responses"])
    browsing = set(paths["/east/all/{kind}"]["get"]["responses"])
    looking = set(paths["/east/{id}"]["get"]["responses"])

    assert filing == anywhere | counted | read | {"422"}
    assert saying == anywhere | counted | {"404", "418", "422"}
    assert browsing == anywhere | counted
    assert looking == anywhere | {"404"}


def test_rate_limit_headers_are_described_where_they_are_sent(document: Any) -> None:
    counted = document["paths"]["/east"]["post"]["responses"]
    uncounted = document["paths"]["/east/{id}"]["get"]["responses"]

    for header in ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy"):
        assert counted["200"]["headers"][header]["required"]
        assert header not in uncounted["200"]["headers"]
    assert counted["429"]["headers"]["Retry-After"]["required"]


def test_query_and_path_parameters_are_described(document: Any) -> None:
    parameters = document["paths"]["/east/all/{kind}"]["get"]["parameters"]

    assert [(each["name"], each["in"], each["required"]) for each in parameters] == [
        ("kind", "path", True),
        ("page", "query", False),
        ("text", "query", True),
    ]
    assert parameters[0]["schema"] == {"type": "integer"}
    assert parameters[1]["schema"]["minimum"] == 1


def test_only_idempotent_operations_have_an_idempotency_key(document: Any) -> None:
    takers = {
        path
        for path, item in document["paths"].items()
        for operation in item.values()
        if any(each["name"] == "Idempotency-Key" for each in operation["parameters"])
    }

    assert takers == {"/east", "/east/{id}/say"}
    assert "Idempotent-Replayed" in document["paths"]["/east"]["post"]["responses"]["200"]["headers"]


def test_a_page_is_described_as_one(document: Any) -> None:
    answers = document["paths"]["/east/{id}"]["get"]["responses"]

    assert answers["200"]["content"].keys() == answers["404"]["content"].keys() == {"text/html"}


async def test_the_document_needs_no_database(gate: Gate) -> None:
    await gate.store.close()

    reply = await gate.send("/openapi.json", None, method="GET", key="")

    assert reply.status == 200


async def _served_by(app: web.Application) -> Any:
    async with TestClient(TestServer(app)) as client, client.get("/openapi.json") as got:
        return await got.json()
