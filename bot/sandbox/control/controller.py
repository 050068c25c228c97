"""The orders a holder of the sandbox gives it: act as a user, look around, change the guild, make trouble."""

from __future__ import annotations

from typing import Any

from bot.sandbox.control import guild_admin as owning
from bot.sandbox.control import snapshot as picture
from bot.sandbox.control import users as acting
from bot.sandbox.control.faults import Fault
from bot.sandbox.control.lookup import Name, channel_named, user_named
from bot.sandbox.model.json import Json, whole_number
from bot.sandbox.model.payloads import overwrite_payload, role_payload, user_payload
from bot.sandbox.model.permissions import Permission, can
from bot.sandbox.model.state import StandIn
from bot.sandbox.rest.errors import Declined
from bot.sandbox.services.interactions import Interaction, wait_for_answer


class Orders:
    """Users, channels and roles are named or given by id; every answer is what /sandbox would send.

    Raises `Declined`, whose text is a sentence, for what Discord would not let that user do.
    """

    def __init__(self, stand: StandIn) -> None:
        self.stand = stand

    def say(
        self,
        user: Name,
        channel: Name,
        content: str = "",
        *,
        reply_to: Name | None = None,
        attachments: list[Json] | None = None,
    ) -> Json:
        """Sends a message and returns it; `attachments` are {filename, content: text or bytes}."""
        sent = acting.say(self.stand, user, channel, content, reply_to=reply_to, attachments=attachments)
        return sent.wire

    def edit_message(self, user: Name, message: Name, content: str) -> Json:
        return acting.reword(self.stand, user, message, content).wire

    def delete_message(self, message: Name, user: Name | None = None) -> None:
        acting.erase(self.stand, message, user)

    def delete_messages(self, channel: Name, messages: list[Any]) -> None:
        """Deletes several messages of a channel at once."""
        acting.erase_together(self.stand, channel, messages)

    def open_thread(
        self, user: Name, channel: Name, name: str, *, message: Name | None = None, private: bool = False
    ) -> Json:
        made = acting.make_thread(self.stand, user, channel, name, message=message, private=private)
        return picture.thread(made)

    async def press(
        self,
        user: Name,
        message: Name,
        custom_id: str,
        values: list[Any] | None = None,
        *,
        forge: bool = False,
    ) -> Json:
        """Presses a button or picks from a select and returns the interaction record."""
        await self._bot_there()
        return await self._answered(acting.press(self.stand, user, message, custom_id, values, forge=forge))

    async def command(self, user: Name, channel: Name, command: str, options: Json | None = None) -> Json:
        await self._bot_there()
        return await self._answered(acting.run_command(self.stand, user, channel, command, options or {}))

    async def autocomplete(
        self, user: Name, channel: Name, command: str, options: Json, focused: str
    ) -> Json:
        await self._bot_there()
        typed = acting.type_ahead(self.stand, user, channel, command, options, focused)
        return await self._answered(typed)

    async def context_menu(self, user: Name, channel: Name, command: str, target: Name) -> Json:
        await self._bot_there()
        return await self._answered(acting.use_menu(self.stand, user, channel, command, target))

    async def modal(
        self, user: Name, interaction: Name, values: Json, forge_custom_id: str | None = None
    ) -> Json:
        """Submits the modal that `interaction` opened; values by custom id or by label."""
        return await self._answered(acting.submit(self.stand, user, interaction, values, forge_custom_id))

    async def _bot_there(self) -> None:
        """Whoever acts waits for a bot that is still starting; for one that went away nobody waits."""
        await self.stand.gateway.wait_for_bot(self.stand.settings.callback_deadline)

    async def _answered(self, interaction: Interaction) -> Json:
        return await wait_for_answer(self.stand, interaction)

    def state(self) -> Json:
        return picture.state(self.stand)

    def messages(self, channel: Name, as_user: Name | None = None) -> list[Json]:
        """Every message of a channel or thread, oldest first; as a user it must be one who can see it."""
        where = channel_named(self.stand, channel)
        needed = Permission.VIEW_CHANNEL | Permission.READ_MESSAGE_HISTORY
        if as_user is not None and not can(
            self.stand.world, user_named(self.stand, as_user).id, where, needed
        ):
            raise Declined("This user cannot see that channel: look as one who can.", status=403)
        return [message.wire for _, message in sorted(where.messages.items())]

    @property
    def requests(self) -> list[Json]:
        """Every REST request so far: method, path, query, status, monotonic time, JSON body."""
        return [request.describe() for request in self.stand.requests]

    def interaction(self, interaction: Name) -> Json:
        found = self.stand.interactions.get(whole_number(interaction) or 0)
        if found is None:
            raise Declined(f"There is no interaction {interaction}.", status=404)
        return found.record(self.stand)

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
        effect_after: float = 3.0,
    ) -> Fault:
        """Makes the next `times` matching requests go wrong (None: all); `path` is a regular expression.

        With a `chance` below 1, each matching request goes wrong with that probability, and counts then.
        What strikes "before" a request's effect keeps it from happening; "ahead" of it, it comes later.
        """
        return self.stand.faults.plan(
            Fault(
                kind=kind,
                method=method,
                path=path,
                when=when,
                times=times,
                chance=chance,
                retry_after=retry_after,
                hang_for=hang_for,
                effect_after=effect_after,
            )
        )

    def clear_faults(self) -> None:
        self.stand.faults.clear()

    async def disconnect(self, *, resumable: bool = True, code: int | None = None) -> int:
        """Drops the gateway sessions: op 7, or op 9 if not resumable, or a close with `code`."""
        return await self.stand.gateway.disconnect(resumable=resumable, code=code)

    def set_overwrite(self, channel: Name, target: Name, *, allow: int = 0, deny: int = 0) -> list[Json]:
        """Sets the overwrite of a role or user (or "everyone") and returns the channel's overwrites."""
        changed = owning.set_overwrite(self.stand, channel, target, allow=allow, deny=deny)
        return [overwrite_payload(o) for o in changed.overwrites.values()]

    def drop_overwrite(self, channel: Name, target: Name) -> list[Json]:
        changed = owning.drop_overwrite(self.stand, channel, target)
        return [overwrite_payload(o) for o in changed.overwrites.values()]

    def delete_channel(self, channel: Name) -> None:
        owning.delete_channel(self.stand, channel)

    def change_thread(self, thread: Name, **changes: Any) -> Json:
        """Changes locked, archived or name, as the guild's owner."""
        return picture.thread(owning.change_thread(self.stand, thread, changes))

    def create_role(self, name: str, permissions: int = 0, *, mentionable: bool = False) -> Json:
        return role_payload(owning.create_role(self.stand, name, permissions, mentionable=mentionable))

    def change_role(self, role: Name, permissions: int) -> Json:
        return role_payload(owning.change_role(self.stand, role, permissions))

    def delete_role(self, role: Name) -> None:
        owning.delete_role(self.stand, role)

    def add_member(self, name: str, roles: list[Name] | None = None) -> Json:
        return user_payload(owning.add_member(self.stand, name, roles or []))

    def remove_member(self, user: Name) -> None:
        owning.remove_member(self.stand, user)

    def give_role(self, user: Name, role: Name) -> None:
        owning.give_role(self.stand, user, role)

    def take_role(self, user: Name, role: Name) -> None:
        owning.take_role(self.stand, user, role)
