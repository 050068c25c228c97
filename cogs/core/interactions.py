"""What people are told in Discord: always privately, and a refusal with its reason."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import discord

from bot.discord_client.client import TicketBot
from bot.tickets.errors import TicketError
from storage import StorageError

log = logging.getLogger(__name__)

BotInteraction = discord.Interaction[TicketBot]

_RESPONSE_DEADLINE_SECONDS = 0.7  # of the three that Discord waits for the first answer


class DatabaseBusy(TicketError):
    """I am busy at the moment, so nothing was done. Try again in a few seconds."""


@asynccontextmanager
async def within_deadline() -> AsyncIterator[None]:
    """What must be known before Discord can be answered at all: a form and choices cannot be put off.

    Raises Busy while the database takes too long.
    """
    try:
        async with asyncio.timeout(_RESPONSE_DEADLINE_SECONDS):
            yield
    except TimeoutError as error:
        raise DatabaseBusy from error


async def reply_ephemeral(interaction: BotInteraction, text: str) -> None:
    """Tell only the one who asked."""
    if interaction.response.is_done():
        await interaction.followup.send(text, ephemeral=True)
    else:
        await interaction.response.send_message(text, ephemeral=True)


@asynccontextmanager
async def errors_to_user(interaction: BotInteraction) -> AsyncIterator[None]:
    """Whatever is refused inside is told as the sentence it is."""
    try:
        yield
    except TicketError as refusal:
        await reply_ephemeral(interaction, f"⛔ {refusal}")
    except StorageError as error:
        log.error("Interaction %d: %s", interaction.id, error)
        await reply_ephemeral(
            interaction, "⚠️ The database is away, so nothing was kept. Try again in a minute."
        )
