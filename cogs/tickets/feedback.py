"""Rating an own ticket that has ended: `/ticket feedback`, and the button and modal of `/ticket view`.

The button and the modal are known by their custom ids, so they work after a restart. The ids can be forged:
whether it is the user's own ticket is checked each time.
"""

import re

import discord
from discord import app_commands

from bot.i18n.translations import gettext as _
from bot.i18n.translations import translate
from bot.tickets.actions import RATE
from bot.tickets.errors import InvalidRating
from bot.tickets.feedback import COMMENT_LIMIT, MAX_RATING, Feedback, stars
from bot.tickets.ticket import Ticket
from cogs.core.checks import get_access, guild_workspaces, own_identities
from cogs.core.interactions import (
    BotInteraction,
    Choices,
    choices_or_none,
    deferred,
    errors_to_user,
    reply_ephemeral,
    within_deadline,
)
from cogs.core.markdown import escape_markdown
from cogs.tickets.buttons import component_custom_id
from cogs.tickets.modals import modal_custom_id, modal_values
from cogs.tickets.own_embeds import select_label

_ID_PATTERN = re.compile(r"feedback:(?P<id>[0-9]{1,18})")  # of the button and of the modal
RATING_CHOICES = [
    app_commands.Choice(name=f"{rating} {stars(rating)}", value=rating) for rating in range(MAX_RATING, 0, -1)
]


@choices_or_none
async def ended_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer the user their own tickets that can be rated, those without feedback first."""
    identities = await own_identities(interaction, await guild_workspaces(interaction))
    found = await interaction.client.store.own_tickets.autocomplete_ended(identities, current)
    return [app_commands.Choice(name=select_label(one), value=one.public_id) for one in found]


@deferred
async def save_feedback(
    interaction: BotInteraction, ticket: int | str | None, rating: int, comment: str
) -> None:
    """Save the user's feedback on their own ticket, and confirm it; give a refused comment back."""
    store = interaction.client.store
    async with errors_to_user(interaction, typed=comment):
        access = await get_access(interaction, ticket, RATE.allowed)
        await store.feedback.save(
            access.ticket.id,
            lambda current: RATE.compose(current, access.actor, rating, comment),
            store.now(),
        )
        await reply_ephemeral(interaction, f"✅ {translate(RATE.confirmation(access.ticket))}")


async def handle_feedback_component(interaction: BotInteraction) -> None:
    """Open the modal when the button is pressed, and save what is submitted. Ignores anything else."""
    pressed = _ID_PATTERN.fullmatch(component_custom_id(interaction) or "")
    submitted = _ID_PATTERN.fullmatch(modal_custom_id(interaction) or "")
    if pressed:
        async with errors_to_user(interaction):
            await _open_modal(interaction, int(pressed["id"]))
    elif submitted:
        values = modal_values(interaction)
        comment = values.get("comment", "")
        async with errors_to_user(interaction, typed=comment):
            await save_feedback(interaction, int(submitted["id"]), _rating(values), comment)


def _rating(values: dict[str, str]) -> int:
    """The rating that was chosen. Raises InvalidRating for a forged one."""
    chosen = values.get("rating", "")
    if not re.fullmatch("[0-9]", chosen):
        raise InvalidRating
    return int(chosen)


async def _open_modal(interaction: BotInteraction, ticket_id: int) -> None:
    async with within_deadline():
        access = await get_access(interaction, ticket_id, RATE.allowed)
        before = await interaction.client.store.feedback.find(access.ticket.id)
    RATE.compose(access.ticket, access.actor, MAX_RATING, "")  # refused before anything is typed
    await interaction.response.send_modal(feedback_modal(access.ticket, before))


def feedback_modal(ticket: Ticket, before: Feedback | None) -> discord.ui.Modal:
    """Build the modal, filled in with the feedback that there is."""
    modal = discord.ui.Modal(
        title=_("Rate {id}", id=ticket.public_id)[:45], custom_id=f"feedback:{ticket.id}"
    )
    rating: discord.ui.Select[discord.ui.Modal] = discord.ui.Select(
        custom_id="rating",
        options=[
            discord.SelectOption(
                label=choice.name,
                value=str(choice.value),
                default=before is not None and before.rating == choice.value,
            )
            for choice in RATING_CHOICES
        ],
    )
    comment: discord.ui.TextInput[discord.ui.Modal] = discord.ui.TextInput(
        custom_id="comment",
        style=discord.TextStyle.paragraph,
        max_length=COMMENT_LIMIT,
        required=False,
        default=before.comment if before else None,
        placeholder=_("What was good, and what was not? Staff will read this."),
    )
    modal.add_item(discord.ui.Label(text=_("How well were you helped?"), component=rating))
    modal.add_item(discord.ui.Label(text=_("Comment"), component=comment))
    return modal


def feedback_button(ticket: Ticket, before: Feedback | None) -> discord.ui.Button[discord.ui.View]:
    """The button that opens the modal."""
    label = _("Rate") if before is None else _("Change your rating")
    return discord.ui.Button(
        label=label, style=discord.ButtonStyle.primary, custom_id=f"feedback:{ticket.id}"
    )


def add_own_feedback(embed: discord.Embed, feedback: Feedback | None) -> discord.Embed:
    """Show reporters how they rated their ticket."""
    if feedback is not None:
        comment = f"\n{escape_markdown(feedback.comment, 900)}" if feedback.comment else ""
        embed.add_field(name=_("Your rating"), value=stars(feedback.rating) + comment, inline=False)
    return embed
