"""Pushes events to outgoing webhooks: in order per ticket, at least once, each endpoint by itself."""

import asyncio
import logging
import random
import secrets as random_tokens
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from bot.outbox.public_addresses import Network
from bot.outbox.push_client import NoAnswer, PushAnswer, PushClient, open_push_client
from bot.tickets.events import TicketEvent
from bot.tickets.push_endpoints import EndpointState, PushEndpoint
from bot.tickets.pushes import MAX_RETRY_AFTER, Push, wait_before_next
from storage import StorageError, Store, Topic

log = logging.getLogger(__name__)

Serialize = Callable[[TicketEvent], Mapping[str, object]]
AttemptObserver = Callable[[PushEndpoint, str], None]  # called with the outcome of each attempt
_GONE = 410


class PushSender:
    """Sends what is due, one event at a time to each endpoint, so that none waits for another.

    An event that an endpoint does not accept is tried again. Later ones of its ticket wait for it; those of
    other tickets do not.
    """

    def __init__(
        self,
        store: Store,
        client: PushClient,
        serialize: Serialize,
        *,
        observer: AttemptObserver = lambda endpoint, outcome: None,
        now: Callable[[], datetime] | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._client = client
        self._serialize = serialize
        self._observer = observer
        self._now = now or store.now
        self._jitter = jitter
        self._busy: set[int] = set()  # ids of endpoints
        self._changed = store.subscribe(Topic.PUSHES)

    async def run(self) -> None:
        """Push until cancelled. What is being sent then is sent again at the next start."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._changed.clear()
                try:
                    wait = await self.start_due(tasks)
                except StorageError as error:
                    log.error("Events for webhooks cannot be read; trying again in a second. %s", error)
                    wait = 1.0
                await self._sleep(wait)

    async def start_due(self, tasks: asyncio.TaskGroup) -> float | None:
        """Start what is due; return the seconds until something will be. None: until something changes."""
        now = self._now()
        for push in await self._store.pushes.due(self._busy, now):
            self._busy.add(push.endpoint.id)
            tasks.create_task(self._process(push))
        next_due = await self._store.pushes.next_due(self._busy, now)
        return None if next_due is None else max(0.0, (next_due - self._now()).total_seconds())

    async def _sleep(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _process(self, push: Push) -> None:
        try:
            await self._attempt(push)
        except StorageError as error:
            log.error("What became of an event cannot be saved: %s", error, extra=_log_fields(push))
            await asyncio.sleep(1)
        finally:
            self._busy.discard(push.endpoint.id)
            self._changed.set()

    async def _attempt(self, push: Push) -> None:
        try:
            answer = await self._client.send(
                push.endpoint.url, self._serialize(push.event), push.secrets, self._now()
            )
        except NoAnswer as error:
            await self._fail(push, "no_answer", str(error))
        # Anything else is a bug of ours, which must not stop the events of other endpoints.
        except Exception as error:
            log.exception("An event could not be pushed", extra=_log_fields(push))
            await self._fail(push, "error", f"{type(error).__name__} in the bridge; its log says more.")
        else:
            await self._settle(push, answer)

    async def _settle(self, push: Push, answer: PushAnswer) -> None:
        if answer.is_accepted:
            await self._store.pushes.mark_accepted(push, self._now())
            self._observer(push.endpoint, "accepted")
        elif answer.status == _GONE:
            self._observer(push.endpoint, "refused")
            await self._disable(push.endpoint, "It answered 410: it wants no more events.")
        else:
            asked_for = retry_after(answer.retry_after, self._now())
            await self._fail(push, "refused", answer_in_words(answer.status), asked_for)

    async def _fail(self, push: Push, outcome: str, reason: str, asked_for: timedelta | None = None) -> None:
        """Try again when the schedule says, or when the endpoint does if that is later; or give up."""
        self._observer(push.endpoint, outcome)
        wait = wait_before_next(push.attempts + 1, self._jitter())
        if wait is None:
            await self._give_up(push, reason)
            return
        now = self._now()
        rests_until = None if asked_for is None else now + asked_for
        until = max(now + wait, rests_until or now)
        seconds = (until - now).total_seconds()
        log.warning("An event was not pushed, retry in %.0f s: %s", seconds, reason, extra=_log_fields(push))
        await self._store.pushes.retry_later(push, until, reason, now, rests_until=rests_until)

    async def _give_up(self, push: Push, reason: str) -> None:
        """An event is a dead letter then; an endpoint that accepted nothing meanwhile is disabled."""
        log.error("An event was given up: %s", reason, extra=_log_fields(push))
        await self._store.pushes.dead_letter(push, reason, self._now())
        since, first = push.endpoint.failing_since, push.first_attempt_at
        if since is not None and first is not None and since <= first:
            time = f"{since:%Y-%m-%d %H:%M} UTC"
            await self._disable(push.endpoint, f"It accepted nothing since {time}. {reason}")

    async def _disable(self, endpoint: PushEndpoint, reason: str) -> None:
        log.error("A webhook is disabled: %s", reason, extra={"endpoint_id": endpoint.id})
        await self._store.pushes.stop(endpoint.id, EndpointState.DISABLED, reason)


def answer_in_words(status: int) -> str:
    """What an answer that accepts nothing means."""
    if 300 <= status < 400:
        return f"It answered {status}, a redirect, which is not followed: the URL has to be the last one."
    return f"It answered {status}."


def retry_after(header: str | None, now: datetime) -> timedelta | None:
    """How long a Retry-After, seconds or a date, asks to wait: a day at most. None if it is not valid."""
    if header is None:
        return None
    try:
        seconds = int(header) if header.isascii() and header.isdigit() else None
        wait = timedelta(seconds=seconds) if seconds is not None else _until(header) - now
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(wait, timedelta()), MAX_RETRY_AFTER)


def _until(date: str) -> datetime:
    """The time of an HTTP date. Raises ValueError, TypeError."""
    time = parsedate_to_datetime(date)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


async def send_test_event(
    allowed_networks: Sequence[Network], endpoint: PushEndpoint, secrets: Sequence[str], now: datetime
) -> dict[str, object]:
    """Push an event of the type "test", which is about no ticket, and return what came of it.

    `error` is a sentence, or None if it was accepted. `status` is None if there was no answer.
    """
    time = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    event = {"id": f"evt_test_{random_tokens.token_hex(8)}", "type": "test", "createdAt": time}
    async with open_push_client(allowed_networks) as client:
        try:
            answer = await client.send(endpoint.url, event, secrets, now)
        except NoAnswer as error:
            return {"id": event["id"], "status": None, "error": str(error)}
    return {
        "id": event["id"],
        "status": answer.status,
        "seconds": round(answer.seconds, 3),
        "body": answer.body,
        "error": None if answer.is_accepted else answer_in_words(answer.status),
    }


def _log_fields(push: Push) -> dict[str, int]:
    return {
        "endpoint_id": push.endpoint.id,
        "ticket_id": push.event.ticket.id,
        "attempt": push.attempts + 1,
    }
