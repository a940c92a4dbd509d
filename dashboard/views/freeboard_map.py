"""A granule's tracks coloured by freeboard: on the scene, or on the polar map where there is none or from afar."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pyproj
from bokeh.events import RangesUpdate, Tap
from bokeh.models import Range1d

from dashboard.geometry import MapLine
from dashboard.place import Place
from dashboard.state import Change, Later
from dashboard.views import figure as looks
from dashboard.views import freeboard_on_map as on_map
from dashboard.views import map_marks
from dashboard.views.along_track import Reading
from dashboard.views.beam_lines import Runs, bend_of, casing_of, lines_of, plain
from dashboard.views.freeboard_map_layers import CURRENT, OTHER, FreeboardLayers
from dashboard.views.freeboard_on_map import BeamFreeboard
from dashboard.views.map_frame import Frame, Sight
from dashboard.views.map_images import SceneImages

ORIGIN = "freeboard-map"
_FILL = 0.6
_AFAR = 2.2
_NEVER_AFAR = 150_000.0
"""However small a scene, a map no wider than this (m) shows it."""
_REACH = 14.0
_TICK = 11.0
_CROWD = 46.0
_LEADS_FROM = 40.0
"""Leads are marked where a pixel is no more than this, m."""
_LEAD_ROOM = 9.0
"""Of leads nearer to one another than this (pixels) one is marked."""


class FreeboardMap:
    """Map view over a ``Place``; ``figure`` goes on a page, ``follow`` is told of every change while it is in sight.

    The map stays where it was put while the stretch in view is within it; a click on a beam moves the stretch there.

    Attributes
    ----------
    beams : gives the beams to draw; all of the granule unless a page says otherwise.
    """

    def __init__(self, place: Place, theme: str, later: Later) -> None:
        self.place = place
        self.beams: Callable[[], Sequence[str]] = lambda: self.place.beams
        self._reading = Reading(place, later)
        self._asked: object = None
        self._found: dict[str, BeamFreeboard] = {}
        self._ends = (0.0, 1.0)
        self._afar = False
        self._frame: Frame | None = None
        self._drawn: tuple[Frame, bool] | None = None
        self._of: tuple[str, str] = ("", "")
        self._x, self._y = Range1d(0, 1000), Range1d(0, 1000)
        self.layers = FreeboardLayers(self._x, self._y)
        self.figure = self.layers.figure
        self.images = SceneImages(place, self.figure)
        self.figure.on_event(RangesUpdate, self._moved)
        self.figure.on_event(Tap, self._tapped)
        for name in ("inner_width", "inner_height"):
            self.figure.on_change(name, self._resized)
        self.paint(theme)

    def paint(self, theme: str) -> None:
        """Follow the theme."""
        self.layers.paint(theme)

    def follow(self, change: Change) -> None:
        """Show the place; what is not read yet is read on a worker and drawn when it is there."""
        if not self.place.opened or self.place.granule is None:
            return
        self._ask()
        pair = self.place.pair
        of = (self.place.state.granule, pair.scene if pair else "")
        if of != self._of:
            self._of, self._frame, self._drawn = of, None, None
        if self._frame is None or (change.touches("granule", "beam", "x", "span") and change.origin != ORIGIN):
            self._keep_in_sight()
        self._show_images(change)
        if change.touches("beam", "edits", "shift"):
            self._drawn = None
        self._draw_if_due()
        self._draw_stretch()

    def fit(self) -> None:
        """Bring the stretch in view to the middle of the map."""
        self._frame = None
        self._keep_in_sight()
        self._show_images(Change(frozenset(("page",))))
        self._draw_if_due()
        self._draw_stretch()

    def _ask(self) -> None:
        """Read the freeboard of the beams unless that is what was read last."""
        workspace, granule = self.place.workspace, self.place.state.granule
        runs = {beam: run for beam in self.beams() if (run := self._run_of(beam))}
        paths = (workspace.project.table_path("freeboard", granule, beam, run) for beam, run in runs.items())
        made = tuple(workspace.modified(path) for path in paths)
        asked = (granule, tuple(runs.items()), made)
        if asked == self._asked:
            return
        self._asked = asked
        self._reading.ask(lambda: on_map.read_beams(workspace, granule, runs), self._show, self._fail)

    def _run_of(self, beam: str) -> str:
        """The run that the state asks for where the beam has it, else its newest; empty where it has none."""
        runs = self.place.workspace.freeboard_runs(self.place.state.granule, beam)
        wanted = self.place.state.run
        return wanted if wanted in runs else next(iter(runs), "")

    def _show(self, read: tuple[dict[str, BeamFreeboard], tuple[str, ...]]) -> None:
        with self.place.guard("drawing the freeboard map"):
            self._found, troubles = read
            self._ends = on_map.limits(list(self._found.values()))
            self.layers.show_limits(self._ends)
            self.layers.tell("" if self._found else "no freeboard of this granule yet")
            for line in troubles:
                self.place.tell(line, "warning")
            self._drawn = None
            self._draw_if_due()

    def _fail(self, line: str) -> None:
        self._found = {}
        self.layers.clear()
        self.place.tell(line, "warning")

    def _line(self, beam: str) -> MapLine:
        """A beam in the projection that is shown."""
        if not self._polar:
            return self.place.line(beam)
        granule = self.place.granule
        lines = [one.line for one in granule.beams if one.name == beam] if granule else []
        return lines[0] if lines else MapLine(np.zeros(0), np.zeros(0), np.zeros(0))

    @property
    def _polar(self) -> bool:
        """Whether the polar map is shown: from afar, or where there is no scene."""
        return self._afar or self.place.pair is None

    @property
    def _size(self) -> tuple[int, int]:
        return looks.size(self.figure, 340, 340)

    def _stretch_frame(self) -> Frame | None:
        """The frame with the stretch in its middle; None where there is no beam to see."""
        line, window = self._line(self.place.state.beam), self._window()
        if line.empty or window is None:
            return None
        (x0, x1), (y0, y1) = line.at(np.array(window))
        width, height = self._size
        scale = max(abs(x1 - x0) / (_FILL * width), abs(y1 - y0) / (_FILL * height), 0.2)
        return Frame(float(x0 + x1) / 2, float(y0 + y1) / 2, float(scale), width, height)

    def _window(self) -> tuple[float, float] | None:
        """The part of the beam in the profile, m; None where there is none."""
        (start, end), (low, high) = self.place.state.window, self.place.extent
        start, end = max(start, low), min(end, high)
        return (start, end) if start < end else None

    def _keep_in_sight(self) -> None:
        """Leave the map alone while it holds the stretch at a scale at which it is seen."""
        wanted = self._stretch_frame()
        if wanted is None:
            return
        now = self._frame
        if now is not None and _within(wanted, now):
            return
        self._go(wanted)

    def _go(self, frame: Frame) -> None:
        self._frame = frame
        if self._turn(frame):
            frame = self._stretch_frame() or frame
        self._show_frame(frame)

    def _show_frame(self, frame: Frame) -> None:
        self._frame = frame
        for axis, (start, end) in zip((self._x, self._y), frame.extent, strict=True):
            axis.update(start=start, end=end)

    def _turn(self, frame: Frame) -> bool:
        """Change between scene and polar map where the scale asks for it; whether it was changed."""
        afar = self.place.pair is not None and frame.scale * max(frame.width, frame.height) > self._far
        changed, self._afar = afar != self._afar, afar
        return changed

    @property
    def _far(self) -> float:
        scene = self.place.scene
        if scene is None:
            return 0.0
        left, bottom, right, top = scene.outline().bounds
        return max(_AFAR * max(right - left, top - bottom), _NEVER_AFAR)

    def _show_images(self, change: Change) -> None:
        """The scene's tiles, or none under the polar map."""
        if self._polar:
            for layer in self.images.layers.values():
                layer.visible = False
            return
        hidden = any(not layer.visible for layer in self.images.layers.values())
        self.images.update(Change(frozenset(("page",))) if hidden or not self.images.layers else change)

    def _resized(self, _name: str, _old: Any, _new: Any) -> None:
        with self.place.guard("fitting the map"):
            if self.place.opened and self.place.granule is not None:
                self.fit()

    def _moved(self, event: RangesUpdate) -> None:
        """The analyst moved the map; the profile stays where it is."""
        with self.place.guard("moving the map"):
            width, height = self._size
            scale = (event.x1 - event.x0) / width
            if scale <= 0:
                return
            frame = Frame((event.x0 + event.x1) / 2, (event.y0 + event.y1) / 2, scale, width, height)
            self._frame, before = frame, self._crs
            if self._turn(frame):
                x, y = _transformer(before, self._crs).transform(frame.x, frame.y)
                self._show_frame(Frame(x, y, scale, width, height))
                self._show_images(Change(frozenset(("page",))))
            self._draw_if_due()
            self._draw_stretch()

    @property
    def _crs(self) -> str:
        scene = None if self._polar else self.place.scene
        return str(scene.crs.to_string()) if scene else self.place.catalog.crs

    def _tapped(self, event: Tap) -> None:
        """Go to the place of the beam under the mouse."""
        with self.place.guard("choosing a place in the map"):
            if self._frame is None:
                return
            reach = _REACH * self._frame.scale
            found = [(*self._line(beam).nearest(event.x, event.y), beam) for beam in self.beams()]
            near = [(away, x, beam) for x, away, beam in found if away <= reach]
            if near:
                _, x, beam = min(near)
                self.place.state.move(origin=ORIGIN, beam=beam, x=x)

    def _draw_if_due(self) -> None:
        if self._frame is None:
            return
        if self._drawn is not None and self._drawn[1] == self._polar and self._drawn[0].serves(self._frame):
            return
        self._drawn = (self._frame, self._polar)
        try:
            self._draw(self._frame)
        except Exception:
            self._drawn = None
            self.layers.clear()
            raise

    def _draw(self, frame: Frame) -> None:
        self._draw_ground(frame)
        parts: dict[str, list[Any]] = {"xs": [], "ys": [], "colour": [], "width": []}
        casing: dict[str, list[Any]] = {"xs": [], "ys": [], "width": []}
        leads: list[np.ndarray] = []
        sights: dict[str, Sight] = {}
        current, bend = self.place.state.beam, bend_of(frame.scale)
        for beam in sorted(self.beams(), key=lambda name: name == current):
            line = self._line(beam)
            sight = Sight(line, *frame.in_sight(line), frame.scale)
            if sight.empty:
                continue
            width = CURRENT if beam == current else OTHER
            runs = self._runs(beam, sight)
            for data, found, broad in (
                (parts, lines_of(line, runs, on_map.COLOURS, bend), width),
                (casing, casing_of(line, runs, bend), width + 3.0),
            ):
                for name, entries in found.items():
                    data[name] += entries
                data["width"] += [broad] * len(found["xs"])
            leads += self._leads(beam, sight)
            sights[beam] = sight
        self.layers.lines.data, self.layers.casing.data = parts, casing
        self.layers.names.data = _names(sights, frame, current)
        x, y = np.concatenate([*leads, np.zeros((2, 0))], axis=1)
        self.layers.leads.data = {"x": x, "y": y}

    def _runs(self, beam: str, sight: Sight) -> Runs:
        found = self._found.get(beam)
        return plain(sight) if found is None else on_map.runs_in_sight(found, sight, self._ends)

    def _leads(self, beam: str, sight: Sight) -> list[np.ndarray]:
        """Middles of the leads in sight as x and y, where they can be told apart."""
        found = self._found.get(beam)
        if found is None or sight.scale > _LEADS_FROM:
            return []
        middle = found.leads.mean(axis=1)
        middle = middle[(middle >= sight.start) & (middle <= sight.end)]
        if len(middle) == 0:
            return []
        _, apart = np.unique(np.floor(middle / (_LEAD_ROOM * sight.scale)), return_index=True)
        return [np.stack(sight.line.at(middle[apart]))]

    def _draw_ground(self, frame: Frame) -> None:
        if not self._polar:
            self.layers.hide_polar()
            return
        (left, right), (bottom, top) = frame.extent
        outlines = [
            np.asarray(scene.outline.exterior.coords)
            for scene in self.place.catalog.scenes
            if scene.outline is not None
        ]
        self.layers.show_polar(self.place.catalog.crs, (left, bottom, right, top), outlines)

    def _draw_stretch(self) -> None:
        """Mark the part of the beam in the profile."""
        line, window = self._line(self.place.state.beam), self._window()
        if line.empty or window is None or self._frame is None:
            self.layers.stretch.data, self.layers.ends.data = dict(map_marks.NO_MARKS), dict(map_marks.NO_ENDS)
            return
        part = line.between(*window)
        self.layers.stretch.data = {"xs": [part.x], "ys": [part.y]}
        self.layers.ends.data = map_marks.ends(line, window, _TICK * self._frame.scale)


