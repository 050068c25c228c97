"""Builds Discord's message objects: attachments, embeds, flags and mentions."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum

from bot.sandbox.model.guilds import Channel
from bot.sandbox.model.json import Json, parse_int, timestamp
from bot.sandbox.model.payloads import user_payload
from bot.sandbox.model.permissions import Permission, can
from bot.sandbox.model.state import SandboxState
from bot.sandbox.validation.components import with_component_ids
from bot.sandbox.validation.messages import File

SUPPRESS_EMBEDS, HAS_THREAD, EPHEMERAL, LOADING = 1 << 2, 1 << 5, 1 << 6, 1 << 7
SENDABLE_FLAGS = SUPPRESS_EMBEDS | 1 << 12  # and: silent
ATTACHED = "attachment://"
MAX_MENTIONS = 100
_CODE = re.compile(r"```.*?```|``.*?``|`[^`]*`", re.DOTALL)
_USER = re.compile(r"<@!?(\d{1,20})>")
_ROLE = re.compile(r"<@&(\d{1,20})>")
_EVERYONE = re.compile(r"@(everyone|here)\b")


class MessageType(IntEnum):
    DEFAULT = 0
    THREAD_CREATED = 18
    REPLY = 19
    CHAT_COMMAND = 20
    THREAD_STARTER = 21
    MENU_COMMAND = 23


def build_message(
    state: SandboxState, channel: Channel, author_id: int, body: Json, files: Mapping[int, File], extra: Json
) -> Json:
    """Build the object of a new message; `extra` overrides fields for special message types."""
    payload: Json = {
        "id": str(state.world.next_id()),
        "type": int(MessageType.DEFAULT),
        "channel_id": str(channel.id),
        "author": user_payload(state.world.user(author_id)),
        "content": body.get("content") or "",
        "timestamp": timestamp(),
        "edited_timestamp": None,
        "tts": bool(body.get("tts")),
        "pinned": False,
        "flags": int(body.get("flags") or 0) & SENDABLE_FLAGS,
        "components": with_component_ids(body.get("components") or []),
        "attachments": [state.store_file(file) for _, file in sorted(files.items())],
        "embeds": body.get("embeds") or [],
    }
    payload |= extra
    attach_files(payload)
    referenced = payload.get("referenced_message")
    replied_to = int(referenced["author"]["id"]) if referenced else None
    set_mentions(state, channel, payload, body.get("allowed_mentions"), replied_to=replied_to)
    if channel.is_thread:
        payload["position"] = channel.total_sent
    return payload


def set_mentions(
    state: SandboxState,
    channel: Channel,
    payload: Json,
    allowed: Json | None,
    *,
    replied_to: int | None = None,
) -> None:
    """Set mentions, mention_roles and mention_everyone from the content and allowed_mentions."""
    guild = state.world.guild_of(channel)
    author_id = int(payload["author"]["id"])
    may_mention_all = can(state.world, author_id, channel, Permission.MENTION_EVERYONE)
    roles = [r for r in guild.roles.values() if r.id != guild.id] if guild else []
    found = parse_mentions(
        payload["content"],
        allowed,
        member_ids=guild.members if guild else channel.recipients,
        mentionable_roles=[role.id for role in roles if role.mentionable or may_mention_all],
        may_mention_everyone=may_mention_all and guild is not None,
        replied_to=replied_to,
    )
    payload["mentions"] = [user_payload(state.world.user(user_id)) for user_id in found.users]
    payload["mention_roles"] = [str(role_id) for role_id in found.roles]
    payload["mention_everyone"] = found.everyone


def attach_files(payload: Json) -> None:
    """Replace attachment:// URLs in embeds; files shown in embeds are not attachments."""
    urls = {attachment["filename"]: attachment["url"] for attachment in payload["attachments"]}
    payload["embeds"] = [_embed(embed, urls) for embed in payload["embeds"]]
    in_embeds = {
        part.get(key)
        for embed in payload["embeds"]
        for part in embed.values()
        if isinstance(part, dict)
        for key in ("url", "icon_url")
    }
    payload["attachments"] = [a for a in payload["attachments"] if a["url"] not in in_embeds]


