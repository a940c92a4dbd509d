"""Label events in memory: what an event is, which events stand, and what undo and redo concern. No database.

An event is *active* unless an active event supersedes it. :func:`active` says so of a list; :class:`LabelLog` keeps
the answer while events are appended, so that a long history costs no more than a short one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from processing.core.painting import Strokes
from processing.provenance import digest

PAINTING: Final = ("cloud", "shadow", "transition", "drift", "other", "accept", "adjudicated")
"""Why an analyst set a label; ``accept`` confirms the label that stood, ``adjudicated`` settles a disagreement."""

UNDO: Final = "undo"
REDO: Final = "redo"
SHIFT: Final = "shift"
"""A scene's drift under a granule set by hand."""

LABELS: Final = (-1, 0, 1, 2)
IN_FORCE: Final = ""
SECOND: Final = "second"
LAYERS: Final = (IN_FORCE, SECOND)
"""The labels in force, and second opinions, which are never painted into them."""

Track = tuple[str, str]
"""Granule and beam."""


@dataclass(frozen=True)
class Stroke:
    """A correction to be recorded: ``x_start <= x_atc < x_end`` (m) of a track is of class ``label``."""

    granule_id: str
    beam: str
    x_start: float
    x_end: float
    label: int
    reason: str


@dataclass(frozen=True, slots=True)
class Event:
    """One recorded event.

    Attributes
    ----------
    id : grows with time.
    granule_id, beam, x_start, x_end, label, reason : as Stroke. ``undo`` and ``redo`` repeat those of the event they
        concern and paint nothing; ``shift`` is of a granule and has no beam, no interval and label -1.
    analyst : who.
    at : when, UTC.
    supersedes : id of the event that this one replaces, undoes or redoes.
    gesture : what one action of an analyst recorded shares this name.
    layer : ``""`` for the labels in force, ``second`` for a second opinion.
    scene_id, shift_x, shift_y : of a ``shift``, motion of the ice from track time to scene time in the scene's CRS,
        m; None goes back to the estimate.
    """

    id: int
    granule_id: str
    beam: str
    x_start: float
    x_end: float
    label: int
    reason: str
    analyst: str
    at: datetime
    supersedes: int | None = None
    gesture: str = ""
    layer: str = IN_FORCE
    scene_id: str = ""
    shift_x: float | None = None
    shift_y: float | None = None

    @property
    def paints(self) -> bool:
        return self.reason in PAINTING

    @property
    def acts(self) -> bool:
        """Whether it can be undone: it paints or shifts, as undo and redo do not."""
        return self.reason in PAINTING or self.reason == SHIFT

    @property
    def track(self) -> Track:
        return self.granule_id, self.beam


def active(events: Sequence[Event]) -> list[Event]:
    """The events, in order, that no active event supersedes. ``events`` ascend by id."""
    superseded: set[int] = set()
    kept = []
    for event in reversed(events):
        if event.id in superseded:
            continue
        kept.append(event)
        if event.supersedes is not None:
            superseded.add(event.supersedes)
    return kept[::-1]


def events_fingerprint(events: Iterable[Event]) -> str:
    """Fingerprint of the events that a track's labels follow from; events never change, so their ids say it all."""
    return digest([event.id for event in events])


def as_strokes(events: Sequence[Event]) -> Strokes:
    """Painting events of one track as arrays, in the order given."""
    names = tuple(sorted({event.analyst for event in events}))
    number = {name: index for index, name in enumerate(names)}
    return Strokes(
        event_id=np.array([event.id for event in events], np.int64),
        x_start=np.array([event.x_start for event in events], np.float64),
        x_end=np.array([event.x_end for event in events], np.float64),
        label=np.array([event.label for event in events], np.int8),
        analyst=np.array([number[event.analyst] for event in events], np.int32),
        analysts=names,
    )


def shifts_in_force(events: Iterable[Event]) -> dict[tuple[str, str], Event]:
    """The newest of active ``shift`` events, in order, of each (granule, scene); none where that is the estimate."""
    newest = {(event.granule_id, event.scene_id): event for event in events}
    return {key: event for key, event in newest.items() if event.shift_x is not None}


class _Ordered(defaultdict[tuple[str, ...], list[int]]):
    """Ascending ids by key."""

    def __init__(self) -> None:
        super().__init__(list)

    def put(self, key: tuple[str, ...], ident: int, *, there: bool) -> None:
        ids = self[key]
        if there:
            insort(ids, ident)
        else:
            del ids[bisect_left(ids, ident)]


