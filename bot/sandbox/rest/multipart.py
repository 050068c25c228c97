"""Parsing of request bodies: JSON, or multipart with JSON and files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import BodyPartReader, web

from bot.sandbox.model.json import Json
from bot.sandbox.rest.errors import INVALID_JSON, TOO_LARGE, discord_error
from bot.sandbox.validation.fields import json_objects
from bot.sandbox.validation.messages import File

_FILE_FIELD = re.compile(r"files\[(\d+)\]|file(\d*)")
Parts = dict[str, tuple[str | None, bytes]]


async def read_body(request: web.Request) -> tuple[Any, dict[int, File]]:
    """Read the JSON (an empty body is {}) and the files by the n of files[n]; raises `DiscordApiError`."""
    if not request.content_type.startswith("multipart/"):
        return parse_json(await _read_raw(request)), {}
    parts = await _read_parts(request)
    body = parse_json(parts.pop("payload_json", (None, b""))[1])
    return body, _files(parts, body)


async def _read_raw(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise discord_error(TOO_LARGE) from None


def parse_json(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw.strip() else {}
    except ValueError:
        raise discord_error(INVALID_JSON) from None


async def _read_parts(request: web.Request) -> Parts:
    parts: Parts = {}
    try:
        async for part in await request.multipart():
            if isinstance(part, BodyPartReader) and part.name:
                parts[part.name] = (part.filename, bytes(await part.read(decode=True)))
    except ValueError:
        raise discord_error(INVALID_JSON) from None
    return parts


def _files(parts: Parts, body: object) -> dict[int, File]:
    info = _attachment_info(body)
    files = {}
    for name, (filename, content) in parts.items():
        field = _FILE_FIELD.fullmatch(name)
        if field:
            number = int(field.group(1) or field.group(2) or 0)
            details = info.get(str(number), {})
            files[number] = File(
                filename=str(details.get("filename") or filename or "unknown"),
                content=content,
                description=details.get("description"),
            )
    return files


def _attachment_info(body: object) -> Mapping[str, Json]:
    """Collect the `attachments` entries by id, from the body or the message nested in it."""
    messages = [body] if isinstance(body, dict) else []
    messages += [
        message[key]
        for message in messages[:1]
        for key in ("message", "data")
        if isinstance(message.get(key), dict)
    ]
    attachments = [a for message in messages for a in json_objects(message.get("attachments"))]
    return {str(attachment.get("id")): attachment for attachment in attachments}
