"""Requests that cannot be parsed are stored for the operator, if they have a valid key."""

from bot.tickets.workspace import Category
from tests.webhook.conftest import BODY, Gate


async def test_an_invalid_body_is_stored_with_its_error(gate: Gate) -> None:
    reply = await gate.send("/south/tickets", b'{"subject":')

    (kept,) = await gate.store.rejected_requests.list_newest(10)
    assert kept.body == b'{"subject":'
    assert kept.reason == reply.refuses("south")
    assert (kept.path, kept.source, kept.workspace_name) == ("/south/tickets", "south", "home")
    assert kept.key_prefix == gate.prefixes["south"]


async def test_an_invalid_body_of_any_endpoint_is_stored(gate: Gate) -> None:
    await gate.send("/north/tickets/TEST-1/say", b"{}")

    (kept,) = await gate.store.rejected_requests.list_newest(10)
    assert kept.path == "/north/tickets/TEST-1/say"


async def test_a_body_of_a_category_that_the_workspace_lacks_is_stored_with_its_error(gate: Gate) -> None:
    (workspace,) = await gate.store.workspaces.list_all()
    await gate.store.workspaces.change(
        workspace.id, lambda one: one.with_category(Category(id="bugs", name="Bugs"))
    )

    reply = await gate.send("/south/tickets")

    (kept,) = await gate.store.rejected_requests.list_newest(10)
    assert (kept.body, kept.reason) == (BODY, reply.refuses("south"))


async def test_an_error_that_is_about_the_ticket_stores_no_body(gate: Gate) -> None:
    await gate.send("/south/tickets/TEST-1/say", b'{"text":"hello"}')

    assert await gate.store.rejected_requests.list_newest(10) == []


async def test_a_long_invalid_body_is_stored_in_part(gate: Gate) -> None:
    await gate.send("/south/tickets", b"x" * 100_000)

    (kept,) = await gate.store.rejected_requests.list_newest(10)
    assert (len(kept.body), kept.size) == (65_536, 100_000)


async def test_a_body_without_a_valid_key_is_not_stored(gate: Gate) -> None:
    await gate.send("/south/tickets", b"no json", key="wrong")
    await gate.send("/south/tickets")

    assert await gate.store.rejected_requests.list_newest(10) == []


async def test_only_the_newest_of_each_key_are_stored(gate: Gate) -> None:
    await gate.send("/north/tickets", b"north")
    for number in range(60):
        gate.time[0] += 10
        await gate.send("/south/tickets", b"%d" % number)

    kept = await gate.store.rejected_requests.list_newest(1000)
    assert [one.body for one in kept] == [b"%d" % number for number in range(59, 9, -1)] + [b"north"]
