"""What holds for every contract: its response types, authentication, limits and error format."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from bot.sources.contract import ApiError, Operation, PageEndpoint, Source
from bot.sources.registry import load_sources
from bot.tickets.errors import UnknownTicket
from tests.sources.conftest import ApiClient, Request, Response
from tests.sources.modl_api import conftest as modl
from tests.sources.modl_api import protobuf_wire
from tests.sources.series_api import conftest as series

UNKNOWN_IDS = ("TICKET-1-ABCD", "PLAYER-1", "0" * 24, "%00", "%ff", "%ED%A0%80", "a b", "..%2F", "x" * 2000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A source, with a valid request for each of its operations."""

    source: Source
    open_api: Callable[[Path, Source], AbstractAsyncContextManager[Any]]
    add_tickets: Callable[[Any], Any]
    requests: tuple[Request, ...]
    public_requests: tuple[Request, ...]
    unknown_paths: tuple[str, ...]
    invalid_body: str = ""  # the sentence for a body that is no JSON object, before what it must be
    error_codec: Callable[[ApiError], object] | None = None  # of a form that is not JSON

    @property
    def is_json(self) -> bool:
        return self.error_codec is None

    def error(self, status: int, message: str, *, retry_after: int | None = None) -> object:
        format_error = self.error_codec or self.source.format_error
        return format_error(ApiError(status, message, retry_after=retry_after))

    def unknown_ticket(self, operation: Operation) -> object:
        """The body for a ticket that does not exist."""
        if not self.is_json:
            return protobuf_wire.unknown_ticket_body(operation)
        default = ApiError(404, "Ticket not found")
        known = operation.errors.get(UnknownTicket) or self.source.errors.get(UnknownTicket) or default
        return known.body or self.source.format_error(known)


CONTRACTS = {
    "series": Contract(
        source=load_sources()["series"],
        open_api=series.open_api,
        add_tickets=series.add_tickets,
        requests=series.REQUESTS,
        public_requests=series.PUBLIC_REQUESTS,
        invalid_body="Validation error: Body must be {}",
        unknown_paths=(
            "/tickets",
            "/tickets/nonsense",
            "/tickets/xyz/nonsense",
            "/tickets/{ticket}",
            "/tickets/{ticket}/delete",
            "/tickets/{ticket}/claim/x",
            "/tickets/create/x",
            "/tickets/Create",
            "//tickets//xyz//nonsense/",
            "/basic",
            "/basic/check-key",
            # Misspelt, and another contract has a page at the path, or paths of that shape.
            "/ticket/create",
            "/ticket/create-game-report",
            "/ticket/{ticket}/claim",
            "/ticket/{ticket}/reply-member",
            "/ticket",
        ),
    ),
    "modl": Contract(
        source=load_sources()["modl"],
        open_api=modl.open_api,
        add_tickets=modl.add_tickets,
        requests=modl.REQUESTS,
        public_requests=modl.PUBLIC_REQUESTS,
        invalid_body="Invalid data provided: body must be {}.",
        unknown_paths=(
            "/v1",
            "/v1/minecraft",
            "/v1/minecraft/nonsense",
            "/v1/minecraft/ticket",
            "/v1/minecraft/tickets/{player}/nonsense",
            "/v1/minecraft/reports/{player}/claim",
            "/v1//minecraft//nonsense/",
            "/v1/minecraft/players/by-name",
            "/v1/minecraft/players",
            "/v1/minecraft/punishments/types",
            "/v1/minecraft/staff/permissions/",
            "/v2/minecraft/players/login",
            "/v2",
            "/api/public/tickets",
            # Of the shape of another contract's paths.
            "/v1/tickets/create",
            "/v1/tickets/{player}/claim",
            "/v1/tickets/create-game-report",
        ),
    ),
    "modl-protobuf": Contract(
        source=load_sources()["modl"],
        open_api=protobuf_wire.open_api,
        add_tickets=modl.add_tickets,
        requests=protobuf_wire.in_protobuf(modl.REQUESTS),
        public_requests=(Request(method="GET", path="/v3/minecraft.proto"),),
        unknown_paths=(
            "/v3",
            "/v3/minecraft",
            "/v3/minecraft/nonsense",
            "/v3/minecraft/punishments/types",
            "/v3/minecraft/startup",
            "/v3/minecraft/tickets/{player}/nonsense",
            "/v3//minecraft//nonsense/",
        ),
        error_codec=protobuf_wire.error_body,
    ),
}


