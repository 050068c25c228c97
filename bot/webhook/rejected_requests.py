"""Requests that are answered with an error: its words, and the body kept for the operator."""

import logging
from collections.abc import Callable
from datetime import datetime

from aiohttp import web

from bot.sources.contract import ApiError, Operation, Source
from bot.tickets.errors import TicketError, UnknownCategory
from bot.webhook.auth import RequestContext
from bot.webhook.errors import map_ticket_error
from storage import StorageError, Store

_log = logging.getLogger(__name__)


class RejectedRequests:
    """Maps errors to their contract's words, and stores the bodies whose senders an operator can help."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    async def to_api_error(
        self,
        source: Source,
        operation: Operation,
        context: RequestContext,
        request: web.BaseRequest,
        body: bytes,
        error: TicketError | ApiError,
    ) -> ApiError:
        """Map an error to its contract's words, and store the body for the operator if they can help.

        They can if it does not validate, or if its category is unknown to the workspace.
        """
        if isinstance(error, TicketError):
            answer = map_ticket_error(error, (operation.errors, source.errors))
            can_help = isinstance(error, UnknownCategory)
        else:
            answer, can_help = error, error.status == 400
        if can_help and body:
            await self._save(context, request.path, answer.message, body)
        return answer

    async def _save(self, context: RequestContext, path: str, reason: str, body: bytes) -> None:
        try:
            await self._store.rejected_requests.save(context.key, path, reason, body, self._now())
        except StorageError as error:  # the response says what is wrong with the request all the same
            _log.warning(
                "A rejected request was not stored: %s",
                error,
                extra={"key_prefix": context.key.prefix, "path": path},
            )
