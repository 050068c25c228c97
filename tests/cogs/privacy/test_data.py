"""`/privacy export` and `/privacy erase`: each member gets and erases their own, and nobody else's."""

import json
from typing import Any

from bot.tickets.erasure import Requester
from bot.tickets.ticket import Ticket
from tests.cogs.tickets.test_commands import opened_by
from tests.cogs.tickets.test_own_tickets import REY, linked
from tests.support.bridge_harness import RunningBridge, reply_text, wait_for

BODY = "Bodyword"


async def exported(bridge: RunningBridge, user: str) -> Any:
    """The content of the file that a member gets."""
    record = await bridge.sandbox.command(user, "general", "privacy export")
    (attachment,) = (one for message in record["messages"] for one in message["attachments"])
    async with bridge.session.get(attachment["url"]) as response:
        return json.loads(await response.text())


async def ask(bridge: RunningBridge, user: str) -> tuple[dict[str, Any], str]:
    """The question's message, and all of its text."""
    record = await bridge.sandbox.command(user, "general", "privacy erase")
    (message,) = record["messages"]
    return message, json.dumps(message)


async def erased(bridge: RunningBridge, ticket: Ticket) -> Ticket:
    async def is_erased() -> Ticket | None:
        found = await bridge.application.store.tickets.get(ticket.id)
        return found if found.erased_at is not None else None

    found: Ticket = await wait_for(is_erased)
    return found


async def test_the_file_has_the_tickets_of_the_linked_account_and_of_discord(bridge: RunningBridge) -> None:
    own = await bridge.ticket(creatorUuid=REY, description=BODY)
    private = await opened_by(bridge, "pete")
    await bridge.ticket(creatorUuid="999e8400-e29b-41d4-a716-446655440000", description="of another")
    await linked(bridge)

    content = await exported(bridge, "pete")

    assert [one["source"] for one in content] == ["discord", "modl"]
    assert [[ticket["id"] for ticket in one["tickets"]] for one in content] == [
        [private.public_id],
        [own.public_id],
    ]
    assert [link["discord_name"] for link in content[1]["links"]] == ["pete"]
    assert "of another" not in json.dumps(content)


async def test_who_has_nothing_here_is_told_so(bridge: RunningBridge) -> None:
    for command in ("privacy export", "privacy erase"):
        record = await bridge.sandbox.command("pete", "general", command)
        assert "There is nothing about you here" in reply_text(record)


async def test_a_member_is_asked_and_then_erased(bridge: RunningBridge) -> None:
    own = await bridge.ticket(creatorUuid=REY, description=BODY)
    others = await bridge.ticket(creatorUuid="999e8400-e29b-41d4-a716-446655440000", description=BODY)
    await linked(bridge)

    message, text = await ask(bridge, "pete")
    assert "1 ticket" in text
    assert "cannot be undone" in text
    assert (await bridge.application.store.tickets.get(own.id)).body == BODY
    ((button,),) = ([one["custom_id"] for one in row["components"]] for row in message["components"])
    answer = await bridge.sandbox.press("pete", message["id"], button)

    assert "being erased" in reply_text(answer)
    assert (await erased(bridge, own)).body == ""
    assert (await bridge.application.store.tickets.get(others.id)).body == BODY
    assert await bridge.application.store.account_links.list_of_member(bridge.guild.members["pete"]) == ()
    records = await bridge.application.store.erasures.list_newest(5)
    assert {one.requested_by for one in records} == {Requester.PLAYER}


async def test_a_forged_press_erases_nobody_else(bridge: RunningBridge) -> None:
    own = await bridge.ticket(creatorUuid=REY, description=BODY)
    await linked(bridge)
    await ask(bridge, "pete")

    answer = await bridge.sandbox.press("mia", own.post.message_id or 0, "privacy:erase", forge=True)

    assert "There is nothing about you here" in reply_text(answer)
    assert await bridge.application.store.erasures.list_newest(5) == []


async def test_who_erases_themselves_stays_in_reports_about_them(bridge: RunningBridge) -> None:
    report = await bridge.ticket(
        creatorUuid="999e8400-e29b-41d4-a716-446655440000",
        type="player",
        reportedPlayerUuid=REY,
        reportedPlayerName="Rey",
        description=BODY,
    )
    await linked(bridge)

    message, _ = await ask(bridge, "pete")
    await bridge.sandbox.press("pete", message["id"], "privacy:erase")

    async def is_done() -> bool:
        records = await bridge.application.store.erasures.list_newest(5)
        return bool(records) and all(one.finished_at is not None for one in records)

    await wait_for(is_done)
    after = await bridge.application.store.tickets.get(report.id)
    assert after.reported_player is not None
    assert after.reported_player.id == REY
    assert BODY not in json.dumps(await _nothing(bridge))


async def _nothing(bridge: RunningBridge) -> dict[str, Any]:
    record = await bridge.sandbox.command("pete", "general", "privacy export")
    assert "There is nothing about you here" in reply_text(record)
    return record
