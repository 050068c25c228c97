"""Sends one signed event to one endpoint, as Standard Webhooks describes it. Follows no redirect."""

import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version

import aiohttp
from aiohttp.abc import AbstractResolver
from standardwebhooks import Webhook

from bot.outbox.name_lookup import NameLookup
from bot.outbox.public_addresses import AddressRefused, Network, checked_sockets

TIMEOUT_SECONDS = 15.0  # for all of a request: names, connection, answer
_MAX_ANSWER = 1024  # bytes that are read of a body; aiohttp holds 128 KiB at most that are not


class NoAnswer(Exception):
    """No answer came; the message says why. The endpoint may have the event all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushAnswer:
    """What an endpoint answered."""

    status: int
    seconds: float
    retry_after: str | None  # the header
    body: bytes  # its beginning

    @property
    def is_accepted(self) -> bool:
        return 200 <= self.status < 300


class PushClient:
    """A connection for each event. `open_push_client` makes one."""

    def __init__(self, sessions: Mapping[str, aiohttp.ClientSession]) -> None:
        self._sessions = sessions  # by the scheme of the URL

    async def send(
        self, url: str, event: Mapping[str, object], secrets: Sequence[str], now: datetime
    ) -> PushAnswer:
        """POST an event, signed with each secret. Its `id` is the webhook's. Raises NoAnswer."""
        body = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
        headers = sign(str(event["id"]), body, secrets, now)
        started = time.monotonic()
        try:
            session = self._sessions[url.partition(":")[0].lower()]
            async with session.post(
                url, data=body.encode(), headers=headers, allow_redirects=False
            ) as response:
                return PushAnswer(
                    status=response.status,
                    seconds=time.monotonic() - started,
                    retry_after=response.headers.get("Retry-After"),
                    body=await _beginning(response),
                )
        except (aiohttp.ClientError, OSError, ValueError) as error:  # ValueError: no URL for yarl
            raise NoAnswer(_cause(error)) from error


@asynccontextmanager
async def open_push_client(
    allowed_networks: Sequence[Network] = (),
    *,
    resolver: AbstractResolver | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> AsyncIterator[PushClient]:
    """A client for public addresses by https://, and for `allowed_networks` by http:// as well."""

    def session(*, public: bool) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            resolver=resolver or NameLookup(),
            socket_factory=checked_sockets(allowed_networks, public=public),
            use_dns_cache=False,
            limit=0,  # there is one request at a time to each endpoint
            force_close=True,
        )
        return aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=timeout_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )

    async with session(public=True) as https, session(public=False) as http:
        yield PushClient({"https": https, "http": http})


def sign(event_id: str, body: str, secrets: Sequence[str], now: datetime) -> dict[str, str]:
    """The headers of a signed event."""
    return {
        "Content-Type": "application/json",
        "User-Agent": f"ticketbridge/{version('ticketbridge')}",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(event_id, now, body) for secret in secrets),
    }


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """The first bytes of the body; none if it does not come. The status says already what was done."""
    try:
        return await response.content.read(_MAX_ANSWER)
    except (aiohttp.ClientError, OSError):
        return b""


def _cause(error: Exception) -> str:
    """The sentence for an error; never with the URL, which may hold a secret."""
    if isinstance(error, TimeoutError):
        return "It did not answer in time."
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "Its name cannot be resolved."
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"Its TLS certificate is not valid: {error.certificate_error}."
    if isinstance(error, aiohttp.ClientConnectorError):
        return _connect_error(error.os_error)
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "It closed the connection without an answer."
    return f"Its answer is no HTTP, or its URL is not valid ({type(error).__name__})."


def _connect_error(error: OSError) -> str:
    if isinstance(error, AddressRefused):
        return error.reason
    if isinstance(error, ConnectionRefusedError):
        return "It refused the connection."
    return f"No connection: {error.strerror or error}."
