"""The demo guild: four channels, a staff role, five people and the bot."""

from __future__ import annotations

from dataclasses import dataclass

from bot.sandbox.model.guilds import Guild, Member, Overwrite, World
from bot.sandbox.model.permissions import P
from bot.sandbox.server import Sandbox

EVERYONE = (
    P.VIEW_CHANNEL
    | P.SEND_MESSAGES
    | P.SEND_MESSAGES_IN_THREADS
    | P.CREATE_PUBLIC_THREADS
    | P.READ_MESSAGE_HISTORY
    | P.ADD_REACTIONS
    | P.EMBED_LINKS
    | P.ATTACH_FILES
    | P.USE_APPLICATION_COMMANDS
)
STAFF = EVERYONE | P.CREATE_PRIVATE_THREADS | P.MANAGE_MESSAGES | P.MANAGE_THREADS
BOT = STAFF | P.MENTION_EVERYONE
PRIVATE_CHANNELS = ("tickets", "reports", "log")


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoGuild:
    """Ids of the demo guild, by name."""

    id: int
    channels: dict[str, int]
    roles: dict[str, int]
    members: dict[str, int]


def demo_guild(sandbox: Sandbox, name: str = "Ticketbridge Demo") -> DemoGuild:
    """Add the demo guild; olivia owns it, mia and noah are staff, pete and paula are players."""
    world = sandbox.state.world
    people = {person: world.add_user(person) for person in ("olivia", "mia", "noah", "pete", "paula")}
    guild = world.add_guild(name, people["olivia"], everyone=EVERYONE)
    staff = world.add_role(guild, "Staff", STAFF)
    bot_role = world.add_role(guild, world.bot.username, BOT)
    bot_role.managed = True
    for person, user in people.items():
        roles = [staff.id] if person in ("mia", "noah") else []
        guild.members[user.id] = Member(user=user, roles=roles)
    guild.members[world.bot.id] = Member(user=world.bot, roles=[bot_role.id])
    channels = _channels(world, guild, (staff.id, bot_role.id))
    members = {person: user.id for person, user in people.items()} | {world.bot.username: world.bot.id}
    return DemoGuild(id=guild.id, channels=channels, roles={"Staff": staff.id}, members=members)


def _channels(world: World, guild: Guild, insiders: tuple[int, ...]) -> dict[str, int]:
    ids = {}
    for name in ("tickets", "reports", "general", "log"):
        channel = world.add_channel(guild, name)
        ids[name] = channel.id
        if name in PRIVATE_CHANNELS:
            channel.overwrites[guild.id] = Overwrite(id=guild.id, kind=0, deny=P.VIEW_CHANNEL)
            for role_id in insiders:
                channel.overwrites[role_id] = Overwrite(id=role_id, kind=0, allow=P.VIEW_CHANNEL)
    return ids
