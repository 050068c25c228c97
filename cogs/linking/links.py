"""The account links that staff see: found by player or member, drawn, and cut."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import discord

from bot.i18n.translations import gettext as _
from bot.i18n.translations import ngettext
from bot.tickets.account_links import AccountLink
from bot.tickets.errors import UnknownLink
from bot.tickets.workspace import Workspace
from cogs.alerts.log_channel import WARNING, alert_embed, notify
from cogs.core.errors import DISCORD_ERRORS
from cogs.core.interactions import BotInteraction
from cogs.core.markdown import escape_markdown, plain_line

log = logging.getLogger(__name__)

CUT_SELECT_ID = "links:cut"
_MAX_SHOWN = 10  # for each, Discord is asked whether its member is still here


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLinks:
    """A page of account links; members who left are listed only in a search."""

    links: tuple[AccountLink, ...]
    departed: frozenset[int]  # Discord ids of people who are not in this server
    hidden: int  # links of such people that are left out
    has_more: bool


def account_label(link: AccountLink) -> str:
    """What people call the game account: its name if there is one, and its game's API."""
    return f"{link.account.name or link.account.player_id} · {link.account.source}"


def log_fields(link: AccountLink, actor_id: int) -> dict[str, object]:
    """What the log says of a link, and of who made or cut it."""
    return {
        "workspace_id": link.workspace_id,
        "source": link.account.source,
        "player_id": link.account.player_id,
        "discord_id": link.discord_id,
        "actor_id": actor_id,
    }


async def find_links(
    interaction: BotInteraction, workspaces: Sequence[Workspace], player: str | None, member_id: int | None
) -> FoundLinks:
    """The newest links of these workspaces; or those of a player by name or id, of a member, or of both."""
    links = await _matching(interaction, workspaces, player, member_id)
    shown = links[:_MAX_SHOWN]
    departed = await _departed(interaction, {link.discord_id for link in shown})
    is_search = player is not None or member_id is not None
    kept = [link for link in shown if is_search or link.discord_id not in departed]
    return FoundLinks(
        links=tuple(kept),
        departed=departed,
        hidden=len(shown) - len(kept),
        has_more=len(links) > _MAX_SHOWN,
    )


async def _matching(
    interaction: BotInteraction, workspaces: Sequence[Workspace], player: str | None, member_id: int | None
) -> list[AccountLink]:
    repository = interaction.client.store.account_links
    ids = {workspace.id for workspace in workspaces}
    if member_id is None:
        limit = _MAX_SHOWN + 1
        lists = [await repository.list_of_workspace(one, limit, player=player) for one in ids]
        return sorted((link for links in lists for link in links), key=lambda link: -link.id)
    of_member = await repository.list_of_member(member_id)
    return [link for link in of_member if link.workspace_id in ids and _is_named(link, player)]


def _is_named(link: AccountLink, player: str | None) -> bool:
    names = ((link.account.name or "").lower(), link.account.player_id)
    return player is None or player.lower() in names


async def _departed(interaction: BotInteraction, discord_ids: set[int]) -> frozenset[int]:
    """Those who are not in the server: they left it or were banned."""

    async def find(discord_id: int) -> int | None:
        guild = interaction.client.get_guild(interaction.guild_id or 0)
        try:
            if guild is not None and guild.get_member(discord_id) is None:
                await guild.fetch_member(discord_id)
        except discord.NotFound:
            return discord_id
        except DISCORD_ERRORS:
            pass  # not known: shown like a member
        return None

    found = await asyncio.gather(*map(find, discord_ids))
    return frozenset(discord_id for discord_id in found if discord_id is not None)


def links_embed(found: FoundLinks) -> discord.Embed:
    """Draw the links, newest first."""
    embed = discord.Embed(title=_("Linked game accounts"), colour=discord.Colour.blurple())
    lines = [_line(link, found.departed) for link in found.links]
    if found.has_more:
        lines.append(_("… and more: name a `player` or a `member` to find theirs"))
    if found.hidden:
        lines.append(
            ngettext(
                "{number} link of somebody who left this server: name the `player` to see and cut it",
                "{number} links of people who left this server: name the `player` to see and cut it",
                found.hidden,
            )
        )
    embed.description = "\n".join(lines) or _("There is no such link.")
    return embed


def _line(link: AccountLink, departed: frozenset[int]) -> str:
    name = escape_markdown(account_label(link), 150)
    player_id = f" · {escape_markdown(link.account.player_id, 80)}" if link.account.name else ""
    who = f"<@{link.discord_id}> ({escape_markdown(link.discord_name, 40)})"
    if link.discord_id in departed:
        who = _("{member}, who left this server", member=who)
    since = _("since {date}", date=f"<t:{link.linked_at.timestamp():.0f}:d>")
    return f"• {name}{player_id} · {who} · {since}"


def cut_select_view(links: Sequence[AccountLink]) -> discord.ui.View:
    """The select under a list: choosing a link cuts it."""
    view = discord.ui.View(timeout=None)
    options = [
        discord.SelectOption(
            label=plain_line(f"{account_label(link)} · {link.discord_name}", 100), value=str(link.id)
        )
        for link in links
    ]
    if options:
        view.add_item(
            discord.ui.Select(custom_id=CUT_SELECT_ID, placeholder=_("Cut a link…"), options=options)
        )
    view.stop()  # the choice is matched by its custom id; the library need not remember this object
    return view


def selected_link_id(interaction: BotInteraction) -> int:
    """The link that was chosen. Raises UnknownLink for what is none."""
    data: Any = interaction.data or {}
    values = data.get("values") or [""]
    if not str(values[0]).isdecimal() or len(values[0]) > 18:
        raise UnknownLink
    return int(values[0])


async def cut_link(interaction: BotInteraction, workspaces: Sequence[Workspace], link_id: int) -> AccountLink:
    """Delete a link of these workspaces, and say who did it in the log and in the log channel.

    Raises UnknownLink.
    """
    store, by_id = interaction.client.store, {workspace.id: workspace for workspace in workspaces}
    link = await store.account_links.remove(link_id, list(by_id))
    log.info("Staff cut the link of a game account", extra=log_fields(link, interaction.user.id))
    workspace = by_id[link.workspace_id]
    await notify(interaction.client, workspace, lambda: _cut_embed(link, interaction.user.mention))
    return link


def _cut_embed(link: AccountLink, staff: str) -> discord.Embed:
    text = _(
        "✂️ {staff} cut the link of the game account {account} with the Discord account {member}: "
        "player {player_id}.",
        staff=staff,
        account=escape_markdown(account_label(link), 150),
        member=f"<@{link.discord_id}>",
        player_id=escape_markdown(link.account.player_id, 80),
    )
    return alert_embed(text, WARNING)
