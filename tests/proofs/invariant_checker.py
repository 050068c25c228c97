"""The oracle: what is kept and what is shown, read with SQL and from Discord's messages.

It uses no code of the bridge, and knows four promises. What was acknowledged is kept and shown; nothing is
kept or shown twice; what belongs to a ticket stands behind its post; ordinary tickets of a channel are shown
in the order they were accepted in.
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
_WORDS = re.compile(r"\S+ · (reply|note|follow-up|event) \d+")
_POINTER = re.compile(r"\S+ · transfer \d+")
_SHOWN = 8  # of each kind of finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Embed:
    """One embed that the bot posted, by its footer."""

    channel: int
    at: tuple[int, int]  # the message's id and the embed's place in it: later is greater
    ticket: str  # the id of the ticket it is about
    mark: str  # the whole footer

    @property
    def is_words(self) -> bool:
        """Whether it shows what was said on a ticket."""
        return _WORDS.fullmatch(self.mark) is not None

    @property
    def is_post(self) -> bool:
        """Whether it shows a ticket, alone or among others."""
        return not self.is_words and _POINTER.fullmatch(self.mark) is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everything the bot posted in Discord."""

    embeds: list[Embed]
    nonces: Counter[str]
    digests: int  # messages that show several tickets
    texts: Counter[str]  # words shown, as they were typed

    @classmethod
    def in_discord(cls, sandbox: Sandbox) -> "Seen":
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
                texts.update(text.replace("\\", "") for text in shown)  # what would format is shown as typed
        return cls(embeds=embeds, nonces=nonces, digests=digests, texts=texts)


def _embeds(channel: int, message: int, wire: Mapping[str, Any]) -> Iterator[Embed]:
    for place, embed in enumerate(wire["embeds"]):
        mark = embed.get("footer", {}).get("text", "")
        named = _FOOTER.fullmatch(mark)
        if named:
            yield Embed(channel=channel, at=(message, place), ticket=named["id"], mark=mark)


@dataclass(slots=True)
class Verdict:
    """What is not as promised, and how much there was to look at."""

    wrong: list[str] = field(default_factory=list)
    lost: int = 0
    twice: int = 0
    out_of_order: int = 0
    tickets: int = 0
    digests: int = 0
    words: int = 0

    @property
    def good(self) -> bool:
        return not self.wrong

    def find(self, what: str, which: list[str]) -> int:
        """Note those; how many there are."""
        if which:
            more = f" and {len(which) - _SHOWN} more" if len(which) > _SHOWN else ""
            self.wrong.append(f"{what}: {', '.join(which[:_SHOWN])}{more}")
        return len(which)


def judge(ledger: Ledger, database: Path, sandbox: Sandbox, ordinary: frozenset[int]) -> Verdict:
    """`ordinary` are the channels whose tickets are all of one kind and priority."""
    verdict, seen = Verdict(), Seen.in_discord(sandbox)
    verdict.find("refused", ledger.refused)
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
        _judge_the_file(db, verdict)
        _judge_tickets(db, ledger, seen, verdict)
        _judge_words(db, ledger, seen, verdict)
        _judge_order(db, seen, ordinary, verdict)
    db.close()
    posted = [embed.mark for embed in seen.embeds]
    twice = [mark for mark, count in Counter(posted).items() if count > 1]
    twice += [f"nonce {nonce}" for nonce, count in seen.nonces.items() if count > 1]
    verdict.twice += verdict.find("posted twice", twice)
    verdict.digests = seen.digests
    return verdict


def _judge_the_file(db: sqlite3.Connection, verdict: Verdict) -> None:
    (told,) = db.execute("PRAGMA integrity_check").fetchone()
    verdict.find("the file is damaged", [] if told == "ok" else [told])
    undone = db.execute(
        "SELECT kind, state, last_error FROM outbox WHERE lane = 'discord' AND state != 'done'"
    )
    verdict.lost += verdict.find("never delivered", [" ".join(map(str, row)) for row in undone])


def _judge_tickets(db: sqlite3.Connection, ledger: Ledger, seen: Seen, verdict: Verdict) -> None:
    kept = db.execute("SELECT subject, public_id FROM tickets").fetchall()
    there = set(kept)
    gone = [f"{name} ({subject})" for subject, name in ledger.tickets.items() if (subject, name) not in there]
    verdict.lost += verdict.find("acknowledged and not kept", gone)
    subjects = Counter(subject for subject, _ in kept)
    again = [subject for subject, count in subjects.items() if count > 1]
    verdict.twice += verdict.find("kept twice", again)
    shown = Counter(embed.ticket for embed in seen.embeds if embed.is_post)
    unseen = [name for name in ledger.tickets.values() if not shown[name]]
    verdict.lost += verdict.find("acknowledged and not shown", unseen)
    verdict.twice += verdict.find("shown twice", [name for name, count in shown.items() if count > 1])
    verdict.find("shown and not kept", sorted(shown.keys() - {name for _, name in kept}))
    verdict.tickets = len(kept)


def _judge_words(db: sqlite3.Connection, ledger: Ledger, seen: Seen, verdict: Verdict) -> None:
    kept = Counter(text for (text,) in db.execute("SELECT text FROM messages WHERE kind != 'event'"))
    verdict.words = len(kept)
    verdict.lost += verdict.find("confirmed and not kept", [text for text in ledger.words if not kept[text]])
    verdict.lost += verdict.find("confirmed and not shown", [t for t in ledger.words if not seen.texts[t]])
    again = [text for text, count in kept.items() if count > 1 or seen.texts[text] > 1]
    verdict.twice += verdict.find("said once, kept or shown twice", again)


def _judge_order(db: sqlite3.Connection, seen: Seen, ordinary: frozenset[int], verdict: Verdict) -> None:
    posts = {embed.ticket: embed.at for embed in seen.embeds if embed.is_post}
    early = [e.mark for e in seen.embeds if e.is_words and e.at < posts.get(e.ticket, e.at)]
    verdict.out_of_order += verdict.find("shown ahead of its ticket", early)
    accepted: dict[str, int] = dict(db.execute("SELECT public_id, id FROM tickets"))
    lines: dict[int, list[Embed]] = defaultdict(list)
    for embed in seen.embeds:
        if embed.is_post and embed.channel in ordinary:
            lines[embed.channel].append(embed)
    passed = []
    for line in lines.values():
        ranks = [accepted[embed.ticket] for embed in sorted(line, key=lambda embed: embed.at)]
        passed += [f"#{b} behind #{a}" for a, b in pairwise(ranks) if b < a]
    verdict.out_of_order += verdict.find("not shown in the order they were accepted", passed)


def waiting(database: Path) -> int:
    """Deliveries that Discord has yet to get."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10) as db:
        query = "SELECT count(*) FROM outbox WHERE lane = 'discord' AND state = 'pending'"
        (count,) = db.execute(query).fetchone()
    db.close()
    return int(count)
