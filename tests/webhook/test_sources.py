"""All sources over HTTP: each of their fixtures is stored or rejected as it says."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

import bot.sources
from bot.sources.contract import ApiError, Source
from bot.sources.registry import load_sources
from bot.webhook import WebhookServer
from storage import Store
from tests.webhook.conftest import make_key

_SOURCES = load_sources()
_FOLDER = Path(bot.sources.__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    source: Source
    path: str
    body: bytes
    accepted: bool


def _requests() -> list[object]:
    return [
        pytest.param(_read(source, file), id=f"{source.name}-{file.stem}")
        for source in _SOURCES.values()
        for file in sorted((_FOLDER / source.name / "fixtures").glob("*.json"))
    ]


def _read(source: Source, file: Path) -> _Request:
    fixture = json.loads(file.read_bytes())
    text = fixture["text"] if "text" in fixture else json.dumps(fixture["body"])
    return _Request(
        source=source,
        path=fixture["path"],
        body=text.encode("utf-8", "surrogatepass"),
        accepted=file.name.startswith("ok_"),
    )


@pytest.fixture
async def address(store: Store) -> AsyncIterator[str]:
    async with WebhookServer(store, _SOURCES).serve("127.0.0.1", 0) as at:
        yield at.address


@pytest.mark.parametrize("request_", _requests())
async def test_every_fixture_gets_its_source_s_response(
    address: str, store: Store, request_: _Request
) -> None:
    key, _ = await make_key(store, request_.source.name)

    async with (
        aiohttp.ClientSession() as session,
        session.post(
            address + request_.path, data=request_.body, headers={request_.source.key_headers[-1]: key}
        ) as reply,
    ):
        status, answer = reply.status, await reply.json()
    workspaces = [workspace.id for workspace in await store.workspaces.list_all()]
    tickets = await store.tickets.autocomplete("", workspaces)

    assert answer["success"] is request_.accepted
    assert (status, len(tickets)) == ((200, 1) if request_.accepted else (400, 0))
    if tickets:
        assert tickets[0].public_id in json.dumps(answer)


@pytest.mark.parametrize("source", _SOURCES.values(), ids=lambda source: source.name)
async def test_404_in_the_source_s_error_format_below_every_prefix(address: str, source: Source) -> None:
    async with aiohttp.ClientSession() as session:
        for prefix in set(source.path_prefixes) - set(source.error_codecs):
            async with session.get(f"{address}{prefix}/no/such/thing") as reply:
                body = await reply.json()

            assert reply.status == 404
            assert body == source.format_error(ApiError(404, "There is nothing at this path."))
