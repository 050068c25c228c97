"""Messages typed under a game report are deleted, with a notice."""

from typing import Any

from bot.sandbox import Permission
from tests.support.bridge_harness import RunningBridge, wait_for


def ids_in(bridge: RunningBridge, channel: Any) -> list[str]:
    return [message["id"] for message in bridge.sandbox.messages(channel)]


async def notice_in(bridge: RunningBridge, channel: Any) -> str:
    """The bot's notice, once it is there."""

    def look() -> str:
        for message in bridge.sandbox.messages(channel):
            if message["author"].get("bot") and "view-only:" in message["content"]:
                return str(message["content"])
        return ""

    return str(await wait_for(look))


async def test_a_discord_reply_to_a_game_report_is_deleted_with_a_notice(bridge: RunningBridge) -> None:
    report = await bridge.game_report()

    typed = bridge.sandbox.say("mia", "reports", "We banned them.", reply_to=report.post.message_id)

    notice = await notice_in(bridge, "reports")
    assert "nobody can reply to its reporter" in notice
    assert "Your message was removed." in notice
    assert typed["id"] not in ids_in(bridge, "reports")


async def test_a_message_in_a_thread_on_a_game_report_is_deleted(bridge: RunningBridge) -> None:
    report = await bridge.game_report()
    thread = bridge.sandbox.open_thread("mia", "reports", "let us talk", message=report.post.message_id)

    typed = bridge.sandbox.say("mia", thread["id"], "We banned them.")

    assert "view-only" in await notice_in(bridge, thread["id"])
    assert typed["id"] not in ids_in(bridge, thread["id"])


async def test_a_message_under_a_resolved_game_report_is_deleted_as_well(bridge: RunningBridge) -> None:
    report = await bridge.game_report()
    await bridge.press("mia", report, "Resolve")

    typed = bridge.sandbox.say("mia", "reports", "We banned them.", reply_to=report.post.message_id)

    await notice_in(bridge, "reports")
    assert typed["id"] not in ids_in(bridge, "reports")


async def test_other_messages_stay(bridge: RunningBridge) -> None:
    report, ticket = await bridge.game_report(), await bridge.ticket()
    in_channel = bridge.sandbox.say("mia", "reports", "Good morning.")
    on_a_ticket = bridge.sandbox.say("mia", "tickets", "Mine.", reply_to=ticket.post.message_id)

    forbidden = bridge.sandbox.say("mia", "reports", "We banned them.", reply_to=report.post.message_id)

    await notice_in(bridge, "reports")
    assert forbidden["id"] not in ids_in(bridge, "reports")
    assert in_channel["id"] in ids_in(bridge, "reports")
    assert on_a_ticket["id"] in ids_in(bridge, "tickets")


async def test_without_the_permission_to_delete_a_notice_names_it(bridge: RunningBridge) -> None:
    report = await bridge.game_report()
    bot = bridge.guild.members["ticketbridge"]
    bridge.sandbox.set_overwrite(
        "reports", bot, allow=Permission.VIEW_CHANNEL, deny=Permission.MANAGE_MESSAGES
    )

    typed = bridge.sandbox.say("mia", "reports", "We banned them.", reply_to=report.post.message_id)

    assert "Manage Messages" in await notice_in(bridge, "reports")
    assert typed["id"] in ids_in(bridge, "reports")


async def test_a_forwarded_game_report_stays(bridge: RunningBridge) -> None:
    report = await bridge.game_report()
    state = bridge.sandbox.state
    shared = bridge.sandbox.say("mia", "general", "see this")
    general = state.world.channels[bridge.guild.channels["general"]]
    origin = {"message_id": str(report.post.message_id), "channel_id": str(report.post.channel_id)}
    state.emit_message(
        "MESSAGE_CREATE", general.messages[int(shared["id"])], message_reference=origin | {"type": 1}
    )

    typed = bridge.sandbox.say("mia", "reports", "We banned them.", reply_to=report.post.message_id)

    await notice_in(bridge, "reports")
    assert typed["id"] not in ids_in(bridge, "reports")
    assert shared["id"] in ids_in(bridge, "general")
