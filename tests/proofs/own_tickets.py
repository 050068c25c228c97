"""Proof: a player sees exactly their own tickets, whatever was filed, linked, unlinked, answered and typed.

Each history has two members of a Discord server and six game accounts, in two workspaces of both games. Two
have the id of another in the other workspace, and one has the Discord id of a member.
"""

import asyncio
import random
import re
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from bot.sources.modl import examples as modl
from bot.sources.series import examples as series
from bot.tickets.api_keys import generate_api_key, hash_api_key
from bot.tickets.workspace import NewWorkspace
from tests.proofs.outcome import OnProgress, Outcome, ignore_progress
from tests.support.bridge_harness import RunningBridge, reply_text, running_bridge, running_sandbox

_GAME_REPORT_PATH = "/tickets/create-game-report"
_PATHS = {"series": ("/tickets/create", _GAME_REPORT_PATH), "modl": ("/v1/minecraft/tickets",)}
_KEY_HEADERS = {"series": "apikey", "modl": "X-API-Key"}
_STAFF_COMMANDS = ("claim", "close", "resolve", "reopen", "note", "reply")
_TEXTS = {"note": {"text": "Seen them before."}, "reply": {"message": "We are on it."}}
_UNKNOWN = "There is no such ticket here"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTicketsSettings:
    histories: int = 1000
    steps: int = 14  # of each history
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Account:
    """Whom tickets may be of: a player of a game in a workspace, or with the source `discord` a member."""

    workspace: str
    source: str
    player_id: str


@dataclass(slots=True, kw_only=True)
class Filed:
    """A ticket as it should be."""

    account: Account
    view_only: bool
    is_closed: bool = False


@dataclass(slots=True)
class World:
    """A bridge with two workspaces in one Discord server, and their API keys."""

    bridge: RunningBridge
    keys: dict[tuple[str, str], str]  # by workspace and source

    async def post(self, account: Account, path: str, body: object) -> dict[str, Any]:
        """POST as the game server of that account's workspace."""
        headers = {_KEY_HEADERS[account.source]: self.keys[account.workspace, account.source]}
        address = self.bridge.application.webhook_address + path
        while True:
            async with self.bridge.session.post(address, json=body, headers=headers) as response:
                if response.status != 429:
                    assert response.status == 200, await response.text()
                    result: dict[str, Any] = await response.json()
                    return result
            await asyncio.sleep(0.1)  # as a game server does that has sent too much


