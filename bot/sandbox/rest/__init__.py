"""Discord's REST API: routes, requests, rate limits and errors."""
