"""The analyst's desk: what is selected, what a correction does to the labels, and which zone comes next.

It has no display. Every correction is an event in the label log, on disk before the method that makes it returns; then
``State.edits`` grows, which is what the views listen to.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dashboard.current import TrackLabels, View
from dashboard.detail import rows_in
from dashboard.selection import Selection
from dashboard.state import Change
from dashboard.zone_queue import Filter, Progress, RankedZone, Track, ZoneQueue, next_to_do, one_before
from processing.errors import InputError, LeadlineError
from processing.labels import IN_FORCE, SECOND, Event, Stroke
from processing.schema import SurfaceClass

if TYPE_CHECKING:
    from dashboard.place import Place
    from processing.core.effect import Effect

CANDIDATES = (0, 1, 2, -1)
SNAP = 0.008
"""How near a label boundary an end of a selection must be to snap to it, as a share of the profile's length."""

ROOM = 5.0
"""How many times a zone's own length is shown when one comes to it."""

_SHORTEST, _LONGEST = 1_000.0, 20_000.0
_FEW = 32
"""Events on a track after which only the zones they touch are judged again; after more of them all are."""


class Desk:
    """Selecting, correcting and going through the queue, at a ``Place``."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.state = place.state
        self.workspace = place.workspace
        self.queue_of = ZoneQueue(self.workspace, self._covered_of)
        self.writing = False
        self._effects: tuple[Any, dict[int, Effect]] = ((), {})
        self._opinion = self._view_of("", "")
        self._seen = 0
        with suppress(LeadlineError):  # a database that cannot be read is told of where the project is looked at
            self._seen = self.workspace.book.last_id
        self.state.listen(self._let_go)

    def _let_go(self, change: Change) -> None:
        """What is selected stays in sight: a label must not go to another granule than the one that is shown."""
        selection = self.state.selection
        if change.touches("granule") and selection is not None and selection.granule != self.state.granule:
            self.state.move(selection=None)

    def labels(self, beam: str | None = None) -> TrackLabels:
        """Labels of a beam of the present granule as this analyst may see them: those in force or the blind second."""
        return self.workspace.current.get(self._view_of(self.state.granule, beam or self.state.beam))

    def auto(self, beam: str | None = None) -> NDArray[np.int8]:
        """Auto-labels of a beam."""
        return self.workspace.current.auto(self.state.granule, beam or self.state.beam)

    def second(self, beam: str | None = None) -> NDArray[np.int8] | None:
        """Second opinions on a beam, -1 where nobody gave one; None when there are none or they are to stay unseen."""
        if self.state.opinion == "second":
            return None
        granule, beam = self.state.granule, beam or self.state.beam
        if not self.workspace.book.active(granule, beam, layer=SECOND):
            return None
        found = self.workspace.current.get(View(granule, beam, SECOND))
        return np.where(found.covered, found.label, np.int8(SurfaceClass.UNLABELLED))

    def covered(self, beam: str | None = None) -> NDArray[np.bool_]:
        """Whether each segment of a beam is judged, in the opinion that is being given."""
        return self.labels(beam).covered

    @property
    def layer(self) -> str:
        """The layer of the log that corrections go to."""
        return SECOND if self.state.opinion == "second" else IN_FORCE

    def _view_of(self, granule: str, beam: str) -> View:
        return View(granule, beam, SECOND, self.state.analyst) if self.layer else View(granule, beam)

    def _covered_of(self, granule: str, beam: str) -> NDArray[np.bool_]:
        return self.workspace.current.get(self._view_of(granule, beam)).covered

    def select(self, x_start: float, x_end: float, free: bool = False, add: bool = False) -> None:
        """Select what lies between two along-track distances; ends near a label boundary snap to it unless ``free``."""
        track = self.place.track
        low, high = sorted((x_start, x_end))
        if not free:
            low, high = self._snapped(low), self._snapped(high)
        rows = rows_in(track.x_atc, low, np.nextafter(high, -np.inf))
        self._choose(Selection.of(track.granule, track.beam, track.segment[rows]), add)

    def select_rows(self, beam: str, rows: ArrayLike, add: bool = False) -> None:
        """Select rows of a beam's track, which becomes the present beam."""
        segment = self.workspace.track(self.state.granule, beam).segment
        self._choose(Selection.of(self.state.granule, beam, segment[np.asarray(rows)]), add)

    def select_run(self, x: float) -> None:
        """Select the run of one label that an along-track distance lies in."""
        track, label = self.place.track, self.labels().label
        row = min(int(np.searchsorted(track.x_atc, x)), len(track) - 1)
        edges = self._boundary_rows()
        at = int(np.searchsorted(edges, row, "right"))
        start = int(edges[at - 1]) if at else 0
        stop = int(edges[at]) if at < len(edges) else len(label)
        self.select_rows(track.beam, np.arange(start, stop))

    def select_zone(self, ident: str) -> None:
        """Take a zone of the queue whole and bring it into sight."""
        entry = self.queue_of.zone(ident)
        if entry is None:
            raise InputError(f"zone {ident} is not in the queue", mend="choose another zone")
        segment = self.workspace.track(entry.granule, entry.beam).segment[entry.rows]
        x, span = self.sight_of(entry)
        self.state.move(
            granule=entry.granule,
            beam=entry.beam,
            x=x,
            span=span,
            zone=ident,
            selection=Selection.of(entry.granule, entry.beam, segment),
        )

    def sight_of(self, entry: RankedZone) -> tuple[float, float]:
        """Middle and length of the window in which a zone is shown, m."""
        track = self.workspace.track(entry.granule, entry.beam)
        length = entry.zone.x_end - entry.zone.x_start
        room = float(np.clip(ROOM * length, _SHORTEST, max(_LONGEST, 1.5 * length)))
        span = max(min(room, 1.2 * track.length), 1.1 * length, 100.0)
        return (entry.zone.x_start + entry.zone.x_end) / 2, span

    def clear(self) -> None:
        """Select nothing."""
        self.state.move(selection=None, zone="")

    def _choose(self, selection: Selection | None, add: bool) -> None:
        before = self.state.selection
        if selection is not None and add and before is not None:
            selection = before.united(selection)
        zone = self.state.zone if selection is not None and self._is_zone(selection) else ""
        beam = selection.beam if selection is not None else self.state.beam
        self.state.move(selection=selection, zone=zone, beam=beam)

    def _is_zone(self, selection: Selection) -> bool:
        """Whether a selection lies in the zone at hand, which then stays at hand."""
        entry = self.queue_of.zone(self.state.zone)
        if entry is None or (entry.granule, entry.beam) != (selection.granule, selection.beam):
            return False
        return selection.runs[0][0] < entry.zone.stop and selection.runs[-1][1] > entry.zone.first

    def _snapped(self, x: float) -> float:
        track = self.place.track
        edges = self._boundary_rows()
        if len(edges) == 0:
            return x
        places = track.segment[edges] * track.window
        at = int(np.searchsorted(places, x))
        near = [float(places[row]) for row in (at - 1, at) if 0 <= row < len(places)]
        best = min(near, key=lambda place: abs(place - x))
        return best if abs(best - x) <= SNAP * self.state.span else x

    def _boundary_rows(self) -> NDArray[np.int64]:
        """Rows about the profile where another label or another piece of track begins, ascending."""
        track = self.place.track
        start, end = self.state.window
        rows = rows_in(track.x_atc, start - self.state.span, end + self.state.span)
        label, segment = self.labels().label[rows], track.segment[rows]
        return np.flatnonzero((np.diff(label) != 0) | (np.diff(segment) > 1)) + 1 + rows.start

    def paint(self, label: int, gesture: str = "") -> list[Event]:
        """Give the selected segments a class."""
        return self.record(self._selected(), label, self.state.reason, gesture, self._analyst(), self.layer)

    def accept(self, gesture: str = "") -> list[Event]:
        """Confirm the labels of the selected segments as they are."""
        return self.record(self._selected(), None, "accept", gesture, self._analyst(), self.layer)

    def record(
        self, selection: Selection, label: int | None, reason: str, gesture: str, analyst: str, layer: str
    ) -> list[Event]:
        """Record that an analyst gives a selection a class, or with None confirms the labels it has in a layer.

        A gesture that is recorded already is not recorded again.
        """
        view = View(selection.granule, selection.beam, layer, analyst if layer else None)
        if label is None:
            return self.write(self._as_they_are(selection, view), gesture, analyst, layer)
        window = self.workspace.track(selection.granule, selection.beam).window
        return self.write(selection.strokes(label, reason, window), gesture, analyst, layer)

    def undo(self, gesture: str = "") -> list[Event]:
        """Take back this analyst's last correction or shift in this opinion; shows where it was."""
        return self._turn(lambda: self.workspace.book.undo(self._analyst(), self._layer_in_sight, gesture or None))

    def redo(self, gesture: str = "") -> list[Event]:
        """Bring back what was last undone."""
        return self._turn(lambda: self.workspace.book.redo(self._analyst(), self._layer_in_sight, gesture or None))

    @property
    def _layer_in_sight(self) -> str:
        """Where an undo looks: what is settled on the agreement page is settled in the labels in force."""
        return IN_FORCE if self.state.page == "agreement" else self.layer

    def apply_shift(self, gesture: str = "", estimate: bool = False) -> list[Event]:
        """Record the drift that is tried out, or that the estimate is to stand; the granule is labelled anew for it."""
        drifting = self.place.drifting
        x, y = (None, None) if estimate else drifting.shift
        return self._turn(
            lambda: self.workspace.book.shift(*drifting.pair, x, y, self._analyst(), gesture=gesture or None)
        )

    def write(self, strokes: list[Stroke], gesture: str, analyst: str, layer: str) -> list[Event]:
        """Record strokes as one gesture; one that is recorded already is not recorded again."""
        with self._own():
            return self.workspace.book.add_all(strokes, analyst, gesture=gesture or None, layer=layer)

    def _turn(self, call: Callable[[], list[Event]]) -> list[Event]:
        with self._own():
            events = call()
        self._show(events)
        self.place.drifting.relabel({event.granule_id for event in events if event.scene_id})
        return events

    @contextmanager
    def _own(self) -> Iterator[None]:
        """While this session writes it does not listen; then it follows its own events and what came between."""
        self.writing = True
        try:
            yield
        finally:
            self.writing = False
            self.follow()

    def _show(self, events: list[Event]) -> None:
        """Bring the stretch of events into sight when it is not."""
        painted = [event for event in events if event.beam]
        if not painted:
            return
        painted = [event for event in painted if event.track == painted[0].track]
        start, end = min(event.x_start for event in painted), max(event.x_end for event in painted)
        low, high = self.state.window
        event = painted[0]
        elsewhere = (event.granule_id, event.beam) != (self.state.granule, self.state.beam)
        if elsewhere or end < low or start > high:
            span = max(self.state.span, 1.2 * (end - start))
            self.state.move(granule=event.granule_id, beam=event.beam, x=(start + end) / 2, span=span)

    def _selected(self) -> Selection:
        if self.state.selection is None:
            raise InputError("nothing is selected", mend="drag over a stretch, or press N for the next zone")
        return self.state.selection

    def _analyst(self) -> str:
        if not self.state.analyst.strip():
            raise InputError("nobody has said who corrects the labels", mend="give your name at the top of the page")
        return self.state.analyst

    def _as_they_are(self, selection: Selection, view: View) -> list[Stroke]:
        """Strokes that repeat the labels of the selected segments, one for each run of one label."""
        track = self.workspace.track(selection.granule, selection.beam)
        label = self.workspace.current.get(view).label
        strokes = []
        for start, stop in selection.runs:
            rows = slice(*np.searchsorted(track.segment, (start, stop)).tolist())
            if rows.start == rows.stop:
                continue
            edges = np.flatnonzero(np.diff(label[rows])) + 1 + rows.start
            begins = [start, *track.segment[edges].tolist()]
            for begin, end, value in zip(begins, [*begins[1:], stop], label[[rows.start, *edges]], strict=True):
                place = (begin * track.window, end * track.window)
                strokes.append(Stroke(selection.granule, selection.beam, *place, int(value), "accept"))
        if not strokes:
            raise InputError("there are no segments in the selection", mend="select a stretch with photons")
        return strokes

    def follow(self) -> None:
        """Take over the events that are in the book since this was last done, whoever recorded them."""
        found: dict[Track, list[Event]] = {}
        for event in self.workspace.book.events(after=self._seen):
            found.setdefault(event.track, []).append(event)
            self._seen = event.id
        for track in found.keys() & set(self.queue_of.tracks):
            # What is recorded stands, also where a table has gone that would tell which zones it does.
            with suppress(LeadlineError):
                self._judge(track, found[track])
        if found:
            self.state.move(edits=self.state.edits + 1)

    def _judge(self, track: Track, events: Collection[Event]) -> None:
        if len(events) > _FEW:
            self.queue_of.judge(*track)
            return
        for event in events:
            self.queue_of.judge(*track, self._rows(event))

    def judge_all(self) -> None:
        """Look again what is done, as when the opinion or the analyst changes."""
        view = self._view_of("", "")
        if view != self._opinion:
            self._opinion = view
            for granule, beam in self.queue_of.tracks:
                self.queue_of.judge(granule, beam)

    def _rows(self, event: Event) -> slice:
        return rows_in(self.workspace.track(event.granule_id, event.beam).x_atc, event.x_start, event.x_end)

    @property
    def filter(self) -> Filter:
        """The queue's filter as the state has it."""
        return Filter(self.state.why, self.state.where, self.state.kind, self.state.todo)

    def queue(self) -> list[RankedZone]:
        """The zones that the filter lets pass, the one where looking pays most first."""
        self.judge_all()
        return self.queue_of.ranked(self.filter)

    def zone(self, ident: str | None = None) -> RankedZone | None:
        """A zone by its identifier, or the one at hand."""
        return self.queue_of.zone(self.state.zone if ident is None else ident)

    def next_zone(self, step: int) -> bool:
        """Go to the next zone that is to be done, or to the one before in the queue; whether there is one."""
        entry = self.zone_after(self.state.zone, step)
        if entry is not None:
            self.select_zone(entry.ident)
        return entry is not None

    def zone_after(self, now: str, step: int = 1) -> RankedZone | None:
        """The next zone after ``now`` that is to be done, or the one before it in the queue; None where none is."""
        entries = self.queue()
        if self.state.todo:  # the zone at hand may be done by now, and keeps its place
            entries = self.queue_of.ranked(replace(self.filter, todo=False))
        return next_to_do(entries, now) if step > 0 else one_before(entries, now)

    def progress(self) -> dict[Track, Progress]:
        """How far the zones of each track are done."""
        self.judge_all()
        return self.queue_of.progress()

    def history(self) -> list[tuple[Event, bool]]:
        """Events that touch the selection or the view, newest first, and whether each still holds."""
        selection = self.state.selection
        granule, beam = self.state.granule, self.state.beam
        start, end = self.state.window
        if selection is not None:
            granule, beam = selection.granule, selection.beam
            start, end = selection.bounds(self.workspace.track(granule, beam).window)
        book, who = self.workspace.book, self.state.analyst if self.layer else None
        holding = {event.id for event in book.active(granule, beam, layer=self.layer, analyst=who)}
        return [
            (event, event.id in holding)
            for event in reversed(book.events(granule, beam))
            if event.paints
            and event.layer == self.layer
            and (who is None or event.analyst == who)
            and event.x_start < end
            and event.x_end > start
        ]

    def effects(self) -> dict[int, Effect]:
        """What giving the selection each class would do to the labels, the sea surface and the freeboard."""
        selection = self.state.selection
        if selection is None:
            return {}
        view = self._view_of(selection.granule, selection.beam)
        made = self.workspace.labels_version(selection.granule, selection.beam)
        key = (selection, view, made, self.workspace.current.get(view).last)
        if self._effects[0] != key:
            self._effects = (key, self.workspace.effects.of(view, selection, CANDIDATES))
        return self._effects[1]
