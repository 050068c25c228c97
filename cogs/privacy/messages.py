"""`/privacy messages`: direct messages on or off, quiet hours, and the buttons that do the same."""

from dataclasses import replace

import discord
from discord import app_commands

from bot.i18n.translations import gettext as _
from bot.tickets.direct_messages import (
    MemberPreferences,
    Reachability,
    format_time_of_day,
    time_zones,
)
from cogs.core.interactions import BotInteraction, Choices, choices_or_none, deferred, errors_to_user
from cogs.posts.direct_messages import SETTINGS_BUTTON_ID
from cogs.tickets.buttons import component_custom_id
from cogs.tickets.components import UnknownComponent

_PREFIX = "messages:"
_BUTTONS = {SETTINGS_BUTTON_ID: None, "messages:on": "on", "messages:off": "off"}
_MAX_CHOICES = 25  # Discord's limit


@choices_or_none
async def time_zone_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer the time zones whose name contains what is typed."""
    typed = current.strip().lower().replace(" ", "_")
    found = [name for lower, name in time_zones().items() if typed in lower]
    return [app_commands.Choice(name=name, value=name) for name in found[:_MAX_CHOICES]]


async def change_messages(
    interaction: BotInteraction,
    *,
    send: str | None = None,
    quiet_from: str | None = None,
    quiet_to: str | None = None,
    time_zone: str | None = None,
) -> None:
    """Save what is not None, and show what is so then. Raises TicketError for what cannot be so."""
    store = interaction.client.store
    before = await store.members.get_preferences(interaction.user.id)
    changed = before if send is None else replace(before, direct_messages=send == "on")
    if time_zone is not None:
        changed = changed.with_time_zone(time_zone)
    if quiet_from is not None or quiet_to is not None:
        changed = changed.with_quiet_hours(quiet_from, quiet_to)
    if changed != before:
        await store.members.save_choices(changed, store.now())
    is_offered = interaction.client.direct_messages
    await interaction.followup.send(
        embed=preferences_embed(changed, is_offered=is_offered), view=_toggle_view(changed), ephemeral=True
    )


async def handle_messages_button(interaction: BotInteraction) -> None:
    """Show what the user chose, or change it. Ignores other components; a forged press changes only that."""
    used = component_custom_id(interaction) or ""
    if used.startswith(_PREFIX):
        async with errors_to_user(interaction):
            if used not in _BUTTONS:
                raise UnknownComponent
            await _press(interaction, _BUTTONS[used])


@deferred
async def _press(interaction: BotInteraction, send: str | None) -> None:
    await change_messages(interaction, send=send)


def preferences_embed(chosen: MemberPreferences, *, is_offered: bool) -> discord.Embed:
    """Draw what a member chose. Without `is_offered`, nobody gets direct messages from this bot."""
    embed = discord.Embed(title=_("Direct messages about your tickets"), colour=discord.Colour.blurple())
    lines = [_messages_line(chosen, is_offered=is_offered)]
    if chosen.reachable is not Reachability.YES and chosen.direct_messages and is_offered:
        lines.append(unreachable_line())
    lines.append(_quiet_line(chosen))
    embed.description = "\n".join(lines)
    return embed


def _messages_line(chosen: MemberPreferences, *, is_offered: bool) -> str:
    if not is_offered:
        return _("This bot sends no direct messages. `/tickets` in the server shows your tickets.")
    if chosen.direct_messages:
        return _("🔔 On: you are told when staff reply on a ticket from a game, and when it is closed.")
    return _("🔕 Off. `/tickets` in the server shows replies on your tickets.")


def _quiet_line(chosen: MemberPreferences) -> str:
    if chosen.quiet_from is None or chosen.quiet_to is None:
        return _("No quiet hours. `/privacy messages` with `quiet_from` and `quiet_to` sets them.")
    return _(
        "🌙 Quiet hours from {begin} to {end} ({time_zone}): what comes then is sent when they end.",
        begin=format_time_of_day(chosen.quiet_from),
        end=format_time_of_day(chosen.quiet_to),
        time_zone=chosen.time_zone.replace("_", " "),
    )


def unreachable_line() -> str:
    """That direct messages do not arrive, and what the member can do."""
    return _(
        "⚠️ Discord did not let me send you direct messages. To get them, allow direct messages in the "
        "server's privacy settings."
    )


def _toggle_view(chosen: MemberPreferences) -> discord.ui.View:
    view = discord.ui.View(timeout=None)
    label, custom_id = (
        (_("Turn off"), "messages:off") if chosen.direct_messages else (_("Turn on"), "messages:on")
    )
    view.add_item(discord.ui.Button(label=label, custom_id=custom_id))
    view.stop()  # presses are matched by custom id; discord.py need not remember this object
    return view