def every(only: Callable[[Contract, Request], bool]) -> pytest.MarkDecorator:
    """Each of those requests of each contract."""
    return pytest.mark.parametrize(
        ("contract", "request_"),
        [
            pytest.param(contract, request, id=f"{name} {request}")
            for name, contract in CONTRACTS.items()
            for request in (*contract.requests, *contract.public_requests)
            if only(contract, request)
        ],
    )


def needs_key(contract: Contract, request: Request) -> bool:
    return request in contract.requests


def has_body(contract: Contract, request: Request) -> bool:
    return request.body is not None


def is_described_as_a_type(contract: Contract, request: Request) -> bool:
    operation = request.operation_of(contract.source)
    return operation.codec is None and operation.response is not None


def is_about_a_ticket(contract: Contract, request: Request) -> bool:
    return needs_key(contract, request) and "{" in request.path


def is_api(contract: Contract, request: Request) -> bool:
    return not isinstance(request.operation_of(contract.source), PageEndpoint)


def is_limited(contract: Contract, request: Request) -> bool:
    return contract.source.rate_limit.per == "address" or needs_key(contract, request)


# For rules whose requests change nothing, and so share the tickets: one test for all of its requests.
each_contract = pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
each_json_contract = pytest.mark.parametrize(
    "contract", [pytest.param(one, id=name) for name, one in CONTRACTS.items() if one.is_json]
)


def requests_of(contract: Contract, only: Callable[[Contract, Request], bool]) -> list[Request]:
    return [one for one in (*contract.requests, *contract.public_requests) if only(contract, one)]


@pytest.fixture
async def api(contract: Contract, tmp_path: Path) -> AsyncIterator[ApiClient]:
    """Without the contract's rate limit, which is below what one test sends."""
    rate_limit = replace(contract.source.rate_limit, requests=100_000)
    async with contract.open_api(tmp_path, replace(contract.source, rate_limit=rate_limit)) as api:
        await contract.add_tickets(api)
        yield api


async def send(api: ApiClient, request: Request, key: str | None = "home") -> Response:
    return await api.send(request.method, request.path, request.body, key=key)


@pytest.mark.parametrize("source", load_sources().values(), ids=lambda source: str(source.name))
def test_every_operation_has_one_request_here_and_is_described(source: Source) -> None:
    operations = [
        request.operation_of(source)
        for contract in CONTRACTS.values()
        if contract.source.name == source.name
        for request in (*contract.requests, *contract.public_requests)
    ]

    by_game_servers = [one for one in source.operations if one is not source.erasure_webhook]
    assert sorted(one.path for one in operations) == sorted(one.path for one in by_game_servers)
    assert len({id(one) for one in operations}) == len(by_game_servers)
    assert all(one.summary and one.response is not dict for one in operations)


@every(is_described_as_a_type)
async def test_a_valid_request_gets_a_response_of_exactly_the_described_type(
    contract: Contract, api: ApiClient, request_: Request
) -> None:
    operation = request_.operation_of(contract.source)

    response = await send(api, request_)

    assert response.status == 200
    body = response.text if operation.response is str else response.body
    assert TypeAdapter(operation.response).validate_python(body, strict=True) == body


