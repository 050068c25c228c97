"""The page about modl's panel: its Caddyfile and its nginx configuration, run as they stand there.

Replaced in them are only ports, certificates, and where modl is. In modl's place is a server with TLS that
records requests. The other paths lead to the real webhook, or, where headers are checked, to such a server.
"""

import asyncio
import io
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from yarl import URL

from bot.admin.service import AdminService
from bot.sources.modl import examples
from bot.sources.registry import load_sources
from bot.webhook import TrustedProxies
from tests.clients.conftest import CLIENTS, Bridge, opened
from tests.support.bridge_harness import wait_for

PAGE = (CLIENTS / "beside-modl.md").read_text("utf-8")
PATH = os.environ.get("PATH", "") + ":/usr/sbin"  # where Debian has nginx, for other users than root
KEY = "the-key-of-modl's-panel"
BINARY = bytes(range(256)) * 8_000  # 2 MB, as much again as nginx takes by default

TO_TICKETBRIDGE = [
    *(f"/v{version}/minecraft/{noun}" for version in (1, 3) for noun in ("tickets", "reports")),
    *(f"/v{version}/minecraft/tickets/by-ids" for version in (1, 3)),
    *(f"/v{version}/minecraft/reports/PLAYER-123456/resolve" for version in (1, 3)),
    "/v1/minecraft/tickets/",
    "/v1/minecraft/tickets?status=open&type=player%20report",
    "/v3/minecraft/tickets/player/550e8400-e29b-41d4-a716-446655440000",
    "/v1/minecraft/%74ickets",
    "/v1/minecraft/players/../tickets",
    "/v1/minecraft/players/550e8400-e29b-41d4-a716-446655440000/reports",
    "/ticket/PLAYER-123456",
]
TO_MODL = [
    "/v2/minecraft/startup",
    "/v1/minecraft/players/login",
    "/v3/minecraft/players/login",
    "/v2/minecraft/players/sync?since=1%2F2",
    "/v1/minecraft/punishments/create",
    "/v1/minecraft/players/550e8400-e29b-41d4-a716-446655440000",
    "/v1/minecraft/players/550e8400-e29b-41d4-a716-446655440000/reports/1",
    "/v1/minecraft/ticketsX",
    "/v1/minecraft/tickets-old/1",
    "/v1/minecraft/reports.json",
    "/v2/minecraft/tickets",
    "/v1/minecraft",
    "/x/v1/minecraft/tickets",
    "/v1/minecraft/tickets/../players/login",
    "/v1/minecraft/settings?next=/v1/minecraft/tickets",
    "/ticket",
    "/ticketing/1",
    "/",
    *("/metrics", "/readyz", "/tickets/create"),  # ticketbridge has these, and they are not for game servers
]


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """One for every name of the page, which is its own authority, and its key."""

    file: Path
    key: Path

    def for_server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file, self.key)
        return context

    def for_client(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.file))


@dataclass(kw_only=True)
class RecordingServer:
    """Answers requests with its key, as modl does: without it, with 401 and no body."""

    name: str
    key: str = KEY
    port: int = 0
    requests: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    server_names: list[str | None] = field(default_factory=list)  # of TLS

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        if request.headers.get("X-API-Key") != self.key:
            return web.Response(status=401)
        return web.json_response({"panelUrl": "https://yours.modl.gg", "answeredBy": self.name})

    @property
    def paths(self) -> list[str]:
        return [request.raw_path for request in self.requests]

    @asynccontextmanager
    async def running(self, context: ssl.SSLContext | None = None) -> AsyncIterator["RecordingServer"]:
        app = web.Application(client_max_size=2 * len(BINARY))
        app.router.add_route("*", "/{path:.*}", self.answer)
        if context is not None:
            context.sni_callback = lambda _, name, __: self.server_names.append(name)
        server = TestServer(app, scheme="https" if context else "http")
        await server.start_server(ssl=context)
        self.port = server.port or 0
        try:
            yield self
        finally:
            await server.close()


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """A running proxy; requests go to the name on the page."""

    port: int
    certificate: Certificate

    async def request(
        self,
        method: str,
        path: str,
        *,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        client: str = "127.0.0.1",
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """Status, body and headers of the answer. `client` is the address that the request comes from."""
        body = io.BytesIO(data) if data is not None else None
        connector = aiohttp.TCPConnector(ssl=self.certificate.for_client(), local_addr=(client, 0))
        url = URL(f"https://127.0.0.1:{self.port}{path}", encoded=True)
        sent = {"Host": "modl.example.com", "X-API-Key": KEY, **(headers or {})}
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.request(
                method, url, data=body, headers=sent, server_hostname="modl.example.com"
            ) as answer,
        ):
            return answer.status, await answer.read(), answer.headers


