"""Requests of a game's platform to erase a player: verified and recorded. A job erases the player later."""

import logging
from collections.abc import Callable
from datetime import datetime

from aiohttp import web

from bot.sources.contract import ApiError, ErasureWebhook, Source
from bot.tickets.erasure import Requester
from bot.webhook.auth import Authenticator
from bot.webhook.body import read_body
from bot.webhook.errors import api_error
from bot.webhook.responses import JsonResponse
from storage import Store

_log = logging.getLogger(__name__)


class ErasureRequests:
    """Answers once a request is on the disk. A repeated one is answered the same, and changes nothing."""

    def __init__(self, store: Store, authenticator: Authenticator, now: Callable[[], datetime]) -> None:
        self._store = store
        self._authenticator = authenticator
        self._now = now

    async def handle(self, source: Source, webhook: ErasureWebhook, request: web.Request) -> JsonResponse:
        """Raises ApiError: 401 for a wrong signature and for a workspace without a secret alike."""
        now, workspace_id = self._now(), request.match_info["workspace"]
        self._authenticator.limit_address(request, source)
        body = await read_body(request)
        await self._verify(source, webhook, request, body, workspace_id, now)
        notice = webhook.parse(body)
        if notice is not None:
            erasure_id = await self._store.erasures.request(
                source.name,
                notice.player_id,
                workspace_id=workspace_id,
                requested_by=Requester.PLATFORM,
                now=now,
                notification_id=notice.id,
            )
            if erasure_id is not None:
                _log.info(
                    "The game's platform asked to erase a player",
                    extra={"workspace_id": workspace_id, "source": source.name},
                )
        return JsonResponse(webhook.serialize(notice))

    async def _verify(
        self,
        source: Source,
        webhook: ErasureWebhook,
        request: web.Request,
        body: bytes,
        workspace_id: str,
        now: datetime,
    ) -> None:
        try:
            workspace_id.encode()  # half a surrogate pair, which no database takes
        except UnicodeEncodeError as error:
            raise api_error(400) from error
        secret = await self._store.erasures.platform_secret(workspace_id, source.name)
        try:
            if secret is None:
                raise ApiError(401, "This workspace has no secret for such requests")
            webhook.verify(secret, request.headers.get(webhook.signature_header, ""), body, now)
        except ApiError:
            self._authenticator.count_failure(request)
            raise
