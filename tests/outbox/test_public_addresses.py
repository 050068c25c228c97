"""Outgoing webhooks connect to public addresses alone: hostile URLs and names, at real sockets.

The process's calls of connect() are recorded as Python's audit hooks report them, with the address that the
kernel gets. Without the check the same URLs reach a listener.
"""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from bot.outbox.public_addresses import is_public
from bot.outbox.push_client import NoAnswer, PushClient, open_push_client
from bot.tickets.errors import InvalidWebhookUrl
from bot.tickets.push_endpoints import check_webhook_url, generate_webhook_secret
from tests.storage.samples import NOW

SECRET = generate_webhook_secret()
_NUMERIC = socket.AI_NUMERICHOST
EVENT = {"id": "evt_1"}
LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
NOT_PUBLIC = "10.0.0.1 is no public address. `[push] allowed_networks` can allow it."

TARGETS = (
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.5.4", "192.168.1.1", "100.64.0.1"),  # noqa: S104
    *("169.254.169.254", "100.100.100.200", "192.0.0.192", "168.63.129.16"),  # metadata of clouds
    *("224.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1", "203.0.113.7", "240.0.0.1"),
)
V6_TARGETS = (
    *("::1", "::", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1"),
    *("2001::1", "2001:10::1", "3fff::1", "5f00::1", "100::1", "4000::1"),
)


def forms_of(target: str) -> Iterator[str]:
    """The hosts by which a URL can name an IPv4 address."""
    parts = [int(part) for part in target.split(".")]
    number = int(IPv4Address(target))
    yield target
    yield f"{target}."
    yield str(number)
    yield hex(number)
    yield f"0{number:o}"
    yield ".".join(map(hex, parts))
    yield ".".join(f"0{part:o}" for part in parts)
    yield f"{parts[0]}.{number & 0xFFFFFF}"
    yield f"{parts[0]}.{parts[1]}.{number & 0xFFFF}"
    yield "".join(chr(0xFEE0 + ord(one)) if one != "." else "。" for one in target)
    yield "".join(f"%{ord(one):02x}" for one in target)
    yield f"[::ffff:{target}]"
    yield f"[::ffff:{number >> 16:x}:{number & 0xFFFF:x}]"
    yield f"[0:0:0:0:0:ffff:{target}]"
    yield f"[::{target}]"
    yield f"[64:ff9b::{target}]"
    yield f"[64:ff9b:1::{target}]"
    yield f"[2002:{number >> 16:x}:{number & 0xFFFF:x}::1]"
    yield f"[2001:0:{number >> 16:x}:{number & 0xFFFF:x}::1]"


HOSTS = (
    *(form for target in TARGETS for form in forms_of(target)),
    *(f"[{target}]" for target in V6_TARGETS),
    *("[fe80::1%25lo]", "[::1%25lo]", "localhost", "LOCALHOST", "localhost.", "ip6-localhost"),
    *("rebind.example", "mixed.example", "all.example"),
)


class HostileResolver(AbstractResolver):
    """Resolves numbers as the system does, without asking any server, and these names in a hostile way.

    `rebind.example` is another address each time; `mixed.example` and `all.example` are several.
    """

    def __init__(self) -> None:
        self._asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self._asked += 1
        named = {
            "rebind.example": [(*TARGETS, *V6_TARGETS)[self._asked % (len(TARGETS) + len(V6_TARGETS))]],
            "mixed.example": ["10.0.0.1", "127.0.0.1", "::1"],
            "all.example": [*TARGETS, *V6_TARGETS],
        }
        addresses = named.get(host) or (["127.0.0.1", "::1"] if "localhost" in host.lower() else [host])
        found = [
            info
            for address in addresses
            for info in socket.getaddrinfo(
                address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
            )
        ]
        return [
            ResolveResult(
                hostname=host,
                host=str(where[0]),
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, _, protocol, _, where in found
        ]

    async def close(self) -> None:
        pass


class _Connects:
    """Addresses given to connect(). Python takes no audit hook back, so it is told when to record."""

    def __init__(self) -> None:
        self.recording = False
        self.addresses: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.recording and event == "socket.connect" and isinstance(arguments[1], tuple):
            self.addresses.append(str(arguments[1][0]))


CONNECTS = _Connects()


@pytest.fixture
def connects() -> Iterator[list[str]]:
    CONNECTS.addresses.clear()
    CONNECTS.recording = True
    yield CONNECTS.addresses
    CONNECTS.recording = False


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[int, list[str]]]:
    """A listener on all of this machine's addresses; its port, and who connected to which."""
    reached: list[str] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(str(writer.get_extra_info("sockname")[0]))
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], reached
    finally:
        server.close()
        await server.wait_closed()


