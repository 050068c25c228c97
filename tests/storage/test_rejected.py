"""Bodies that made no sense: the newest of each key, their beginnings, for the operator to look at."""

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

EIGHT_KIB = 8192

AddKey = Callable[[str], Awaitable[ApiKey]]


@pytest.fixture
def add_key(store: Store, workspace: Workspace) -> AddKey:
    async def add_key(prefix: str) -> ApiKey:
        return await store.add_key("hub", "somewhere", prefix=prefix, key_hash=prefix, now=NOW)

    return add_key


async def test_a_refused_request_comes_back_as_it_came(store: Store, add_key: AddKey, path: Path) -> None:
    key = await add_key("a")
    later = NOW + timedelta(milliseconds=123)

    await store.save_rejected_request(key, "/tickets", "Subject is ' required ✗", b'\x00\xff{"', later)

    kept = RejectedRequest(
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
        assert await again.list_rejected_requests(10) == [kept]
        assert await again.rejected_request(1) == kept


@pytest.mark.parametrize("size", [0, 1, EIGHT_KIB - 1, EIGHT_KIB, EIGHT_KIB + 1, 1_000_000])
async def test_of_a_body_its_beginning_is_kept_and_its_whole_size(
    store: Store, add_key: AddKey, size: int
) -> None:
    body = bytes(number % 251 for number in range(size))

    await store.save_rejected_request(await add_key("a"), "/tickets", "no", body, NOW)

    (kept,) = await store.list_rejected_requests(10)
    assert (kept.body, kept.size) == (body[:EIGHT_KIB], size)


async def test_the_newest_50_of_a_key_are_kept_newest_first(store: Store, add_key: AddKey) -> None:
    key = await add_key("a")

    for number in range(53):
        await store.save_rejected_request(key, "/tickets", str(number), b"", NOW)

    assert [one.reason for one in await store.list_rejected_requests(100)] == [
        str(number) for number in range(52, 2, -1)
    ]
    assert [one.reason for one in await store.list_rejected_requests(2)] == ["52", "51"]


async def test_the_flood_of_one_key_pushes_out_nothing_of_another(store: Store, add_key: AddKey) -> None:
    quiet, loud = await add_key("quiet"), await add_key("loud")
    await store.save_rejected_request(quiet, "/tickets", "mine", b"{", NOW)

    await asyncio.gather(
        *(store.save_rejected_request(loud, "/tickets", "flood", b"{", NOW) for _ in range(120))
    )
    await store.save_rejected_request(quiet, "/tickets", "mine too", b"{", NOW)

    kept = await store.list_rejected_requests(1000)
    assert [one.reason for one in kept if one.key_prefix == "quiet"] == ["mine too", "mine"]
    assert sum(one.key_prefix == "loud" for one in kept) == 50


async def test_what_was_pushed_out_is_unknown_with_the_cure(store: Store, add_key: AddKey) -> None:
    key = await add_key("a")
    for _ in range(51):
        await store.save_rejected_request(key, "/tickets", "no", b"", NOW)

    with pytest.raises(
        UnknownRejectedRequest, match=r"no rejected request 1; .*`ticketbridge rejected list`"
    ):
        await store.rejected_request(1)
    assert (await store.rejected_request(2)).id == 2


async def test_what_a_revoked_key_sent_can_still_be_looked_at(store: Store, add_key: AddKey) -> None:
    await store.save_rejected_request(await add_key("a"), "/tickets", "no", b"", NOW)

    await store.revoke_key("a", NOW)

    assert [one.key_prefix for one in await store.list_rejected_requests(10)] == ["a"]


async def test_nothing_is_kept_of_a_key_nobody_has(store: Store, add_key: AddKey, path: Path) -> None:
    unknown = ApiKey(prefix="x", workspace_id="w", workspace_name="hub", source="somewhere", created_at=NOW)

    with pytest.raises(StorageError, match="FOREIGN KEY"):
        await store.save_rejected_request(unknown, "/tickets", "no", b"", NOW)

    assert counted(path, "rejected") == 0
