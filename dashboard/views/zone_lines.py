"""The zones of the queue along each beam of the map, as the filter lets them pass."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from dashboard.place import Place
from dashboard.zone_queue import RankedZone

_DONE = attrgetter("done")


@dataclass(frozen=True)
class BeamZones:
    """Zones of one beam in along-track order; ``edges`` (n, 2) m."""

    entries: tuple[RankedZone, ...]
    edges: NDArray[np.float64]

    def at(self, x: float, room: float) -> RankedZone | None:
        """The zone at an along-track distance, or the nearest one within ``room``."""
        if not self.entries:
            return None
        away = np.maximum(np.maximum(self.edges[:, 0] - x, x - self.edges[:, 1]), 0.0)
        nearest = int(np.argmin(away))
        return self.entries[nearest] if away[nearest] <= room else None

    def seen(self, start: float, end: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Edges of the zones between two bounds: those still to do, those done."""
        seen = (self.edges[:, 1] > start) & (self.edges[:, 0] < end)
        done = np.fromiter(map(_DONE, self.entries), bool, len(self.entries))
        return self.edges[seen & ~done], self.edges[seen & done]


NO_ZONES = BeamZones((), np.zeros((0, 2)))


class ZoneLines:
    """Zones of the present granule by beam, gathered anew when the queue or its filter changes."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._key: tuple[object, ...] = ()
        self._beams: dict[str, BeamZones] = {}

    def of(self, beam: str) -> BeamZones:
        """The zones of a beam."""
        desk, granule = self.place.desk, self.place.state.granule
        wanted = desk.filter
        key = (granule, desk.queue_of.version, wanted, self.place.state.edits if wanted.todo else 0)
        if key != self._key:
            self._key, self._beams = key, {}
        if beam not in self._beams:
            entries = tuple(entry for entry in desk.queue_of.of_track(granule, beam) if wanted.lets_pass(entry))
            edges = np.array([(entry.zone.x_start, entry.zone.x_end) for entry in entries]).reshape(-1, 2)
            self._beams[beam] = BeamZones(entries, edges) if entries else NO_ZONES
        return self._beams[beam]
