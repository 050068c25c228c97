"""REST routes of the bot's user, its application, guild members, DMs and active threads."""

from __future__ import annotations

from bot.sandbox.model.json import Json, parse_int
from bot.sandbox.model.payloads import (
    channel_payload,
    member_payload,
    own_user_payload,
    thread_member_payload,
    thread_payload,
    user_payload,
)
from bot.sandbox.model.permissions import can_see
from bot.sandbox.rest.errors import UNKNOWN_MEMBER, discord_error
from bot.sandbox.rest.request import RestRequest, RestRoute
from bot.sandbox.services.channels import open_dm


def get_gateway(request: RestRequest) -> Json:
    return {"url": request.state.gateway.address}


def get_gateway_bot(request: RestRequest) -> Json:
    limit = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
    return get_gateway(request) | {"shards": 1, "session_start_limit": limit}


def get_current_user(request: RestRequest) -> Json:
    return own_user_payload(request.state.world.bot)


def get_application(request: RestRequest) -> Json:
    bot = request.state.world.bot
    owner = next((guild.owner_id for guild in request.state.world.guilds.values()), bot.id)
    return {
        "id": str(request.state.world.application_id),
        "name": bot.username,
        "icon": None,
        "description": "",
        "summary": "",
        "type": None,
        "bot": user_payload(bot),
        "bot_public": False,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "owner": user_payload(request.state.world.user(owner)),
        "team": None,
        "flags": 0,
        "flags_new": "0",
        "tags": [],
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "approximate_guild_count": len(request.state.world.guilds),
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0,
        "eligible_oauth2_scopes": ["bot", "applications.commands"],
    }


def get_user(request: RestRequest) -> Json:
    return user_payload(request.state.world.user(request.path_id("user")))


def create_dm(request: RestRequest) -> Json:
    channel = open_dm(request.state, parse_int(request.body.get("recipient_id")) or 0)
    return channel_payload(request.state.world, channel)


def get_member(request: RestRequest) -> Json:
    found = request.guild().members.get(request.path_id("user"))
    if found is None:
        request.state.world.user(request.path_id("user"))
        raise discord_error(UNKNOWN_MEMBER)
    return member_payload(found)


def list_active_threads(request: RestRequest) -> Json:
    world = request.state.world
    threads = world.threads_of(request.guild())
    active = [t for t in threads if not t.archived and can_see(world, request.bot_id, t)]
    return {
        "threads": [thread_payload(world, thread) for thread in active],
        "members": [thread_member_payload(t, request.bot_id) for t in active if request.bot_id in t.joined],
        "has_more": False,
    }


ROUTES = (
    RestRoute("GET", "/gateway", get_gateway, without_auth=True),
    RestRoute("GET", "/gateway/bot", get_gateway_bot),
    RestRoute("GET", "/users/@me", get_current_user),
    RestRoute("POST", "/users/@me/channels", create_dm),
    RestRoute("GET", "/users/{user}", get_user),
    RestRoute("GET", "/oauth2/applications/@me", get_application),
    RestRoute("GET", "/applications/@me", get_application),
    RestRoute("GET", "/guilds/{guild}/members/{user}", get_member),
    RestRoute("GET", "/guilds/{guild}/threads/active", list_active_threads),
)
