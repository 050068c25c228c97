"""HTTP in: routes, authentication, rate limits and errors for every source."""

from bot.webhook.app import WebhookServer
from bot.webhook.client_ip import TrustedProxies
from bot.webhook.health import Observability
from bot.webhook.idempotency import IdempotencyPolicy
from bot.webhook.server.server import BoundAddress

__all__ = ["BoundAddress", "IdempotencyPolicy", "Observability", "TrustedProxies", "WebhookServer"]
