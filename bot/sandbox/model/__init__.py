"""Data model of the fake Discord: guilds, channels, messages, permissions and server state."""
