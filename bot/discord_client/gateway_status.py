"""Whether the gateway connection to Discord is up, and since when it is down."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from bot.clock import utc_now

if TYPE_CHECKING:  # the bridge is built, and accepts tickets, before discord.py is imported
    from discord.ext import commands


class GatewayStatus:
    """State of the gateway connection, over all logins."""

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        self._now = now
        self.disconnected_since: datetime | None = now()  # None while connected
        self._client: commands.Bot | None = None

    @property
    def connected_client(self) -> "commands.Bot | None":
        """The client that is connected now; None while there is no connection."""
        return self._client if self.disconnected_since is None else None

    def attach(self, client: "commands.Bot") -> None:
        """Listen to the connection events of a new client."""
        self._client = client
        for event in ("on_ready", "on_resumed"):
            client.add_listener(self._on_connected, event)
        client.add_listener(self._on_disconnect, "on_disconnect")

    def mark_disconnected(self) -> None:
        """Note that there is no connection; if that is known, the earlier time stays."""
        self.disconnected_since = self.disconnected_since or self._now()

    async def _on_connected(self) -> None:
        self.disconnected_since = None

    async def _on_disconnect(self) -> None:
        self.mark_disconnected()
