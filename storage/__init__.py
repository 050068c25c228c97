"""SQL, and only here. Knows tickets; has never heard of HTTP, Discord or any game."""
