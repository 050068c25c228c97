"""Workspaces and keys from the command line: done here if nobody holds the database, else by who does."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

import bot.admin.service
from bot.admin.service import AdminError, AdminService, JsonObject, execute, serve_control_api
from bot.tickets.api_keys import hash_api_key
from bot.tickets.errors import TicketError
from storage import (
    DatabaseInUse,
    DatabaseLock,
    StorageError,
    Store,
    WorkspaceNameTaken,
    lock_path,
    read_address,
)
from tests.storage.samples import HUB

SOURCES = ("somewhere", "elsewhere")
HUB_FIELDS = asdict(HUB)

Asking = Callable[..., Awaitable[list[JsonObject]]]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "tickets.db"


@asynccontextmanager
async def running(database: Path) -> AsyncIterator[Store]:
    """A holder of the database that answers commands."""
    with DatabaseLock(database) as lock:
        store = await Store.open(database)
        try:
            async with serve_control_api(AdminService(store, SOURCES), lock):
                yield store
        finally:
            await store.close()


@pytest.fixture(params=["alone", "beside a running bridge"])
async def asking(request: pytest.FixtureRequest, database: Path) -> AsyncIterator[Asking]:
    """Ask with nobody holding the database, and again with somebody who does."""

    async def asked(verb: str, **arguments: object) -> list[JsonObject]:
        return await execute(database, SOURCES, verb, **arguments)

    if request.param == "alone":
        yield asked
    else:
        async with running(database):
            yield asked


async def test_a_workspace_is_made_and_listed(asking: Asking) -> None:
    made = await asking("workspace-create", **HUB_FIELDS)

    assert made == await asking("workspace-list")
    assert {name: made[0][name] for name in HUB_FIELDS} == HUB_FIELDS
    assert str(made[0]["created_at"]).endswith("+00:00")


async def test_a_key_is_shown_once(asking: Asking) -> None:
    await asking("workspace-create", **HUB_FIELDS)

    (made,) = await asking("key-create", workspace="hub", source="somewhere")
    (listed,) = await asking("key-list")

    key = str(made.pop("key"))
    assert listed == made
    assert key.startswith(f"tb_{made['prefix']}_")
    assert key not in json.dumps(listed)
    assert hash_api_key(key) not in json.dumps(listed)
    assert (made["workspace_name"], made["source"], made["revoked_at"]) == ("hub", "somewhere", None)


@pytest.mark.parametrize("whole", [False, True])
async def test_a_key_is_revoked_by_its_prefix_or_by_itself(asking: Asking, whole: bool) -> None:
    await asking("workspace-create", **HUB_FIELDS)
    (made,) = await asking("key-create", workspace="hub", source="somewhere")

    revoked = await asking("key-revoke", prefix=made["key" if whole else "prefix"])

    assert revoked == [{"prefix": made["prefix"]}]
    (listed,) = await asking("key-list")
    assert listed["revoked_at"] is not None


async def test_nothing_made_yet_is_an_empty_list(asking: Asking) -> None:
    assert await asking("workspace-list") == await asking("key-list") == []


async def refusal_of(asking: Asking, verb: str, **arguments: object) -> str:
    with pytest.raises((StorageError, AdminError, TicketError)) as refusal:
        await asking(verb, **arguments)
    return str(refusal.value)


async def test_an_unknown_workspace_is_told_with_the_cure(asking: Asking) -> None:
    sentence = await refusal_of(asking, "key-create", workspace="nowhere", source="somewhere")

    assert sentence.startswith("There is no workspace named nowhere. `ticketbridge workspace list` shows")


async def test_an_unknown_source_is_told_with_the_known_ones(asking: Asking) -> None:
    await asking("workspace-create", **HUB_FIELDS)

    sentence = await refusal_of(asking, "key-create", workspace="hub", source="nowhere")

    assert sentence == "There is no source nowhere. Choose one of: elsewhere, somewhere."
    assert await asking("key-list") == []


async def test_an_unknown_key_is_told(asking: Asking) -> None:
    sentence = await refusal_of(asking, "key-revoke", prefix="nokey")

    assert sentence.startswith("There is no API key with the prefix nokey.")


async def test_a_name_twice_is_refused(asking: Asking) -> None:
    await asking("workspace-create", **HUB_FIELDS)

    sentence = await refusal_of(asking, "workspace-create", **HUB_FIELDS)

    assert sentence == "There is already a workspace named hub. Choose another name."
    assert len(await asking("workspace-list")) == 1


@pytest.mark.parametrize("name", ["", "  ", " a", "x" * 101, "a\x1b[31m", "a\u202e"])
async def test_a_workspace_has_a_name_of_1_to_100_characters(asking: Asking, name: str) -> None:
    sentence = await refusal_of(asking, "workspace-create", **(HUB_FIELDS | {"name": name}))

    assert sentence == "A workspace's name has 1 to 100 characters, all visible; no blanks around it."
    assert await asking("workspace-list") == []


async def test_what_a_workspace_refuses_is_told_as_its_own_sentence(asking: Asking) -> None:
    (made,) = await asking("workspace-create", **HUB_FIELDS)

    for verb, arguments, sentence in (
        ("department-remove", {"department": "x"}, "There is no such department in this workspace."),
        ("category-remove", {"category": "x"}, "There is no such category in this workspace."),
        ("category-set", {"category": ""}, "An id has 1 to 64 characters, all of them visible."),
    ):
        assert await refusal_of(asking, verb, workspace="hub", **arguments) == sentence
    assert await asking("workspace-show", workspace="hub") == [made]


async def test_rules_travel_whole(asking: Asking) -> None:
    await asking("workspace-create", **HUB_FIELDS)
    await asking("category-set", workspace="hub", category="bugs", max_open=2)
    parts = {"name": "B", "channel_id": 9, "categories": ["bugs"], "members": ["7"]}
    await asking("department-set", workspace="hub", department="b", **parts)

    (changed,) = await asking("workspace-set", workspace="hub", plan="free", tickets_enabled=False)

    assert (changed["plan"], changed["tickets_enabled"]) == ("free", False)
    assert changed["categories"] == [{"id": "bugs", "name": "bugs", "max_open": 2}]
    assert isinstance(changed["departments"], list)
    assert changed["departments"][1] == {"id": "b"} | parts


async def test_a_key_is_active_until_it_expires_or_is_revoked(database: Path) -> None:
    await execute(database, SOURCES, "workspace-create", **HUB_FIELDS)
    for name in ("kept", "ended", "taken"):
        soon = (datetime.now(UTC) + timedelta(seconds=0.3)).isoformat() if name == "ended" else None
        arguments = {"workspace": "hub", "source": "somewhere", "name": name, "expires_at": soon}
        (made,) = await execute(database, SOURCES, "key-create", **arguments)
        assert made["state"] == "active"
    await execute(database, SOURCES, "key-revoke", prefix=made["prefix"])
    await asyncio.sleep(0.3)

    listed = await execute(database, SOURCES, "key-list")

    assert {key["name"]: key["state"] for key in listed} == {
        "kept": "active",
        "ended": "expired",
        "taken": "revoked",
    }


async def test_asked_alone_the_database_is_let_go_of_again(database: Path) -> None:
    await execute(database, SOURCES, "workspace-create", **HUB_FIELDS)
    with pytest.raises(WorkspaceNameTaken):
        await execute(database, SOURCES, "workspace-create", **HUB_FIELDS)

    with DatabaseLock(database):
        assert read_address(database) == ""


async def test_a_running_bridge_knows_at_once_what_was_asked_of_it(database: Path) -> None:
    async with running(database) as store:
        await execute(database, SOURCES, "workspace-create", **HUB_FIELDS)
        (made,) = await execute(database, SOURCES, "key-create", workspace="hub", source="somewhere")

        key = await store.find_key(hash_api_key(str(made["key"])))
        assert key is not None

        await execute(database, SOURCES, "key-revoke", prefix=key.prefix)
        key = await store.find_key(hash_api_key(str(made["key"])))
        assert key is not None
        assert key.revoked_at is not None


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer wrong", "Bearer ä", "wrong"])
async def test_without_the_token_a_running_bridge_does_nothing(database: Path, token: str) -> None:
    async with running(database) as store, aiohttp.ClientSession() as stranger:
        address = json.loads(read_address(database))["address"]
        headers = {"Authorization": token} if token else {}

        async with stranger.post(f"{address}/workspace-create", json=HUB_FIELDS, headers=headers) as answer:
            assert answer.status == 401
            assert await answer.json() == {"error": "The token is wrong."}
        assert await store.workspaces() == []


async def test_a_note_with_a_wrong_token_is_refused(database: Path) -> None:
    async with running(database) as store:
        note = json.loads(read_address(database))
        lock_path(database).write_text(json.dumps(note | {"token": "wrong"}))

        with pytest.raises(AdminError, match="token is wrong"):
            await execute(database, SOURCES, "workspace-create", **HUB_FIELDS)
        assert await store.workspaces() == []


async def test_a_running_bridge_is_reached_on_loopback_alone(database: Path) -> None:
    async with running(database):
        note = json.loads(read_address(database))

    assert note["address"].startswith("http://127.0.0.1:")
    assert len(note["token"]) >= 40


async def test_each_run_has_a_token_of_its_own_and_takes_it_away_when_it_ends(database: Path) -> None:
    tokens = set()
    for _ in range(2):
        async with running(database):
            tokens.add(json.loads(read_address(database))["token"])
        assert read_address(database) == ""

    assert len(tokens) == 2


async def test_a_holder_that_does_not_answer_is_told(database: Path, unused_port: int) -> None:
    with DatabaseLock(database) as lock:
        lock.publish_address(json.dumps({"address": f"http://127.0.0.1:{unused_port}", "token": "x"}))

        with pytest.raises(DatabaseInUse, match=r"does not answer\. Try again, or restart it\."):
            await execute(database, SOURCES, "workspace-list")


async def test_a_holder_that_is_just_starting_is_waited_for(database: Path) -> None:
    lock = DatabaseLock(database)
    lock.__enter__()
    asked = asyncio.create_task(execute(database, SOURCES, "workspace-list"))
    await asyncio.sleep(0.3)
    assert not asked.done()

    lock.__exit__()

    assert await asked == []


async def test_a_holder_that_takes_no_commands_is_told_after_a_while(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot.admin.service, "LOCK_WAIT_SECONDS", 0.2)

    with (
        DatabaseLock(database),
        pytest.raises(DatabaseInUse, match=r"Another ticketbridge is using tickets\.db"),
    ):
        await execute(database, SOURCES, "workspace-list")


@pytest.fixture
async def unused_port() -> int:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port
