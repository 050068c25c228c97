"""Notifications of players and staff in the game, for servers that ask what is new every few seconds.

A player is told of an event once a game server says that it was shown; until then it is sent again, but not
with every request: a client may show all that it receives, and its confirmation takes a moment. Later events
of its ticket wait until then, so that they are told in order even if an answer got lost.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from bot.sources.requests import ConfirmEvents, GetNotifications, Notifications
from bot.tickets.events import Asked, TicketEvent
from bot.tickets.queries import Scope
from bot.tickets.ticket import Ticket
from bot.webhook.auth import RequestContext
from bot.webhook.events import receiver_name, record_ask
from storage import Store

REPEAT_AFTER = timedelta(seconds=30)  # longer than any client waits for the answer to its confirmation
COMMIT_DELAY = timedelta(seconds=3)  # a ticket has the time of its request, and is stored within this
_MAX_EVENTS = 100
_MAX_TICKETS = 20


class NotificationHandler:
    """Finds what is new for the players and staff on a game server, and records what players were told."""

    def __init__(self, store: Store, *, public_url: str | None, now: Callable[[], datetime]) -> None:
        self._store = store
        self._public_url = public_url
        self._now = now
        self._sent = SentEvents()

    async def get(self, context: RequestContext, request: GetNotifications) -> Notifications:
        """The oldest 100 events that were not sent lately, and the newest 20 tickets."""
        scope, now = context.scope, self._now()
        await record_ask(self._store, context, Asked.OF_PLAYERS, now)
        found = await self._store.events.list_unread(
            scope, request.reporter_ids, without=self._sent.lately(scope, now), limit=_MAX_EVENTS
        )
        until = now - COMMIT_DELAY
        return Notifications(
            events=self._sent.take(scope, found, now),
            tickets=await self._new_tickets(scope, request.since, until),
            until=until,
            public_url=self._public_url or request.base_url,
        )

    async def _new_tickets(self, scope: Scope, since: datetime | None, until: datetime) -> tuple[Ticket, ...]:
        if since is None:
            return ()
        return await self._store.tickets.list_created(scope, since, until, _MAX_TICKETS)

    async def confirm(self, context: RequestContext, request: ConfirmEvents) -> None:
        """Ids that are unknown, confirmed already or of another player's events change nothing."""
        ids = await self._store.events.unread_ids(context.scope, request.reporter_id)
        seqs = [seq for event_id, seq in ids.items() if request.is_confirmed(event_id)]
        if seqs:
            await self._store.events.confirm(context.scope, seqs, receiver_name(context), self._now())


class SentEvents:
    """Which events were sent lately, to whichever server: a player may be on two while they move.

    Kept in memory: after a restart an event may come again sooner.
    """

    def __init__(self) -> None:
        self._sent_at: dict[Scope, dict[int, datetime]] = {}

    def lately(self, scope: Scope, now: datetime) -> list[int]:
        """The numbers of the events that are not to be sent again yet."""
        known = self._sent_at.pop(scope, {})
        lately = {seq: sent_at for seq, sent_at in known.items() if abs(now - sent_at) < REPEAT_AFTER}
        if lately:
            self._sent_at[scope] = lately
        return list(lately)

    def take(self, scope: Scope, events: Sequence[TicketEvent], now: datetime) -> tuple[TicketEvent, ...]:
        """Those to send now, which is recorded: not one that another request took, nor any after it."""
        sent_at, held, taken = self._sent_at.setdefault(scope, {}), set[int](), list[TicketEvent]()
        for event in events:
            if event.seq in sent_at or event.ticket.id in held:
                held.add(event.ticket.id)
            else:
                sent_at[event.seq] = now
                taken.append(event)
        return tuple(taken)
