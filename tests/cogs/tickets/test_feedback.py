"""`/ticket feedback`, and the button to rate an own ticket that has ended."""

from typing import Any

import pytest

from bot.tickets.ticket import Status, Ticket
from tests.cogs.linking.test_linking import link
from tests.cogs.tickets.test_commands import opened_by
from tests.cogs.tickets.test_history import ALIVE, HOSTILE
from tests.cogs.tickets.test_own_tickets import (
    FINN,
    ROBLOX_ID,
    components,
    linked,
    run,
    use,
    view,
)
from tests.support.bridge_harness import RunningBridge, reply_text, wait_for


async def ended(bridge: RunningBridge) -> Ticket:
    """A ticket from the game, of the linked account, that staff have closed."""
    await linked(bridge)
    ticket = await bridge.ticket()
    await bridge.close("mia", ticket)
    return await bridge.refresh(ticket)


def shown_to_staff(bridge: RunningBridge, ticket: Ticket) -> list[dict[str, Any]]:
    """The embeds of ratings in the ticket's thread."""
    messages = bridge.sandbox.messages(ticket.post.thread_id or 0)
    embeds = [embed for message in messages for embed in message["embeds"]]
    return [one for one in embeds if one.get("title") == "⭐ The reporter's rating"]


async def rate(bridge: RunningBridge, user: str, ticket: Ticket, rating: int, **options: object) -> str:
    said = await run(bridge, user, "ticket feedback", rating=rating, ticket=ticket.public_id, **options)
    return str(said["content"])


async def test_a_player_rates_a_ticket_from_the_game_and_staff_read_it(bridge: RunningBridge) -> None:
    ticket = await ended(bridge)

    said = await rate(bridge, "pete", ticket, 4, comment="Quick, and friendly.")

    assert said == f"✅ Thank you. Your rating of {ticket.public_id} is saved, and staff see it."
    await bridge.refresh(ticket)
    (embed,) = shown_to_staff(bridge, ticket)
    assert (embed["author"]["name"], embed["description"]) == ("Notch", "★★★★☆\nQuick, and friendly.")
    assert await wait_for(lambda: bridge.sandbox.state.world.channels[ticket.post.thread_id or 0].archived)
    (field,) = [
        one
        for one in (await view(bridge, "mia", ticket))["embeds"][0]["fields"]
        if one["name"] == "⭐ Rated by Notch"
    ]
    assert field["value"] == "★★★★☆\nQuick, and friendly."


async def test_a_second_rating_replaces_the_first(bridge: RunningBridge) -> None:
    ticket = await ended(bridge)
    await rate(bridge, "pete", ticket, 4, comment="Quick.")
    await bridge.refresh(ticket)

    await rate(bridge, "pete", ticket, 1)

    await bridge.refresh(ticket)
    assert await wait_for(lambda: [one["description"] for one in shown_to_staff(bridge, ticket)] == ["★☆☆☆☆"])


async def test_the_button_opens_a_form_and_shows_what_was_saved(bridge: RunningBridge) -> None:
    ticket = await opened_by(bridge, "pete")
    await run(bridge, "pete", "ticket close", ticket=ticket.public_id)

    form = await use(bridge, "pete", await view(bridge, "pete", ticket), "Rate")
    done = await bridge.sandbox.modal("pete", form["id"], {"rating": ["5"], "comment": "Found it!"})
    shown = await view(bridge, "pete", ticket)
    again = await use(bridge, "pete", shown, "Change your rating")

    assert form["modal"]["title"] == f"Rate {ticket.public_id}"
    assert "is saved" in reply_text(done)
    (field,) = [one for one in shown["embeds"][0]["fields"] if one["name"] == "Your rating"]
    assert field["value"] == "★★★★★\nFound it\\!" or field["value"] == "★★★★★\nFound it!"
    rating, comment = (one["component"] for one in again["modal"]["components"])
    assert [one["value"] for one in rating["options"] if one.get("default")] == ["5"]
    assert comment["value"] == "Found it!"


