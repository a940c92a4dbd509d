"""What an analyst will look at next is read while nobody waits: the next zones, then what lies beside and around."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from threading import Event

from dashboard import tiles
from dashboard.place import Place
from dashboard.state import Change, Later
from dashboard.views import figure as looks
from dashboard.views.along_track import Stretch
from dashboard.views.profile import PHOTON_REACH
from dashboard.views.scene_map import SceneMap
from dashboard.views.strip import Strip
from processing.errors import LeadlineError

log = logging.getLogger(__name__)

Step = Callable[[], object]

_PAUSE = 0.25
"""How long nothing must have changed before anything is read ahead, s: what is in sight comes first."""
_MOVED_BY = ("granule", "beam", "x", "span", "zone", "zones", "scene", "image", "contrast", "why", "where", "kind")
_ZONES = 2


@dataclass(frozen=True)
class Sight:
    """A stretch of a beam that may come into sight, m along the track."""

    beam: str
    x: float
    span: float

    @property
    def window(self) -> tuple[float, float]:
        return self.x - self.span / 2, self.x + self.span / 2


class ReadAhead:
    """Has the caches filled for the sights that a key or two would bring; whatever changes ends it at the next step.

    ``later`` runs a call on the page's own thread.
    """

    def __init__(self, place: Place, later: Later, strip: Strip, scene_map: SceneMap) -> None:
        self.place = place
        self.later = later
        self.strip = strip
        self.map = scene_map
        self._changed = Event()

    def update(self, change: Change) -> None:
        """Begin anew from the present place."""
        self._changed.set()
        if not self.place.watched() or not change.touches(*_MOVED_BY):
            return
        self._changed = changed = Event()

        def ask() -> None:
            if not changed.is_set() and not self.place.state.drifting:
                steps = [step for sight in self.sights() for step in self._steps(sight)]
                self._read(steps[::-1], changed)

        self.place.workspace.ahead.submit(lambda: changed.wait(_PAUSE) or self.later(ask))

    def _read(self, steps: list[Step], changed: Event) -> None:
        """Have the last of the steps taken and then those before it, one by one: a server that ends waits for one."""
        if not steps or changed.is_set() or not self.place.watched():
            return
        with suppress(RuntimeError):  # the pool takes nothing more once the server ends
            self.place.workspace.ahead.submit(self._take, steps, changed)

    def _take(self, steps: list[Step], changed: Event) -> None:
        """Take one step. What cannot be read is told when it comes into sight."""
        try:
            steps.pop()()
        except (LeadlineError, OSError) as error:
            log.debug("nothing read ahead: %s", error)
        self._read(steps, changed)

    def sights(self) -> Iterator[Sight]:
        """What may come next, the likeliest first; zones of other granules are left to their time."""
        state, desk = self.place.state, self.place.desk
        now = state.zone
        for _ in range(_ZONES):
            entry = desk.zone_after(now)
            if entry is None or entry.granule != state.granule:
                break
            now = entry.ident
            yield Sight(entry.beam, *desk.sight_of(entry))
        for x, span in ((1, 1), (-1, 1), (0, 2), (0, 0.5)):
            yield Sight(state.beam, state.x + x * state.span, state.span * span)

    def _steps(self, sight: Sight) -> Iterator[Step]:
        """What must be read for a sight, in parts that can be stopped between."""
        place, workspace, granule = self.place, self.place.workspace, self.place.state.granule
        stretch = Stretch.around(sight.window)
        if sight.beam != place.state.beam:
            yield partial(_read_tables, place, granule, sight.beam)
        if stretch.end - stretch.start <= PHOTON_REACH:
            yield partial(workspace.photons, granule, sight.beam, stretch.start, stretch.end)
        scene, pair, image, contrast = place.scene, place.pair, place.state.image, place.state.contrast
        line = place.line(sight.beam)
        if scene is None or pair is None or line.empty or image not in tiles.images_of(scene):
            return
        width, _ = looks.size(self.strip.figure, 1000, 220)
        for chunk in workspace.strips.missing(pair.scene, image, line, stretch.start, stretch.end, 2 * width):
            yield partial(workspace.painter.chunks.get, chunk)
        frame = self.map.frame_at(sight.beam, sight.window)
        if frame is None:
            return
        grid = tiles.grid(scene)
        zoom = grid.closest(frame.scale)
        for col, row in grid.tiles(zoom, *frame.extent):
            yield partial(workspace.painter.picture, pair.scene, image, contrast, zoom, col, row)


def _read_tables(place: Place, granule: str, beam: str) -> None:
    """Have the tables of a beam that the views draw."""
    workspace = place.workspace
    run = workspace.prediction(granule, beam)
    if run:
        workspace.model_facts(granule, beam, run)
    runs = workspace.freeboard_runs(granule, beam)
    if runs:
        workspace.sea_level(granule, beam, place.state.run if place.state.run in runs else runs[0])
