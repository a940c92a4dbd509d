"""Freeboard along the track: heights with the five sea surfaces above, freeboard with its uncertainty below."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from bokeh.events import RangesUpdate
from bokeh.models import ColumnDataSource, CrosshairTool, NumeralTickFormatter, Range1d, Span
from bokeh.plotting import figure
from numpy.typing import NDArray

from dashboard import detail, palette
from dashboard.level_shown import ShownLevel
from dashboard.live_level import Level
from dashboard.place import Place
from dashboard.state import Change
from dashboard.tracks import SURFACES, Track
from dashboard.views import figure as looks
from dashboard.views.along_track import NO_IMAGE, AlongTrack, Stretch, class_mapper, class_palette
from dashboard.views.level_marks import LevelMarks

_BINS = 900
_POINTS = 6_000
_DOT = 2
"""Edge of the squares that many segments are drawn as, pixels."""

_HOLE = 500.0
_LOOKED_AT = 20_000
_LINE: dict[str, list[Any]] = {"x": [], "y": []}
_POINT: dict[str, list[Any]] = {"x": [], "y": [], "colour": [], "sigma": [], "km": []}


@dataclass(frozen=True)
class Points:
    """Segments of a stretch: ``x`` along-track m, ``y`` and its uncertainty ``sigma`` m, drawing ``rank`` by class."""

    x: NDArray[np.float64]
    y: NDArray[np.float32]
    rank: NDArray[np.int8]
    sigma: NDArray[np.float32]


class Layer:
    """Points coloured by class: real ones when few, pixels when many."""

    def __init__(self, plot: figure) -> None:
        self.image = ColumnDataSource(dict(NO_IMAGE))
        self.points = ColumnDataSource(dict(_POINT))
        self.colours = class_mapper()
        looks.draw(plot, "image", "image", "x", "y", "dw", "dh", source=self.image, color_mapper=self.colours)
        self.glyphs = looks.draw(plot, "scatter", "x", "y", source=self.points, size=3.5, fill_color="colour",
                                 line_color=None)  # fmt: skip

    def paint(self, theme: str) -> None:
        self.colours.palette = [colour if len(colour) == 9 else f"{colour}aa" for colour in class_palette(theme)]

    def clear(self) -> None:
        self.image.data, self.points.data = dict(NO_IMAGE), dict(_POINT)


class SeaLevelView(AlongTrack):
    """``heights`` and ``freeboard`` are figures that share the along-track axis; ``shown`` says what they show."""

    drawn_anew_by = ("granule", "beam", "source", "run", "theme")

    def __init__(self, place: Place, theme: str, x_range: Range1d, shown: ShownLevel) -> None:
        super().__init__(place, theme, x_range)
        self.shown = shown
        self._level_drawn: Level | None = None
        self.heights, self.freeboard = self._figure("Height (m)"), self._figure("Freeboard (m)")
        self._build_heights()
        self._build_freeboard()
        self.marks = LevelMarks(place, self.heights, self.freeboard)
        self.paint(theme)

    @property
    def binned(self) -> float:
        """Length over which the lines are averaged, m."""
        return 0.0 if self.drawn is None else (self.drawn.end - self.drawn.start) / _BINS

    def paint(self, theme: str) -> None:
        self.theme = theme
        self.drawn = None
        ink = palette.theme(theme)
        for plot in (self.heights, self.freeboard):
            looks.paint(plot, theme)
        for name, line in self._surfaces.items():
            line.glyph.line_color = palette.surface(name, theme).colour
        for layer in (self._ice, self._above):
            layer.paint(theme)
        self._band.glyph.update(fill_color=ink["ink"])
        self._mean.glyph.line_color = ink["ink"]
        self._zero.line_color = ink["soft"]
        self._companion.glyph.line_color = ink["mark"]
        self.marks.paint(theme)

    def update(self, change: Change) -> None:
        if not same_picture(self._level_drawn, self.shown.level, self.drawn):
            self.drawn = None
        self._level_drawn = self.shown.level
        super().update(change)
        if self.place.opened:
            self.marks.follow(self.shown)

    def _draw(self, stretch: Stretch) -> None:
        level = self._level_drawn = self.shown.level
        if level is None:
            self._clear()
            return
        track = self.place.track
        rows = detail.rows_in(track.x_atc, stretch.start, stretch.end)
        inner = detail.rows_in(track.x_atc, *self.place.state.window)
        few = slice(inner.start, inner.stop, max(1, (inner.stop - inner.start) // _LOOKED_AT))
        ranks = self._ranks(track, rows)
        self._fit_height(self.heights, _near_the_sea(level.height[few]), 0.5)
        self._fit_height(self.freeboard, level.sea.freeboard[few], 0.4)
        for layer, plot, values, sigma in (
            (self._ice, self.heights, level.height, level.sea.sigma),
            (self._above, self.freeboard, level.sea.freeboard, level.sea.freeboard_sigma),
        ):
            points = Points(track.x_atc[rows], values[rows], ranks, sigma[rows])
            self._show_points(layer, points, self._view(plot, stretch))
        self._draw_surfaces(track, level, stretch)
        self._draw_band(track, level, stretch)
        self._draw_companion(stretch)
        self.marks.draw(track, level, stretch)

    def _ranks(self, track: Track, rows: slice) -> NDArray[np.int8]:
        source = self.place.source
        if source is None:
            return np.ones(len(track.segment[rows]), np.int8)
        return np.asarray(self.place.workspace.classes(track.granule, track.beam, source)[rows] + np.int8(2))

    def _figure(self, label: str) -> figure:
        name = label.split(" ", maxsplit=1)[0].lower()
        plot = looks.profile_figure(
            self.x, Range1d(-0.5, 1.5), sizing_mode="stretch_both", name=f"level-{name}", min_height=110
        )
        plot.xaxis.visible = False
        plot.yaxis.axis_label = label
        plot.yaxis.formatter = NumeralTickFormatter(format="0.0[0]")
        plot.on_event(RangesUpdate, self._moved)
        self._follow_size(plot)
        plot.add_tools(
            CrosshairTool(overlay=Span(dimension="height", line_width=1, line_dash="dashed", line_color="#8b929c"))
        )
        return plot

    def _build_heights(self) -> None:
        self._ice = Layer(self.heights)
        self._level = {name: ColumnDataSource(dict(_LINE)) for name in SURFACES}
        self._guessed = ColumnDataSource(dict(_LINE))
        self._between = looks.draw(self.heights, "line", "x", "y", source=self._guessed, line_width=9, line_alpha=0.38)
        self._surfaces = {
            name: looks.draw(self.heights, "line", "x", "y", source=source, line_width=1.5,
                             line_dash=palette.surface(name, "light").dash)
            for name, source in self._level.items()
        }  # fmt: skip

    def _build_freeboard(self) -> None:
        self._above = Layer(self.freeboard)
        self._spread = ColumnDataSource(dict(_LINE))
        self._line = ColumnDataSource(dict(_LINE))
        self._band = looks.draw(self.freeboard, "patch", "x", "y", source=self._spread, fill_alpha=0.22,
                                line_color=None)  # fmt: skip
        self._mean = looks.draw(self.freeboard, "line", "x", "y", source=self._line, line_width=1.6)
        self._nasa = ColumnDataSource({"x": [], "y": [], "km": []})
        self._companion = looks.draw(self.freeboard, "line", "x", "y", source=self._nasa, line_width=1.4,
                                     line_alpha=0.9)  # fmt: skip
        facts = [("ATL10", "@y{0.000} m"), ("Along track", "@km{0.000} km")]
        self.freeboard.add_tools(looks.hover(self._companion, facts))
        self._zero = Span(location=0, dimension="width", line_width=1, line_dash="dashed")
        self.freeboard.add_layout(self._zero)
        facts = [("Along track", "@km{0.000} km"), ("Freeboard", "@y{0.000} m"), ("Uncertainty", "@sigma{0.000} m")]
        self.freeboard.add_tools(looks.hover(self._above.glyphs, facts))

    @property
    def _drawable(self) -> bool:
        return self.place.granule is not None and self.place.has_segments

    def _clear(self) -> None:
        self._ice.clear()
        self._above.clear()
        for source in (*self._level.values(), self._guessed, self._line, self._spread):
            source.data = dict(_LINE)
        self._nasa.data = {"x": [], "y": [], "km": []}
        self.marks.clear()

    def _show_points(self, layer: Layer, points: Points, view: detail.View) -> None:
        if len(points.x) <= _POINTS:
            x = points.x - self.place.origin
            layer.image.data = dict(NO_IMAGE)
            layer.points.data = {
                "x": x,
                "y": points.y,
                "colour": palette.class_lut(self.theme)[points.rank - 1],
                "sigma": points.sigma,
                "km": x / 1000,
            }
            return
        coarse = replace(view, width=max(view.width // _DOT, 1), height=max(view.height // _DOT, 1))
        top = detail.raster(points.x, points.y, points.rank, coarse)
        if len(layer.points.data["x"]):
            layer.points.data = dict(_POINT)
        layer.image.data = self._picture(top, coarse)

    def _draw_surfaces(self, track: Track, level: Level, stretch: Stretch) -> None:
        origin = self.place.origin
        rows = sampled(track.x_atc, stretch.start, stretch.end, _BINS)
        x, holes = track.x_atc[rows] - origin, np.flatnonzero(np.diff(track.x_atc[rows]) > _hole(self.binned)) + 1
        for name, source in self._level.items():
            source.data = {
                "x": np.insert(x, holes, np.nan),
                "y": np.insert(level.sea.surfaces[name][rows], holes, np.nan),
            }
            chosen = name == level.sea.estimator
            self._surfaces[name].glyph.update(line_width=2.8 if chosen else 1.4, line_alpha=1.0 if chosen else 0.7)
        self._between.glyph.line_color = palette.surface(level.sea.estimator, self.theme).colour
        guessed = np.where(level.sea.source[rows] == 2, level.sea.chosen[rows], np.nan)
        self._guessed.data = {"x": np.insert(x, holes, np.nan), "y": np.insert(guessed, holes, np.nan)}

    def _draw_band(self, track: Track, level: Level, stretch: Stretch) -> None:
        start, end, x = stretch.start, stretch.end, track.x_atc
        mean, sigma = (
            detail.column_means(x, values, start, end, _BINS)
            for values in (level.sea.freeboard, level.sea.freeboard_sigma)
        )
        centre = np.asarray(start + (np.arange(_BINS) + 0.5) * self.binned - self.place.origin, np.float64)
        self._line.data = {"x": centre, "y": mean} if self.binned > 4.0 else dict(_LINE)
        self._spread.data = _ribbons(centre, mean - sigma, mean + sigma)

    def _draw_companion(self, stretch: Stretch) -> None:
        """NASA's segments in the stretch; every n-th of them where they would be a smear."""
        found = self.place.companion
        if found is None:
            self._nasa.data = {"x": [], "y": [], "km": []}
            return
        rows = detail.rows_in(found.x_atc, stretch.start, stretch.end)
        some = slice(rows.start, rows.stop, max(1, (rows.stop - rows.start) // _POINTS))
        x, y = found.x_atc[some] - self.place.origin, found.freeboard[some]
        holes = np.flatnonzero(np.diff(x) > _HOLE) + 1
        x, y = np.insert(x, holes, np.nan), np.insert(y, holes, np.nan)
        self._nasa.data = {"x": x, "y": y, "km": x / 1000}


def sampled(x: NDArray[np.float64], start: float, end: float, bins: int) -> NDArray[np.int64]:
    """Rows of sorted ``x`` nearest behind the middles of equal bins, each once, and the last row before the end.

    Enough to draw what is linear over much longer than a bin, as a sea surface is.
    """
    inside = detail.rows_in(x, start, end)
    if inside.start >= inside.stop:
        return np.zeros(0, np.int64)
    middles = start + (np.arange(bins) + 0.5) * ((end - start) / bins)
    rows = np.clip(np.searchsorted(x, middles), inside.start, inside.stop - 1)
    return np.unique(np.r_[inside.start, rows, inside.stop - 1])


def same_picture(drawn: Level | None, level: Level | None, stretch: Stretch | None) -> bool:
    """Whether a level shows on a stretch what is drawn there: it is the same, or the whole of what was a part."""
    if drawn is None or level is None or drawn is level or stretch is None:
        return drawn is level
    same = drawn.settings == level.settings and drawn.leads is level.leads
    return same and drawn.holds(stretch.start, stretch.end)


def _hole(width: float) -> float:
    return max(1_000.0, 2.5 * width)


def _near_the_sea(heights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Heights without the ridges, so that the sea surfaces have room; freeboard shows the ridges below."""
    good = heights[np.isfinite(heights)]
    return good if len(good) == 0 else good[good <= np.percentile(good, 96.0)]


def _ribbons(
    x: NDArray[np.float64], low: NDArray[np.float32], high: NDArray[np.float32]
) -> dict[str, NDArray[np.float64]]:
    """Closed outlines between ``low`` and ``high``, one for each run of bins without a hole, parted by NaN.

    Bokeh fails to paint several patches of which one goes while they are in sight.
    """
    good = np.isfinite(low) & np.isfinite(high)
    starts = np.flatnonzero(good & ~np.concatenate([[False], good[:-1]]))
    ends = np.flatnonzero(good & ~np.concatenate([good[1:], [False]])) + 1
    pieces = [slice(start, end) for start, end in zip(starts, ends, strict=True)]
    gap = np.array([np.nan])
    xs = [part for piece in pieces for part in (x[piece], x[piece][::-1], gap)]
    ys = [part for piece in pieces for part in (low[piece], high[piece][::-1], gap)]
    return {"x": np.concatenate([*xs, np.empty(0)]), "y": np.concatenate([*ys, np.empty(0)])}
