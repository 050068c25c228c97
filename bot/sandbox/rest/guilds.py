"""REST: the bot itself, its application, guilds, roles, members and users."""

from __future__ import annotations

from bot.sandbox.model.json import Json, whole_number
from bot.sandbox.model.payloads import (
    channel_payload,
    member_payload,
    own_user_payload,
    thread_member_payload,
    thread_payload,
    user_payload,
)
from bot.sandbox.model.permissions import can_see
from bot.sandbox.rest.errors import UNKNOWN_MEMBER, refused
from bot.sandbox.rest.request import Call, Route
from bot.sandbox.services.channels import make_conversation


def gateway(call: Call) -> Json:
    return {"url": call.stand.gateway.address}


def gateway_for_bots(call: Call) -> Json:
    limit = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
    return gateway(call) | {"shards": 1, "session_start_limit": limit}


def me(call: Call) -> Json:
    return own_user_payload(call.stand.world.bot)


def application(call: Call) -> Json:
    bot = call.stand.world.bot
    owner = next((guild.owner_id for guild in call.stand.world.guilds.values()), bot.id)
    return {
        "id": str(call.stand.world.application_id),
        "name": bot.username,
        "icon": None,
        "description": "",
        "summary": "",
        "type": None,
        "bot": user_payload(bot),
        "bot_public": False,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "owner": user_payload(call.stand.world.user(owner)),
        "team": None,
        "flags": 0,
        "tags": [],
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "approximate_guild_count": len(call.stand.world.guilds),
        "approximate_user_install_count": 0,
    }


def user(call: Call) -> Json:
    return user_payload(call.stand.world.user(call.number("user")))


def conversation(call: Call) -> Json:
    made = make_conversation(call.stand, whole_number(call.body.get("recipient_id")) or 0)
    return channel_payload(call.stand.world, made)


def member(call: Call) -> Json:
    found = call.guild().members.get(call.number("user"))
    if found is None:
        call.stand.world.user(call.number("user"))
        raise refused(UNKNOWN_MEMBER)
    return member_payload(found)


def active_threads(call: Call) -> Json:
    world = call.stand.world
    threads = world.threads_of(call.guild())
    active = [t for t in threads if not t.archived and can_see(world, call.bot, t)]
    return {
        "threads": [thread_payload(world, thread) for thread in active],
        "members": [thread_member_payload(t, call.bot) for t in active if call.bot in t.joined],
    }


ROUTES = (
    Route("GET", "/gateway", gateway, with_token_in_path=True),
    Route("GET", "/gateway/bot", gateway_for_bots),
    Route("GET", "/users/@me", me),
    Route("POST", "/users/@me/channels", conversation),
    Route("GET", "/users/{user}", user),
    Route("GET", "/oauth2/applications/@me", application),
    Route("GET", "/applications/@me", application),
    Route("GET", "/guilds/{guild}/members/{user}", member),
    Route("GET", "/guilds/{guild}/threads/active", active_threads),
)
