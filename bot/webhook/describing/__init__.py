"""What the webhook says of itself: an OpenAPI document, and a page that shows it."""

from bot.webhook.describing.document import describe
from bot.webhook.describing.pages import own_routes

__all__ = ["describe", "own_routes"]
