"""`/block ...`: staff block reporters, whose tickets are then kept without being posted."""

import logging

from discord import app_commands
from discord.ext import commands

from bot.discord_client.client import TicketBot
from bot.i18n.translations import gettext as _
from bot.tickets.blocks import REASON_LIMIT, Block, NewBlock, note_about, parse_duration
from cogs.blocks.embeds import MAX_SHOWN, add_kept_tickets, blocks_embed
from cogs.blocks.players import (
    block_choices,
    duration_choices,
    duration_label,
    find_block,
    find_reporter,
    source_choices,
)
from cogs.core.checks import actor_from, message_origin, staff_workspace_choices, workspaces_as_staff
from cogs.core.interactions import BotInteraction, deferred, errors_to_user, reply_ephemeral
from cogs.tickets.autocomplete import staff_choices

log = logging.getLogger(__name__)

_Text = app_commands.Range[str, 1, 100]
_Reason = app_commands.Range[str, 1, REASON_LIMIT]


@app_commands.guild_only()
class BlockCommands(
    commands.GroupCog, group_name="block", group_description="Staff: players whose tickets are not posted"
):
    """`/block ...`, for the staff of a workspace. Only the user sees the answers."""

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot

    @app_commands.command()
    @app_commands.describe(
        reason="Why; other staff read it",
        duration="Such as 1h, 7d or forever",
        ticket="Whose reporter to block; in its own thread not needed",
        player="Or the player's id in the game",
        source="Where the player has that id",
        workspace="Needed where the server has several",
    )
    @app_commands.autocomplete(
        duration=duration_choices,
        ticket=staff_choices,
        source=source_choices,
        workspace=staff_workspace_choices,
    )
    @deferred
    async def add(
        self,
        interaction: BotInteraction,
        reason: _Reason,
        duration: _Text,
        ticket: str | None = None,
        player: _Text | None = None,
        source: str | None = None,
        workspace: str | None = None,
    ) -> None:
        """Staff: block a player; their tickets are kept, but not posted."""
        async with errors_to_user(interaction, typed=reason):
            lasts, now = parse_duration(duration), self.bot.store.now()
            reporter = await find_reporter(interaction, ticket, player, source, workspace)
            new = NewBlock(
                workspace_id=reporter.workspace_id,
                source=reporter.source,
                player_id=reporter.player_id,
                player_name=reporter.name,
                reason=reason.strip(),
                blocked_by=actor_from(interaction),
                blocked_at=now,
                expires_at=None if lasts is None else now + lasts,
            )
            block = await self.bot.store.blocks.add(new)
            log.info("A player was blocked", extra=_log_fields(block, interaction))
            if reporter.ticket is not None:
                note = note_about(block, duration.strip().lower())
                await self.bot.store.tickets.add_message(
                    reporter.ticket.id,
                    lambda found: found.note(new.blocked_by, note),
                    origin=message_origin(interaction),
                    now=now,
                )
            await reply_ephemeral(interaction, _blocked(block, duration))

    @app_commands.command()
    @app_commands.describe(player="Who is blocked")
    @app_commands.autocomplete(player=block_choices)
    @deferred
    async def remove(self, interaction: BotInteraction, player: _Text) -> None:
        """Staff: end a block. Tickets that were kept meanwhile are not posted."""
        found = await find_block(interaction, player)
        store = self.bot.store
        ended = await store.blocks.remove(
            found.id, [found.workspace_id], actor_from(interaction), store.now()
        )
        log.info("A player is not blocked any more", extra=_log_fields(ended, interaction))
        await reply_ephemeral(
            interaction,
            _(
                "✅ {player} is not blocked any more. Tickets that came meanwhile stay unposted; "
                "`/block list` with this player shows them.",
                player=ended.label,
            ),
        )

    @app_commands.command(name="list")
    @app_commands.describe(player="A player's name or id: all their blocks, and the tickets kept meanwhile")
    @app_commands.autocomplete(player=block_choices)
    @deferred
    async def list_all(self, interaction: BotInteraction, player: _Text | None = None) -> None:
        """Staff: show who is blocked, until when, by whom and why."""
        workspace_ids = [one.id for one in await workspaces_as_staff(interaction)]
        store, now = self.bot.store, self.bot.store.now()
        if player is None:
            blocks = await store.blocks.list_active(workspace_ids, now)
            embed = blocks_embed(blocks, now)
        else:
            name = player.strip()
            if name.startswith("#"):
                name = (await find_block(interaction, name)).player_id
            blocks = await store.blocks.list_of_player(workspace_ids, name)
            embed = blocks_embed(blocks, now)
            add_kept_tickets(
                embed, await store.blocks.list_kept_tickets([one.id for one in blocks], MAX_SHOWN)
            )
        await interaction.followup.send(embed=embed, ephemeral=True)


def _blocked(block: Block, duration: str) -> str:
    sentence = _(
        "✅ {player} is blocked, {duration}. Their tickets are kept, but not posted; `/block list` shows "
        "them, and the game server notices nothing.",
        player=block.label,
        duration=duration_label(duration),
    )
    if block.player_name is None:
        unknown = _("No ticket of theirs with a name is known here: check the id.")
        return f"{sentence} {unknown}"
    return sentence


def _log_fields(block: Block, interaction: BotInteraction) -> dict[str, object]:
    """What the log says of a block, and of who made or ended it."""
    return {
        "workspace_id": block.workspace_id,
        "source": block.source,
        "player_id": block.player_id,
        "actor_id": interaction.user.id,
    }


async def setup(bot: TicketBot) -> None:
    await bot.add_cog(BlockCommands(bot))
