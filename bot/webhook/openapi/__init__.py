"""What the webhook says of itself: an OpenAPI document, and a page that shows it."""

from bot.webhook.openapi.docs_page import own_routes
from bot.webhook.openapi.document import describe

__all__ = ["describe", "own_routes"]
