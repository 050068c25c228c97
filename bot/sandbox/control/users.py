"""Messages and threads as a user, within what Discord allows that user."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bot.sandbox.control.lookup import Name, find_channel, find_message, find_user
from bot.sandbox.model.guilds import Channel, Message
from bot.sandbox.model.json import ChannelKind, Json, parse_int
from bot.sandbox.model.permissions import require, thread_permission
from bot.sandbox.model.state import SandboxState
from bot.sandbox.rest.errors import ControlError, DiscordApiError
from bot.sandbox.services import messages
from bot.sandbox.services.channels import check_new_thread, create_thread
from bot.sandbox.validation.messages import File


@contextmanager
def discord_errors_as_sentences() -> Iterator[None]:
    """Turn `DiscordApiError` into `ControlError` with a sentence."""
    try:
        yield
    except DiscordApiError as error:
        details = f" {error.errors}" if error.errors else ""
        raise ControlError(
            f"Discord refuses this: {error.message} ({error.code}).{details}", status=error.status
        ) from error


def say(
    state: SandboxState,
    user: Name,
    channel: Name,
    content: str = "",
    *,
    reply_to: Name | None = None,
    attachments: list[Json] | None = None,
) -> Message:
    """Send a message as a user; `attachments` are {filename, content: text or bytes}."""
    author, where = find_user(state, user), find_channel(state, channel)
    body: Json = {"content": content}
    if reply_to is not None:
        body["message_reference"] = {"message_id": str(reply_to)}
    files = {i: user_file(given) for i, given in enumerate(attachments or [])}
    with discord_errors_as_sentences():
        return messages.send(state, where, author.id, body, files)


def user_file(given: Json) -> File:
    """Build the file a user sends from {filename, content: text or bytes}."""
    content = given.get("content", "")
    raw = content if isinstance(content, bytes) else str(content).encode()
    return File(filename=str(given.get("filename") or "file.txt"), content=raw)


def edit_message(state: SandboxState, user: Name, message: Name, content: str) -> Message:
    """Edit a user's own message."""
    author, found = find_user(state, user), find_message(state, message)
    if found.author_id != author.id:
        raise ControlError("Only its author edits a message: act as that user.", status=403)
    with discord_errors_as_sentences():
        messages.edit(state, found, {"content": content}, {})
    return found


def delete_message(state: SandboxState, message: Name, user: Name | None = None) -> None:
    """Delete a message: as this user if given, otherwise without permission checks."""
    found = find_message(state, message)
    if user is not None:
        with discord_errors_as_sentences():
            messages.check_may_delete(state, found, find_user(state, user).id)
    messages.delete(state, found)


def delete_messages(state: SandboxState, channel: Name, message_ids: Sequence[Name]) -> None:
    """Delete several messages of one channel at once, as a moderation bot does."""
    where = find_channel(state, channel)
    messages.bulk_delete(state, where, [find_message(state, message) for message in message_ids])


def open_thread(
    state: SandboxState,
    user: Name,
    channel: Name,
    name: str,
    *,
    message: Name | None = None,
    private: bool = False,
) -> Channel:
    """Create a thread as a user, from a message or without one."""
    owner, parent = find_user(state, user), find_channel(state, channel)
    kind = ChannelKind.PRIVATE_THREAD if private else ChannelKind.PUBLIC_THREAD
    body = {"name": name}
    with discord_errors_as_sentences():
        require(state.world, owner.id, parent, thread_permission(kind))
        check_new_thread(body)
        starter = state.world.message(parent, parse_int(message) or 0) if message is not None else None
        thread = create_thread(state, parent, owner.id, body, kind, starter=starter)
    if starter:
        messages.announce_thread_from_message(state, thread, owner.id, starter)
    elif not private:
        messages.announce_thread(state, parent, owner.id, thread)
    return thread