def snippet(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return str(found)


def replaced(text: str, replacements: Mapping[str, str]) -> str:
    """Each of them has to be there, so that the page and this test do not drift apart."""
    for old, new in replacements.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def nginx_config(folder: Path, certificate: Certificate, port: int, ticketbridge: str, modl: int) -> str:
    """The page's server in a configuration of its own. The name of modl's API leads to its stand-in."""
    server = replaced(
        snippet("nginx"),
        {
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "/etc/letsencrypt/live/modl.example.com/fullchain.pem": str(certificate.file),
            "/etc/letsencrypt/live/modl.example.com/privkey.pem": str(certificate.key),
            "/etc/ssl/certs/ca-certificates.crt": str(certificate.file),
            "http://127.0.0.1:8080": ticketbridge,
        },
    )
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    return f"""
        daemon off;
        master_process off;
        pid {folder}/nginx.pid;
        error_log stderr;
        events {{}}
        http {{
            access_log off;
            {temporary}
            upstream api.modl.gg {{ server 127.0.0.1:{modl}; }}
            {server}
        }}
    """


def caddy_config(folder: Path, certificate: Certificate, port: int, ticketbridge: str, modl: int) -> str:
    site = replaced(
        snippet("caddy"),
        {
            "modl.example.com {\n": f"https://modl.example.com:{port} {{\n"
            f"\ttls {certificate.file} {certificate.key}\n",
            "reverse_proxy 127.0.0.1:8080": f"reverse_proxy {ticketbridge}",
            "reverse_proxy https://api.modl.gg": f"reverse_proxy https://localhost:{modl}",
        },
    )
    own = (
        "admin off",
        "auto_https disable_redirects",
        "default_bind 127.0.0.1",
        f"storage file_system {folder}",
    )
    return "{\n\t" + "\n\t".join(own) + "\n}\n" + site


COMMANDS = {
    "nginx": (nginx_config, ("-e", "stderr", "-c")),
    "caddy": (caddy_config, ("run", "--adapter", "caddyfile", "--config")),
}


@asynccontextmanager
async def running_proxy(
    program: str, folder: Path, certificate: Certificate, ticketbridge: str, modl: int
) -> AsyncIterator[Proxy]:
    """nginx or Caddy with the configuration of the page, until the block ends."""
    make_config, arguments = COMMANDS[program]
    port = unused_port()
    config = folder / "proxy.conf"
    config.write_text(make_config(folder, certificate, port, ticketbridge, modl), "utf-8")
    log = folder / "proxy.log"
    environment = {"PATH": PATH, "HOME": str(folder), "SSL_CERT_FILE": str(certificate.file)}
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            shutil.which(program, path=PATH) or program,
            *(*arguments, str(config)),
            stdout=output,
            stderr=output,
            env=environment,
        )
    try:
        await wait_for(lambda: _accepts(process, port, log))
        yield Proxy(port=port, certificate=certificate)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _accepts(process: asyncio.subprocess.Process, port: int, log: Path) -> bool:
    assert process.returncode is None, await asyncio.to_thread(log.read_text, "utf-8")
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


@pytest.fixture(params=COMMANDS)
def program(request: pytest.FixtureRequest) -> str:
    """nginx, and again Caddy."""
    absent = [tool for tool in (request.param, "openssl") if shutil.which(tool, path=PATH) is None]
    if absent:
        pytest.skip(f"{' and '.join(absent)} not found: install the package of your distribution")
    return str(request.param)


@pytest.fixture
def certificate(program: str, tmp_path: Path) -> Certificate:
    return self_signed(tmp_path)


