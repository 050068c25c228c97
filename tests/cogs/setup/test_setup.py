"""`/setup`: who may use it, and what it changes. Olivia owns the guild; mia is staff, which is not enough."""

from operator import methodcaller
from typing import Any

import pytest

from bot.sandbox import ControlError, DemoGuild, Permission, demo_guild
from bot.tickets.workspace import Category, Department, NewWorkspace, Plan, UnknownCategoryPolicy, Workspace
from cogs.setup.workspaces import parse_id_list
from tests.cogs.core.test_markdown import ALIVE
from tests.support.bridge_harness import RunningBridge, reply_text

EVERY_COMMAND: dict[str, dict[str, Any]] = {
    "setup show": {},
    "setup workspace": {
        "name": "main",
        "tickets_channel": "general",
        "reports_channel": "general",
        "staff_role": "Staff",
    },
    "setup rules": {"plan": "free"},
    "setup department": {"id": "builders"},
    "setup remove-department": {"id": "general"},
    "setup category": {"id": "bugs"},
    "setup remove-category": {"id": "bugs"},
    "setup tag": {"name": "vip"},
    "setup remove-tag": {"name": "vip"},
    "setup outbox": {},
    "setup webhook": {"source": "modl", "url": "https://game.example/events"},
    "setup webhooks": {},
}


async def run(bridge: RunningBridge, command: str, user: str = "olivia", **options: Any) -> dict[str, Any]:
    return await bridge.sandbox.command(user, "general", f"setup {command}", options)


async def main_workspace(bridge: RunningBridge) -> Workspace:
    return await bridge.application.store.workspaces.get_by_name("main")


def embed_text(record: dict[str, Any]) -> str:
    """The text of the embed in an answer."""
    (embed,) = record["messages"][-1]["embeds"]
    fields = [f"{field['name']}: {field['value']}" for field in embed.get("fields", [])]
    return "\n".join([embed["title"], embed["description"], *fields])


def show_commands_to_everyone(bridge: RunningBridge) -> None:
    """Show the commands to everyone, as a guild's own settings can."""
    for commands in bridge.sandbox.state.commands.values():
        for command in commands:
            command["default_member_permissions"] = None


def make_manager(bridge: RunningBridge, user: str) -> None:
    bridge.sandbox.create_role("Managers", Permission.MANAGE_GUILD)
    bridge.sandbox.give_role(user, "Managers")


@pytest.mark.parametrize("command", EVERY_COMMAND)
async def test_only_managers_are_shown_the_commands(bridge: RunningBridge, command: str) -> None:
    for user in ("mia", "pete"):
        with pytest.raises(ControlError, match="lacks the permissions"):
            await bridge.sandbox.command(user, "general", command, EVERY_COMMAND[command])


async def test_others_are_refused_even_if_the_commands_are_shown_to_them(
    bridge: RunningBridge,
) -> None:
    before = await main_workspace(bridge)
    await bridge.ticket()  # the commands are there by now
    show_commands_to_everyone(bridge)

    for command, options in EVERY_COMMAND.items():
        for user in ("mia", "pete"):
            record = await bridge.sandbox.command(user, "general", command, options)
            assert reply_text(record) == (
                "⛔ Only members with the Manage Server permission, or the admin role of a workspace, can do "
                "that."
            )
            assert record["messages"][-1]["embeds"] == []
    assert await main_workspace(bridge) == before
    offered_choices = await bridge.sandbox.autocomplete("mia", "general", "setup show", {}, "workspace")
    assert offered_choices["choices"] == []


async def test_a_manager_can_change_the_rules(bridge: RunningBridge) -> None:
    make_manager(bridge, "paula")

    record = await run(bridge, "rules", user="paula", plan="free")

    assert reply_text(record) == "✅ The rules are changed."
    assert (await main_workspace(bridge)).plan is Plan.FREE


@pytest.mark.parametrize("command", EVERY_COMMAND)
async def test_every_answer_is_deferred_and_ephemeral(bridge: RunningBridge, command: str) -> None:
    record = await bridge.sandbox.command("olivia", "general", command, EVERY_COMMAND[command])

    assert record["callback"]["type"] == 5  # deferred
    assert record["error"] is None
    assert all(message["flags"] & 64 for message in record["messages"])
    assert bridge.sandbox.messages("general") == []


