"""Interactions: buttons, commands and modals as a user, answered by discord.py, and recorded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import discord
import pytest
from discord import app_commands

from bot.sandbox import ControlError, Permission, Sandbox, demo_guild
from tests.sandbox.bot_harness import (
    ConnectedBot,
    RecordingBot,
    connect,
    eventually,
    route_discord_py_to,
    run_bot,
)


class ScriptedButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"act:(?P<what>\w+)"):
    """A button whose custom id says what the bot answers."""

    def __init__(self, what: str) -> None:
        super().__init__(discord.ui.Button(label=what, custom_id=f"act:{what}"))
        self.what = what

    @classmethod
    async def from_custom_id(cls, interaction: Any, item: Any, match: Any, /) -> ScriptedButton:
        return cls(match["what"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await RESPONSES[self.what](interaction)


class Form(discord.ui.Modal, title="Form"):
    text: discord.ui.Label[Any] = discord.ui.Label(
        text="Text", component=discord.ui.TextInput(custom_id="text", min_length=2, max_length=10)
    )
    who: discord.ui.Label[Any] = discord.ui.Label(
        text="Who", component=discord.ui.UserSelect[Any](custom_id="who", required=False)
    )

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        written, picked = self.text.component, self.who.component
        assert isinstance(written, discord.ui.TextInput)
        assert isinstance(picked, discord.ui.UserSelect)
        names = [user.name for user in picked.values]
        await interaction.response.send_message(f"{written.value} {names}", ephemeral=True)


class Evidence(discord.ui.Modal, title="Evidence"):
    kind: discord.ui.Label[Any] = discord.ui.Label(
        text="Kind",
        component=discord.ui.RadioGroup[Any](
            options=[discord.RadioGroupOption(label=n, value=n) for n in ("bug", "abuse")]
        ),
    )
    seen: discord.ui.Label[Any] = discord.ui.Label(
        text="Seen",
        component=discord.ui.CheckboxGroup[Any](
            max_values=2, options=[discord.CheckboxGroupOption(label=n, value=n) for n in ("chat", "game")]
        ),
    )
    sure: discord.ui.Label[Any] = discord.ui.Label(text="Sure", component=discord.ui.Checkbox[Any]())
    files: discord.ui.Label[Any] = discord.ui.Label(
        text="Files", component=discord.ui.FileUpload[Any](max_values=2)
    )

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        kind, seen, sure, files = (one.component for one in (self.kind, self.seen, self.sure, self.files))
        assert isinstance(kind, discord.ui.RadioGroup)
        assert isinstance(seen, discord.ui.CheckboxGroup)
        assert isinstance(sure, discord.ui.Checkbox)
        assert isinstance(files, discord.ui.FileUpload)
        read = [(file.filename, (await file.read()).decode()) for file in files.values]
        await interaction.response.send_message(f"{kind.value} {seen.values} {sure.value} {read}")


async def _open_evidence(interaction: discord.Interaction[Any]) -> None:
    await interaction.response.send_modal(Evidence())


async def _send_ephemeral(interaction: discord.Interaction[Any]) -> None:
    await interaction.response.send_message("psst", ephemeral=True)


async def _send_public(interaction: discord.Interaction[Any]) -> None:
    await interaction.response.send_message("aloud")


async def _open_modal(interaction: discord.Interaction[Any]) -> None:
    await interaction.response.send_modal(Form())


async def _defer_then_follow_up(interaction: discord.Interaction[Any]) -> None:
    await interaction.response.defer(ephemeral=True, thinking=True)
    await interaction.followup.send("first", ephemeral=True)
    await interaction.followup.send("second", ephemeral=True)


async def _edit_message(interaction: discord.Interaction[Any]) -> None:
    await interaction.response.edit_message(content="updated")


async def _defer_update_then_edit(interaction: discord.Interaction[Any]) -> None:
    await interaction.response.defer()
    await interaction.edit_original_response(content="changed")
    await interaction.followup.send("and said", ephemeral=True)


async def _respond_too_late(interaction: discord.Interaction[Any]) -> None:
    """Respond after the test has seen the deadline pass."""
    await interaction.client.deadline_passed.wait()
    try:
        await interaction.response.send_message("too late")
    except discord.NotFound as error:
        interaction.client.error_codes.append(error.code)


async def _delete_response(interaction: discord.Interaction[Any]) -> None:
    await interaction.response.send_message("oops", ephemeral=True)
    await interaction.delete_original_response()


RESPONSES = {
    "whisper": _send_ephemeral,
    "say": _send_public,
    "form": _open_modal,
    "evidence": _open_evidence,
    "later": _defer_then_follow_up,
    "update": _edit_message,
    "quietly": _defer_update_then_edit,
    "nothing": _respond_too_late,
    "back": _delete_response,
}


class ScriptedBot(RecordingBot):
    """A bot whose buttons respond as their custom ids say."""

    def __init__(self) -> None:
        super().__init__()
        self.add_dynamic_items(ScriptedButton)
        self.deadline_passed = asyncio.Event()
        self.error_codes: list[int] = []


@pytest.fixture
async def connected() -> AsyncIterator[ConnectedBot]:
    async with connect(ScriptedBot()) as connected_bot:
        yield connected_bot


async def _buttons(connected: ConnectedBot, *names: str, **more: Any) -> discord.Message:
    view = discord.ui.View(timeout=None)
    for name in names:
        view.add_item(ScriptedButton(name))
    return await connected.send("the post", view=view, **more)


def _said(record: dict[str, Any]) -> list[str]:
    return [message["content"] for message in record["messages"]]


async def test_an_ephemeral_response_is_only_in_the_record(connected: ConnectedBot) -> None:
    post = await _buttons(connected, "whisper")

    record = await connected.sandbox.press("mia", post.id, "act:whisper")

    assert _said(record) == ["psst"]
    assert record["messages"][0]["flags"] & 64
    assert record["acknowledged_after"] is not None
    assert [m["content"] for m in connected.sandbox.messages("tickets")] == ["the post"]


async def test_a_public_response_replies_to_the_message_with_the_button(connected: ConnectedBot) -> None:
    post = await _buttons(connected, "say")

    record = await connected.sandbox.press("mia", post.id, "act:say")

    message_payload = connected.message_payload(int(record["messages"][0]["id"]))
    assert (message_payload["content"], message_payload["type"]) == ("aloud", 19)
    assert message_payload["message_reference"]["message_id"] == str(post.id)


async def test_the_first_followup_becomes_the_deferred_response(connected: ConnectedBot) -> None:
    post = await _buttons(connected, "later")

    record = await connected.sandbox.press("mia", post.id, "act:later")

    assert record["callback"]["type"] == 5
    assert _said(record)[0] == "first"
    assert not record["messages"][0]["flags"] & 128
    await eventually(lambda: _said(connected.sandbox.interaction(record["id"])) == ["first", "second"])


async def test_an_update_edits_the_message_with_the_button(connected: ConnectedBot) -> None:
    post = await _buttons(connected, "update")

    await connected.sandbox.press("mia", post.id, "act:update")

    assert connected.message_payload(post.id)["content"] == "updated"


async def test_after_a_deferred_update_the_record_waits_for_the_edit(connected: ConnectedBot) -> None:
    post = await _buttons(connected, "quietly")

    record = await connected.sandbox.press("mia", post.id, "act:quietly")

    assert record["callback"]["type"] == 6
    assert connected.message_payload(post.id)["content"] == "changed"


async def test_a_missed_deadline_fails_the_interaction() -> None:
    bot = ScriptedBot()
    async with connect(bot, callback_deadline=0.05) as connected:
        post = await _buttons(connected, "nothing")

        record = await connected.sandbox.press("mia", post.id, "act:nothing")
        bot.deadline_passed.set()

        assert (record["callback"], record["error"]) == (None, "This interaction failed")
        await eventually(lambda: bot.error_codes == [10062])


async def test_a_deleted_response_is_not_in_the_record(connected: ConnectedBot) -> None:
    post = await _buttons(connected, "back")

    record = await connected.sandbox.press("mia", post.id, "act:back")

    assert record["callback"]["data"]["content"] == "oops"
    await eventually(lambda: connected.sandbox.interaction(record["id"])["messages"] == [])


async def test_a_modal_is_filled_in_by_label_or_custom_id(connected: ConnectedBot) -> None:
    post = await _buttons(connected, "form")

    opened = await connected.sandbox.press("mia", post.id, "act:form")
    record = await connected.sandbox.modal("mia", opened["id"], {"Text": "words", "who": "pete"})

    assert opened["modal"]["title"] == "Form"
    assert _said(record) == ["words ['pete']"]


async def test_a_message_after_a_modal_names_what_opened_it(connected: ConnectedBot) -> None:
    post = await _buttons(connected, "form", "say")
    opened = await connected.sandbox.press("mia", post.id, "act:form")
    pressed = await connected.sandbox.press("mia", post.id, "act:say")

    record = await connected.sandbox.modal("mia", opened["id"], {"text": "words"})

    metadata = record["messages"][0]["interaction_metadata"]
    assert metadata["triggering_interaction_metadata"]["id"] == opened["id"]
    assert metadata["triggering_interaction_metadata"]["interacted_message_id"] == str(post.id)
    assert "interacted_message_id" not in metadata
    assert "triggering_interaction_metadata" not in pressed["messages"][0]["interaction_metadata"]


async def test_groups_checkboxes_and_files_reach_the_bot(connected: ConnectedBot) -> None:
    post = await _buttons(connected, "evidence")
    opened = await connected.sandbox.press("mia", post.id, "act:evidence")
    files = [{"filename": "log.txt", "content": "seen"}]

    values = {"Kind": "abuse", "Seen": ["chat", "game"], "Sure": True, "Files": files}
    record = await connected.sandbox.modal("mia", opened["id"], values)

    assert _said(record) == ["abuse ['chat', 'game'] True [('log.txt', 'seen')]"]


async def test_a_modal_the_client_would_not_submit_is_rejected(connected: ConnectedBot) -> None:
    post = await _buttons(connected, "form", "whisper")
    opened = await connected.sandbox.press("mia", post.id, "act:form")
    whispered = await connected.sandbox.press("mia", post.id, "act:whisper")

    with pytest.raises(ControlError, match="2 to 10 characters"):
        await connected.sandbox.modal("mia", opened["id"], {"text": "x"})
    with pytest.raises(ControlError, match="Only the user"):
        await connected.sandbox.modal("noah", opened["id"], {"text": "words"})
    with pytest.raises(ControlError, match="opened no modal"):
        await connected.sandbox.modal("mia", whispered["id"], {})


async def test_a_command_waits_for_a_bot_that_is_still_starting() -> None:
    sandbox = Sandbox(callback_deadline=60.0)
    demo_guild(sandbox)
    bot = RecordingBot()

    @bot.tree.command(description="Greets.")
    async def hello(interaction: discord.Interaction[Any]) -> None:
        await interaction.response.send_message("hello", ephemeral=True)

    bot.setup_hook = bot.tree.sync  # type: ignore[method-assign,assignment]  # nothing else is set up
    async with sandbox.serve():
        with route_discord_py_to(sandbox):
            early = asyncio.create_task(sandbox.command("mia", "general", "hello"))
            async with bot, run_bot(bot, sandbox.token):
                assert _said(await early) == ["hello"]


async def test_only_existing_components_can_be_pressed_unless_forged() -> None:
    async with connect(ScriptedBot(), callback_deadline=0.05) as connected:
        post = await _buttons(connected, "whisper")

        with pytest.raises(ControlError, match="it has \\['act:whisper'\\]"):
            await connected.sandbox.press("mia", post.id, "act:say")
        received = asyncio.create_task(connected.bot.wait_for("interaction"))
        record = await connected.sandbox.press("mia", post.id, "act:say", forge=True)

        interaction: Any = await received
        assert interaction.data["custom_id"] == "act:say"
        assert [row.children[0].custom_id for row in interaction.message.components] == ["act:whisper"]
        assert record["error"] == "This interaction failed"  # discord.py ignores buttons the message lacks


async def test_pressing_needs_permission_to_see_the_channel(connected: ConnectedBot) -> None:
    post = await _buttons(connected, "whisper")

    with pytest.raises(ControlError, match="cannot see"):
        await connected.sandbox.press("pete", post.id, "act:whisper")


async def test_nothing_can_be_pressed_in_a_locked_thread(connected: ConnectedBot) -> None:
    thread = await (await connected.send()).create_thread(name="talk")
    view = discord.ui.View(timeout=None)
    view.add_item(ScriptedButton("whisper"))
    post = await thread.send(view=view)
    connected.sandbox.change_thread(thread.id, locked=True)

    with pytest.raises(ControlError, match="locked"):
        await connected.sandbox.press("olivia", post.id, "act:whisper")


async def test_only_its_recipient_presses_on_an_ephemeral_message(connected: ConnectedBot) -> None:
    post = await _buttons(connected, "whisper")
    record = await connected.sandbox.press("mia", post.id, "act:whisper")

    with pytest.raises(ControlError, match="ephemeral"):
        await connected.sandbox.press("noah", record["messages"][0]["id"], "act:say", forge=True)


async def _with_commands(connected: ConnectedBot) -> None:
    group = app_commands.Group(name="ticket", description="Tickets.")

    @group.command(name="reply", description="Replies.")
    async def reply(interaction: discord.Interaction[Any], ticket: str, user: discord.User | None) -> None:
        await interaction.response.send_message(f"{ticket} {user}", ephemeral=True)

    @reply.autocomplete("ticket")
    async def _suggest(interaction: Any, typed: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=f"{typed}!", value=typed)]

    @app_commands.command(name="bosses", description="For who manages the guild.")
    @app_commands.default_permissions(manage_guild=True)
    async def bosses(interaction: discord.Interaction[Any]) -> None:
        await interaction.response.send_message("boss", ephemeral=True)

    async def look(interaction: discord.Interaction[Any], message: discord.Message) -> None:
        await interaction.response.send_message(f"saw {message.content}", ephemeral=True)

    async def greet(interaction: discord.Interaction[Any], member: discord.Member) -> None:
        await interaction.response.send_message(f"hello {member.display_name}", ephemeral=True)

    connected.bot.tree.add_command(group)
    connected.bot.tree.add_command(bosses)
    connected.bot.tree.add_command(app_commands.ContextMenu(name="Look", callback=look))
    connected.bot.tree.add_command(app_commands.ContextMenu(name="Greet", callback=greet))
    await connected.bot.tree.sync()


async def test_a_subcommand_gets_its_options(connected: ConnectedBot) -> None:
    await _with_commands(connected)

    record = await connected.sandbox.command(
        "mia", "tickets", "ticket reply", {"ticket": "T1", "user": "pete"}
    )

    assert _said(record) == ["T1 pete"]


async def test_a_command_the_client_would_not_send_is_rejected(connected: ConnectedBot) -> None:
    await _with_commands(connected)

    for command, options, why in (
        ("ticket", {}, "not complete"),
        ("ticket close", {}, "has no 'close'"),
        ("unknown", {}, "known are ticket, bosses"),
        ("ticket reply", {}, "'ticket' is required"),
        ("ticket reply", {"stray": 1}, "no option 'stray'"),
        ("bosses", {}, "lacks the permissions"),
    ):
        with pytest.raises(ControlError, match=why):
            await connected.sandbox.command("mia", "tickets", command, options)
    assert _said(await connected.sandbox.command("olivia", "tickets", "bosses")) == ["boss"]


async def test_commands_need_permission_to_use_them(connected: ConnectedBot) -> None:
    await _with_commands(connected)
    connected.sandbox.set_overwrite("general", "pete", deny=Permission.USE_APPLICATION_COMMANDS)

    with pytest.raises(ControlError, match="may not use commands"):
        await connected.sandbox.command("pete", "general", "ticket reply", {"ticket": "T1"})


async def test_autocomplete_returns_the_choices(connected: ConnectedBot) -> None:
    await _with_commands(connected)

    record = await connected.sandbox.autocomplete("mia", "tickets", "ticket reply", {"ticket": "T"}, "ticket")

    assert record["choices"] == [{"name": "T!", "value": "T"}]


async def test_context_menus_receive_their_target_without_the_content_intent(connected: ConnectedBot) -> None:
    await _with_commands(connected)
    typed = connected.sandbox.say("mia", "tickets", "words")

    assert _said(await connected.sandbox.context_menu("mia", "tickets", "Look", typed["id"])) == ["saw words"]
    assert _said(await connected.sandbox.context_menu("mia", "tickets", "Greet", "pete")) == ["hello Pete"]