def self_signed(folder: Path) -> Certificate:
    made = Certificate(file=folder / "certificate.pem", key=folder / "key.pem")
    names = ",".join(f"DNS:{name}" for name in ("modl.example.com", "api.modl.gg", "localhost"))
    options = ("-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    subprocess.run(  # noqa: S603 - our own arguments
        [
            *("openssl", "req", *options, "-subj", "/CN=test", "-addext", f"subjectAltName={names}"),
            *("-keyout", str(made.key), "-out", str(made.file)),
        ],
        check=True,
        capture_output=True,
    )
    return made


@dataclass(frozen=True, kw_only=True)
class Split:
    """A proxy between two servers that record."""

    proxy: Proxy
    ticketbridge: RecordingServer
    modl: RecordingServer


@pytest.fixture
async def split(program: str, certificate: Certificate, tmp_path: Path) -> AsyncIterator[Split]:
    async with AsyncExitStack() as stack:
        modl = await stack.enter_async_context(RecordingServer(name="modl").running(certificate.for_server()))
        ticketbridge = await stack.enter_async_context(RecordingServer(name="ticketbridge").running())
        at = f"http://127.0.0.1:{ticketbridge.port}"
        proxy = await stack.enter_async_context(running_proxy(program, tmp_path, certificate, at, modl.port))
        yield Split(proxy=proxy, ticketbridge=ticketbridge, modl=modl)


@dataclass(frozen=True, kw_only=True)
class SplitBridge:
    """A proxy between ticketbridge itself and a server that records."""

    proxy: Proxy
    bridge: Bridge
    modl: RecordingServer

    async def import_key(self) -> None:
        service = AdminService(self.bridge.store, load_sources())
        await service.import_key(key=KEY, workspace="home", source="modl")


@pytest.fixture
async def split_bridge(program: str, certificate: Certificate, tmp_path: Path) -> AsyncIterator[SplitBridge]:
    settings = tomllib.loads(snippet("toml"))["webhook"]
    proxies = TrustedProxies(ip_network(network) for network in settings["trusted_proxies"])
    async with AsyncExitStack() as stack:
        modl = await stack.enter_async_context(RecordingServer(name="modl").running(certificate.for_server()))
        bridge = await stack.enter_async_context(opened(tmp_path / "tickets.db", proxies=proxies))
        proxy = await stack.enter_async_context(
            running_proxy(program, tmp_path, certificate, bridge.url, modl.port)
        )
        yield SplitBridge(proxy=proxy, bridge=bridge, modl=modl)


async def test_tickets_and_reports_go_to_ticketbridge_and_everything_else_to_modl(split: Split) -> None:
    for path in (*TO_TICKETBRIDGE, *TO_MODL):
        status, _, _ = await split.proxy.request("POST", path, data=b"{}")
        assert status == 200, path

    assert split.ticketbridge.paths == TO_TICKETBRIDGE
    assert split.modl.paths == TO_MODL


async def test_headers_and_a_binary_body_arrive_as_they_were_sent(split: Split) -> None:
    sent = {
        "X-Server-Domain": "yours.modl.gg",
        "User-Agent": "modl-minecraft/2.3.1",
        "Content-Type": "application/x-protobuf",
        "Accept": "application/x-protobuf",
        "Idempotency-Key": "a key",
    }

    for path in ("/v3/minecraft/tickets", "/v3/minecraft/players/login"):
        await split.proxy.request("POST", path, data=BINARY, headers=sent)

    for server in (split.ticketbridge, split.modl):
        (request,), (body,) = server.requests, server.bodies
        assert body == BINARY
        assert {name: request.headers[name] for name in sent} == sent
        assert request.headers["X-API-Key"] == KEY


async def test_modl_is_asked_by_its_own_name_and_the_answer_is_passed_on(split: Split) -> None:
    status, body, _ = await split.proxy.request("POST", "/v2/minecraft/startup", data=b"{}")

    (request,) = split.modl.requests
    assert (status, body) == (200, b'{"panelUrl": "https://yours.modl.gg", "answeredBy": "modl"}')
    assert request.headers["Host"] == "api.modl.gg"
    assert split.modl.server_names in (["api.modl.gg"], ["localhost"])  # which is where Caddy is sent to here
    assert "X-Forwarded-Host" not in request.headers


