"""How the stand-in says no: to the bot in Discord's codes, to whoever acts as a user in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from bot.sandbox.model.json import Json

UNKNOWN_CHANNEL = 10003
UNKNOWN_GUILD = 10004
UNKNOWN_MEMBER = 10007
UNKNOWN_MESSAGE = 10008
UNKNOWN_USER = 10013
UNKNOWN_WEBHOOK = 10015
UNKNOWN_INTERACTION = 10062
MAXIMUM_ATTACHMENTS = 30015
MAXIMUM_COMMANDS = 30032
TOO_LARGE = 40005
ALREADY_ACKNOWLEDGED = 40060
MISSING_ACCESS = 50001
CANNOT_EDIT_OTHERS_MESSAGE = 50005
EMPTY_MESSAGE = 50006
CANNOT_SEND_TO_USER = 50007
WRONG_CHANNEL_KIND = 50008
MISSING_PERMISSIONS = 50013
SYSTEM_MESSAGE = 50021
WRONG_CHANNEL_TYPE = 50024
EXPIRED_WEBHOOK_TOKEN = 50027
INVALID_RECIPIENTS = 50033
INVALID_FORM_BODY = 50035
ARCHIVED_THREAD = 50083
INVALID_JSON = 50109
THREAD_EXISTS = 160004
THREAD_LOCKED = 160005

_DEFAULTS: dict[int, tuple[int, str]] = {
    UNKNOWN_CHANNEL: (404, "Unknown Channel"),
    UNKNOWN_GUILD: (404, "Unknown Guild"),
    UNKNOWN_MEMBER: (404, "Unknown Member"),
    UNKNOWN_MESSAGE: (404, "Unknown Message"),
    UNKNOWN_USER: (404, "Unknown User"),
    UNKNOWN_WEBHOOK: (404, "Unknown Webhook"),
    UNKNOWN_INTERACTION: (404, "Unknown interaction"),
    MAXIMUM_ATTACHMENTS: (400, "Maximum number of attachments in a message reached (10)"),
    MAXIMUM_COMMANDS: (400, "Maximum number of application commands reached (100)"),
    TOO_LARGE: (413, "Request entity too large"),
    ALREADY_ACKNOWLEDGED: (400, "Interaction has already been acknowledged."),
    MISSING_ACCESS: (403, "Missing Access"),
    CANNOT_EDIT_OTHERS_MESSAGE: (403, "Cannot edit a message authored by another user"),
    EMPTY_MESSAGE: (400, "Cannot send an empty message"),
    CANNOT_SEND_TO_USER: (403, "Cannot send messages to this user"),
    WRONG_CHANNEL_KIND: (400, "Cannot send messages in a non-text channel"),
    MISSING_PERMISSIONS: (403, "Missing Permissions"),
    SYSTEM_MESSAGE: (403, "Cannot execute action on a system message"),
    WRONG_CHANNEL_TYPE: (400, "Cannot execute action on this channel type"),
    EXPIRED_WEBHOOK_TOKEN: (401, "Invalid Webhook Token"),
    INVALID_RECIPIENTS: (400, "Invalid Recipient(s)"),
    INVALID_FORM_BODY: (400, "Invalid Form Body"),
    ARCHIVED_THREAD: (400, "Thread is archived"),
    INVALID_JSON: (400, "The request body contains invalid JSON."),
    THREAD_EXISTS: (400, "A thread has already been created for this message"),
    THREAD_LOCKED: (400, "Thread is locked"),
}


class DiscordApiError(Exception):
    """Discord refuses the request with this status and error body."""

    def __init__(self, status: int, code: int, message: str, errors: Json | None = None) -> None:
        super().__init__(f"{status} {message} ({code})")
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors

    def body(self) -> Json:
        body: Json = {"message": self.message, "code": self.code}
        return body | {"errors": self.errors} if self.errors else body


def discord_error(code: int, message: str | None = None, *, status: int | None = None) -> DiscordApiError:
    """Discord's refusal by its code, to be raised: its usual status and words unless others are given."""
    default_status, default_message = _DEFAULTS[code]
    return DiscordApiError(status or default_status, code, message or default_message)


def unauthorized() -> DiscordApiError:
    return DiscordApiError(401, 0, "401: Unauthorized")


def not_found() -> DiscordApiError:
    """For a route Discord does not have."""
    return DiscordApiError(404, 0, "404: Not Found")


class FormErrors:
    """Gathers what is wrong with a body, so that one refusal names it all, nested as Discord nests it."""

    def __init__(self) -> None:
        self.tree: Json = {}

    def add(self, path: Sequence[str | int], code: str, message: str) -> None:
        node = self.tree
        for step in path:
            node = node.setdefault(str(step), {})
        node.setdefault("_errors", []).append({"code": code, "message": message})

    def raise_if_any(self) -> None:
        """Raises `DiscordApiError` (50035) if anything was wrong."""
        if self.tree:
            status, message = _DEFAULTS[INVALID_FORM_BODY]
            raise DiscordApiError(status, INVALID_FORM_BODY, message, self.tree)


def invalid_form(path: Sequence[str | int], code: str, message: str) -> DiscordApiError:
    """The refusal of a body with one thing wrong, to be raised."""
    errors = FormErrors()
    errors.add(path, code, message)
    return DiscordApiError(400, INVALID_FORM_BODY, _DEFAULTS[INVALID_FORM_BODY][1], errors.tree)


class ControlError(Exception):
    """Discord would not let this user do that; the text says why and what to do."""

    def __init__(self, text: str, status: int = 403) -> None:
        super().__init__(text)
        self.text = text
        self.status = status
