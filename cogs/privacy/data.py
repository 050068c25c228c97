"""`/privacy export` and `/privacy erase`: what is stored about a member and their linked game accounts."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass

import discord

from bot.i18n.translations import gettext as _
from bot.i18n.translations import ngettext
from bot.tickets.erasure import Requester
from bot.tickets.errors import TicketError
from bot.tickets.queries import ReporterIdentity
from bot.tickets.workspace import Workspace
from cogs.core.checks import guild_workspaces, own_identities
from cogs.core.interactions import BotInteraction, deferred, errors_to_user, reply_ephemeral
from cogs.tickets.buttons import component_custom_id

ERASE_BUTTON_ID = "privacy:erase"
_MAX_FILE_BYTES = 8 * 1024 * 1024  # of the 10 MiB that Discord takes


class NothingStored(TicketError):
    """There is nothing about you here: no ticket of yours, and no linked game account."""


class ExportTooLarge(TicketError):
    """That is too much for a file in Discord. Ask the server's operators for it: they can export it whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnData:
    """What is stored about one identity of a member, as JSON values."""

    identity: ReporterIdentity
    tickets: Sequence[dict[str, object]]
    links: Sequence[dict[str, object]]

    @property
    def is_empty(self) -> bool:
        return not self.tickets and not self.links


async def send_export(interaction: BotInteraction) -> None:
    """Send the user a JSON file. Raises NothingStored, ExportTooLarge."""
    found = await _load_own(interaction)
    names = {one.id: one.name for one in await _workspaces(interaction)}
    content = [
        {
            "workspace": names[one.identity.workspace_id],
            "source": one.identity.source,
            "player": one.identity.player_id,
            "tickets": one.tickets,
            "links": one.links,
        }
        for one in found
    ]
    data = json.dumps(content, indent=2, ensure_ascii=False).encode("utf-8", "replace")
    if len(data) > _MAX_FILE_BYTES:
        raise ExportTooLarge
    file = discord.File(io.BytesIO(data), filename="my-tickets.json")
    await reply_ephemeral(
        interaction,
        _("The file has your tickets, what was said on them, and your linked game accounts."),
        file=file,
    )


async def ask_to_erase(interaction: BotInteraction) -> None:
    """Say what would be erased and what would not, with a button that does it. Raises NothingStored."""
    found = await _load_own(interaction)
    tickets = sum(len(one.tickets) for one in found)
    view = discord.ui.View(timeout=None)
    view.add_item(
        discord.ui.Button(
            label=_("Erase it for good"), style=discord.ButtonStyle.danger, custom_id=ERASE_BUTTON_ID
        )
    )
    view.stop()  # presses are matched by custom id; discord.py need not remember this object
    await interaction.followup.send(embed=_question_embed(tickets), view=view, ephemeral=True)


def _question_embed(tickets: int) -> discord.Embed:
    embed = discord.Embed(title=_("Erase what is stored about you?"), colour=discord.Colour.red())
    embed.description = _(
        "Your tickets stay as empty numbers, so that they are counted. What you wrote goes, what staff "
        "answered, your name and your ids, and the links to your game accounts. Nobody can answer you on "
        "them any more. This cannot be undone."
    )
    embed.add_field(
        name=_("It reaches"), value=ngettext("{number} ticket", "{number} tickets", tickets), inline=False
    )
    embed.add_field(
        name=_("It does not reach"),
        value=_(
            "Messages that you typed in Discord yourself; direct messages that you got; what others wrote "
            "about you, and reports about you; backups that were made before. Ask the server's operators "
            "about those."
        ),
        inline=False,
    )
    return embed


async def handle_erase_button(interaction: BotInteraction) -> None:
    """Erase the user who pressed the button. A forged press erases nobody else."""
    if component_custom_id(interaction) == ERASE_BUTTON_ID:
        async with errors_to_user(interaction):
            await _erase(interaction)


@deferred
async def _erase(interaction: BotInteraction) -> None:
    store = interaction.client.store
    for one in await _load_own(interaction):
        await store.erasures.request(
            one.identity.source,
            one.identity.player_id,
            workspace_id=one.identity.workspace_id,
            requested_by=Requester.PLAYER,
            now=store.now(),
        )
    await reply_ephemeral(
        interaction, _("🧹 It is being erased. Posts in Discord follow within minutes, or hours for many.")
    )


async def _load_own(interaction: BotInteraction) -> list[OwnData]:
    """What is stored about each identity of the user. Raises NothingStored, ExportTooLarge."""
    identities = await own_identities(interaction, await _workspaces(interaction))
    found = [await _load(interaction, identity) for identity in identities]
    stored = [one for one in found if not one.is_empty]
    if not stored:
        raise NothingStored
    return stored


async def _load(interaction: BotInteraction, identity: ReporterIdentity) -> OwnData:
    tickets: list[dict[str, object]] = []
    links: list[dict[str, object]] = []
    after: int | None = 0
    while after is not None:
        part = await interaction.client.store.erasures.export(
            identity.source, identity.player_id, workspace_id=identity.workspace_id, after=after
        )
        tickets += part.tickets
        links += part.links
        after = part.next_after
    return OwnData(identity=identity, tickets=tickets, links=links)


async def _workspaces(interaction: BotInteraction) -> list[Workspace]:
    """Those of the server; in a direct message, all."""
    if interaction.guild_id is None:
        return await interaction.client.store.workspaces.list_all()
    return await guild_workspaces(interaction)
