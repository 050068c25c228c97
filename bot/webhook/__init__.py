"""HTTP in: routes, keys, limits and refusals for every source. Knows no game, nor who reads tickets."""

from bot.webhook.app import Webhook
from bot.webhook.listening import Listening

__all__ = ["Listening", "Webhook"]
