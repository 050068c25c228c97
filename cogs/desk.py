"""The staff's desk: the buttons under every post, and the reply form behind one of them."""

from discord.ext import commands

from bot.client import TicketBot
from bot.tickets import Refusal
from cogs._answers import Asked, refusals_said
from cogs._buttons import PATTERN, TicketButton, component_id, unshown_press
from cogs._modals import OPEN, REPLY, form_id, submitted
from cogs._replies import keep_reply
from cogs._staff import staff_ticket


class UnknownControl(Refusal):
    """That button or form is not one of mine; nothing was done."""


class Desk(commands.Cog):
    """Press -> rule -> store -> "done", privately.

    Claim, Unclaim, Close, Resolve, Reopen change the ticket at once. Reply opens a form; what comes back is
    kept before it is confirmed. Everything is known by its custom id, so a restart in between loses nothing.
    """

    def __init__(self, bot: TicketBot) -> None:
        self.bot = bot

    async def cog_load(self) -> None:
        self.bot.add_dynamic_items(TicketButton)

    async def cog_unload(self) -> None:
        self.bot.remove_dynamic_items(TicketButton)

    @commands.Cog.listener()
    async def on_interaction(self, interaction: Asked) -> None:
        """A reply form came back, perhaps one opened before a restart; or a press was forged."""
        press = unshown_press(interaction)
        if press:
            await press.callback(interaction)
        form = REPLY.fullmatch(form_id(interaction) or "")
        async with refusals_said(interaction):
            if form:
                await self._keep_reply(interaction, int(form["id"]))
            elif _is_misshapen(interaction):
                raise UnknownControl

    async def _keep_reply(self, asked: Asked, ticket_id: int) -> None:
        await asked.response.defer(ephemeral=True, thinking=True)
        await staff_ticket(self.bot.store, asked, ticket_id)
        await keep_reply(asked, ticket_id, submitted(asked).get("text", ""))


def _is_misshapen(asked: Asked) -> bool:
    """Whether the id looks like one of ours and is none: somebody made it up."""
    used = component_id(asked) or form_id(asked) or ""
    known = PATTERN.fullmatch(used) or REPLY.fullmatch(used) or used == OPEN
    return used.startswith("ticket:") and not known


async def setup(bot: TicketBot) -> None:
    await bot.add_cog(Desk(bot))