@pytest.mark.parametrize("key", [None, "unknown"])
@each_contract
async def test_401_without_a_valid_key(contract: Contract, api: ApiClient, key: str | None) -> None:
    for request in requests_of(contract, needs_key):
        response = await send(api, request, key)

        assert response.status == 401, request
        assert response.body == contract.error(401, "The API key is missing or not valid."), request


@each_contract
async def test_404_for_a_ticket_of_another_workspace(contract: Contract, api: ApiClient) -> None:
    before = await api.all_tickets()

    for request in requests_of(contract, is_about_a_ticket):
        response = await send(api, request, "abroad")

        expected = contract.unknown_ticket(request.operation_of(contract.source))
        assert (response.status, response.body) == (404, expected), request
    assert await api.all_tickets() == before


@each_contract
async def test_404_for_an_unknown_ticket(contract: Contract, api: ApiClient) -> None:
    for request in requests_of(contract, is_about_a_ticket):
        expected = contract.unknown_ticket(request.operation_of(contract.source))
        for ticket_id in UNKNOWN_IDS:
            path = re.sub("{.*?}", ticket_id, request.path)

            response = await api.send(request.method, path, request.body)

            assert (response.status, response.body) == (404, expected), path


@each_contract
async def test_404_in_the_contract_s_error_format_for_an_unknown_path(
    contract: Contract, api: ApiClient
) -> None:
    for path in contract.unknown_paths:
        is_page = re.fullmatch("/ticket/[^/]+", path) is not None
        for method in ("POST", "DELETE") if is_page else ("GET", "POST", "DELETE"):
            response = await api.send(method, path, None if method == "GET" else {})

            assert response.status == 404, (method, path)
            assert response.body == contract.error(404, "There is nothing at this path."), (method, path)
            assert "Allow" not in response.headers


@each_contract
async def test_405_for_another_method_at_a_path_of_the_api(contract: Contract, api: ApiClient) -> None:
    for request in requests_of(contract, is_api):
        for method in ("PUT", "PATCH", "DELETE"):
            response = await api.send(method, request.path)

            assert response.status == 405, (method, request.path)
            assert response.body == contract.error(405, "This path does not take that method.")
            assert request.method in response.headers["Allow"].split(",")


@each_contract
async def test_413_for_a_body_of_more_than_a_mebibyte(contract: Contract, api: ApiClient) -> None:
    for request in requests_of(contract, has_body):
        response = await api.send(request.method, request.path, raw=b" " * (1024 * 1024 + 1))

        expected = contract.error(413, "The body is too large: 1 MiB at most.")
        assert (response.status, response.body) == (413, expected), request


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", "valid JSON in UTF-8"),
        (b'{"ids":["\\ud83d"]}', "valid JSON in UTF-8"),
        (b"[]", "a JSON object"),
        (b'"text"', "a JSON object"),
    ],
)
@each_json_contract
async def test_400_for_a_body_that_is_no_json_object(
    contract: Contract, api: ApiClient, raw: bytes, expected: str
) -> None:
    for request in requests_of(contract, has_body):
        response = await api.send(request.method, request.path, raw=raw)

        assert response.status == 400, request
        assert response.body == contract.error(400, contract.invalid_body.format(expected)), request


@every(is_limited)
async def test_429_for_a_request_beyond_the_rate_limit(
    contract: Contract, tmp_path: Path, request_: Request
) -> None:
    limit = contract.source.rate_limit
    source = replace(contract.source, rate_limit=replace(limit, requests=1))
    async with contract.open_api(tmp_path, source) as api:
        (reading, *_) = (one for one in contract.requests if one.method == "GET" and "{" not in one.path)
        first = await send(api, reading)

        response = await api.send(request_.method, re.sub("{.*?}", "X-1", request_.path), request_.body)

    wait = int(limit.seconds)
    message = f"Too many requests. Try again in {wait} s."
    assert (first.status, response.status) == (200, 429)
    assert response.body == contract.error(429, message, retry_after=wait)
    assert response.headers["Retry-After"] == str(wait)