async def send_all(client: PushClient, urls: Sequence[str]) -> int:
    """Push to each URL; how many were answered."""
    answered = 0
    for url in urls:
        try:
            await client.send(url, EVENT, [SECRET], NOW)
            answered += 1
        except NoAnswer:
            continue
    return answered


def hostile_urls(port: int) -> list[str]:
    hosts = (*HOSTS, *["rebind.example"] * 40)
    return [f"{scheme}://{host}:{port}/x" for host in hosts for scheme in ("https", "http")]


async def test_no_hostile_url_makes_a_connection(connects: list[str]) -> None:
    async with listening() as (port, reached), open_push_client(resolver=HostileResolver()) as client:
        urls = hostile_urls(port)
        answered = await send_all(client, urls)

        assert len(urls) > 700
        assert (answered, reached, connects) == (0, [], [])


async def test_without_the_check_the_same_urls_reach_this_machine(connects: list[str]) -> None:
    """The control: it is the check that keeps them away."""
    connector = aiohttp.TCPConnector(resolver=HostileResolver(), use_dns_cache=False, force_close=True)
    session = aiohttp.ClientSession(connector=connector)
    own = [host for host in forms_of("127.0.0.1") if not host.startswith(("[64", "[200", "[::127"))]
    async with listening() as (port, reached), session:
        urls = [f"http://{host}:{port}/x" for host in (*own, "localhost")]
        await send_all(PushClient({"http": session}), urls)

        assert len(reached) >= 5
        assert len(connects) >= 5


async def test_an_allowed_network_is_reached_and_no_other(connects: list[str]) -> None:
    async with (
        listening() as (port, reached),
        open_push_client(LOOPBACK, resolver=HostileResolver()) as client,
    ):
        await send_all(client, hostile_urls(port))

        assert len(reached) >= 20
        assert {one for one in connects if not _is_loopback(one)} == set()


def _is_loopback(text: str) -> bool:
    address = ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("https://10.0.0.1/", "10.0.0.1 is no public address. `[push] allowed_networks` can allow it."),
        (
            "https://[::ffff:10.0.0.1]/",
            "10.0.0.1 is no public address. `[push] allowed_networks` can allow it.",
        ),
        (
            "http://8.8.8.8/",
            "8.8.8.8 is not in `[push] allowed_networks`. To others, the URL must begin with https://.",
        ),
    ],
)
async def test_the_reason_says_what_to_do(url: str, sentence: str, connects: list[str]) -> None:
    async with open_push_client() as client:
        with pytest.raises(NoAnswer) as refused:
            await client.send(url, EVENT, [SECRET], NOW)

    assert str(refused.value) == sentence
    assert connects == []


@pytest.mark.parametrize("target", [*TARGETS, *V6_TARGETS])
def test_an_address_that_is_not_on_the_internet_is_not_public(target: str) -> None:
    assert not is_public(ip_address(target))


@pytest.mark.parametrize(
    "target",
    ["8.8.8.8", "1.1.1.1", "162.159.135.232", "2606:4700::1111", "2a00:1450:4001::200e", "2001:4860::8888"],
)
def test_an_address_on_the_internet_is_public(target: str) -> None:
    assert is_public(ip_address(target))


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://example.com/", "file:///etc/passwd", "//example.com/", "example.com", "javascript:x", ""),
        *("https://", "https:///x", "https://user@example.com/", "https://user:word@example.com/"),
        *(
            "https://example.com/#x",
            "https://exa mple.com/",
            "https://example.com/\n",
            "https://example.com\\@x/",
        ),
        *("https://example.com:99999/", "https://example.com:0/", "https://[::1/", "https://exämple.com/"),
        "https://example.com/" + "x" * 2048,
    ],
)
def test_a_url_that_is_not_one_is_refused(url: str) -> None:
    with pytest.raises(InvalidWebhookUrl):
        check_webhook_url(url)


@pytest.mark.parametrize(
    "url",
    ["https://example.com/a?b=c", "HTTPS://Example.com", "https://example.com:8443/", "http://127.0.0.1:80/"],
)
def test_a_url_is_taken(url: str) -> None:
    check_webhook_url(url)
