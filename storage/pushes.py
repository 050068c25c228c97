"""Outgoing webhooks: endpoints with their secrets, and the events that each has not accepted yet."""

from collections.abc import Collection
from datetime import datetime

from bot.tickets.push_endpoints import EndpointState, PushBacklog, PushEndpoint
from bot.tickets.pushes import MAX_PUSH_WAIT, Push
from bot.tickets.queries import Scope
from storage.db import Db, Params, Row, Topic
from storage.engine import Engine
from storage.errors import UnknownEndpoint
from storage.events import confirm_pushed, get_event, update_shown_replies
from storage.mapping import from_ms, optional_from_ms, to_ms
from storage.workspaces import get_workspace_by_name


class PushRepository:
    """Every method is one transaction. Those with an endpoint's id raise UnknownEndpoint."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def add_endpoint(
        self, workspace_name: str, source: str, *, name: str, url: str, secret: str, now: datetime
    ) -> PushEndpoint:
        """Push events from now on to a URL. Raises UnknownWorkspace."""

        def insert(db: Db) -> PushEndpoint:
            params = {
                "workspace": get_workspace_by_name(db, workspace_name).id,
                "source": source,
                "name": name,
                "url": url,
                "secret": secret,
                "now": to_ms(now),
            }
            row = db.one(_INSERT, params)
            return _get(db, row["id"] if row else 0)

        return await self._engine.write(insert)

    async def list_endpoints(self) -> list[PushEndpoint]:
        """All endpoints, oldest first."""
        rows = await self._engine.read(lambda db: db.all(_ENDPOINTS))
        return [_endpoint_from_row(row) for row in rows]

    async def get_with_secrets(self, endpoint_id: int, now: datetime) -> tuple[PushEndpoint, tuple[str, ...]]:
        """An endpoint, and the secrets that sign for it, the newest first."""

        def select(db: Db) -> tuple[PushEndpoint, tuple[str, ...]]:
            return _get(db, endpoint_id), _secrets(db, endpoint_id, now)

        return await self._engine.read(select)

    async def remove_endpoint(self, endpoint_id: int) -> None:
        """Delete an endpoint, with all that waits for it."""

        def delete(db: Db) -> None:
            db.run("DELETE FROM pushes WHERE endpoint_id = :id", {"id": endpoint_id})
            _require(db.run("DELETE FROM push_endpoints WHERE id = :id", {"id": endpoint_id}), endpoint_id)

        await self._engine.write(delete)

    async def rotate_secret(self, endpoint_id: int, secret: str, previous_until: datetime) -> None:
        """Sign with a new secret, and until a time with the previous one too; one before that ends now."""
        params = {"id": endpoint_id, "secret": secret, "until": to_ms(previous_until)}
        await self._engine.write(lambda db: _require(db.run(_ROTATE, params), endpoint_id))

    async def stop(self, endpoint_id: int, state: EndpointState, reason: str | None) -> None:
        """Push nothing to an endpoint until it is enabled; its events wait."""
        params = {"id": endpoint_id, "state": state.value, "reason": reason}
        await self._engine.write(lambda db: _require(db.run(_STOP, params), endpoint_id))

    async def enable(self, endpoint_id: int, now: datetime) -> None:
        """Push to an endpoint again. All that waits or was given up is due now, as if never attempted."""

        def enable(db: Db) -> None:
            _require(db.run(_ENABLE, {"id": endpoint_id}), endpoint_id)
            db.run(_START_AGAIN, {"id": endpoint_id, "now": to_ms(now)})
            db.notify(Topic.PUSHES)

        await self._engine.write(enable)

    async def forget_waiting(self, endpoint_id: int) -> None:
        """Never push what waits for an endpoint or was given up."""
        await self._engine.write(
            lambda db: db.run("DELETE FROM pushes WHERE endpoint_id = :id", {"id": endpoint_id})
        )

    async def due(self, busy: Collection[int], now: datetime) -> list[Push]:
        """The next push to each active endpoint that is not busy, if one is due."""

        def select(db: Db) -> list[Push]:
            endpoints = [_endpoint_from_row(row) for row in db.all(_NOT_BUSY, {"busy": list(busy)})]
            found = ((one, db.one(_FIRST_DUE, {"id": one.id, **_times(now)})) for one in endpoints)
            return [_push(db, endpoint, row, now) for endpoint, row in found if row is not None]

        return await self._engine.read(select)

    async def next_due(self, busy: Collection[int], now: datetime) -> datetime | None:
        """When the next push that waits for its time is due at an endpoint that is not busy; None if none."""
        params = {"busy": list(busy), **_times(now)}
        row = await self._engine.read(lambda db: db.one(_NEXT_DUE, params))
        return optional_from_ms(row["ready_at"]) if row else None

    async def mark_accepted(self, push: Push, now: datetime) -> None:
        """The endpoint has the event: it is confirmed in its name."""

        def settle(db: Db) -> None:
            db.run("DELETE FROM pushes WHERE endpoint_id = :endpoint AND seq = :seq", _key(push))
            db.run(_ACCEPTED, {"id": push.endpoint.id, "now": to_ms(now)})
            confirm_pushed(db, _scope(push.endpoint), push.event.seq, push.endpoint.label, now)

        await self._engine.write(settle)

    async def retry_later(
        self, push: Push, until: datetime, reason: str, now: datetime, *, rests_until: datetime | None
    ) -> None:
        """Try a push again later. With `rests_until`, nothing at all goes to its endpoint before that."""
        rest = None if rests_until is None else to_ms(rests_until)

        def settle(db: Db) -> None:
            update_shown_replies(db, _scope(push.endpoint), [push.event.seq], now)
            db.run(_FAILED, {**_key(push), "until": to_ms(until), "reason": reason, "now": to_ms(now)})
            db.run(_FAILING, {"id": push.endpoint.id, "rest": rest, "now": to_ms(now)})

        await self._engine.write(settle)

    async def dead_letter(self, push: Push, reason: str, now: datetime) -> None:
        """Give a push up, so that later ones of its ticket are sent."""

        def settle(db: Db) -> None:
            db.run(_DEAD_LETTER, {**_key(push), "reason": reason})
            update_shown_replies(db, _scope(push.endpoint), [push.event.seq], now)

        await self._engine.write(settle)

    async def backlogs(self) -> list[PushBacklog]:
        """What each endpoint has not accepted yet, for all endpoints, oldest first."""
        rows = await self._engine.read(lambda db: db.all(_BACKLOGS))
        return [
            PushBacklog(
                endpoint=_endpoint_from_row(row),
                waiting=row["waiting"],
                dead_letters=row["dead_letters"],
                oldest=optional_from_ms(row["oldest"]),
                last_error=row["last_error"],
            )
            for row in rows
        ]


_INSERT = """
    INSERT INTO push_endpoints (workspace_id, source, name, url, secret, state, created_at)
    VALUES (:workspace, :source, :name, :url, :secret, 'active', :now) RETURNING id
