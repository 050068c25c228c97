"""REST: channels and threads as a whole, their overwrites and typing."""

from __future__ import annotations

import time

from bot.sandbox.model.json import Json
from bot.sandbox.model.payloads import channel_payload, member_payload
from bot.sandbox.model.permissions import P, sending_right
from bot.sandbox.rest.request import Call, Route
from bot.sandbox.services import channels
from bot.sandbox.services.messages import check_not_locked, place_of


def channel(call: Call) -> Json:
    return channel_payload(call.stand.world, call.channel())


def change(call: Call) -> Json:
    found = call.channel()
    channels.change(call.stand, found, call.bot, call.body)
    return channel_payload(call.stand.world, found)


def delete(call: Call) -> Json:
    found = call.channel()
    channels.check_may_delete(call.stand, found, call.bot)
    drawn = channel_payload(call.stand.world, found)
    channels.delete(call.stand, found)
    return drawn


def set_overwrite(call: Call) -> None:
    found = call.channel(P.MANAGE_ROLES)
    target = call.number("target")
    found.overwrites[target] = channels.overwrite_of(target, call.body)
    call.stand.emit_channel("UPDATE", found)


def drop_overwrite(call: Call) -> None:
    found = call.channel(P.MANAGE_ROLES)
    found.overwrites.pop(call.number("target"), None)
    call.stand.emit_channel("UPDATE", found)


def typing(call: Call) -> None:
    found = call.channel()
    found = call.channel(sending_right(found))
    check_not_locked(call.stand, found, call.bot)
    told: Json = place_of(found) | {"user_id": str(call.bot), "timestamp": int(time.time())}
    guild = call.stand.world.guild_of(found)
    if guild is not None:
        told["member"] = member_payload(guild.members[call.bot])
    call.stand.emit("TYPING_START", told, found)


ROUTES = (
    Route("GET", "/channels/{channel}", channel),
    Route("PATCH", "/channels/{channel}", change),
    Route("DELETE", "/channels/{channel}", delete),
    Route("PUT", "/channels/{channel}/permissions/{target}", set_overwrite),
    Route("DELETE", "/channels/{channel}/permissions/{target}", drop_overwrite),
    Route("POST", "/channels/{channel}/typing", typing),
)
