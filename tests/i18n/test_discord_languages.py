"""Languages in Discord: a server's in its channels, each person's own in what only they read."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from bot.i18n.translations import gettext, ngettext, translate_command_name, use_language
from bot.sandbox import DemoGuild, Permission, Sandbox
from bot.sources.series import examples as series
from bot.tickets.account_links import DiscordMember
from cogs.alerts import backlog
from cogs.core.markdown import escape_markdown
from tests.support.bridge_harness import RunningBridge, reply_text, running_bridge, running_sandbox, wait_for

Environment = tuple[Path, Sandbox, DemoGuild]


@pytest.fixture
async def spanish_server(tmp_path: Path) -> AsyncIterator[Environment]:
    """A Spanish server with German staff, and a database for one bridge after another."""
    async with running_sandbox() as (sandbox, guild):
        sandbox.set_preferred_locale("es-ES")
        sandbox.change_user("mia", locale="de")
        sandbox.change_user("pete", locale="de")
        yield tmp_path / "ticketbridge.db", sandbox, guild


@pytest.fixture
async def spanish_bridge(spanish_server: Environment) -> AsyncIterator[RunningBridge]:
    async with running_bridge(*spanish_server) as bridge:
        yield bridge


def said(language: str, text: str, /, **parts: object) -> str:
    """The translation of a text; the catalogue must have one for these tests to say anything."""
    with use_language(language):
        translated = gettext(text, **parts)
    assert translated != gettext(text, **parts), f"{text!r} is not translated into {language}"
    return translated


def fields(bridge: RunningBridge, ticket: Any) -> dict[str, str]:
    (embed,) = bridge.post_message(ticket)["embeds"]
    return {field["name"]: field["value"] for field in embed["fields"]}


async def assert_claim_is_german_and_post_spanish(bridge: RunningBridge, ticket: Any) -> None:
    record = await bridge.press("mia", ticket, said("es", "Claim"))

    claimed = said("de", "You have claimed {id}. It is in progress.", id=ticket.public_id)
    assert reply_text(record) == f"✅ {claimed}"
    mia = f"<@{bridge.guild.members['mia']}>"
    status = said("es", "{status}, claimed by {name}", status=said("es", "🟡 In progress"), name=mia)
    assert fields(bridge, await bridge.refresh(ticket))[said("es", "Status")] == status


async def test_a_german_claims_on_a_spanish_server(spanish_bridge: RunningBridge) -> None:
    ticket = await spanish_bridge.ticket()

    await assert_claim_is_german_and_post_spanish(spanish_bridge, ticket)


async def test_the_languages_are_the_same_after_a_restart(spanish_server: Environment) -> None:
    database, sandbox, guild = spanish_server
    async with running_bridge(database, sandbox, guild) as first:
        ticket = await first.ticket()

    async with running_bridge(database, sandbox, guild, keys=first.keys) as second:
        await second.game_report()  # connected
        await assert_claim_is_german_and_post_spanish(second, ticket)


async def test_another_language_of_the_server_is_used_from_then_on(spanish_bridge: RunningBridge) -> None:
    before = await spanish_bridge.ticket()
    spanish_bridge.sandbox.set_preferred_locale("de")
    await spanish_bridge.press("mia", before, said("es", "Claim"))  # after the gateway has told the bot

    after = await spanish_bridge.game_report()

    assert said("de", "Claim") in spanish_bridge.buttons(after)


async def test_a_refusal_is_in_the_language_of_who_is_refused(spanish_bridge: RunningBridge) -> None:
    ticket = await spanish_bridge.ticket()
    spanish_bridge.sandbox.change_user("noah", locale="de")
    spanish_bridge.sandbox.set_overwrite("tickets", "everyone", allow=Permission.VIEW_CHANNEL)
    spanish_bridge.sandbox.take_role("noah", "Staff")

    pressed = await spanish_bridge.press("noah", ticket, said("es", "Claim"))
    named = await spanish_bridge.sandbox.command("noah", "general", "ticket claim", {"ticket": "x"})

    refusal = f"⛔ {said('de', 'Only staff can do that.')}"
    assert (reply_text(pressed), reply_text(named)) == (refusal, refusal)


async def test_a_modal_is_in_the_language_of_who_opens_it(spanish_bridge: RunningBridge) -> None:
    record = await spanish_bridge.sandbox.command("pete", "general", "ticket open")

    assert record["modal"]["title"] == said("de", "Open a ticket")


async def test_history_is_in_the_language_of_who_looks_at_it(spanish_bridge: RunningBridge) -> None:
    ticket = await spanish_bridge.ticket()
    await spanish_bridge.press("mia", ticket, said("es", "Claim"))

    for user, language in (("mia", "de"), ("noah", None)):
        options = {"ticket": ticket.public_id}
        record = await spanish_bridge.sandbox.command(user, "tickets", "ticket view", options)
        text = "{name} claimed the ticket"
        line = said(language, text, name="Mia") if language else gettext(text, name="Mia")
        assert record["messages"][0]["embeds"][0]["fields"][-1]["value"].endswith(line)


async def test_a_language_without_a_catalogue_gets_english(spanish_bridge: RunningBridge) -> None:
    spanish_bridge.sandbox.change_user("mia", locale="ja")
    ticket = await spanish_bridge.ticket()

    record = await spanish_bridge.press("mia", ticket, said("es", "Claim"))

    assert reply_text(record) == f"✅ You have claimed {ticket.public_id}. It is in progress."


async def test_commands_have_names_and_descriptions_in_the_languages_of_the_catalogues(
    spanish_bridge: RunningBridge,
) -> None:
    registered = await wait_for(lambda: spanish_bridge.sandbox.state.commands.get(None))
    (ticket,) = (one for one in registered if one["name"] == "ticket")
    (claim,) = (one for one in ticket["options"] if one["name"] == "claim")

    with use_language("de"):
        german = translate_command_name("claim")
    with use_language("es"):
        spanish = translate_command_name("claim")
    names = claim["name_localizations"]
    assert (names["de"], names["es-ES"], names["es-419"]) == (german, spanish, spanish)
    assert len({german, spanish, "claim"}) == 3
    assert claim["description_localizations"]["de"] == said("de", "Staff: claim a ticket; it is in progress.")
    assert "ja" not in names


async def test_a_notice_under_a_game_report_is_in_the_language_of_the_server(
    spanish_bridge: RunningBridge,
) -> None:
    report = await spanish_bridge.game_report()

    spanish_bridge.sandbox.say("mia", "reports", "We banned them.", reply_to=report.post.message_id)

    removed = said("es", "Your message was removed.")
    await wait_for(
        lambda: any(removed in one["content"] for one in spanish_bridge.sandbox.messages("reports"))
    )


async def test_the_log_channel_is_in_the_language_of_the_server(spanish_bridge: RunningBridge) -> None:
    ticket = await spanish_bridge.ticket()
    await use_log_channel(spanish_bridge)

    spanish_bridge.sandbox.delete_message(ticket.post.message_id or 0)

    with use_language("es"):
        deleted = ngettext(
            "🗑️ The post of {ids} was deleted.",
            "🗑️ The post of {number} tickets was deleted: {ids}.",
            1,
            ids=f"`{ticket.public_id}`",
        )
    await wait_for(lambda: any(deleted in text for text in log_texts(spanish_bridge)))


async def test_an_alert_is_in_the_language_of_the_server(
    spanish_bridge: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "POLL_SECONDS", 0.05)
    await use_log_channel(spanish_bridge)
    spanish_bridge.sandbox.set_overwrite(
        "reports", "ticketbridge", allow=Permission.VIEW_CHANNEL, deny=Permission.SEND_MESSAGES
    )

    await spanish_bridge.post("/tickets/create-game-report", series.GAME_REPORT, source="series")

    channel = f"<#{spanish_bridge.guild.channels['reports']}>"
    alert = said("es", "⛔ I cannot post in {channel}.", channel=channel)
    refused = "Discord refuses ({status} {code}: {text})."
    reason = said("es", refused, status=403, code=50013, text="Missing Permissions")
    start = f"{alert} {escape_markdown(reason, 300)}\n"
    await wait_for(lambda: any(text.startswith(start) for text in log_texts(spanish_bridge)))


async def test_a_notice_about_what_a_german_did_is_in_the_language_of_the_server(
    spanish_bridge: RunningBridge,
) -> None:
    await use_log_channel(spanish_bridge)
    store, pete = spanish_bridge.application.store, spanish_bridge.guild.members["pete"]
    member = DiscordMember(guild_id=spanish_bridge.guild.id, discord_id=pete, name="pete")
    code = await store.account_links.create_code_for_member(member, store.now())
    body = {"code": code.text, "playerId": str(UUID(int=1)), "playerName": "Rey"}
    await spanish_bridge.post("/v1/links", body, source="modl")
    shown = await spanish_bridge.sandbox.command("mia", "general", "links")
    message = shown["messages"][0]
    (select,) = message["components"][0]["components"]

    record = await spanish_bridge.sandbox.press(
        "mia", message["id"], select["custom_id"], [select["options"][0]["value"]]
    )

    cut = "✅ The link of {account} with {member} is cut."
    assert reply_text(record) == said("de", cut, account="Rey · modl", member="pete")
    notice = said(
        "es",
        "✂️ {staff} cut the link of the game account {account} with the Discord account {member}: "
        "player {player_id}.",
        staff=f"<@{spanish_bridge.guild.members['mia']}>",
        account="Rey · modl",
        member=f"<@{pete}>",
        player_id=str(UUID(int=1)).replace("-", "\\-"),
    )
    assert log_texts(spanish_bridge) == [notice]


async def use_log_channel(bridge: RunningBridge) -> None:
    (workspace,) = await bridge.application.store.workspaces.list_all()
    channel_id = bridge.guild.channels["log"]
    await bridge.application.store.workspaces.change(
        workspace.id, lambda before: replace(before, log_channel_id=channel_id)
    )


def log_texts(bridge: RunningBridge) -> list[str]:
    return [message["embeds"][0]["description"] for message in bridge.sandbox.messages("log")]
