"""What is done to outgoing webhooks, once: the operator's commands and `/setup` use it."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network

from bot.tickets.errors import UnknownSource
from bot.tickets.push_endpoints import (
    EndpointState,
    PushEndpoint,
    check_webhook_name,
    check_webhook_url,
    generate_webhook_secret,
)
from bot.tickets.sentence import Sentence
from storage import Store


class EndpointService:
    """Every method with an id raises UnknownEndpoint. A secret is returned once, when it is made."""

    def __init__(
        self,
        store: Store,
        sources: Collection[str],
        *,
        allowed_networks: Sequence[IPv4Network | IPv6Network] = (),
    ) -> None:
        self._store = store
        self._allowed_networks = allowed_networks
        self.sources = tuple(sorted(sources))  # those whose events can be pushed

    async def add(self, workspace: str, source: str, *, url: str, name: str) -> tuple[PushEndpoint, str]:
        """Push the events of a workspace, by its name, to a URL from now on; returns the secret too.

        Raises UnknownSource, InvalidWebhookName, InvalidWebhookUrl, UnknownWorkspace.
        """
        if source not in self.sources:
            raise UnknownSource(
                Sentence(
                    "There is no source {source}. Choose one of: {sources}.",
                    source=source,
                    sources=", ".join(self.sources),
                )
            )
        check_webhook_name(name)
        check_webhook_url(url)
        secret = generate_webhook_secret()
        endpoint = await self._store.pushes.add_endpoint(
            workspace, source, name=name, url=url, secret=secret, now=self._store.now()
        )
        return endpoint, secret

    async def remove(self, endpoint_id: int) -> None:
        """What waits for it is never pushed."""
        await self._store.pushes.remove_endpoint(endpoint_id)

    async def rotate(self, endpoint_id: int, overlap: timedelta) -> tuple[str, datetime]:
        """Make a new secret, and return it with the time until which the previous one signs too."""
        secret, until = generate_webhook_secret(), self._store.now() + overlap
        await self._store.pushes.rotate_secret(endpoint_id, secret, until)
        return secret, until

    async def pause(self, endpoint_id: int) -> None:
        """Its events wait until it is enabled."""
        await self._store.pushes.stop(endpoint_id, EndpointState.PAUSED, None)

    async def enable(self, endpoint_id: int) -> None:
        """Push now what waits or was given up."""
        await self._store.pushes.enable(endpoint_id, self._store.now())

    async def forget_waiting(self, endpoint_id: int) -> None:
        """Never push what waits or was given up until now."""
        await self._store.pushes.forget_waiting(endpoint_id)

    async def test(self, endpoint_id: int) -> dict[str, object]:
        """Push a test event, to one that is not active too; returns what `send_test_event` does."""
        # Here: it loads aiohttp, which no other command of the operator needs.
        from bot.outbox.push import send_test_event

        now = self._store.now()
        endpoint, secrets = await self._store.pushes.get_with_secrets(endpoint_id, now)
        return await send_test_event(self._allowed_networks, endpoint, secrets, now)
