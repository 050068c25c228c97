"""Load client: one process that keeps all its connections busy and times each answer.

`python -m tests.bench.client` reads a LoadSpec as JSON from standard input, and prints the result.
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
class LoadSpec:
    """What to send, and for how long. No request is sent twice: each has an Idempotency-Key of its own."""

    url: str
    headers: dict[str, str]
    body: str
    connections: int
    warm_seconds: float  # before the measured timed
    seconds: float
    requests: int | None = None  # stop sending after so many
    name: str = "bench"  # prefix of the keys


@dataclass(slots=True, kw_only=True)
class Answers:
    """The answers: all of them in the counts, in `microseconds` those within the measured time."""

    statuses: Counter[str] = field(default_factory=Counter)
    bodies: int = 0  # different ones, of 2xx answers
    broken: int = 0  # connections that ended or stayed without an answer
    microseconds: list[int] = field(default_factory=list)
    seconds: float = 0.0  # measured
    busy: float = 0.0  # of the client's own core; near 1 it is the client that is measured


class _Connection:
    """A connection with one request in progress."""

    __slots__ = ("buffer", "sent", "socket")

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.sent = 0.0


class Client:
    """Sends the next request on a connection the moment the last one is answered."""

    def __init__(self, load_spec: LoadSpec) -> None:
        self._spec = load_spec
        at = urlsplit(load_spec.url)
        self._address = (at.hostname or "", at.port or 80)
        lines = [
            f"POST {at.path} HTTP/1.1",
            f"Host: {at.netloc}",
            f"Content-Length: {len(load_spec.body.encode())}",
        ]
        lines += [f"{name}: {value}" for name, value in load_spec.headers.items()]
        self._head = "\r\n".join([*lines, f"Idempotency-Key: {load_spec.name}-"]).encode()
        self._rest = b"\r\n\r\n" + load_spec.body.encode()
        self._selector = selectors.DefaultSelector()
        self._sent = 0
        self._open = 0  # requests in progress
        self._bodies: set[bytes] = set()
        self.answers = Answers()

    def run(self) -> Answers:
        """Warm up, measure, then wait for the answers of requests in progress."""
        before = time.process_time()
        begin = time.perf_counter() + self._spec.warm_seconds
        end = begin + self._spec.seconds
        for _ in range(self._spec.connections):
            line = _Connection(self._address)
            self._selector.register(line.socket, selectors.EVENT_READ, line)
            self._send(line)
        worked = self._pump(begin, end)
        self.answers.seconds = min(time.perf_counter(), end) - begin
        self.answers.bodies = len(self._bodies)
        self.answers.busy = (worked - before) / max(self.answers.seconds + self._spec.warm_seconds, 1e-9)
        return self.answers

    def _pump(self, begin: float, end: float) -> float:
        """Run until everything is answered; the process's seconds of processor time at `end`."""
        worked, last_answer_at = time.process_time(), time.perf_counter()
        while self._open:
            ready = self._selector.select(1.0)
            now = time.perf_counter()
            if not ready and now - last_answer_at > _HUNG:
                self.answers.broken += self._open
                break
            last_answer_at = now if ready else last_answer_at
            for key, _ in ready:
                if self._receive(key.data, begin, end) and now < end and self._more:
                    self._send(key.data)
            if now < end:
                worked = time.process_time()
        return worked

    @property
    def _more(self) -> bool:
        return self._spec.requests is None or self._sent < self._spec.requests

    def _send(self, line: _Connection) -> None:
        if not self._more:
            return
        self._sent += 1
        self._open += 1
        line.sent = time.perf_counter()
        line.socket.sendall(b"%s%d%s" % (self._head, self._sent, self._rest))

    def _receive(self, line: _Connection, begin: float, end: float) -> bool:
        """Read what has arrived; whether the answer is complete."""
        try:
            received = line.socket.recv(1 << 16)
        except OSError:
            received = b""
        if not received:
            self._selector.unregister(line.socket)
            self._open -= 1
            self.answers.broken += 1
            return False
        line.buffer += received
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
    """The body of an answer; None until it is complete."""
    head, gap, body = answer.partition(b"\r\n\r\n")
    length = _LENGTH.search(head) if gap else None
    if length is None or len(body) < int(length[1]):
        return None
    return body


def main() -> None:
    answers = Client(LoadSpec(**json.load(sys.stdin))).run()
    # Not asdict, which before Python 3.12 breaks a Counter.
    print(json.dumps({one.name: getattr(answers, one.name) for one in fields(answers)}))


if __name__ == "__main__":
    main()
