"""Selecting and moving with the mouse on views along the track, and the bands that show what is selected."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, CustomJS, PanTool, Range1d, WheelZoomTool
from bokeh.plotting import figure

from dashboard import palette
from dashboard.controls import STATIC
from dashboard.place import Place
from dashboard.selection import Selection
from dashboard.state import SPANS, Change, Later
from dashboard.views import figure as looks
from dashboard.views.along_track import ORIGIN
from dashboard.views.review_rows import ReviewRows

REACH = 4.0
"""How far beside a zone's mark a click still takes the zone, pixels."""

_ROOM = 1.2
_BAND: dict[str, list[float]] = {"x0": [], "x1": []}


@dataclass(frozen=True)
class Drawn:
    """What a drag selects: along-track ends from the axis' origin, m, in the order they were drawn."""

    start: float
    end: float
    free: bool
    add: bool


@dataclass(frozen=True)
class Moved:
    """The stretch that the figures show now, m from the axis' origin."""

    start: float
    end: float


@dataclass(frozen=True)
class Clicked:
    """A click, or two in one place, on a figure: ``x`` m from the axis' origin, ``scale`` m per pixel."""

    x: float
    y: float = 0.0
    figure: str = ""
    scale: float = 0.0
    twice: bool = False


def understood(message: str) -> Drawn | Moved | Clicked:
    """What the browser tells; raises ValueError when it makes no sense."""
    told = json.loads(message)
    kind = told.get("kind")
    if kind == "select":
        return Drawn(float(told["start"]), float(told["end"]), bool(told["free"]), bool(told["add"]))
    if kind == "move" and told["end"] > told["start"]:
        return Moved(float(told["start"]), float(told["end"]))
    if kind == "run":
        return Clicked(float(told["x"]), twice=True)
    if kind == "click":
        return Clicked(float(told["x"]), float(told["y"]), str(told["figure"]), float(told["scale"]))
    raise ValueError(message)


class SelectionBand:
    """The selection, the zone at hand as a frame about it, and what is being drawn, on any number of figures."""

    def __init__(self) -> None:
        self.chosen = ColumnDataSource(dict(_BAND), name="selected")
        self.zone = ColumnDataSource(dict(_BAND))
        self.preview = ColumnDataSource(dict(_BAND), name="selecting")

    def add_to(self, plot: figure) -> None:
        """Draw the bands on a figure; each edge is light in dark, so that it is seen on ice, water and either card.

        What is selected is tinted behind the data, since a tint over the image and the classes would change the very
        colours that are judged. What is being drawn lies on a layer of its own, so that a drag does not paint the data
        again.
        """
        dark = palette.over_scene("casing")
        zone, chosen = palette.over_scene("zone-at-hand"), palette.over_scene("selection")
        draw = partial(looks.draw, plot, "vstrip", "x0", "x1")
        draw(source=self.zone, fill_alpha=0.0, line_color=zone, line_dash=[6, 4], line_width=2)
        for source, alpha, under, over in (
            (self.chosen, 0.22, "underlay", "glyph"),
            (self.preview, 0.32, "overlay", "overlay"),
        ):
            draw(source=source, fill_color=chosen, fill_alpha=alpha, line_color=None, level=under)
            draw(source=source, fill_alpha=0.0, line_color=dark, line_width=4, line_alpha=0.8, level=over)
            draw(source=source, fill_alpha=0.0, line_color=chosen, line_width=1.6, level=over)

    def follow(self, place: Place) -> None:
        """Show the selection of the current beam and its zone; what was being drawn has become the selection."""
        _show(self.chosen, _selected(place))
        _show(self.zone, _zone(place))


