"""How far channels and threads were listened to: marks that never jump over what was not seen to. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class _ChannelMark:
    unfinished: set[int] = field(default_factory=set)
    highest: int = 0  # message that was seen to
    persisted: int = 0  # the last mark that was written down

    @property
    def mark(self) -> int:
        """Everything at or below it has been seen to."""
        return min(self.highest, min(self.unfinished, default=self.highest + 1) - 1)


class ReadMarks:
    """Messages are seen to side by side, so an unfinished one holds its place's mark back.

    While the gateway may hide something, all marks are frozen: what comes live must not jump over what was
    missed. A place with a gap of its own, something that could not be seen to, stays as it was until it has
    been gone through again. Ids are Discord's; it begins frozen.
    """

    def __init__(self) -> None:
        self._channels: dict[int, _ChannelMark] = {}
        self._dirty: set[int] = set()
        self._paused_marks: dict[int, int] | None = {}
        self._pause_count = 0

    def start(self, channel_id: int, message_id: int) -> None:
        """Somebody sees to a message now. Called in the order in which messages come in."""
        self._channels.setdefault(channel_id, _ChannelMark()).unfinished.add(message_id)

    def finish(self, channel_id: int, message_id: int) -> None:
        """It has been seen to."""
        place = self._channels.setdefault(channel_id, _ChannelMark())
        place.unfinished.discard(message_id)
        place.highest = max(place.highest, message_id)

    def ignore(self, channel_id: int, message_id: int) -> None:
        """Nothing in this place has to be seen to; it gets no mark."""
        place = self._channels.get(channel_id)
        if place is not None:
            place.unfinished.discard(message_id)
            if not place.unfinished and not place.highest:
                del self._channels[channel_id]

    def fail(self, channel_id: int, message_id: int) -> None:
        """It could not be seen to: the place has a gap."""
        self._channels.setdefault(channel_id, _ChannelMark()).unfinished.discard(message_id)
        self._dirty.add(channel_id)

    def is_dirty(self, channel_id: int) -> bool:
        return channel_id in self._dirty

    def mark_dirty(self, channel_id: int) -> None:
        self._dirty.add(channel_id)

    def mark_clean(self, channel_id: int) -> None:
        """The place is about to be gone through again from its mark."""
        self._dirty.discard(channel_id)

    def pause(self) -> int:
        """From now on something may be missed. Returns what `thaw` must be given."""
        if self._paused_marks is None:
            self._paused_marks = self._current_marks()
        self._pause_count += 1
        return self._pause_count

    def resume(self, pause_id: int) -> None:
        """What was missed since that freeze has been gone through; nothing happens if there was another."""
        if self.is_latest_pause(pause_id):
            self._paused_marks = None

    def is_latest_pause(self, pause_id: int) -> bool:
        """Whether nothing was frozen again after that."""
        return pause_id == self._pause_count

    @property
    def is_complete(self) -> bool:
        """Whether nothing is known to be missing."""
        return self._paused_marks is None and not self._dirty

    def pending_marks(self) -> dict[int, int]:
        """The marks by place that are to be written down."""
        return self._current_marks() if self._paused_marks is None else dict(self._paused_marks)

    def mark_persisted(self, marks: Mapping[int, int]) -> None:
        """These have been written down; a place where nothing is under way is let go of."""
        for place_id, mark in marks.items():
            if self._paused_marks is not None and self._paused_marks.get(place_id) == mark:
                del self._paused_marks[place_id]
            place = self._channels.get(place_id)
            if place is None:
                continue
            place.persisted = max(place.persisted, mark)
            if not place.unfinished and place.highest <= place.persisted:
                del self._channels[place_id]

    def _current_marks(self) -> dict[int, int]:
        return {
            place_id: place.mark
            for place_id, place in self._channels.items()
            if place_id not in self._dirty and place.mark > place.persisted
        }
