"""Whether tickets are accepted: for a supervisor or a load balancer, without a key."""

from aiohttp import web

from bot.webhook.answers import Answer


async def health(_: web.Request) -> Answer:
    """Answered from the moment that tickets are, and only while they are."""
    return Answer({"status": "ok"})
