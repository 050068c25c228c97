"""Reads what strace tells of the bridge, and says which answers left too early.

`strace ... -o "|python -m tests.proofs.tracing FILE"`: when the process has ended, FILE says it.
The order of the lines is that of the events: a call that others came in between of is told in two lines.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

CALLS = ("fdatasync", "fsync", "pwrite64", "write", "writev", "sendto", "sendmsg")
_TICKET = re.compile(r"(?:TICKET-\d{10}-[A-Z]{4}|(?:BUG|PLAYER|CHAT|APPEAL|STAFF|SUPPORT)-\d{6,})")
_LINE = re.compile(r"(?P<thread>\d+) +[\d.]+ (?P<call>\w+)\((?P<rest>.*)")
_RESUMED = re.compile(r"(?P<thread>\d+) +[\d.]+ <\.\.\. (?P<call>\w+) resumed>(?P<rest>.*)")
_ON_A_LOG = re.compile(r"\d+<[^>]*-wal>")
_ACCEPTED = "HTTP/1.1 200"


@dataclass(slots=True)
class Audit:
    """What is on the disk at each moment, and what was said before it was."""

    answered: list[str] = field(default_factory=list)  # ids, in the order of their answers
    early: list[str] = field(default_factory=list)  # those whose row no completed sync covered by then
    syncs: int = 0
    _written: set[str] = field(default_factory=set)  # in the log, perhaps not on the disk
    _safe: set[str] = field(default_factory=set)
    _under_way: dict[str, set[str]] = field(default_factory=dict)  # by thread: what its call is about

    def read(self, lines: Iterable[str]) -> None:
        for line in lines:
            resumed = _RESUMED.match(line)
            if resumed:
                about = self._under_way.pop(resumed["thread"], None)
                if about is not None:
                    self._ended(resumed["call"], about, line)
                continue
            told = _LINE.match(line)
            if told is None:
                continue
            about = self._begun(told["call"], told["rest"])
            if about is None:
                continue
            if line.rstrip().endswith("<unfinished ...>"):
                self._under_way[told["thread"]] = about
            else:
                self._ended(told["call"], about, line)

    def _begun(self, call: str, rest: str) -> set[str] | None:
        """The tickets a call on the log is about; None for any other call."""
        if not _ON_A_LOG.match(rest):
            if _ACCEPTED in rest[:120]:
                self._answer(_TICKET.search(rest))
            return None
        if call in ("fdatasync", "fsync"):
            return set(self._written)
        return set(_TICKET.findall(rest))

    def _ended(self, call: str, about: set[str], line: str) -> None:
        if call not in ("fdatasync", "fsync"):
            self._written |= about - self._safe
        elif line.rpartition("= ")[2].startswith("0"):
            self.syncs += 1
            self._safe |= about
            self._written -= about

    def _answer(self, ticket: re.Match[str] | None) -> None:
        if ticket is None:
            return
        self.answered.append(ticket[0])
        if ticket[0] not in self._safe:
            self.early.append(ticket[0])


def _lines() -> Iterator[str]:
    for line in sys.stdin.buffer:
        yield line.decode("ascii", "replace")


def main() -> None:
    audit, file = Audit(), Path(sys.argv[1])
    audit.read(_lines())
    told = {"answered": audit.answered, "early": audit.early, "syncs": audit.syncs}
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(told))
    draft.replace(file)


if __name__ == "__main__":
    main()
