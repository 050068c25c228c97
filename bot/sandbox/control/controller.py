"""Control methods of the sandbox: act as a user, read state, change the guild, inject faults."""

from __future__ import annotations

from typing import Any

from bot.sandbox.control import commands, components, guild_admin, limits, users
from bot.sandbox.control.faults import Fault
from bot.sandbox.control.lookup import Name, find_channel, find_user
from bot.sandbox.control.snapshot import snapshot, thread_snapshot
from bot.sandbox.model.json import Json, parse_int
from bot.sandbox.model.payloads import (
    channel_payload,
    guild_payload,
    overwrite_payload,
    role_payload,
    user_payload,
)
from bot.sandbox.model.permissions import Permission, can
from bot.sandbox.model.state import SandboxState
from bot.sandbox.rest.errors import ControlError
from bot.sandbox.services.interactions import Interaction, wait_for_response


class SandboxController:
    """Takes users, channels and roles by name or id; returns the JSON that /sandbox sends.

    Raises `ControlError`, whose text is a sentence, for what Discord would not allow that user.
    """

    def __init__(self, state: SandboxState) -> None:
        self.state = state

    def say(
        self,
        user: Name,
        channel: Name,
        content: str = "",
        *,
        reply_to: Name | None = None,
        attachments: list[Json] | None = None,
    ) -> Json:
        """Send a message as a user; `attachments` are {filename, content: text or bytes}."""
        sent = users.say(self.state, user, channel, content, reply_to=reply_to, attachments=attachments)
        return sent.payload

    def edit_message(self, user: Name, message: Name, content: str) -> Json:
        return users.edit_message(self.state, user, message, content).payload

    def delete_message(self, message: Name, user: Name | None = None) -> None:
        users.delete_message(self.state, message, user)

    def delete_messages(self, channel: Name, messages: list[Any]) -> None:
        """Delete several messages of a channel at once."""
        users.delete_messages(self.state, channel, messages)

    def open_thread(
        self, user: Name, channel: Name, name: str, *, message: Name | None = None, private: bool = False
    ) -> Json:
        thread = users.open_thread(self.state, user, channel, name, message=message, private=private)
        return thread_snapshot(thread)

    async def press(
        self,
        user: Name,
        message: Name,
        custom_id: str,
        values: list[Any] | None = None,
        *,
        forge: bool = False,
    ) -> Json:
        """Press a button or choose from a select; returns the interaction record."""
        await self._wait_for_bot()
        return await self._wait_for_response(
            components.press(self.state, user, message, custom_id, values, forge=forge)
        )

    async def command(self, user: Name, channel: Name, command: str, options: Json | None = None) -> Json:
        await self._wait_for_bot()
        return await self._wait_for_response(
            commands.run_command(self.state, user, channel, command, options or {})
        )

    async def autocomplete(
        self, user: Name, channel: Name, command: str, options: Json, focused: str
    ) -> Json:
        await self._wait_for_bot()
        interaction = commands.autocomplete(self.state, user, channel, command, options, focused)
        return await self._wait_for_response(interaction)

    async def context_menu(self, user: Name, channel: Name, command: str, target: Name) -> Json:
        await self._wait_for_bot()
        return await self._wait_for_response(
            commands.context_menu(self.state, user, channel, command, target)
        )

    async def modal(
        self, user: Name, interaction: Name, values: Json, forge_custom_id: str | None = None
    ) -> Json:
        """Submit the modal that `interaction` opened; values by custom id or label, files as in `say`."""
        return await self._wait_for_response(
            components.submit_modal(self.state, user, interaction, values, forge_custom_id)
        )

    async def _wait_for_bot(self) -> None:
        """Wait for a bot that is still starting; not for one that has disconnected."""
        await self.state.gateway.wait_for_bot(self.state.settings.callback_deadline)

    async def _wait_for_response(self, interaction: Interaction) -> Json:
        return await wait_for_response(self.state, interaction)

    def snapshot(self) -> Json:
        return snapshot(self.state)

    def messages(self, channel: Name, as_user: Name | None = None) -> list[Json]:
        """List a channel's or thread's messages, oldest first; `as_user` must be able to read them."""
        where = find_channel(self.state, channel)
        needed = Permission.VIEW_CHANNEL | Permission.READ_MESSAGE_HISTORY
        if as_user is not None and not can(
            self.state.world, find_user(self.state, as_user).id, where, needed
        ):
            raise ControlError("This user cannot see that channel: look as one who can.", status=403)
        return [message.payload for _, message in sorted(where.messages.items())]

    @property
    def requests(self) -> list[Json]:
        """All REST requests so far: method, path, query, status, monotonic time, JSON body."""
        return [request.to_json() for request in self.state.requests]

    def interaction(self, interaction: Name) -> Json:
        found = self.state.interactions.get(parse_int(interaction) or 0)
        if found is None:
            raise ControlError(f"There is no interaction {interaction}.", status=404)
        return found.record(self.state)

    def fail(
        self,
        kind: str,
        *,
        method: str = "*",
        path: str = "",
        when: str = "before",
        times: int | None = 1,
        chance: float = 1.0,
        retry_after: float = 1.0,
        hang_for: float = 60.0,
        effect_delay: float = 3.0,
    ) -> Fault:
        """Inject a fault into the next `times` matching requests (None: all); `path` is a regular expression.

        `chance` is the probability for each matching request; only requests that fail count.
        `when` is "before" (the request has no effect), "after" (it has taken effect), or "early": it takes
        effect `effect_delay` seconds later.
        """
        return self.state.faults.add(
            Fault(
                kind=kind,
                method=method,
                path=path,
                when=when,
                times=times,
                chance=chance,
                retry_after=retry_after,
                hang_for=hang_for,
                effect_delay=effect_delay,
            )
        )

    def clear_faults(self) -> None:
        self.state.faults.clear()

    def set_rate_limit(self, limit: str, requests: int, per: float) -> Json:
        """Change a rate limit: "global", "rename", "old-edits", "invalid" or a route; 0 requests: none."""
        return limits.set_rate_limit(self.state, limit, requests, per)

    def change_settings(self, **changes: Any) -> Json:
        """Change `old_message_age` (seconds), `max_active_threads` (of a guild), `blocked_words` (AutoMod's)
        or `harmful_links`; returns all four."""
        return limits.change_settings(self.state, changes)

    async def disconnect(self, *, resumable: bool = True, code: int | None = None) -> int:
        """Disconnect the gateway sessions: op 7, or op 9 if not resumable, or a close with `code`."""
        return await self.state.gateway.disconnect(resumable=resumable, code=code)

    def set_overwrite(self, channel: Name, target: Name, *, allow: int = 0, deny: int = 0) -> list[Json]:
        """Set the overwrite of a role, user or "everyone"; returns the channel's overwrites."""
        changed = guild_admin.set_overwrite(self.state, channel, target, allow=allow, deny=deny)
        return [overwrite_payload(o) for o in changed.overwrites.values()]

    def delete_overwrite(self, channel: Name, target: Name) -> list[Json]:
        changed = guild_admin.delete_overwrite(self.state, channel, target)
        return [overwrite_payload(o) for o in changed.overwrites.values()]

    def delete_channel(self, channel: Name) -> None:
        guild_admin.delete_channel(self.state, channel)

    def change_channel(self, channel: Name, *, default_auto_archive_duration: int) -> Json:
        """Change how many minutes of silence new threads of a channel stay active."""
        changed = guild_admin.change_channel(self.state, channel, default_auto_archive_duration)
        return channel_payload(self.state.world, changed)

    def change_thread(self, thread: Name, **changes: Any) -> Json:
        """Change locked, archived or name, as the guild's owner."""
        return thread_snapshot(guild_admin.change_thread(self.state, thread, changes))

    def change_user(self, user: Name, *, locale: str) -> Json:
        """Change `locale`, the language of the user's client, such as "de"; every interaction says it."""
        return {"locale": guild_admin.change_user(self.state, user, locale).locale}

    def set_preferred_locale(self, locale: str) -> Json:
        """Choose the language of the guild, such as "es-ES"."""
        return guild_payload(self.state.world, guild_admin.set_preferred_locale(self.state, locale))

    def create_role(self, name: str, permissions: int = 0, *, mentionable: bool = False) -> Json:
        return role_payload(guild_admin.create_role(self.state, name, permissions, mentionable=mentionable))

    def change_role(self, role: Name, permissions: int) -> Json:
        return role_payload(guild_admin.change_role(self.state, role, permissions))

    def delete_role(self, role: Name) -> None:
        guild_admin.delete_role(self.state, role)

    def add_member(self, name: str, roles: list[Name] | None = None) -> Json:
        return user_payload(guild_admin.add_member(self.state, name, roles or []))

    def remove_member(self, user: Name) -> None:
        guild_admin.remove_member(self.state, user)

    def give_role(self, user: Name, role: Name) -> None:
        guild_admin.give_role(self.state, user, role)

    def take_role(self, user: Name, role: Name) -> None:
        guild_admin.take_role(self.state, user, role)
