"""The load: one process that keeps every one of its connections busy and times each answer.

`python -m tests.bench.client` reads what to do as JSON from standard input, and prints what came of it.
"""

import json
import re
import selectors
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, fields
from urllib.parse import urlsplit

_HUNG = 30.0  # seconds without any answer at all
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What to send, and for how long. No request is sent twice: each has an Idempotency-Key of its own."""

    url: str
    headers: dict[str, str]
    body: str
    connections: int
    warm_seconds: float  # before anything is measured
    seconds: float
    requests: int | None = None  # stop sending after so many
    name: str = "bench"  # the keys begin with it


@dataclass(slots=True, kw_only=True)
class Answers:
    """What came back: all of it in the counts, in `microseconds` what was answered in the measured time."""

    statuses: Counter[str] = field(default_factory=Counter)
    bodies: int = 0  # different ones, of 2xx answers
    broken: int = 0  # connections that ended without an answer, and those left hanging
    microseconds: list[int] = field(default_factory=list)
    seconds: float = 0.0  # measured
    busy: float = 0.0  # of the client's own core; near 1 it is the client that is measured


class _Line:
    """A connection with one request under way."""

    __slots__ = ("buffer", "sent", "socket")

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.sent = 0.0


class Client:
    """Sends the next request on a connection the moment the last one is answered."""

    def __init__(self, errand: Errand) -> None:
        self._errand = errand
        at = urlsplit(errand.url)
        self._address = (at.hostname or "", at.port or 80)
        lines = [
            f"POST {at.path} HTTP/1.1",
            f"Host: {at.netloc}",
            f"Content-Length: {len(errand.body.encode())}",
        ]
        lines += [f"{name}: {value}" for name, value in errand.headers.items()]
        self._head = "\r\n".join([*lines, f"Idempotency-Key: {errand.name}-"]).encode()
        self._rest = b"\r\n\r\n" + errand.body.encode()
        self._selector = selectors.DefaultSelector()
        self._sent = 0
        self._open = 0  # requests under way
        self._bodies: set[bytes] = set()
        self.answers = Answers()

    def run(self) -> Answers:
        """Warm up, measure, then hear out what is still under way."""
        before = time.process_time()
        begin = time.perf_counter() + self._errand.warm_seconds
        end = begin + self._errand.seconds
        for _ in range(self._errand.connections):
            line = _Line(self._address)
            self._selector.register(line.socket, selectors.EVENT_READ, line)
            self._send(line)
        worked = self._pump(begin, end)
        self.answers.seconds = min(time.perf_counter(), end) - begin
        self.answers.bodies = len(self._bodies)
        self.answers.busy = (worked - before) / max(self.answers.seconds + self._errand.warm_seconds, 1e-9)
        return self.answers

    def _pump(self, begin: float, end: float) -> float:
        """Until everything is answered; the process's seconds of processor time at `end`."""
        worked, heard = time.process_time(), time.perf_counter()
        while self._open:
            ready = self._selector.select(1.0)
            now = time.perf_counter()
            if not ready and now - heard > _HUNG:
                self.answers.broken += self._open
                break
            heard = now if ready else heard
            for key, _ in ready:
                if self._receive(key.data, begin, end) and now < end and self._more:
                    self._send(key.data)
            if now < end:
                worked = time.process_time()
        return worked

    @property
    def _more(self) -> bool:
        return self._errand.requests is None or self._sent < self._errand.requests

    def _send(self, line: _Line) -> None:
        if not self._more:
            return
        self._sent += 1
        self._open += 1
        line.sent = time.perf_counter()
        line.socket.sendall(b"%s%d%s" % (self._head, self._sent, self._rest))

    def _receive(self, line: _Line, begin: float, end: float) -> bool:
        """Whether the answer is there, and whole."""
        try:
            told = line.socket.recv(1 << 16)
        except OSError:
            told = b""
        if not told:
            self._selector.unregister(line.socket)
            self._open -= 1
            self.answers.broken += 1
            return False
        line.buffer += told
        body = _body_of(line.buffer)
        if body is None:
            return False
        now = time.perf_counter()
        self._open -= 1
        status = line.buffer[9:12].decode("ascii", "replace")
        line.buffer = b""
        self.answers.statuses[status] += 1
        if status.startswith("2"):
            self._bodies.add(body)
            if begin <= now <= end:
                self.answers.microseconds.append(round((now - line.sent) * 1e6))
        return True


def _body_of(answer: bytes) -> bytes | None:
    """None as long as it is not whole."""
    head, gap, body = answer.partition(b"\r\n\r\n")
    length = _LENGTH.search(head) if gap else None
    if length is None or len(body) < int(length[1]):
        return None
    return body


def main() -> None:
    answers = Client(Errand(**json.load(sys.stdin))).run()
    # Not asdict, which before Python 3.12 makes a Counter of its pairs.
    print(json.dumps({one.name: getattr(answers, one.name) for one in fields(answers)}))


if __name__ == "__main__":
    main()