class LabelLog:
    """Every event of a project in order, and which of them stand. Not safe between threads.

    Appending an event, and asking for the events of a track or for what an undo would concern, cost nothing that
    grows with the history.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.last_id = 0
        self._events: dict[int, Event] = {}
        self._ids: list[int] = []
        self._gestures: defaultdict[str, list[int]] = defaultdict(list)
        self._tracks: defaultdict[Track, list[int]] = defaultdict(list)
        self._covers: dict[int, int] = {}
        self._acted: dict[tuple[str, str, str, str], int] = {}
        self._painting, self._shifting, self._doing, self._undoing = (_Ordered() for _ in range(4))
        self.append(events)

    def __len__(self) -> int:
        return len(self._events)

    def append(self, events: Iterable[Event]) -> None:
        """Take in events in order of their ids; those that are not newer than the last are known and passed over."""
        for event in events:
            if event.id > self.last_id:
                self._append(event)

    def events(self, granule: str | None = None, beam: str | None = None, *, after: int = 0) -> list[Event]:
        """Every event, of all or of one granule or track, in order; those whose id is greater than ``after``.

        Shifts are those of beam ``""``.
        """
        if granule is not None and beam is not None:
            ids: Sequence[int] = self._tracks.get((granule, beam), ())
        elif granule is None and beam is None:
            ids = self._ids
        else:
            tracks = [track for track in self._tracks if granule in (None, track[0]) and beam in (None, track[1])]
            ids = sorted(ident for track in tracks for ident in self._tracks[track])
        return self._of(ids[bisect_right(ids, after) :])

    def gesture(self, name: str) -> list[Event]:
        """What one action recorded, in order."""
        return self._of(self._gestures.get(name, ()))

    def is_active(self, event: Event) -> bool:
        return not self._covers.get(event.id)

    def active(self, granule: str, beam: str, layer: str = IN_FORCE, analyst: str | None = None) -> list[Event]:
        """The active painting events of a track, of all or of one analyst, in the order they are painted."""
        found = self._of(self._painting.get((granule, beam, layer), ()))
        return found if analyst is None else [event for event in found if event.analyst == analyst]

    def painted_tracks(self, layer: str = IN_FORCE) -> list[Track]:
        """Tracks with active painting events."""
        return sorted((key[0], key[1]) for key, ids in self._painting.items() if ids and key[2] == layer)

    def shifts(self) -> dict[tuple[str, str], Event]:
        """The shift in force of each (granule, scene) that has one set by hand."""
        return shifts_in_force(self._events[ids[-1]] for ids in self._shifting.values() if ids)

    def newest(self, granule: str, beam: str) -> int:
        """Id of the newest event of a track; 0 when there is none."""
        ids = self._tracks.get((granule, beam))
        return ids[-1] if ids else 0

    def undoable(
        self, analyst: str, granule: str | None = None, beam: str | None = None, layer: str | None = None
    ) -> list[Event]:
        """The active events of the analyst's newest gesture that stands, in order; empty when there is none.

        With ``granule``, ``beam`` or ``layer`` it is the newest that has an event there; a gesture is whole, also
        where it reaches beyond them.
        """
        target = self._newest(self._doing, analyst, granule, beam, layer)
        return self._whole(target, acts=True)

    def redoable(
        self, analyst: str, granule: str | None = None, beam: str | None = None, layer: str | None = None
    ) -> list[Event]:
        """The active undo events of what the analyst undid last, in order; empty when there is nothing to bring back.

        As in an editor, painting or shifting anew (where it is asked for) forgets what was undone before it.
        """
        target = self._newest(self._undoing, analyst, granule, beam, layer)
        acted = (
            ident
            for (who, where, granule_id, track), ident in self._acted.items()
            if who == analyst and layer in (None, where) and granule in (None, granule_id) and beam in (None, track)
        )
        return [] if target is None or target.id < max(acted, default=0) else self._whole(target, acts=False)

    def _of(self, ids: Iterable[int]) -> list[Event]:
        return [self._events[ident] for ident in ids]

    def _whole(self, target: Event | None, *, acts: bool) -> list[Event]:
        found = self.gesture(target.gesture) if target is not None else []
        return [event for event in found if event.acts == acts and self.is_active(event)]

    def _newest(
        self, lists: _Ordered, analyst: str, granule: str | None, beam: str | None, layer: str | None
    ) -> Event | None:
        found = None
        for each in LAYERS if layer is None else (layer,):
            for ident in reversed(lists.get((analyst, each), ())):
                event = self._events[ident]
                if granule in (None, event.granule_id) and beam in (None, event.beam):
                    found = event if found is None or event.id > found.id else found
                    break
        return found

    def _append(self, event: Event) -> None:
        self.last_id = event.id
        self._events[event.id] = event
        self._ids.append(event.id)
        self._gestures[event.gesture].append(event.id)
        self._tracks[event.track].append(event.id)
        if event.acts:
            self._acted[(event.analyst, event.layer, *event.track)] = event.id
        self._stand(event, there=True)
        self._cover(event.supersedes, 1)

    def _cover(self, ident: int | None, by: int) -> None:
        """One active event more or less supersedes ``ident``; what follows for those down the chain."""
        while ident is not None and ident in self._events:
            before = self._covers.get(ident, 0)
            self._covers[ident] = before + by
            if bool(before) == bool(before + by):
                return
            event = self._events[ident]
            self._stand(event, there=before + by == 0)
            by = -by
            ident = event.supersedes

    def _stand(self, event: Event, *, there: bool) -> None:
        """Enter the event among those that stand, or take it out."""
        if event.paints:
            self._painting.put((*event.track, event.layer), event.id, there=there)
        elif event.reason == SHIFT:
            self._shifting.put((event.granule_id, event.scene_id), event.id, there=there)
        if event.acts:
            self._doing.put((event.analyst, event.layer), event.id, there=there)
        elif event.reason == UNDO:
            self._undoing.put((event.analyst, event.layer), event.id, there=there)
