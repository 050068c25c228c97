"""REST routes of application commands and of responses to interactions."""

from __future__ import annotations

from bot.sandbox.model.json import Json
from bot.sandbox.rest.errors import MISSING_ACCESS, discord_error
from bot.sandbox.rest.request import RestRequest, RestRoute
from bot.sandbox.services import interaction_responses
from bot.sandbox.services.interactions import Interaction
from bot.sandbox.validation.commands import CHAT_INPUT, check_commands


def create_response(request: RestRequest) -> Json | None:
    number, token = request.path_id("interaction"), request.path_str("token")
    response = interaction_responses.respond(
        request.state, number, token, request.body, request.files, now=request.now
    )
    return response if request.http.query.get("with_response") in ("1", "true") else None


def _find_interaction(request: RestRequest) -> Interaction:
    return interaction_responses.find_by_token(
        request.state, request.path_id("application"), request.path_str("token"), now=request.now
    )


def create_followup(request: RestRequest) -> Json:
    return interaction_responses.follow_up(
        request.state, _find_interaction(request), request.body, request.files
    ).payload


def get_message(request: RestRequest) -> Json:
    return interaction_responses.find_message(_find_interaction(request), request.path_str("message")).payload


def edit_message(request: RestRequest) -> Json:
    return interaction_responses.edit_message(
        request.state, _find_interaction(request), request.path_str("message"), request.body, request.files
    ).payload


def delete_message(request: RestRequest) -> None:
    interaction_responses.delete_message(
        request.state, _find_interaction(request), request.path_str("message")
    )


WEBHOOK = "/webhooks/{application}/{token}"


def _scope(request: RestRequest) -> int | None:
    """Return the guild id of guild commands, None for global commands."""
    if request.path_id("application") != request.state.world.application_id:
        raise discord_error(MISSING_ACCESS)
    return request.guild().id if "guild" in request.http.match_info else None


def overwrite_commands(request: RestRequest) -> list[Json]:
    scope = _scope(request)
    check_commands(request.body)
    known = {(c["type"], c["name"]): c["id"] for c in request.state.commands.get(scope, [])}
    request.state.commands[scope] = [
        _registered_command(request, scope, given, known) for given in request.body
    ]
    return request.state.commands[scope]


def _registered_command(
    request: RestRequest, scope: int | None, given: Json, known: dict[tuple[int, str], str]
) -> Json:
    new_id = request.state.world.next_id()
    kind = given.get("type", CHAT_INPUT)
    defaults: Json = {
        "id": known.get((kind, given["name"]), str(new_id)),
        "application_id": str(request.state.world.application_id),
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
    declared = {key: value for key, value in given.items() if value is not None}
    if "default_member_permissions" in declared:
        declared["default_member_permissions"] = str(declared["default_member_permissions"])
    guild_field = {"guild_id": str(scope)} if scope else {}
    return defaults | declared | guild_field | {"type": kind}


COMMANDS = "/applications/{application}/commands"
GUILD_COMMANDS = "/applications/{application}/guilds/{guild}/commands"

ROUTES = (
    RestRoute("POST", "/interactions/{interaction}/{token}/callback", create_response, without_auth=True),
    RestRoute("POST", WEBHOOK, create_followup, without_auth=True),
    RestRoute("GET", WEBHOOK + "/messages/{message}", get_message, without_auth=True),
    RestRoute("PATCH", WEBHOOK + "/messages/{message}", edit_message, without_auth=True),
    RestRoute("DELETE", WEBHOOK + "/messages/{message}", delete_message, without_auth=True),
    RestRoute("PUT", COMMANDS, overwrite_commands, list_body=True),
    RestRoute("PUT", GUILD_COMMANDS, overwrite_commands, list_body=True),
)
