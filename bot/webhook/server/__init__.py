"""The HTTP server under the webhook: limits on each connection, and aiohttp's private names in one file."""
