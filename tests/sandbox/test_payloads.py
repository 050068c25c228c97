"""Fields that Discord's specification requires of its responses and gateway events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.sandbox.bot_harness import ConnectedBot
from tests.sandbox.raw_api import RawApi, serve_raw_api


@pytest.fixture
async def api() -> AsyncIterator[RawApi]:
    async with serve_raw_api() as served:
        yield served


async def test_users_have_flags_and_a_primary_guild(api: RawApi) -> None:
    _, message = await api.send({"content": "x"})
    _, other = await api.call("GET", f"/users/{api.guild.members['mia']}")

    for user in (message["author"], other):
        assert (user["flags"], user["primary_guild"]) == (0, None)


async def test_the_application_has_all_its_required_fields(api: RawApi) -> None:
    _, application = await api.call("GET", "/oauth2/applications/@me")

    assert application["flags_new"] == "0"
    assert application["approximate_user_authorization_count"] == 0
    assert application["explicit_content_filter"] == 0
    assert application["eligible_oauth2_scopes"] == ["bot", "applications.commands"]


async def test_the_list_of_active_threads_says_that_it_is_complete(api: RawApi) -> None:
    _, listed = await api.call("GET", f"/guilds/{api.guild.id}/threads/active")

    assert listed == {"threads": [], "members": [], "has_more": False}


@pytest.mark.parametrize(("sent", "stored"), [(32, "32"), ("32", "32"), (None, None)])
async def test_the_permissions_of_a_command_are_a_string(api: RawApi, sent: Any, stored: Any) -> None:
    command = {"name": "close", "description": "Closes.", "default_member_permissions": sent}

    path = f"/applications/{api.sandbox.state.world.application_id}/commands"
    _, (registered,) = await api.call("PUT", path, [command])

    assert registered["default_member_permissions"] == stored


async def test_ready_and_guild_create_have_their_newer_fields(connected: ConnectedBot) -> None:
    (session,) = connected.sandbox.state.gateway.sessions.values()
    sent = {name: data for _, name, data in session.sent}

    application, guild = sent["READY"]["application"], sent["GUILD_CREATE"]
    assert application["flags_new"] == str(application["flags"])
    assert (guild["hub_type"], guild["incidents_data"]) == (None, None)