@pytest.mark.skipif(sys.platform != "linux", reason="needs 127.0.0.2")
async def test_both_learn_the_address_of_the_game_server_and_not_what_it_says_of_itself(split: Split) -> None:
    forged = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}

    for path in ("/v1/minecraft/tickets", "/v1/minecraft/players/login"):
        await split.proxy.request("GET", path, headers=forged, client="127.0.0.2")

    for server in (split.ticketbridge, split.modl):
        (request,) = server.requests
        assert request.headers["X-Forwarded-For"] == "127.0.0.2"
        assert "Forwarded" not in request.headers


async def test_a_server_that_only_pretends_to_be_modl_is_not_given_the_key(
    program: str, certificate: Certificate, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    async with (
        RecordingServer(name="nobody").running(self_signed(other).for_server()) as pretender,
        running_proxy(program, tmp_path, certificate, "http://127.0.0.1:1", pretender.port) as proxy,
    ):
        status, _, _ = await proxy.request("POST", "/v1/minecraft/players/login", data=b"{}")

    assert status == 502
    assert pretender.requests == []


async def test_both_accept_the_imported_key(split_bridge: SplitBridge) -> None:
    ticket = json.dumps(examples.TICKET).encode()
    proxy, sent = split_bridge.proxy, {"Content-Type": "application/json"}
    before, _, _ = await proxy.request("POST", "/v1/minecraft/tickets", data=ticket, headers=sent)

    await split_bridge.import_key()

    filed, body, _ = await proxy.request("POST", "/v1/minecraft/tickets", data=ticket, headers=sent)
    started, _, _ = await proxy.request("POST", "/v2/minecraft/startup", data=b"{}", headers=sent)
    assert (before, filed, started) == (401, 200, 200)
    (saved,) = await split_bridge.bridge.tickets()
    assert saved.public_id.encode() in body
    address = urlsplit(json.loads(body)["ticketUrl"])
    form = {"X-API-Key": "", "Content-Type": "application/x-www-form-urlencoded"}
    _, page, _ = await proxy.request(
        "POST", f"{address.path}?{address.query}", data=b"text=Thank+you", headers=form
    )
    assert b"Your answer is saved." in page
    assert split_bridge.modl.paths == ["/v2/minecraft/startup"]


async def test_a_body_that_is_no_text_reaches_ticketbridge_byte_by_byte(split_bridge: SplitBridge) -> None:
    await split_bridge.import_key()
    body = bytes(range(256))

    status, _, _ = await split_bridge.proxy.request(
        "POST", "/v1/minecraft/tickets", data=body, headers={"Content-Type": "application/json"}
    )

    (rejected,) = await split_bridge.bridge.store.rejected_requests.list_newest(10)
    assert (status, rejected.body) == (400, body)


async def test_neither_accepts_another_key_and_each_says_so_itself(split_bridge: SplitBridge) -> None:
    await split_bridge.import_key()
    wrong = {"X-API-Key": "another key"}

    ours, sentence, _ = await split_bridge.proxy.request("GET", "/v1/minecraft/tickets", headers=wrong)
    theirs, nothing, _ = await split_bridge.proxy.request("POST", "/v2/minecraft/startup", headers=wrong)

    assert (ours, theirs) == (401, 401)
    assert b"The API key is missing or not valid." in sentence
    assert nothing == b""


async def test_ticketbridge_itself_refuses_a_body_that_is_too_large(split_bridge: SplitBridge) -> None:
    await split_bridge.import_key()
    sent = {"Content-Type": "application/json"}

    status, body, headers = await split_bridge.proxy.request(
        "POST", "/v1/minecraft/tickets", data=BINARY, headers=sent
    )

    assert (status, headers["Content-Type"].split(";")[0]) == (413, "application/json")
    assert b'"success":false' in body.replace(b" ", b"")


@pytest.mark.skipif(sys.platform != "linux", reason="needs 127.0.0.2")
async def test_each_game_server_has_its_own_rate_limit(split_bridge: SplitBridge) -> None:
    await split_bridge.import_key()

    remaining = []
    for client in ("127.0.0.2", "127.0.0.2", "127.0.0.3"):
        _, _, headers = await split_bridge.proxy.request("GET", "/v1/minecraft/tickets", client=client)
        remaining.append(headers["X-RateLimit-Remaining"])

    assert remaining == ["999", "998", "999"]
