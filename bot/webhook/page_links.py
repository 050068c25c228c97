"""The links to a ticket's page with which its reporter reads and answers it: made, and checked."""

import hmac
from base64 import urlsafe_b64encode

from bot.tickets.ticket import Ticket
from storage import Store

_KEY_NAME = "ticket-page"
_TOKEN_BYTES = 18  # 144 bits; 24 characters


class PageLinks:
    """Makes the token of each ticket from one secret key of the database: nothing is stored per ticket."""

    def __init__(self, store: Store, *, public_url: str | None) -> None:
        self._store = store
        self.public_url = public_url
        self._key: bytes | None = None

    async def load_key(self) -> None:
        """Read or create the key; after that, links can be made and checked. Raises StorageError."""
        if self._key is None:
            self._key = await self._store.secret_keys.get_or_create(_KEY_NAME)

    def token(self, ticket: Ticket) -> str:
        """The token of a ticket, always the same one."""
        if self._key is None:
            raise RuntimeError("load_key was not called")
        digest = hmac.digest(self._key, ticket.uid.encode(), "sha256")
        return urlsafe_b64encode(digest[:_TOKEN_BYTES]).decode()

    def is_valid(self, ticket: Ticket, token: str) -> bool:
        """Return whether it is the ticket's token."""
        return hmac.compare_digest(self.token(ticket).encode(), token.encode(errors="replace"))

    def url(self, ticket: Ticket, *, base_url: str, path: str) -> str:
        """The address of a ticket's page, with its token; `base_url` is where players reach the bridge."""
        return f"{base_url}{path.replace('{id}', ticket.public_id)}?token={self.token(ticket)}"
