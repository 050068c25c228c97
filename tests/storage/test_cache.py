"""The read cache of API keys: each key is read once until it changes, and never stale."""

import asyncio

from bot.tickets.api_keys import generate_api_key, hash_api_key
from bot.tickets.workspace import Workspace
from storage import Store
from storage.cache import ReadCache
from tests.storage.samples import NOW


async def kept_key(store: Store) -> tuple[str, str]:
    key, prefix = generate_api_key()
    await store.api_keys.add("hub", "series", prefix=prefix, key_hash=hash_api_key(key), now=NOW)
    return hash_api_key(key), prefix


async def test_a_cached_key_is_not_read_again(store: Store, workspace: Workspace) -> None:
    key_hash, _ = await kept_key(store)
    await store.api_keys.find(key_hash)
    await store.workspaces.get(workspace.id)
    took: list[str] = []
    store.set_observer(lambda what, seconds: took.append(what), lambda failure: None)

    for _ in range(5):
        assert await store.api_keys.find(key_hash)
        assert await store.workspaces.get(workspace.id) == workspace

    assert took == []


async def test_the_next_read_sees_a_revoked_key_as_revoked(store: Store, workspace: Workspace) -> None:
    for _ in range(20):
        key_hash, prefix = await kept_key(store)
        looking = [asyncio.create_task(store.api_keys.find(key_hash)) for _ in range(5)]
        await store.api_keys.revoke(prefix, NOW)

        found = await store.api_keys.find(key_hash)

        assert found is not None
        assert found.revoked_at == NOW
        await asyncio.gather(*looking)


async def test_a_new_key_is_found_at_once(store: Store, workspace: Workspace) -> None:
    key, prefix = generate_api_key()
    assert await store.api_keys.find(hash_api_key(key)) is None

    await store.api_keys.add("hub", "series", prefix=prefix, key_hash=hash_api_key(key), now=NOW)

    assert await store.api_keys.find(hash_api_key(key)) is not None


async def test_a_key_changed_during_its_read_is_read_again() -> None:
    known: ReadCache[str] = ReadCache()
    values = iter(["before", "after"])

    async def read() -> str:
        value = next(values)
        await asyncio.sleep(0)
        return value

    reading = asyncio.create_task(known.get("x", read))
    await asyncio.sleep(0)
    known.invalidate()

    assert await reading == "before"
    assert await known.get("x", read) == "after"


async def test_the_cache_has_a_maximum_size() -> None:
    known: ReadCache[str] = ReadCache()

    async def read() -> str:
        return "anything"

    for number in range(25_000):
        await known.get(str(number), read)

    assert len(known._values) <= 10_000
