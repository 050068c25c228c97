"""What people are told in Discord: always privately, and a refusal with its reason."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import discord

from bot.discord_client.client import TicketBot
from bot.tickets import Refusal
from storage import StorageError

log = logging.getLogger(__name__)

Asked = discord.Interaction[TicketBot]

_PROMPT_SECONDS = 0.7  # of the three that Discord waits for the first answer


class Busy(Refusal):
    """I am busy at the moment, so nothing was done. Try again in a few seconds."""


@asynccontextmanager
async def promptly() -> AsyncIterator[None]:
    """What must be known before Discord can be answered at all: a form and choices cannot be put off.

    Raises Busy while the database takes too long.
    """
    try:
        async with asyncio.timeout(_PROMPT_SECONDS):
            yield
    except TimeoutError as error:
        raise Busy from error


async def say(asked: Asked, text: str) -> None:
    """Tell only the one who asked."""
    if asked.response.is_done():
        await asked.followup.send(text, ephemeral=True)
    else:
        await asked.response.send_message(text, ephemeral=True)


@asynccontextmanager
async def refusals_said(asked: Asked) -> AsyncIterator[None]:
    """Whatever is refused inside is told as the sentence it is."""
    try:
        yield
    except Refusal as refusal:
        await say(asked, f"⛔ {refusal}")
    except StorageError as error:
        log.error("Interaction %d: %s", asked.id, error)
        await say(asked, "⚠️ The database is away, so nothing was kept. Try again in a minute.")
