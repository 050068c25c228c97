"""The control API under /sandbox: JSON in and out, without authentication; every error is a sentence."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bot.sandbox.control.controller import Orders
from bot.sandbox.model.json import Json, json_answer
from bot.sandbox.rest.errors import Declined


class Missing(Exception):
    """A field the order needs is not in the body, or is of another kind."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    path: dict[str, str]
    query: dict[str, str]
    body: Json

    def need(self, name: str) -> Any:
        if self.body.get(name) is None:
            raise Missing(f"The body has no {name!r}: add it.")
        return self.body[name]

    def number(self, name: str) -> int:
        value = self.body.get(name, 0)
        try:
            return int(value)
        except (TypeError, ValueError):
            raise Missing(f"{name!r} is a whole number, not {value!r}.") from None

    def some(self, *names: str) -> Json:
        return {name: self.body[name] for name in names if name in self.body}


@dataclass(frozen=True, slots=True)
class Order:
    method: str
    path: str
    does: str
    act: Callable[[Orders, Asked], Any]


def _list(sandbox: Orders, asked: Asked) -> Any:
    return sandbox.messages(asked.path["channel"], asked.query.get("as"))


def _say(sandbox: Orders, asked: Asked) -> Any:
    optional = asked.some("reply_to", "attachments")
    return sandbox.say(asked.need("user"), asked.need("channel"), asked.body.get("content", ""), **optional)


def _reword(sandbox: Orders, asked: Asked) -> Any:
    return sandbox.edit_message(asked.need("user"), asked.path["message"], asked.need("content"))


def _delete_message(sandbox: Orders, asked: Asked) -> Json:
    sandbox.delete_message(asked.path["message"], asked.body.get("user"))
    return {}


def _delete_messages(sandbox: Orders, asked: Asked) -> Json:
    sandbox.delete_messages(asked.path["channel"], asked.need("messages"))
    return {}


def _press(sandbox: Orders, asked: Asked) -> Any:
    user, message, custom_id = asked.need("user"), asked.need("message"), asked.need("custom_id")
    return sandbox.press(user, message, custom_id, **asked.some("values", "forge"))


def _command(sandbox: Orders, asked: Asked) -> Any:
    user, channel, command = asked.need("user"), asked.need("channel"), asked.need("command")
    return sandbox.command(user, channel, command, asked.body.get("options"))


def _autocomplete(sandbox: Orders, asked: Asked) -> Any:
    user, channel, command = asked.need("user"), asked.need("channel"), asked.need("command")
    return sandbox.autocomplete(
        user, channel, command, asked.body.get("options") or {}, asked.need("focused")
    )


def _context_menu(sandbox: Orders, asked: Asked) -> Any:
    user, channel, command = asked.need("user"), asked.need("channel"), asked.need("command")
    return sandbox.context_menu(user, channel, command, asked.need("target"))


def _modal(sandbox: Orders, asked: Asked) -> Any:
    user, interaction = asked.need("user"), asked.need("interaction")
    return sandbox.modal(user, interaction, asked.body.get("values") or {}, asked.body.get("forge_custom_id"))


def _open_thread(sandbox: Orders, asked: Asked) -> Any:
    user, channel, name = asked.need("user"), asked.need("channel"), asked.need("name")
    return sandbox.open_thread(user, channel, name, **asked.some("message", "private"))


def _change_thread(sandbox: Orders, asked: Asked) -> Any:
    return sandbox.change_thread(asked.path["thread"], **asked.body)


def _set_overwrite(sandbox: Orders, asked: Asked) -> Any:
    allow, deny = asked.number("allow"), asked.number("deny")
    return sandbox.set_overwrite(asked.path["channel"], asked.path["target"], allow=allow, deny=deny)


def _drop_overwrite(sandbox: Orders, asked: Asked) -> Any:
    return sandbox.drop_overwrite(asked.path["channel"], asked.path["target"])


def _delete_channel(sandbox: Orders, asked: Asked) -> Json:
    sandbox.delete_channel(asked.path["channel"])
    return {}


def _create_role(sandbox: Orders, asked: Asked) -> Any:
    mentionable = bool(asked.body.get("mentionable"))
    return sandbox.create_role(asked.need("name"), asked.number("permissions"), mentionable=mentionable)


def _change_role(sandbox: Orders, asked: Asked) -> Any:
    return sandbox.change_role(asked.path["role"], asked.number("permissions"))


def _delete_role(sandbox: Orders, asked: Asked) -> Json:
    sandbox.delete_role(asked.path["role"])
    return {}


def _add_member(sandbox: Orders, asked: Asked) -> Any:
    return sandbox.add_member(asked.need("name"), asked.body.get("roles"))


def _remove_member(sandbox: Orders, asked: Asked) -> Json:
    sandbox.remove_member(asked.path["user"])
    return {}


def _give_role(sandbox: Orders, asked: Asked) -> Json:
    sandbox.give_role(asked.path["user"], asked.path["role"])
    return {}


def _take_role(sandbox: Orders, asked: Asked) -> Json:
    sandbox.take_role(asked.path["user"], asked.path["role"])
    return {}


def _fail(sandbox: Orders, asked: Asked) -> Any:
    names = ("method", "path", "when", "times", "chance", "retry_after", "hang_for", "effect_after")
    return sandbox.fail(asked.need("kind"), **asked.some(*names)).describe()


def _clear_faults(sandbox: Orders, asked: Asked) -> Json:
    sandbox.clear_faults()
    return {}


async def _disconnect(sandbox: Orders, asked: Asked) -> Json:
    code = asked.number("code") or None
    hit = await sandbox.disconnect(resumable=bool(asked.body.get("resumable", True)), code=code)
    return {"sessions": hit}