async def test_hostile_text_in_a_comment_is_escaped(bridge: RunningBridge) -> None:
    ticket = await ended(bridge)

    await rate(bridge, "pete", ticket, 3, comment=HOSTILE)

    await bridge.refresh(ticket)
    (embed,) = shown_to_staff(bridge, ticket)
    (field,) = [
        one
        for one in (await view(bridge, "pete", ticket))["embeds"][0]["fields"]
        if one["name"] == "Your rating"
    ]
    for alive in ALIVE:
        assert alive not in embed["description"]
        assert alive not in field["value"]


async def test_an_open_ticket_has_no_rating_yet_and_the_comment_is_given_back(bridge: RunningBridge) -> None:
    ticket = await ended(bridge)
    shown = await view(bridge, "pete", ticket)
    await bridge.press("mia", ticket, "Reopen")

    refused = await rate(bridge, "pete", ticket, 5, comment="Too early?")
    pressed = await use(bridge, "pete", shown, "Rate")

    assert refused.startswith("⛔ This ticket has not ended yet.")
    assert "Too early?" in refused
    assert pressed["modal"] is None
    assert "has not ended yet" in reply_text(pressed)
    assert "Rate" not in [one["label"] for one in components(await view(bridge, "pete", ticket))]
    assert await bridge.application.store.feedback.find(ticket.id) is None


async def test_a_game_report_is_not_rated(bridge: RunningBridge) -> None:
    await link(bridge, "pete", ROBLOX_ID, "rey_rbx", source="series")
    report = await bridge.game_report()
    await bridge.sandbox.command("mia", "reports", "ticket resolve", {"ticket": report.public_id})
    shown = await view(bridge, "pete", report)

    refused = await rate(bridge, "pete", report, 1)
    forged = await bridge.sandbox.press("pete", shown["id"], f"feedback:{report.id}", forge=True)

    assert [one["label"] for one in components(shown)] == ["All my tickets"]
    for said in (refused, reply_text(forged)):
        assert said.startswith("⛔ This is a game report and view-only: you can follow it here, but not rate")


@pytest.mark.parametrize("user", ["paula", "mia"])
async def test_nobody_rates_a_ticket_of_somebody_else(bridge: RunningBridge, user: str) -> None:
    ticket = await ended(bridge)
    await linked(bridge, "paula", FINN)
    listed = await run(bridge, user, "ticket view", ticket=(await bridge.ticket(creatorUuid=FINN)).public_id)

    refused = await rate(bridge, user, ticket, 1)
    forged = await bridge.sandbox.press(user, listed["id"], f"feedback:{ticket.id}", forge=True)

    assert "no such ticket" in refused
    assert "no such ticket" in reply_text(forged)
    assert forged["modal"] is None
    assert await bridge.application.store.feedback.find(ticket.id) is None


async def test_a_form_forged_for_another_ticket_is_refused(bridge: RunningBridge) -> None:
    ticket = await ended(bridge)
    form = await use(bridge, "pete", await view(bridge, "pete", ticket), "Rate")

    refused = await bridge.sandbox.modal(
        "pete", form["id"], {"rating": ["5"], "comment": "x"}, forge_custom_id=f"feedback:{10**6}"
    )

    assert "no such ticket" in reply_text(refused)
    assert (await bridge.refresh(ticket)).status is Status.CLOSED


async def test_the_command_offers_own_ended_tickets(bridge: RunningBridge) -> None:
    ticket = await ended(bridge)
    still_open = await bridge.ticket(subject="Lag")

    offered = await bridge.sandbox.autocomplete(
        "pete", "general", "ticket feedback", {"ticket": "", "rating": 5}, "ticket"
    )

    assert [one["value"] for one in offered["choices"]] == [ticket.public_id]
    assert still_open.public_id not in str(offered)