async def test_show_draws_everything_about_the_only_workspace(bridge: RunningBridge) -> None:
    record = await run(bridge, "show")

    shown = embed_text(record)
    assert "Workspace main" in shown
    assert f"Tickets channel: <#{bridge.guild.channels['tickets']}>" in shown
    assert f"Reports channel: <#{bridge.guild.channels['reports']}>" in shown
    assert f"Staff role: <@&{bridge.guild.roles['Staff']}>" in shown
    assert "Log channel: none" in shown
    assert "Plan: enterprise" in shown
    assert "• general (General) · the workspace's channels · any category · all staff" in shown
    assert "None of its own." in shown
    assert "Unknown categories: refuse, once it has categories" in shown


async def test_only_the_given_rules_change(bridge: RunningBridge) -> None:
    await run(bridge, "department", id="builders")
    record = await run(
        bridge,
        "rules",
        tickets=False,
        unknown_categories="keep",
        default_department="builders",
        name_staff=True,
    )

    workspace = await main_workspace(bridge)
    assert "Tickets: off" in embed_text(record)
    assert "Unknown categories: keep" in embed_text(record)
    assert "Name staff: on" in embed_text(record)
    assert (workspace.name_staff, workspace.thank_reporters) == (True, False)
    assert (workspace.tickets_enabled, workspace.plan) == (False, Plan.ENTERPRISE)
    assert workspace.unknown_categories is UnknownCategoryPolicy.KEEP
    assert workspace.default_department == "builders"


async def test_a_log_channel_is_set_left_changed_and_removed(bridge: RunningBridge) -> None:
    options, channels = EVERY_COMMAND["setup workspace"], bridge.guild.channels
    await run(bridge, "workspace", **options | {"log_channel": "log"})
    first = (await main_workspace(bridge)).log_channel_id
    record = await run(bridge, "workspace", **options)  # not named: it stays
    unchanged = (await main_workspace(bridge)).log_channel_id
    await run(bridge, "rules", log_channel="tickets")
    changed = (await main_workspace(bridge)).log_channel_id
    await run(bridge, "rules", no_log_channel=True)

    assert (first, unchanged, changed) == (channels["log"], channels["log"], channels["tickets"])
    assert f"Log channel: <#{channels['log']}>" in embed_text(record)
    assert (await main_workspace(bridge)).log_channel_id is None


async def test_a_new_workspace_can_have_a_log_channel_at_once(bridge: RunningBridge) -> None:
    await run(bridge, "workspace", **EVERY_COMMAND["setup workspace"] | {"name": "new", "log_channel": "log"})

    made = await bridge.application.store.workspaces.get_by_name("new")
    assert made.log_channel_id == bridge.guild.channels["log"]


async def test_rules_without_options_is_refused(bridge: RunningBridge) -> None:
    assert reply_text(await run(bridge, "rules")) == "⛔ Name at least one thing to change."


async def test_a_department_is_added_then_changed_in_part(bridge: RunningBridge) -> None:
    for category in ("bugs", "shop"):
        await run(bridge, "category", id=category)
    await run(
        bridge,
        "department",
        id="builders",
        name="Builders",
        channel="log",
        categories="bugs, shop,bugs",
        members="7, 8",
    )
    first = (await main_workspace(bridge)).department("builders")
    await run(bridge, "department", id="builders", categories="-", no_channel=True)
    second = (await main_workspace(bridge)).department("builders")

    assert first == Department(
        id="builders",
        name="Builders",
        channel_id=bridge.guild.channels["log"],
        categories=("bugs", "shop"),
        members=("7", "8"),
    )
    assert second == Department(id="builders", name="Builders", members=("7", "8"))


async def test_a_category_is_added_then_changed_in_part(bridge: RunningBridge) -> None:
    record = await run(bridge, "category", id="bugs", departments="general", max_open=3)
    first = await main_workspace(bridge)
    await run(bridge, "category", id="bugs", name="Bugs", max_open=0)
    second = await main_workspace(bridge)

    assert "Unknown categories: refuse" in embed_text(record).splitlines()
    assert first.category("bugs") == Category(id="bugs", name="bugs", max_open=3)
    assert first.department("general").categories == ("bugs",)
    assert second.category("bugs") == Category(id="bugs", name="Bugs")
    assert second.department("general").categories == ("bugs",)


async def test_departments_and_categories_are_removed(bridge: RunningBridge) -> None:
    await run(bridge, "category", id="bugs")
    await run(bridge, "department", id="builders", categories="bugs")

    await run(bridge, "remove-category", id="bugs")
    record = await run(bridge, "remove-department", id="builders")

    workspace = await main_workspace(bridge)
    assert reply_text(record) == "✅ Department builders is removed."
    assert [one.id for one in workspace.departments] == ["general"]
    assert workspace.categories == ()


