"""REST: channels and their overwrites; threads changed."""

from __future__ import annotations

from bot.sandbox.model.json import Json
from bot.sandbox.model.payloads import channel_payload
from bot.sandbox.model.permissions import P
from bot.sandbox.rest.request import Call, Route
from bot.sandbox.services import channels


def channel(call: Call) -> Json:
    return channel_payload(call.stand.world, call.channel())


def change(call: Call) -> Json:
    found = call.channel()
    channels.change(call.stand, found, call.bot, call.body)
    return channel_payload(call.stand.world, found)


def set_overwrite(call: Call) -> None:
    found = call.channel(P.MANAGE_ROLES)
    target = call.number("target")
    found.overwrites[target] = channels.overwrite_of(target, call.body)
    call.stand.emit_channel("UPDATE", found)


def drop_overwrite(call: Call) -> None:
    found = call.channel(P.MANAGE_ROLES)
    found.overwrites.pop(call.number("target"), None)
    call.stand.emit_channel("UPDATE", found)


ROUTES = (
    Route("GET", "/channels/{channel}", channel),
    Route("PATCH", "/channels/{channel}", change),
    Route("PUT", "/channels/{channel}/permissions/{target}", set_overwrite),
    Route("DELETE", "/channels/{channel}/permissions/{target}", drop_overwrite),
)
