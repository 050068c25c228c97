"""`/link` and `/unlink` for everyone, `/links` for staff."""

import logging

import discord
from discord import app_commands
from discord.ext import commands

from bot.discord_client.client import TicketBot
from bot.i18n.translations import gettext as _
from bot.tickets.account_links import AccountLink, DiscordMember
from bot.tickets.errors import TicketError
from cogs.core.checks import guild_workspaces, workspaces_as_staff
from cogs.core.interactions import (
    BotInteraction,
    Choices,
    choices_or_none,
    deferred,
    errors_to_user,
    reply_ephemeral,
)
from cogs.core.markdown import plain_line
from cogs.linking.links import (
    CUT_SELECT_ID,
    account_label,
    cut_link,
    cut_select_view,
    find_links,
    links_embed,
    log_fields,
    selected_link_id,
)
from cogs.tickets.buttons import component_custom_id

log = logging.getLogger(__name__)

_Text = app_commands.Range[str, 1, 100]


class NoLinkedAccount(TicketError):
    """You have no linked game account here. `/link` gives you a code to link one."""


class UnknownAccount(TicketError):
    """That is not one of your linked accounts. Choose one that `/unlink` offers."""


@choices_or_none
async def own_account_choices(interaction: BotInteraction, current: str) -> Choices:
    """Offer a member their own linked accounts."""
    links = await _own_links(interaction)
    choices = [
        app_commands.Choice(name=plain_line(account_label(link), 100), value=str(link.id)) for link in links
    ]
    return [choice for choice in choices if current.lower() in choice.name.lower()][:25]


class LinkingCog(commands.Cog):
    """Account links. Only the user sees the answers."""

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot

    @app_commands.command()
    @app_commands.guild_only()
    @app_commands.describe(code="A code that you got in the game; without it, you get one to type there")
    @deferred
    async def link(self, interaction: BotInteraction, code: _Text | None = None) -> None:
        """Link your game account to your Discord account, with a code."""
        await guild_workspaces(interaction)
        member = _member(interaction)
        if code is None:
            made = await self.bot.store.account_links.create_code_for_member(member, self.bot.store.now())
            await interaction.followup.send(_new_code_text(made.text), ephemeral=True)
            return
        link = await self.bot.store.account_links.redeem_as_member(code, member, self.bot.store.now())
        log.info("A game account was linked", extra=log_fields(link, member.discord_id))
        await reply_ephemeral(
            interaction,
            _(
                "✅ Your game account {account} is linked. `/unlink` cuts the link.",
                account=account_label(link),
            ),
        )

    @app_commands.command()
    @app_commands.guild_only()
    @app_commands.describe(account="One of your linked game accounts")
    @app_commands.autocomplete(account=own_account_choices)
    @deferred
    async def unlink(self, interaction: BotInteraction, account: _Text) -> None:
        """Cut the link of one of your game accounts."""
        links = await _own_links(interaction)
        if not links:
            raise NoLinkedAccount
        link = _named_link(links, account)
        await self.bot.store.account_links.remove(link.id, [link.workspace_id])
        log.info("A game account was unlinked", extra=log_fields(link, interaction.user.id))
        await reply_ephemeral(
            interaction,
            _("✅ Your game account {account} is not linked any more.", account=account_label(link)),
        )

    @app_commands.command()
    @app_commands.guild_only()
    @app_commands.describe(player="A player's name or id in the game", member="A member of this server")
    @deferred
    async def links(
        self, interaction: BotInteraction, player: _Text | None = None, member: discord.User | None = None
    ) -> None:
        """Staff: show which game accounts are linked to which members, and cut a link."""
        workspaces = await workspaces_as_staff(interaction)
        found = await find_links(interaction, workspaces, player, member.id if member else None)
        await interaction.followup.send(
            embed=links_embed(found), view=cut_select_view(found.links), ephemeral=True
        )

    @commands.Cog.listener()
    async def on_interaction(self, interaction: BotInteraction) -> None:
        """Cut the link that staff chose under a list, also one sent before a restart."""
        if component_custom_id(interaction) == CUT_SELECT_ID:
            async with errors_to_user(interaction):
                await _cut_selected(interaction)


@deferred
async def _cut_selected(interaction: BotInteraction) -> None:
    workspaces = await workspaces_as_staff(interaction)
    link = await cut_link(interaction, workspaces, selected_link_id(interaction))
    await reply_ephemeral(
        interaction,
        _(
            "✅ The link of {account} with {member} is cut.",
            account=account_label(link),
            member=link.discord_name,
        ),
    )


def _new_code_text(code: str) -> str:
    return _(
        "Your code is **{code}**. Type it in the game within 10 minutes, where the game asks for it: in many "
        "games `/link {code}` in the chat. It works once. Do not give it to anyone: whoever types it links "
        "their own game account to your Discord account.",
        code=code,
    )


def _member(interaction: BotInteraction) -> DiscordMember:
    user = interaction.user
    return DiscordMember(guild_id=interaction.guild_id or 0, discord_id=user.id, name=user.name)


async def _own_links(interaction: BotInteraction) -> list[AccountLink]:
    """The user's links in the workspaces of this server."""
    workspace_ids = {workspace.id for workspace in await guild_workspaces(interaction)}
    links = await interaction.client.store.account_links.list_of_member(interaction.user.id)
    return [link for link in links if link.workspace_id in workspace_ids]


def _named_link(links: list[AccountLink], typed: str) -> AccountLink:
    """The link with that id, or the only one with that player's name or id. Raises UnknownAccount."""
    name = typed.strip().lower()
    by_id = [link for link in links if str(link.id) == name]
    named = [link for link in links if name in ((link.account.name or "").lower(), link.account.player_id)]
    found = by_id or named
    if len(found) != 1:
        raise UnknownAccount
    return found[0]


async def setup(bot: TicketBot) -> None:
    await bot.add_cog(LinkingCog(bot))
