"""Direct messages to reporters in Discord: what each member chose, their quiet hours, and what is sent."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from bot.tickets.errors import InvalidTimeOfDay, QuietHoursIncomplete, UnknownTimeZone
from bot.tickets.ticket import Ticket
from bot.tickets.workspace import Workspace

UTC_NAME = "UTC"
_TIME_PATTERN = re.compile(r"(?P<hour>[01]?[0-9]|2[0-3])(?:[:.](?P<minute>[0-5][0-9]))?")


class Reachability(StrEnum):
    """Whether Discord lets the bot write to a member."""

    YES = "yes"  # or it was never refused
    NO = "no"  # it refused the last direct message, and no other is tried
    RETRY = "retry"  # the same, but they have used the bot since: the next one is tried


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberPreferences:
    """What a Discord member chose for direct messages, and what is known of them."""

    discord_id: int
    locale: str | None = None  # of their Discord client, when they last used the bot
    direct_messages: bool = True
    quiet_from: int | None = None  # minutes after midnight in their time zone; None: no quiet hours
    quiet_to: int | None = None
    time_zone: str = UTC_NAME  # by its IANA name
    reachable: Reachability = Reachability.YES

    @property
    def takes_direct_messages(self) -> bool:
        """Whether one is to be tried at all."""
        return self.direct_messages and self.reachable is not Reachability.NO

    def quiet_until(self, now: datetime) -> datetime | None:
        """When the quiet hours end that are now; None outside of quiet hours."""
        if self.quiet_to is None or not self._is_quiet(now):
            return None
        zone = _zone(self.time_zone)
        hour, minute = divmod(self.quiet_to, 60)
        # The day's clock may be set forward or back: that time is there twice, or later than it says.
        ends = (
            datetime.combine(now.astimezone(zone) + timedelta(days=days), time(hour, minute, fold=fold), zone)
            for days in (0, 1, 2)
            for fold in (0, 1)
        )
        later = sorted(end.astimezone(UTC) for end in ends)
        return next(end for end in later if end > now and not self._is_quiet(end))

    def _is_quiet(self, now: datetime) -> bool:
        if self.quiet_from is None or self.quiet_to is None:
            return False
        local = now.astimezone(_zone(self.time_zone))
        minute = local.hour * 60 + local.minute
        if self.quiet_from <= self.quiet_to:
            return self.quiet_from <= minute < self.quiet_to
        return minute >= self.quiet_from or minute < self.quiet_to

    def with_quiet_hours(self, begin: str | None, end: str | None) -> "MemberPreferences":
        """Set the times that are not None, as they were typed; `off` for either removes both.

        Raises InvalidTimeOfDay, and QuietHoursIncomplete for one time without the other or twice the same.
        """
        typed = [one.strip().lower() for one in (begin, end) if one is not None]
        if "off" in typed:
            return replace(self, quiet_from=None, quiet_to=None)
        quiet_from = self.quiet_from if begin is None else parse_time_of_day(begin)
        quiet_to = self.quiet_to if end is None else parse_time_of_day(end)
        if (quiet_from is None) is not (quiet_to is None) or (quiet_from == quiet_to is not None):
            raise QuietHoursIncomplete
        return replace(self, quiet_from=quiet_from, quiet_to=quiet_to)

    def with_time_zone(self, typed: str) -> "MemberPreferences":
        """Set the time zone by its IANA name in any case. Raises UnknownTimeZone."""
        name = time_zones().get(typed.strip().lower().replace(" ", "_"))
        if name is None:
            raise UnknownTimeZone
        return replace(self, time_zone=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectMessageState:
    """What decides about a direct message at the moment at which it is sent."""

    preferences: MemberPreferences
    is_linked: bool  # the reporter's game account is still linked to this member
    is_read: bool  # the reporter has read with the bot what it says, or a game server confirmed that

    def is_wanted(self, ticket: Ticket, workspace: Workspace, *, is_reply: bool) -> bool:
        """Whether it is sent: a reply that was not read yet, or that a ticket is closed which still is."""
        is_true = workspace.sends_direct_message(ticket, is_reply=is_reply)
        return is_true and self.is_linked and not self.is_read and self.preferences.takes_direct_messages


def parse_time_of_day(typed: str) -> int:
    """Minutes after midnight of `22:00`, `7:30` or `7`. Raises InvalidTimeOfDay."""
    match = _TIME_PATTERN.fullmatch(typed.strip())
    if match is None:
        raise InvalidTimeOfDay
    return int(match["hour"]) * 60 + int(match["minute"] or 0)


def format_time_of_day(minutes: int) -> str:
    """As `07:30`."""
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


@cache
def time_zones() -> Mapping[str, str]:
    """The names of all time zones, by the same in lower case."""
    return {name.lower(): name for name in sorted(available_timezones())}


def _zone(name: str) -> ZoneInfo:
    """A time zone; UTC if this computer does not know it any more."""
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:
        return ZoneInfo(UTC_NAME)
