"""Validation of messages: content, embeds, files, components and allowed_mentions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.sandbox.model.json import Json
from bot.sandbox.rest.errors import EMPTY_MESSAGE, MAXIMUM_ATTACHMENTS, TOO_LARGE, FormErrors, discord_error
from bot.sandbox.validation.components import check_rows
from bot.sandbox.validation.fields import (
    LINKS,
    PICTURES,
    Path,
    add_required_error,
    check_list,
    check_range,
    check_text,
    check_url,
    json_objects,
    stripped,
)

MAX_FILES = 10
MAX_FILE_BYTES = 10 * 1024 * 1024
MAX_REQUEST_BYTES = 25 * 1024 * 1024
MAX_EMBEDS = 10
MAX_EMBED_TEXT = 6000  # over all embeds of a message
_CONTENT_KEYS = ("content", "embeds", "components", "attachments", "sticker_ids", "poll")
_EMBED_CONTENT_KEYS = ("title", "description", "fields", "image", "thumbnail", "author", "footer")


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    filename: str
    content: bytes
    description: str | None = None


def check_new_message(body: Json, files: Mapping[int, File], limit: int = MAX_FILE_BYTES) -> None:
    """Validate a new message; `limit` is the maximum file size in bytes."""
    check_files(files, limit)
    errors = FormErrors()
    nonce = body.get("nonce")
    if nonce is not None and len(str(nonce)) > 25:
        errors.add(("nonce",), "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    if body.get("enforce_nonce") and not nonce:
        add_required_error(errors, ("nonce",))
    _check_body(errors, body)
    errors.raise_if_any()
    if not files and not any(_has_content(body, key) for key in _CONTENT_KEYS):
        raise discord_error(EMPTY_MESSAGE)


def check_edit(body: Json, files: Mapping[int, File], current: Json, limit: int = MAX_FILE_BYTES) -> None:
    """Validate an edit of the message `current`, which must not end up empty."""
    errors = FormErrors()
    result = check_list(
        errors, body.get("attachments", current.get("attachments")), ("attachments",), MAX_FILES
    )
    if len([a for a in result if not _uploaded(a, files)]) + len(files) > MAX_FILES:
        raise discord_error(MAXIMUM_ATTACHMENTS)
    check_files(files, limit)
    after = current | body
    _check_body(errors, body)
    errors.raise_if_any()
    if not files and not any(_has_content(after, key) for key in _CONTENT_KEYS):
        raise discord_error(EMPTY_MESSAGE)


def check_files(files: Mapping[int, File], limit: int = MAX_FILE_BYTES) -> None:
    if len(files) > MAX_FILES:
        raise discord_error(MAXIMUM_ATTACHMENTS)
    sizes = [len(file.content) for file in files.values()]
    if any(size > limit for size in sizes) or sum(sizes) > max(MAX_REQUEST_BYTES, limit):
        raise discord_error(TOO_LARGE)


def strip_text(body: Json) -> Json:
    """Return the body with whitespace stripped from its content and embeds, as Discord stores it."""
    result = dict(body)
    if isinstance(body.get("content"), str):
        result["content"] = body["content"].strip()
    if body.get("embeds"):
        result["embeds"] = [_strip_strings(embed) for embed in body["embeds"]]
    return result


def _strip_strings(part: Json) -> Json:
    result: Json = {}
    for key, value in part.items():
        if isinstance(value, str):
            result[key] = value.strip()
        elif isinstance(value, dict):
            result[key] = _strip_strings(value)
        elif isinstance(value, list):
            result[key] = [_strip_strings(item) if isinstance(item, dict) else item for item in value]
        else:
            result[key] = value
    return result


def _uploaded(attachment: Json, files: Mapping[int, File]) -> bool:
    number = str(attachment.get("id"))
    return number.isdigit() and int(number) in files


def _has_content(body: Json, key: str) -> bool:
    value = body.get(key)
    return bool(value.strip() if isinstance(value, str) else value)


def _check_body(errors: FormErrors, body: Json) -> None:
    check_text(errors, body, ("content",), 2000)
    check_range(errors, body, ("flags",), 0, (1 << 31) - 1)
    check_embeds(errors, body.get("embeds"))
    _check_allowed_mentions(errors, body.get("allowed_mentions"))
    check_rows(errors, body.get("components"))


def _check_allowed_mentions(errors: FormErrors, allowed: object) -> None:
    if not isinstance(allowed, dict):
        return
    parsed = _list_of(allowed, "parse")
    for noun in ("users", "roles"):
        ids = _list_of(allowed, noun)
        if len(ids) > 100:
            errors.add(("allowed_mentions", noun), "BASE_TYPE_MAX_LENGTH", "Must be 100 or fewer in length.")
        if ids and noun in parsed:
            message = f'parse:["{noun}"] and {noun}: [ids...] are mutually exclusive.'
            errors.add(("allowed_mentions",), "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", message)
    for index, kind in enumerate(parsed):
        if kind not in ("users", "roles", "everyone"):
            message = "Value must be one of ('users', 'roles', 'everyone')."
            errors.add(("allowed_mentions", "parse", index), "BASE_TYPE_CHOICES", message)


def _list_of(allowed: Json, key: str) -> list[object]:
    value = allowed.get(key)
    return value if isinstance(value, list) else []


def check_embeds(errors: FormErrors, embeds: object, path: Path = ("embeds",)) -> None:
    items = check_list(errors, embeds, path, MAX_EMBEDS)
    for index, embed in enumerate(items):
        _check_embed(errors, embed, (*path, index))
    if sum(embed_length(embed) for embed in items) > MAX_EMBED_TEXT:
        message = f"Embed size exceeds maximum size of {MAX_EMBED_TEXT}"
        errors.add(path, "MAX_EMBED_SIZE_EXCEEDED", message)


def embed_length(embed: Json) -> int:
    """Count the characters of an embed towards the limit of 6000."""
    return sum(len(text) for text in _embed_texts(embed))


def message_texts(body: Json) -> list[str]:
    """List the texts of a message that people read: its content and the texts of its embeds."""
    embeds = json_objects(body.get("embeds"))
    return [stripped(body.get("content"))] + [text for embed in embeds for text in _embed_texts(embed)]


def _embed_texts(embed: Json) -> list[str]:
    fields = json_objects(embed.get("fields"))
    texts = [embed.get("title"), embed.get("description")]
    texts += [_embed_part(embed, "footer").get("text"), _embed_part(embed, "author").get("name")]
    texts += [field.get(key) for field in fields for key in ("name", "value")]
    return [stripped(text) for text in texts]


def _embed_part(embed: Json, key: str) -> Json:
    part = embed.get(key)
    return part if isinstance(part, dict) else {}


def _check_embed(errors: FormErrors, embed: Json, path: Path) -> None:
    if not any(_has_content(embed, key) for key in _EMBED_CONTENT_KEYS):
        add_required_error(errors, (*path, "description"))
    check_text(errors, embed, (*path, "title"), 256)
    check_text(errors, embed, (*path, "description"), 4096)
    check_range(errors, embed, (*path, "color"), 0, 0xFFFFFF)
    check_url(errors, embed, (*path, "url"), LINKS)
    _check_timestamp(errors, embed, (*path, "timestamp"))
    _check_pictures(errors, embed, path)
    for index, field in enumerate(check_list(errors, embed.get("fields"), (*path, "fields"), 25)):
        check_text(errors, field, (*path, "fields", index, "name"), 256, minimum=1)
        check_text(errors, field, (*path, "fields", index, "value"), 1024, minimum=1)


def _check_pictures(errors: FormErrors, embed: Json, path: Path) -> None:
    for key in ("image", "thumbnail"):
        if isinstance(embed.get(key), dict):
            check_url(errors, embed[key], (*path, key, "url"), PICTURES)
    for key, text, maximum in (("footer", "text", 2048), ("author", "name", 256)):
        part = embed.get(key)
        if isinstance(part, dict):
            check_text(errors, part, (*path, key, text), maximum, minimum=1)
            check_url(errors, part, (*path, key, "icon_url"), PICTURES)
    check_url(errors, _embed_part(embed, "author"), (*path, "author", "url"), LINKS)


def _check_timestamp(errors: FormErrors, embed: Json, path: Path) -> None:
    value = embed.get("timestamp")
    if value is None:
        return
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        message = f"Could not parse {value}. Should be ISO8601."
        errors.add(path, "DATE_TIME_TYPE_PARSE", message)
