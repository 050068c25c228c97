"""Discord members: what they chose for direct messages, and the direct messages that are queued for them."""

from datetime import datetime

from bot.tickets.account_links import GameAccount
from bot.tickets.direct_messages import UTC_NAME, DirectMessageState, MemberPreferences, Reachability
from bot.tickets.message import DISCORD_SOURCE, Actor
from bot.tickets.outbox import Delivery, DeliveryKind, queue_key
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import Workspace
from storage.account_links import find_link
from storage.db import Db, Params, Row
from storage.engine import Engine
from storage.outbox import hold_until, insert_direct_message


class MemberRepository:
    """Every method is one transaction. A member of whom nothing is saved has the defaults."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def get_preferences(self, discord_id: int) -> MemberPreferences:
        """What a member chose."""
        return await self._engine.read(lambda db: _preferences(db, discord_id))

    async def save_choices(self, chosen: MemberPreferences, now: datetime) -> None:
        """Save what a member chose; not the locale, nor whether they are reachable.

        Direct messages that wait for the end of quiet hours wait for the end of these.
        """

        def save(db: Db) -> None:
            db.run(_UPSERT_CHOICES, _choice_params(chosen))
            queue = queue_key(DeliveryKind.DIRECT_MESSAGE, chosen.discord_id, 0)
            hold_until(db, queue, chosen.quiet_until(now) or now)

        await self._engine.write(save)

    async def record_use(self, discord_id: int, locale: str) -> None:
        """Record that a member uses the bot in a language: they are written to again.

        Nothing is written if that is known.
        """
        params = {"discord": discord_id, "locale": locale}
        if await self._engine.read(lambda db: db.one(_IS_KNOWN, params)) is None:
            await self._engine.write(lambda db: db.run(_UPSERT_USE, params))

    async def record_reachable(self, discord_id: int, reachable: Reachability) -> None:
        """Record whether Discord lets the bot write to a member. Nothing is written if that is known."""
        if (await self.get_preferences(discord_id)).reachable is not reachable:
            params = {"discord": discord_id, "reachable": reachable.value}
            await self._engine.write(lambda db: db.run(_UPSERT_REACHABLE, params))

    async def direct_message_state(self, delivery: Delivery, ticket: Ticket) -> DirectMessageState:
        """What decides about a direct message now."""
        params = {
            "ticket": ticket.id,
            "member": delivery.channel_id,
            "message": delivery.message_id,
        }

        def select(db: Db) -> DirectMessageState:
            is_reply = delivery.message_id is not None
            return DirectMessageState(
                preferences=_preferences(db, delivery.channel_id),
                is_linked=_linked_member(db, ticket) == delivery.channel_id,
                is_read=db.one(_READ_REPLY if is_reply else _READ_CLOSING, params) is not None,
            )

        return await self._engine.read(select)


_UPSERT_CHOICES = """
    INSERT INTO member_preferences (discord_id, direct_messages, quiet_from, quiet_to, time_zone)
    VALUES (:discord, :direct_messages, :quiet_from, :quiet_to, :time_zone)
    ON CONFLICT (discord_id) DO UPDATE
    SET direct_messages = :direct_messages, quiet_from = :quiet_from, quiet_to = :quiet_to,
        time_zone = :time_zone
"""
_IS_KNOWN = """
    SELECT 1 FROM member_preferences
    WHERE discord_id = :discord AND locale = :locale AND reachable <> 'no'
"""
_UPSERT_USE = """
    INSERT INTO member_preferences (discord_id, locale) VALUES (:discord, :locale)
    ON CONFLICT (discord_id) DO UPDATE
    SET locale = :locale,
        reachable = CASE member_preferences.reachable WHEN 'no' THEN 'retry'
                    ELSE member_preferences.reachable END
"""
_UPSERT_REACHABLE = """
    INSERT INTO member_preferences (discord_id, reachable) VALUES (:discord, :reachable)
    ON CONFLICT (discord_id) DO UPDATE SET reachable = :reachable
"""
_READ_REPLY = """
    SELECT 1 FROM seen_replies
    WHERE ticket_id = :ticket AND discord_id = :member AND message_id >= :message
    UNION ALL
    SELECT 1 FROM ticket_events
    WHERE ticket_id = :ticket AND message_id = :message AND received_as = 'read'
"""
# Of several changes of its status, the last closed it.
_READ_CLOSING = """
    SELECT 1 FROM (
        SELECT received_as FROM ticket_events
        WHERE ticket_id = :ticket AND type = 'ticket.status' ORDER BY seq DESC LIMIT 1
    ) AS closing
    WHERE received_as = 'read'
"""


# Everything below runs within a transaction of the caller.


def queue_direct_message(
    db: Db,
    workspace: Workspace,
    ticket: Ticket,
    actor: Actor,
    now: datetime,
    *,
    message_id: int | None = None,
) -> None:
    """Queue a direct message to a ticket's reporter: of a reply, or without one that `actor` closed it.

    Nothing is queued for what they did themselves, nor for who has no linked account or takes no messages.
    """
    is_told = workspace.sends_direct_message(ticket, is_reply=message_id is not None)
    member_id = _linked_member(db, ticket) if is_told else None
    own = ticket.is_reported_by(actor.source, actor.id)
    if member_id is None or own or actor.same_as(Actor(id=str(member_id), name="", source=DISCORD_SOURCE)):
        return
    preferences = _preferences(db, member_id)
    if preferences.takes_direct_messages:
        until = preferences.quiet_until(now)
        insert_direct_message(db, workspace, ticket, member_id, now, message_id=message_id, held_until=until)


def _linked_member(db: Db, ticket: Ticket) -> int | None:
    """The Discord account that is linked to the game account which filed a ticket."""
    if ticket.reporter.id is None:
        return None
    account = GameAccount(source=ticket.source, player_id=ticket.reporter.id)
    link = find_link(db, ticket.workspace_id, account)
    return None if link is None else link.discord_id


def _preferences(db: Db, discord_id: int) -> MemberPreferences:
    row = db.one("SELECT * FROM member_preferences WHERE discord_id = :id", {"id": discord_id})
    return MemberPreferences(discord_id=discord_id) if row is None else _from_row(row)


def _choice_params(chosen: MemberPreferences) -> Params:
    return {
        "discord": chosen.discord_id,
        "direct_messages": int(chosen.direct_messages),
        "quiet_from": chosen.quiet_from,
        "quiet_to": chosen.quiet_to,
        "time_zone": chosen.time_zone,
    }


def _from_row(row: Row) -> MemberPreferences:
    return MemberPreferences(
        discord_id=row["discord_id"],
        locale=row["locale"],
        direct_messages=bool(row["direct_messages"]),
        quiet_from=row["quiet_from"],
        quiet_to=row["quiet_to"],
        time_zone=row["time_zone"] or UTC_NAME,
        reachable=Reachability(row["reachable"]),
    )
