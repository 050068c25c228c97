"""How a ticket looks in Discord."""

from functools import partial
from operator import methodcaller
from typing import Any

from bot.tickets.events import EventType
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import Category, Department
from tests.support.bridge_harness import RunningBridge, reply_text


def embed_of(bridge: RunningBridge, ticket: Ticket) -> dict[str, Any]:
    (embed,) = bridge.post_message(ticket)["embeds"]
    found: dict[str, Any] = embed
    return found


def fields_of(embed: dict[str, Any]) -> dict[str, str]:
    return {field["name"]: field["value"] for field in embed["fields"]}


async def test_a_game_report_is_unmistakable_and_shows_no_reply(bridge: RunningBridge) -> None:
    ticket = await bridge.game_report()

    embed = embed_of(bridge, ticket)
    assert ticket.post.channel_id == bridge.guild.channels["reports"]
    assert embed["title"] == "🚨 Rule violation report"
    assert embed["description"] == "**GAME REPORT · view-only**\n\nPlayer was exploiting"
    assert str(embed).count("🚨") == str(embed).count("view-only") == 1
    assert set(bridge.buttons(ticket)) == {"Claim", "Resolve"}
    assert ticket.post.thread_id is None


async def test_a_post_says_who_what_where_and_when(bridge: RunningBridge) -> None:
    ticket = await bridge.game_report()

    embed = embed_of(bridge, ticket)
    assert embed["author"]["name"] == "Reporter Name (@\u200breporter123)"
    assert embed["author"]["url"] == "https://www.roblox.com/users/123456789/profile"
    assert embed["author"]["icon_url"] == embed["thumbnail"]["url"] == "https://tr.rbxcdn.com/avatar-url"
    assert embed["footer"]["text"] == f"{ticket.public_id} · series"
    assert embed["color"] == 0xE67E22
    assert embed["timestamp"][:19] == ticket.created_at.isoformat()[:19]
    assert fields_of(embed) == {
        "Category": "reports",
        "Priority": "🟠 High",
        "Status": "🟢 Open",
        "Game": "Roblox",
        "Place": "[123456789](https://www.roblox.com/games/123456789)",
        "Server": "game\\-server\\-id\\-123",
    }


async def test_texts_that_were_sent_empty_are_not_shown(bridge: RunningBridge) -> None:
    ticket = await bridge.game_report(authorUsername="", authorDisplayName="", serverId="")

    embed = embed_of(bridge, ticket)
    assert embed["author"]["name"] == "123456789"
    assert "Server" not in fields_of(embed)


