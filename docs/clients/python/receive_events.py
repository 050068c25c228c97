"""A complete receiver of pushed events, for any server that the bridge can reach. MIT licence.

    pip install standardwebhooks
    WEBHOOK_SECRET=whsec_... python receive_events.py 8090 events.db

It verifies each event, saves it under its `webhook-id`, which drops one that comes again, and answers. Only
then it handles what is saved, one after another: put what your game does into `handle`. It speaks plain HTTP:
put a proxy with TLS in front of it, unless the bridge is on the same machine.
"""

import json
import os
import sqlite3
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

MAX_BODY = 1024 * 1024  # bytes
PAUSE = 5  # seconds until an event that failed is handled again


def handle(event: dict) -> None:
    """Do what your game does with an event.

    If this raises, the same event comes again, and no other before it. It also does if the process is killed
    before it has noted that this is done: the `id` is the same.
    """
    reply = event.get("reply")
    print(event["ticketId"], event["status"], json.dumps(reply and reply["text"]), flush=True)


class Events:
    """The events in a SQLite file. May be used by several threads."""

    def __init__(self, path: str) -> None:
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS events (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, "
            "body TEXT NOT NULL, handled INTEGER NOT NULL DEFAULT 0)"
        )
        self._changed = threading.Condition()

    def save(self, id: str, body: str) -> None:
        """Save an event, unless it is known. It is on the disk when this returns."""
        with self._changed:
            self._db.execute("INSERT OR IGNORE INTO events (id, body) VALUES (?, ?)", (id, body))
            self._changed.notify()

    def next(self) -> tuple[int, str]:
        """The number and the body of the first event that is not handled; waits for one."""
        query = "SELECT number, body FROM events WHERE handled = 0 ORDER BY number LIMIT 1"
        with self._changed:
            while not (row := self._db.execute(query).fetchone()):
                self._changed.wait()
        return row

    def mark_handled(self, number: int) -> None:
        with self._changed:
            self._db.execute("UPDATE events SET handled = 1 WHERE number = ?", (number,))


class Receiver(BaseHTTPRequestHandler):
    """Answers one request."""

    timeout = 10  # seconds without a byte
    webhook: Webhook
    events: Events

    def do_POST(self) -> None:
        self.send_response(self.receive())
        self.send_header("Content-Length", "0")
        self.end_headers()

    def receive(self) -> int:
        """The status of the answer. Only a 2xx tells the bridge that the event is here."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MAX_BODY:
            return 413
        body = self.rfile.read(int(length))
        try:
            event = self.webhook.verify(body, dict(self.headers))
        except (WebhookVerificationError, ValueError):  # ValueError: what should be a signature is none
            return 401
        if "ticketId" in event:  # the event of `ticketbridge webhook test` is about no ticket
            self.events.save(self.headers["webhook-id"], body.decode())
        return 204

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing for each request."""


def main() -> None:
    Receiver.webhook = Webhook(os.environ["WEBHOOK_SECRET"])
    Receiver.events = events = Events(sys.argv[2])
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
    print("Listening on port", server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while True:
        number, body = events.next()
        try:
            handle(json.loads(body))
        except Exception:  # whatever it is, the event must not get lost
            traceback.print_exc()
            time.sleep(PAUSE)
        else:
            events.mark_handled(number)


if __name__ == "__main__":
    main()
