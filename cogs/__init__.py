"""Discord in and out. Each public module is one discord.py extension; none knows SQL, HTTP or a game."""
