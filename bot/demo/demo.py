"""The demo: a bridge with sample tickets and a stand-in for Discord, and what it shows on a terminal."""

import asyncio
import json
import re
import shlex
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from pydantic import SecretStr
from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bot.admin.service import AdminService
from bot.application import Application, StartupError, bind_error_message, run_application
from bot.config import DiscordSettings, Settings, StorageSettings, WebhookSettings
from bot.sandbox import DemoGuild, Sandbox, demo_guild
from bot.sources.contract import IntakeEndpoint, Source
from bot.sources.registry import load_sources
from bot.tickets.message import MessageKind
from bot.tickets.ticket import Ticket

HOST = "127.0.0.1"
POST_TIMEOUT = 20.0  # seconds for everything to be posted

_ESCAPED = re.compile(r"\\([^\w\s])")
_EMPHASIS = re.compile(r"(?<!\\)[*`]{1,2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """A running demo. `samples` are tickets that were sent over HTTP and are posted in Discord."""

    sandbox: Sandbox
    guild: DemoGuild
    application: Application
    keys: dict[str, str]  # by source
    database: Path
    samples: list[Ticket]

    def as_json(self) -> str:
        """Addresses, keys and ids as one line of JSON. Ids are strings, as in Discord."""
        return json.dumps(
            {
                "webhook": self.application.webhook_address,
                "discord": self.sandbox.address,
                "api_base": self.sandbox.api_base,
                "token": self.sandbox.token,
                "keys": self.keys,
                "database": str(self.database),
                "guild": str(self.guild.id),
                "channels": {name: str(id) for name, id in self.guild.channels.items()},
                "roles": {name: str(id) for name, id in self.guild.roles.items()},
                "members": {name: str(id) for name, id in self.guild.members.items()},
            }
        )

    def curl_commands(self) -> Iterator[str]:
        """A request to paste for each example."""
        for source, endpoint in examples():
            yield (
                f"curl -X POST {self.application.webhook_address}{endpoint.path}"
                f" -H {shlex.quote(f'{source.key_headers[0]}: {self.keys[source.name]}')}"
                f" -H 'Content-Type: application/json'"
                f" -d {shlex.quote(json.dumps(endpoint.example, ensure_ascii=False))}"
            )


@asynccontextmanager
async def run_demo(*, webhook_port: int, discord_port: int, database: Path | None) -> AsyncIterator[Demo]:
    """Run a demo with its samples posted; without `database`, on a temporary file.

    Raises StartupError and StorageError, each with a sentence.
    """
    async with AsyncExitStack() as stack:
        if database is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ticketbridge-demo-"))
            database = Path(folder) / "ticketbridge.db"
        sandbox = Sandbox()
        guild = demo_guild(sandbox)
        try:
            await stack.enter_async_context(sandbox.serve(HOST, discord_port))
        except OSError as error:
            raise StartupError(
                bind_error_message("The stand-in for Discord", HOST, discord_port, error)
            ) from error
        settings = _settings(sandbox, webhook_port, database)
        application = await stack.enter_async_context(run_application(settings))
        workspace_id, keys = await _create_workspace_and_keys(application, guild)
        samples = await _send_samples(application, keys, workspace_id)
        yield Demo(
            sandbox=sandbox,
            guild=guild,
            application=application,
            keys=keys,
            database=database,
            samples=[await wait_until_posted(application, sample) for sample in samples],
        )


def examples() -> list[tuple[Source, IntakeEndpoint]]:
    """Every example request, with its source and endpoint."""
    return [
        (source, endpoint)
        for source in load_sources().values()
        for endpoint in source.intake_endpoints
        if endpoint.example is not None
    ]


def one_example_per_source() -> list[tuple[Source, IntakeEndpoint]]:
    """The first example of each source."""
    first: dict[str, tuple[Source, IntakeEndpoint]] = {}
    for source, endpoint in examples():
        first.setdefault(source.name, (source, endpoint))
    return list(first.values())


def _settings(sandbox: Sandbox, webhook_port: int, database: Path) -> Settings:
    """The settings of `ticketbridge run`, with the stand-in for Discord; the environment is not read."""
    return Settings.model_construct(
        discord=DiscordSettings(token=SecretStr(sandbox.token), api_base=sandbox.api_base),
        webhook=WebhookSettings(host=HOST, port=webhook_port),
        storage=StorageSettings(path=database),
    )


async def _create_workspace_and_keys(
    application: Application, guild: DemoGuild
) -> tuple[str, dict[str, str]]:
    """Create a workspace for the stand-in's guild: its id, and a key for each source."""
    sources = load_sources()
    service = AdminService(application.store, sources)
    name = f"demo-{guild.id}"
    (workspace,) = await service.create_workspace(
        name=name,
        guild_id=guild.id,
        tickets_channel_id=guild.channels["tickets"],
        reports_channel_id=guild.channels["reports"],
        staff_role_id=guild.roles["Staff"],
        log_channel_id=guild.channels["log"],
    )
    keys = {}
    for source in sorted(sources):
        (key,) = await service.create_key(workspace=name, source=source, name=f"{source}-server-1")
        keys[source] = str(key["key"])
    return str(workspace["id"]), keys


async def _send_samples(application: Application, keys: dict[str, str], workspace_id: str) -> list[Ticket]:
    """Send each source's first example, as a game server does: the tickets, oldest first."""
    async with aiohttp.ClientSession() as session:
        for source, endpoint in one_example_per_source():
            headers = {source.key_headers[0]: keys[source.name]}
            address = application.webhook_address + endpoint.path
            async with session.post(address, json=endpoint.example, headers=headers) as response:
                if response.status != 200:
                    raise StartupError(
                        f"The webhook rejected a sample ({response.status}): {await response.text()}"
                    )
    return (await application.store.tickets.autocomplete("", [workspace_id]))[::-1]


async def wait_until_posted(application: Application, ticket: Ticket) -> Ticket:
    """The ticket, once no delivery of it waits for Discord."""
    for _ in range(int(POST_TIMEOUT / 0.05)):
        if application.discord_task.done():
            application.discord_task.result()
        if not await application.store.outbox.pending_for_ticket(ticket.id):
            return await application.store.tickets.get(ticket.id)
        await asyncio.sleep(0.05)
    raise StartupError(f"{ticket.public_id} was not posted within {POST_TIMEOUT:.0f} s; the log says why.")


class WalkthroughFailed(Exception):
    """The demo did something else than it shows. The message says what."""


def show_ready(console: Console, demo: Demo) -> None:
    """Print addresses, requests to paste, and `ready`."""
    rows = Table.grid(padding=(0, 2))
    for name, value in (
        ("webhook", demo.application.webhook_address),
        ("stand-in for Discord", f"{demo.sandbox.address}/sandbox  lists what you can do there"),
        ("its API", f"{demo.application.webhook_address}/docs"),
        ("database", str(demo.database)),
    ):
        rows.add_row(name, value)
    console.print(rows)
    console.print("\nSend more, from another terminal:\n", style="bold")
    for command in demo.curl_commands():
        console.print(command + "\n", soft_wrap=True, highlight=False, markup=False)
    console.print("ready", style="bold green")


def show_posts(console: Console, demo: Demo) -> None:
    """Print each sample as Discord shows it."""
    for ticket in demo.samples:
        channel = "reports" if ticket.view_only else "tickets"
        console.print(f"#{channel}", style="bold")
        console.print(render_message(_post_of(demo, ticket)))


async def run_walkthrough(console: Console, demo: Demo) -> None:
    """Reply to every sample: read by the game server, or refused for a game report in each way there is.

    Raises WalkthroughFailed if anything else happens.
    """
    for ticket in demo.samples:
        lines = reply_is_refused(demo, ticket) if ticket.view_only else reply_is_read(demo, ticket)
        async for line in lines:
            console.print(line)


async def reply_is_read(demo: Demo, ticket: Ticket) -> AsyncIterator[RenderableType]:
    before = await ask_for_events(demo, ticket.source, 0)
    yield Text(f"\n{ticket.public_id}: mia presses Reply and writes an answer", style="bold")
    pressed = await demo.sandbox.press("mia", ticket.post.message_id or 0, _button(demo, ticket, "Reply"))
    submitted = await demo.sandbox.modal("mia", pressed["id"], {"text": "Thank you, we are looking at it."})
    yield Text(f"  the bot to mia: {reply_text(submitted)}")
    replies = await demo.application.store.messages.list_of_ticket(ticket.id, [MessageKind.REPLY])
    if [reply.text for reply in replies] != ["Thank you, we are looking at it."]:
        raise WalkthroughFailed(f"the reply to {ticket.public_id} was not saved")
    yield Text(f"  saved in the database: “{replies[0].text}”", style="green")
    yield Text(f"  the ticket in Discord says: {await _reply_state(demo, ticket)}")
    events = await ask_for_events(demo, ticket.source, before["next"])
    said = [event["reply"]["text"] for event in events["events"]]
    if said != [replies[0].text]:
        raise WalkthroughFailed(f"the game server did not get the reply to {ticket.public_id}")
    yield Text(f"  the game server asks for events, and gets: “{said[0]}”")
    await ask_for_events(demo, ticket.source, events["next"])
    state = await _reply_state(demo, ticket)
    if "Read by" not in state:
        raise WalkthroughFailed(f"{ticket.public_id} does not show that the reply was read: {state}")
    yield Text(f"  it asks for the next events; the ticket in Discord says: {state}", style="green")


async def ask_for_events(demo: Demo, source: str, after: int) -> dict[str, Any]:
    """Ask for the events after a number, as a game server does."""
    headers = {load_sources()[source].key_headers[0]: demo.keys[source]}
    address = f"{demo.application.webhook_address}/v1/events?after={after}"
    async with aiohttp.ClientSession() as session, session.get(address, headers=headers) as response:
        if response.status != 200:
            raise WalkthroughFailed(f"a game server was refused ({response.status}): {await response.text()}")
        page: dict[str, Any] = await response.json()
        return page


async def _reply_state(demo: Demo, ticket: Ticket) -> str:
    """What the newest reply in the ticket's thread says became of it, once it is up to date."""
    posted = await wait_until_posted(demo.application, ticket)
    (embed,) = demo.sandbox.messages(posted.post.thread_id or 0)[-1]["embeds"]
    return strip_markdown(embed["fields"][0]["value"]).plain


async def reply_is_refused(demo: Demo, ticket: Ticket) -> AsyncIterator[RenderableType]:
    yield Text(f"\n{ticket.public_id} is a game report: mia tries to reply to it", style="bold")
    labels = _labels(_post_of(demo, ticket))
    if "Reply" in labels:
        raise WalkthroughFailed("a game report has a Reply button")
    yield Text(f"  its buttons and menu: {', '.join(labels)}; none is Reply")
    post = ticket.post.message_id or 0
    forged = await demo.sandbox.press("mia", post, f"ticket:reply:{ticket.id}", forge=True)
    yield expect_refusal("a forged Reply button", forged)
    command = await demo.sandbox.command(
        "mia", "reports", "ticket reply", {"ticket": ticket.public_id, "message": "We banned them."}
    )
    yield expect_refusal("/ticket reply", command)
    yield await _typed_reply_removed(demo, post)
    if await demo.application.store.messages.list_of_ticket(ticket.id, [MessageKind.REPLY]):
        raise WalkthroughFailed("a reply to a game report was saved")
    yield Text("  saved in the database: no reply", style="green")


async def _typed_reply_removed(demo: Demo, post: int) -> RenderableType:
    typed = demo.sandbox.say("mia", "reports", "We banned them.", reply_to=post)
    for _ in range(int(POST_TIMEOUT / 0.05)):
        messages = demo.sandbox.messages("reports")
        notice = messages[-1]["content"]
        if "view-only" in notice and not any(message["id"] == typed["id"] for message in messages):
            return Text(f"  typed as a Discord reply: {notice}")
        await asyncio.sleep(0.05)
    raise WalkthroughFailed("a message typed under a game report was left there")


def expect_refusal(attempt: str, record: dict[str, Any]) -> RenderableType:
    text = reply_text(record)
    if record.get("modal") or "view-only" not in text:
        raise WalkthroughFailed(f"{attempt} was not refused: {text or record}")
    return Text(f"  {attempt}: {text}")


def reply_text(record: dict[str, Any]) -> str:
    return " ".join(message["content"] for message in record["messages"])


def _post_of(demo: Demo, ticket: Ticket) -> dict[str, Any]:
    for message in demo.sandbox.messages(ticket.post.channel_id or 0):
        if message["id"] == str(ticket.post.message_id):
            return message
    raise WalkthroughFailed(f"{ticket.public_id} is not posted in Discord")


def _buttons(message: dict[str, Any]) -> list[dict[str, Any]]:
    return [button for row in message["components"] for button in row["components"]]


def _labels(message: dict[str, Any]) -> list[str]:
    """What the buttons say, and the menu."""
    return [one.get("label") or one["placeholder"] for one in _buttons(message)]


def _button(demo: Demo, ticket: Ticket, label: str) -> str:
    for button in _buttons(_post_of(demo, ticket)):
        if button.get("label") == label:
            return str(button["custom_id"])
    raise WalkthroughFailed(f"{ticket.public_id} has no {label} button")


def render_message(message: dict[str, Any]) -> RenderableType:
    """Render a Discord message for a terminal: its embed as a box, its buttons below."""
    (embed,) = message["embeds"]
    fields = Table.grid(padding=(0, 3))
    for field in embed.get("fields", []):
        fields.add_row(Text(field["name"], style="dim"), strip_markdown(field["value"]))
    author = embed.get("author", {})
    profile = f"  {author['url']}" if author.get("url") else ""
    lines: list[RenderableType] = [Text(f"{author.get('name', '')}{profile}", style="dim")]
    lines += [strip_markdown(embed.get("description", "")), Text(), fields]
    if "thread" in message:
        lines.append(Text(f"\nthread: {message['thread']['name']}", style="dim"))
    return Group(
        Panel(
            Group(*lines),
            title=strip_markdown(embed["title"]),
            subtitle=strip_markdown(embed["footer"]["text"]),
            border_style=f"#{embed['color']:06x}",
            title_align="left",
            subtitle_align="left",
        ),
        Columns([Text(f"[ {label} ]", style="reverse") for label in _labels(message)]),
    )


def strip_markdown(markdown: str) -> Text:
    """The text as a reader of the Markdown sees it."""
    return Text(_ESCAPED.sub(r"\1", _EMPHASIS.sub("", markdown)).replace("\u200b", ""))
