"""How ours and a product's values are distributed: stepped lines with their modes, all of them and what is chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.core.properties import value
from bokeh.models import ColumnDataSource, NumeralTickFormatter, Range1d
from bokeh.plotting import figure
from numpy.typing import NDArray

from dashboard import palette
from dashboard.views import figure as looks
from dashboard.views import product_looks

BIN = 0.02
_LINE: dict[str, list[Any]] = {"x": [], "y": []}
_BARS: dict[str, list[Any]] = {"left": [], "right": [], "top": []}
_MARKS: dict[str, list[Any]] = {"x": [], "y": [], "zero": [], "text": [], "colour": []}

Values = NDArray[np.float64]


class PairHistogram:
    """Share of segments per bin: ``ours`` and ``theirs`` as lines, what is chosen filled."""

    def __init__(self, theme: str) -> None:
        self.x, self.y = Range1d(-0.1, 1.0), Range1d(0, 10)
        self.sources = {name: ColumnDataSource(dict(_LINE), name=f"histogram-{name}") for name in ("theirs", "ours")}
        self.chosen = {name: ColumnDataSource(dict(_BARS)) for name in ("theirs", "ours")}
        self.marks = ColumnDataSource(dict(_MARKS), name="histogram-marks")
        self.figure = self._build()
        self.paint(theme)

    def paint(self, theme: str) -> None:
        """Follow the theme."""
        self.theme = theme
        looks.paint(self.figure, theme)
        colours = {"ours": product_looks.ours(theme), "theirs": product_looks.theirs(theme)}
        for name, colour in colours.items():
            self._lines[name].glyph.line_color = colour
            self._bars[name].glyph.fill_color = colour
        self._words.glyph.update(background_fill_color=palette.theme(theme)["card"])

    def show(
        self, values: dict[str, Values], modes: dict[str, float], names: dict[str, str], axis: str, width: float = BIN
    ) -> None:
        """Draw ``values`` by ``ours`` and ``theirs`` (f8 m), with their modes or, where there are none, means.

        ``names`` are shown at the marks; ``width`` that of a bin, m.
        """
        self.figure.xaxis.axis_label = axis
        edges = _edges(np.concatenate([np.zeros(0), *values.values()]), width)
        self.figure.yaxis.axis_label = f"Segments (% per {100 * width:g} cm)"
        highest = 0.0
        for name, source in self.sources.items():
            share = _share(values.get(name, np.zeros(0)), edges)
            known = len(values.get(name, ())) > 0
            source.data = {"x": np.repeat(edges, 2), "y": _stepped(share)} if known else dict(_LINE)
            highest = max(highest, float(share.max(initial=0.0)))
        self._edges, self._highest = edges, highest
        self.x.update(start=float(edges[0]), end=float(edges[-1]))
        self.y.update(start=0, end=max(1.3 * highest, 1e-3))
        means = {name: float(np.mean(each)) for name, each in values.items() if len(each)}
        self._mark(modes or means, "mode" if modes else "mean", names, highest)

    def mark(self, chosen: dict[str, Values] | None) -> None:
        """Fill in how chosen values are distributed; None where nothing is chosen."""
        highest = self._highest
        for name, source in self.chosen.items():
            values = chosen.get(name, np.zeros(0)) if chosen else np.zeros(0)
            if len(values) == 0:
                if len(source.data["left"]):
                    source.data = dict(_BARS)
                continue
            share = _share(values, self._edges)
            source.data = {"left": self._edges[:-1], "right": self._edges[1:], "top": share}
            highest = max(highest, float(share.max()))
        self.y.update(start=0, end=max(1.3 * highest, 1e-3))

    def clear(self) -> None:
        """Show none."""
        for source in self.sources.values():
            source.data = dict(_LINE)
        self.mark(None)
        self.marks.data = dict(_MARKS)

    def _build(self) -> figure:
        plot = figure(
            x_range=self.x, y_range=self.y, tools=[], toolbar_location=None, sizing_mode="stretch_both",
            min_border_left=52, min_border_right=looks.RIGHT, min_border_top=9, name="product-histogram",
        )  # fmt: skip
        self._edges, self._highest = np.array([0.0, 1.0]), 1.0
        self._bars = {
            name: looks.draw(plot, "quad", left="left", right="right", bottom=0.0, top="top", source=source,
                             fill_alpha=0.28, line_color=None)
            for name, source in self.chosen.items()
        }  # fmt: skip
        self._lines = {
            name: looks.draw(plot, "line", "x", "y", source=source, line_width=2.0)
            for name, source in self.sources.items()
        }
        looks.draw(plot, "segment", "x", "zero", "x", "y", source=self.marks, line_width=1.2, line_color="colour",
                   line_dash="dashed")  # fmt: skip
        self._words = looks.draw(plot, "text", "x", "y", "text", source=self.marks, text_color="colour", x_offset=5,
                                 text_baseline="middle", text_font=value(looks.FONT), text_font_size="11px",
                                 background_fill_alpha=0.75)  # fmt: skip
        plot.xaxis.formatter = NumeralTickFormatter(format="0.0[0]")
        plot.xgrid.visible = False
        return plot

    def _mark(self, at: dict[str, float], what: str, names: dict[str, str], highest: float) -> None:
        colours = {"ours": product_looks.ours(self.theme), "theirs": product_looks.theirs(self.theme)}
        known = [name for name in ("ours", "theirs") if np.isfinite(at.get(name, np.nan))]
        self.marks.data = {
            "x": [at[name] for name in known],
            "y": [highest * (1.22 - 0.11 * place) for place in range(len(known))],
            "zero": [0.0] * len(known),
            "text": [f"{names[name]}: {what} {at[name]:.2f} m" for name in known],
            "colour": [colours[name] for name in known],
        }


def _edges(values: Values, width: float) -> Values:
    good = values[np.isfinite(values)]
    if len(good) == 0:
        return np.arange(-5.0, 51.0) * width
    low, high = np.percentile(good, (0.3, 99.0))
    return np.asarray(np.arange(np.floor(low / width) - 2, np.ceil(high / width) + 3) * width, np.float64)


def _share(values: Values, edges: Values) -> Values:
    """Percent in each bin; values beyond the ends count but are not shown."""
    good = values[np.isfinite(values)]
    return np.asarray(100.0 * np.histogram(good, edges)[0] / max(len(good), 1), np.float64)


def _stepped(share: Values) -> Values:
    """Heights of a stepped line."""
    return np.asarray(np.concatenate([[0.0], np.repeat(share, 2), [0.0]]), np.float64)
