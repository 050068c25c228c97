"""Rejected requests: the newest of each key are stored, with the start of their bodies, for the operator."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from bot.tickets.api_keys import ApiKey
from bot.tickets.rejected_requests import RejectedRequest
from bot.tickets.workspace import Workspace
from storage import StorageError, Store, UnknownRejectedRequest
from tests.storage.samples import NOW, counted, opened

SAVED = 65_536

AddKey = Callable[[str], Awaitable[ApiKey]]


@pytest.fixture
def add_key(store: Store, workspace: Workspace) -> AddKey:
    async def add_key(prefix: str) -> ApiKey:
        return await store.api_keys.add("hub", "somewhere", prefix=prefix, key_hash=prefix, now=NOW)

    return add_key


async def test_a_rejected_request_comes_back_as_it_was_sent(
    store: Store, add_key: AddKey, path: Path
) -> None:
    key = await add_key("a")
    later = NOW + timedelta(milliseconds=123)

    await store.rejected_requests.save(key, "/tickets", "Subject is ' required ✗", b'\x00\xff{"', later)

    stored = RejectedRequest(
        id=1,
        key_prefix="a",
        workspace_name="hub",
        source="somewhere",
        path="/tickets",
        reason="Subject is ' required ✗",
        body=b'\x00\xff{"',
        size=4,
        created_at=later,
    )
    async with opened(path) as again:
        assert await again.rejected_requests.list_newest(10) == [stored]
        assert await again.rejected_requests.get(1) == stored


@pytest.mark.parametrize("size", [0, 1, SAVED - 1, SAVED, SAVED + 1, 1_000_000])
async def test_the_start_of_a_body_and_its_size_are_stored(store: Store, add_key: AddKey, size: int) -> None:
    body = bytes(number % 251 for number in range(size))

    await store.rejected_requests.save(await add_key("a"), "/tickets", "no", body, NOW)

    (stored,) = await store.rejected_requests.list_newest(10)
    assert (stored.body, stored.size) == (body[:SAVED], size)


async def test_the_newest_50_of_a_key_are_retained_newest_first(store: Store, add_key: AddKey) -> None:
    key = await add_key("a")

    for number in range(53):
        await store.rejected_requests.save(key, "/tickets", str(number), b"", NOW)

    assert [one.reason for one in await store.rejected_requests.list_newest(100)] == [
        str(number) for number in range(52, 2, -1)
    ]
    assert [one.reason for one in await store.rejected_requests.list_newest(2)] == ["52", "51"]


async def test_a_flood_of_one_key_deletes_no_request_of_another(store: Store, add_key: AddKey) -> None:
    quiet, loud = await add_key("quiet"), await add_key("loud")
    await store.rejected_requests.save(quiet, "/tickets", "mine", b"{", NOW)

    await asyncio.gather(
        *(store.rejected_requests.save(loud, "/tickets", "flood", b"{", NOW) for _ in range(120))
    )
    await store.rejected_requests.save(quiet, "/tickets", "mine too", b"{", NOW)

    stored = await store.rejected_requests.list_newest(1000)
    assert [one.reason for one in stored if one.key_prefix == "quiet"] == ["mine too", "mine"]
    assert sum(one.key_prefix == "loud" for one in stored) == 50


async def test_a_deleted_request_is_unknown_with_advice(store: Store, add_key: AddKey) -> None:
    key = await add_key("a")
    for _ in range(51):
        await store.rejected_requests.save(key, "/tickets", "no", b"", NOW)

    with pytest.raises(
        UnknownRejectedRequest, match=r"no rejected request 1; .*`ticketbridge rejected list`"
    ):
        await store.rejected_requests.get(1)
    assert (await store.rejected_requests.get(2)).id == 2


async def test_requests_of_a_revoked_key_can_still_be_read(store: Store, add_key: AddKey) -> None:
    await store.rejected_requests.save(await add_key("a"), "/tickets", "no", b"", NOW)

    await store.api_keys.revoke("a", NOW)

    assert [one.key_prefix for one in await store.rejected_requests.list_newest(10)] == ["a"]


async def test_nothing_is_stored_for_an_unknown_key(store: Store, add_key: AddKey, path: Path) -> None:
    unknown = ApiKey(prefix="x", workspace_id="w", workspace_name="hub", source="somewhere", created_at=NOW)

    with pytest.raises(StorageError, match="FOREIGN KEY"):
        await store.rejected_requests.save(unknown, "/tickets", "no", b"", NOW)

    assert counted(path, "rejected_requests") == 0
