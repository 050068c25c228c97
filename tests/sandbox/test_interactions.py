"""Interactions: pressed, typed and submitted by people, answered by discord.py, and recorded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import discord
import pytest
from discord import app_commands

from bot.sandbox import ControlError, Permission, Sandbox, demo_guild
from tests.sandbox.bot_harness import Listener, Stage, aimed_at, logged_in, running


class ScriptedButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"act:(?P<what>\w+)"):
    """A button whose custom id says what the bot answers."""

    def __init__(self, what: str) -> None:
        super().__init__(discord.ui.Button(label=what, custom_id=f"act:{what}"))
        self.what = what

    @classmethod
    async def from_custom_id(cls, interaction: Any, item: Any, match: Any, /) -> ScriptedButton:
        return cls(match["what"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await ANSWERS[self.what](interaction)


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


async def _whisper(interaction: discord.Interaction[Any]) -> None:
    await interaction.response.send_message("psst", ephemeral=True)


async def _say(interaction: discord.Interaction[Any]) -> None:
    await interaction.response.send_message("aloud")


async def _form(interaction: discord.Interaction[Any]) -> None:
    await interaction.response.send_modal(Form())


async def _later(interaction: discord.Interaction[Any]) -> None:
    await interaction.response.defer(ephemeral=True, thinking=True)
    await asyncio.sleep(0.05)
    await interaction.followup.send("first", ephemeral=True)
    await interaction.followup.send("second", ephemeral=True)


async def _update(interaction: discord.Interaction[Any]) -> None:
    await interaction.response.edit_message(content="updated")


async def _quietly(interaction: discord.Interaction[Any]) -> None:
    await interaction.response.defer()
    await asyncio.sleep(0.05)
    await interaction.edit_original_response(content="changed")
    await interaction.followup.send("and said", ephemeral=True)


async def _nothing(interaction: discord.Interaction[Any]) -> None:
    """Lets the deadline pass, then tries."""
    await asyncio.sleep(0.3)
    try:
        await interaction.response.send_message("too late")
    except discord.NotFound as refused:
        TOLD.append(refused.code)


async def _take_back(interaction: discord.Interaction[Any]) -> None:
    await interaction.response.send_message("oops", ephemeral=True)
    await interaction.delete_original_response()


TOLD: list[int] = []
ANSWERS = {
    "whisper": _whisper,
    "say": _say,
    "form": _form,
    "later": _later,
    "update": _update,
    "quietly": _quietly,
    "nothing": _nothing,
    "back": _take_back,
}


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    TOLD.clear()
    bot = Listener()
    bot.add_dynamic_items(ScriptedButton)
    async with logged_in(bot, callback_deadline=0.2) as ready:
        yield ready


async def _buttons(stage: Stage, *names: str, **more: Any) -> discord.Message:
    view = discord.ui.View(timeout=None)
    for name in names:
        view.add_item(ScriptedButton(name))
    return await stage.send("the post", view=view, **more)


def _said(record: dict[str, Any]) -> list[str]:
    return [message["content"] for message in record["messages"]]


async def test_an_ephemeral_answer_is_only_in_the_record(stage: Stage) -> None:
    post = await _buttons(stage, "whisper")

    record = await stage.sandbox.press("mia", post.id, "act:whisper")

    assert _said(record) == ["psst"]
    assert record["messages"][0]["flags"] & 64
    assert record["acknowledged_after"] < 0.2
    assert [m["content"] for m in stage.sandbox.messages("tickets")] == ["the post"]


async def test_a_public_answer_stands_in_the_channel_as_a_reply_to_the_post(stage: Stage) -> None:
    post = await _buttons(stage, "say")

    record = await stage.sandbox.press("mia", post.id, "act:say")

    shown = stage.shown(int(record["messages"][0]["id"]))
    assert (shown["content"], shown["type"]) == ("aloud", 19)
    assert shown["message_reference"]["message_id"] == str(post.id)


async def test_the_first_followup_fills_the_deferred_answer(stage: Stage) -> None:
    post = await _buttons(stage, "later")

    await stage.sandbox.press("mia", post.id, "act:later")
    await asyncio.sleep(0.1)
    interaction = next(iter(stage.sandbox.state.interactions))
    record = stage.sandbox.interaction(interaction)

    assert record["callback"]["type"] == 5
    assert _said(record) == ["first", "second"]
    assert not record["messages"][0]["flags"] & 128


async def test_an_update_changes_the_message_that_was_pressed(stage: Stage) -> None:
    post = await _buttons(stage, "update")

    await stage.sandbox.press("mia", post.id, "act:update")

    assert stage.shown(post.id)["content"] == "updated"


async def test_after_a_quiet_deferral_the_record_waits_for_what_follows(stage: Stage) -> None:
    post = await _buttons(stage, "quietly")

    record = await stage.sandbox.press("mia", post.id, "act:quietly")

    assert record["callback"]["type"] == 6
    assert stage.shown(post.id)["content"] == "changed"


async def test_no_answer_in_time_is_a_failed_interaction(stage: Stage) -> None:
    post = await _buttons(stage, "nothing")

    record = await stage.sandbox.press("mia", post.id, "act:nothing")
    await asyncio.sleep(0.2)

    assert (record["callback"], record["error"]) == (None, "This interaction failed")
    assert TOLD == [10062]


async def test_an_answer_taken_back_is_not_in_the_record(stage: Stage) -> None:
    post = await _buttons(stage, "back")

    await stage.sandbox.press("mia", post.id, "act:back")
    await asyncio.sleep(0.1)

    interaction = next(iter(stage.sandbox.state.interactions))
    assert stage.sandbox.interaction(interaction)["messages"] == []


async def test_a_modal_is_filled_in_by_label_or_custom_id(stage: Stage) -> None:
    post = await _buttons(stage, "form")

    opened = await stage.sandbox.press("mia", post.id, "act:form")
    record = await stage.sandbox.modal("mia", opened["id"], {"Text": "words", "who": "pete"})

    assert opened["modal"]["title"] == "Form"
    assert _said(record) == ["words ['pete']"]


async def test_a_modal_lets_nothing_through_the_client_would_not(stage: Stage) -> None:
    post = await _buttons(stage, "form", "whisper")
    opened = await stage.sandbox.press("mia", post.id, "act:form")
    whispered = await stage.sandbox.press("mia", post.id, "act:whisper")

    with pytest.raises(ControlError, match="2 to 10 characters"):
        await stage.sandbox.modal("mia", opened["id"], {"text": "x"})
    with pytest.raises(ControlError, match="Only the user"):
        await stage.sandbox.modal("noah", opened["id"], {"text": "words"})
    with pytest.raises(ControlError, match="opened no modal"):
        await stage.sandbox.modal("mia", whispered["id"], {})


async def test_a_command_waits_for_a_bot_that_is_still_starting() -> None:
    sandbox = Sandbox()
    demo_guild(sandbox)
    bot = Listener()

    @bot.tree.command(description="Greets.")
    async def hello(interaction: discord.Interaction[Any]) -> None:
        await interaction.response.send_message("hello", ephemeral=True)

    bot.setup_hook = bot.tree.sync  # type: ignore[method-assign,assignment]  # nothing else is set up
    async with sandbox.serve():
        with aimed_at(sandbox):
            early = asyncio.create_task(sandbox.command("mia", "general", "hello"))
            async with bot, running(bot, sandbox.token):
                assert _said(await early) == ["hello"]


async def test_only_what_is_there_can_be_pressed_unless_it_is_forged(stage: Stage) -> None:
    post = await _buttons(stage, "whisper")

    with pytest.raises(ControlError, match="it has \\['act:whisper'\\]"):
        await stage.sandbox.press("mia", post.id, "act:say")
    told = asyncio.create_task(stage.bot.wait_for("interaction", timeout=5))
    record = await stage.sandbox.press("mia", post.id, "act:say", forge=True)

    interaction: Any = await told
    assert interaction.data["custom_id"] == "act:say"
    assert [row.children[0].custom_id for row in interaction.message.components] == ["act:whisper"]
    assert record["error"] == "This interaction failed"  # discord.py lets a press pass that no button shows


async def test_who_cannot_see_the_channel_presses_nothing(stage: Stage) -> None:
    post = await _buttons(stage, "whisper")

    with pytest.raises(ControlError, match="cannot see"):
        await stage.sandbox.press("pete", post.id, "act:whisper")


async def test_nobody_presses_anything_in_a_locked_thread(stage: Stage) -> None:
    thread = await (await stage.send()).create_thread(name="talk")
    view = discord.ui.View(timeout=None)
    view.add_item(ScriptedButton("whisper"))
    post = await thread.send(view=view)
    stage.sandbox.change_thread(thread.id, locked=True)

    with pytest.raises(ControlError, match="locked"):
        await stage.sandbox.press("olivia", post.id, "act:whisper")


async def test_only_its_addressee_presses_on_an_ephemeral_message(stage: Stage) -> None:
    post = await _buttons(stage, "whisper")
    record = await stage.sandbox.press("mia", post.id, "act:whisper")

    with pytest.raises(ControlError, match="ephemeral"):
        await stage.sandbox.press("noah", record["messages"][0]["id"], "act:say", forge=True)


async def _with_commands(stage: Stage) -> None:
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

    stage.bot.tree.add_command(group)
    stage.bot.tree.add_command(bosses)
    stage.bot.tree.add_command(app_commands.ContextMenu(name="Look", callback=look))
    stage.bot.tree.add_command(app_commands.ContextMenu(name="Greet", callback=greet))
    await stage.bot.tree.sync()


async def test_a_subcommand_gets_its_options(stage: Stage) -> None:
    await _with_commands(stage)

    record = await stage.sandbox.command("mia", "tickets", "ticket reply", {"ticket": "T1", "user": "pete"})

    assert _said(record) == ["T1 pete"]


async def test_a_command_the_client_would_not_send_is_declined(stage: Stage) -> None:
    await _with_commands(stage)

    for command, options, why in (
        ("ticket", {}, "not complete"),
        ("ticket close", {}, "has no 'close'"),
        ("unknown", {}, "known are ticket, bosses"),
        ("ticket reply", {}, "'ticket' is required"),
        ("ticket reply", {"stray": 1}, "no option 'stray'"),
        ("bosses", {}, "lacks the permissions"),
    ):
        with pytest.raises(ControlError, match=why):
            await stage.sandbox.command("mia", "tickets", command, options)
    assert _said(await stage.sandbox.command("olivia", "tickets", "bosses")) == ["boss"]


async def test_whoever_may_not_use_commands_uses_none(stage: Stage) -> None:
    await _with_commands(stage)
    stage.sandbox.set_overwrite("general", "pete", deny=Permission.USE_APPLICATION_COMMANDS)

    with pytest.raises(ControlError, match="may not use commands"):
        await stage.sandbox.command("pete", "general", "ticket reply", {"ticket": "T1"})


async def test_autocomplete_returns_the_choices(stage: Stage) -> None:
    await _with_commands(stage)

    record = await stage.sandbox.autocomplete("mia", "tickets", "ticket reply", {"ticket": "T"}, "ticket")

    assert record["choices"] == [{"name": "T!", "value": "T"}]


async def test_context_menus_show_their_target_even_without_the_content_intent(stage: Stage) -> None:
    await _with_commands(stage)
    typed = stage.sandbox.say("mia", "tickets", "words")

    assert _said(await stage.sandbox.context_menu("mia", "tickets", "Look", typed["id"])) == ["saw words"]
    assert _said(await stage.sandbox.context_menu("mia", "tickets", "Greet", "pete")) == ["hello Pete"]
