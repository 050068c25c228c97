"""FastAPI with SQLAlchemy's ORM, as people write it.

`python -m tests.bench.peers.fastapi_sqlalchemy PORT DATABASE`: a session for each request from a dependency,
a model, add, commit, refresh; run by uvicorn with uvloop. In its favour: WAL, a busy timeout, and enough
connections.
"""

import hashlib
import os
import secrets
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException
from sqlalchemy import ForeignKey, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from tests.bench.peers.plain import MinecraftTicket

_PORT, _DATABASE = int(sys.argv[1]), sys.argv[2]
_KEYS = {hashlib.sha256(os.environ["BENCH_KEY"].encode()).hexdigest(): "the workspace"}

# As many connections as there are requests at once. With SQLAlchemy's own 15 it stands still under load:
# handlers hold every thread while they wait for a connection, which is given back only after an answer.
engine = create_engine(
    f"sqlite:///{_DATABASE}", connect_args={"check_same_thread": False, "timeout": 60}, pool_size=200
)
new_session = sessionmaker(bind=engine)


@event.listens_for(engine, "connect")
def durable(connection, record):
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


class Base(DeclarativeBase):
    pass


class Ticket(Base):
    __tablename__ = "tickets"

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    idempotency_key: Mapped[str | None] = mapped_column(unique=True)
    category: Mapped[str]
    priority: Mapped[str]
    status: Mapped[str] = mapped_column(default="open")
    reporter_id: Mapped[str] = mapped_column(index=True)
    reporter_name: Mapped[str | None]
    subject: Mapped[str | None]
    body: Mapped[str | None]
    reported_id: Mapped[str | None]
    reported_name: Mapped[str | None]
    raw: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(index=True)


class Outgoing(Base):
    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"))
    state: Mapped[str] = mapped_column(default="pending", index=True)


def session() -> Iterator[Session]:
    opened = new_session()
    try:
        yield opened
    finally:
        opened.close()


def workspace(x_api_key: Annotated[str, Header()]) -> str:
    found = _KEYS.get(hashlib.sha256(x_api_key.encode()).hexdigest())
    if found is None:
        raise HTTPException(401, "unknown key")
    return found


app = FastAPI()


@app.post("/v1/minecraft/tickets")
def create(
    sent: MinecraftTicket,
    db: Annotated[Session, Depends(session)],
    sender: Annotated[str, Depends(workspace)],
    idempotency_key: Annotated[str | None, Header()] = None,
) -> dict[str, object]:
    ticket = Ticket(
        public_id=f"PLAYER-{secrets.token_hex(8)}",
        idempotency_key=idempotency_key,
        category=sent.type,
        priority=sent.priority,
        reporter_id=str(sent.creatorUuid),
        reporter_name=sent.creatorName,
        subject=sent.subject,
        body=sent.description,
        reported_id=str(sent.reportedPlayerUuid) if sent.reportedPlayerUuid else None,
        reported_name=sent.reportedPlayerName,
        raw=sent.model_dump_json(),
        created_at=datetime.now(UTC),
    )
    db.add(ticket)
    db.flush()
    db.add(Outgoing(ticket_id=ticket.id))
    db.commit()
    db.refresh(ticket)
    return {"success": True, "ticketId": ticket.public_id}


if __name__ == "__main__":
    Base.metadata.create_all(engine)
    uvicorn.run(app, host="127.0.0.1", port=_PORT, log_level="error", access_log=False)
