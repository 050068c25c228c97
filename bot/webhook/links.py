"""Link game accounts to Discord accounts, for every source: links, links/remove and link-codes below /v1."""
# ruff: noqa: N815 - the keys of the JSON, as both contracts spell theirs

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from aiohttp import web

from bot.sources.contract import ApiError, SharedOperation, Source
from bot.sources.validation import (
    VISIBLE_CHAR,
    InvalidRequest,
    MaxLength,
    OptionalText,
    Payload,
    RequiredText,
    TypedDict,
    Validator,
    int64,
    parse_json,
)
from bot.tickets.account_links import CODE_LIFETIME, AccountLink, GameAccount
from bot.tickets.errors import (
    AccountLinkedElsewhere,
    InvalidPlayerId,
    LinkCodeForDiscord,
    TicketError,
    TooManyLinkAttempts,
    TooManyLinks,
    UnknownLink,
    UnknownLinkCode,
)
from bot.webhook.auth import Authenticator, RequestContext
from bot.webhook.body import read_body
from bot.webhook.errors import map_ticket_error
from bot.webhook.rate_limit import RATE_LIMIT_HEADERS
from bot.webhook.responses import JsonResponse
from storage import Store

_log = logging.getLogger(__name__)

LINKS_PATH, UNLINK_PATH, CODES_PATH = "/v1/links", "/v1/links/remove", "/v1/link-codes"
_MAX_ID = 64
_INTEGER = int64()
_ID_SCHEMA = {
    "anyOf": [
        {"type": "string", "pattern": VISIBLE_CHAR, "maxLength": _MAX_ID},
        {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
    ]
}


def _id_to_text(value: object) -> str:
    """The id as text; some games have numbers."""
    return value if isinstance(value, str) else str(_INTEGER.validate(value))


class PlayerBody(Payload):
    """The body of the paths without a code. The id is that of the reporter of the player's tickets."""

    playerId: Annotated[RequiredText, MaxLength(_MAX_ID), Validator(_id_to_text, _ID_SCHEMA)]
    playerName: Annotated[OptionalText, MaxLength(100)] = None


class LinkBody(PlayerBody):
    """The body of `POST /v1/links`."""

    code: Annotated[RequiredText, MaxLength(64)]


class LinkedAccount(TypedDict):
    """A link, with the name of the Discord account for its player to check."""

    playerId: str
    playerName: str | None
    discordName: str
    linkedAt: str


class UnlinkedAccount(TypedDict):
    """Whether there was a link; there is none now."""

    playerId: str
    unlinked: bool


class NewLinkCode(TypedDict):
    """A code for the player to type in Discord."""

    code: str
    expiresAt: str
    expiresInSeconds: int


_ERRORS: Mapping[type[TicketError], ApiError] = {
    InvalidPlayerId: ApiError(400, ""),
    UnknownLinkCode: ApiError(400, ""),
    LinkCodeForDiscord: ApiError(400, ""),
    AccountLinkedElsewhere: ApiError(409, ""),
    TooManyLinks: ApiError(409, ""),
}
_PLAYER_EXAMPLE = {"playerId": "550e8400-e29b-41d4-a716-446655440000", "playerName": "Rey"}
_PLAYER_ERRORS: Mapping[type[TicketError], ApiError] = {InvalidPlayerId: _ERRORS[InvalidPlayerId]}
LINK_OPERATIONS = (
    SharedOperation(
        method="POST",
        path=LINKS_PATH,
        summary="Link a player to the Discord account whose code they typed in the game",
        body=LinkBody,
        response=LinkedAccount,
        errors=_ERRORS,
        example={"code": "BCDF-2345", **_PLAYER_EXAMPLE},
    ),
    SharedOperation(
        method="POST",
        path=UNLINK_PATH,
        summary="Cut the link of a player, who asked for it in the game",
        body=PlayerBody,
        response=UnlinkedAccount,
        errors=_PLAYER_ERRORS,
        example=_PLAYER_EXAMPLE,
    ),
    SharedOperation(
        method="POST",
        path=CODES_PATH,
        summary="Make a code that a player types in Discord to link their account",
        body=PlayerBody,
        response=NewLinkCode,
        errors=_PLAYER_ERRORS,
        example=_PLAYER_EXAMPLE,
    ),
)

_BodyT = TypeVar("_BodyT", bound=PlayerBody)


class LinkRoutes:
    """Redeems codes made in Discord, makes codes to redeem there, and cuts links. Each may be repeated."""

    def __init__(
        self,
        store: Store,
        sources: Mapping[str, Source],
        authenticator: Authenticator,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._sources = sources
        self._authenticator = authenticator
        self._now = now

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post(LINKS_PATH, self._link),
            web.post(UNLINK_PATH, self._unlink),
            web.post(CODES_PATH, self._create_code),
        ]

    async def _link(self, request: web.Request) -> JsonResponse:
        now = self._now()
        context = await self._authenticator.authenticate_for_any(request, self._sources, now)
        body = _parse(LinkBody, await read_body(request))
        account = self._account(context, body)
        try:
            link = await self._store.account_links.redeem_as_player(
                body.code, context.workspace.id, account, key_prefix=context.key.prefix, now=now
            )
        except TicketError as error:
            raise _to_api_error(error) from error
        _log.info("A game account was linked", extra=_log_fields(link, context))
        linked: LinkedAccount = {
            "playerId": link.account.player_id,
            "playerName": link.account.name,
            "discordName": link.discord_name,
            "linkedAt": _to_iso(link.linked_at),
        }
        return _response(request, linked)

    async def _unlink(self, request: web.Request) -> JsonResponse:
        context = await self._authenticator.authenticate_for_any(request, self._sources, self._now())
        account = self._account(context, _parse(PlayerBody, await read_body(request)))
        links, workspace_id = self._store.account_links, context.workspace.id
        link = await links.find_by_account(workspace_id, account.source, account.player_id)
        if link is not None:
            with suppress(UnknownLink):  # cut in this moment by somebody else
                await links.remove(link.id, [workspace_id])
                _log.info("A game account was unlinked in the game", extra=_log_fields(link, context))
        unlinked: UnlinkedAccount = {"playerId": account.player_id, "unlinked": link is not None}
        return _response(request, unlinked)

    async def _create_code(self, request: web.Request) -> JsonResponse:
        now = self._now()
        context = await self._authenticator.authenticate_for_any(request, self._sources, now)
        account = self._account(context, _parse(PlayerBody, await read_body(request)))
        code = await self._store.account_links.create_code_for_player(context.workspace.id, account, now)
        created: NewLinkCode = {
            "code": code.text,
            "expiresAt": _to_iso(code.expires_at),
            "expiresInSeconds": int(CODE_LIFETIME.total_seconds()),
        }
        return _response(request, created)

    def _account(self, context: RequestContext, body: PlayerBody) -> GameAccount:
        """The account as the tickets of the key's source name their reporter. Raises ApiError(400)."""
        player_id = self._sources[context.key.source].normalize_player_id(body.playerId)
        if player_id is None:
            raise _to_api_error(InvalidPlayerId())
        return GameAccount(source=context.key.source, player_id=player_id, name=body.playerName)


def _parse(model: type[_BodyT], body: bytes) -> _BodyT:
    try:
        return parse_json(model, body)
    except InvalidRequest as error:
        problems = "; ".join(f"{one.field} {one.reason}" for one in error.violations)
        raise ApiError(400, f"The body is not valid: {problems}.") from error


def _log_fields(link: AccountLink, context: RequestContext) -> dict[str, object]:
    return {
        "workspace_id": link.workspace_id,
        "source": link.account.source,
        "player_id": link.account.player_id,
        "discord_id": link.discord_id,
        "key_prefix": context.key.prefix,
    }


def _to_api_error(error: TicketError) -> ApiError:
    if isinstance(error, TooManyLinkAttempts):
        return ApiError(429, str(error), retry_after=error.seconds)
    return map_ticket_error(error, [_ERRORS])


def _response(request: web.Request, body: Mapping[str, object]) -> JsonResponse:
    headers = request[RATE_LIMIT_HEADERS].fields
    return JsonResponse(body, headers={**headers, "Cache-Control": "no-store"})


def _to_iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
