"""A product's segments along the beam at hand as steps, ours over the same stretches with their uncertainty."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from bokeh.models import BasicTicker, ColumnDataSource, FixedTicker, NumeralTickFormatter, Range1d, Span
from bokeh.plotting import figure

from dashboard import detail, palette
from dashboard.place import Place
from dashboard.state import Change, Later
from dashboard.views import figure as looks
from dashboard.views import product_looks
from dashboard.views.along_track import NO_IMAGE, AlongTrack, Stretch
from dashboard.views.product_along import Along, along, cells, gathered, steps
from dashboard.views.product_gestures import StretchGestures
from processing.core.product_comparison import TrackComparison

_MOST = 1_200
_FINE_SPAN = 60_000.0
"""In views of no more than this (m) our 2 m segments lie behind."""
_LINE: dict[str, list[Any]] = {"x": [], "y": []}
_BAND: dict[str, list[Any]] = {"left": [], "right": [], "bottom": [], "top": []}
_CELLS: dict[str, list[Any]] = {**_BAND, "colour": []}
_ROWS = ((0.74, "ours"), (0.26, "theirs"))
_HALF = 0.19


class ProductProfile(AlongTrack):
    """``figure`` follows the place; ``show`` gives it a beam, ``go`` is called with where it was clicked (m)."""

    drawn_anew_by = ("granule", "beam", "theme")

    def __init__(self, place: Place, theme: str, later: Later, go: Callable[[float], None]) -> None:
        super().__init__(place, theme, Range1d(0, 1000))
        self.track: TrackComparison | None = None
        self.quantity = "freeboard"
        self._values: Along | None = None
        self.figure = self._build()
        self.gestures = StretchGestures(place, later, self.x, [self.figure], go)
        self.paint(theme)

    def paint(self, theme: str) -> None:
        """Follow the theme."""
        self.theme = theme
        self.drawn = None
        looks.paint(self.figure, theme)
        ours, theirs = product_looks.ours(theme), product_looks.theirs(theme)
        self._ours.glyph.line_color = self._band.glyph.fill_color = ours
        self._theirs.glyph.line_color = theirs
        self._picked.glyph.fill_color = product_looks.chosen(theme)
        self._zero.line_color = palette.theme(theme)["soft"]
        self._ssh.glyph.update(fill_color=theirs, line_color=palette.theme(theme)["card"])

    def show(self, track: TrackComparison | None, quantity: str) -> None:
        """Draw a beam's comparison; None where the beam at hand has none."""
        if track is self.track and quantity == self.quantity and self.drawn is not None:
            return
        self.track, self.quantity, self.drawn = track, quantity, None
        self._values = None if track is None or quantity == "classes" else along(track, quantity)
        self._scale_axis(quantity)
        self.update(Change(frozenset()))

    def update(self, change: Change) -> None:
        """Follow the place with what is shown."""
        self.gestures.update(change)
        super().update(change)

    def mark(self, stretch: tuple[float, float] | None, picked: Sequence[tuple[float, float]]) -> None:
        """Show a stretch (m along the track) as chosen, or stretches that were picked elsewhere."""
        self.gestures.mark([stretch] if stretch is not None else [])
        origin = self.place.origin
        if picked or len(self.picked.data["x0"]):
            self.picked.data = {
                "x0": [start - origin for start, _ in picked],
                "x1": [end - origin for _, end in picked],
            }

    def _build(self) -> figure:
        plot = looks.profile_figure(self.x, Range1d(-0.1, 1.0), sizing_mode="stretch_both", name="product-profile")
        plot.min_border_bottom = 40
        plot.xaxis.formatter = looks.kilometre_ticks()
        self.image = ColumnDataSource(dict(NO_IMAGE), name="product-fine")
        plot.image_rgba("image", "x", "y", "dw", "dh", source=self.image)
        self.band = ColumnDataSource(dict(_BAND), name="product-band")
        self.ours, self.theirs = (ColumnDataSource(dict(_LINE), name=f"product-{name}") for name in ("ours", "theirs"))
        self.cells = ColumnDataSource(dict(_CELLS), name="product-cells")
        self.ssh = ColumnDataSource(dict(_LINE), name="product-ssh")
        edges = ("left", "right", "bottom", "top")
        self._band = looks.draw(plot, "quad", *edges, source=self.band, fill_alpha=0.25, line_color=None)
        looks.draw(plot, "quad", *edges, source=self.cells, fill_color="colour", line_color=None)
        self.picked = ColumnDataSource({"x0": [], "x1": []}, name="product-picked")
        self._picked = looks.draw(plot, "vstrip", "x0", "x1", source=self.picked, fill_alpha=0.3, line_color=None,
                                  level="underlay")  # fmt: skip
        self._theirs = looks.draw(plot, "line", "x", "y", source=self.theirs, line_width=3.0, line_alpha=0.8)
        self._ours = looks.draw(plot, "line", "x", "y", source=self.ours, line_width=1.7)
        self._ssh = looks.draw(plot, "scatter", "x", "y", source=self.ssh, size=8, marker="inverted_triangle")
        self._zero = Span(location=0, dimension="width", line_width=1, line_dash="dashed")
        plot.add_layout(self._zero)
        self._follow_size(plot)
        return plot

    def _scale_axis(self, quantity: str) -> None:
        plot, rows = self.figure, quantity == "classes"
        theirs = self.track.product_kind.upper() if self.track else "product"
        plot.xaxis.axis_label = f"Along track (km from {self.place.origin / 1000:,.0f} km after the equator crossing)"
        plot.yaxis.axis_label = product_looks.TITLES[quantity]
        plot.yaxis.formatter = NumeralTickFormatter(format="0" if quantity == "density" else "0.0[0]")
        plot.yaxis.ticker = FixedTicker(ticks=[at for at, _ in _ROWS]) if rows else BasicTicker()
        plot.yaxis.major_label_overrides = {_ROWS[0][0]: "ours", _ROWS[1][0]: theirs} if rows else {}
        plot.ygrid.visible = not rows
        self._zero.visible = quantity in ("freeboard", "height", "sea_surface")
        if rows:
            plot.y_range.update(start=0.0, end=1.0)
        elif quantity == "density" and self._values is not None:
            most = float(np.nanmax(np.concatenate([self._values.ours, self._values.theirs, [1.0]])))
            plot.y_range.update(start=0.0, end=1.1 * most)

    @property
    def _drawable(self) -> bool:
        return self.track is not None

    def _draw(self, stretch: Stretch) -> None:
        self._clear()
        if self.track is None:
            return
        if self._values is None:
            self._draw_cells(self.track, stretch)
        else:
            self._draw_values(self._values, stretch)

    def _draw_values(self, values: Along, stretch: Stretch) -> None:
        origin = self.place.origin
        found = gathered(values, stretch.start, stretch.end, _MOST)
        if self.quantity != "density":
            seen = (found.x + found.length >= stretch.window[0]) & (found.x - found.length <= stretch.window[1])
            shown = np.concatenate([found.ours[seen], found.theirs[seen]])
            self._fit_height(self.figure, shown.astype(np.float32), 0.1 if self.quantity == "sea_surface" else 0.4)
        for source, level in ((self.ours, found.ours), (self.theirs, found.theirs)):
            x, y = steps(found.x, found.length, level)
            source.data = {"x": x - origin, "y": y}
        known = np.isfinite(found.ours) & np.isfinite(found.sigma)
        half = found.length[known] / 2
        self.band.data = {
            "left": found.x[known] - half - origin,
            "right": found.x[known] + half - origin,
            "bottom": found.ours[known] - found.sigma[known],
            "top": found.ours[known] + found.sigma[known],
        }
        self._draw_fine(values, stretch)

    def _draw_fine(self, values: Along, stretch: Stretch) -> None:
        """Our 2 m segments behind, where they do not fill the figure."""
        if len(values.fine_x) == 0 or stretch.window[1] - stretch.window[0] > _FINE_SPAN:
            return
        rows = detail.rows_in(values.fine_x, stretch.start, stretch.end)
        view = self._view(self.figure, stretch)
        good = np.isfinite(values.fine[rows])
        x, y = values.fine_x[rows][good], values.fine[rows][good]
        top = detail.raster(x, y, np.ones(len(x), np.int8), view)
        if len(x) < 6 * view.width:
            top = detail.thicken(top, 1)
        lut = np.array([0, palette.rgba(palette.theme(self.theme)["soft"], 120)], np.uint32)
        self.image.data = self._picture(lut[top], view)

    def _draw_cells(self, track: TrackComparison, stretch: Stretch) -> None:
        origin = self.place.origin
        data: dict[str, list[Any]] = {name: [] for name in _CELLS}
        ours, theirs, ssh = cells(track, stretch.start, stretch.end, _MOST)
        for part, (middle, name) in zip((ours, theirs), _ROWS, strict=True):
            colour = product_looks.type_colour if name == "theirs" else palette.class_colour
            data["left"] += list(part.left - origin)
            data["right"] += list(part.right - origin)
            data["bottom"] += [middle - _HALF] * len(part.code)
            data["top"] += [middle + _HALF] * len(part.code)
            data["colour"] += [colour(int(code), self.theme) for code in part.code]
        self.cells.data = data
        self.ssh.data = {"x": ssh - origin, "y": np.full(len(ssh), 0.5)}

    def _clear(self) -> None:
        for source, none in ((self.image, NO_IMAGE), (self.band, _BAND), (self.ours, _LINE), (self.theirs, _LINE),
                             (self.cells, _CELLS), (self.ssh, _LINE)):  # fmt: skip
            if any(len(column) for column in source.data.values()):
                source.data = dict(none)