"""
_ENDPOINTS = """
    SELECT push_endpoints.*, workspaces.name AS workspace_name
    FROM push_endpoints JOIN workspaces ON workspaces.id = workspace_id
    ORDER BY push_endpoints.id
"""
_ENDPOINT = """
    SELECT push_endpoints.*, workspaces.name AS workspace_name
    FROM push_endpoints JOIN workspaces ON workspaces.id = workspace_id
    WHERE push_endpoints.id = :id
"""
_NOT_BUSY = """
    SELECT push_endpoints.*, workspaces.name AS workspace_name
    FROM push_endpoints JOIN workspaces ON workspaces.id = workspace_id
    WHERE state = 'active' AND push_endpoints.id <> ALL(:busy)
    ORDER BY push_endpoints.id
"""
_SECRETS = """
    SELECT secret, CASE WHEN rotated_until > :now THEN previous_secret END AS previous_secret
    FROM push_endpoints WHERE id = :id
"""
_ROTATE = """
    UPDATE push_endpoints SET previous_secret = secret, secret = :secret, rotated_until = :until
    WHERE id = :id
"""
_STOP = "UPDATE push_endpoints SET state = :state, reason = :reason WHERE id = :id"
_ENABLE = """
    UPDATE push_endpoints SET state = 'active', reason = NULL, rests_until = NULL, failing_since = NULL
    WHERE id = :id
"""
_START_AGAIN = """
    UPDATE pushes SET state = 'pending', attempts = 0, first_attempt_at = NULL, due_at = :now
    WHERE endpoint_id = :id