class Gestures:
    """Mouse gestures on the views of a page: they select, pan and zoom. ``later`` runs a call on the page's thread."""

    def __init__(
        self, place: Place, later: Later, x_range: Range1d, figures: Sequence[figure], rows: ReviewRows
    ) -> None:
        self.place = place
        self.later = later
        self.x = x_range
        self.rows = rows
        self.band = SelectionBand()
        self.wire = ColumnDataSource({"message": []})
        self.answer = ColumnDataSource({"n": [0]})
        self.wire.on_change("data", self._told)
        hook = CustomJS(args={"figures": list(figures), "x": x_range, "preview": self.band.preview, "wire": self.wire,
                              "answer": self.answer}, code=_script())  # fmt: skip
        for plot in figures:
            self._take_over(plot, hook)

    def update(self, change: Change) -> None:
        """Show the selection; the widest view is that of the beam."""
        if change.touches("selection", "zone", "granule", "beam", "page"):
            self.band.follow(self.place)
        if change.touches("granule", "beam"):
            low, high = self.place.extent
            self.x.update(min_interval=SPANS[0], max_interval=max(_ROOM * (high - low), 200.0))

    def _take_over(self, plot: figure, hook: CustomJS) -> None:
        """The gestures take the place of the figure's own pan and zoom."""
        plot.toolbar.update(active_drag=None, active_scroll=None)
        plot.tools = [tool for tool in plot.tools if not isinstance(tool, PanTool | WheelZoomTool)]
        self.band.add_to(plot)
        plot.js_on_event("mouseenter", hook)
        for size in ("inner_width", "inner_height"):
            plot.js_on_change(size, hook)

    def _told(self, _name: str, _old: Any, data: Mapping[str, Any]) -> None:
        if not len(data["message"]):
            return
        with self.place.guard("following the mouse"):
            found = understood(data["message"][0])
            if isinstance(found, Moved):
                self._move(found)
            elif isinstance(found, Drawn):
                self._select(found)
            else:
                self._click(found)

    def _move(self, moved: Moved) -> None:
        """Go there, and answer when that is drawn."""
        start, end = moved.start + self.place.origin, moved.end + self.place.origin
        self.place.state.move(origin=ORIGIN, x=(start + end) / 2, span=end - start)
        self.later(self._answer)

    def _answer(self) -> None:
        self.answer.data = {"n": [self.answer.data["n"][0] + 1]}

    def _select(self, drawn: Drawn) -> None:
        """Select, and answer when that is drawn, so that the browser takes back what it drew itself."""
        origin = self.place.origin
        try:
            self.place.desk.select(drawn.start + origin, drawn.end + origin, free=drawn.free, add=drawn.add)
        finally:
            self.later(self._answer)

    def _click(self, clicked: Clicked) -> None:
        desk, x = self.place.desk, clicked.x + self.place.origin
        if clicked.twice:
            desk.select_run(x)
            return
        on_rows = clicked.figure == self.rows.figure.name
        zone = self.rows.zone_at(clicked.x, clicked.y, REACH * clicked.scale) if on_rows else ""
        if zone:
            desk.select_zone(zone)
        else:
            desk.clear()


def _selected(place: Place) -> list[tuple[float, float]]:
    """Ends of what is selected on the current beam, m of the axis; a stretch without photons parts nothing."""
    found: Selection | None = place.state.selection
    if found is None or (found.granule, found.beam) != (place.state.granule, place.state.beam):
        return []
    track = place.track
    rows = np.searchsorted(track.segment, np.array(found.runs))
    begins = np.flatnonzero(np.r_[True, rows[1:, 0] > rows[:-1, 1]])
    ends = np.r_[begins[1:], len(rows)] - 1
    origin, window = place.origin, track.window
    return [
        (found.runs[first][0] * window - origin, found.runs[last][1] * window - origin)
        for first, last in zip(begins, ends, strict=True)
    ]


def _zone(place: Place) -> list[tuple[float, float]]:
    entry = place.desk.zone() if place.state.zone else None
    if entry is None or (entry.granule, entry.beam) != (place.state.granule, place.state.beam):
        return []
    return [(entry.zone.x_start - place.origin, entry.zone.x_end - place.origin)]


def _show(source: ColumnDataSource, ends: list[tuple[float, float]]) -> None:
    wanted = {"x0": [start for start, _ in ends], "x1": [end for _, end in ends]}
    if wanted != {name: list(values) for name, values in source.data.items()}:
        source.data = wanted


@lru_cache(maxsize=1)
def _script() -> str:
    return (STATIC / "gesture.js").read_text(encoding="utf-8")
