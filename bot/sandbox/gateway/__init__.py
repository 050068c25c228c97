"""Discord's gateway: WebSocket sessions and the events they receive."""
