"""Reads what strace reports of the bridge, and finds the answers that left too early.

`strace ... -o "|python -m tests.proofs.tracing FILE"`: once the process has ended, FILE has the result as
JSON. The lines are in the order of the events; a call that others interrupted is reported in two lines.
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
_ON_WAL = re.compile(r"\d+<[^>]*-wal>")
_ACCEPTED = "HTTP/1.1 200"


@dataclass(slots=True)
class TraceAudit:
    """Follows which tickets are on the disk at each moment, and which were answered before they were."""

    answered: list[str] = field(default_factory=list)  # ids, in the order of their answers
    early: list[str] = field(default_factory=list)  # those whose row no completed sync covered by then
    syncs: int = 0
    _written: set[str] = field(default_factory=set)  # in the log, perhaps not on the disk
    _synced: set[str] = field(default_factory=set)
    _in_progress: dict[str, set[str]] = field(default_factory=dict)  # by thread: the tickets of its call

    def read(self, lines: Iterable[str]) -> None:
        for line in lines:
            resumed = _RESUMED.match(line)
            if resumed:
                tickets = self._in_progress.pop(resumed["thread"], None)
                if tickets is not None:
                    self._end_call(resumed["call"], tickets, line)
                continue
            started = _LINE.match(line)
            if started is None:
                continue
            tickets = self._start_call(started["call"], started["rest"])
            if tickets is None:
                continue
            if line.rstrip().endswith("<unfinished ...>"):
                self._in_progress[started["thread"]] = tickets
            else:
                self._end_call(started["call"], tickets, line)

    def _start_call(self, call: str, rest: str) -> set[str] | None:
        """The tickets that a call on the log writes or syncs; None for any other call."""
        if not _ON_WAL.match(rest):
            if _ACCEPTED in rest[:120]:
                self._record_answer(_TICKET.search(rest))
            return None
        if call in ("fdatasync", "fsync"):
            return set(self._written)
        return set(_TICKET.findall(rest))

    def _end_call(self, call: str, tickets: set[str], line: str) -> None:
        if call not in ("fdatasync", "fsync"):
            self._written |= tickets - self._synced
        elif line.rpartition("= ")[2].startswith("0"):
            self.syncs += 1
            self._synced |= tickets
            self._written -= tickets

    def _record_answer(self, ticket: re.Match[str] | None) -> None:
        if ticket is None:
            return
        self.answered.append(ticket[0])
        if ticket[0] not in self._synced:
            self.early.append(ticket[0])


def _lines() -> Iterator[str]:
    for line in sys.stdin.buffer:
        yield line.decode("ascii", "replace")


def main() -> None:
    audit, file = TraceAudit(), Path(sys.argv[1])
    audit.read(_lines())
    result = {"answered": audit.answered, "early": audit.early, "syncs": audit.syncs}
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(result))
    draft.replace(file)


if __name__ == "__main__":
    main()