async def test_a_normal_ticket_has_a_thread_named_after_it(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()

    channels = bridge.sandbox.snapshot()["guilds"][0]["channels"]
    (thread,) = [thread for channel in channels for thread in channel["threads"]]
    assert thread["name"] == f"{ticket.public_id} · Player using fly hacks"
    assert thread["id"] == str(ticket.post.thread_id) == str(ticket.post.message_id)
    assert list(bridge.buttons(ticket)) == ["Claim", "Reply", "Close"]
    assert "Hacker123" in fields_of(embed_of(bridge, ticket))["Reported player"]


async def test_a_draft_is_unfinished_and_staff_work_on_it(bridge: RunningBridge) -> None:
    draft = {"creatorUuid": "550e8400-e29b-41d4-a716-446655440000", "type": "bug"}
    response = await bridge.post("/v1/minecraft/tickets/unfinished", draft, source="modl")
    ticket = await bridge.wait_until_posted(response["ticketId"])
    statuses = []

    for step in (
        partial(bridge.press, label="Claim"),
        bridge.close,
        partial(bridge.press, label="Reopen"),
    ):
        statuses.append(fields_of(embed_of(bridge, ticket))["Status"])
        await step("mia", ticket)
        ticket = await bridge.refresh(ticket)

    mia = f"<@{bridge.guild.members['mia']}>"
    claimed = f", claimed by {mia}"
    assert statuses == ["📝 Unfinished", f"🟡 In progress{claimed}", f"⚫ Closed by {mia}{claimed}"]
    assert fields_of(embed_of(bridge, ticket))["Status"] == f"🟢 Open{claimed}"


async def test_a_long_body_is_clipped_near_900_characters_and_attached_whole(bridge: RunningBridge) -> None:
    body = "é*[" * 3000

    ticket = await bridge.ticket(description=body)

    post = bridge.post_message(ticket)
    assert 800 < len(post["embeds"][0]["description"]) <= 900
    assert post["embeds"][0]["description"].endswith("…")
    (file,) = post["attachments"]
    assert file["filename"] == f"{ticket.public_id}-message.txt"
    async with bridge.session.get(file["url"]) as answer:
        assert (await answer.read()).decode() == body


async def test_a_post_shows_the_names_of_its_category_and_department(bridge: RunningBridge) -> None:
    (workspace,) = await bridge.application.store.workspaces.list_all()
    for change in (
        methodcaller("with_category", Category(id="bug", name="Bugs & [crashes](https://evil.example/x)")),
        methodcaller("with_department", Department(id="qa", name="Quality", categories=("bug",))),
    ):
        await bridge.application.store.workspaces.change(workspace.id, change)

    ticket = await bridge.ticket(type="bug")
    await bridge.press("mia", ticket, "Claim")
    edited = fields_of(embed_of(bridge, await bridge.refresh(ticket)))
    record = await bridge.sandbox.command("mia", "tickets", "ticket view", {"ticket": ticket.public_id})

    viewed = fields_of(record["messages"][-1]["embeds"][0])
    for fields in (edited, viewed):
        assert fields["Department"] == "Quality"
        assert fields["Category"].startswith("Bugs & \\[crashes\\]")
        assert "](https" not in fields["Category"]


async def test_a_removed_category_is_shown_by_its_id(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket(type="bug")

    assert fields_of(embed_of(bridge, ticket))["Category"] == "bug"


async def test_a_chat_report_without_a_message_shows_nothing_above_its_log(bridge: RunningBridge) -> None:
    with_log = await bridge.ticket(type="chat", description=None, chatMessages=["Hacker123: gg"])
    without = await bridge.ticket(description=None)

    assert "description" not in embed_of(bridge, with_log)
    assert embed_of(bridge, without)["description"] == "*No message.*"


async def test_a_chat_log_is_attached_as_text(bridge: RunningBridge) -> None:
    lines = ["12:00:01 Hacker123: gg @everyone", '{"username":"Notch","message":"stop"}']

    ticket = await bridge.ticket(type="chat", chatMessages=lines)

    (file,) = bridge.post_message(ticket)["attachments"]
    async with bridge.session.get(file["url"]) as answer:
        text = (await answer.read()).decode()
    assert file["filename"].endswith("-chat-log.txt")
    assert "Hacker123: gg @everyone" in text
    assert "Notch: stop" in text


async def test_an_avatar_discord_would_refuse_is_left_out(bridge: RunningBridge) -> None:
    ticket = await bridge.game_report(authorAvatarUrl="rbxthumb://type=AvatarHeadShot&id=1&w=150&h=150")

    embed = embed_of(bridge, ticket)
    assert "thumbnail" not in embed
    assert not embed["author"].get("icon_url")


async def test_player_text_cannot_ping_or_hide_a_link(bridge: RunningBridge) -> None:
    mia = bridge.guild.members["mia"]
    text = (
        f"@everyone <@{mia}> <@&{bridge.guild.roles['Staff']}> [free](https://evil.example/x) discord.gg/abc"
    )

    ticket = await bridge.ticket(subject=text, description=text, creatorName=None)

    post = bridge.post_message(ticket)
    written = post["content"] + str(post["embeds"])
    assert not post["mention_everyone"]
    assert not post["mentions"]
    assert not post["mention_roles"]
    for alive in ("@everyone", f"<@{mia}>", "<@&", "](https://evil", "discord.gg"):
        assert alive not in written


async def test_everything_sent_forbids_mentions_and_a_post_carries_its_stored_nonce(
    bridge: RunningBridge,
) -> None:
    ticket = await bridge.ticket()
    await bridge.press("mia", ticket, "Claim")
    await bridge.refresh(ticket)

    bodies = [r["body"] for r in bridge.sandbox.requests if r["method"] in ("POST", "PATCH")]
    sent = [body for body in bodies if isinstance(body, dict) and body.get("embeds")]
    created = [body for body in sent if "nonce" in body]
    assert len(sent) > len(created) > 0
    assert all(body["allowed_mentions"]["parse"] == [] for body in sent)
    assert all(body["enforce_nonce"] and len(str(body["nonce"])) == 24 for body in created)


async def test_a_reply_is_shown_in_the_thread_and_saved_for_the_game(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()
    record = await bridge.sandbox.command(
        "mia", "tickets", "ticket reply", {"ticket": ticket.public_id, "message": "We are on it."}
    )

    await bridge.refresh(ticket)
    assert "No game server has asked for events with a modl key of this workspace yet" in reply_text(record)
    shown = bridge.sandbox.messages(ticket.post.thread_id or 0)[-1]
    events = await bridge.application.store.events.list_of_ticket(ticket.id)
    assert shown["embeds"][0]["description"] == "We are on it."
    assert [event.type for event in events] == [EventType.REPLY]
