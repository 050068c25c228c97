"""Whether there is a connection to Discord, and since when there is none. Not what goes over it."""

from collections.abc import Callable
from datetime import UTC, datetime

from discord.ext import commands


def _utc_now() -> datetime:
    return datetime.now(UTC)


class GatewayStatus:
    """What Discord's gateway knows of us, over all logins."""

    def __init__(self, now: Callable[[], datetime] = _utc_now) -> None:
        self._now = now
        self.disconnected_since: datetime | None = now()  # None: there is a connection
        self._client: commands.Bot | None = None

    @property
    def connected_client(self) -> commands.Bot | None:
        return self._client if self.disconnected_since is None else None

    def attach(self, bot: commands.Bot) -> None:
        """Hear from a new login when it is there and when it is not."""
        self._client = bot
        for event in ("on_ready", "on_resumed"):
            bot.add_listener(self._on_connected, event)
        bot.add_listener(self._on_disconnect, "on_disconnect")

    def mark_disconnected(self) -> None:
        """There is no connection; how long there was none already is kept."""
        self.disconnected_since = self.disconnected_since or self._now()

    async def _on_connected(self) -> None:
        self.disconnected_since = None

    async def _on_disconnect(self) -> None:
        self.mark_disconnected()
