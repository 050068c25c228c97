"""REST routes of application commands and of responses to interactions."""

from __future__ import annotations

from bot.sandbox.model.json import Json
from bot.sandbox.rest.errors import MISSING_ACCESS, refused
from bot.sandbox.rest.request import Call, Route
from bot.sandbox.services import interaction_responses as callbacks
from bot.sandbox.services.interactions import Interaction
from bot.sandbox.validation.commands import CHAT, check_commands


def callback(call: Call) -> Json | None:
    number, token = call.number("interaction"), call.word("token")
    told = callbacks.answer(call.stand, number, token, call.body, call.files, now=call.now)
    return told if call.request.query.get("with_response") in ("1", "true") else None


def _found(call: Call) -> Interaction:
    return callbacks.with_token(call.stand, call.number("application"), call.word("token"), now=call.now)


def follow_up(call: Call) -> Json:
    return callbacks.follow_up(call.stand, _found(call), call.body, call.files).wire


def message(call: Call) -> Json:
    return callbacks.message_of(_found(call), call.word("message")).wire


def change(call: Call) -> Json:
    return callbacks.change(call.stand, _found(call), call.word("message"), call.body, call.files).wire


def delete(call: Call) -> None:
    callbacks.remove(call.stand, _found(call), call.word("message"))


WEBHOOK = "/webhooks/{application}/{token}"


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


COMMANDS = "/applications/{application}/commands"
GUILD_COMMANDS = "/applications/{application}/guilds/{guild}/commands"

ROUTES = (
    Route("POST", "/interactions/{interaction}/{token}/callback", callback, with_token_in_path=True),
    Route("POST", WEBHOOK, follow_up, with_token_in_path=True),
    Route("GET", WEBHOOK + "/messages/{message}", message, with_token_in_path=True),
    Route("PATCH", WEBHOOK + "/messages/{message}", change, with_token_in_path=True),
    Route("DELETE", WEBHOOK + "/messages/{message}", delete, with_token_in_path=True),
    Route("PUT", COMMANDS, replace, takes_list=True),
    Route("PUT", GUILD_COMMANDS, replace, takes_list=True),
)
