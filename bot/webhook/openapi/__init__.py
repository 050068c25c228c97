"""What the webhook says of itself: an OpenAPI document, and a page that shows it."""

from bot.webhook.openapi.docs_page import docs_routes
from bot.webhook.openapi.document import build_document

__all__ = ["build_document", "docs_routes"]
