"""Interactions: sent to the bot, awaited within Discord's deadline, and recorded."""

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
from bot.sandbox.model.state import SandboxState
from bot.sandbox.rest.errors import UNKNOWN_MESSAGE, discord_error

DEFERRED = (5, 6)
FAILED = "This interaction failed"


@dataclass(kw_only=True, slots=True)
class Interaction:
    """One interaction of a user; `original` is the message @original of its token."""

    id: int
    kind: InteractionKind
    user_id: int
    channel: Channel
    data: Json
    source: Message | None = None  # the message the component or the modal belongs to
    opened_by: Interaction | None = None  # of a modal: the interaction whose response it was
    token: str = field(default_factory=lambda: secrets.token_urlsafe(64))
    started_at: float = field(default_factory=time.monotonic)
    acknowledged_after: float | None = None
    callback: Json | None = None
    original: Message | None = None
    loading: bool = False  # the original is still "thinking"
    messages: list[Message] = field(default_factory=list)  # what it sent or changed, the original first
    error: str | None = None
    acknowledged: asyncio.Event = field(default_factory=asyncio.Event)
    followed_up: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def modal(self) -> Json | None:
        return self.callback["data"] if self.callback and self.callback["type"] == 9 else None

    @property
    def choices(self) -> list[Json] | None:
        return self.callback["data"]["choices"] if self.callback and self.callback["type"] == 8 else None

    def add_message(self, message: Message) -> None:
        if message not in self.messages:
            at = 0 if message is self.original else len(self.messages)
            self.messages.insert(at, message)

    def message(self, message_id: int) -> Message:
        """Return a message this interaction sent or edited; raises `DiscordApiError` 10008."""
        for message in self.messages:
            if message.id == message_id:
                return message
        raise discord_error(UNKNOWN_MESSAGE)

    def record(self, state: SandboxState) -> Json:
        existing = [message.payload for message in self.messages if _exists(state, message)]
        return {
            "id": str(self.id),
            "type": int(self.kind),
            "user": user_payload(state.world.user(self.user_id)),
            "channel_id": str(self.channel.id),
            "acknowledged_after": self.acknowledged_after,
            "callback": self.callback,
            "messages": existing,
            "modal": self.modal,
            "choices": self.choices,
            "error": self.error,
        }


def _exists(state: SandboxState, message: Message) -> bool:
    if message.ephemeral_for is not None:
        return message.id in state.ephemeral
    channel = state.world.channels.get(message.channel_id)
    return channel is not None and message.id in channel.messages


def open_interaction(
    state: SandboxState,
    kind: InteractionKind,
    user_id: int,
    channel: Channel,
    data: Json,
    source: Message | None = None,
    opened_by: Interaction | None = None,
) -> Interaction:
    """Create an interaction and send INTERACTION_CREATE."""
    interaction = Interaction(
        id=state.world.next_id(),
        kind=kind,
        user_id=user_id,
        channel=channel,
        data=data,
        source=source,
        opened_by=opened_by,
    )
    state.interactions[interaction.id] = interaction
    state.emit("INTERACTION_CREATE", _payload(state, interaction), channel)
    return interaction


def _payload(state: SandboxState, interaction: Interaction) -> Json:
    world, channel = state.world, interaction.channel
    guild = world.guild_of(channel)
    event: Json = {
        "id": str(interaction.id),
        "application_id": str(world.application_id),
        "type": int(interaction.kind),
        "token": interaction.token,
        "version": 1,
        "data": interaction.data,
        "channel": channel_payload(world, channel),
        "channel_id": str(channel.id),
        "locale": world.user(interaction.user_id).locale,
        "entitlements": [],
        "entitlement_sku_ids": [],
        "authorizing_integration_owners": authorizing_owners(state, channel),
        "context": 0 if guild else 1,
        "app_permissions": app_permissions(world, channel),
        "attachment_size_limit": state.settings.attachment_size_limit,
    }
    if guild is None:
        event["user"] = user_payload(world.user(interaction.user_id))
    else:
        event |= {"guild_id": str(guild.id), "guild_locale": guild.preferred_locale}
        event["guild"] = {"id": str(guild.id), "locale": guild.preferred_locale, "features": []}
        event["member"] = member_in_channel_payload(world, interaction.user_id, channel)
    if interaction.source is not None:
        event["message"] = message_event_payload(world, interaction.source)
    return event


def authorizing_owners(state: SandboxState, channel: Channel) -> Json:
    """Return the installation owners by integration type: always the guild."""
    return {"0": str(channel.guild_id or 0)}


async def wait_for_response(state: SandboxState, interaction: Interaction) -> Json:
    """Wait for the response, and after a deferral for the followup; return the record."""
    seconds_left = interaction.started_at + state.settings.callback_deadline - time.monotonic()
    if not await _wait_for(interaction.acknowledged, seconds_left):
        interaction.error = FAILED
    elif interaction.callback and interaction.callback["type"] in DEFERRED:
        await _wait_for(interaction.followed_up, state.settings.followup_timeout)
    return interaction.record(state)


async def _wait_for(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):  # before Python 3.12 wait_for can lose a cancellation
            await event.wait()
    except TimeoutError:
        return False
    return True
