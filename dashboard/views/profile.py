"""The height profile: photons, segments by class and the sea surface, over a stretch of track."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from bokeh.events import RangesUpdate
from bokeh.models import (
    ColumnDataSource,
    CustomJSHover,
    LinearColorMapper,
    NumeralTickFormatter,
    Range1d,
)
from bokeh.plotting import figure
from numpy.typing import NDArray

from dashboard import detail, palette
from dashboard.place import Place
from dashboard.tracks import Track
from dashboard.views import figure as looks
from dashboard.views.along_track import (
    NO_IMAGE,
    AlongTrack,
    Later,
    Reading,
    Stretch,
    class_mapper,
    class_palette,
    label_ranks,
)

PHOTON_REACH = 30_000.0
"""Longest stretch whose photons are drawn, m; beyond it the segments tell more."""

_LEAST_HEIGHT = 1.0
_LEVELS = 800
_ENOUGH = 20_000
"""Segments that tell what heights there are."""

_GLYPH_PHOTONS = 6_000
_GLYPH_SEGMENTS = 5_000
_CONFIDENCE = ("noise", "noise", "noise", "buffer", "low", "medium", "high")
_NONE: dict[str, list[Any]] = {"x": [], "y": [], "rank": []}
_SEGMENTS: dict[str, list[Any]] = {name: [] for name in ("x0", "x1", "x", "y", "rank", "spread", "rate", "km")}


class Profile(AlongTrack):
    """Height over along-track distance. ``later`` runs a call on the page's own thread."""

    drawn_anew_by = ("granule", "beam", "source", "run")

    def __init__(self, place: Place, theme: str, x_range: Range1d, later: Later) -> None:
        super().__init__(place, theme, x_range)
        self.y = Range1d(-0.5, 1.5)
        self._reading = Reading(place, later)
        self.figure = self._build()
        self.paint(theme)

    def paint(self, theme: str) -> None:
        """Follow the theme. Data are drawn as ranks, so that only their colours change."""
        self.theme = theme
        looks.paint(self.figure, theme)
        self._classes.palette = class_palette(theme)
        named = palette.confidence_colours(theme)
        self._confidence.palette = ["#00000000", *(named[name] for name in _CONFIDENCE)]
        self._surface.glyph.line_color = palette.surface("robust", theme).colour

    def _draw(self, stretch: Stretch) -> None:
        """Segments now, photons when they are read."""
        self._draw_track(stretch)
        self._ask_photons(stretch)

    def _relabel(self, stretch: Stretch) -> None:
        """Segments in their present colours; photons stay."""
        if not self.place.has_segments:
            return
        track = self.place.track
        rows = detail.rows_in(track.x_atc, stretch.start, stretch.end)
        if rows.stop - rows.start > _GLYPH_SEGMENTS:
            self._draw_segments(track, rows, stretch)
            return
        ranks, shown = label_ranks(self.place, rows), np.asarray(self.segments.data["rank"])
        changed = np.flatnonzero(ranks != shown)
        if len(changed):
            part = slice(int(changed[0]), int(changed[-1]) + 1)
            self.segments.patch({"rank": [(part, ranks[part])]})

    def _clear(self) -> None:
        self._reading.drop()
        self._clear_segments()
        self._clear_photons()

    def _draw_track(self, stretch: Stretch) -> None:
        if not self.place.has_segments:
            self._clear_segments()
            self._fit_height(self.figure, np.zeros(0, np.float32), _LEAST_HEIGHT)
            return
        track = self.place.track
        rows = detail.rows_in(track.x_atc, stretch.start, stretch.end)
        inner = detail.rows_in(track.x_atc, *self.place.state.window)
        some = slice(inner.start, inner.stop, max(1, (inner.stop - inner.start) // _ENOUGH))
        mean, spread = track.height_mean[some], track.height_std[some]
        self._fit_height(self.figure, np.concatenate([mean, mean + spread, mean - spread]), _LEAST_HEIGHT)
        self._draw_segments(track, rows, stretch)
        self._draw_surface(track, stretch)

    def _build(self) -> figure:
        plot = looks.profile_figure(self.x, self.y, sizing_mode="stretch_both", name="profile", min_height=120)
        plot.xaxis.visible = False
        plot.yaxis.axis_label = "Height (m)"
        plot.yaxis.formatter = NumeralTickFormatter(format="0.0[0]")
        self._photon_image = ColumnDataSource(dict(NO_IMAGE))
        self._photons = ColumnDataSource(dict(_NONE))
        self._segment_image = ColumnDataSource(dict(NO_IMAGE))
        self.segments = ColumnDataSource(dict(_SEGMENTS), name="segments")
        self._level = ColumnDataSource({"x": [], "y": []})
        self._classes = class_mapper()
        self._confidence = LinearColorMapper(palette=["#00000000"] * 8, low=-0.5, high=7.5)
        looks.draw(
            plot, "image", "image", "x", "y", "dw", "dh", source=self._photon_image, color_mapper=self._confidence
        )
        looks.draw(
            plot,
            "scatter",
            "x",
            "y",
            source=self._photons,
            size=3,
            color={"field": "rank", "transform": self._confidence},
            line_color=None,
        )
        looks.draw(plot, "image", "image", "x", "y", "dw", "dh", source=self._segment_image, color_mapper=self._classes)
        self._surface = looks.draw(plot, "line", "x", "y", source=self._level, line_width=2)
        bars = looks.draw(
            plot,
            "segment",
            "x0",
            "y",
            "x1",
            "y",
            source=self.segments,
            line_color={"field": "rank", "transform": self._classes},
            line_width=4,
            line_cap="round",
        )
        self._add_hover(plot, bars)
        plot.on_event(RangesUpdate, self._moved)
        self._follow_size(plot)
        return plot

    def _add_hover(self, plot: figure, bars: Any) -> None:
        rows = [("Class", "@rank{custom}"), ("Along track", "@km{0.000} km"), ("Height", "@y{0.000} m"),
                ("Spread", "@spread{0.000} m"), ("Photons a shot", "@rate{0.0}")]  # fmt: skip
        names = ["", *(palette.class_name(code) for code in (-1, 0, 1, 2))]
        named = CustomJSHover(args={"names": names}, code="return names[value]")
        plot.add_tools(looks.hover(bars, rows, formatters={"@rank": named}, mode="mouse", point_policy="snap_to_data"))

    def _clear_segments(self) -> None:
        self.segments.data = dict(_SEGMENTS)
        self._segment_image.data = dict(NO_IMAGE)
        self._level.data = {"x": [], "y": []}

    def _draw_segments(self, track: Track, rows: slice, stretch: Stretch) -> None:
        ranks = label_ranks(self.place, rows)
        if rows.stop - rows.start > _GLYPH_SEGMENTS:
            view = self._view(self.figure, stretch)
            top = detail.raster(track.x_atc[rows], track.height_mean[rows], ranks, view)
            if len(self.segments.data["x"]):
                self.segments.data = dict(_SEGMENTS)
            self._segment_image.data = self._picture(detail.thicken(top, 1), view)
            return
        x = track.x_atc[rows] - self.place.origin
        self._segment_image.data = dict(NO_IMAGE)
        self.segments.data = {
            "x0": x - track.window / 2,
            "x1": x + track.window / 2,
            "x": x,
            "y": track.height_mean[rows],
            "rank": ranks,
            "spread": track.height_std[rows],
            "rate": track.photon_rate[rows],
            "km": x / 1000.0,
        }

    def _draw_surface(self, track: Track, stretch: Stretch) -> None:
        level = None
        with self.place.guard("reading the sea surface"):
            level = self.place.sea_level
        if level is None:
            self._level.data = {"x": [], "y": []}
            return
        mean = detail.column_means(track.x_atc, level.chosen, stretch.start, stretch.end, _LEVELS)
        width = (stretch.end - stretch.start) / _LEVELS
        centre = stretch.start + (np.arange(_LEVELS) + 0.5) * width - self.place.origin
        filled = np.isfinite(mean)
        self._level.data = {"x": centre[filled], "y": mean[filled]}

    def _ask_photons(self, stretch: Stretch) -> None:
        if stretch.end - stretch.start > PHOTON_REACH:
            self._reading.drop()
            self._clear_photons()
            return
        state, workspace, view = self.place.state, self.place.workspace, self._view(self.figure, stretch)
        granule, beam = state.granule, state.beam
        low, high = self.place.extent
        start, end = max(stretch.start, low), min(stretch.end, high)

        def read() -> PhotonDrawing:
            found = _read_photons(workspace.photons(granule, beam, start, end), stretch) if start < end else None
            return _draw_photons(found, view)

        self._reading.ask(read, lambda drawn: self._place_photons(view, drawn), self._no_photons)

    def _no_photons(self, line: str) -> None:
        self._clear_photons()
        self.place.tell(f"photons cannot be shown: {line}", "warning")

    def _clear_photons(self) -> None:
        self._photon_image.data = dict(NO_IMAGE)
        self._photons.data = dict(_NONE)

    def _place_photons(self, view: detail.View, drawn: PhotonDrawing) -> None:
        if drawn.pixels is not None:
            self._photons.data = dict(_NONE)
            self._photon_image.data = self._picture(drawn.pixels, view)
            return
        self._photon_image.data = dict(NO_IMAGE)
        self._photons.data = {"x": drawn.x - self.place.origin, "y": drawn.y, "rank": drawn.rank}


@dataclass(frozen=True)
class PhotonDrawing:
    """Photons ready to show: as pixels, or as points when few; ``rank`` 1 (noise) to 7 (high confidence)."""

    pixels: NDArray[np.uint8] | None
    x: NDArray[np.float64]
    y: NDArray[np.float32]
    rank: NDArray[np.int8]


_NOTHING = PhotonDrawing(None, np.zeros(0), np.zeros(0, np.float32), np.zeros(0, np.int8))


@dataclass(frozen=True)
class _Photons:
    x: NDArray[np.float64]
    y: NDArray[np.float32]
    rank: NDArray[np.int8]


def _read_photons(cells: list[Any], stretch: Stretch) -> _Photons | None:
    """Photons of the stretch; rank 1 (noise) to 7 (high confidence)."""
    if not cells:
        return None
    x = np.concatenate([cell.x_atc for cell in cells])
    inside = (x >= stretch.start) & (x <= stretch.end)
    rank = np.concatenate([cell.confidence for cell in cells])[inside] + 3
    height = np.concatenate([cell.height for cell in cells])[inside]
    return _Photons(x[inside], height, np.clip(rank, 1, 7).astype(np.int8))


def _draw_photons(photons: _Photons | None, view: detail.View) -> PhotonDrawing:
    if photons is None:
        return _NOTHING
    seen = (view.y[0] <= photons.y) & (photons.y <= view.y[1])
    if seen.sum() <= _GLYPH_PHOTONS:
        return PhotonDrawing(None, photons.x[seen], photons.y[seen], photons.rank[seen])
    top = detail.highest(photons.x[seen], photons.y[seen], photons.rank[seen], view)
    return PhotonDrawing(top.astype(np.uint8), _NOTHING.x, _NOTHING.y, _NOTHING.rank)
