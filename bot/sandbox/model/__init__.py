"""What exists in the stand-in for Discord: guilds, channels, messages, permissions, and its state."""
