"""HTTP middlewares: responses that discord.py would answer by repeating the request, raised instead."""

import json
from typing import Any

import aiohttp


class LimitReached(aiohttp.ClientError):
    """Discord answered 429 with an error code: a limit of what the bot may do, not of how fast it asks.

    `code` is Discord's, `seconds` what it says to wait, which for these limits is often too little.
    """

    def __init__(self, response: aiohttp.ClientResponse, code: int, seconds: float) -> None:
        super().__init__(f"429 {code}")
        self.status, self.headers = response.status, response.headers
        self.code, self.seconds = code, seconds


async def limit_middleware(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Raise LimitReached in channels, where discord.py would repeat the request five times.

    It would sleep each time with the rate limit's lock held, and so hold up other messages of the channel.
    """
    response = await handler(request)
    if response.status == 429 and "/channels/" in request.url.path:
        answer = _json_object(await response.text())
        if answer.get("code") and not answer.get("global"):
            raise LimitReached(response, int(answer["code"]), float(answer.get("retry_after") or 0.0))
    return response


def _json_object(body: str) -> dict[str, Any]:
    """The JSON object in a response's body; empty for any other, as for a page of Cloudflare's."""
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


class ServerError(aiohttp.ClientError):
    """Discord answered 5xx to a POST in a channel: it may have happened."""


async def no_retry_middleware(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Raise ServerError for a failed POST in a channel, which discord.py would repeat up to five times.

    The outbox retries it instead, and looks first whether it happened. Interactions have no outbox behind
    them, and may be repeated: their tokens are good once.
    """
    response = await handler(request)
    if response.status >= 500 and request.method == "POST" and "/channels/" in request.url.path:
        response.close()
        raise ServerError(f"Discord answered {response.status}")
    return response
