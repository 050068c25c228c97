"""API keys at the door: which workspace a request speaks for."""

from aiohttp import web

from bot.sources import Source
from bot.tickets import ApiKey, hash_key
from bot.webhook.refusals import refusal
from storage import Store


async def key_of(request: web.Request, source: Source, store: Store) -> ApiKey:
    """The key a request carries. Raises one and the same Refused for every key that opens nothing here."""
    carried = {key for header in source.key_headers for key in request.headers.getall(header, ())}
    if len(carried) != 1:
        raise refusal(401)
    key = await store.find_key(hash_key(carried.pop()))
    if key is None or key.revoked_at is not None or key.source != source.name:
        raise refusal(401)
    return key