async def test_tags_are_added_shown_and_removed(bridge: RunningBridge) -> None:
    await run(bridge, "tag", name="vip")
    added = await run(bridge, "tag", name="*duped*")
    removed = await run(bridge, "remove-tag", name="vip")

    assert "Tags: \\*duped\\*, vip" in embed_text(added).splitlines()
    assert "Tags: \\*duped\\*" in embed_text(removed).splitlines()
    assert reply_text(removed) == "✅ Tag vip is removed."
    assert (await main_workspace(bridge)).tags == ("*duped*",)


@pytest.mark.parametrize(
    ("command", "options", "sentence"),
    [
        ("remove-department", {"id": "nobody"}, "There is no such department"),
        ("remove-department", {"id": "general"}, "That is the default department."),
        ("remove-category", {"id": "nothing"}, "There is no such category"),
        ("tag", {"name": "a\u2028b"}, "A tag has 1 to 32 characters"),
        ("remove-tag", {"name": "nothing"}, "This workspace has no such tag."),
        ("department", {"id": "builders", "categories": "nothing"}, "There is no category nothing."),
        ("category", {"id": "bugs", "departments": "nobody"}, "There is no such department"),
        ("rules", {"default_department": "nobody"}, "There is no such department"),
        ("show", {"workspace": "elsewhere"}, "This Discord server has no workspace of that name."),
        ("department", {"id": "builders", "channel": "log", "no_channel": True}, "not both"),
        ("rules", {"log_channel": "log", "no_log_channel": True}, "not both"),
        ("outbox", {"retry": 1, "drop": 1}, "not both"),
        ("outbox", {"retry": 99}, "No delivery of that number"),
        ("outbox", {"drop": 99}, "No delivery of that number"),
        ("webhook", {"source": "x", "url": "https://game.example/"}, "There is no source x."),
        ("webhook", {"source": "modl", "url": "game.example"}, "The URL must begin with https://"),
        ("webhook", {"source": "modl", "url": "https://a:b@game.example/"}, "no user, no password"),
        ("webhooks", {"action": "pause"}, "Name both the action and the webhook"),
        ("webhooks", {"webhook": "1"}, "Name both the action and the webhook"),
        ("webhooks", {"action": "pause", "webhook": "99"}, "There is no such webhook here."),
    ],
)
async def test_a_refused_change_is_explained_in_one_sentence_and_changes_nothing(
    bridge: RunningBridge, command: str, options: dict[str, Any], sentence: str
) -> None:
    before = await main_workspace(bridge)

    record = await run(bridge, command, **options)

    assert reply_text(record).startswith("⛔ ")
    assert sentence in reply_text(record)
    assert await main_workspace(bridge) == before


async def test_a_workspace_of_this_server_gets_other_channels_and_another_role(bridge: RunningBridge) -> None:
    role = bridge.sandbox.create_role("Builders")
    before = await main_workspace(bridge)

    record = await run(
        bridge,
        "workspace",
        name="main",
        tickets_channel="log",
        reports_channel="general",
        staff_role="Builders",
    )

    workspace = await main_workspace(bridge)
    assert reply_text(record) == "✅ Workspace main is changed."
    assert workspace.id == before.id
    assert workspace.tickets_channel_id == bridge.guild.channels["log"]
    assert workspace.reports_channel_id == bridge.guild.channels["general"]
    assert workspace.staff_role_id == int(role["id"])


@pytest.mark.parametrize("denied", ["SEND_MESSAGES", "VIEW_CHANNEL", "CREATE_PRIVATE_THREADS"])
async def test_permissions_that_are_missing_in_a_channel_are_named_at_once(
    bridge: RunningBridge, denied: str
) -> None:
    await run(bridge, "show")  # the bot is there by now
    bridge.sandbox.set_overwrite("general", "ticketbridge", deny=getattr(Permission, denied))
    options = EVERY_COMMAND["setup workspace"]

    record = await run(bridge, "workspace", **options)
    named = await run(bridge, "department", id="builders", channel="general")

    place = f"<#{bridge.guild.channels['general']}>"
    warning = f"{place}: Allow my role there: {denied.replace('_', ' ').title()}."
    for answer in (record, named):
        assert reply_text(answer).startswith("✅ ")
        assert warning in embed_text(answer)


