"""Workspaces and API keys: names are unique, keys are stored as hashes and can be revoked."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.tickets.api_keys import generate_api_key, hash_api_key
from bot.tickets.workspace import Workspace
from storage import StorageError, Store, UnknownKey, UnknownWorkspace, WorkspaceNameTaken
from tests.storage.samples import HUB, NOW


async def test_a_workspace_comes_back_as_it_was_stored(store: Store, workspace: Workspace) -> None:
    assert workspace == await store.workspaces.get(workspace.id)
    assert workspace.name == HUB.name
    assert workspace.created_at == NOW
    assert workspace.id.count("-") == 4


async def test_two_workspaces_cannot_have_the_same_name(store: Store, workspace: Workspace) -> None:
    with pytest.raises(WorkspaceNameTaken, match="already a workspace named hub"):
        await store.workspaces.add(replace(HUB, guild_id=9), NOW)

    assert await store.workspaces.list_all() == [workspace]


async def test_workspaces_come_oldest_first_and_by_guild(store: Store, workspace: Workspace) -> None:
    older = await store.workspaces.add(replace(HUB, name="older"), NOW - timedelta(days=1))
    other = await store.workspaces.add(replace(HUB, name="abroad", guild_id=2), NOW)

    assert await store.workspaces.list_all() == [older, other, workspace]
    assert await store.workspaces.list_of_guild(HUB.guild_id) == [older, workspace]
    assert await store.workspaces.list_of_guild(404) == []


async def test_an_unknown_workspace_is_named_in_the_error(store: Store) -> None:
    with pytest.raises(UnknownWorkspace, match="no workspace with the id nowhere"):
        await store.workspaces.get("nowhere")


async def test_a_key_is_found_by_its_hash_and_knows_its_workspace(store: Store, workspace: Workspace) -> None:
    key, prefix = generate_api_key()

    stored = await store.api_keys.add("hub", "somewhere", prefix=prefix, key_hash=hash_api_key(key), now=NOW)

    assert stored == await store.api_keys.find(hash_api_key(key))
    assert [stored] == await store.api_keys.list_all()
    assert (stored.workspace_id, stored.workspace_name, stored.source) == (workspace.id, "hub", "somewhere")
    assert await store.api_keys.find(hash_api_key(key + "x")) is None


async def test_a_key_for_an_unknown_workspace_is_refused_with_advice(store: Store) -> None:
    with pytest.raises(UnknownWorkspace, match=r"no workspace named nowhere\. `ticketbridge workspace list`"):
        await store.api_keys.add("nowhere", "somewhere", prefix="p", key_hash="h", now=NOW)

    assert await store.api_keys.list_all() == []


async def test_revoking_a_key_twice_keeps_the_first_time(store: Store, workspace: Workspace) -> None:
    for name in ("first", "second"):
        await store.api_keys.add("hub", "somewhere", prefix=name, key_hash=name, now=NOW)

    await store.api_keys.revoke("first", NOW)
    await store.api_keys.revoke("first", NOW + timedelta(days=1))

    assert [key.revoked_at for key in await store.api_keys.list_all()] == [NOW, None]
    revoked = await store.api_keys.find("first")
    assert revoked is not None
    assert revoked.revoked_at == NOW


async def test_a_key_is_stored_with_its_name_and_expiry(store: Store, workspace: Workspace) -> None:
    end = NOW + timedelta(days=90)

    for prefix, name, expires_at in [("a", "Größe 東京 🔑", end), ("b", "", None), ("c", "a", NOW)]:
        await store.api_keys.add(
            "hub", "somewhere", prefix=prefix, key_hash=prefix, now=NOW, name=name, expires_at=expires_at
        )

    assert [(key.name, key.expires_at) for key in await store.api_keys.list_all()] == [
        ("Größe 東京 🔑", end),
        ("", None),
        ("a", NOW),
    ]
    stored = await store.api_keys.find("a")
    assert stored is not None
    assert stored.is_valid_for("somewhere", end - timedelta(milliseconds=1))
    assert not stored.is_valid_for("somewhere", end)


async def test_the_last_use_is_stored_for_that_key_alone(store: Store, workspace: Workspace) -> None:
    for prefix in ("a", "b"):
        await store.api_keys.add("hub", "somewhere", prefix=prefix, key_hash=prefix, now=NOW)
    later = NOW + timedelta(minutes=1)

    await store.api_keys.touch_last_used("a", NOW)
    await store.api_keys.touch_last_used("a", later)
    await store.api_keys.touch_last_used("nobody's", later)

    assert [key.last_used_at for key in await store.api_keys.list_all()] == [later, None]
    found = await store.api_keys.find("a")
    assert found is not None
    assert found.last_used_at == later


async def test_a_revoked_key_is_found_and_not_valid(store: Store, workspace: Workspace) -> None:
    await store.api_keys.add("hub", "somewhere", prefix="a", key_hash="a", now=NOW)

    await store.api_keys.revoke("a", NOW)

    found = await store.api_keys.find("a")
    assert found is not None
    assert not found.is_valid_for("somewhere", NOW - timedelta(days=1))


async def test_a_prefix_belongs_to_one_key(store: Store, workspace: Workspace) -> None:
    await store.api_keys.add("hub", "somewhere", prefix="a", key_hash="a", now=NOW)

    with pytest.raises(StorageError, match="UNIQUE"):
        await store.api_keys.add("hub", "somewhere", prefix="a", key_hash="b", now=NOW)

    assert await store.api_keys.find("b") is None


async def test_an_unknown_prefix_revokes_nothing(store: Store) -> None:
    with pytest.raises(UnknownKey, match="no API key with the prefix nokey"):
        await store.api_keys.revoke("nokey", NOW)


async def test_the_key_itself_is_stored_nowhere(store: Store, workspace: Workspace, path: Path) -> None:
    key, prefix = generate_api_key()
    secret = key.removeprefix(f"tb_{prefix}_")

    await store.api_keys.add("hub", "somewhere", prefix=prefix, key_hash=hash_api_key(key), now=NOW)
    await store.api_keys.revoke(prefix, NOW)

    stored = b"".join(file.read_bytes() for file in path.parent.glob("tickets.db*"))
    assert prefix.encode() in stored
    assert secret.encode() not in stored