@dataclass(slots=True, kw_only=True)
class History:
    """What happened to two members and their accounts, and what is wrong with what they were shown."""

    world: World
    chance: random.Random
    members: dict[str, str]  # Discord ids by name
    accounts: list[Account]
    links: dict[Account, str] = field(default_factory=dict)  # to members' names
    tickets: dict[str, Filed] = field(default_factory=dict)  # by public id
    done: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def own(self, name: str) -> set[str]:
        """The public ids of a member's own tickets."""
        return {public_id for public_id, filed in self.tickets.items() if self._is_own(name, filed.account)}

    def _is_own(self, name: str, account: Account) -> bool:
        is_member = account.source == "discord" and account.player_id == self.members[name]
        return is_member or self.links.get(account) == name

    async def step(self) -> None:
        """Do something at random."""
        steps: dict[Callable[[], Awaitable[None]], int] = {
            self.file: 5,
            self.open: 1,
            self.link: 4,
            self.unlink: 1,
            self.work: 3,
            self.act: 3,
            self.look: 2,
        }
        (step,) = self.chance.choices([*steps], [*steps.values()])
        await step()
        self.done[step.__name__] += 1

    async def file(self) -> None:
        account = self.chance.choice(self.accounts)
        path = self.chance.choice(_PATHS[account.source])
        subject = {"subject": f"Number {self.done['file']}"}  # the same again would be the same ticket
        if account.source == "series":
            example = series.GAME_REPORT if path == _GAME_REPORT_PATH else series.TICKET
            body = dict(example) | subject | {"authorUserId": int(account.player_id)}
            response = await self.world.post(account, path, body)
            public_id = response["data"]["TicketId"]
        else:
            body = dict(modl.TICKET) | subject | {"creatorUuid": account.player_id}
            public_id = (await self.world.post(account, path, body))["ticketId"]
        self.tickets[public_id] = Filed(account=account, view_only=path == _GAME_REPORT_PATH)

    async def open(self) -> None:
        name = self.chance.choice([*self.members])
        form = await self.world.bridge.sandbox.command(self.members[name], "general", "ticket open")
        values = {"category": ["bug"], "subject": "Lost items", "body": "My sword is gone."}
        record = await self.world.bridge.sandbox.modal(self.members[name], form["id"], values)
        found = re.search(r"TICKET-\d+", reply_text(record))
        assert found, record
        account = Account("", "discord", self.members[name])
        self.tickets[found.group()] = Filed(account=account, view_only=False)

    async def link(self) -> None:
        name, account = self.chance.choice([*self.members]), self.chance.choice(self.accounts)
        if account in self.links:
            return
        text = await self._run(name, "link")
        code = re.search(r"\b[A-Z0-9]{4}-[A-Z0-9]{4}\b", text)
        assert code, text
        body = {"code": code.group(), "playerId": account.player_id, "playerName": "Rey"}
        await self.world.post(account, "/v1/links", body)
        self.links[account] = name

    async def unlink(self) -> None:
        if not self.links:
            return
        account, name = self.chance.choice([*self.links.items()])
        repository = self.world.bridge.application.store.account_links
        found = await repository.find_by_account(account.workspace, account.source, account.player_id)
        assert found
        await self._run(name, "unlink", account=str(found.id))
        del self.links[account]

    async def work(self) -> None:
        """Something that staff do."""
        if not self.tickets:
            return
        public_id, command = self.chance.choice([*self.tickets]), self.chance.choice(_STAFF_COMMANDS)
        text = await self._run("mia", f"ticket {command}", ticket=public_id, **_TEXTS.get(command, {}))
        if text.startswith("✅") and command in ("close", "resolve", "reopen"):
            self.tickets[public_id].is_closed = command != "reopen"

    async def act(self) -> None:
        """A member answers or closes a ticket, their own or not."""
        if not self.tickets:
            return
        name, public_id = self.chance.choice([*self.members]), self.chance.choice([*self.tickets])
        command, ticket = self.chance.choice(("reply", "close")), self.tickets[public_id]
        options = {"message": "It was me."} if command == "reply" else {}
        text = await self._run(name, f"ticket {command}", ticket=public_id, **options)
        is_own = public_id in self.own(name)
        is_done = is_own and not ticket.view_only and not ticket.is_closed
        if is_done != text.startswith("✅") or is_own != (_UNKNOWN not in text):
            self.wrong.append(f"{name} did {command} on {public_id}: {text}")
        if is_done and command == "close":
            ticket.is_closed = True

    async def look(self) -> None:
        """A member looks at a ticket, their own or not."""
        if self.tickets:
            name, public_id = self.chance.choice([*self.members]), self.chance.choice([*self.tickets])
            text = await self._run(name, "ticket view", ticket=public_id)
            if (public_id in self.own(name)) != (_UNKNOWN not in text):
                self.wrong.append(f"{name} looked at {public_id}: {text}")

    async def check(self) -> None:
        """Compare what each member is shown with what is theirs."""
        for name in self.members:
            for what, seen in (("list", await self._listed(name)), ("choices", await self._offered(name))):
                if seen != self.own(name):
                    self.wrong.append(
                        f"the {what} of {name}: {sorted(seen ^ self.own(name))} too many or few"
                    )

    async def _listed(self, name: str) -> set[str]:
        """What `/tickets` shows on all its pages."""
        sandbox, user = self.world.bridge.sandbox, self.members[name]
        (message,) = (await sandbox.command(user, "general", "tickets"))["messages"]
        seen: set[str] = set()
        while message["embeds"]:
            seen |= set(re.findall(r"`([A-Z]+-[^`]+)`", message["embeds"][0]["description"]))
            buttons = [one for row in message["components"][1:] for one in row["components"]]
            if not buttons or buttons[-1]["disabled"]:
                break
            record = await sandbox.press(user, message["id"], buttons[-1]["custom_id"])
            (message,) = record["messages"]
        return seen

    async def _offered(self, name: str) -> set[str]:
        """What autocomplete offers."""
        record = await self.world.bridge.sandbox.autocomplete(
            self.members[name], "general", "ticket view", {"ticket": ""}, "ticket"
        )
        return {choice["value"] for choice in record["choices"]}

    async def _run(self, name: str, command: str, **options: object) -> str:
        """Run a slash command; everything that is answered."""
        user = self.members.get(name, name)
        record = await self.world.bridge.sandbox.command(user, "general", command, options)
        assert record["error"] is None, record
        return " ".join(f"{one['content']} {one['embeds'] or ''}" for one in record["messages"]).strip()


