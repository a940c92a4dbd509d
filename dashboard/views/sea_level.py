"""Freeboard along the track: heights with the five sea surfaces above, freeboard with its uncertainty below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from bokeh.events import RangesUpdate
from bokeh.models import ColumnDataSource, CrosshairTool, NumeralTickFormatter, Range1d, Span
from bokeh.plotting import figure
from numpy.typing import NDArray

from dashboard import detail, palette
from dashboard.place import Place
from dashboard.state import Change
from dashboard.tracks import SURFACES, SeaLevel, Track
from dashboard.views import figure as looks
from dashboard.views.along_track import NO_IMAGE, AlongTrack, Stretch
from processing.schema import SeaSurfaceSource

_BINS = 900
_POINTS = 6_000
_CROWD = 60
_HOLE = 500.0
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
        plot.image_rgba("image", "x", "y", "dw", "dh", source=self.image)
        self.glyphs = plot.scatter("x", "y", source=self.points, size=3.5, color="colour", line_color=None)

    def clear(self) -> None:
        self.image.data, self.points.data = dict(NO_IMAGE), dict(_POINT)


class SeaLevelView(AlongTrack):
    """``heights`` and ``freeboard`` are figures that share the along-track axis."""

    def __init__(self, place: Place, theme: str, x_range: Range1d) -> None:
        super().__init__(place, theme, x_range)
        self.heights, self.freeboard = self._figure("Height (m)"), self._figure("Freeboard (m)")
        self._build_heights()
        self._build_freeboard()
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
        colour = palette.surface("robust", theme).colour
        self._between.glyph.line_color = colour
        self._leads.glyph.update(fill_color=palette.class_colour(2, theme), line_color=ink["card"])
        self._band.glyph.update(fill_color=ink["ink"])
        self._mean.glyph.line_color = ink["ink"]
        self._zero.line_color = ink["soft"]
        self._companion.glyph.line_color = ink["mark"]
        self._mark.line_color = ink["mark"]

    def update(self, change: Change) -> None:
        self._mark.location = self.place.state.x - self.place.origin
        super().update(change)

    def _draw(self, stretch: Stretch) -> None:
        level = self.place.sea_level
        if level is None:
            self._clear()
            return
        track = self.place.track
        rows = detail.rows_in(track.x_atc, stretch.start, stretch.end)
        inner = detail.rows_in(track.x_atc, *self.place.state.window)
        ranks = self.place.ranks(track.beam, self.place.source, rows)
        self._fit_height(self.heights, _near_the_sea(track.height_mean[inner]), 0.5)
        self._fit_height(self.freeboard, level.freeboard[inner], 0.4)
        for layer, plot, values, sigma in (
            (self._ice, self.heights, track.height_mean, level.sigma),
            (self._above, self.freeboard, level.freeboard, level.freeboard_sigma),
        ):
            points = Points(track.x_atc[rows], values[rows], ranks, sigma[rows])
            self._show_points(layer, points, self._view(plot, stretch))
        self._draw_surfaces(track, level, stretch)
        self._draw_band(track, level, stretch)
        self._draw_companion(stretch)

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
        self._lead = ColumnDataSource({"x": [], "y": [], "n": [], "km": []})
        self._surfaces = {}
        for name in SURFACES:
            chosen = name == "robust"
            self._surfaces[name] = self.heights.line(
                "x", "y", source=self._level[name], line_width=2.4 if chosen else 1.5,
                line_dash=palette.surface(name, "light").dash)  # fmt: skip
        self._between = self.heights.line("x", "y", source=self._guessed, line_width=7, line_alpha=0.28)
        self._leads = self.heights.scatter("x", "y", source=self._lead, marker="inverted_triangle", size=10)
        facts = [("Lead", "@n segments"), ("Along track", "@km{0.000} km"), ("Mean height", "@y{0.000} m")]
        self.heights.add_tools(looks.hover(self._leads, facts))

    def _build_freeboard(self) -> None:
        self._above = Layer(self.freeboard)
        self._spread = ColumnDataSource({"xs": [], "ys": []})
        self._line = ColumnDataSource(dict(_LINE))
        self._band = self.freeboard.patches("xs", "ys", source=self._spread, fill_alpha=0.22, line_color=None)
        self._mean = self.freeboard.line("x", "y", source=self._line, line_width=1.6)
        self._nasa = ColumnDataSource({"x": [], "y": [], "km": []})
        self._companion = self.freeboard.line("x", "y", source=self._nasa, line_width=1.4, line_alpha=0.9)
        facts = [("ATL10", "@y{0.000} m"), ("Along track", "@km{0.000} km")]
        self.freeboard.add_tools(looks.hover(self._companion, facts))
        self._zero = Span(location=0, dimension="width", line_width=1, line_dash="dashed")
        self._mark = Span(location=0, dimension="height", line_width=1, line_dash="dotted")
        self.freeboard.add_layout(self._zero)
        self.freeboard.add_layout(self._mark)
        facts = [("Along track", "@km{0.000} km"), ("Freeboard", "@y{0.000} m"), ("Uncertainty", "@sigma{0.000} m")]
        self.freeboard.add_tools(looks.hover(self._above.glyphs, facts))

    @property
    def _drawable(self) -> bool:
        return self.place.granule is not None and self.place.has_segments

    def _clear(self) -> None:
        self._ice.clear()
        self._above.clear()
        for source in (*self._level.values(), self._guessed, self._line):
            source.data = dict(_LINE)
        self._spread.data = {"xs": [], "ys": []}
        self._nasa.data = {"x": [], "y": [], "km": []}
        self._lead.data = {"x": [], "y": [], "n": [], "km": []}

    def _show_points(self, layer: Layer, points: Points, view: detail.View) -> None:
        colours = palette.class_lut(self.theme)
        if len(points.x) <= _POINTS:
            x = points.x - self.place.origin
            layer.image.data = dict(NO_IMAGE)
            layer.points.data = {
                "x": x,
                "y": points.y,
                "colour": colours[points.rank - 1],
                "sigma": points.sigma,
                "km": x / 1000,
            }
            return
        top: NDArray[np.integer] = detail.highest(points.x, points.y, points.rank, view)
        if len(points.x) < _CROWD * view.width:
            top = detail.thicken(top, 1)
        lut = np.array([0, *(palette.rgba(str(colour), 170) for colour in colours)], np.uint32)
        layer.points.data = dict(_POINT)
        layer.image.data = self._picture(lut[top], view)

    def _draw_surfaces(self, track: Track, level: SeaLevel, stretch: Stretch) -> None:
        start, end, origin = stretch.start, stretch.end, self.place.origin
        for name, source in self._level.items():
            bins = detail.gather(track.x_atc, level.surfaces[name], start, end, _BINS)
            source.data = _joined(bins, origin)
            chosen = name == level.estimator
            self._surfaces[name].glyph.update(line_width=2.8 if chosen else 1.4, line_alpha=1.0 if chosen else 0.8)
        self._between.glyph.line_color = palette.surface(level.estimator, self.theme).colour
        guessed = np.where(level.source == SeaSurfaceSource.INTERPOLATED, level.chosen, np.nan).astype(np.float32)
        bins = detail.gather(track.x_atc, guessed, start, end, _BINS)
        self._guessed.data = {"x": bins.centre - origin, "y": bins.mean}
        self._draw_leads(track, level, stretch)

    def _draw_leads(self, track: Track, level: SeaLevel, stretch: Stretch) -> None:
        rows = detail.rows_in(track.x_atc, stretch.start, stretch.end)
        ident = level.lead_id[rows]
        lead = ident >= 0
        numbers, where, count = np.unique(ident[lead], return_inverse=True, return_counts=True)
        if len(numbers) == 0:
            self._lead.data = {"x": [], "y": [], "n": [], "km": []}
            return
        x = np.bincount(where, track.x_atc[rows][lead]) / count - self.place.origin
        y = np.bincount(where, np.nan_to_num(track.height_mean[rows][lead])) / count
        self._lead.data = {"x": x, "y": y, "n": count, "km": x / 1000}

    def _draw_band(self, track: Track, level: SeaLevel, stretch: Stretch) -> None:
        start, end, origin = stretch.start, stretch.end, self.place.origin
        mean = detail.gather(track.x_atc, level.freeboard, start, end, _BINS)
        sigma = detail.gather(track.x_atc, level.freeboard_sigma, start, end, _BINS)
        x = mean.centre - origin
        self._line.data = {"x": x, "y": mean.mean} if self.binned > 4.0 else dict(_LINE)
        self._spread.data = _ribbons(x, mean.mean - sigma.mean, mean.mean + sigma.mean)

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


def _near_the_sea(heights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Heights without the ridges, so that the sea surfaces have room; freeboard shows the ridges below."""
    good = heights[np.isfinite(heights)]
    return good if len(good) == 0 else good[good <= np.percentile(good, 96.0)]


def _ribbons(
    x: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
) -> dict[str, list[NDArray[np.float64]]]:
    """Closed outlines between ``low`` and ``high``, one for each run of bins without a hole."""
    good = np.isfinite(low) & np.isfinite(high)
    starts = np.flatnonzero(good & ~np.concatenate([[False], good[:-1]]))
    ends = np.flatnonzero(good & ~np.concatenate([good[1:], [False]])) + 1
    pieces = [slice(start, end) for start, end in zip(starts, ends, strict=True)]
    return {
        "xs": [np.concatenate([x[piece], x[piece][::-1]]) for piece in pieces],
        "ys": [np.concatenate([low[piece], high[piece][::-1]]) for piece in pieces],
    }


def _joined(bins: detail.Bins, origin: float) -> dict[str, NDArray[np.float64]]:
    """A line through the filled bins, broken where the track has a hole of more than 1 km."""
    filled = np.flatnonzero(bins.count)
    x, y = bins.centre[filled] - origin, bins.mean[filled]
    holes = np.flatnonzero(np.diff(x) > max(1_000.0, 2.5 * bins.width)) + 1
    return {"x": np.insert(x, holes, np.nan), "y": np.insert(y, holes, np.nan)}
