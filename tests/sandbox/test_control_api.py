"""The control API: its routes are listed, need no key, and explain errors."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from bot.sandbox import Sandbox, demo_guild
from bot.sandbox.control.api import ROUTES
from tests.sandbox.bot_harness import ConnectedBot


async def _request(sandbox: Sandbox, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, sandbox.address + path, json=body) as response,
    ):
        return response.status, await response.json()


@pytest.mark.parametrize("path", ["/sandbox", "/"])
async def test_every_route_is_listed_with_a_line_of_explanation(connected: ConnectedBot, path: str) -> None:
    status, listed = await _request(connected.sandbox, "GET", path)

    assert status == 200
    assert len(listed) == len(ROUTES)
    assert all(entry["description"].endswith(".") for entry in listed)


async def test_messages_and_threads_as_a_user() -> None:
    sandbox = Sandbox()
    demo_guild(sandbox)
    async with sandbox.serve():
        _, said = await _request(
            sandbox, "POST", "/sandbox/messages", {"user": "mia", "channel": "tickets", "content": "hi"}
        )
        message = f"/sandbox/messages/{said['id']}"
        await _request(sandbox, "PATCH", message, {"user": "mia", "content": "hello"})
        _, thread = await _request(
            sandbox,
            "POST",
            "/sandbox/threads",
            {"user": "mia", "channel": "tickets", "name": "talk", "message": said["id"]},
        )
        await _request(sandbox, "PATCH", f"/sandbox/threads/{thread['id']}", {"locked": True})
        _, seen = await _request(sandbox, "GET", "/sandbox/channels/tickets/messages?as=noah")
        assert [m["content"] for m in seen] == ["hello"]
        assert await _request(sandbox, "POST", message + "/delete", {"user": "mia"}) == (200, {})
        _, state = await _request(sandbox, "GET", "/sandbox/snapshot")

    (tickets,) = (c for c in state["guilds"][0]["channels"] if c["name"] == "tickets")
    assert (tickets["messages"], tickets["threads"][0]["locked"]) == (0, True)


async def test_roles_members_overwrites_and_channels_are_changed() -> None:
    sandbox = Sandbox()
    demo_guild(sandbox)
    async with sandbox.serve():
        for method, path, body in (
            ("POST", "/sandbox/roles", {"name": "Helpers", "mentionable": True}),
            ("PATCH", "/sandbox/roles/Helpers", {"permissions": "1024"}),
            ("POST", "/sandbox/members", {"name": "zoe"}),
            ("PUT", "/sandbox/members/zoe/roles/Helpers", None),
            ("PUT", "/sandbox/channels/log/overwrites/Helpers", {"allow": 1024}),
            ("DELETE", "/sandbox/channels/log/overwrites/Helpers", None),
            ("DELETE", "/sandbox/members/zoe/roles/Helpers", None),
            ("DELETE", "/sandbox/roles/Helpers", None),
            ("DELETE", "/sandbox/members/zoe", None),
            ("PATCH", "/sandbox/users/mia", {"locale": "de"}),
            ("PATCH", "/sandbox/guild", {"preferred_locale": "es-ES"}),
            ("PATCH", "/sandbox/channels/log", {"default_auto_archive_duration": 60}),
            ("DELETE", "/sandbox/channels/log", None),
            ("POST", "/sandbox/faults", {"kind": "500", "path": "/users", "chance": 0.5}),
            ("DELETE", "/sandbox/faults", None),
            ("PUT", "/sandbox/rate-limits", {"limit": "old-edits", "requests": 0, "per": 0.5}),
            ("PATCH", "/sandbox/settings", {"old_message_age": 0, "blocked_words": ["bad"]}),
            ("POST", "/sandbox/disconnect", {"resumable": False}),
        ):
            status, answer = await _request(sandbox, method, path, body)
            assert status == 200, (path, answer)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error"),
    [
        ("GET", "/sandbox/nothing", None, 404, "GET /sandbox lists all routes"),
        ("POST", "/sandbox/messages", {"user": "mia"}, 400, "The body has no 'channel'"),
        ("POST", "/sandbox/messages", ["mia"], 400, "no JSON object"),
        ("POST", "/sandbox/messages", {"user": "zed", "channel": "tickets"}, 404, "There is no user 'zed'"),
        ("POST", "/sandbox/messages", {"user": "mia", "channel": "tickets"}, 400, "50006"),
        ("GET", "/sandbox/channels/tickets/messages?as=pete", None, 403, "cannot see that channel"),
        ("GET", "/sandbox/interactions/1", None, 404, "no interaction 1"),
        ("PATCH", "/sandbox/threads/tickets", {"locked": True}, 400, "is no thread"),
        ("PATCH", "/sandbox/channels/log", {"default_auto_archive_duration": 61}, 400, "60, 1440"),
        ("POST", "/sandbox/roles", {"name": "x", "permissions": "many"}, 400, "whole number"),
        ("POST", "/sandbox/faults", {"kind": "flood"}, 400, "no fault 'flood'"),
        ("DELETE", "/sandbox/members/olivia", None, 403, "owner"),
        ("PATCH", "/sandbox/users/mia", {"locale": "tlh"}, 400, "no language of Discord"),
        ("PATCH", "/sandbox/guild", {"preferred_locale": "es"}, 400, "no language of Discord"),
        ("PUT", "/sandbox/rate-limits", {"limit": "all", "requests": 1, "per": 1}, 404, "there are POST"),
        ("PUT", "/sandbox/rate-limits", {"limit": "global", "requests": -1, "per": 1}, 400, "0 or more"),
        ("PATCH", "/sandbox/settings", {"old_message_age": "an hour"}, 400, "is a number"),
        ("PATCH", "/sandbox/settings", {"blocked_words": "bad"}, 400, "is a list of words"),
        ("PATCH", "/sandbox/settings", {"token": "x"}, 400, "cannot be changed"),
    ],
)
async def test_an_invalid_control_request_gets_an_error_sentence(
    method: str, path: str, body: Any, status: int, error: str
) -> None:
    sandbox = Sandbox()
    demo_guild(sandbox)
    async with sandbox.serve():
        got, answer = await _request(sandbox, method, path, body)

    assert got == status
    assert error in answer["error"]
