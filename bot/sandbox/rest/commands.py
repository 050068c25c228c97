"""REST: the application's commands, global and of one guild."""

from __future__ import annotations

from bot.sandbox.model.json import Json
from bot.sandbox.rest.errors import MISSING_ACCESS, refused
from bot.sandbox.rest.request import Call, Route
from bot.sandbox.validation.commands import CHAT, check_commands


def _scope(call: Call) -> int | None:
    """None for the global commands, otherwise the guild's id."""
    if call.number("application") != call.stand.world.application_id:
        raise refused(MISSING_ACCESS)
    return call.guild().id if "guild" in call.request.match_info else None


def replace(call: Call) -> list[Json]:
    scope = _scope(call)
    check_commands(call.body)
    known = {(c["type"], c["name"]): c["id"] for c in call.stand.commands.get(scope, [])}
    call.stand.commands[scope] = [_registered(call, scope, given, known) for given in call.body]
    return call.stand.commands[scope]


def _registered(call: Call, scope: int | None, given: Json, known: dict[tuple[int, str], str]) -> Json:
    new_id = call.stand.world.next_id()
    kind = given.get("type", CHAT)
    usual: Json = {
        "id": known.get((kind, given["name"]), str(new_id)),
        "application_id": str(call.stand.world.application_id),
        "version": str(new_id),
        "default_member_permissions": None,
        "dm_permission": True,
        "contexts": None,
        "integration_types": [0],
        "nsfw": False,
        "description": "",
        "name_localizations": None,
        "description_localizations": None,
    }
    of_guild = {"guild_id": str(scope)} if scope else {}
    return (
        usual | {key: value for key, value in given.items() if value is not None} | of_guild | {"type": kind}
    )


GLOBAL, OF_GUILD = (
    "/applications/{application}/commands",
    "/applications/{application}/guilds/{guild}/commands",
)

ROUTES = tuple(Route("PUT", path, replace, takes_list=True) for path in (GLOBAL, OF_GUILD))