@pytest.mark.parametrize(
    ("channel", "missing"),
    [
        (
            "tickets",
            "Read Message History, Create Public Threads, Create Private Threads, Send Messages In Threads, "
            "Mention All Roles, Manage Threads",
        ),
        ("reports", "Read Message History, Manage Messages"),
    ],
)
async def test_each_channel_is_said_to_lack_what_the_bot_uses_there(
    bridge: RunningBridge, channel: str, missing: str
) -> None:
    await run(bridge, "show")
    needed_elsewhere = ~int(Permission.VIEW_CHANNEL | Permission.SEND_MESSAGES)
    denied = needed_elsewhere & ~int(Permission.EMBED_LINKS | Permission.ATTACH_FILES) & 0xFFFFFFFFFF
    bridge.sandbox.set_overwrite(channel, "ticketbridge", allow=Permission.VIEW_CHANNEL, deny=denied)

    record = await run(bridge, "show")

    place = f"<#{bridge.guild.channels[channel]}>"
    assert f"{place}: Allow my role there: {missing}." in embed_text(record)


async def test_no_permission_to_mention_a_role_is_needed_that_everyone_may_mention(
    bridge: RunningBridge,
) -> None:
    role = bridge.sandbox.create_role("Helpers", mentionable=True)
    options = {"tickets_channel": "tickets", "reports_channel": "reports", "staff_role": "Helpers"}
    await run(bridge, "show")
    bridge.sandbox.set_overwrite(
        "tickets", "ticketbridge", allow=Permission.VIEW_CHANNEL, deny=Permission.MENTION_EVERYONE
    )
    before = embed_text(await run(bridge, "show"))

    await run(bridge, "workspace", name="main", **options)

    assert (await main_workspace(bridge)).staff_role_id == int(role["id"])
    assert "Allow my role there: Mention All Roles." in before
    assert "Mention All Roles" not in embed_text(await run(bridge, "show"))


async def test_a_log_channel_needs_no_threads(bridge: RunningBridge) -> None:
    await run(bridge, "show")
    bridge.sandbox.set_overwrite(
        "log", "ticketbridge", allow=Permission.VIEW_CHANNEL, deny=Permission.CREATE_PUBLIC_THREADS
    )

    record = await run(bridge, "rules", log_channel="log")

    assert "Missing permissions" not in embed_text(record)


async def test_the_everyone_role_cannot_be_the_staff_role(bridge: RunningBridge) -> None:
    before = await main_workspace(bridge)
    channels = {"tickets_channel": "tickets", "reports_channel": "reports"}

    record = await run(bridge, "workspace", name="main", staff_role=str(bridge.guild.id), **channels)

    assert "everyone would be staff" in reply_text(record)
    assert await main_workspace(bridge) == before


async def test_a_second_workspace_has_to_be_named_from_then_on(bridge: RunningBridge) -> None:
    options = EVERY_COMMAND["setup workspace"]
    record = await bridge.sandbox.command(
        "olivia", "general", "setup workspace", options | {"name": "second"}
    )

    unnamed = await run(bridge, "rules", plan="free")
    named = await run(bridge, "rules", plan="free", workspace="second")
    offered_choices = await bridge.sandbox.autocomplete(
        "olivia", "general", "setup show", {"workspace": "se"}, "workspace"
    )

    assert "✅ Workspace second is ready." in reply_text(record)
    assert reply_text(unnamed) == "⛔ This Discord server has several workspaces. Name the one you mean."
    assert reply_text(named) == "✅ The rules are changed."
    assert (await main_workspace(bridge)).plan is Plan.ENTERPRISE
    assert [choice["value"] for choice in offered_choices["choices"]] == ["second"]


async def test_ids_of_the_chosen_workspace_are_offered(bridge: RunningBridge) -> None:
    await run(bridge, "category", id="bugs", name="Broken things")
    await run(bridge, "department", id="builders", name="Builders")

    async def offered(command: str, option: str, offered_choices: str) -> list[str]:
        record = await bridge.sandbox.autocomplete(
            "olivia", "general", command, {option: offered_choices}, option
        )
        return [choice["value"] for choice in record["choices"]]

    assert await offered("setup department", "id", "") == ["general", "builders"]
    assert await offered("setup remove-department", "id", "BUILD") == ["builders"]
    assert await offered("setup rules", "default_department", "") == ["general", "builders"]
    assert await offered("setup category", "id", "broken") == ["bugs"]
    assert await offered("setup remove-category", "id", "x") == []
    await run(bridge, "tag", name="vip")
    assert await offered("setup remove-tag", "name", "V") == ["vip"]


class OtherGuild:
    """Another guild, without a workspace; olivia owns it too."""

    def __init__(self, bridge: RunningBridge) -> None:
        self.bridge = bridge
        self.guild: DemoGuild = demo_guild(bridge.sandbox, name="Elsewhere")

    async def run(self, command: str, **options: Any) -> dict[str, Any]:
        owner, place = str(self.guild.members["olivia"]), str(self.guild.channels["general"])
        return await self.bridge.sandbox.command(owner, place, f"setup {command}", options)

    async def make(self, name: str) -> dict[str, Any]:
        return await self.run(
            "workspace",
            name=name,
            tickets_channel=str(self.guild.channels["tickets"]),
            reports_channel=str(self.guild.channels["reports"]),
            staff_role=str(self.guild.roles["Staff"]),
        )


