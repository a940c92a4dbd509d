"""The scene in its own metres with the beams over it, coloured by class; the stretch of the profile stands out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from bokeh.core.properties import value
from bokeh.events import RangesUpdate, Tap
from bokeh.models import ColumnDataSource, CustomJS, Label, Range1d, ScaleBar, TileRenderer, WMTSTileSource
from bokeh.plotting import figure
from numpy.typing import NDArray

from dashboard import detail, palette, tiles
from dashboard.geometry import MapLine
from dashboard.place import Place
from dashboard.state import Change
from dashboard.views import figure as looks

ORIGIN = "map"
_REACH = 18.0
_FILL = 0.72
_RUNS = 1200
_BEND = 2_000.0
_CROWD = 46.0
_SERVES = 0.5
_EMPTY: dict[str, list[Any]] = {"xs": [], "ys": [], "colour": [], "width": [], "edge": []}
_BAR = 80


@dataclass(frozen=True)
class Frame:
    """What the map shows: centre and metres per pixel."""

    x: float
    y: float
    scale: float


class SceneMap:
    """Map view over a ``Place``. ``figure`` goes on the page; ``update`` follows the state."""

    def __init__(self, place: Place, theme: str) -> None:
        self.place = place
        self._centred = ("", "")
        self._offset = (0.0, 0.0)
        self._zoom = 1.0
        self._asked = Frame(0.0, 0.0, 1.0)
        self._drawn: Frame | None = None
        self.figure = self._build()
        self.paint(theme)

    def paint(self, theme: str) -> None:
        """Follow the theme; what lies over the image keeps its colours."""
        looks.paint(self.figure, theme, "sea")
        colours = palette.theme(theme)
        self._note.text_color = colours["soft"]

    def update(self, change: Change) -> None:
        """Draw what changed. A move that began here leaves the frame as the analyst put it.

        No beam drawn before stays when that fails.
        """
        try:
            self._update(change)
        except Exception:
            self._clear()
            raise

    def _update(self, change: Change) -> None:
        if change.touches("granule", "scene", "image", "contrast"):
            self._show_image()
        self._centre_anew()
        if change.touches("granule", "beam", "x", "span", "scene") and change.origin != ORIGIN:
            self._follow()
        if change.touches("granule", "beam", "source", "scene") or not self._served():
            self._draw()
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
        self._lines.data = dict(_EMPTY)
        self._names.data = {"x": [], "y": [], "name": []}
        self._clear_stretch()

    def _clear_stretch(self) -> None:
        self._stretch.data = {"xs": [], "ys": []}
        self._ends.data = {"x0": [], "y0": [], "x1": [], "y1": []}

    def recentre(self) -> None:
        """Bring the stretch back to the middle of the map at its own scale."""
        self._offset, self._zoom = (0.0, 0.0), 1.0
        self._follow()
        self._draw()
        self._draw_stretch()

    def _build(self) -> figure:
        self._x, self._y = Range1d(0, 1000), Range1d(0, 1000)
        plot = looks.map_figure(
            self._x, self._y, sizing_mode="stretch_both", name="scene-map", min_width=200, min_height=160
        )
        self._source = WMTSTileSource(url="", wrap_around=False, snap_to_zoom=False, attribution="")
        self._image = TileRenderer(tile_source=self._source, smoothing=False)
        self._stretch = ColumnDataSource({"xs": [], "ys": []})
        self._lines = ColumnDataSource(dict(_EMPTY))
        self._ends = ColumnDataSource({"x0": [], "y0": [], "x1": [], "y1": []})
        self.hover = ColumnDataSource({"x": [], "y": []})
        self._names = ColumnDataSource({"x": [], "y": [], "name": []})
        plot.multi_line(
            "xs", "ys", source=self._stretch, line_color="#ffffff", line_width=17, line_alpha=0.32, line_cap="butt"
        )
        plot.multi_line("xs", "ys", source=self._lines, line_color="#0b0f14", line_width="edge", line_alpha=0.75)
        self._classes = plot.multi_line(
            "xs", "ys", source=self._lines, line_color="colour", line_width="width", line_cap="butt"
        )
        plot.segment("x0", "y0", "x1", "y1", source=self._ends, line_color="#0b0f14", line_width=4)
        plot.segment("x0", "y0", "x1", "y1", source=self._ends, line_color="#ffffff", line_width=2)
        plot.text(
            "x",
            "y",
            "name",
            source=self._names,
            text_color="#ffffff",
            background_fill_color="#0b0f14",
            background_fill_alpha=0.66,
            padding=(6, 3),
            border_radius=4,
            text_font=value(looks.FONT),
            text_font_size="11px",
            text_baseline="middle",
            x_offset=10,
        )
        mark = palette.theme("light")["mark"]
        plot.scatter("x", "y", source=self.hover, size=12, fill_color=mark, line_color="#ffffff", line_width=2)
        self._note = Label(
            x=14, y=14, x_units="screen", y_units="screen", text="", text_font=looks.FONT, text_font_size="12px"
        )
        plot.add_layout(self._note)
        plot.add_layout(self._scale_bar())
        plot.on_event(RangesUpdate, self._moved)
        plot.on_event(Tap, self._tapped)
        for name in ("inner_width", "inner_height"):
            plot.on_change(name, self._resized)
        return plot

    def _scale_bar(self) -> ScaleBar:
        return ScaleBar(
            range=self._x,
            unit="m",
            location="bottom_right",
            bar_length=_BAR,
            bar_length_units="screen",
            bar_line_width=3,
            background_fill_color="#0b0f14",
            background_fill_alpha=0.62,
            border_line_color=None,
            bar_line_color="#ffffff",
            label_text_color="#ffffff",
            label_text_font=looks.FONT,
            label_text_font_size="11px",
            padding=7,
            margin=10,
        )

    @property
    def _size(self) -> tuple[int, int]:
        return looks.size(self.figure, 900, 340)

    def _show_image(self) -> None:
        scene, state = self.place.scene, self.place.state
        self._note.text = "" if scene else "no scene under this granule: leadline add PROJECT SCENE"
        shown = self.place.opened and scene is not None and state.image in tiles.images_of(scene)
        self._image.visible = shown
        if scene is None or not shown:
            return
        grid = tiles.grid(scene)
        ident = self.place.pair.scene if self.place.pair else ""
        version = self.place.workspace.version("scenes", ident)
        self._source.update(
            url=f"scene-tiles/{ident}/{state.image}/{state.contrast}/{{Z}}/{{X}}/{{Y}}.png?v={version}",
            x_origin_offset=-grid.left,
            y_origin_offset=grid.edge - grid.top,
            initial_resolution=grid.edge / tiles.TILE,
            max_zoom=grid.levels,
            min_zoom=0,
        )
        if self._image not in self.figure.renderers:
            self.figure.renderers = [self._image, *self.figure.renderers]

    def _fit_scale(self, line: MapLine) -> float:
        """Metres per pixel at which the profile's stretch fills most of the map."""
        (x0, x1), (y0, y1) = line.at(np.array(self.place.state.window))
        width, height = self._size
        return max(abs(x1 - x0) / (_FILL * width), abs(y1 - y0) / (_FILL * height), 0.05)

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
        self._show(Frame(float(cx) + self._offset[0], float(cy) + self._offset[1], scale))

    def _show(self, frame: Frame) -> None:
        width, height = self._size
        half_x, half_y = frame.scale * width / 2, frame.scale * height / 2
        self._asked = frame
        self._x.update(start=frame.x - half_x, end=frame.x + half_x)
        self._y.update(start=frame.y - half_y, end=frame.y + half_y)

    def _resized(self, _name: str, _old: Any, _new: Any) -> None:
        with self.place.guard("fitting the map"):
            self._follow()
            self._draw()
            self._draw_stretch()

    def _moved(self, event: RangesUpdate) -> None:
        """The analyst moved the map: the profile goes to the nearest point of the beam and zooms as much."""
        with self.place.guard("moving the map"):
            state, line = self.place.state, self.place.line(self.place.state.beam)
            width, _ = self._size
            scale = (event.x1 - event.x0) / width
            frame = Frame((event.x0 + event.x1) / 2, (event.y0 + event.y1) / 2, scale)
            if line.empty or scale <= 0:
                return
            x_atc, _ = line.nearest(frame.x, frame.y)
            span = state.span * scale / max(self._asked.scale, 1e-9)
            self._asked = frame
            state.move(origin=ORIGIN, x=x_atc, span=min(span, self._longest()))
            (cx,), (cy,) = line.at(state.x)
            self._offset = (frame.x - float(cx), frame.y - float(cy))
            self._zoom = scale / self._fit_scale(line)
            if not self._served():
                self._draw()

    def _longest(self) -> float:
        low, high = self.place.extent
        return max(1.2 * (high - low), 200.0)

    def _tapped(self, event: Tap) -> None:
        with self.place.guard("choosing a place in the map"):
            reach = _REACH * self._asked.scale
            found = [(*self.place.line(beam).nearest(event.x, event.y), beam) for beam in self.place.beams]
            near = [(away, x_atc, beam) for x_atc, away, beam in found if away <= reach]
            if near:
                _, x_atc, beam = min(near)
                self.place.state.move(beam=beam, x=x_atc)
                return
            x_atc, away = self.place.line(self.place.state.beam).nearest(event.x, event.y)
            if math.isfinite(away):
                self.place.state.move(x=x_atc)

    def _served(self) -> bool:
        """Whether what is drawn still covers the map at about its scale."""
        if self._drawn is None:
            return False
        width, height = self._size
        room = _SERVES * self._drawn.scale
        near = abs(self._asked.x - self._drawn.x) < room * width and abs(self._asked.y - self._drawn.y) < room * height
        return near and abs(self._asked.scale / self._drawn.scale - 1) < 0.05

    def _draw(self) -> None:
        """Beams in sight as runs of one class, the current one wider, and the ends of the profile's stretch."""
        data: dict[str, list[Any]] = {name: [] for name in _EMPTY}
        names: dict[str, list[Any]] = {"x": [], "y": [], "name": []}
        for beam in sorted(self.place.beams, key=lambda name: name != self.place.state.beam):
            with self.place.guard(f"drawing beam {beam}"):
                self._draw_beam(beam, data, names)
        data = {name: rows[::-1] for name, rows in data.items()}
        self._lines.data = data
        self._names.data = names
        self._drawn = self._asked

    def _draw_beam(self, beam: str, data: dict[str, list[Any]], names: dict[str, list[Any]]) -> None:
        line = self.place.line(beam)
        start, end = self._in_sight(line)
        if start >= end:
            return
        current = beam == self.place.state.beam
        edges, ranks = np.array([[start, end]]), np.ones(1, np.int64)
        with self.place.guard(f"reading the classes of beam {beam}"):
            edges, ranks = self._runs(beam, start, end)
        lut = palette.class_lut("scene")
        for rank in np.unique(ranks):
            x, y = _pieces(line, edges[ranks == rank])
            data["xs"].append(x)
            data["ys"].append(y)
            data["colour"].append(str(lut[rank - 1]))
            data["width"].append(6.0 if current else 3.0)
            data["edge"].append(9.0 if current else 5.5)
        self._name_beam(beam, line, (start, end), names)

    def _name_beam(self, beam: str, line: MapLine, sight: tuple[float, float], names: dict[str, list[Any]]) -> None:
        (x,), (y,) = line.at(self._name_place(line, *sight))
        crowd = [np.hypot(x - ox, y - oy) for ox, oy in zip(names["x"], names["y"], strict=True)]
        if beam != self.place.state.beam and min(crowd, default=np.inf) < _CROWD * self._asked.scale:
            return
        for name, entry in (("x", x), ("y", y), ("name", beam)):
            names[name].append(entry)

    def _name_place(self, line: MapLine, start: float, end: float) -> float:
        """Along-track distance near the upper edge of the map, where a beam's name is out of the way."""
        along = np.linspace(start, end, 400)
        x, y = line.at(along)
        width, height = self._size
        inside = np.abs(x - self._asked.x) < 0.46 * width * self._asked.scale
        inside &= np.abs(y - self._asked.y) < 0.44 * height * self._asked.scale
        return float(along[inside][np.argmax(y[inside])]) if inside.any() else (start + end) / 2

    def _in_sight(self, line: MapLine) -> tuple[float, float]:
        """Along-track distances between which the beam crosses the map, with a margin of half a map."""
        width, height = self._size
        half_x, half_y = self._asked.scale * width, self._asked.scale * height
        seen = (np.abs(line.x - self._asked.x) <= half_x) & (np.abs(line.y - self._asked.y) <= half_y)
        rows = np.flatnonzero(seen)
        if len(rows) == 0:
            x_atc, away = line.nearest(self._asked.x, self._asked.y)
            reach = max(half_x, half_y)
            if not away < reach:
                return 0.0, 0.0
            return max(x_atc - reach, float(line.x_atc[0])), min(x_atc + reach, float(line.x_atc[-1]))
        low, high = max(rows[0] - 1, 0), min(rows[-1] + 1, len(line.x_atc) - 1)
        return float(line.x_atc[low]), float(line.x_atc[high])

    def _runs(self, beam: str, start: float, end: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Edges (n, 2) of the stretches of one class, at the detail of the screen, and their drawing ranks."""
        if not self.place.workspace.has_track(self.place.state.granule, beam):
            return np.array([[start, end]]), np.ones(1, np.int64)
        track = self.place.workspace.track(self.place.state.granule, beam)
        start, end, bins = detail.cells(start, end, track.window, _RUNS)
        rows = detail.rows_in(track.x_atc, start, end)
        seen = self.place.ranks(beam, self.place.source_of(beam), rows)
        ranks = detail.column_ranks(track.x_atc[rows], seen, start, end, bins)
        cuts = np.flatnonzero(np.diff(ranks)) + 1
        firsts, lasts = np.concatenate([[0], cuts]), np.concatenate([cuts, [bins]])
        filled = ranks[firsts] > 0
        width = (end - start) / bins
        edges = np.column_stack([start + firsts * width, start + lasts * width])[filled]
        return edges, ranks[firsts][filled]

    def _draw_stretch(self) -> None:
        line = self.place.line(self.place.state.beam)
        if line.empty or math.isnan(self.place.state.x):
            self._clear_stretch()
            return
        part = line.between(*self.place.state.window)
        self._stretch.data = {"xs": [part.x], "ys": [part.y]}
        tick = 13.0 * self._asked.scale
        (x0, x1), (y0, y1) = line.at(np.array(self.place.state.window))
        length = math.hypot(x1 - x0, y1 - y0) or 1.0
        across_x, across_y = -(y1 - y0) / length * tick, (x1 - x0) / length * tick
        xs, ys = np.array([x0, x1]), np.array([y0, y1])
        self._ends.data = {"x0": xs - across_x, "y0": ys - across_y, "x1": xs + across_x, "y1": ys + across_y}


def _pieces(line: MapLine, edges: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Stretches of a beam as one broken line. A long stretch gets points in between, since a track bends."""
    steps = int(np.clip((edges[:, 1] - edges[:, 0]).max() / _BEND, 1, 60))
    along = np.linspace(edges[:, 0], edges[:, 1], steps + 1, axis=1)
    x, y = line.at(along.ravel())
    hole = np.full((len(edges), 1), np.nan)
    return (
        np.concatenate([x.reshape(along.shape), hole], axis=1).ravel(),
        np.concatenate([y.reshape(along.shape), hole], axis=1).ravel(),
    )


def hover_link(profile: figure, hover: ColumnDataSource, knots: ColumnDataSource) -> None:
    """Mark in the map the spot under the mouse in the profile, in the browser alone."""
    code = """
      const {x_atc, x, y} = knots.data
      const at = cb_obj.x
      if (!x_atc.length || at < x_atc[0] || at > x_atc[x_atc.length - 1]) { hover.data = {x: [], y: []}; return }
      let low = 0, high = x_atc.length - 1
      while (high - low > 1) { const mid = (low + high) >> 1; if (x_atc[mid] <= at) low = mid; else high = mid }
      const share = (at - x_atc[low]) / (x_atc[high] - x_atc[low])
      hover.data = {x: [x[low] + share * (x[high] - x[low])], y: [y[low] + share * (y[high] - y[low])]}
    """
    profile.js_on_event("mousemove", CustomJS(args={"hover": hover, "knots": knots}, code=code))
    leave = CustomJS(args={"hover": hover}, code="hover.data = {x: [], y: []}")
    profile.js_on_event("mouseleave", leave)
