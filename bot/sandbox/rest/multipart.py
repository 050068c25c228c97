"""The body of a REST request: JSON, or JSON and files as multipart."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import BodyPartReader, web

from bot.sandbox.model.json import Json
from bot.sandbox.rest.errors import INVALID_JSON, TOO_LARGE, refused
from bot.sandbox.validation.fields import objects
from bot.sandbox.validation.messages import File

_FILE_FIELD = re.compile(r"files\[(\d+)\]|file(\d*)")
Parts = dict[str, tuple[str | None, bytes]]


async def read_form(request: web.Request) -> tuple[Any, dict[int, File]]:
    """The JSON (an empty body is {}) and the files by the n of files[n]; raises `Refused`."""
    if not request.content_type.startswith("multipart/"):
        return parse(await _read(request)), {}
    parts = await _read_parts(request)
    body = parse(parts.pop("payload_json", (None, b""))[1])
    return body, _files(parts, body)


async def _read(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise refused(TOO_LARGE) from None


def parse(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw.strip() else {}
    except ValueError:
        raise refused(INVALID_JSON) from None


async def _read_parts(request: web.Request) -> Parts:
    parts: Parts = {}
    try:
        async for part in await request.multipart():
            if isinstance(part, BodyPartReader) and part.name:
                parts[part.name] = (part.filename, bytes(await part.read(decode=True)))
    except ValueError:
        raise refused(INVALID_JSON) from None
    return parts


def _files(parts: Parts, body: object) -> dict[int, File]:
    told = _told_of(body)
    files = {}
    for name, (filename, content) in parts.items():
        field = _FILE_FIELD.fullmatch(name)
        if field:
            number = int(field.group(1) or field.group(2) or 0)
            about = told.get(str(number), {})
            files[number] = File(
                filename=str(about.get("filename") or filename or "unknown"),
                content=content,
                description=about.get("description"),
            )
    return files


def _told_of(body: object) -> Mapping[str, Json]:
    """What the body says of its files, wherever a message stands in it: itself, a forum post, a callback."""
    places = [body] if isinstance(body, dict) else []
    places += [
        place[key] for place in places[:1] for key in ("message", "data") if isinstance(place.get(key), dict)
    ]
    listed = [a for place in places for a in objects(place.get("attachments"))]
    return {str(attachment.get("id")): attachment for attachment in listed}
