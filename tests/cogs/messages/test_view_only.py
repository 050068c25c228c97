"""What is typed under a game report does not stay there."""

from typing import Any

from bot.sandbox import Permission
from tests.support.bridge_harness import RunningBridge, wait_for


def ids_in(town: RunningBridge, place: Any) -> list[str]:
    return [message["id"] for message in town.sandbox.messages(place)]


async def notice_in(town: RunningBridge, place: Any) -> str:
    """The bot's notice, once it is there."""

    def look() -> str:
        for message in town.sandbox.messages(place):
            if message["author"].get("bot") and "view-only:" in message["content"]:
                return str(message["content"])
        return ""

    return str(await wait_for(look))


async def test_a_discord_reply_to_a_game_report_is_removed_with_a_notice(town: RunningBridge) -> None:
    report = await town.game_report()

    typed = town.sandbox.say("mia", "reports", "We banned them.", reply_to=report.post.message_id)

    notice = await notice_in(town, "reports")
    assert "nobody can reply to its reporter" in notice
    assert "Your message was removed." in notice
    assert typed["id"] not in ids_in(town, "reports")


async def test_a_message_in_a_hand_made_thread_under_a_game_report_is_removed(town: RunningBridge) -> None:
    report = await town.game_report()
    thread = town.sandbox.open_thread("mia", "reports", "let us talk", message=report.post.message_id)

    typed = town.sandbox.say("mia", thread["id"], "We banned them.")

    assert "view-only" in await notice_in(town, thread["id"])
    assert typed["id"] not in ids_in(town, thread["id"])


async def test_a_resolved_game_report_is_guarded_as_well(town: RunningBridge) -> None:
    report = await town.game_report()
    await town.press("mia", report, "Resolve")

    typed = town.sandbox.say("mia", "reports", "We banned them.", reply_to=report.post.message_id)

    await notice_in(town, "reports")
    assert typed["id"] not in ids_in(town, "reports")


async def test_other_talk_is_left_alone(town: RunningBridge) -> None:
    report, ticket = await town.game_report(), await town.ticket()
    in_channel = town.sandbox.say("mia", "reports", "Good morning.")
    on_a_ticket = town.sandbox.say("mia", "tickets", "Mine.", reply_to=ticket.post.message_id)

    forbidden = town.sandbox.say("mia", "reports", "We banned them.", reply_to=report.post.message_id)

    await notice_in(town, "reports")
    assert forbidden["id"] not in ids_in(town, "reports")
    assert in_channel["id"] in ids_in(town, "reports")
    assert on_a_ticket["id"] in ids_in(town, "tickets")


async def test_without_the_right_to_remove_it_says_which_right_is_missing(town: RunningBridge) -> None:
    report = await town.game_report()
    bot = town.guild.members["ticketbridge"]
    town.sandbox.set_overwrite("reports", bot, allow=Permission.VIEW_CHANNEL, deny=Permission.MANAGE_MESSAGES)

    typed = town.sandbox.say("mia", "reports", "We banned them.", reply_to=report.post.message_id)

    assert "Manage Messages" in await notice_in(town, "reports")
    assert typed["id"] in ids_in(town, "reports")


async def test_a_forwarded_game_report_stays(town: RunningBridge) -> None:
    report = await town.game_report()
    state = town.sandbox.state
    shared = town.sandbox.say("mia", "general", "see this")
    general = state.world.channels[town.guild.channels["general"]]
    origin = {"message_id": str(report.post.message_id), "channel_id": str(report.post.channel_id)}
    state.emit_message(
        "MESSAGE_CREATE", general.messages[int(shared["id"])], message_reference=origin | {"type": 1}
    )

    typed = town.sandbox.say("mia", "reports", "We banned them.", reply_to=report.post.message_id)

    await notice_in(town, "reports")
    assert typed["id"] not in ids_in(town, "reports")
    assert shared["id"] in ids_in(town, "general")