def _state(sandbox: Orders, asked: Asked) -> Any:
    return sandbox.state()


def _requests(sandbox: Orders, asked: Asked) -> Any:
    return sandbox.requests


def _interaction(sandbox: Orders, asked: Asked) -> Any:
    return sandbox.interaction(asked.path["interaction"])


ROUTES = (
    Order("GET", "/sandbox/state", "The whole world: guilds, channels, threads, members, commands.", _state),
    Order("GET", "/sandbox/requests", "Every REST request the bot made, with its status.", _requests),
    Order(
        "GET",
        "/sandbox/channels/{channel}/messages",
        "The messages of a channel or thread, oldest first; ?as=mia: only if she sees it.",
        _list,
    ),
    Order(
        "GET",
        "/sandbox/interactions/{interaction}",
        "What became of an interaction, with its ephemeral messages.",
        _interaction,
    ),
    Order(
        "POST",
        "/sandbox/messages",
        "Say something: {user, channel, content, reply_to?, attachments?: [{filename, content}]}.",
        _say,
    ),
    Order("PATCH", "/sandbox/messages/{message}", "Edit one's own message: {user, content}.", _reword),
    Order(
        "POST", "/sandbox/messages/{message}/delete", "Delete a message, as {user} if given.", _delete_message
    ),
    Order(
        "POST",
        "/sandbox/channels/{channel}/messages/delete",
        "Delete several messages at once: {messages: [id]}.",
        _delete_messages,
    ),
    Order(
        "POST",
        "/sandbox/press",
        "Press a button or pick from a select: {user, message, custom_id, values?, forge?}.",
        _press,
    ),
    Order("POST", "/sandbox/commands", "Run a command: {user, channel, command, options?}.", _command),
    Order(
        "POST",
        "/sandbox/autocomplete",
        "Type into an option: {user, channel, command, options, focused}.",
        _autocomplete,
    ),
    Order(
        "POST",
        "/sandbox/context-menu",
        "Use a menu on a message or user: {user, channel, command, target}.",
        _context_menu,
    ),
    Order(
        "POST", "/sandbox/modals", "Submit a modal: {user, interaction, values, forge_custom_id?}.", _modal
    ),
    Order(
        "POST", "/sandbox/threads", "Open a thread: {user, channel, name, message?, private?}.", _open_thread
    ),
    Order(
        "PATCH", "/sandbox/threads/{thread}", "Change a thread: {locked?, archived?, name?}.", _change_thread
    ),
    Order(
        "PUT",
        "/sandbox/channels/{channel}/overwrites/{target}",
        "Set what a role, a user or everyone may do there: {allow, deny}.",
        _set_overwrite,
    ),
    Order("DELETE", "/sandbox/channels/{channel}/overwrites/{target}", "Drop that again.", _drop_overwrite),
    Order("DELETE", "/sandbox/channels/{channel}", "Delete a channel or thread.", _delete_channel),
    Order("POST", "/sandbox/roles", "Create a role: {name, permissions?, mentionable?}.", _create_role),
    Order("PATCH", "/sandbox/roles/{role}", "Change what a role may do: {permissions}.", _change_role),
    Order("DELETE", "/sandbox/roles/{role}", "Delete a role.", _delete_role),
    Order("POST", "/sandbox/members", "Add a member: {name, roles?}.", _add_member),
    Order("DELETE", "/sandbox/members/{user}", "Remove a member.", _remove_member),
    Order("PUT", "/sandbox/members/{user}/roles/{role}", "Give a member a role.", _give_role),
    Order("DELETE", "/sandbox/members/{user}/roles/{role}", "Take a role from a member.", _take_role),
    Order(
        "POST",
        "/sandbox/faults",
        "Plan trouble: {kind, method?, path?, when?, times?, chance?, retry_after?, hang_for?, "
        "effect_after?}.",
        _fail,
    ),
    Order("DELETE", "/sandbox/faults", "Forget the trouble still planned.", _clear_faults),
    Order("POST", "/sandbox/disconnect", "Drop the gateway: {resumable?, code?}.", _disconnect),
)


Answering = Callable[[web.Request], Awaitable[web.Response]]


def add_routes(app: web.Application, sandbox: Orders) -> None:
    app.router.add_get("/", _listing)  # whoever opens the bare address in a browser sees what there is
    app.router.add_get("/sandbox", _listing)
    for route in ROUTES:
        app.router.add_route(route.method, route.path, _answering(sandbox, route.act))
    app.router.add_route("*", "/sandbox/{path:.*}", _nowhere)


async def _listing(request: web.Request) -> web.Response:
    return json_answer([{"method": r.method, "path": r.path, "does": r.does} for r in ROUTES])


async def _nowhere(request: web.Request) -> web.Response:
    told = f"There is no {request.method} {request.path}: GET /sandbox lists what there is."
    return json_answer({"error": told}, 404)


def _answering(sandbox: Orders, act: Callable[[Orders, Asked], Any]) -> Answering:
    async def answer(request: web.Request) -> web.Response:
        try:
            asked = Asked(path=dict(request.match_info), query=dict(request.query), body=await _body(request))
            told = act(sandbox, asked)
            return json_answer(await told if isinstance(told, Awaitable) else told)
        except Declined as no:
            return json_answer({"error": no.text}, no.status)
        except Missing as no:
            return json_answer({"error": str(no)}, 400)

    return answer


async def _body(request: web.Request) -> Json:
    raw = await request.read()
    try:
        body = json.loads(raw) if raw.strip() else {}
    except ValueError as broken:
        raise Declined(f"The body is no JSON: {broken}.", status=400) from broken
    if not isinstance(body, dict):
        raise Declined("The body is no JSON object: send {...}.", status=400)
    return body
