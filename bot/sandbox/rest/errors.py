"""Errors: Discord's REST errors by code, and errors of the control API."""

from __future__ import annotations

from collections.abc import Sequence

from bot.sandbox.model.json import Json

UNKNOWN_CHANNEL = 10003
UNKNOWN_GUILD = 10004
UNKNOWN_MEMBER = 10007
UNKNOWN_MESSAGE = 10008
UNKNOWN_USER = 10013
UNKNOWN_EMOJI = 10014
UNKNOWN_WEBHOOK = 10015
UNKNOWN_INTERACTION = 10062
MAXIMUM_ATTACHMENTS = 30015
MAXIMUM_COMMANDS = 30032
FLAGGED_FOR_SPAM = 20026
OPENING_DMS_TOO_FAST = 40003
TOO_LARGE = 40005
ALREADY_ACKNOWLEDGED = 40060
MISSING_ACCESS = 50001
CANNOT_EDIT_OTHERS_MESSAGE = 50005
EMPTY_MESSAGE = 50006
CANNOT_MESSAGE_USER = 50007
NOT_A_TEXT_CHANNEL = 50008
MISSING_PERMISSIONS = 50013
SYSTEM_MESSAGE = 50021
WRONG_CHANNEL_TYPE = 50024
EXPIRED_WEBHOOK_TOKEN = 50027
INVALID_RECIPIENTS = 50033
INVALID_FORM_BODY = 50035
NO_MUTUAL_GUILDS = 50278
ARCHIVED_THREAD = 50083
INVALID_JSON = 50109
THREAD_EXISTS = 160004
THREAD_LOCKED = 160005
TOO_MANY_ACTIVE_THREADS = 160006
BLOCKED_BY_AUTOMOD = 200000
TITLE_BLOCKED_BY_AUTOMOD = 200001
HARMFUL_LINK = 240000

_DEFAULTS: dict[int, tuple[int, str]] = {
    UNKNOWN_CHANNEL: (404, "Unknown Channel"),
    UNKNOWN_GUILD: (404, "Unknown Guild"),
    UNKNOWN_MEMBER: (404, "Unknown Member"),
    UNKNOWN_MESSAGE: (404, "Unknown Message"),
    UNKNOWN_USER: (404, "Unknown User"),
    UNKNOWN_EMOJI: (400, "Unknown Emoji"),
    UNKNOWN_WEBHOOK: (404, "Unknown Webhook"),
    UNKNOWN_INTERACTION: (404, "Unknown interaction"),
    MAXIMUM_ATTACHMENTS: (400, "Maximum number of attachments in a message reached (10)"),
    MAXIMUM_COMMANDS: (400, "Maximum number of application commands reached (100)"),
    FLAGGED_FOR_SPAM: (403, "Your bot has been flagged by our anti-spam system for abusive behavior."),
    OPENING_DMS_TOO_FAST: (403, "You are opening direct messages too fast."),
    TOO_LARGE: (413, "Request entity too large"),
    ALREADY_ACKNOWLEDGED: (400, "Interaction has already been acknowledged."),
    MISSING_ACCESS: (403, "Missing Access"),
    CANNOT_EDIT_OTHERS_MESSAGE: (403, "Cannot edit a message authored by another user"),
    EMPTY_MESSAGE: (400, "Cannot send an empty message"),
    CANNOT_MESSAGE_USER: (403, "Cannot send messages to this user"),
    NO_MUTUAL_GUILDS: (403, "Cannot send messages to this user due to having no mutual guilds"),
    NOT_A_TEXT_CHANNEL: (400, "Cannot send messages in a non-text channel"),
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
    TOO_MANY_ACTIVE_THREADS: (400, "Maximum number of active threads reached"),
    BLOCKED_BY_AUTOMOD: (400, "Message was blocked by automatic moderation"),
    TITLE_BLOCKED_BY_AUTOMOD: (400, "Title was blocked by automatic moderation"),
    HARMFUL_LINK: (400, "Message blocked by harmful links filter"),
}


class DiscordApiError(Exception):
    """Error response of the REST API: HTTP status, Discord error code, message, form errors."""

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
    """Build the error for a Discord error code, with its default status and message."""
    default_status, default_message = _DEFAULTS[code]
    return DiscordApiError(status or default_status, code, message or default_message)


def unauthorized() -> DiscordApiError:
    return DiscordApiError(401, 0, "401: Unauthorized")


def not_found() -> DiscordApiError:
    """Build the 404 for a route that does not exist."""
    return DiscordApiError(404, 0, "404: Not Found")


class FormErrors:
    """Collects form errors of a body, nested as Discord's `errors` object, to raise them together."""

    def __init__(self) -> None:
        self.tree: Json = {}

    def add(self, path: Sequence[str | int], code: str, message: str) -> None:
        node = self.tree
        for step in path:
            node = node.setdefault(str(step), {})
        node.setdefault("_errors", []).append({"code": code, "message": message})

    def raise_if_any(self) -> None:
        """Raise `DiscordApiError` 50035 if an error was added."""
        if self.tree:
            status, message = _DEFAULTS[INVALID_FORM_BODY]
            raise DiscordApiError(status, INVALID_FORM_BODY, message, self.tree)


def invalid_form(path: Sequence[str | int], code: str, message: str) -> DiscordApiError:
    """Build `DiscordApiError` 50035 with a single form error."""
    errors = FormErrors()
    errors.add(path, code, message)
    return DiscordApiError(400, INVALID_FORM_BODY, _DEFAULTS[INVALID_FORM_BODY][1], errors.tree)


class ControlError(Exception):
    """A user action Discord's client would not allow, or an invalid control request; `text` says why."""

    def __init__(self, text: str, status: int = 403) -> None:
        super().__init__(text)
        self.text = text
        self.status = status
