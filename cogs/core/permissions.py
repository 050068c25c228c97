"""Whether the bot can use a channel: permissions that are missing, and ids that lead nowhere."""

from collections.abc import Iterable, Mapping

import discord

from bot.discord_client.client import TicketBot
from bot.i18n.translations import gettext as _
from bot.i18n.translations import translate
from bot.tickets.sentence import Sentence
from bot.tickets.workspace import Workspace

# All that the bot uses anywhere, by discord.py's names, in the order in which they are named to people; and
# what Discord's client calls them.
_PERMISSION_NAMES = {
    "view_channel": Sentence("View Channel"),
    "send_messages": Sentence("Send Messages"),
    "embed_links": Sentence("Embed Links"),
    "attach_files": Sentence("Attach Files"),
    "read_message_history": Sentence("Read Message History"),
    "create_public_threads": Sentence("Create Public Threads"),
    "create_private_threads": Sentence("Create Private Threads"),
    "send_messages_in_threads": Sentence("Send Messages In Threads"),
    "mention_everyone": Sentence("Mention All Roles"),
    "manage_threads": Sentence("Manage Threads"),
    "manage_messages": Sentence("Manage Messages"),
    "add_reactions": Sentence("Add Reactions"),
}
USED_PERMISSIONS = tuple(_PERMISSION_NAMES)
LOG = {"view_channel", "send_messages", "embed_links"}  # alerts are embeds
REPORTS = LOG | {"attach_files", "read_message_history"}
TICKETS = REPORTS | {"create_public_threads", "create_private_threads", "send_messages_in_threads"}
DEPARTMENT = TICKETS | REPORTS
PRIVATE_THREADS = TICKETS - {"send_messages", "create_public_threads"}  # of `/ticket open` in any channel

# What a delivery is refused without, by the field of the workspace that names the channel.
REQUIRED_BY_FIELD = {
    "tickets_channel_id": TICKETS,
    "reports_channel_id": REPORTS,
    "channel_id": DEPARTMENT,
    "log_channel_id": LOG,
}

# Without the first, Discord denies the others too, so only the first is named.
_DEPENDENT_PERMISSIONS = {
    "view_channel": USED_PERMISSIONS,
    "send_messages": ("embed_links", "attach_files", "mention_everyone"),
}


def denied_permissions(channel: discord.abc.GuildChannel) -> frozenset[str]:
    """Those of USED_PERMISSIONS that the bot lacks in a channel, needed there or not."""
    held = channel.permissions_for(channel.guild.me)
    return frozenset(name for name in USED_PERMISSIONS if not getattr(held, name))


def missing_permissions(channel: discord.abc.GuildChannel, needed: Iterable[str]) -> list[str]:
    """List the permissions that the bot needs and lacks in a channel, as Discord's client calls them."""
    denied = denied_permissions(channel) & frozenset(needed)
    implied = {other for name in denied for other in _DEPENDENT_PERMISSIONS.get(name, ()) if other != name}
    return [translate(label) for name, label in _PERMISSION_NAMES.items() if name in denied - implied]


def needed_permissions(bot: TicketBot, workspace: Workspace, channel_id: int) -> frozenset[str]:
    """All that the bot uses in a channel, by what the workspace has it for.

    Without some of it deliveries are refused; without the rest less is done, such as calling staff.
    """
    is_department = channel_id in {one.channel_id for one in workspace.departments}
    replies = {"add_reactions"} if bot.typed_replies else set()
    tickets = TICKETS | {"manage_threads"} | _call_staff(bot, workspace) | replies
    uses = (
        (channel_id == workspace.log_channel_id, LOG),
        (channel_id == workspace.reports_channel_id or is_department, REPORTS | {"manage_messages"}),
        (channel_id == workspace.tickets_channel_id or is_department, tickets),
    )
    needed = [permissions for is_used, permissions in uses if is_used]
    return frozenset().union(*needed or [PRIVATE_THREADS | _call_staff(bot, workspace)])


def _call_staff(bot: TicketBot, workspace: Workspace) -> set[str]:
    """What a private thread needs to mention the staff roles, which adds staff to it."""
    guild = bot.get_guild(workspace.guild_id)
    staff = {workspace.staff_role_id, *(one.staff_role_id or 0 for one in workspace.departments)} - {0}
    roles = [guild and guild.get_role(role_id) for role_id in staff]
    return set() if all(role and role.mentionable for role in roles) else {"mention_everyone"}


def permission_hint(bot: TicketBot, workspace: Workspace, channel_id: int) -> str:
    """Say what to do about a channel that refuses a delivery."""
    return _hint(bot, workspace, channel_id) or _("Check what my role may do in that channel.")


def permission_warnings(bot: TicketBot, workspace: Workspace) -> list[str]:
    """Say what the bot lacks in each channel of a workspace."""
    hints = {channel_id: _hint(bot, workspace, channel_id) for channel_id in sorted(workspace.channel_ids)}
    return [f"<#{channel_id}>: {hint}" for channel_id, hint in hints.items() if hint]


def _hint(bot: TicketBot, workspace: Workspace, channel_id: int) -> str | None:
    channel = bot.get_channel(channel_id)
    if not isinstance(channel, discord.abc.GuildChannel):
        return _("I do not see that channel: let me see it, or name another one with `/setup workspace`.")
    missing = missing_permissions(channel, needed_permissions(bot, workspace, channel_id))
    return _("Allow my role there: {permissions}.", permissions=", ".join(missing)) if missing else None


def find_id_problems(client: discord.Client, guild_id: int, ids: Mapping[str, int]) -> list[str] | None:
    """Check the ids of a workspace or department: a sentence with the cure for each that cannot be used.

    `ids` are by field name: those that end in `_role_id` are roles, `log_channel_id` is a channel for alerts,
    each other one a channel for tickets. None while Discord does not say what is in the guild. The sentences
    are for the operator's commands, and English.
    """
    guild = client.get_guild(guild_id)
    if guild is None:
        return [f"The bot is in no server with the id {guild_id}. Check the id, or invite the bot there."]
    if guild.unavailable:
        return None
    problems = (_find_problem(client, guild, field, number) for field, number in ids.items())
    return [problem for problem in problems if problem]


def _find_problem(client: discord.Client, guild: discord.Guild, field: str, number: int) -> str | None:
    if field.endswith("_role_id"):
        return _role_problem(guild, number)
    channel = client.get_channel(number)
    cure = f"Copy the id of a text channel of the server {guild.name}."
    if channel is None:
        return f"The bot sees no channel {number}. {cure}"
    if not isinstance(channel, discord.TextChannel):
        return f"{number} is not a text channel. {cure}"
    if channel.guild != guild:
        return f"Channel {number} (#{channel.name}) is in another server, {channel.guild.name}. {cure}"
    missing = missing_permissions(channel, REQUIRED_BY_FIELD[field])
    return f"Allow the bot in channel {number} (#{channel.name}): {', '.join(missing)}." if missing else None


def _role_problem(guild: discord.Guild, role_id: int) -> str | None:
    if role_id == guild.id:
        return f"{role_id} is the role of everyone in the server {guild.name}. Name another role."
    if guild.get_role(role_id):
        return None
    return f"There is no role {role_id} in the server {guild.name}. Copy the id of one of its roles."