async def own_tickets(settings: OwnTicketsSettings, on_progress: OnProgress = ignore_progress) -> Outcome:
    """Run histories, each checked at its end, until one is wrong."""
    tickets, done, wrong, number = 0, Counter[str](), list[str](), 0
    async with _world() as world:
        for number in range(1, settings.histories + 1):
            history = await _new_history(world, settings.seed * 1_000_000 + number)
            for _ in range(settings.steps):
                await history.step()
            await history.check()
            tickets, done = tickets + len(history.tickets), done + history.done
            on_progress(number, settings.histories)
            if history.wrong:
                wrong = [f"history {number}: {sentence}" for sentence in history.wrong]
                break
    return Outcome(
        name="players see exactly their own tickets",
        wrong=wrong,
        figures={
            "histories": f"{number:,}",
            "tickets": f"{tickets:,}",
            "steps": ", ".join(f"{name} {count:,}" for name, count in sorted(done.items())),
            "tickets missing, or shown to somebody else": f"{len(wrong)}",
        },
    )


@asynccontextmanager
async def _world() -> AsyncIterator[World]:
    with tempfile.TemporaryDirectory() as folder:
        async with (
            running_sandbox(rate_limits=False) as (sandbox, guild),
            running_bridge(Path(folder) / "ticketbridge.db", sandbox, guild) as bridge,
        ):
            sandbox.change_settings(max_active_threads=1_000_000)
            store = bridge.application.store
            (first,) = await store.workspaces.list_all()
            second = await store.workspaces.add(_another(first), store.now())
            keys = {(first.id, source): key for source, key in bridge.keys.items()}
            for source in _PATHS:
                key, prefix = generate_api_key()
                keys[second.id, source] = key
                await store.api_keys.add(
                    "second", source, prefix=prefix, key_hash=hash_api_key(key), now=store.now()
                )
            yield World(bridge, keys)


def _another(workspace: NewWorkspace) -> NewWorkspace:
    """A second workspace of the same server, with the same channels and staff."""
    return NewWorkspace(
        name="second",
        guild_id=workspace.guild_id,
        tickets_channel_id=workspace.tickets_channel_id,
        reports_channel_id=workspace.reports_channel_id,
        staff_role_id=workspace.staff_role_id,
    )


async def _new_history(world: World, seed: int) -> History:
    chance = random.Random(seed)  # noqa: S311 - repeatable, no secret
    sandbox = world.bridge.sandbox
    members = {name: sandbox.add_member(f"{name}{seed}")["id"] for name in ("pete", "paula")}
    (first, second) = dict.fromkeys(workspace for workspace, _ in world.keys)
    minecraft = [Account(first, "modl", str(UUID(int=chance.getrandbits(128)))) for _ in range(2)]
    roblox = [Account(first, "series", str(seed)), Account(first, "series", members["pete"])]
    elsewhere = [replace(one, workspace=second) for one in (minecraft[0], roblox[0])]
    return History(world=world, chance=chance, members=members, accounts=[*minecraft, *roblox, *elsewhere])
