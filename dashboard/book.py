"""The label events of a project as every session of a server shares them: in memory, ahead of nobody's disk."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import RLock
from types import MethodType
from typing import Final
from weakref import WeakMethod

from processing.core.painting import Strokes
from processing.labels import IN_FORCE, Event, LabelLog, LabelStore, Stroke, as_strokes, is_there

_LOG = logging.getLogger(__name__)

Track = tuple[str, str]
"""Granule and beam; the beam of a shift is empty, for it is of the whole granule."""

Listener = Callable[[set[Track]], None]

_KEPT: Final = 64
"""Tracks whose strokes are kept as arrays."""


class LabelBook:
    """A mirror of the label events, safe between threads, that reads only events it has not seen.

    Events are in the mirror, and told to listeners, only once they are on disk. A project without a database is read
    as one without events; none is made before there is something to write. Everything that reads or writes raises
    InputError when the database cannot be used, and then nothing has changed.

    Parameters
    ----------
    url : SQLAlchemy URL, such as ``Project.database_url``.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._lock = RLock()
        self._log = LabelLog()
        self._loaded = False
        self._reader: LabelStore | None = None
        self._writer: LabelStore | None = None
        self._listeners: dict[int, Listener | WeakMethod[Listener]] = {}
        self._tickets = 0
        self._strokes: OrderedDict[tuple[str, str, str, str | None], tuple[int, Strokes]] = OrderedDict()

    def close(self) -> None:
        """Let go of the database; the book opens it again when it is used."""
        with self._lock:
            for store in (self._reader, self._writer):
                if store is not None:
                    store.close()
            self._reader = self._writer = None

    def refresh(self) -> set[Track]:
        """Read what other programs have recorded; listeners are told. Returns the tracks it concerns."""
        with self._lock:
            touched = self._catch_up()
        self._tell(touched)
        return touched

    @property
    def last_id(self) -> int:
        """Id of the newest event; 0 when there is none."""
        return self._read().last_id

    def version(self, granule: str, beam: str) -> int:
        """A number that is another one when there are new events of a track: the id of the newest."""
        return self._read().newest(granule, beam)

    def events(self, granule: str | None = None, beam: str | None = None, *, after: int = 0) -> list[Event]:
        """Every event, of all or of one granule or track, in order; those whose id is greater than ``after``."""
        with self._lock:
            return self._read().events(granule, beam, after=after)

    def gesture(self, name: str) -> list[Event]:
        """What the gesture of this name recorded, in order; empty when it did not."""
        with self._lock:
            return self._read().gesture(name)

    def active(self, granule: str, beam: str, layer: str = IN_FORCE, analyst: str | None = None) -> list[Event]:
        """The active painting events of a track, of all or of one analyst, in the order they are painted."""
        with self._lock:
            return self._read().active(granule, beam, layer, analyst)

    def strokes(self, granule: str, beam: str, layer: str = IN_FORCE, analyst: str | None = None) -> Strokes:
        """The active painting events of a track, of all or of one analyst, for ``painting.paint``."""
        with self._lock:
            key, version = (granule, beam, layer, analyst), self.version(granule, beam)
            kept = self._strokes.pop(key, None)
            if kept is None or kept[0] != version:
                kept = (version, as_strokes(self.active(granule, beam, layer, analyst)))
            self._strokes[key] = kept
            while len(self._strokes) > _KEPT:
                self._strokes.popitem(last=False)
            return kept[1]

    def shifts(self) -> dict[tuple[str, str], Event]:
        """The shift in force of each (granule, scene) that has one set by hand."""
        with self._lock:
            return self._read().shifts()

    def add_all(
        self, strokes: Sequence[Stroke], analyst: str, gesture: str | None = None, layer: str = IN_FORCE
    ) -> list[Event]:
        """Record the corrections of one gesture, once; see ``LabelStore.add_all``."""
        return self._write(
            lambda store, log: store.add_all(strokes, analyst, gesture=gesture, layer=layer, log=log),
        )

    def shift(
        self,
        granule: str,
        scene: str,
        shift_x: float | None,
        shift_y: float | None,
        analyst: str,
        gesture: str | None = None,
    ) -> list[Event]:
        """Record the drift (m) of a scene set by hand, None for the estimate; see ``LabelStore.shift``."""
        return self._write(
            lambda store, log: store.shift(granule, scene, shift_x, shift_y, analyst, gesture=gesture, log=log),
        )

    def undo(self, analyst: str, layer: str | None = None, gesture: str | None = None) -> list[Event]:
        """Undo the analyst's newest gesture that stands, in one layer or all; empty when there is none."""
        if not is_there(self.url):
            return []
        return self._write(lambda store, log: store.undo(analyst, layer=layer, gesture=gesture, log=log))

    def redo(self, analyst: str, layer: str | None = None, gesture: str | None = None) -> list[Event]:
        """Bring back what the analyst undid last, in one layer or all; empty when there is nothing."""
        if not is_there(self.url):
            return []
        return self._write(lambda store, log: store.redo(analyst, layer=layer, gesture=gesture, log=log))

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with the tracks that new events concern, on whichever thread recorded or found them.

        Returns what ends it. A bound method does not keep its object alive, and is called no more once that is gone;
        any other callable is kept until it is ended.
        """
        with self._lock:
            self._tickets += 1
            ticket = self._tickets
            self._listeners[ticket] = WeakMethod(listener) if isinstance(listener, MethodType) else listener

        def end() -> None:
            with self._lock:
                self._listeners.pop(ticket, None)

        return end

    def _read(self) -> LabelLog:
        """The mirror, filled when it is first asked for."""
        if not self._loaded:
            with self._lock:
                self._catch_up()
        return self._log

    def _catch_up(self) -> set[Track]:
        store = self._open_to_read()
        if store is None:
            return set()
        found = store.events(after=self._log.last_id)
        self._log.append(found)
        self._loaded = True
        return {event.track for event in found}

    def _open_to_read(self) -> LabelStore | None:
        if self._writer is None and self._reader is None and is_there(self.url):
            self._reader = LabelStore(self.url, reading=True)
        return self._writer or self._reader

    def _write(self, record: Callable[[LabelStore, LabelLog], list[Event]]) -> list[Event]:
        touched: set[Track] = set()
        try:
            with self._lock:
                store, before = self._open_to_write(), self._log.last_id
                try:
                    events = record(store, self._log)
                    self._loaded = True
                    return events
                finally:  # what others recorded is in the mirror also when this was refused
                    touched = {event.track for event in self._log.events(after=before)}
        finally:
            self._tell(touched)

    def _open_to_write(self) -> LabelStore:
        if self._writer is None:
            self._writer = LabelStore(self.url)
            if self._reader is not None:
                self._reader.close()
                self._reader = None
        return self._writer

    def _tell(self, touched: set[Track]) -> None:
        if not touched:
            return
        with self._lock:
            listeners = list(self._listeners.items())
        for ticket, entry in listeners:
            listener = entry() if isinstance(entry, WeakMethod) else entry
            if listener is None:
                with self._lock:
                    self._listeners.pop(ticket, None)
                continue
            try:
                listener(set(touched))
            except Exception:  # noqa: BLE001
                # What was recorded stands, and the other sessions are to hear of it.
                _LOG.exception("a listener to label events failed")
