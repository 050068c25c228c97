"""The HTTP server under the webhook: what bounds each connection, and all that touches the inside of aiohttp."""
