"""Languages in Discord: what everyone reads is in the server's, and slash commands are in each person's."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import discord
from discord import app_commands

from bot.discord_client.client import TicketBot
from bot.i18n.translations import (
    ENGLISH,
    gettext,
    language_for,
    preload,
    set_language,
    translate_command_name,
    use_language,
)

_NAME_LOCATIONS = (
    app_commands.TranslationContextLocation.command_name,
    app_commands.TranslationContextLocation.group_name,
    app_commands.TranslationContextLocation.parameter_name,
)


def set_guild_language(bot: TicketBot, guild_id: int) -> None:
    """Translate for all members of a server until the current task ends: what is posted in its channels."""
    set_language(_guild_locale(bot, guild_id))


@contextmanager
def guild_language(bot: TicketBot, guild_id: int) -> Iterator[None]:
    """Translate for all members of a server until the block ends: a notice about what one person did."""
    with use_language(_guild_locale(bot, guild_id)):
        yield


def _guild_locale(bot: TicketBot, guild_id: int) -> str:
    guild = bot.get_guild(guild_id)
    return guild.preferred_locale.value if guild else ENGLISH


class CommandTranslator(app_commands.Translator):
    """Gives Discord the names and descriptions of slash commands in the languages that have a catalogue."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        """None: there is no translation, and Discord shows the English one."""
        if language_for(locale.value) == ENGLISH:
            return None
        with use_language(locale.value):
            is_name = context.location in _NAME_LOCATIONS
            return translate_command_name(string.message) if is_name else gettext(string.message)


async def setup(bot: TicketBot) -> None:
    await asyncio.to_thread(preload)  # every catalogue is needed for the slash commands
    await bot.tree.set_translator(CommandTranslator())
