"""Ours against a product's, segment by segment: points, or their density where they are many, with the 1:1 line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from bokeh.core.properties import value
from bokeh.events import SelectionGeometry, Tap
from bokeh.models import BoxSelectTool, ColumnDataSource, NumeralTickFormatter, Range1d
from bokeh.palettes import Viridis256
from bokeh.plotting import figure
from numpy.typing import NDArray

from dashboard import detail, palette
from dashboard.beside_products import Pairs
from dashboard.views import figure as looks
from dashboard.views import product_looks
from dashboard.views.along_track import NO_IMAGE
from processing.core.paired import Agreement

MANY = 4_000
"""More pairs than this are drawn as their density."""

_CELLS = 140
_REACH = 10.0
_POINTS: dict[str, list[Any]] = {"x": [], "y": [], "colour": [], "beam": [], "km": []}
_LINE: dict[str, list[Any]] = {"x": [], "y": []}
_TEXT: dict[str, list[Any]] = {"x": [], "y": [], "text": []}

Bools = NDArray[np.bool_]
Box = tuple[float, float, float, float]
"""Left, right, bottom, top, in the quantity's unit."""


class Scatter:
    """``figure``; ``choose`` is called with the box that was drawn, ``open`` with the row of the pair clicked."""

    def __init__(self, theme: str, choose: Callable[[Box], None], go: Callable[[int], None]) -> None:
        self.theme = theme
        self._choose, self._open = choose, go
        self._pairs: Pairs | None = None
        self.x, self.y = Range1d(0, 1), Range1d(0, 1)
        self.figure = self._build()
        self.paint(theme)

    def paint(self, theme: str) -> None:
        """Follow the theme; the points get their colours when they are shown next."""
        self.theme = theme
        looks.paint(self.figure, theme)
        ink = palette.theme(theme)
        self._same.glyph.line_color = ink["soft"]
        self._slope.glyph.line_color = product_looks.ours(theme)
        self._chosen.glyph.update(fill_color=product_looks.chosen(theme), line_color=ink["card"])
        self._told.glyph.update(text_color=ink["ink"], background_fill_color=ink["card"])

    def show(
        self, found: Pairs, told: Agreement, shade: str, names: tuple[str, str], beams: Sequence[str], origin: float
    ) -> None:
        """Draw pairs coloured by our ``class`` or the product's ``type``.

        ``names`` are those of the axes, ``beams`` of each pair's beam; ``origin`` is what distances are told from, m.
        """
        self._pairs = found
        self.figure.xaxis.axis_label, self.figure.yaxis.axis_label = names
        low, high = self._fit(found)
        if len(found) > MANY:
            self.points.data = dict(_POINTS)
            self.image.data = self._density(found, low, high)
        else:
            self.image.data = dict(NO_IMAGE)
            place = {"beam": list(beams), "km": (found.x - origin) / 1000.0}
            self.points.data = {"x": found.theirs, "y": found.ours, "colour": self._colours(found, shade), **place}
        self.same.data = {"x": [low, high], "y": [low, high]} if len(found) else dict(_LINE)
        slope, line = told.slope.value, np.array([low, high])
        known = np.isfinite(slope) and len(found) > 0
        y = told.mean_ours + slope * (line - told.mean_theirs)
        self.slope.data = {"x": line, "y": y} if known else dict(_LINE)
        self.told.data = {"x": [low], "y": [high], "text": [_words(told)]} if len(found) else dict(_TEXT)

    def mark(self, chosen: Bools | None) -> None:
        """Let chosen pairs stand out; None where nothing is chosen."""
        found = self._pairs
        rows = np.flatnonzero(chosen) if found is not None and chosen is not None else np.zeros(0, np.int64)
        rows = rows[:: max(1, len(rows) // MANY)]
        if found is not None and (len(rows) or len(self.chosen.data["x"])):
            self.chosen.data = {"x": found.theirs[rows], "y": found.ours[rows]}

    def clear(self) -> None:
        """Show none."""
        self._pairs = None
        self.points.data, self.image.data, self.chosen.data = dict(_POINTS), dict(NO_IMAGE), dict(_LINE)
        self.same.data, self.slope.data = dict(_LINE), dict(_LINE)
        self.told.data = dict(_TEXT)

    def _build(self) -> figure:
        plot = figure(
            x_range=self.x, y_range=self.y, tools=[], toolbar_location=None, sizing_mode="stretch_both",
            min_border_left=looks.LEFT, min_border_right=looks.RIGHT, min_border_top=9, name="product-scatter",
        )  # fmt: skip
        self.image = ColumnDataSource(dict(NO_IMAGE), name="scatter-density")
        self.points = ColumnDataSource(dict(_POINTS), name="scatter-points")
        self.chosen = ColumnDataSource(dict(_LINE), name="scatter-chosen")
        self.same, self.slope = ColumnDataSource(dict(_LINE)), ColumnDataSource(dict(_LINE))
        plot.image_rgba("image", "x", "y", "dw", "dh", source=self.image)
        points = looks.draw(plot, "scatter", "x", "y", source=self.points, size=5, fill_color="colour", line_color=None,
                            fill_alpha=0.7)  # fmt: skip
        facts = [
            ("Beam", "@beam"),
            ("Along track", "@km{0,0.00} km"),
            ("Theirs", "@x{0.000} m"),
            ("Ours", "@y{0.000} m"),
        ]
        plot.add_tools(looks.hover(points, facts))
        self._same = looks.draw(plot, "line", "x", "y", source=self.same, line_dash="dashed", line_width=1.3)
        self._slope = looks.draw(plot, "line", "x", "y", source=self.slope, line_width=1.8)
        self._chosen = looks.draw(plot, "scatter", "x", "y", source=self.chosen, size=7, line_width=0.8)
        self.told = ColumnDataSource(dict(_TEXT))
        self._told = looks.draw(plot, "text", "x", "y", "text", source=self.told, x_offset=8, y_offset=8, padding=4,
                                text_font=value(looks.FONT), text_font_size="11px", text_baseline="top",
                                background_fill_alpha=0.8, border_radius=4)  # fmt: skip
        for axis in (*plot.xaxis, *plot.yaxis):
            axis.formatter = NumeralTickFormatter(format="0.0[0]")
        tool = BoxSelectTool(renderers=[], continuous=False)
        plot.add_tools(tool)
        plot.toolbar.active_drag = tool
        plot.on_event(SelectionGeometry, self._selected)
        plot.on_event(Tap, self._tapped)
        return plot

    def _fit(self, found: Pairs) -> tuple[float, float]:
        """Let both axes reach from the least to the greatest value but strays."""
        both = np.concatenate([found.ours, found.theirs]).astype(np.float32)
        low, high = detail.comfortable(both, 0.1)
        for axis in (self.x, self.y):
            axis.update(start=low, end=high)
        return low, high

    def _colours(self, found: Pairs, shade: str) -> list[str]:
        if shade == "type":
            colours = {code: product_looks.type_colour(code, self.theme) for code in (-1, 0, 1, 2, 3)}
            return [colours[code] for code in found.group.tolist()]
        by_class = palette.class_colours(self.theme)
        return [by_class[code] for code in found.label.tolist()]

    def _density(self, found: Pairs, low: float, high: float) -> dict[str, list[Any]]:
        count, _, _ = np.histogram2d(found.ours, found.theirs, _CELLS, [[low, high], [low, high]])
        share = np.log1p(count) / np.log1p(max(float(count.max()), 1.0))
        lut = np.array([palette.rgba(colour) for colour in Viridis256], np.uint32)
        pixels = np.where(count > 0, lut[(share * 255).astype(np.int64)], np.uint32(0)).astype(np.uint32)
        return {"image": [pixels], "x": [low], "y": [low], "dw": [high - low], "dh": [high - low]}

    def _selected(self, event: SelectionGeometry) -> None:
        box = event.geometry
        if event.final and box.get("type") == "rect":
            left, right = sorted((float(box["x0"]), float(box["x1"])))
            bottom, top = sorted((float(box["y0"]), float(box["y1"])))
            self._choose((left, right, bottom, top))

    def _tapped(self, event: Tap) -> None:
        found = self._pairs
        if found is None or len(found) == 0 or event.x is None:
            return
        width, height = looks.size(self.figure, 400, 260)
        across = (found.theirs - event.x) / (float(self.x.end) - float(self.x.start)) * width
        up = (found.ours - event.y) / (float(self.y.end) - float(self.y.start)) * height
        away = np.hypot(across, up)
        row = int(np.argmin(away))
        if away[row] <= _REACH:
            self._open(row)


def in_box(found: Pairs, box: Box) -> Bools:
    """Pairs within a box."""
    left, right, bottom, top = box
    return (found.theirs >= left) & (found.theirs <= right) & (found.ours >= bottom) & (found.ours <= top)


def _words(told: Agreement) -> str:
    parts = [f"n {told.count:,}"]
    for name, one in (("r", told.correlation), ("slope", told.slope)):
        if np.isfinite(one.value):
            parts.append(f"{name} {one.value:.2f}")
    return "   ".join(parts) + "\ndashed 1:1, solid the fitted line"
