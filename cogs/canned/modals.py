"""The form of a canned reply, and the list of them.

The form is known by its custom id, so that one opened before a restart is not lost.
"""

import re
from collections.abc import Iterable

import discord

from bot.i18n.translations import gettext as _
from bot.tickets.canned_replies import KNOWN_PLACEHOLDERS, NAME_LIMIT, CannedReply
from bot.tickets.ticket import MESSAGE_LIMIT
from bot.tickets.workspace import Workspace
from cogs.core.markdown import escape_markdown

ADD_MODAL_ID_PATTERN = re.compile(r"canned:add:(?P<workspace>[0-9a-f-]{36})")
EDIT_MODAL_ID_PATTERN = re.compile(r"canned:edit:(?P<id>[0-9]{1,18}):(?P<revision>[0-9]{1,9})")
_LIST_LIMIT = 3900  # characters of an embed's description


def add_modal(workspace: Workspace, name: str) -> discord.ui.Modal:
    """Build the form of a new canned reply."""
    return _modal(_("Add a canned reply"), f"canned:add:{workspace.id}", name, "")


def edit_modal(reply: CannedReply) -> discord.ui.Modal:
    """Build the form that changes one. It says which text it began with."""
    custom_id = f"canned:edit:{reply.id}:{reply.revision}"
    return _modal(_("Edit a canned reply"), custom_id, reply.name, reply.text)


def _modal(title: str, custom_id: str, name: str, text: str) -> discord.ui.Modal:
    modal = discord.ui.Modal(title=title[:45], custom_id=custom_id)
    name_input: discord.ui.TextInput[discord.ui.Modal] = discord.ui.TextInput(
        custom_id="name", max_length=NAME_LIMIT, default=name or None
    )
    text_input: discord.ui.TextInput[discord.ui.Modal] = discord.ui.TextInput(
        custom_id="text",
        style=discord.TextStyle.paragraph,
        max_length=MESSAGE_LIMIT,
        default=text or None,
    )
    hint = _("Filled in when it is used: {placeholders}", placeholders=KNOWN_PLACEHOLDERS)
    modal.add_item(discord.ui.Label(text=_("Name"), component=name_input))
    modal.add_item(discord.ui.Label(text=_("Text"), description=hint[:100], component=text_input))
    return modal


def list_embed(replies: Iterable[CannedReply], workspaces: Iterable[Workspace]) -> discord.Embed:
    """Draw the canned replies: each name with the beginning of its text."""
    names = {workspace.id: workspace.name for workspace in workspaces}
    lines = [_line(one, names[one.workspace_id] if len(names) > 1 else "") for one in replies]
    return discord.Embed(
        title=_("Canned replies"),
        description=_fitting(lines) or _("There is none yet. `/canned add` adds one."),
        colour=discord.Colour.blurple(),
    )


def _line(reply: CannedReply, workspace_name: str) -> str:
    where = f" · {escape_markdown(workspace_name, 60)}" if workspace_name else ""
    beginning = escape_markdown(" ".join(reply.text.split()), 80)
    return f"• **{escape_markdown(reply.name, 120)}**{where} · {beginning}"


def _fitting(lines: list[str]) -> str:
    fitting: list[str] = []
    room = _LIST_LIMIT
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            more = _("… and {count} more, which `/ticket reply` offers", count=len(lines) - len(fitting))
            return "\n".join([*fitting, more])
        fitting.append(line)
    return "\n".join(fitting)