def _embed(embed: Json, urls: Mapping[str, str]) -> Json:
    embed_payload = {key: value for key, value in embed.items() if value not in (None, "", [], {})}
    embed_payload["type"] = "rich"
    if "fields" in embed_payload:
        embed_payload["fields"] = [{"inline": False} | field for field in embed_payload["fields"]]
    if "timestamp" in embed_payload:
        embed_payload["timestamp"] = _in_utc(embed_payload["timestamp"])
    return {
        key: _with_file_urls(part, urls) if isinstance(part, dict) else part
        for key, part in embed_payload.items()
    }


def _in_utc(written: str) -> str:
    when = datetime.fromisoformat(written)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def _with_file_urls(part: Json, urls: Mapping[str, str]) -> Json:
    part_with_urls = {key: value for key, value in part.items() if value is not None}
    for key in ("url", "icon_url"):
        address = str(part.get(key) or "")
        if address.startswith(ATTACHED):
            part_with_urls[key] = urls.get(address.removeprefix(ATTACHED), address)
            part_with_urls[f"proxy_{key}"] = part_with_urls[key]
    return part_with_urls


def edited_attachments(
    state: SandboxState, payload: Json, body: Json, files: Mapping[int, File]
) -> list[Json]:
    """Return the attachments after an edit: those the body keeps, then the new files."""
    old: list[Json] = payload["attachments"]
    if body.get("attachments") is not None:
        listed = {parse_int(a.get("id")) for a in body["attachments"]}
        old = [attachment for attachment in old if int(attachment["id"]) in listed]
    elif "attachments" in body:
        old = []
    return old + [state.store_file(file) for _, file in sorted(files.items())]


@dataclass(kw_only=True, slots=True)
class Mentions:
    users: list[int] = field(default_factory=list)
    roles: list[int] = field(default_factory=list)
    everyone: bool = False


def parse_mentions(
    content: str,
    allowed: Json | None,
    *,
    member_ids: Collection[int],
    mentionable_roles: Collection[int],
    may_mention_everyone: bool,
    replied_to: int | None = None,
) -> Mentions:
    """Parse the mentions in `content` outside code, limited to the given members and roles.

    `mentionable_roles` are those this sender may ping; `replied_to` is the author of the message replied to.
    """
    outside_code = _CODE.sub(" ", content)
    users = [i for i in _ids(_USER, outside_code) if i in member_ids and _allows(allowed, "users")(i)]
    if replied_to is not None and replied_to not in users and _reply_pings(allowed):
        users.append(replied_to)
    roles = [i for i in _ids(_ROLE, outside_code) if i in mentionable_roles and _allows(allowed, "roles")(i)]
    everyone = (
        may_mention_everyone
        and bool(_EVERYONE.search(outside_code))
        and "everyone" in _allowed_types(allowed)
    )
    return Mentions(users=users, roles=roles, everyone=everyone)


def _ids(pattern: re.Pattern[str], text: str) -> list[int]:
    return list(dict.fromkeys(int(found) for found in pattern.findall(text)))[:MAX_MENTIONS]


def _allowed_types(allowed: Json | None) -> Collection[str]:
    return ("users", "roles", "everyone") if allowed is None else (allowed.get("parse") or ())


def _allows(allowed: Json | None, noun: str) -> Callable[[int], bool]:
    if allowed is None or noun in _allowed_types(allowed):
        return lambda _: True
    listed = {parse_int(i) for i in allowed.get(noun) or ()}
    return lambda i: i in listed


def _reply_pings(allowed: Json | None) -> bool:
    return allowed is None or bool(allowed.get("replied_user"))
