"""Current labels of whole tracks, kept and repainted only where label events have changed them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import RLock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dashboard.data import Workspace
from dashboard.detail import rows_in
from dashboard.tracks import Track
from processing.core.painting import NO_EVENT, NOBODY, Strokes, paint
from processing.schema import LabelSource, SurfaceClass

if TYPE_CHECKING:
    from dashboard.book import LabelBook

KEPT = 24
"""Tracks whose labels are kept; one of 1 M segments takes 14 MB."""


_MANY = 256
"""Events after which what lies between the ends of all is painted at once."""


@dataclass(frozen=True)
class View:
    """Which labels of a track: those in force (layer ``""``), or one analyst's second opinion (``"second"``)."""

    granule: str
    beam: str
    layer: str = ""
    analyst: str | None = None


@dataclass
class TrackLabels:
    """Labels of one track, row for row with its segments; they change in place as events come.

    Attributes
    ----------
    label : i1 class. source : i1 schema.LabelSource. event_id : i8, -1 where the auto-label stands.
    analyst : i4, index into ``analysts``, -1 where the auto-label stands.
    last : id of the newest event that is taken in.
    """

    label: NDArray[np.int8]
    source: NDArray[np.int8]
    event_id: NDArray[np.int64]
    analyst: NDArray[np.int32]
    analysts: list[str] = field(default_factory=list)
    last: int = 0

    @property
    def covered(self) -> NDArray[np.bool_]:
        """Whether an analyst has judged each segment."""
        return self.event_id != NO_EVENT


class CurrentLabels:
    """Labels of the tracks that were asked for last. Shared by every session of a server; safe between threads."""

    def __init__(self, workspace: Workspace, book: LabelBook) -> None:
        self.workspace = workspace
        self.book = book
        self._lock = RLock()
        self._kept: OrderedDict[tuple[View, tuple[int, int]], TrackLabels] = OrderedDict()

    def get(self, view: View) -> TrackLabels:
        """The labels as of the events the book knows now."""
        # Asked before the tables are read: what is made anew between is then read again, not kept under its name.
        key = (view, self.workspace.labels_version(view.granule, view.beam))
        track = self.workspace.track(view.granule, view.beam)
        auto = self.auto(view.granule, view.beam)
        with self._lock:
            found = self._kept.pop(key, None)
            if found is None or len(found.label) != len(track):
                found = _bare(auto)
            self._kept[key] = found
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            self._take_in(found, view, track, auto)
            return found

    def auto(self, granule: str, beam: str) -> NDArray[np.int8]:
        """The auto-labels; unlabelled where there are none."""
        source = self.workspace.auto_source(granule, beam)
        if source is None:
            return np.full(len(self.workspace.track(granule, beam)), SurfaceClass.UNLABELLED, np.int8)
        return self.workspace.classes(granule, beam, source)

    def _take_in(self, labels: TrackLabels, view: View, track: Track, auto: NDArray[np.int8]) -> None:
        """Paint anew where events came since; ends of an undone event are those of the event it undoes."""
        newer = self.book.events(view.granule, view.beam, after=labels.last)
        if not newer:
            return
        strokes = self.book.strokes(view.granule, view.beam, view.layer, view.analyst)
        _name(labels, strokes)
        for start, end in _united([(e.x_start, e.x_end) for e in newer]):
            rows = rows_in(track.x_atc, start, end)
            _repaint(labels, rows, track, auto, strokes)
        labels.last = newer[-1].id


def _bare(auto: NDArray[np.int8]) -> TrackLabels:
    length = len(auto)
    return TrackLabels(
        auto.copy(),
        np.full(length, LabelSource.AUTO, np.int8),
        np.full(length, NO_EVENT, np.int64),
        np.full(length, NOBODY, np.int32),
    )


def _name(labels: TrackLabels, strokes: Strokes) -> None:
    """Analysts keep their place in the list, so that what was painted before still names the right one."""
    labels.analysts.extend(name for name in strokes.analysts if name not in labels.analysts)


def _repaint(labels: TrackLabels, rows: slice, track: Track, auto: NDArray[np.int8], strokes: Strokes) -> None:
    if rows.start >= rows.stop:
        return
    painted = paint(track.x_atc[rows], auto[rows], strokes)
    labels.label[rows], labels.source[rows] = painted.label, painted.source
    labels.event_id[rows] = painted.event_id
    places = np.array([*(labels.analysts.index(name) for name in strokes.analysts), NOBODY], np.int32)
    labels.analyst[rows] = places[painted.analyst]


def _united(intervals: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Intervals joined where they touch; a single one of them all when they are many."""
    if len(intervals) > _MANY:
        return [(min(start for start, _ in intervals), max(end for _, end in intervals))]
    joined: list[tuple[float, float]] = []
    for start, end in sorted(intervals):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
