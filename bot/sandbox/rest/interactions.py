"""REST: what the bot answers to interactions; the token in the path is all it takes."""

from __future__ import annotations

from bot.sandbox.model.json import Json
from bot.sandbox.rest.request import Call, Route
from bot.sandbox.services import interaction_responses as callbacks
from bot.sandbox.services.interactions import Interaction


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

ROUTES = (
    Route("POST", "/interactions/{interaction}/{token}/callback", callback, with_token_in_path=True),
    Route("POST", WEBHOOK, follow_up, with_token_in_path=True),
    Route("GET", WEBHOOK + "/messages/{message}", message, with_token_in_path=True),
    Route("PATCH", WEBHOOK + "/messages/{message}", change, with_token_in_path=True),
    Route("DELETE", WEBHOOK + "/messages/{message}", delete, with_token_in_path=True),
)
