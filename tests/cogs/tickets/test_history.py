"""The messages and the history of a ticket, as Discord shows them."""

from datetime import UTC, datetime

from bot.tickets.message import Actor, Message, MessageKind
from bot.tickets.ticket import MESSAGE_LIMIT, Ticket
from cogs.tickets.embeds import add_history, message_embed, message_files
from tests.cogs.core.test_markdown import ticket_of
from tests.support.bridge_harness import PUBLIC_URL, RunningBridge

MIA = Actor(id="5", name="Mia")
NOW = datetime(2026, 1, 2, tzinfo=UTC)
HOSTILE = (
    "@everyone <@1> <@&2> <#3> [free](https://evil.example/x) discord.gg/abc \u202egnp.exe\u202c ```\n# big\n"
)
ALIVE = ("@everyone", "<@1>", "<@&2>", "<#3>", "](https://evil", "discord.gg", "\u202e", "```", "\n# big")


def message_of(kind: MessageKind, text: str, *, author: Actor, number: int = 1) -> Message:
    return Message(id=number, ticket_id=1, kind=kind, author=author, text=text, created_at=NOW)


async def followed_up(bridge: RunningBridge, ticket: Ticket, text: str) -> Ticket:
    reporter = ticket.reporter.id or ""
    await bridge.application.store.tickets.add_message(
        ticket.id, lambda current: current.follow_up(reporter, text), origin=f"test:{text[:20]}", now=NOW
    )
    return await bridge.refresh(ticket)


async def test_a_follow_up_is_shown_in_the_thread_with_hostile_text_escaped(
    bridge: RunningBridge,
) -> None:
    ticket = await bridge.ticket(creatorName="Notch")

    ticket = await followed_up(bridge, ticket, HOSTILE)

    shown = bridge.sandbox.messages(ticket.post.thread_id or 0)[-1]
    (embed,) = shown["embeds"]
    assert embed["title"] == "🗨️ The reporter adds"
    assert embed["author"]["name"] == "Notch"
    assert "free" in embed["description"]
    for alive in ALIVE:
        assert alive not in embed["description"]
    assert not shown["mention_everyone"]
    assert not shown["mentions"]
    assert not shown["mention_roles"]


async def test_an_answer_from_the_ticket_s_page_is_shown_in_the_thread_and_its_address_nowhere(
    bridge: RunningBridge,
) -> None:
    body = {"creatorUuid": "550e8400-e29b-41d4-a716-446655440000", "creatorName": "Notch", "type": "bug"}
    created = await bridge.post("/v1/minecraft/tickets", body, source="modl")
    ticket = await bridge.wait_until_posted(created["ticketId"])
    store = bridge.application.store
    await store.tickets.add_message(
        ticket.id, lambda current: current.reply(MIA, "When?"), origin="test:reply", now=NOW
    )
    page = bridge.application.webhook_address + created["ticketUrl"].removeprefix(PUBLIC_URL)

    async with bridge.session.post(page, data={"text": "On Tuesday."}) as response:
        html = await response.text()

    ticket = await bridge.refresh(ticket)
    thread, posts = (
        bridge.sandbox.messages(one or 0) for one in (ticket.post.thread_id, ticket.post.channel_id)
    )
    events = await bridge.ask_for_events()
    token = created["ticketUrl"].partition("token=")[2]
    assert thread[-1]["embeds"][0]["description"] == "On Tuesday."
    assert ("When?" in html, "On Tuesday." in html, "Mia" in html) == (True, True, False)
    assert "When?" in str(events)
    assert token
    assert token not in str([thread, posts, events])


async def test_a_long_follow_up_is_attached_whole(bridge: RunningBridge) -> None:
    ticket = await bridge.ticket()
    text = "*" * MESSAGE_LIMIT

    ticket = await followed_up(bridge, ticket, text)

    shown = bridge.sandbox.messages(ticket.post.thread_id or 0)[-1]
    (file,) = shown["attachments"]
    assert shown["embeds"][0]["description"].endswith("…")
    async with bridge.session.get(file["url"]) as answer:
        assert await answer.text() == text


def test_text_from_a_game_is_escaped_and_a_members_markdown_is_kept() -> None:
    in_game = message_of(MessageKind.REPLY, "**bold**", author=Actor(id="1", name="A", source="somewhere"))
    member = message_of(MessageKind.REPLY, "**bold**", author=Actor(id="1", name="A"))

    assert message_embed(ticket_of(), in_game).description == "\\*\\*bold\\*\\*"
    assert message_embed(ticket_of(), member).description == "**bold**"
    assert message_files(ticket_of(), in_game) == message_files(ticket_of(), member) == []


def test_a_message_of_invisible_characters_can_be_shown() -> None:
    blank = message_of(
        MessageKind.FOLLOW_UP, "\u2060\u2060", author=Actor(id="1", name="A", source="somewhere")
    )

    assert message_embed(ticket_of(), blank).description == "—"


def test_history_shows_the_newest_events_that_fit_with_names_escaped() -> None:
    embed = message_embed(ticket_of(), message_of(MessageKind.NOTE, "x", author=Actor(id="1", name="A")))
    events = [
        message_of(
            MessageKind.EVENT, f"{number} {HOSTILE * 3}", author=Actor(id="1", name="A"), number=number
        )
        for number in range(10)
    ]

    add_history(embed, [], events, {})

    (field,) = embed.fields
    value = field.value or ""
    lines = value.splitlines()
    assert len(value) <= 1024
    assert 2 < len(lines) < 10
    assert lines[-1].startswith("<t:1767312000:R> 9 ")
    for alive in ALIVE:
        assert alive not in value


def test_each_kind_of_message_has_its_label_in_the_history() -> None:
    embed = message_embed(ticket_of(), message_of(MessageKind.NOTE, "x", author=Actor(id="1", name="A")))
    kinds = (MessageKind.REPLY, MessageKind.NOTE, MessageKind.FOLLOW_UP)

    messages = [message_of(kind, HOSTILE, author=Actor(id="1", name="@everyone")) for kind in kinds]
    add_history(embed, messages, [], {})

    assert [str(field.name).split(" by ")[0] for field in embed.fields] == [
        "💬 Reply",
        "📝 Note (staff only)",
        "🗨️ Added",
    ]
    for alive in ALIVE:
        assert alive not in str([(field.name, field.value) for field in embed.fields])


async def test_staff_see_what_happened_to_a_ticket(bridge: RunningBridge) -> None:
    ticket = await followed_up(bridge, await bridge.ticket(), "And they are back.")
    await bridge.press("mia", ticket, "Claim")
    ticket = await bridge.refresh(ticket)
    await bridge.close("noah", ticket)

    record = await bridge.sandbox.command("mia", "tickets", "ticket view", {"ticket": ticket.public_id})

    fields = {one["name"]: one["value"] for one in record["messages"][-1]["embeds"][0]["fields"]}
    assert next(value for name, value in fields.items() if name.startswith("🗨️ Added")) == "And they are back."
    assert [line.split("> ")[1] for line in fields["🕘 History"].splitlines()] == [
        "Mia claimed the ticket",
        "Noah changed the status to closed",
    ]
