"""Zones of every track of the project, found on a thread of their own, the present granule's first."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from dashboard.state import Later
from dashboard.zone_queue import Track
from processing.errors import LeadlineError

if TYPE_CHECKING:
    from dashboard.place import Place

log = logging.getLogger(__name__)


class ZoneLoader:
    """Brings zones into the desk's queue as they are found. ``later`` runs a call on the page's own thread."""

    def __init__(self, place: Place, later: Later) -> None:
        self.place = place
        self.later = later
        self._asked: dict[Track, Any] = {}

    @property
    def waiting(self) -> int:
        """Tracks whose zones are still to come."""
        return len(set(self._asked) - set(self.place.desk.queue_of.tracks))

    def follow(self) -> None:
        """Ask for the zones of tracks that are new or were made anew."""
        tracks = self._tracks()
        self.place.desk.queue_of.keep_only(tracks)
        self._asked = {track: made for track, made in self._asked.items() if track in tracks}
        for track in tracks:
            made = self.place.workspace.zones_version(*track)
            if self._asked.get(track) != made:
                self._asked[track] = made
                self.place.workspace.background.submit(self._find, track)

    def _tracks(self) -> list[Track]:
        present = self.place.state.granule
        granules = sorted(self.place.catalog.granules, key=lambda granule: granule.ident != present)
        return [(granule.ident, beam.name) for granule in granules for beam in granule.beams if beam.rows]

    def _find(self, track: Track) -> None:
        zones, trouble = [], ""
        try:
            zones = self.place.workspace.zones(*track)
        except Exception as error:
            if not isinstance(error, LeadlineError | OSError):
                log.exception("zones of %s %s cannot be found", *track)
            trouble = f"no zones of {track[0]} {track[1]}: {error}"
        self.later(lambda: self._bring(track, zones, trouble))

    def _bring(self, track: Track, zones: list[Any], trouble: str) -> None:
        if trouble:
            self.place.tell(trouble, "warning")
        if track in self._asked:
            self.place.desk.queue_of.take(*track, zones)
            self.place.state.move(zones=self.place.state.zones + 1)
