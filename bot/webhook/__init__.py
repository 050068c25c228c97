"""HTTP in: routes, keys, limits and refusals for every source. Knows no game, nor who reads tickets."""

from bot.webhook.app import WebhookServer
from bot.webhook.client_ip import TrustedProxies
from bot.webhook.health import Observability
from bot.webhook.idempotency import IdempotencyPolicy
from bot.webhook.server.server import BoundAddress

__all__ = ["BoundAddress", "IdempotencyPolicy", "Observability", "TrustedProxies", "WebhookServer"]
