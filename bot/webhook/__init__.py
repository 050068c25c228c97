"""HTTP in: routes, keys, limits and refusals for every source. Knows no game, nor who reads tickets."""

from bot.webhook.app import Webhook
from bot.webhook.client_ip import Proxies
from bot.webhook.health import Watch
from bot.webhook.idempotency import Memory
from bot.webhook.listening import Listening

__all__ = ["Listening", "Memory", "Proxies", "Watch", "Webhook"]
