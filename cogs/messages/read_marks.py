"""How far channels and threads were listened to: marks that never jump over what was not seen to. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Place:
    unfinished: set[int] = field(default_factory=set)
    highest: int = 0  # message that was seen to
    kept: int = 0  # the last mark that was written down

    @property
    def mark(self) -> int:
        """Everything at or below it has been seen to."""
        return min(self.highest, min(self.unfinished, default=self.highest + 1) - 1)


class Hearing:
    """Messages are seen to side by side, so an unfinished one holds its place's mark back.

    While the gateway may hide something, all marks are frozen: what comes live must not jump over what was
    missed. A place with a gap of its own, something that could not be seen to, stays as it was until it has
    been gone through again. Ids are Discord's; it begins frozen.
    """

    def __init__(self) -> None:
        self._places: dict[int, _Place] = {}
        self._gaps: set[int] = set()
        self._frozen: dict[int, int] | None = {}
        self._freezes = 0

    def begin(self, place_id: int, message_id: int) -> None:
        """Somebody sees to a message now. Called in the order in which messages come in."""
        self._places.setdefault(place_id, _Place()).unfinished.add(message_id)

    def finish(self, place_id: int, message_id: int) -> None:
        """It has been seen to."""
        place = self._places.setdefault(place_id, _Place())
        place.unfinished.discard(message_id)
        place.highest = max(place.highest, message_id)

    def pass_by(self, place_id: int, message_id: int) -> None:
        """Nothing in this place has to be seen to; it gets no mark."""
        place = self._places.get(place_id)
        if place is not None:
            place.unfinished.discard(message_id)
            if not place.unfinished and not place.highest:
                del self._places[place_id]

    def miss(self, place_id: int, message_id: int) -> None:
        """It could not be seen to: the place has a gap."""
        self._places.setdefault(place_id, _Place()).unfinished.discard(message_id)
        self._gaps.add(place_id)

    def has_gap(self, place_id: int) -> bool:
        return place_id in self._gaps

    def open_gap(self, place_id: int) -> None:
        self._gaps.add(place_id)

    def close_gap(self, place_id: int) -> None:
        """The place is about to be gone through again from its mark."""
        self._gaps.discard(place_id)

    def freeze(self) -> int:
        """From now on something may be missed. Returns what `thaw` must be given."""
        if self._frozen is None:
            self._frozen = self._marks()
        self._freezes += 1
        return self._freezes

    def thaw(self, since: int) -> None:
        """What was missed since that freeze has been gone through; nothing happens if there was another."""
        if self.is_last(since):
            self._frozen = None

    def is_last(self, since: int) -> bool:
        """Whether nothing was frozen again after that."""
        return since == self._freezes

    @property
    def whole(self) -> bool:
        """Whether nothing is known to be missing."""
        return self._frozen is None and not self._gaps

    def marks(self) -> dict[int, int]:
        """The marks by place that are to be written down."""
        return self._marks() if self._frozen is None else dict(self._frozen)

    def kept(self, marks: Mapping[int, int]) -> None:
        """These have been written down; a place where nothing is under way is let go of."""
        for place_id, mark in marks.items():
            if self._frozen is not None and self._frozen.get(place_id) == mark:
                del self._frozen[place_id]
            place = self._places.get(place_id)
            if place is None:
                continue
            place.kept = max(place.kept, mark)
            if not place.unfinished and place.highest <= place.kept:
                del self._places[place_id]

    def _marks(self) -> dict[int, int]:
        return {
            place_id: place.mark
            for place_id, place in self._places.items()
            if place_id not in self._gaps and place.mark > place.kept
        }
