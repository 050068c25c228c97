"""Acting as a user everything a person can do in the client, and nothing Discord would not let them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bot.sandbox.control.commands import run_command, type_ahead, use_menu
from bot.sandbox.control.components import press, submit
from bot.sandbox.control.lookup import Name, channel_named, message_numbered, user_named
from bot.sandbox.model.guilds import Channel, Message
from bot.sandbox.model.json import ChannelKind, Json, whole_number
from bot.sandbox.model.permissions import require, right_to_open
from bot.sandbox.model.state import StandIn
from bot.sandbox.rest.errors import Declined, Refused
from bot.sandbox.services import messages
from bot.sandbox.services.channels import check_thread, open_thread
from bot.sandbox.validation.messages import File

__all__ = [
    "erase",
    "erase_together",
    "make_thread",
    "press",
    "reword",
    "run_command",
    "say",
    "submit",
    "type_ahead",
    "use_menu",
]


@contextmanager
def as_discord_would() -> Iterator[None]:
    """Turns Discord's refusal of a user's act into a sentence."""
    try:
        yield
    except Refused as no:
        details = f" {no.errors}" if no.errors else ""
        raise Declined(f"Discord refuses this: {no.message} ({no.code}).{details}", status=no.status) from no


def say(
    stand: StandIn,
    user: Name,
    channel: Name,
    content: str = "",
    *,
    reply_to: Name | None = None,
    attachments: list[Json] | None = None,
) -> Message:
    """Sends a message as a user; `attachments` are {filename, content: text or bytes}."""
    author, where = user_named(stand, user), channel_named(stand, channel)
    body: Json = {"content": content}
    if reply_to is not None:
        body["message_reference"] = {"message_id": str(reply_to)}
    files = {i: _file(given) for i, given in enumerate(attachments or [])}
    with as_discord_would():
        return messages.send(stand, where, author.id, body, files)


def _file(given: Json) -> File:
    content = given.get("content", "")
    raw = content if isinstance(content, bytes) else str(content).encode()
    return File(filename=str(given.get("filename") or "file.txt"), content=raw)


def reword(stand: StandIn, user: Name, message: Name, content: str) -> Message:
    """Edits a user's own message."""
    author, written = user_named(stand, user), message_numbered(stand, message)
    if written.author_id != author.id:
        raise Declined("Only its author edits a message: act as that user.", status=403)
    with as_discord_would():
        messages.edit(stand, written, {"content": content}, {})
    return written


def erase(stand: StandIn, message: Name, user: Name | None = None) -> None:
    """Deletes a message: as this user if one is given, otherwise as Discord itself."""
    found = message_numbered(stand, message)
    if user is not None:
        with as_discord_would():
            messages.check_may_delete(stand, found, user_named(stand, user).id)
    messages.delete(stand, found)


def erase_together(stand: StandIn, channel: Name, doomed: Sequence[Name]) -> None:
    """Deletes several messages of one channel at once, as another bot does for a moderator."""
    where = channel_named(stand, channel)
    messages.delete_together(stand, where, [message_numbered(stand, message) for message in doomed])


def make_thread(
    stand: StandIn,
    user: Name,
    channel: Name,
    name: str,
    *,
    message: Name | None = None,
    private: bool = False,
) -> Channel:
    """Opens a thread by hand, from a message or from nothing."""
    owner, parent = user_named(stand, user), channel_named(stand, channel)
    kind = ChannelKind.PRIVATE_THREAD if private else ChannelKind.PUBLIC_THREAD
    body = {"name": name}
    with as_discord_would():
        require(stand.world, owner.id, parent, right_to_open(kind))
        check_thread(body)
        starter = stand.world.message(parent, whole_number(message) or 0) if message is not None else None
        thread = open_thread(stand, parent, owner.id, body, kind, starter=starter)
    if starter:
        messages.announce_starter(stand, thread, owner.id, starter)
    elif not private:
        messages.announce_thread(stand, parent, owner.id, thread)
    return thread