async def test_without_a_workspace_each_command_says_how_to_make_one(bridge: RunningBridge) -> None:
    other_guild = OtherGuild(bridge)

    everything = ("show", "rules", "department", "remove-department", "category", "remove-category", "outbox")
    for command in (*everything, "tag", "remove-tag"):
        record = await other_guild.run(command, **EVERY_COMMAND[f"setup {command}"])
        assert "This Discord server has no workspace." in reply_text(record)
        assert "`/setup workspace`" in reply_text(record)


async def test_another_servers_workspace_is_neither_seen_nor_changed(bridge: RunningBridge) -> None:
    other_guild, before = OtherGuild(bridge), await main_workspace(bridge)
    await other_guild.make("theirs")

    everything = ("show", "rules", "department", "remove-department", "category", "remove-category")
    for command in (*everything, "tag", "remove-tag"):
        options = EVERY_COMMAND[f"setup {command}"] | {"workspace": "main"}
        assert "no workspace of that name" in reply_text(await other_guild.run(command, **options))
    owner, place = str(other_guild.guild.members["olivia"]), str(other_guild.guild.channels["general"])
    offered_choices = await bridge.sandbox.autocomplete(owner, place, "setup show", {}, "workspace")

    assert [choice["value"] for choice in offered_choices["choices"]] == ["theirs"]
    assert await main_workspace(bridge) == before


async def test_a_name_of_another_servers_workspace_is_taken(bridge: RunningBridge) -> None:
    other_guild, before = OtherGuild(bridge), await main_workspace(bridge)

    record = await other_guild.make("main")

    assert reply_text(record) == "⛔ A workspace of another Discord server has that name. Choose another one."
    assert await main_workspace(bridge) == before


async def test_a_servers_first_workspace_is_made_from_discord(bridge: RunningBridge) -> None:
    other_guild = OtherGuild(bridge)

    record = await other_guild.make("theirs")

    made = await bridge.application.store.workspaces.get_by_name("theirs")
    assert "✅ Workspace theirs is ready." in reply_text(record)
    assert NewWorkspace(
        name="theirs",
        guild_id=other_guild.guild.id,
        tickets_channel_id=other_guild.guild.channels["tickets"],
        reports_channel_id=other_guild.guild.channels["reports"],
        staff_role_id=other_guild.guild.roles["Staff"],
    ) == NewWorkspace(**{name: getattr(made, name) for name in NewWorkspace.__slots__})


async def test_a_channel_of_another_server_cannot_be_picked(bridge: RunningBridge) -> None:
    other_guild, owner = OtherGuild(bridge), str(bridge.guild.members["olivia"])
    options = {"id": "spies", "channel": str(other_guild.guild.channels["reports"])}

    with pytest.raises(ControlError, match="pick one that is offered"):
        await bridge.sandbox.command(
            owner, str(bridge.guild.channels["general"]), "setup department", options
        )


async def test_only_a_text_channel_can_be_picked(bridge: RunningBridge) -> None:
    thread = bridge.sandbox.open_thread("mia", "general", "Talk")

    with pytest.raises(ControlError, match="pick one that is offered"):
        await run(bridge, "department", id="talkers", channel=thread["id"])


async def test_names_are_escaped(bridge: RunningBridge) -> None:
    name = "@everyone <@1> [free](https://evil.example/x) discord.gg/abc"

    await run(bridge, "category", id="x", name=name)
    record = await run(bridge, "department", id="@everyone", name=name, members="<@1>")

    (message,) = record["messages"]
    assert not ALIVE.search(message["content"] + message["embeds"][0]["description"])
    assert not message["mention_everyone"]


async def test_more_rules_than_discord_can_show_are_counted(bridge: RunningBridge) -> None:
    workspace = await main_workspace(bridge)
    for number in range(80):
        department = Department(id=f"department-{number}", name="*" * 100)
        rule = methodcaller("with_department", department)
        await bridge.application.store.workspaces.change(workspace.id, rule)

    record = await run(bridge, "show")

    assert record["error"] is None
    assert "more, which `ticketbridge workspace show` shows" in embed_text(record)


def test_lists_are_split_at_commas_without_repeats() -> None:
    assert parse_id_list(" a, b ,,a") == ("a", "b")
    assert parse_id_list(" - ") == ()
    assert parse_id_list("-, a") == ("-", "a")
