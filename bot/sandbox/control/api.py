"""Control API under /sandbox: JSON in and out, no authentication, errors as sentences."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bot.sandbox.control.controller import SandboxController
from bot.sandbox.model.json import Json, json_response
from bot.sandbox.rest.errors import ControlError


class MissingField(ControlError):
    """A required field of the body is missing or has the wrong type."""

    def __init__(self, text: str) -> None:
        super().__init__(text, status=400)


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlRequest:
    path: dict[str, str]
    query: dict[str, str]
    body: Json

    def require(self, name: str) -> Any:
        if self.body.get(name) is None:
            raise MissingField(f"The body has no {name!r}: add it.")
        return self.body[name]

    def integer(self, name: str) -> int:
        value = self.body.get(name, 0)
        try:
            return int(value)
        except (TypeError, ValueError):
            raise MissingField(f"{name!r} is a whole number, not {value!r}.") from None

    def optional(self, *names: str) -> Json:
        return {name: self.body[name] for name in names if name in self.body}


@dataclass(frozen=True, slots=True)
class ControlRoute:
    method: str
    path: str
    description: str
    handler: Callable[[SandboxController, ControlRequest], Any]


def _list_messages(sandbox: SandboxController, request: ControlRequest) -> Any:
    return sandbox.messages(request.path["channel"], request.query.get("as"))


def _say(sandbox: SandboxController, request: ControlRequest) -> Any:
    optional = request.optional("reply_to", "attachments")
    return sandbox.say(
        request.require("user"), request.require("channel"), request.body.get("content", ""), **optional
    )


def _edit_message(sandbox: SandboxController, request: ControlRequest) -> Any:
    return sandbox.edit_message(request.require("user"), request.path["message"], request.require("content"))


def _delete_message(sandbox: SandboxController, request: ControlRequest) -> Json:
    sandbox.delete_message(request.path["message"], request.body.get("user"))
    return {}


def _delete_messages(sandbox: SandboxController, request: ControlRequest) -> Json:
    sandbox.delete_messages(request.path["channel"], request.require("messages"))
    return {}


def _press(sandbox: SandboxController, request: ControlRequest) -> Any:
    user, message, custom_id = (
        request.require("user"),
        request.require("message"),
        request.require("custom_id"),
    )
    return sandbox.press(user, message, custom_id, **request.optional("values", "forge"))


def _command(sandbox: SandboxController, request: ControlRequest) -> Any:
    user, channel, command = request.require("user"), request.require("channel"), request.require("command")
    return sandbox.command(user, channel, command, request.body.get("options"))


def _autocomplete(sandbox: SandboxController, request: ControlRequest) -> Any:
    user, channel, command = request.require("user"), request.require("channel"), request.require("command")
    return sandbox.autocomplete(
        user, channel, command, request.body.get("options") or {}, request.require("focused")
    )


def _context_menu(sandbox: SandboxController, request: ControlRequest) -> Any:
    user, channel, command = request.require("user"), request.require("channel"), request.require("command")
    return sandbox.context_menu(user, channel, command, request.require("target"))


def _modal(sandbox: SandboxController, request: ControlRequest) -> Any:
    user, interaction = request.require("user"), request.require("interaction")
    return sandbox.modal(
        user, interaction, request.body.get("values") or {}, request.body.get("forge_custom_id")
    )


def _open_thread(sandbox: SandboxController, request: ControlRequest) -> Any:
    user, channel, name = request.require("user"), request.require("channel"), request.require("name")
    return sandbox.open_thread(user, channel, name, **request.optional("message", "private"))


def _change_thread(sandbox: SandboxController, request: ControlRequest) -> Any:
    return sandbox.change_thread(request.path["thread"], **request.body)


def _set_overwrite(sandbox: SandboxController, request: ControlRequest) -> Any:
    allow, deny = request.integer("allow"), request.integer("deny")
    return sandbox.set_overwrite(request.path["channel"], request.path["target"], allow=allow, deny=deny)


def _delete_overwrite(sandbox: SandboxController, request: ControlRequest) -> Any:
    return sandbox.delete_overwrite(request.path["channel"], request.path["target"])


def _change_channel(sandbox: SandboxController, request: ControlRequest) -> Any:
    minutes = request.integer("default_auto_archive_duration")
    return sandbox.change_channel(request.path["channel"], default_auto_archive_duration=minutes)


def _delete_channel(sandbox: SandboxController, request: ControlRequest) -> Json:
    sandbox.delete_channel(request.path["channel"])
    return {}


def _change_user(sandbox: SandboxController, request: ControlRequest) -> Any:
    return sandbox.change_user(request.path["user"], locale=request.require("locale"))


def _set_preferred_locale(sandbox: SandboxController, request: ControlRequest) -> Any:
    return sandbox.set_preferred_locale(request.require("preferred_locale"))


def _create_role(sandbox: SandboxController, request: ControlRequest) -> Any:
    mentionable = bool(request.body.get("mentionable"))
    return sandbox.create_role(
        request.require("name"), request.integer("permissions"), mentionable=mentionable
    )


def _change_role(sandbox: SandboxController, request: ControlRequest) -> Any:
    return sandbox.change_role(request.path["role"], request.integer("permissions"))


def _delete_role(sandbox: SandboxController, request: ControlRequest) -> Json:
    sandbox.delete_role(request.path["role"])
    return {}


def _add_member(sandbox: SandboxController, request: ControlRequest) -> Any:
    return sandbox.add_member(request.require("name"), request.body.get("roles"))


def _remove_member(sandbox: SandboxController, request: ControlRequest) -> Json:
    sandbox.remove_member(request.path["user"])
    return {}


def _give_role(sandbox: SandboxController, request: ControlRequest) -> Json:
    sandbox.give_role(request.path["user"], request.path["role"])
    return {}


def _take_role(sandbox: SandboxController, request: ControlRequest) -> Json:
    sandbox.take_role(request.path["user"], request.path["role"])
    return {}


def _fail(sandbox: SandboxController, request: ControlRequest) -> Any:
    names = ("method", "path", "when", "times", "chance", "retry_after", "hang_for", "effect_delay")
    return sandbox.fail(request.require("kind"), **request.optional(*names)).to_json()


def _clear_faults(sandbox: SandboxController, request: ControlRequest) -> Json:
    sandbox.clear_faults()
    return {}


def _set_rate_limit(sandbox: SandboxController, request: ControlRequest) -> Any:
    return sandbox.set_rate_limit(
        request.require("limit"), request.require("requests"), request.require("per")
    )


def _change_settings(sandbox: SandboxController, request: ControlRequest) -> Any:
    return sandbox.change_settings(**request.body)


async def _disconnect(sandbox: SandboxController, request: ControlRequest) -> Json:
    code = request.integer("code") or None
    hit = await sandbox.disconnect(resumable=bool(request.body.get("resumable", True)), code=code)
    return {"sessions": hit}


def _snapshot(sandbox: SandboxController, request: ControlRequest) -> Any:
    return sandbox.snapshot()


def _requests(sandbox: SandboxController, request: ControlRequest) -> Any:
    return sandbox.requests


def _interaction(sandbox: SandboxController, request: ControlRequest) -> Any:
    return sandbox.interaction(request.path["interaction"])


ROUTES = (
    ControlRoute(
        "GET",
        "/sandbox/snapshot",
        "Guilds, channels, threads, members and commands.",
        _snapshot,
    ),
    ControlRoute("GET", "/sandbox/requests", "Every REST request the bot made, with its status.", _requests),
    ControlRoute(
        "GET",
        "/sandbox/channels/{channel}/messages",
        "The messages of a channel or thread, oldest first; ?as=mia: as far as mia may read them.",
        _list_messages,
    ),
    ControlRoute(
        "GET",
        "/sandbox/interactions/{interaction}",
        "An interaction's record, with its ephemeral messages.",
        _interaction,
    ),
    ControlRoute(
        "POST",
        "/sandbox/messages",
        "Send a message: {user, channel, content, reply_to?, attachments?: [{filename, content}]}.",
        _say,
    ),
    ControlRoute(
        "PATCH", "/sandbox/messages/{message}", "Edit a user's own message: {user, content}.", _edit_message
    ),
    ControlRoute(
        "POST", "/sandbox/messages/{message}/delete", "Delete a message, as {user} if given.", _delete_message
    ),
    ControlRoute(
        "POST",
        "/sandbox/channels/{channel}/messages/delete",
        "Delete several messages at once: {messages: [id]}.",
        _delete_messages,
    ),
    ControlRoute(
        "POST",
        "/sandbox/press",
        "Press a button or pick from a select: {user, message, custom_id, values?, forge?}.",
        _press,
    ),
    ControlRoute("POST", "/sandbox/commands", "Run a command: {user, channel, command, options?}.", _command),
    ControlRoute(
        "POST",
        "/sandbox/autocomplete",
        "Type into an option: {user, channel, command, options, focused}.",
        _autocomplete,
    ),
    ControlRoute(
        "POST",
        "/sandbox/context-menu",
        "Use a menu on a message or user: {user, channel, command, target}.",
        _context_menu,
    ),
    ControlRoute(
        "POST", "/sandbox/modals", "Submit a modal: {user, interaction, values, forge_custom_id?}.", _modal
    ),
    ControlRoute(
        "POST", "/sandbox/threads", "Open a thread: {user, channel, name, message?, private?}.", _open_thread
    ),
    ControlRoute(
        "PATCH", "/sandbox/threads/{thread}", "Change a thread: {locked?, archived?, name?}.", _change_thread
    ),
    ControlRoute(
        "PUT",
        "/sandbox/channels/{channel}/overwrites/{target}",
        "Set the overwrite of a role, a user or everyone: {allow, deny}.",
        _set_overwrite,
    ),
    ControlRoute(
        "DELETE", "/sandbox/channels/{channel}/overwrites/{target}", "Delete an overwrite.", _delete_overwrite
    ),
    ControlRoute(
        "PATCH",
        "/sandbox/channels/{channel}",
        "Change a channel: {default_auto_archive_duration: minutes}.",
        _change_channel,
    ),
    ControlRoute("DELETE", "/sandbox/channels/{channel}", "Delete a channel or thread.", _delete_channel),
    ControlRoute(
        "POST", "/sandbox/roles", "Create a role: {name, permissions?, mentionable?}.", _create_role
    ),
    ControlRoute(
        "PATCH", "/sandbox/roles/{role}", "Change a role's permissions: {permissions}.", _change_role
    ),
    ControlRoute("DELETE", "/sandbox/roles/{role}", "Delete a role.", _delete_role),
    ControlRoute("POST", "/sandbox/members", "Add a member: {name, roles?}.", _add_member),
    ControlRoute("DELETE", "/sandbox/members/{user}", "Remove a member.", _remove_member),
    ControlRoute("PATCH", "/sandbox/users/{user}", "Change a user: {locale}.", _change_user),
    ControlRoute(
        "PATCH",
        "/sandbox/guild",
        "Set the language of the guild: {preferred_locale}.",
        _set_preferred_locale,
    ),
    ControlRoute("PUT", "/sandbox/members/{user}/roles/{role}", "Give a member a role.", _give_role),
    ControlRoute("DELETE", "/sandbox/members/{user}/roles/{role}", "Take a role from a member.", _take_role),
    ControlRoute(
        "POST",
        "/sandbox/faults",
        "Inject a fault: {kind, method?, path?, when?, times?, chance?, retry_after?, hang_for?, "
        "effect_delay?}.",
        _fail,
    ),
    ControlRoute("DELETE", "/sandbox/faults", "Remove all pending faults.", _clear_faults),
    ControlRoute(
        "PUT",
        "/sandbox/rate-limits",
        "Change a rate limit: {limit, requests, per}; limit: global, rename, old-edits, invalid or a route.",
        _set_rate_limit,
    ),
    ControlRoute(
        "PATCH",
        "/sandbox/settings",
        "Change other limits: {old_message_age?: seconds, max_active_threads?, blocked_words?: [word], "
        "harmful_links?: [link]}.",
        _change_settings,
    ),
    ControlRoute("POST", "/sandbox/disconnect", "Disconnect the gateway: {resumable?, code?}.", _disconnect),
)


AiohttpHandler = Callable[[web.Request], Awaitable[web.Response]]


def add_routes(app: web.Application, sandbox: SandboxController) -> None:
    app.router.add_get("/", _list_routes)  # for opening the bare address in a browser
    app.router.add_get("/sandbox", _list_routes)
    for route in ROUTES:
        app.router.add_route(route.method, route.path, _handler(sandbox, route.handler))
    app.router.add_route("*", "/sandbox/{path:.*}", _unknown_path)


async def _list_routes(request: web.Request) -> web.Response:
    return json_response([{"method": r.method, "path": r.path, "description": r.description} for r in ROUTES])


async def _unknown_path(request: web.Request) -> web.Response:
    error = f"There is no {request.method} {request.path}: GET /sandbox lists all routes."
    return json_response({"error": error}, 404)


def _handler(
    sandbox: SandboxController, handler: Callable[[SandboxController, ControlRequest], Any]
) -> AiohttpHandler:
    async def handle(request: web.Request) -> web.Response:
        try:
            control_request = ControlRequest(
                path=dict(request.match_info), query=dict(request.query), body=await _read_body(request)
            )
            result = handler(sandbox, control_request)
            return json_response(await result if isinstance(result, Awaitable) else result)
        except ControlError as error:
            return json_response({"error": error.text}, error.status)

    return handle


async def _read_body(request: web.Request) -> Json:
    raw = await request.read()
    try:
        body = json.loads(raw) if raw.strip() else {}
    except ValueError as broken:
        raise ControlError(f"The body is no JSON: {broken}.", status=400) from broken
    if not isinstance(body, dict):
        raise ControlError("The body is no JSON object: send {...}.", status=400)
    return body
