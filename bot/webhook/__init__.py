"""HTTP in: routes, keys, limits and refusals for every source. Knows no game, nor who reads tickets."""

from bot.webhook.app import Webhook
from bot.webhook.health import Watch
from bot.webhook.proxies import Proxies
from bot.webhook.repeats import Memory
from bot.webhook.server.server import BoundAddress

__all__ = ["BoundAddress", "Memory", "Proxies", "Watch", "Webhook"]
