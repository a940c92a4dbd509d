"""The scene in its own metres with the beams over it; the stretch of the profile, zones and the selection stand out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from bokeh.events import RangesUpdate, Tap
from bokeh.models import ColumnDataSource, Range1d
from numpy.typing import NDArray

from dashboard.geometry import MapLine
from dashboard.place import Place
from dashboard.state import Change
from dashboard.views import figure as looks
from dashboard.views import map_marks
from dashboard.views.beam_lines import NO_CASING, NO_LINES, BeamLines, Runs, bend_of, casing_of, lines_of, plain
from dashboard.views.map_frame import SHORT, Frame, Sight
from dashboard.views.map_gestures import MapGestures
from dashboard.views.map_images import SceneImages
from dashboard.views.map_layers import HAND_ROOM, ZONE_ROOM, MapLayers
from dashboard.views.map_marks import NO_MARKS
from dashboard.views.segment_ranks import SegmentRanks
from dashboard.views.zone_lines import ZoneLines

ORIGIN = "map"
_REACH = 18.0
_FILL = 0.72
_CROWD = 46.0
_TICK = 13.0
_BEAM_PARTS = ("granule", "beam", "scene", "colour", "opinion", "analyst", "edits", "shift", "drifting")
_PLACE_PARTS = ("granule", "beam", "scene", "x", "span", "shift", "drifting", "edits")
_MARK_PARTS = ("granule", "beam", "scene", "selection", "zone", "edits", "why", "where", "kind", "todo", "shift",
               "drifting", "opinion")  # fmt: skip


class SceneMap:
    """Map view over a ``Place``. ``figure`` goes on the page; ``update`` follows the state."""

    def __init__(self, place: Place, theme: str) -> None:
        self.place = place
        self._centred = ("", "")
        self._offset = (0.0, 0.0)
        self._zoom = 1.0
        self._asked = Frame(0.0, 0.0, 1.0, 900, 340)
        self._drawn: Frame | None = None
        self._shown: dict[str, Runs] = {}
        self._x, self._y = Range1d(0, 1000), Range1d(0, 1000)
        self.layers = MapLayers(self._x, self._y)
        self.figure = self.layers.figure
        self.images = SceneImages(place, self.figure)
        self.gestures = MapGestures(place, self.figure)
        self.ranks = SegmentRanks(place)
        self._beams = BeamLines(place, self.ranks)
        self._zones = ZoneLines(place)
        self.figure.on_event(RangesUpdate, self._moved)
        self.figure.on_event(Tap, self._tapped)
        for name in ("inner_width", "inner_height"):
            self.figure.on_change(name, self._resized)
        self.paint(theme)

    @property
    def hover(self) -> ColumnDataSource:
        """The spot that the map marks, m."""
        return self.layers.hover

    def paint(self, theme: str) -> None:
        """Follow the theme; what lies over the image keeps its colours."""
        self.layers.paint(theme)

    def update(self, change: Change) -> None:
        """Draw what changed. A move that began here leaves the frame as the analyst put it.

        No beam drawn before stays when that fails. Nothing is drawn before the browser has told the map's size.
        """
        if not self.place.opened:
            self.images.update(change)
            return
        try:
            self._update(change)
        except Exception:
            self._clear()
            raise
        finally:
            self.gestures.follow()

    def _update(self, change: Change) -> None:
        self.images.update(change)
        self.layers.tell(self.images.note)
        self._centre_anew()
        if change.touches("granule", "scene", "page"):
            self._beams.forget()
        if change.touches("shift", "drifting", "edits"):
            self._hold()
        if change.touches("granule", "beam", "x", "span", "scene") and change.origin != ORIGIN:
            self._follow()
        served = self._drawn is not None and self._drawn.serves(self._asked)
        if change.touches(*_BEAM_PARTS, "overlay", "page") or not served:
            self.layers.explain(self.ranks.scheme("scene"), self.images.overlaid)
        if change.touches(*_BEAM_PARTS) or not served:
            self._draw(anew=change.touches("granule", "beam", "scene", "shift", "drifting") or not served)
        if change.touches(*_MARK_PARTS) or not served:
            self._draw_marks()
        if change.touches(*_PLACE_PARTS) or not served:
            self._draw_stretch()

    def _centre_anew(self) -> None:
        """Forget the analyst's offset and zoom when another granule or scene comes into sight."""
        pair = self.place.pair
        seen = (self.place.state.granule, pair.scene if pair else "")
        if seen != self._centred:
            self._centred = seen
            self._offset, self._zoom = (0.0, 0.0), 1.0

    def _clear(self) -> None:
        self._drawn = None
        self._shown = {}
        self.layers.clear()

    def recentre(self) -> None:
        """Bring the stretch back to the middle of the map at its own scale."""
        self._offset, self._zoom = (0.0, 0.0), 1.0
        self._follow()
        self._draw_all()

    def _draw_all(self) -> None:
        self._draw(anew=True)
        self._draw_marks()
        self._draw_stretch()

    @property
    def _size(self) -> tuple[int, int]:
        return looks.size(self.figure, 900, 340)

    def _fit_scale(self, line: MapLine, window: tuple[float, float] | None = None) -> float:
        """Metres per pixel at which a stretch, the profile's if none is given, fills most of the map."""
        (x0, x1), (y0, y1) = line.at(np.array(window or self.place.state.window))
        width, height = self._size
        return max(abs(x1 - x0) / (_FILL * width), abs(y1 - y0) / (_FILL * height), 0.05)

    def frame_at(self, beam: str, window: tuple[float, float]) -> Frame | None:
        """The frame in which a stretch of a beam would be shown in the middle; None where the beam is not."""
        line = self.place.line(beam)
        if line.empty:
            return None
        (x,), (y,) = line.at(sum(window) / 2)
        return Frame(float(x), float(y), self._fit_scale(line, window) * self._zoom, *self._size)

    def _follow(self) -> None:
        """Set the ranges by the place; the analyst's offset and zoom are kept while the stretch stays in sight."""
        line = self.place.line(self.place.state.beam)
        if line.empty or math.isnan(self.place.state.x):
            return
        (cx,), (cy,) = line.at(self.place.state.x)
        scale = self._fit_scale(line) * self._zoom
        width, height = self._size
        limit_x, limit_y = 0.4 * width * scale, 0.4 * height * scale
        self._offset = (
            float(np.clip(self._offset[0], -limit_x, limit_x)),
            float(np.clip(self._offset[1], -limit_y, limit_y)),
        )
        self._show(Frame(float(cx) + self._offset[0], float(cy) + self._offset[1], scale, width, height))

    def _hold(self) -> None:
        """Leave the image where it is when the drift carries the beam over it."""
        line = self.place.line(self.place.state.beam)
        if self._drawn is None or line.empty or math.isnan(self.place.state.x):
            return
        (cx,), (cy,) = line.at(self.place.state.x)
        self._offset = (self._asked.x - float(cx), self._asked.y - float(cy))

    def _show(self, frame: Frame) -> None:
        self._asked = frame
        for axis, (start, end) in zip((self._x, self._y), frame.extent, strict=True):
            axis.update(start=start, end=end)

    def _resized(self, _name: str, _old: Any, _new: Any) -> None:
        with self.place.guard("fitting the map"):
            if self.place.opened and self.place.granule is not None:
                self._follow()
                self._draw_all()

    def _moved(self, event: RangesUpdate) -> None:
        """The analyst moved the map: the profile goes to the nearest point of the beam and zooms as much."""
        with self.place.guard("moving the map"):
            state, line = self.place.state, self.place.line(self.place.state.beam)
            width, height = self._size
            scale = (event.x1 - event.x0) / width
            frame = Frame((event.x0 + event.x1) / 2, (event.y0 + event.y1) / 2, scale, width, height)
            if line.empty or scale <= 0:
                return
            x_atc, _ = line.nearest(frame.x, frame.y)
            span = state.span * scale / max(self._asked.scale, 1e-9)
            self._asked, before = frame, (state.x, state.span)
            state.move(origin=ORIGIN, x=x_atc, span=min(span, self._longest()))
            (cx,), (cy,) = line.at(state.x)
            self._offset = (frame.x - float(cx), frame.y - float(cy))
            self._zoom = scale / self._fit_scale(line)
            if (state.x, state.span) == before and not (self._drawn and self._drawn.serves(frame)):
                self._draw_all()

    def _longest(self) -> float:
        low, high = self.place.extent
        return max(1.2 * (high - low), 200.0)

    def _tapped(self, event: Tap) -> None:
        """Take the zone under the mouse whole, else go to the place; a beam near the mouse becomes the current one."""
        with self.place.guard("choosing a place in the map"):
            reach = _REACH * self._asked.scale
            found = [(*self.place.line(beam).nearest(event.x, event.y), beam) for beam in self.place.beams]
            near = [(away, x_atc, beam) for x_atc, away, beam in found if away <= reach]
            if near:
                _, x_atc, beam = min(near)
                zone = self._zones.of(beam).at(x_atc, 0.5 * SHORT * self._asked.scale)
                if zone is not None and not self.place.state.drifting:
                    self.place.desk.select_zone(zone.ident)
                else:
                    self.place.state.move(beam=beam, x=x_atc)
                return
            x_atc, away = self.place.line(self.place.state.beam).nearest(event.x, event.y)
            if math.isfinite(away):
                self.place.state.move(x=x_atc)

    def _draw(self, anew: bool) -> None:
        """Beams in sight as runs of one colour, the current one wider; without ``anew`` only those that changed."""
        scheme = self.ranks.scheme("scene")
        frame = self._asked if anew or self._drawn is None else self._drawn
        runs: dict[str, Runs] = {}
        sights: dict[str, Sight] = {}
        for beam in self._by_name:
            with self.place.guard(f"drawing beam {beam}"):
                sight = self._beams.sight(beam, frame)
                if not sight.empty:
                    sights[beam], runs[beam] = sight, self._runs_of(beam, sight)
        changed = {beam for beam in {*runs, *self._shown} if runs.get(beam) is not self._shown.get(beam)}
        layers, current = self.layers, self.place.state.beam
        others = [beam for beam in runs if beam != current]
        if anew or current in changed:
            layers.current.data, layers.current_casing.data = self._parts([current], sights, runs, scheme.colours)
        if anew or changed - {current}:
            layers.others.data, layers.other_casing.data = self._parts(others, sights, runs, scheme.colours)
        if anew:
            layers.names.data = self._names(sights)
        self._shown = runs
        self._drawn = frame

    @property
    def _by_name(self) -> list[str]:
        """Beams, the current one first."""
        return sorted(self.place.beams, key=lambda name: name != self.place.state.beam)

    def _runs_of(self, beam: str, sight: Sight) -> Runs:
        """Runs of a beam; of no colour where they cannot be read."""
        found = [plain(sight)]
        with self.place.guard(f"reading the classes of beam {beam}"):
            found.append(self._beams.runs(beam, sight))
        return found[-1]

    def _parts(
        self, beams: list[str], sights: Mapping[str, Sight], runs: Mapping[str, Runs], colours: tuple[str, ...]
    ) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
        """Coloured lines and casings of beams, the last named one below."""
        drawn, casing = dict(NO_LINES), dict(NO_CASING)
        for beam in reversed([beam for beam in beams if beam in runs]):
            line, bend = sights[beam].line, bend_of(sights[beam].scale)
            found = lines_of(line, runs[beam], colours, bend)
            drawn = {name: [*drawn[name], *found[name]] for name in drawn}
            edge = casing_of(line, runs[beam], bend)
            casing = {name: [*casing[name], *edge[name]] for name in casing}
        return drawn, casing

    def _names(self, sights: Mapping[str, Sight]) -> dict[str, list[Any]]:
        """Names of the beams near the upper edge; one that would crowd another is left out."""
        names: dict[str, list[Any]] = {"x": [], "y": [], "name": []}
        for beam, sight in sights.items():
            (x,), (y,) = sight.line.at(self._asked.place_of_name(sight.line, sight.start, sight.end))
            crowd = [np.hypot(x - ox, y - oy) for ox, oy in zip(names["x"], names["y"], strict=True)]
            if beam == self.place.state.beam or min(crowd, default=np.inf) >= _CROWD * self._asked.scale:
                for name, entry in (("x", x), ("y", y), ("name", beam)):
                    names[name].append(entry)
        return names

    def _draw_marks(self) -> None:
        """Zones of every beam in sight, the selection and the zone at hand."""
        layers = self.layers
        found: dict[str, list[dict[str, list[Any]]]] = {"zones": [], "done": [], "selection": [], "hand": []}
        for beam in self.place.beams:
            sight = self._beams.sight(beam, self._drawn or self._asked)
            if sight.empty:
                continue
            to_do, done = self._zones.of(beam).seen(sight.start, sight.end)
            found["zones"].append(map_marks.outlines(sight, to_do, ZONE_ROOM))
            found["done"].append(map_marks.outlines(sight, done, ZONE_ROOM))
            found["selection"].append(map_marks.stroke(sight, self._selected(beam)))
            found["hand"].append(map_marks.outlines(sight, self._at_hand(beam), HAND_ROOM))
        for name, parts in found.items():
            source: ColumnDataSource = getattr(layers, name)
            data = {key: [row for part in parts for row in part[key]] for key in NO_MARKS}
            if data["xs"] or source.data["xs"]:
                source.data = data

    def _selected(self, beam: str) -> NDArray[np.float64]:
        """Along-track ends (n, 2) of what is selected on a beam."""
        selection, granule = self.place.state.selection, self.place.state.granule
        if selection is None or (selection.granule, selection.beam) != (granule, beam):
            return np.zeros((0, 2))
        return np.array(selection.runs) * self.place.workspace.track(granule, beam).window

    def _at_hand(self, beam: str) -> NDArray[np.float64]:
        entry = self.place.desk.zone()
        if entry is None or (entry.granule, entry.beam) != (self.place.state.granule, beam):
            return np.zeros((0, 2))
        return np.array([[entry.zone.x_start, entry.zone.x_end]])

    def _draw_stretch(self) -> None:
        line, window = self.place.line(self.place.state.beam), self.place.state.window
        if line.empty or math.isnan(self.place.state.x):
            self.layers.clear_stretch()
            return
        part = line.between(*window)
        self.layers.stretch.data = {"xs": [part.x], "ys": [part.y]}
        self.layers.ends.data = map_marks.ends(line, window, _TICK * self._asked.scale)
