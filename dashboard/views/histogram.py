"""How freeboard is distributed: stacked by class, with its mode and mean."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.core.properties import value
from bokeh.models import ColumnDataSource, NumeralTickFormatter, Range1d
from bokeh.plotting import figure

from dashboard import palette
from dashboard.statistics import Distribution, Summary
from dashboard.views import figure as looks

_BARS: dict[str, list[Any]] = {name: [] for name in ("left", "right", "bottom", "top", "colour", "name", "n")}


class Histogram:
    """Freeboard on x, share of segments per 2 cm on y."""

    def __init__(self, theme: str) -> None:
        self.theme = theme
        self.x, self.y = Range1d(-0.1, 1.0), Range1d(0, 10)
        self.figure = self._build()
        self.paint(theme)

    def paint(self, theme: str) -> None:
        self.theme = theme
        looks.paint(self.figure, theme)
        ink = palette.theme(theme)
        self._bars.glyph.line_color = ink["card"]
        self._rules.glyph.line_color = ink["ink"]
        self._words.glyph.text_color = ink["ink"]

    def show(self, found: Distribution, told: Summary) -> None:
        """Draw a distribution with its summary."""
        total = max(int(found.total.sum()), 1)
        data: dict[str, list[Any]] = {name: [] for name in _BARS}
        base = np.zeros(len(found.edges) - 1)
        for code in palette.CLASS_CODES:
            share = 100.0 * found.counts[code] / total
            filled = np.flatnonzero(found.counts[code])
            data["left"].extend(found.edges[filled])
            data["right"].extend(found.edges[filled + 1])
            data["bottom"].extend(base[filled])
            data["top"].extend((base + share)[filled])
            data["colour"].extend([palette.class_colour(code, self.theme)] * len(filled))
            data["name"].extend([palette.class_name(code)] * len(filled))
            data["n"].extend(found.counts[code][filled])
            base = base + share
        self._source.data = data
        highest = float(base.max()) if len(base) else 1.0
        self.x.update(start=float(found.edges[0]), end=float(found.edges[-1]))
        self.y.update(start=0, end=max(highest * 1.28, 1e-3))
        self._show_marks(told, highest)

    def clear(self) -> None:
        """Show none."""
        self._source.data = {name: [] for name in _BARS}
        self._marks.data = {"x": [], "y": [], "text": [], "dash": [], "zero": []}

    def _show_marks(self, told: Summary, highest: float) -> None:
        marks = [] if told.count == 0 else [("mode", told.mode, 1.06), ("mean", told.mean, 1.16)]
        self._marks.data = {
            "x": [at for _, at, _ in marks],
            "y": [highest * up for _, _, up in marks],
            "text": [f"{name} {at:.2f} m" for name, at, _ in marks],
            "dash": ["solid" if name == "mean" else "dashed" for name, _, _ in marks],
            "zero": [0] * len(marks),
        }

    def _build(self) -> figure:
        plot = figure(x_range=self.x, y_range=self.y, tools=[], toolbar_location=None, sizing_mode="stretch_both",
                      min_height=140, min_border_left=46, min_border_right=12, name="histogram")  # fmt: skip
        self._source = ColumnDataSource(dict(_BARS))
        self._marks = ColumnDataSource({"x": [], "y": [], "text": [], "dash": [], "zero": []})
        self._bars = plot.quad(
            "left", "right", "top", "bottom", source=self._source, fill_color="colour", line_width=0.5
        )
        self._rules = plot.segment("x", "zero", "x", "y", source=self._marks, line_width=1.5, line_dash="dash")
        self._words = plot.text("x", "y", "text", source=self._marks, x_offset=5, text_baseline="middle",
                                text_font=value(looks.FONT), text_font_size="11px")  # fmt: skip
        facts = [("Class", "@name"), ("Freeboard", "@left{0.00} to @right{0.00} m"), ("Segments", "@n{0,0}")]
        plot.add_tools(looks.hover(self._bars, facts))
        plot.xaxis.axis_label, plot.yaxis.axis_label = "Freeboard (m)", "Segments (% per 2 cm)"
        plot.xaxis.formatter = NumeralTickFormatter(format="0.0[0]")
        plot.xgrid.visible = False
        return plot