"""
_FIRST_DUE = """
    SELECT * FROM next_pushes
    WHERE endpoint_id = :id AND (ready_at <= :now OR ready_at > :latest)
    ORDER BY due_at, seq LIMIT 1
"""
_NEXT_DUE = """
    SELECT min(ready_at) AS ready_at FROM next_pushes
    WHERE ready_at > :now AND ready_at <= :latest AND endpoint_id <> ALL(:busy)
"""
_ACCEPTED = """
    UPDATE push_endpoints SET accepted_at = :now, failing_since = NULL, rests_until = NULL WHERE id = :id
"""
_FAILED = """
    UPDATE pushes SET attempts = attempts + 1, due_at = :until, last_error = :reason,
                      first_attempt_at = coalesce(first_attempt_at, :now)
    WHERE endpoint_id = :endpoint AND seq = :seq
"""
_FAILING = """
    UPDATE push_endpoints SET failing_since = coalesce(failing_since, :now),
                              rests_until = coalesce(:rest, rests_until)
    WHERE id = :id
"""
_DEAD_LETTER = """
    UPDATE pushes SET state = 'dead_letter', attempts = attempts + 1, last_error = :reason
    WHERE endpoint_id = :endpoint AND seq = :seq
"""
_BACKLOGS = """
    SELECT push_endpoints.*, workspaces.name AS workspace_name,
           count(CASE WHEN pushes.state = 'pending' THEN 1 END) AS waiting,
           count(CASE WHEN pushes.state = 'dead_letter' THEN 1 END) AS dead_letters,
           min(CASE WHEN pushes.state = 'pending' THEN pushes.created_at END) AS oldest,
           (SELECT last_error FROM pushes AS first
            WHERE first.endpoint_id = push_endpoints.id AND first.last_error IS NOT NULL
            ORDER BY first.seq LIMIT 1) AS last_error
    FROM push_endpoints JOIN workspaces ON workspaces.id = workspace_id
    LEFT JOIN pushes ON pushes.endpoint_id = push_endpoints.id
    GROUP BY push_endpoints.id, workspaces.name ORDER BY push_endpoints.id
"""


def _get(db: Db, endpoint_id: int) -> PushEndpoint:
    row = db.one(_ENDPOINT, {"id": endpoint_id})
    if row is None:
        raise _unknown(endpoint_id)
    return _endpoint_from_row(row)


def _require(changed: int, endpoint_id: int) -> None:
    if not changed:
        raise _unknown(endpoint_id)


def _unknown(endpoint_id: int) -> UnknownEndpoint:
    return UnknownEndpoint(
        f"There is no outgoing webhook {endpoint_id}. `ticketbridge webhook list` shows them."
    )


def _secrets(db: Db, endpoint_id: int, now: datetime) -> tuple[str, ...]:
    row = db.one(_SECRETS, {"id": endpoint_id, "now": to_ms(now)})
    found = (row["secret"], row["previous_secret"]) if row else ()
    return tuple(secret for secret in found if secret is not None)


def _push(db: Db, endpoint: PushEndpoint, row: Row, now: datetime) -> Push:
    return Push(
        endpoint=endpoint,
        event=get_event(db, _scope(endpoint), row["seq"]),
        attempts=row["attempts"],
        first_attempt_at=optional_from_ms(row["first_attempt_at"]),
        secrets=_secrets(db, endpoint.id, now),
    )


def _times(now: datetime) -> Params:
    """A push is due at its time; if that is later than any wait, the clock was set back since."""
    return {"now": to_ms(now), "latest": to_ms(now + MAX_PUSH_WAIT)}


def _scope(endpoint: PushEndpoint) -> Scope:
    return Scope(workspace_id=endpoint.workspace_id, source=endpoint.source)


def _key(push: Push) -> Params:
    return {"endpoint": push.endpoint.id, "seq": push.event.seq}


def _endpoint_from_row(row: Row) -> PushEndpoint:
    return PushEndpoint(
        id=row["id"],
        workspace_id=row["workspace_id"],
        workspace_name=row["workspace_name"],
        source=row["source"],
        name=row["name"],
        url=row["url"],
        state=EndpointState(row["state"]),
        reason=row["reason"],
        created_at=from_ms(row["created_at"]),
        accepted_at=optional_from_ms(row["accepted_at"]),
        failing_since=optional_from_ms(row["failing_since"]),
        rotated_until=optional_from_ms(row["rotated_until"]),
    )
