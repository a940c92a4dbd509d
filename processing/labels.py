"""Label events: an append-only record of every correction, from which the current labels follow.

An event says that an analyst gave an interval of a track a class or set a scene's drift, or undid or redid an earlier
event. Nothing is ever changed or removed. An event is *active* unless an active event supersedes it, so undoing an
undo brings the first back. Current labels are the auto-labels with the active painting events of layer ``""`` painted
over in the order of their ids; those of layer ``second`` are second opinions and never among them.

What one action of an analyst records is a *gesture*: one or several events under one name, recorded all or none, and
once, however often it is sent. Undo and redo work by gesture.

The store is SQLite in the project by default and anything SQLAlchemy reaches by URL. An event is on disk when the
call that adds it returns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from processing import database, label_tables
from processing.core.painting import Strokes
from processing.database import is_there
from processing.errors import InputError, LeadlineError, MissingError
from processing.label_log import (
    IN_FORCE,
    LABELS,
    LAYERS,
    PAINTING,
    REDO,
    SECOND,
    SHIFT,
    UNDO,
    Event,
    LabelLog,
    Stroke,
    active,
    as_strokes,
    events_fingerprint,
    shifts_in_force,
)
from processing.label_tables import EVENT, VERSION

__all__ = [
    "IN_FORCE",
    "LABELS",
    "LAYERS",
    "PAINTING",
    "REDO",
    "SECOND",
    "SHIFT",
    "UNDO",
    "VERSION",
    "Event",
    "LabelLog",
    "LabelStore",
    "Stroke",
    "active",
    "as_strokes",
    "events_fingerprint",
    "is_there",
    "new_gesture",
    "read_log",
]

_GESTURE_LENGTH: Final = 64
_SAME: Final = ("granule_id", "beam", "x_start", "x_end", "label", "reason", "analyst", "supersedes", "layer")
_SAME_SHIFT: Final = (*_SAME, "scene_id", "shift_x", "shift_y")
_Result = TypeVar("_Result")
_Row = Mapping[str, Any]


def new_gesture() -> str:
    """A name for one action of an analyst, like no other."""
    return uuid4().hex


def read_log(url: str) -> LabelLog:
    """Every event at ``url``; none where there is no database, which is not made."""
    if not is_there(url):
        return LabelLog()
    with LabelStore(url, reading=True) as store:
        return LabelLog(store.events())


class LabelStore:
    """The label events of a project. Safe to share between threads, and between processes on one database.

    Writing methods take a ``log``, a LabelLog of this database: it is brought up to date with what other writers
    added and with what is recorded, only once that is on disk, and spares undo and redo from reading the history.

    Parameters
    ----------
    url : SQLAlchemy URL, such as ``Project.database_url``.
    reading : the store is there and is only read; nothing is made or brought up to date.

    Raises InputError when the database cannot be opened, read or written, StaleError when a later version made it.
    """

    def __init__(self, url: str, *, reading: bool = False) -> None:
        self._shown, self._engine = database.open_engine(url)
        self._version: int | None = None
        try:
            if reading:
                with self._reading():
                    pass
            else:
                self._write(label_tables.prepare, prepared=False)
        except LeadlineError:
            self._engine.dispose()
            raise

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> LabelStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(
        self,
        granule_id: str,
        beam: str,
        x_start: float,
        x_end: float,
        label: int,
        reason: str,
        analyst: str,
        at: datetime | None = None,
        supersedes: int | None = None,
    ) -> Event:
        """Record one correction and return it with its id; it is on disk when this returns.

        ``supersedes`` names an event of the same track that this one replaces, such as an interval whose end moved.
        Raises InputError on an empty or infinite interval, an unknown label or reason, an empty name, a time without
        zone, or a superseded event that is not there or on another track.
        """
        stroke = Stroke(granule_id, beam, x_start, x_end, label, reason)
        return self.add_all([stroke], analyst, at, supersedes)[0]

    def add_all(
        self,
        strokes: Sequence[Stroke],
        analyst: str,
        at: datetime | None = None,
        supersedes: int | None = None,
        *,
        gesture: str | None = None,
        layer: str = IN_FORCE,
        log: LabelLog | None = None,
    ) -> list[Event]:
        """Record the corrections of one gesture, all or none. Checks and errors as :meth:`add`.

        A ``gesture`` that is recorded already is returned as it is recorded and nothing is written; InputError when
        it was something else then. One is named when it is left out.
        """
        for stroke in strokes:
            _check_stroke(stroke)
        _check_who(analyst, layer)
        when, name = _check_time(at), _check_gesture(gesture)
        rows = [_row(stroke, analyst, when, supersedes, layer) for stroke in strokes]

        def work(connection: Connection) -> list[Event]:
            recorded = _recorded(connection, name)
            if recorded or not rows:
                return _same(recorded, rows, name, _SAME)
            for stroke in strokes if supersedes is not None else ():
                _check_superseded(connection, stroke, supersedes, layer)
            return label_tables.insert(connection, rows, name)

        return self._change(work, log)

    def shift(
        self,
        granule_id: str,
        scene_id: str,
        shift_x: float | None,
        shift_y: float | None,
        analyst: str,
        at: datetime | None = None,
        *,
        gesture: str | None = None,
        log: LabelLog | None = None,
    ) -> list[Event]:
        """Record the drift (m) of a scene under a granule as set by hand; without numbers (None, nan) the estimate
        is in force again. A gesture of one event, as :meth:`add_all`.

        Raises InputError on an empty name, an infinite shift or half of one.
        """
        _check_who(analyst, IN_FORCE)
        x, y = _check_shift(granule_id, scene_id, shift_x, shift_y)
        when, name = _check_time(at), _check_gesture(gesture)
        row = _row(Stroke(granule_id, "", 0.0, 0.0, LABELS[0], SHIFT), analyst, when, None, IN_FORCE, scene_id, x, y)

        def work(connection: Connection) -> list[Event]:
            recorded = _recorded(connection, name)
            return _same(recorded, [row], name, _SAME_SHIFT) or label_tables.insert(connection, [row], name)

        return self._change(work, log)

    def undo(
        self,
        analyst: str,
        granule_id: str | None = None,
        beam: str | None = None,
        *,
        layer: str | None = None,
        gesture: str | None = None,
        log: LabelLog | None = None,
    ) -> list[Event]:
        """Undo the analyst's newest gesture that stands and return the undo events; empty when there is none.

        With ``granule_id``, ``beam`` or ``layer`` it is the newest that has an event there, and is undone whole.
        ``gesture`` names the undoing itself, so that it can be sent again as in :meth:`add_all`.
        """
        return self._revert(UNDO, LabelLog.undoable, analyst, (granule_id, beam, layer), gesture, log)

    def redo(
        self,
        analyst: str,
        granule_id: str | None = None,
        beam: str | None = None,
        *,
        layer: str | None = None,
        gesture: str | None = None,
        log: LabelLog | None = None,
    ) -> list[Event]:
        """Bring back what the analyst undid last and return the redo events; empty when there is nothing.

        As in an editor, painting or shifting anew (on the track or layer in question) forgets what was undone before.
        """
        return self._revert(REDO, LabelLog.redoable, analyst, (granule_id, beam, layer), gesture, log)

    def events(self, granule_id: str | None = None, beam: str | None = None, *, after: int = 0) -> list[Event]:
        """Every event ever recorded, of all or of one track, in order; those whose id is greater than ``after``."""
        return self._read(*_of_track(granule_id, beam), *((EVENT.c.id > after,) if after else ()))

    def current(self, granule_id: str | None = None, beam: str | None = None, *, layer: str = IN_FORCE) -> list[Event]:
        """The active painting events of a layer, in the order they are painted."""
        return [event for event in active(self.events(granule_id, beam)) if event.paints and event.layer == layer]

    def current_by_track(self) -> dict[tuple[str, str], list[Event]]:
        """The active painting events in force of each (granule, beam) that has any, in the order they are painted."""
        found: dict[tuple[str, str], list[Event]] = {}
        for event in self.current():
            found.setdefault(event.track, []).append(event)
        return found

    def strokes(self, granule_id: str, beam: str) -> Strokes:
        """The active painting events in force of a track as arrays for ``core.painting.paint``."""
        return as_strokes(self.current(granule_id, beam))

    def shifts(self, granule_id: str | None = None) -> dict[tuple[str, str], Event]:
        """The shift in force of each (granule, scene) that has one set by hand."""
        with self._reading() as connection:
            if (self._version or 0) < VERSION:
                return {}
            found = label_tables.select(connection, VERSION, EVENT.c.scene_id != "", *_of_track(granule_id, None))
        return shifts_in_force(event for event in active(found) if event.reason == SHIFT)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with database.told(self._shown, "label database"), self._engine.connect() as connection:
            if (self._version or 0) < VERSION:  # another program may have brought it up to date since
                self._version = label_tables.version(connection)
                label_tables.check_version(self._version)
            yield connection

    def _read(self, *conditions: sa.ColumnElement[bool]) -> list[Event]:
        with self._reading() as connection:
            return label_tables.select(connection, self._version, *conditions)

    def _revert(
        self,
        reason: str,
        targets: Callable[..., list[Event]],
        analyst: str,
        scope: tuple[str | None, str | None, str | None],
        gesture: str | None,
        log: LabelLog | None,
    ) -> list[Event]:
        name = _check_gesture(gesture)
        known = LabelLog() if log is None else log

        def work(connection: Connection) -> list[Event]:
            recorded = _recorded(connection, name)
            if recorded:
                return _same_revert(recorded, reason, analyst, scope[2], name)
            rows = [_reverting_row(event, reason, analyst) for event in targets(known, analyst, *scope)]
            return label_tables.insert(connection, rows, name) if rows else []

        return self._change(work, known)

    def _change(self, work: Callable[[Connection], list[Event]], log: LabelLog | None) -> list[Event]:
        """Run ``work`` in a transaction of its own and append to ``log``, once it is on disk, what it recorded."""
        if log is None:
            return self._write(work)

        def caught_up(connection: Connection) -> list[Event]:
            # What others recorded stands already, so the log may have it whatever becomes of this transaction.
            log.append(label_tables.select(connection, VERSION, EVENT.c.id > log.last_id))
            return work(connection)

        events = self._write(caught_up)
        log.append(events)
        return events

    def _write(self, work: Callable[[Connection], _Result], *, prepared: bool = True) -> _Result:
        """Run ``work`` in one transaction that no other writer can come between; again after a conflict."""

        def locked(connection: Connection) -> _Result:
            if prepared:
                label_tables.lock(connection)
            return work(connection)

        with database.told(self._shown, "label database"):
            return database.written(self._engine, locked)


def _of_track(granule_id: str | None, beam: str | None) -> tuple[sa.ColumnElement[bool], ...]:
    wanted = ((EVENT.c.granule_id, granule_id), (EVENT.c.beam, beam))
    return tuple(column == value for column, value in wanted if value is not None)


def _recorded(connection: Connection, gesture: str) -> list[Event]:
    return label_tables.select(connection, VERSION, EVENT.c.gesture == gesture)


def _same(recorded: list[Event], rows: Sequence[_Row], gesture: str, names: Sequence[str]) -> list[Event]:
    """The recorded events of a gesture that is sent again, which must be what it was; empty when it is new."""
    if recorded and [[getattr(event, name) for name in names] for event in recorded] != [
        [row[name] for name in names] for row in rows
    ]:
        raise _other_gesture(gesture)
    return recorded


def _same_revert(recorded: list[Event], reason: str, analyst: str, layer: str | None, gesture: str) -> list[Event]:
    for event in recorded:
        if (event.reason, event.analyst) != (reason, analyst) or layer not in (None, event.layer):
            raise _other_gesture(gesture)
    return recorded


def _other_gesture(gesture: str) -> InputError:
    return InputError(f"gesture {gesture} is recorded as something else", mend="give each action a name of its own")


def _row(
    stroke: Stroke,
    analyst: str,
    at: datetime,
    supersedes: int | None,
    layer: str,
    scene_id: str = "",
    shift_x: float | None = None,
    shift_y: float | None = None,
) -> dict[str, Any]:
    return {
        "granule_id": stroke.granule_id,
        "beam": stroke.beam,
        "x_start": float(stroke.x_start),
        "x_end": float(stroke.x_end),
        "label": int(stroke.label),
        "reason": stroke.reason,
        "analyst": analyst,
        "at": at,
        "supersedes": supersedes,
        "layer": layer,
        "scene_id": scene_id,
        "shift_x": shift_x,
        "shift_y": shift_y,
    }


def _reverting_row(event: Event, reason: str, analyst: str) -> dict[str, Any]:
    stroke = Stroke(event.granule_id, event.beam, event.x_start, event.x_end, event.label, reason)
    shift = (event.scene_id, event.shift_x, event.shift_y)
    return _row(stroke, analyst, datetime.now(UTC), event.id, event.layer, *shift)


def _check_stroke(stroke: Stroke) -> None:
    where = f"label event on {stroke.granule_id or '?'} {stroke.beam or '?'}"
    if not stroke.granule_id or not stroke.beam:
        raise InputError("granule or beam is empty", where=where)
    if not (math.isfinite(stroke.x_start) and math.isfinite(stroke.x_end) and stroke.x_start < stroke.x_end):
        raise InputError(
            f"interval {stroke.x_start} to {stroke.x_end} m is empty or not finite",
            where=where,
            mend="give a start below the end",
        )
    if stroke.label not in LABELS:
        raise InputError(f"label {stroke.label!r} is none of {', '.join(map(str, LABELS))}", where=where)
    if stroke.reason not in PAINTING:
        raise InputError(f"reason {stroke.reason!r} is none of {', '.join(PAINTING)}", where=where)


def _check_who(analyst: str, layer: str) -> None:
    if not analyst.strip():
        raise InputError("analyst is empty", mend="say who corrects the labels")
    if layer not in LAYERS:
        raise InputError(f"layer {layer!r} is neither {IN_FORCE!r} nor {SECOND!r}", where="label event")


def _check_gesture(gesture: str | None) -> str:
    name = new_gesture() if gesture is None else gesture
    if not 0 < len(name) <= _GESTURE_LENGTH:
        raise InputError(f"gesture {name!r} has not 1 to {_GESTURE_LENGTH} characters", where="label event")
    return name


def _check_shift(
    granule_id: str, scene_id: str, shift_x: float | None, shift_y: float | None
) -> tuple[float | None, float | None]:
    if not granule_id or not scene_id:
        raise InputError("granule or scene is empty", where=f"shift of {scene_id or '?'} under {granule_id or '?'}")
    x, y = (None if each is None or math.isnan(each) else float(each) for each in (shift_x, shift_y))
    if (x is None) != (y is None) or any(each is not None and math.isinf(each) for each in (x, y)):
        raise InputError(f"shift {shift_x}, {shift_y} m is not finite", where=f"shift of {scene_id} under {granule_id}")
    return x, y


def _check_time(at: datetime | None) -> datetime:
    if at is None:
        return datetime.now(UTC)
    if at.tzinfo is None:
        raise InputError(f"time {at.isoformat()} has no time zone", where="label event", mend="give it in UTC")
    return at.astimezone(UTC)


def _check_superseded(connection: Connection, stroke: Stroke, supersedes: int | None, layer: str) -> None:
    found = label_tables.select(connection, VERSION, EVENT.c.id == supersedes)
    if not found:
        raise MissingError(f"there is no label event {supersedes} to supersede")
    if found[0].track != (stroke.granule_id, stroke.beam) or not found[0].paints or found[0].layer != layer:
        raise InputError(f"label event {supersedes} does not paint {stroke.granule_id} {stroke.beam}")
