"""Checks what is stored and what is posted against a ledger, with SQL and from Discord's messages alone.

It uses no code of the bridge. The invariants: what was acknowledged is stored and posted; nothing is stored
or posted twice; what belongs to a ticket comes after its post; ordinary tickets of a channel are posted in
the order in which they were accepted.
"""

import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from bot.sandbox import Sandbox
from tests.proofs.load import Ledger

_FOOTER = re.compile(r"(?P<id>\S+) · (?P<what>.+)")
_MESSAGE_FOOTER = re.compile(r"\S+ · (reply|note|follow-up|event) \d+")
_POINTER_FOOTER = re.compile(r"\S+ · (transfer|message) \d+")  # a link to a post, or a direct message
_MAX_LISTED = 8  # of each kind of finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Embed:
    """One embed that the bot posted, identified by its footer."""

    channel: int
    position: tuple[int, int]  # the message's id and the embed's index in it: later is greater
    ticket: str  # the id of the ticket it is about
    footer: str

    @property
    def is_message(self) -> bool:
        """Whether it shows a message of a ticket: a reply, note, follow-up or event."""
        return _MESSAGE_FOOTER.fullmatch(self.footer) is not None

    @property
    def is_post(self) -> bool:
        """Whether it shows a ticket, alone or in a digest."""
        return not self.is_message and _POINTER_FOOTER.fullmatch(self.footer) is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """Everything the bot posted in Discord."""

    embeds: list[Embed]
    nonces: Counter[str]
    digests: int  # messages that show several tickets
    texts: Counter[str]  # of the embeds, as they were typed

    @classmethod
    def read(cls, sandbox: Sandbox) -> "Posted":
        embeds, nonces, digests, texts = [], Counter[str](), 0, Counter[str]()
        bot = sandbox.state.world.bot.id
        for channel in sandbox.state.world.channels.values():
            for message in channel.messages.values():
                if message.author_id != bot:
                    continue
                nonces.update([] if message.nonce is None else [str(message.nonce)])
                found = list(_embeds(channel.id, message.id, message.payload))
                digests += sum(embed.is_post for embed in found) > 1
                embeds += found
                shown = [embed.get("description", "") for embed in message.payload["embeds"]]
                texts.update(text.replace("\\", "") for text in shown)  # markdown is escaped in posts
        return cls(embeds=embeds, nonces=nonces, digests=digests, texts=texts)


def _embeds(channel: int, message: int, payload: Mapping[str, Any]) -> Iterator[Embed]:
    for index, embed in enumerate(payload["embeds"]):
        footer = embed.get("footer", {}).get("text", "")
        match = _FOOTER.fullmatch(footer)
        if match:
            yield Embed(channel=channel, position=(message, index), ticket=match["id"], footer=footer)


@dataclass(slots=True)
class Findings:
    """The broken invariants, and how much was checked."""

    wrong: list[str] = field(default_factory=list)
    lost: int = 0
    twice: int = 0
    out_of_order: int = 0
    tickets: int = 0
    digests: int = 0
    messages: int = 0

    def report(self, title: str, items: list[str]) -> int:
        """Add a sentence if there are any items; their number."""
        if items:
            more = f" and {len(items) - _MAX_LISTED} more" if len(items) > _MAX_LISTED else ""
            self.wrong.append(f"{title}: {', '.join(items[:_MAX_LISTED])}{more}")
        return len(items)


def check_invariants(
    ledger: Ledger, database: Path, sandbox: Sandbox, ordinary_channels: frozenset[int]
) -> Findings:
    """`ordinary_channels` are those whose tickets are all of one kind and priority."""
    findings, posted = Findings(), Posted.read(sandbox)
    findings.report("refused", ledger.refused)
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
        _check_file(db, findings)
        _check_tickets(db, ledger, posted, findings)
        _check_messages(db, ledger, posted, findings)
        _check_order(db, posted, ordinary_channels, findings)
    db.close()
    footers = Counter(embed.footer for embed in posted.embeds)
    twice = [footer for footer, count in footers.items() if count > 1]
    twice += [f"nonce {nonce}" for nonce, count in posted.nonces.items() if count > 1]
    findings.twice += findings.report("posted twice", twice)
    findings.digests = posted.digests
    return findings


