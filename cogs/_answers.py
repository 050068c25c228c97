"""What people are told in Discord: always privately, and a refusal with its reason."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import discord

from bot.client import TicketBot
from bot.tickets import Refusal
from storage import StorageError

log = logging.getLogger(__name__)

Asked = discord.Interaction[TicketBot]


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
