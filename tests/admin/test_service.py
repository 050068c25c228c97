"""The operator's commands, run here and in a running bridge that holds the database."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import pytest

import storage.sqlite.owner
from bot.admin.remote import execute, serve_control_api
from bot.admin.service import (
    COMMANDS,
    NOT_CONNECTED,
    NOT_RUNNING,
    AdminError,
    AdminService,
    Command,
    IdChecker,
    JsonObject,
)
from bot.clock import utc_now
from bot.tickets.api_keys import hash_api_key
from bot.tickets.errors import TicketError
from storage import (
    DatabaseInUse,
    DatabaseLock,
    StorageError,
    Store,
    lock_path,
    open_store,
    read_address,
)
from tests.storage.samples import HUB
from tests.support.bridge_harness import wait_for

SOURCES = ("somewhere", "elsewhere")
HUB_FIELDS = asdict(HUB)
EXISTING = "a-key-from-somewhere-else"

Run = Callable[..., Awaitable[list[JsonObject]]]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "tickets.db"


@asynccontextmanager
async def running(database: Path, check_ids: IdChecker | None = None) -> AsyncIterator[Store]:
    """A process that holds the database and answers commands."""
    with DatabaseLock(database) as lock:
        store = await open_store(database)
        try:
            async with serve_control_api(AdminService(store, SOURCES, check_ids=check_ids), lock):
                yield store
        finally:
            await store.close()


async def create_database(database: Path) -> None:
    with DatabaseLock(database):
        await (await open_store(database)).close()


@pytest.fixture(params=["alone", "beside a running bridge"])
async def run(request: pytest.FixtureRequest, database: Path) -> AsyncIterator[Run]:
    """Run a command while no process holds the database, and again while one does."""

    async def run_command(command: Command, **arguments: object) -> list[JsonObject]:
        return await execute(database, SOURCES, command, **arguments)

    if request.param == "alone":
        await create_database(database)
        yield run_command
    else:
        async with running(database):
            yield run_command


async def error_of(run: Run, command: Command, **arguments: object) -> str:
    with pytest.raises((StorageError, AdminError, TicketError)) as error:
        await run(command, **arguments)
    return str(error.value)


def test_these_methods_can_be_called_from_another_process() -> None:
    assert {
        *("create_workspace", "list_workspaces", "show_workspace", "update_workspace"),
        *("set_department", "remove_department", "set_category", "remove_category"),
        *("create_key", "import_key", "list_keys", "revoke_key", "list_rejected", "show_rejected"),
        *("add_webhook", "list_webhooks", "remove_webhook", "rotate_webhook", "pause_webhook"),
        *("enable_webhook", "forget_webhook_events", "test_webhook"),
        *("list_outbox", "retry_delivery", "retry_dead_letters", "drop_delivery"),
        *("export_player", "erase_player", "continue_erasure", "purge_erased", "list_erasures"),
        *("count_ended", "erase_ended", "set_erasure_secret", "remove_erasure_secret"),
        *("list_links", "remove_link", "list_blocks"),
    } == COMMANDS


async def test_a_workspace_is_created_and_listed(run: Run) -> None:
    (created,) = await run(AdminService.create_workspace, **HUB_FIELDS)

    created.pop("warning")
    assert [created] == await run(AdminService.list_workspaces)
    assert {name: created[name] for name in HUB_FIELDS} == HUB_FIELDS
    assert str(created["created_at"]).endswith("+00:00")


async def test_a_key_is_shown_once(run: Run) -> None:
    await run(AdminService.create_workspace, **HUB_FIELDS)

    (created,) = await run(AdminService.create_key, workspace="hub", source="somewhere")
    (listed,) = await run(AdminService.list_keys)

    key = str(created.pop("key"))
    assert listed == created
    assert key.startswith(f"tb_{created['prefix']}_")
    assert key not in json.dumps(listed)
    assert hash_api_key(key) not in json.dumps(listed)
    assert (created["workspace_name"], created["source"], created["revoked_at"]) == ("hub", "somewhere", None)


async def test_an_imported_key_is_listed_and_never_shown(run: Run) -> None:
    await run(AdminService.create_workspace, **HUB_FIELDS)

    imported = await run(AdminService.import_key, key=EXISTING, workspace="hub", source="somewhere", name="a")

    assert imported == await run(AdminService.list_keys)
    assert (imported[0]["workspace_name"], imported[0]["source"], imported[0]["name"]) == (
        "hub",
        "somewhere",
        "a",
    )
    assert EXISTING not in json.dumps(imported)
    assert hash_api_key(EXISTING) not in json.dumps(imported)


async def test_a_known_key_is_not_imported_for_another_source(run: Run) -> None:
    await run(AdminService.create_workspace, **HUB_FIELDS)
    before = await run(AdminService.import_key, key=EXISTING, workspace="hub", source="somewhere")

    sentence = await error_of(run, AdminService.import_key, key=EXISTING, workspace="hub", source="elsewhere")

    prefix = before[0]["prefix"]
    assert (
        sentence
        == f"This key is known already: its prefix is {prefix}, for source somewhere and workspace hub."
    )
    assert await run(AdminService.list_keys) == before


async def test_an_expired_key_is_not_imported_again(run: Run) -> None:
    await run(AdminService.create_workspace, **HUB_FIELDS)
    soon = (utc_now() + timedelta(seconds=1)).isoformat()
    await run(AdminService.import_key, key=EXISTING, workspace="hub", source="somewhere", expires_at=soon)

    async def has_expired() -> bool:
        return [key["state"] for key in await run(AdminService.list_keys)] == ["expired"]

    await wait_for(has_expired)
    sentence = await error_of(run, AdminService.import_key, key=EXISTING, workspace="hub", source="somewhere")

    assert sentence.endswith(
        ", and it has expired, for good. Make a new key where it is from, and import that."
    )


async def test_of_two_people_who_import_a_key_at_once_one_is_told_that_it_is_known(run: Run) -> None:
    await run(AdminService.create_workspace, **HUB_FIELDS)

    results = await asyncio.gather(
        *(
            run(AdminService.import_key, key=EXISTING, workspace="hub", source="somewhere", name=name)
            for name in ("first", "second")
        ),
        return_exceptions=True,
    )

    (refusal,) = [result for result in results if isinstance(result, Exception)]
    assert str(refusal).startswith("This key is known already: its prefix is ")
    assert len(await run(AdminService.list_keys)) == 1


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"workspace": "nowhere"}, "There is no workspace named nowhere."),
        ({"source": "nowhere"}, "There is no source nowhere."),
        ({"name": "a\x1b[31m"}, "A key's name has 100 characters"),
        ({"expires_at": "2020-01-31T00:00:00+00:00"}, "2020-01-31 has begun already."),
        ({"key": "too-short"}, "An imported key has 20 to 512 visible ASCII characters"),
    ],
)
async def test_a_key_that_is_not_imported_is_in_no_error_and_no_log(
    run: Run, changed: dict[str, str], sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    await run(AdminService.create_workspace, **HUB_FIELDS)
    arguments = {"key": EXISTING, "workspace": "hub", "source": "somewhere"} | changed

    said = await error_of(run, AdminService.import_key, **arguments)

    assert said.startswith(sentence)
    assert arguments["key"] not in said + caplog.text
    assert await run(AdminService.list_keys) == []


@pytest.mark.parametrize("whole", [False, True])
async def test_a_key_is_revoked_by_its_prefix_or_by_itself(run: Run, whole: bool) -> None:
    await run(AdminService.create_workspace, **HUB_FIELDS)
    (created,) = await run(AdminService.create_key, workspace="hub", source="somewhere")

    revoked = await run(AdminService.revoke_key, prefix=created["key" if whole else "prefix"])

    assert revoked == [{"prefix": created["prefix"]}]
    (listed,) = await run(AdminService.list_keys)
    assert listed["revoked_at"] is not None


async def test_a_new_database_has_no_workspaces_and_no_keys(run: Run) -> None:
    assert await run(AdminService.list_workspaces) == await run(AdminService.list_keys) == []


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (AdminService.show_workspace, {}),
        (AdminService.update_workspace, {"plan": "free"}),
        (AdminService.set_department, {"department": "x"}),
        (AdminService.create_key, {"source": "somewhere"}),
    ],
)
async def test_an_unknown_workspace_is_an_error_that_names_a_similar_one(
    run: Run, command: Command, arguments: dict[str, object]
) -> None:
    await run(AdminService.create_workspace, **HUB_FIELDS)

    unlike = await error_of(run, command, workspace="elsewhere", **arguments)
    similar = await error_of(run, command, workspace="hubb", **arguments)

    assert unlike.startswith("There is no workspace named elsewhere. `ticketbridge workspace list` shows")
    assert "Did you mean" not in unlike
    assert similar.endswith(" Did you mean hub?")


async def test_an_unknown_source_is_an_error_that_names_the_known_ones(run: Run) -> None:
    await run(AdminService.create_workspace, **HUB_FIELDS)

    sentence = await error_of(run, AdminService.create_key, workspace="hub", source="nowhere")

    assert sentence == "There is no source nowhere. Choose one of: elsewhere, somewhere."
    assert await run(AdminService.list_keys) == []


async def test_an_unknown_key_is_an_error(run: Run) -> None:
    sentence = await error_of(run, AdminService.revoke_key, prefix="nokey")

    assert sentence.startswith("There is no API key with the prefix nokey.")


async def test_a_workspace_name_is_unique(run: Run) -> None:
    await run(AdminService.create_workspace, **HUB_FIELDS)

    sentence = await error_of(run, AdminService.create_workspace, **HUB_FIELDS)

    assert sentence == "There is already a workspace named hub. Choose another name."
    assert len(await run(AdminService.list_workspaces)) == 1


@pytest.mark.parametrize("name", ["", "  ", " a", "x" * 101, "a\x1b[31m", "a\u202e"])
async def test_a_workspace_name_has_1_to_100_visible_characters(run: Run, name: str) -> None:
    sentence = await error_of(run, AdminService.create_workspace, **(HUB_FIELDS | {"name": name}))

    assert sentence == "A workspace's name has 1 to 100 characters, all visible; no blanks around it."
    assert await run(AdminService.list_workspaces) == []


async def test_an_invalid_change_is_an_error_and_changes_nothing(run: Run) -> None:
    await run(AdminService.create_workspace, **HUB_FIELDS)
    before = await run(AdminService.show_workspace, workspace="hub")

    for command, arguments, sentence in (
        (
            AdminService.remove_department,
            {"department": "x"},
            "There is no such department in this workspace.",
        ),
        (AdminService.remove_category, {"category": "x"}, "There is no such category in this workspace."),
        (AdminService.set_category, {"category": ""}, "An id has 1 to 64 characters, all of them visible."),
    ):
        assert await error_of(run, command, workspace="hub", **arguments) == sentence
    assert await run(AdminService.show_workspace, workspace="hub") == before


async def test_changes_of_a_workspace_are_saved_whole(run: Run) -> None:
    await run(AdminService.create_workspace, **HUB_FIELDS)
    await run(AdminService.set_category, workspace="hub", category="bugs", max_open=2)
    department = {"name": "B", "channel_id": 9, "categories": ["bugs"], "members": ["7"], "staff_role_id": 4}
    await run(AdminService.set_department, workspace="hub", department="b", **department)

    (changed,) = await run(AdminService.update_workspace, workspace="hub", plan="free", tickets_enabled=False)

    assert (changed["plan"], changed["tickets_enabled"]) == ("free", False)
    assert changed["categories"] == [{"id": "bugs", "name": "bugs", "max_open": 2}]
    assert isinstance(changed["departments"], list)
    assert changed["departments"][1] == {"id": "b"} | department


async def test_a_key_is_active_until_it_expires_or_is_revoked(run: Run) -> None:
    await run(AdminService.create_workspace, **HUB_FIELDS)
    for name in ("lasting", "expiring", "revoked"):
        expires_at = (utc_now() + timedelta(seconds=1)).isoformat() if name == "expiring" else None
        (created,) = await run(
            AdminService.create_key, workspace="hub", source="somewhere", name=name, expires_at=expires_at
        )
        assert created["state"] == "active"
    await run(AdminService.revoke_key, prefix=created["prefix"])

    async def states() -> dict[object, object]:
        return {key["name"]: key["state"] for key in await run(AdminService.list_keys)}

    async def one_has_expired() -> bool:
        return "expired" in (await states()).values()

    await wait_for(one_has_expired)
    assert await states() == {"lasting": "active", "expiring": "expired", "revoked": "revoked"}


async def test_only_creating_a_workspace_creates_a_database(database: Path) -> None:
    for command in (AdminService.list_workspaces, AdminService.list_keys, AdminService.retry_dead_letters):
        with pytest.raises(AdminError) as error:
            await execute(database, SOURCES, command)
        assert str(error.value).startswith(f"There is no database at {database}. Change to the folder it is ")
    assert list(database.parent.iterdir()) == []

    await execute(database, SOURCES, AdminService.create_workspace, **HUB_FIELDS)

    assert len(await execute(database, SOURCES, AdminService.list_workspaces)) == 1


def fake_discord(guild_id: int, ids: Mapping[str, int]) -> list[str] | None:
    """A Discord in which 404 is no id, and which is away for the guild 503."""
    if guild_id == 503:
        return None
    return [f"There is no {name} 404." for name, number in ids.items() if number == 404]


async def test_ids_that_discord_does_not_know_are_refused_and_nothing_is_saved(database: Path) -> None:
    async with running(database, fake_discord) as store:

        async def run(command: Command, **arguments: object) -> list[JsonObject]:
            return await execute(database, SOURCES, command, **arguments)

        two_wrong = HUB_FIELDS | {"tickets_channel_id": 404, "staff_role_id": 404}
        sentences = await error_of(run, AdminService.create_workspace, **two_wrong)
        assert sentences == "There is no tickets_channel_id 404.\nThere is no staff_role_id 404."
        assert await store.workspaces.list_all() == []

        (created,) = await run(AdminService.create_workspace, **HUB_FIELDS)
        before = await store.workspaces.list_all()
        assert created["warning"] == ""
        for command, arguments in (
            (AdminService.update_workspace, {"log_channel_id": 404}),
            (AdminService.set_department, {"department": "b", "channel_id": 404}),
        ):
            assert "404" in await error_of(run, command, workspace="hub", **arguments)
        assert await store.workspaces.list_all() == before


async def test_ids_that_cannot_be_checked_are_saved_with_a_warning(database: Path) -> None:
    (alone,) = await execute(database, SOURCES, AdminService.create_workspace, **HUB_FIELDS)
    async with running(database, fake_discord):
        fields = HUB_FIELDS | {"name": "away", "guild_id": 503}
        (away,) = await execute(database, SOURCES, AdminService.create_workspace, **fields)
        (changed,) = await execute(
            database, SOURCES, AdminService.update_workspace, workspace="away", staff_role_id=1
        )
        (no_id,) = await execute(
            database, SOURCES, AdminService.update_workspace, workspace="away", plan="free"
        )

    assert alone["warning"] == NOT_RUNNING
    assert away["warning"] == changed["warning"] == NOT_CONNECTED
    assert no_id["warning"] == ""


async def test_a_command_that_ran_here_releases_the_lock(database: Path) -> None:
    await execute(database, SOURCES, AdminService.create_workspace, **HUB_FIELDS)
    with pytest.raises(AdminError, match="already a workspace named hub"):
        await execute(database, SOURCES, AdminService.create_workspace, **HUB_FIELDS)

    with DatabaseLock(database):
        assert read_address(database) == ""


async def test_a_change_holds_in_the_running_bridge_at_once(database: Path) -> None:
    async with running(database) as store:
        await execute(database, SOURCES, AdminService.create_workspace, **HUB_FIELDS)
        (created,) = await execute(
            database, SOURCES, AdminService.create_key, workspace="hub", source="somewhere"
        )

        key = await store.api_keys.find(hash_api_key(str(created["key"])))
        assert key is not None

        await execute(database, SOURCES, AdminService.revoke_key, prefix=key.prefix)
        key = await store.api_keys.find(hash_api_key(str(created["key"])))
        assert key is not None
        assert key.revoked_at is not None


async def test_a_key_that_was_unknown_holds_in_the_running_bridge_once_it_is_imported(database: Path) -> None:
    async with running(database) as store:
        await execute(database, SOURCES, AdminService.create_workspace, **HUB_FIELDS)
        assert await store.api_keys.find(hash_api_key(EXISTING)) is None

        await execute(
            database, SOURCES, AdminService.import_key, key=EXISTING, workspace="hub", source="somewhere"
        )

        key = await store.api_keys.find(hash_api_key(EXISTING))
        assert key is not None
        assert key.is_valid_for("somewhere", utc_now())


async def sent(database: Path, message: bytes) -> JsonObject:
    """The reply of a running bridge to the bytes of another program."""
    reader, writer = await asyncio.open_connection("127.0.0.1", json.loads(read_address(database))["port"])
    writer.write(message)
    writer.write_eof()
    reply: JsonObject = json.loads(await reader.read())
    writer.close()
    return reply


CREATE = {"command": "create_workspace", "arguments": HUB_FIELDS}


@pytest.mark.parametrize(
    "message",
    [
        *(b"", b"GET / HTTP/1.1\r\n\r\n", b"[]", b"{}", b"\xff"),
        json.dumps({"request": CREATE}).encode(),
        *(json.dumps({"token": token, "request": CREATE}).encode() for token in ("", "wrong", "ä", 7, None)),
    ],
)
async def test_without_its_token_a_running_bridge_runs_no_command(database: Path, message: bytes) -> None:
    async with running(database) as store:
        reply = await sent(database, message)

        assert reply == {"error": "The token is wrong."}
        assert await store.workspaces.list_all() == []


@pytest.mark.parametrize("name", ["_change", "__init__", "no_such_command"])
async def test_only_commands_can_be_called(database: Path, name: str) -> None:
    async with running(database):
        token = json.loads(read_address(database))["token"]
        request = {"command": name, "arguments": {}}

        reply = await sent(database, json.dumps({"token": token, "request": request}).encode())

        assert "is another version, without this command" in str(reply["error"])


async def test_a_wrong_token_in_the_lock_file_is_an_error(database: Path) -> None:
    async with running(database) as store:
        endpoint = json.loads(read_address(database))
        lock_path(database).write_text(json.dumps(endpoint | {"token": "wrong"}))

        with pytest.raises(AdminError, match="token is wrong"):
            await execute(database, SOURCES, AdminService.create_workspace, **HUB_FIELDS)
        assert await store.workspaces.list_all() == []


async def test_a_running_bridge_takes_commands_on_loopback_alone(database: Path) -> None:
    async with running(database):
        endpoint = json.loads(read_address(database))

        with closing(socket.socket()) as other, pytest.raises(ConnectionRefusedError):
            other.connect(("127.0.0.2", endpoint["port"]))
        assert len(endpoint["token"]) >= 40


async def test_each_run_has_its_own_token_and_removes_it_when_it_ends(database: Path) -> None:
    tokens = set()
    for _ in range(2):
        async with running(database):
            tokens.add(json.loads(read_address(database))["token"])
        assert read_address(database) == ""

    assert len(tokens) == 2


async def test_a_bridge_that_does_not_answer_is_an_error(database: Path, unused_port: int) -> None:
    await create_database(database)
    with DatabaseLock(database) as lock:
        lock.publish_address(json.dumps({"port": unused_port, "token": "x"}))

        with pytest.raises(DatabaseInUse, match=r"does not answer\. Try again, or restart it\."):
            await execute(database, SOURCES, AdminService.list_workspaces)


async def test_a_command_waits_for_a_bridge_that_is_starting(database: Path) -> None:
    await create_database(database)
    lock = DatabaseLock(database)
    lock.__enter__()
    command = asyncio.create_task(execute(database, SOURCES, AdminService.list_workspaces))
    await asyncio.sleep(0)  # it finds the lock held
    assert not command.done()

    lock.__exit__()

    assert await command == []


async def test_a_process_that_takes_no_commands_is_an_error_after_a_while(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage.sqlite.owner, "LOCK_WAIT_SECONDS", 0.2)
    await create_database(database)

    with (
        DatabaseLock(database),
        pytest.raises(DatabaseInUse, match=r"Another ticketbridge is using tickets\.db"),
    ):
        await execute(database, SOURCES, AdminService.list_workspaces)


@pytest.fixture
async def unused_port() -> int:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port
