"""Users, roles, guilds, channels, threads and messages, by id. No HTTP and no sockets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from bot.sandbox.model.json import THREAD_KINDS, ChannelKind, Json, timestamp
from bot.sandbox.rest.errors import (
    UNKNOWN_CHANNEL,
    UNKNOWN_GUILD,
    UNKNOWN_MESSAGE,
    UNKNOWN_USER,
    discord_error,
)

DISCORD_EPOCH_MS = 1_420_070_400_000
DEFAULT_AUTO_ARCHIVE = 4320  # minutes


def age(snowflake: int) -> float:
    """Return the seconds since the object with this id was created."""
    return time.time() - ((snowflake >> 22) + DISCORD_EPOCH_MS) / 1000


@dataclass(kw_only=True, slots=True)
class User:
    id: int
    username: str
    display_name: str
    bot: bool = False
    locale: str = "en-US"  # of the user's client


@dataclass(kw_only=True, slots=True)
class Role:
    id: int
    name: str
    permissions: int
    position: int = 0
    color: int = 0
    mentionable: bool = False
    managed: bool = False


@dataclass(kw_only=True, slots=True)
class Overwrite:
    id: int
    kind: int  # 0 role, 1 member
    allow: int = 0
    deny: int = 0


@dataclass(kw_only=True, slots=True)
class Member:
    user: User
    roles: list[int] = field(default_factory=list)
    joined_at: str = field(default_factory=timestamp)


@dataclass(kw_only=True, slots=True)
class Message:
    """A message; `payload` is Discord's message object without the keys only gateway events carry."""

    id: int
    channel_id: int
    author_id: int
    payload: Json
    nonce: str | int | None = None
    ephemeral_for: int | None = None  # the only user who sees it; such a message is in no channel


@dataclass(kw_only=True, slots=True)
class Channel:
    """A channel, thread or DM; fields that do not apply to its kind keep their defaults."""

    id: int
    kind: ChannelKind
    name: str = ""
    guild_id: int | None = None
    parent_id: int | None = None
    topic: str | None = None
    position: int = 0
    nsfw: bool = False
    flags: int = 0
    rate_limit_per_user: int = 0
    overwrites: dict[int, Overwrite] = field(default_factory=dict)
    messages: dict[int, Message] = field(default_factory=dict)
    last_message_id: int | None = None
    recipients: list[int] = field(default_factory=list)  # of a DM
    default_auto_archive_duration: int | None = None  # minutes, for new threads
    owner_id: int | None = None  # this and all below: threads only
    joined: dict[int, str] = field(default_factory=dict)  # user id -> when they joined
    locked: bool = False
    archived: bool = False
    archived_at: str = field(default_factory=timestamp)
    created_at: str = field(default_factory=timestamp)
    auto_archive_duration: int = DEFAULT_AUTO_ARCHIVE
    invitable: bool = True
    starter_id: int | None = None  # the first message, which message_count leaves out
    total_sent: int = 0

    @property
    def is_thread(self) -> bool:
        return self.kind in THREAD_KINDS

    @property
    def is_private_thread(self) -> bool:
        return self.kind == ChannelKind.PRIVATE_THREAD

    @property
    def message_count(self) -> int:
        return sum(1 for message_id in self.messages if message_id != self.starter_id)


@dataclass(kw_only=True, slots=True)
class Guild:
    id: int
    name: str
    owner_id: int
    roles: dict[int, Role] = field(default_factory=dict)
    members: dict[int, Member] = field(default_factory=dict)
    joined_at: str = field(default_factory=timestamp)
    preferred_locale: str = "en-US"


class World:
    """All objects, by id. The bot user exists from the start; the application's id is the bot's id."""

    def __init__(self) -> None:
        self._last_id = 0
        self.users: dict[int, User] = {}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.bot = self.add_user("ticketbridge", bot=True)
        self.application_id = self.bot.id

    def next_id(self) -> int:
        """Return a new snowflake: the current time, and greater than every id before it."""
        now = (int(time.time() * 1000) - DISCORD_EPOCH_MS) << 22
        self._last_id = max(now, self._last_id + 1)
        return self._last_id

    def add_user(self, name: str, *, bot: bool = False) -> User:
        """Add a user whose display name is the capitalized name: mia is shown as Mia."""
        display_name = name[:1].upper() + name[1:]
        user = User(id=self.next_id(), username=name.lower(), display_name=display_name, bot=bot)
        self.users[user.id] = user
        return user

    def add_guild(self, name: str, owner: User, *, everyone: int = 0) -> Guild:
        guild = Guild(id=self.next_id(), name=name, owner_id=owner.id)
        guild.roles[guild.id] = Role(id=guild.id, name="@everyone", permissions=int(everyone))
        self.guilds[guild.id] = guild
        return guild

    def add_role(self, guild: Guild, name: str, permissions: int = 0) -> Role:
        role = Role(id=self.next_id(), name=name, permissions=int(permissions), position=len(guild.roles))
        guild.roles[role.id] = role
        return role

    def add_channel(self, guild: Guild, name: str, kind: ChannelKind = ChannelKind.TEXT) -> Channel:
        position = len(self.channels_of(guild))
        channel = Channel(id=self.next_id(), kind=kind, name=name, guild_id=guild.id, position=position)
        self.channels[channel.id] = channel
        return channel

    def dm_channel(self, user_id: int) -> Channel:
        """Return the DM channel between the bot and a user; create it on first use."""
        for channel in self.channels.values():
            if channel.kind == ChannelKind.DM and user_id in channel.recipients:
                return channel
        channel = Channel(id=self.next_id(), kind=ChannelKind.DM, recipients=[user_id, self.bot.id])
        self.channels[channel.id] = channel
        return channel

    def channels_of(self, guild: Guild) -> list[Channel]:
        return [c for c in self.channels.values() if c.guild_id == guild.id and not c.is_thread]

    def threads_of(self, guild: Guild) -> list[Channel]:
        return [c for c in self.channels.values() if c.guild_id == guild.id and c.is_thread]

    def threads_in(self, parent: Channel) -> Iterator[Channel]:
        return (c for c in self.channels.values() if c.is_thread and c.parent_id == parent.id)

    def user(self, user_id: int) -> User:
        """Return a user by id; this and the next three raise `DiscordApiError` for an unknown id."""
        if user_id not in self.users:
            raise discord_error(UNKNOWN_USER)
        return self.users[user_id]

    def guild(self, guild_id: int) -> Guild:
        if guild_id not in self.guilds:
            raise discord_error(UNKNOWN_GUILD)
        return self.guilds[guild_id]

    def channel(self, channel_id: int) -> Channel:
        if channel_id not in self.channels:
            raise discord_error(UNKNOWN_CHANNEL)
        return self.channels[channel_id]

    def message(self, channel: Channel, message_id: int) -> Message:
        if message_id not in channel.messages:
            raise discord_error(UNKNOWN_MESSAGE)
        return channel.messages[message_id]

    def guild_of(self, channel: Channel) -> Guild | None:
        return self.guilds.get(channel.guild_id or 0)

    def parent_of(self, channel: Channel) -> Channel:
        """Return the parent channel of a thread; for any other channel, the channel itself."""
        return self.channels[channel.parent_id or 0] if channel.is_thread else channel
