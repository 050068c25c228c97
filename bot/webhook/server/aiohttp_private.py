"""The private names of aiohttp that are used here, all of them: `RequestHandler._waiter` and
`StreamResponse._prepare_headers`.

`tests/webhook/server/test_aiohttp_private.py` fails when a release of aiohttp changes one.
"""

from aiohttp import hdrs, web


def is_waiting_for_request(connection: web.RequestHandler) -> bool:
    """Return whether no request is being answered, and the head of the next one is not complete.

    aiohttp waits on `_waiter` between two requests, and resolves it when a whole head has been parsed.
    """
    waiter = connection._waiter
    return waiter is not None and not waiter.done()


class UnbrandedResponse(web.Response):
    """A response without the header `Server`, which would name aiohttp's and Python's versions."""

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        self.headers.popall(hdrs.SERVER, None)
