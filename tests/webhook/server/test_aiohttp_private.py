"""The private names of aiohttp that are used: this fails when a release changes what they mean."""

import re
from pathlib import Path

import aiohttp.http
import pytest
from aiohttp import web

import bot.webhook
from bot.webhook.server import connection
from bot.webhook.server.aiohttp_private import UnbrandedResponse, is_waiting_for_request
from bot.webhook.server.connection import LimitedConnection
from tests.support.bridge_harness import wait_for
from tests.webhook.server.conftest import Client, RunningServer


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[web.RequestHandler]:
    """Every connection, as `data_received` asks about it."""
    seen: list[web.RequestHandler] = []

    def spy(one: web.RequestHandler) -> bool:
        seen.append(one)
        return is_waiting_for_request(one)

    monkeypatch.setattr(connection, "is_waiting_for_request", spy)
    return seen


async def test_a_connection_waits_exactly_while_no_request_is_whole_or_handled(
    server: RunningServer, client: Client, seen: list[web.RequestHandler]
) -> None:
    await client.send(server.ticket[:20])
    await wait_for(lambda: seen)
    assert is_waiting_for_request(seen[0])
    await client.send(server.ticket[20:])
    assert (await client.reply()).status == 200
    await wait_for(lambda: is_waiting_for_request(seen[0]))  # once the response is written

    await server.busy_client()

    assert not is_waiting_for_request(seen[-1])


async def test_a_response_of_aiohttps_own_bears_a_banner_and_ours_does_not(server: RunningServer) -> None:
    async def brand(response: web.Response) -> str | None:
        app = web.Application()

        async def handler(_: web.Request) -> web.Response:
            return response

        app.router.add_get("/", handler)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            async with aiohttp.ClientSession() as session, session.get(site.name) as got:
                return got.headers.get("Server")
        finally:
            await runner.cleanup()

    assert await brand(web.Response()) is not None
    assert await brand(UnbrandedResponse()) is None


def test_the_parser_is_the_compiled_one() -> None:
    assert aiohttp.http.HttpRequestParser.__module__ == "aiohttp._http_parser"


def test_our_connection_replaces_nothing_private_of_aiohttps() -> None:
    ours = {name for name in vars(LimitedConnection) if re.match("_[a-z]", name)}

    assert ours.isdisjoint(dir(web.RequestHandler))


def test_no_other_file_reads_a_private_name_of_aiohttps() -> None:
    names = {
        name for kind in (web.RequestHandler, web.Server, web.Response, web.Request) for name in dir(kind)
    }
    read = {
        (file.name, name)
        for file in Path(bot.webhook.__file__).parent.rglob("*.py")
        for name in re.findall(r"(?<!\bself)\.(_[a-z]\w*)", file.read_text())
        if name in names
    }

    assert read == {("aiohttp_private.py", "_waiter"), ("aiohttp_private.py", "_prepare_headers")}
