"""`/privacy messages` and the buttons below direct messages: what a member chooses, and what is refused."""

from typing import Any

import pytest

from bot.tickets.direct_messages import MemberPreferences
from cogs.posts.direct_messages import SETTINGS_BUTTON_ID
from tests.cogs.tickets.test_own_tickets import linked, reply, run, text_of, use
from tests.support.bridge_harness import RunningBridge, reply_text, wait_for


async def chosen(bridge: RunningBridge, user: str = "pete") -> MemberPreferences:
    return await bridge.application.store.members.get_preferences(bridge.guild.members[user])


async def messages(bridge: RunningBridge, channel: str = "general", **options: object) -> dict[str, Any]:
    """The answer to `/privacy messages`, which only pete sees."""
    record = await bridge.sandbox.command("pete", channel, "privacy messages", options)
    (shown,) = record["messages"]
    assert shown["flags"] & 64
    return dict(shown)


@pytest.mark.parametrize("channel", ["general", "@pete"])
async def test_the_command_shows_and_changes_what_is_so_in_a_server_and_in_a_direct_message(
    bridge: RunningBridge, channel: str
) -> None:
    before = await messages(bridge, channel)
    changed = await messages(
        bridge, channel, send="off", quiet_from="22:00", quiet_to="7", time_zone="europe/berlin"
    )

    assert text_of(before).startswith("🔔 On:")
    assert "No quiet hours." in text_of(before)
    assert text_of(changed).startswith("🔕 Off.")
    assert "🌙 Quiet hours from 22:00 to 07:00 (Europe/Berlin)" in text_of(changed)
    assert text_of(await messages(bridge, channel)) == text_of(changed)
    kept = await messages(bridge, channel, send="on", quiet_to="08.30")
    assert text_of(kept).startswith("🔔 On:")
    assert "from 22:00 to 08:30 (Europe/Berlin)" in text_of(kept)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"quiet_from": "24:00", "quiet_to": "07:00"}, "That is no time of day."),
        ({"quiet_from": "22:00", "quiet_to": "7:60"}, "That is no time of day."),
        ({"quiet_from": "²:00", "quiet_to": "7"}, "That is no time of day."),
        ({"quiet_from": "22:00"}, "Quiet hours need two different times"),
        ({"quiet_to": "22:00"}, "Quiet hours need two different times"),
        ({"quiet_from": "22:00", "quiet_to": "22"}, "Quiet hours need two different times"),
        ({"time_zone": "Mars/Olympus"}, "There is no such time zone."),
        ({"time_zone": "../../etc/passwd"}, "There is no such time zone."),
        ({"send": "off", "time_zone": "x"}, "There is no such time zone."),
    ],
)
async def test_what_cannot_be_so_changes_nothing(
    bridge: RunningBridge, options: dict[str, str], sentence: str
) -> None:
    await messages(bridge, time_zone="Asia/Tokyo")
    before = await chosen(bridge)

    refused = await messages(bridge, **options)

    assert sentence in refused["content"]
    assert await chosen(bridge) == before


async def test_time_zones_are_found_by_a_city_in_any_case(bridge: RunningBridge) -> None:
    async def offered(typed: str) -> list[str]:
        record = await bridge.sandbox.autocomplete(
            "pete", "@pete", "privacy messages", {"time_zone": typed}, "time_zone"
        )
        return [one["value"] for one in record["choices"]]

    assert await offered("new YORK") == ["America/New_York"]
    assert len(await offered("")) == 25
    assert await offered("nowhere") == []


async def test_the_buttons_below_a_direct_message_switch_them_off_and_on(bridge: RunningBridge) -> None:
    await linked(bridge)
    ticket = await bridge.ticket()
    await reply(bridge, ticket, "We are on it.")
    await bridge.refresh(ticket)
    message = bridge.sandbox.messages("@pete")[-1]

    (shown,) = (await use(bridge, "pete", message, "Message settings"))["messages"]
    (off,) = (await use(bridge, "pete", shown, "Turn off"))["messages"]
    assert (await chosen(bridge)).direct_messages is False
    await reply(bridge, ticket, "Still on it.")
    await bridge.refresh(ticket)
    await use(bridge, "pete", off, "Turn on")

    assert text_of(off).startswith("🔕 Off.")
    assert (await chosen(bridge)).direct_messages is True
    told = [text_of(one) for one in bridge.sandbox.messages("@pete") if one["embeds"]]
    assert told == ["We are on it."]


async def test_a_forged_button_changes_only_what_its_presser_gets(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()
    bridge.sandbox.set_overwrite("tickets", "everyone", allow=1 << 10)

    await bridge.forge("paula", ticket, "messages:off")
    unknown = await bridge.forge("paula", ticket, "messages:all:off")

    assert not (await chosen(bridge, "paula")).direct_messages
    assert (await chosen(bridge, "pete")).direct_messages
    assert "not one of mine" in reply_text(unknown)
    assert SETTINGS_BUTTON_ID.startswith("messages:")


async def test_the_language_is_that_of_the_last_use(bridge: RunningBridge) -> None:
    for locale in ("en-US", "pt-BR"):
        bridge.sandbox.change_user("pete", locale=locale)
        await run(bridge, "pete", "tickets")

        async def is_known(locale: str = locale) -> bool:
            return (await chosen(bridge)).locale == locale

        assert await wait_for(is_known)
