"""Groups of exceptions to catch: what a call to Discord may raise, and what a later try may cure."""

import discord

from bot.discord_client.client import NETWORK_ERRORS
from storage import StorageError

# Discord rejected the request, or could not be reached.
DISCORD_ERRORS: tuple[type[Exception], ...] = (discord.DiscordException, *NETWORK_ERRORS)

# The same, or the database was away.
TRANSIENT_ERRORS: tuple[type[Exception], ...] = (StorageError, *DISCORD_ERRORS)
