"""Answers to interactions: ephemeral, within Discord's deadline, and errors as the sentence they are."""

import asyncio
import io
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any, ParamSpec

import discord
from discord import app_commands

from bot.discord_client.client import TicketBot
from bot.i18n.translations import gettext as _
from bot.i18n.translations import set_language, translate
from bot.tickets.errors import TicketError
from cogs.core.markdown import MESSAGE_LIMIT, escape_sentence
from storage import StorageError

log = logging.getLogger(__name__)

BotInteraction = discord.Interaction[TicketBot]
Choices = list[app_commands.Choice[str]]
ChoicesCallback = Callable[[BotInteraction, str], Coroutine[Any, Any, Choices]]
P = ParamSpec("P")

_MAX_CODE = 1700  # characters of a refused text in a message; the reason has its place before it
_RESPONSE_DEADLINE_SECONDS = 0.7  # of the three that Discord waits for the first answer


class DatabaseBusy(TicketError):
    """I am busy at the moment, so nothing was done. Try again in a few seconds."""


@asynccontextmanager
async def within_deadline() -> AsyncIterator[None]:
    """Limit what happens before a modal or choices are sent: those cannot be deferred.

    Raises DatabaseBusy if the database takes too long.
    """
    try:
        async with asyncio.timeout(_RESPONSE_DEADLINE_SECONDS):
            yield
    except TimeoutError as error:
        raise DatabaseBusy from error


def deferred(callback: Callable[P, Awaitable[None]]) -> Callable[P, Coroutine[Any, Any, None]]:
    """Decorate a function that takes an interaction: defer its answer, ephemerally, before it runs.

    Discord waits three seconds for the first answer, and a locked database may take longer.
    """

    @wraps(callback)
    async def defer_and_run(*args: P.args, **options: P.kwargs) -> None:
        (interaction,) = (one for one in args if isinstance(one, discord.Interaction))
        await interaction.response.defer(ephemeral=True, thinking=True)
        await callback(*args, **options)

    return defer_and_run


def choices_or_none(load: ChoicesCallback) -> ChoicesCallback:
    """Decorate an autocomplete callback: it offers nothing on an error or if the database takes too long."""

    @wraps(load)
    async def load_choices(interaction: BotInteraction, current: str) -> Choices:
        try:
            async with within_deadline():
                return await load(interaction, current)
        except (TicketError, StorageError):
            return []

    return load_choices


async def reply_ephemeral(interaction: BotInteraction, sentence: str, **parts: Any) -> None:
    """Send a sentence, with an embed or a view, to the user alone; names in it are escaped."""
    await _send(interaction, escape_sentence(sentence), **parts)


async def _send(interaction: BotInteraction, text: str, **parts: Any) -> None:
    if interaction.response.is_done():
        await interaction.followup.send(text, ephemeral=True, **parts)
    else:
        await interaction.response.send_message(text, ephemeral=True, **parts)


@asynccontextmanager
async def errors_to_user(interaction: BotInteraction, *, typed: str = "") -> AsyncIterator[None]:
    """Tell the user of a TicketError or StorageError, and give back what they typed."""
    set_language(interaction.locale.value)
    try:
        yield
    except TicketError as error:
        await _refuse(interaction, f"⛔ {translate(error.sentence)}", typed)
    except StorageError as error:
        log.error("Interaction failed: %s", error, extra={"interaction_id": interaction.id})
        await _refuse(
            interaction,
            _("⚠️ The database did not answer, so this may not be saved. Check, and try again in a minute."),
            typed,
        )


async def _refuse(interaction: BotInteraction, sentence: str, typed: str) -> None:
    """Say why something was not done, and give back the text: as code or, if that cannot hold it, a file."""
    code = f"\n{_('What you typed:')}\n```\n{typed}\n```"
    if not typed.strip():
        await reply_ephemeral(interaction, sentence)
    elif "```" not in typed and len(code) <= _MAX_CODE:
        await _send(interaction, escape_sentence(sentence, MESSAGE_LIMIT - _MAX_CODE) + code)
    else:
        file = discord.File(io.BytesIO(typed.encode("utf-8", "replace")), filename="what-you-typed.txt")
        await reply_ephemeral(interaction, f"{sentence} {_('The file has what you typed.')}", file=file)


async def on_command_error(interaction: BotInteraction, error: app_commands.AppCommandError) -> None:
    """Handle the error of any slash command; what is no TicketError or StorageError is a bug, and logged."""
    cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
    try:
        async with errors_to_user(interaction):
            raise cause
    except Exception as bug:  # discord.py expects an error handler not to raise
        log.error("Slash command failed", exc_info=bug, extra={"interaction_id": interaction.id})


async def setup(bot: TicketBot) -> None:
    bot.tree.error(on_command_error)
