"""Interactions: told to the bot, answered within seconds or failed, and recorded for whoever started one."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, field

from bot.sandbox.model.guilds import Channel, Message
from bot.sandbox.model.json import InteractionKind, Json
from bot.sandbox.model.payloads import (
    app_permissions,
    channel_payload,
    member_in_channel_payload,
    message_event_payload,
    user_payload,
)
from bot.sandbox.model.state import StandIn
from bot.sandbox.rest.errors import UNKNOWN_MESSAGE, refused

DEFERRED = (5, 6)
FAILED = "This interaction failed"


@dataclass(kw_only=True, slots=True)
class Interaction:
    """One act of a user that the bot answers; `original` is what @original means to its token."""

    id: int
    kind: InteractionKind
    user_id: int
    channel: Channel
    data: Json
    source: Message | None = None  # the message the component or the modal belongs to
    token: str = field(default_factory=lambda: secrets.token_urlsafe(64))
    began: float = field(default_factory=time.monotonic)
    acknowledged_after: float | None = None
    callback: Json | None = None
    original: Message | None = None
    loading: bool = False  # the original is still "thinking"
    shown: list[Message] = field(default_factory=list)  # what it sent or changed, the original first
    error: str | None = None
    acknowledged: asyncio.Event = field(default_factory=asyncio.Event)
    followed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def modal(self) -> Json | None:
        return self.callback["data"] if self.callback and self.callback["type"] == 9 else None

    @property
    def choices(self) -> list[Json] | None:
        return self.callback["data"]["choices"] if self.callback and self.callback["type"] == 8 else None

    def show(self, message: Message) -> None:
        if message not in self.shown:
            at = 0 if message is self.original else len(self.shown)
            self.shown.insert(at, message)

    def message(self, message_id: int) -> Message:
        """One of the messages this interaction sent or changed; raises `Refused` 10008."""
        for message in self.shown:
            if message.id == message_id:
                return message
        raise refused(UNKNOWN_MESSAGE)

    def record(self, stand: StandIn) -> Json:
        there = [message.wire for message in self.shown if _still_there(stand, message)]
        return {
            "id": str(self.id),
            "type": int(self.kind),
            "user": user_payload(stand.world.user(self.user_id)),
            "channel_id": str(self.channel.id),
            "acknowledged_after": self.acknowledged_after,
            "callback": self.callback,
            "messages": there,
            "modal": self.modal,
            "choices": self.choices,
            "error": self.error,
        }


def _still_there(stand: StandIn, message: Message) -> bool:
    if message.ephemeral_for is not None:
        return message.id in stand.ephemeral
    channel = stand.world.channels.get(message.channel_id)
    return channel is not None and message.id in channel.messages


def open_interaction(
    stand: StandIn,
    kind: InteractionKind,
    user_id: int,
    channel: Channel,
    data: Json,
    source: Message | None = None,
) -> Interaction:
    """Tells the bot what a user did."""
    made = Interaction(
        id=stand.world.next_id(),
        kind=kind,
        user_id=user_id,
        channel=channel,
        data=data,
        source=source,
    )
    stand.interactions[made.id] = made
    stand.emit("INTERACTION_CREATE", _payload(stand, made), channel)
    return made


def _payload(stand: StandIn, made: Interaction) -> Json:
    world, channel = stand.world, made.channel
    guild = world.guild_of(channel)
    told: Json = {
        "id": str(made.id),
        "application_id": str(world.application_id),
        "type": int(made.kind),
        "token": made.token,
        "version": 1,
        "data": made.data,
        "channel": channel_payload(world, channel),
        "channel_id": str(channel.id),
        "locale": "en-US",
        "entitlements": [],
        "entitlement_sku_ids": [],
        "authorizing_integration_owners": owners(stand, channel),
        "context": 0 if guild else 1,
        "app_permissions": app_permissions(world, channel),
        "attachment_size_limit": stand.settings.attachment_size_limit,
    }
    if guild is None:
        told["user"] = user_payload(world.user(made.user_id))
    else:
        told |= {"guild_id": str(guild.id), "guild_locale": "en-US"}
        told["guild"] = {"id": str(guild.id), "locale": "en-US", "features": []}
        told["member"] = member_in_channel_payload(world, made.user_id, channel)
    if made.source is not None:
        told["message"] = message_event_payload(world, made.source)
    return told


def owners(stand: StandIn, channel: Channel) -> Json:
    """Who installed the application, by kind of installation: here always the guild."""
    return {"0": str(channel.guild_id or 0)}


async def wait_for_answer(stand: StandIn, interaction: Interaction) -> Json:
    """The interaction's record, once it was answered, and after a deferral followed up, or too late."""
    left = interaction.began + stand.settings.callback_deadline - time.monotonic()
    if not await _came(interaction.acknowledged, left):
        interaction.error = FAILED
    elif interaction.callback and interaction.callback["type"] in DEFERRED:
        await _came(interaction.followed, stand.settings.followup_patience)
    return interaction.record(stand)


async def _came(event: asyncio.Event, within: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), max(within, 0.0))
    except TimeoutError:
        return False
    return True
