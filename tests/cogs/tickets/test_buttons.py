"""The buttons of a ticket and the modal of a reply."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from bot.sandbox import Sandbox, demo_guild
from bot.tickets.api_keys import generate_api_key, hash_api_key
from bot.tickets.message import Actor, MessageKind
from bot.tickets.ticket import Status
from bot.tickets.workspace import NewWorkspace
from tests.cogs.core.test_markdown import ALIVE
from tests.support.bridge_harness import (
    RunningBridge,
    reply_text,
    running_bridge,
    running_sandbox,
    wait_for,
)


async def test_claiming_sets_in_progress_and_says_who(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()

    record = await bridge.press("mia", ticket, "Claim")

    ticket = await bridge.refresh(ticket)
    assert "You have claimed" in reply_text(record)
    assert ticket.status is Status.IN_PROGRESS
    assert ticket.claimed_by is not None
    assert ticket.claimed_by.id == str(bridge.guild.members["mia"])
    assert f"claimed by <@{bridge.guild.members['mia']}>" in str(bridge.post_message(ticket)["embeds"])
    assert list(bridge.buttons(ticket)) == ["Unclaim", "Reply", "Close"]


async def test_a_second_claim_is_refused_with_the_name_of_the_first(bridge: RunningBridge) -> None:
    ticket = await bridge.game_report()
    claim = bridge.buttons(ticket)["Claim"]
    await bridge.press("mia", ticket, "Claim")

    record = await bridge.forge("noah", ticket, claim)

    assert "Mia has already claimed this ticket" in reply_text(record)


async def test_a_claimers_name_is_escaped_where_a_refusal_names_it(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()
    hostile = Actor(id="9", name="[click](https://evil.example/x) @everyone <@1> *Mia*", source="game")
    claim = bridge.buttons(ticket)["Claim"]
    await bridge.application.store.tickets.change(
        ticket.id, lambda current: current.claim(hostile), datetime.now(UTC), actor=hostile
    )

    pressed = await bridge.forge("mia", ticket, claim)
    typed = await bridge.sandbox.command("mia", "tickets", "ticket claim", {"ticket": ticket.public_id})

    for record in (pressed, typed):
        assert "has already claimed this ticket." in reply_text(record)
        assert r"\[click\]\(`https://evil.example/x)`" in reply_text(record)
        assert not ALIVE.search(reply_text(record))
        assert r"\*Mia\*" in reply_text(record)


async def test_the_buttons_follow_claim_unclaim_close_and_reopen(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()
    for step, then in (
        (partial(bridge.press, label="Claim"), ["Unclaim", "Reply", "Close"]),
        (partial(bridge.press, label="Unclaim"), ["Claim", "Reply", "Close"]),
        (bridge.close, ["Reopen"]),
        (partial(bridge.press, label="Reopen"), ["Claim", "Reply", "Close"]),
    ):
        await step("mia", ticket)
        await bridge.refresh(ticket)
        assert list(bridge.buttons(ticket)) == then


async def test_a_game_report_is_resolved_and_still_shows_no_reply(bridge: RunningBridge) -> None:
    ticket = await bridge.game_report()

    await bridge.press("mia", ticket, "Resolve")

    ticket = await bridge.refresh(ticket)
    assert ticket.status is Status.RESOLVED
    assert list(bridge.buttons(ticket)) == ["Reopen"]


async def test_a_second_press_says_that_it_was_done_already(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()
    close = bridge.buttons(ticket)["Close"]
    await bridge.close("mia", ticket)

    record = await bridge.forge("noah", ticket, close)

    assert reply_text(record) == "⛔ Mia has already closed this ticket."
    assert record["modal"] is None


async def test_only_staff_can_press_buttons(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()
    bridge.sandbox.set_overwrite("tickets", "everyone", allow=1 << 10)

    for label in ("Claim", "Reply", "Close"):
        record = await bridge.press("pete", ticket, label)
        assert "Only staff" in reply_text(record)
        assert record["modal"] is None
    assert (await bridge.refresh(ticket)).status is Status.OPEN


async def test_reply_opens_a_modal_and_its_text_is_saved(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()

    opened = await bridge.press("mia", ticket, "Reply")
    record = await bridge.sandbox.modal("mia", opened["id"], {"text": "Thank you."})

    (reply,) = await bridge.application.store.messages.list_of_ticket(ticket.id)
    assert f"Your reply to {ticket.public_id} is saved" in reply_text(record)
    assert "The ticket shows when the game server has read it." in str(opened["modal"])
    assert (reply.kind, reply.text, reply.author.name) == (MessageKind.REPLY, "Thank you.", "Mia")


async def test_a_forged_reply_button_under_a_game_report_is_refused_with_the_reason(
    bridge: RunningBridge,
) -> None:
    ticket = await bridge.game_report()

    record = await bridge.forge("mia", ticket, f"ticket:reply:{ticket.id}")

    assert "view-only: nobody can reply to its reporter" in reply_text(record)
    assert record["modal"] is None


async def test_a_reply_modal_forged_for_a_game_report_is_refused_with_the_reason(
    bridge: RunningBridge,
) -> None:
    ticket, report = await bridge.ticket(), await bridge.game_report()
    opened = await bridge.press("mia", ticket, "Reply")

    record = await bridge.sandbox.modal(
        "mia", opened["id"], {"text": "Thank you."}, forge_custom_id=f"ticket:reply:{report.id}"
    )

    assert "view-only: nobody can reply to its reporter" in reply_text(record)
    assert not await bridge.application.store.messages.list_of_ticket(report.id)


async def test_a_closed_ticket_takes_no_reply_until_it_is_reopened(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()
    opened = await bridge.press("mia", ticket, "Reply")
    await bridge.close("noah", ticket)

    record = await bridge.sandbox.modal("mia", opened["id"], {"text": "Too late."})

    assert "Noah has closed this ticket. Reopen it first." in reply_text(record)
    assert not await bridge.application.store.messages.list_of_ticket(ticket.id, [MessageKind.REPLY])


async def test_an_unknown_ticket_is_refused_with_a_sentence(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()

    record = await bridge.forge("mia", ticket, "ticket:claim:999999999999999999")

    assert "There is no such ticket" in reply_text(record)


async def test_staff_of_another_guild_cannot_touch_a_ticket(tmp_path: Path) -> None:
    async with running_sandbox() as (sandbox, guild):
        other = demo_guild(sandbox, name="Elsewhere")
        async with running_bridge(tmp_path / "t.db", sandbox, guild) as bridge:
            ticket = await bridge.ticket()
            there = sandbox.say(str(other.members["mia"]), str(other.channels["general"]), "hello")

            record = await sandbox.press(
                str(other.members["mia"]), there["id"], f"ticket:claim:{ticket.id}", forge=True
            )

            assert "This Discord server has no workspace" in reply_text(record)


def _connected(sandbox: Sandbox) -> bool:
    return bool(sandbox.snapshot()["connected_sessions"])


async def test_buttons_and_an_open_modal_work_after_a_restart(tmp_path: Path) -> None:
    database = tmp_path / "ticketbridge.db"
    async with running_sandbox() as (sandbox, guild):
        async with running_bridge(database, sandbox, guild) as bridge:
            ticket = await bridge.ticket()
            opened = await bridge.press("mia", ticket, "Reply")
            keys, earlier = bridge.keys, len(sandbox.requests)
        async with running_bridge(database, sandbox, guild, keys=keys) as bridge:
            await wait_for(
                lambda: sandbox.snapshot()["connected_sessions"] and len(sandbox.requests) > earlier + 3
            )
            record = await sandbox.modal("mia", opened["id"], {"text": "Written before the restart."})
            claimed = await bridge.press("noah", ticket, "Claim")

            (reply,) = await bridge.application.store.messages.list_of_ticket(ticket.id, [MessageKind.REPLY])
            assert "is saved" in reply_text(record)
            assert reply.text == "Written before the restart."
            assert "You have claimed" in reply_text(claimed)


@pytest.mark.parametrize(
    "made_up", ["ticket:reply:9223372036854775807", "ticket:reply:-1", "ticket:ban:1", "ticket:more:1"]
)
async def test_a_made_up_button_is_refused_with_a_sentence(bridge: RunningBridge, made_up: str) -> None:
    ticket = await bridge.game_report()

    record = await bridge.forge("mia", ticket, made_up)

    assert "not one of mine" in reply_text(record)


async def test_each_workspace_of_a_guild_has_its_own_staff(bridge: RunningBridge) -> None:
    role = bridge.sandbox.create_role("Builders")
    bridge.sandbox.give_role("paula", "Builders")
    bridge.sandbox.set_overwrite("tickets", "everyone", allow=1 << 10)
    now = datetime.now(UTC)
    new = NewWorkspace(
        name="builders",
        guild_id=bridge.guild.id,
        tickets_channel_id=bridge.guild.channels["tickets"],
        reports_channel_id=bridge.guild.channels["reports"],
        staff_role_id=int(role["id"]),
    )
    await bridge.application.store.workspaces.add(new, now)
    key, prefix = generate_api_key()
    await bridge.application.store.api_keys.add(
        "builders", "modl", prefix=prefix, key_hash=hash_api_key(key), now=now
    )
    theirs = await bridge.ticket()
    bridge.keys["modl"] = key
    ours = await bridge.ticket()

    assert "You have claimed" in reply_text(await bridge.press("paula", ours, "Claim"))
    assert "There is no such ticket" in reply_text(await bridge.press("paula", theirs, "Claim"))
    assert "There is no such ticket" in reply_text(await bridge.press("mia", ours, "Reply"))
