"""Limits of messages, files and threads: Discord's error codes and paths, over HTTP."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from bot.sandbox.model.json import Json
from tests.sandbox.raw_api import RawApi, form_error_codes, serve_raw_api


@pytest.fixture
async def api() -> AsyncIterator[RawApi]:
    async with serve_raw_api() as served:
        yield served


def embed(**parts: Any) -> Json:
    return {"embeds": [{"description": "d"} | parts]}


def row(*components: Json) -> Json:
    return {"components": [{"type": 1, "components": list(components)}]}


def button(**changes: Any) -> Json:
    return {"type": 2, "style": 1, "label": "Go", "custom_id": "go"} | changes


def buttons(count: int) -> list[Json]:
    return [button(custom_id=str(n)) for n in range(count)]


def link(url: Any) -> Json:
    return {"type": 2, "style": 5, "label": "Go", "url": url}


def select(count: int = 1, **changes: Any) -> Json:
    options = [{"label": str(n), "value": str(n)} for n in range(count)]
    return {"type": 3, "custom_id": "pick", "options": options} | changes


BAD = "BASE_TYPE_BAD_LENGTH"
MAX = "BASE_TYPE_MAX_LENGTH"
REQUIRED = "BASE_TYPE_REQUIRED"
CHOICES = "BASE_TYPE_CHOICES"
SCHEME = "URL_TYPE_INVALID_SCHEME"
BUTTON_0 = "components.0.components.0"

PAST_A_LIMIT: list[tuple[str, Json, str, str]] = [
    ("content", {"content": "x" * 2001}, "content", MAX),
    ("content type", {"content": 5}, "content", "STRING_TYPE_CONVERT"),
    ("nonce", {"content": "x", "nonce": "n" * 26}, "nonce", MAX),
    ("embeds", {"embeds": [{"title": "t"}] * 11}, "embeds", MAX),
    ("empty embed", {"content": "x", "embeds": [{}]}, "embeds.0.description", REQUIRED),
    ("embed title", embed(title="x" * 257), "embeds.0.title", MAX),
    ("embed description", embed(description="x" * 4097), "embeds.0.description", MAX),
    ("fields", embed(fields=[{"name": "n", "value": "v"}] * 26), "embeds.0.fields", MAX),
    ("field name", embed(fields=[{"name": "x" * 257, "value": "v"}]), "embeds.0.fields.0.name", BAD),
    ("field value", embed(fields=[{"name": "n", "value": "x" * 1025}]), "embeds.0.fields.0.value", BAD),
    ("empty field name", embed(fields=[{"name": "", "value": "v"}]), "embeds.0.fields.0.name", REQUIRED),
    ("blank field value", embed(fields=[{"name": "n", "value": " "}]), "embeds.0.fields.0.value", REQUIRED),
    ("footer", embed(footer={"text": "x" * 2049}), "embeds.0.footer.text", BAD),
    ("author", embed(author={"name": "x" * 257}), "embeds.0.author.name", BAD),
    ("total", {"embeds": [{"description": "x" * 3001}] * 2}, "embeds", "MAX_EMBED_SIZE_EXCEEDED"),
    ("empty url", embed(url=""), "embeds.0.url", SCHEME),
    ("ftp url", embed(url="ftp://a.example"), "embeds.0.url", SCHEME),
    ("attached url", embed(url="attachment://a.png"), "embeds.0.url", SCHEME),
    ("no host", embed(url="https://"), "embeds.0.url", "URL_TYPE_INVALID_URL"),
    ("data image", embed(image={"url": "data:image/png;base64,AA"}), "embeds.0.image.url", SCHEME),
    ("empty icon", embed(footer={"text": "t", "icon_url": ""}), "embeds.0.footer.icon_url", SCHEME),
    ("timestamp", embed(timestamp="yesterday"), "embeds.0.timestamp", "DATE_TIME_TYPE_PARSE"),
    ("color", embed(color=0x1000000), "embeds.0.color", "NUMBER_TYPE_MAX"),
    ("rows", {"components": [row(b)["components"][0] for b in buttons(6)]}, "components", MAX),
    ("row of six", row(*buttons(6)), "components.0.components", BAD),
    ("empty row", row(), "components.0.components", BAD),
    ("no row", {"components": [button()]}, "components.0.type", CHOICES),
    ("input in a row", row({"type": 4, "custom_id": "x"}), f"{BUTTON_0}.type", CHOICES),
    ("two wide", row(select(), button()), "components.0.components", "COMPONENT_LAYOUT_WIDTH_EXCEEDED"),
    ("label", row(button(label="x" * 81)), f"{BUTTON_0}.label", MAX),
    ("bare button", row(button(label=None)), BUTTON_0, "BUTTON_COMPONENT_LABEL_OR_EMOJI_REQUIRED"),
    ("style", row(button(style=9)), f"{BUTTON_0}.style", CHOICES),
    ("custom id", row(button(custom_id="x" * 101)), f"{BUTTON_0}.custom_id", BAD),
    ("no custom id", row(button(custom_id="")), f"{BUTTON_0}.custom_id", REQUIRED),
    (
        "same custom id",
        row(button(), button()),
        "components.0.components.1.custom_id",
        "COMPONENT_CUSTOM_ID_DUPLICATED",
    ),
    ("long link", row(link("https://a.example/" + "x" * 500)), f"{BUTTON_0}.url", MAX),
    ("link scheme", row(link("javascript:alert(1)")), f"{BUTTON_0}.url", SCHEME),
    ("link without url", row(link(None)), f"{BUTTON_0}.url", "BUTTON_COMPONENT_URL_REQUIRED"),
    ("options", row(select(26)), f"{BUTTON_0}.options", BAD),
    ("no options", row(select(0)), f"{BUTTON_0}.options", BAD),
    ("placeholder", row(select(placeholder="x" * 151)), f"{BUTTON_0}.placeholder", MAX),
    ("max values", row(select(max_values=26)), f"{BUTTON_0}.max_values", "NUMBER_TYPE_MAX"),
    ("more values than options", row(select(2, max_values=3)), f"{BUTTON_0}.options", BAD),
    ("min over max", row(select(3, min_values=3, max_values=2)), f"{BUTTON_0}.min_values", "NUMBER_TYPE_MAX"),
    ("min without max", row(select(3, min_values=2)), f"{BUTTON_0}.min_values", "NUMBER_TYPE_MAX"),
    (
        "two defaults",
        row(select(options=[{"label": n, "value": n, "default": True} for n in "ab"])),
        f"{BUTTON_0}.options",
        MAX,
    ),
    (
        "two default users",
        row({"type": 5, "custom_id": "who", "default_values": [{"id": "1", "type": "user"}] * 2}),
        f"{BUTTON_0}.default_values",
        MAX,
    ),
    (
        "option label",
        row(select(options=[{"label": "x" * 101, "value": "v"}])),
        f"{BUTTON_0}.options.0.label",
        BAD,
    ),
    ("text of a V2 layout", {"components": [{"type": 10, "content": "x"}]}, "components.0.type", CHOICES),
    (
        "mentions twice",
        {"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]}},
        "allowed_mentions",
        "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
    ),
]


@pytest.mark.parametrize(
    ("body", "where", "code"), [t[1:] for t in PAST_A_LIMIT], ids=[t[0] for t in PAST_A_LIMIT]
)
async def test_a_message_past_a_limit_is_rejected_with_the_path(
    api: RawApi, body: Json, where: str, code: str
) -> None:
    status, answer = await api.send(body)

    assert (status, answer["code"], answer["message"]) == (400, 50035, "Invalid Form Body")
    assert form_error_codes(answer["errors"])[where] == code
    assert api.sandbox.messages("tickets") == []


AT_THE_LIMIT: dict[str, Json] = {
    "content in code points": {"content": "😀" * 2000},
    "trimmed": {"content": " " + "x" * 2000 + "\n"},
    "embed": embed(title="x" * 256, description="x" * 4096, url="https://a.example/b"),
    "fields": embed(fields=[{"name": "n" * 5, "value": "v" * 200}] * 25),
    "total": {"embeds": [{"description": "x" * 3000}] * 2},
    "attached image": embed(image={"url": "attachment://a.png"}),
    "rows": {"components": [row(*buttons(25)[5 * n : 5 * n + 5])["components"][0] for n in range(5)]},
    "button": row(button(label="x" * 80, custom_id="x" * 100)),
    "select": row(select(25, placeholder="x" * 150)),
    "values": row(select(3, min_values=2, max_values=3)),
    "defaults": row(
        select(options=[{"label": n, "value": n, "default": True} for n in "ab"], min_values=0, max_values=2)
    ),
    "nonce": {"content": "x", "nonce": "n" * 25},
}


@pytest.mark.parametrize("body", AT_THE_LIMIT.values(), ids=AT_THE_LIMIT)
async def test_a_message_at_the_limit_is_sent(api: RawApi, body: Json) -> None:
    status, answer = await api.send(body)

    assert status == 200, answer
    assert len(api.sandbox.messages("tickets")) == 1


@pytest.mark.parametrize(
    ("emoji", "status"),
    [
        ("✅", 204),
        ("1️⃣", 204),
        ("🇩🇪", 204),
        ("❤️", 204),
        ("👍🏽", 204),
        ("x", 400),
        ("smile", 400),
        ("ok✅", 400),
        ("party:1", 400),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_reaction_is_an_emoji(api: RawApi, method: str, emoji: str, status: int) -> None:
    _, sent = await api.send({"content": "x"})

    answer = await api.call(method, f"{api.messages}/{sent['id']}/reactions/{quote(emoji)}/@me")

    assert answer[0] == status
    assert status == 204 or answer[1]["code"] == 10014


@pytest.mark.parametrize("body", [{}, {"content": "  "}, {"embeds": []}, {"components": []}])
async def test_an_empty_message_is_rejected(api: RawApi, body: Json) -> None:
    status, answer = await api.send(body)

    assert (status, answer["code"]) == (400, 50006)


async def test_an_edit_may_not_empty_a_message(api: RawApi) -> None:
    _, sent = await api.send({"content": "x"})

    status, answer = await api.call("PATCH", f"{api.messages}/{sent['id']}", {"content": ""})

    assert (status, answer["code"]) == (400, 50006)


def multipart(count: int, size: int) -> aiohttp.MultipartWriter:
    writer = aiohttp.MultipartWriter("form-data")
    for number in range(count):
        part = writer.append(io.BytesIO(b"x" * size))
        part.set_content_disposition("form-data", name=f"files[{number}]", filename=f"{number}.txt")
    return writer


@pytest.mark.parametrize(
    ("count", "size", "status", "code"),
    [(10, 10, 200, None), (11, 10, 400, 30015), (1, 10 * 1024 * 1024 + 1, 413, 40005)],
)
async def test_files_are_limited_in_number_and_size(
    api: RawApi, count: int, size: int, status: int, code: int | None
) -> None:
    response = await api.call("POST", api.messages, data=multipart(count, size))

    assert (response[0], response[1].get("code")) == (status, code)


async def test_a_file_keeps_the_name_and_description_its_message_gives_it(api: RawApi) -> None:
    writer = multipart(1, 3)
    answer = {"content": "x", "attachments": [{"id": 0, "filename": "log.txt", "description": "The log."}]}
    writer.append_json(answer).set_content_disposition("form-data", name="payload_json")

    _, sent = await api.call("POST", api.messages, data=writer)

    (attachment,) = sent["attachments"]
    assert (attachment["filename"], attachment["description"], attachment["size"]) == (
        "log.txt",
        "The log.",
        3,
    )
    async with api.session.get(attachment["url"]) as response:
        assert (await response.read(), response.headers["Content-Type"]) == (
            b"xxx",
            "text/plain; charset=utf-8",
        )


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
async def test_a_thread_has_a_name_of_1_to_100_characters(api: RawApi, name: str) -> None:
    path = f"/channels/{api.guild.channels['tickets']}/threads"
    refused = await api.call("POST", path, {"name": name, "type": 11})
    made = await api.call("POST", path, {"name": "x" * 100, "type": 11})

    assert (refused[0], refused[1]["code"]) == (400, 50035)
    assert made[0] == 201


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/channels/1", 10003),
        ("POST", "/channels/1/messages", 10003),
        ("GET", "/guilds/1/threads/active", 10004),
        ("GET", "/channels/{tickets}/messages/1", 10008),
        ("PATCH", "/channels/{tickets}/messages/1", 10008),
        ("DELETE", "/channels/{tickets}/messages/1", 10008),
        ("GET", "/users/1", 10013),
        ("POST", "/interactions/1/token/callback", 10062),
        ("POST", "/webhooks/1/token", 10015),
    ],
)
async def test_unknown_objects_get_their_own_error_code(
    api: RawApi, method: str, path: str, code: int
) -> None:
    body = {"type": 5, "content": "x"} if method != "GET" else None

    status, answer = await api.call(method, path.format(**api.guild.channels), body)

    assert (status, answer["code"]) == (404, code)


async def test_a_wrong_token_gets_discord_s_401(api: RawApi) -> None:
    wrong = {"Authorization": "Bot wrong"}
    async with api.session.get(api.sandbox.api_base + "/users/@me", headers=wrong) as response:
        answer = await response.json()

        assert (response.status, answer) == (401, {"message": "401: Unauthorized", "code": 0})
        assert response.headers["Content-Type"] == "application/json"


async def test_a_body_that_is_not_json_is_rejected(api: RawApi) -> None:
    response = await api.call("POST", api.messages, data=b"{")

    assert (response[0], response[1]["code"]) == (400, 50109)