def _within(stretch: Frame, now: Frame) -> bool:
    """Whether a frame around a stretch has its middle in what is shown, at a scale from a quarter to four times."""
    if (stretch.width, stretch.height) != (now.width, now.height) or not 0.25 <= stretch.scale / now.scale <= 1.7:
        return False
    room_x, room_y = 0.4 * now.scale * now.width, 0.4 * now.scale * now.height
    return abs(stretch.x - now.x) <= room_x and abs(stretch.y - now.y) <= room_y


def _names(sights: Mapping[str, Sight], frame: Frame, current: str) -> dict[str, list[Any]]:
    """Names of beams near the upper edge, the current one's before all; one that would crowd another is left out."""
    names: dict[str, list[Any]] = {"x": [], "y": [], "name": []}
    for beam in sorted(sights, key=lambda name: name != current):
        line, start, end = sights[beam].line, sights[beam].start, sights[beam].end
        (x,), (y,) = line.at(frame.place_of_name(line, start, end))
        apart = [math.hypot(x - ox, y - oy) for ox, oy in zip(names["x"], names["y"], strict=True)]
        if min(apart, default=math.inf) >= _CROWD * frame.scale:
            for key, entry in (("x", x), ("y", y), ("name", beam)):
                names[key].append(entry)
    return names


@lru_cache(maxsize=8)
def _transformer(before: str, after: str) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(before, after, always_xy=True)