def _check_file(db: sqlite3.Connection, findings: Findings) -> None:
    (result,) = db.execute("PRAGMA integrity_check").fetchone()
    findings.report("the file is damaged", [] if result == "ok" else [result])
    undelivered = db.execute("SELECT kind, state, last_error FROM outbox WHERE state != 'done'")
    findings.lost += findings.report("never delivered", [" ".join(map(str, row)) for row in undelivered])


def _check_tickets(db: sqlite3.Connection, ledger: Ledger, posted: Posted, findings: Findings) -> None:
    stored = db.execute("SELECT subject, public_id FROM tickets").fetchall()
    pairs = set(stored)
    subjects = Counter(subject for subject, _ in stored)
    shown = Counter(embed.ticket for embed in posted.embeds if embed.is_post)
    missing = [
        f"{name} ({subject})" for subject, name in ledger.tickets.items() if (subject, name) not in pairs
    ]
    findings.lost += findings.report("acknowledged and not saved", missing)
    stored_twice = [subject for subject, count in subjects.items() if count > 1]
    findings.twice += findings.report("saved twice", stored_twice)
    not_shown = [name for name in ledger.tickets.values() if not shown[name]]
    findings.lost += findings.report("acknowledged and not shown", not_shown)
    findings.twice += findings.report("shown twice", [name for name, count in shown.items() if count > 1])
    findings.report("shown and not saved", sorted(shown.keys() - {name for _, name in stored}))
    findings.tickets = len(stored)


def _check_messages(db: sqlite3.Connection, ledger: Ledger, posted: Posted, findings: Findings) -> None:
    stored = Counter(text for (text,) in db.execute("SELECT text FROM messages WHERE kind != 'event'"))
    missing = [text for text in ledger.messages if not stored[text]]
    findings.lost += findings.report("confirmed and not saved", missing)
    not_shown = [text for text in ledger.messages if not posted.texts[text]]
    findings.lost += findings.report("confirmed and not shown", not_shown)
    twice = [text for text, count in stored.items() if count > 1 or posted.texts[text] > 1]
    findings.twice += findings.report("sent once, saved or shown twice", twice)
    findings.messages = len(stored)


def _check_order(
    db: sqlite3.Connection, posted: Posted, ordinary_channels: frozenset[int], findings: Findings
) -> None:
    posts = {embed.ticket: embed.position for embed in posted.embeds if embed.is_post}
    messages = [embed for embed in posted.embeds if embed.is_message]
    early = [one.footer for one in messages if one.position < posts.get(one.ticket, one.position)]
    findings.out_of_order += findings.report("shown ahead of its ticket", early)
    accepted: dict[str, int] = dict(db.execute("SELECT public_id, id FROM tickets"))
    by_channel: dict[int, list[Embed]] = defaultdict(list)
    for embed in posted.embeds:
        if embed.is_post and embed.channel in ordinary_channels:
            by_channel[embed.channel].append(embed)
    swapped = []
    for embeds in by_channel.values():
        ids = [accepted[embed.ticket] for embed in sorted(embeds, key=lambda embed: embed.position)]
        swapped += [f"#{later} behind #{earlier}" for earlier, later in pairwise(ids) if later < earlier]
    findings.out_of_order += findings.report("not shown in the order they were accepted", swapped)


def count_pending(database: Path) -> int:
    """The deliveries that Discord has yet to get."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10) as db:
        query = "SELECT count(*) FROM outbox WHERE state = 'pending'"
        (count,) = db.execute(query).fetchone()
    db.close()
    return int(count)
